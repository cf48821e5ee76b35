// test_files.c: files, folders and streams that are not as they should be. Each test runs in an empty folder with text.txt, a small text, and
// gptape as a command; each fault ends in one line, or changes nothing.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRAIN "gptape train --config tiny --data text.txt --eval-batches 1 --batch 2 --length 16 --threads 1 --quiet "

static void enter(void)
{
    folder_enter();
    make_command();
    Run run = run_shell("for i in 1 2 3 4 5 6 7 8 9; do echo 'The dog and the cat sat on the mat, and the mat was red.'; done > text.txt");
    assert_succeeded(&run);
    run_free(&run);
}

// ------------------------------------------------------------------------------------------------------------
// Opening

typedef struct Fault {
    const char *command;
    const char *line; // part of the one line on stderr
    int status;
} Fault;

// A FIFO would hang and a sparse file fill the memory: the time and the memory are limited, so that both fail here.
static const Fault odd_files[] = {
    {"mkfifo f; gptape eval --config tiny --data f", "f: is a device, a pipe or a socket (expected a file)", 1},
    {"gptape eval --config tiny --data /dev/zero", "/dev/zero: is a device, a pipe or a socket (expected a file)", 1},
    {"gptape eval --config tiny --data .", ".: is a folder (expected a file)", 1},
    {TRAIN "--steps 1 --out r > /dev/null; rm r/config.json; mkfifo r/config.json; gptape eval --model r",
     "r/config.json: is a device, a pipe or a socket (expected a file)", 1},
    {TRAIN "--steps 1 --out r > /dev/null; truncate -s 20G r/config.json; gptape eval --model r",
     "r/config.json: has 20.00 GiB (expected at most 16.00 MiB)", 1},
    {TRAIN "--steps 1 --out r > /dev/null; truncate -s 20G r/gptape_tokenizer.json; gptape eval --model r --data text.txt",
     "r/gptape_tokenizer.json: has 20.00 GiB (expected at most 16.00 MiB)", 1},
    {TRAIN "--steps 1 --out r > /dev/null; truncate -s 20G r/log.csv; gptape train --out r --resume --steps 2 --quiet --threads 1",
     "r/log.csv: has 20.00 GiB (expected at most 1.00 GiB)", 1},
    {TRAIN "--steps 1 --out r > /dev/null; rm r/log.csv; mkfifo r/log.csv; gptape train --out r --resume --steps 2 --quiet --threads 1",
     "r/log.csv: ", 1},
    {TRAIN "--steps 1 --out r > /dev/null; rm r/model.safetensors; mkfifo r/model.safetensors; gptape eval --model r",
     "r/model.safetensors: is a device, a pipe or a socket (expected a file)", 1},
    {"mkfifo a; gptape tokenize --tokenizer chars --alphabet a < text.txt", "a: is a device, a pipe or a socket (expected a file)", 1},
    {"mkdir v; mkfifo v/vocab.bpe v/encoder.json; gptape tokenize --vocab v < text.txt",
     "v/encoder.json: is a device, a pipe or a socket (expected a file)", 1},
};

START_TEST(a_file_of_another_kind_or_size)
{
    char command[512];
    snprintf(command, sizeof command, "%salias gptape='timeout 60 gptape'; %s", memory_is_watched() ? "" : "ulimit -v 4000000; ",
             odd_files[_i].command);
    assert_fails(command, odd_files[_i].status, odd_files[_i].line);
}
END_TEST

// data.bin was mapped once, and a file that got shorter then ended the program with a signal.
START_TEST(tokens_that_are_truncated_while_they_are_used)
{
    assert_fails(TRAIN
                 "--steps 1000000 --out r > /dev/null & p=$!; while ! [ -s r/log.csv ] || [ $(wc -l < r/log.csv) -lt 3 ]; do sleep 0.02; done; "
                 "truncate -s 70 r/data.bin; wait $p",
                 1, "r/data.bin: was truncated while it was in use");
    assert_prints("n=$(wc -l < r/log.csv); gptape train --out r --resume --threads 1 --steps $n --quiet > /dev/null && tail -1 r/log.csv | "
                  "grep -c \"^$n,\"", // the checkpoint is there
                  "1\n");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Tables of a run

#define RUN TRAIN "--steps 6 --gradflow-every 2 --out r > /dev/null; "
#define RESUME "gptape train --resume --out r --threads 1 --steps 7 --quiet "

static const Fault tables[] = {
    {RUN "sed -i 's/^3,/1e99,/' r/log.csv; " RESUME, "r/log.csv: line 4 is not a row of this log", 1},
    {RUN "sed -i 's/^3,/2,/' r/log.csv; " RESUME, "r/log.csv: line 4 is not a row of this log", 1},
    {RUN "sed -i 's/^3,/x,/' r/log.csv; " RESUME, "r/log.csv: line 4 is not a row of this log", 1},
    {RUN "sed -i 's/^step/Step/' r/log.csv; " RESUME, "r/log.csv: does not begin with step,loss", 1},
};

START_TEST(a_table_that_is_damaged)
{
    Run run = run_shell(tables[_i].command);
    ck_assert_int_eq(run.status, tables[_i].status);
    assert_has(&run, run.err, tables[_i].line);
    run_free(&run);
}
END_TEST

// A repeated step, which once overflowed the heap: the picture is not drawn, and the run continues.
START_TEST(a_step_that_is_measured_twice)
{
    assert_prints(RUN "head -1 r/gradflow.csv > x; for s in 0 2 0 2 4; do grep -m3 \",$s,-1,wte.weight,weight_grad\" r/gradflow.csv; done >> x; "
                      "mv x r/gradflow.csv; gptape train --resume --out r --threads 1 --steps 7 2>&1 > /dev/null | "
                      "grep -c 'no plot: r/gradflow.csv: line 4 is not a measurement of this run'; wc -l < r/log.csv",
                  "1\n8\n");
}
END_TEST

// A kill while a row was written leaves a part of it: it is cut off when the run is resumed.
START_TEST(a_torn_row_is_repaired)
{
    assert_prints(RUN "cp r/log.csv whole; printf '7,3.5' >> r/log.csv; " RESUME
                      "> /dev/null; head -7 r/log.csv | cmp - whole && wc -l < r/log.csv",
                  "8\n");
}
END_TEST

// The disk is full (a limit of the file's size): the row that does not fit is not there in part.
START_TEST(a_row_that_cannot_be_written)
{
    Run run = run_shell("(ulimit -f 64; " TRAIN "--n-layer 1 --n-embd 4 --n-head 1 --context-length 16 --steps 100000 --save-every 0 --out r "
                        "> /dev/null 2> err); tail -c 1 r/log.csv | od -An -c; "
                        "tail -1 r/log.csv | tr -cd , | wc -c; cat err");
    assert_succeeded(&run);
    ck_assert_msg(strncmp(run.out, "  \\n\n6\ngptape train: r/log.csv: can't be written: File too large", 60) == 0, "%s", run.out);
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// One writer

// The first has the lock; the second says so in one line and changes nothing.
START_TEST(two_trainers_in_one_folder)
{
    assert_prints(TRAIN "--steps 100000 --out r > /dev/null 2> first & p=$!; while ! [ -s r/training.safetensors ]; do sleep 0.01; done; "
                        "md5sum r/training.safetensors r/config.json > before; " TRAIN "--steps 5 --seed 9 --out r 2>&1; "
                        "gptape train --resume --out r --quiet 2>&1; md5sum --quiet -c before; kill -9 $p; wait $p; true",
                  "gptape train: r: another run is writing to it; wait until it ends, or use another folder\n"
                  "gptape train: r: another run is writing to it; wait until it ends, or use another folder\n");
}
END_TEST

// Started at once, ten times: one of the two trains, and the folder is the winner's alone.
START_TEST(two_trainers_started_at_once)
{
    assert_prints(
        "for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf r; "
        "(" TRAIN "--steps 2 --seed 1 --out r > /dev/null 2> a; echo $? > sa) & (" TRAIN
        "--steps 2 --seed 2 --out r > /dev/null 2> b; echo $? > sb) & "
        "wait; won=$(( ($(cat sa) == 0) + 2 * ($(cat sb) == 0) )); seed=$(strings r/training.safetensors | grep -o '\"seed\":\"[0-9]*\"' | tr -cd 0-9); "
        "[ $won = $seed ] && [ $(wc -l < r/log.csv) = 3 ] && [ $(cat a b | wc -l) = 1 ] || echo won $won seed $seed $(cat a b); done",
        "");
}
END_TEST

// Open files have no names under /proc then, so that a file without a name could not get one. Needs a namespace of one's own.
START_TEST(saving_works_without_proc)
{
    if (memory_is_watched()) {
        skip(__func__, "a sanitizer or valgrind itself needs /proc");
        return;
    }
    Run run = run_shell("unshare -rm true 2> /dev/null || exit 77; unshare -rm sh -c 'mount -t tmpfs none /proc; " TRAIN
                        "--steps 2 --out r > /dev/null && "
                        "gptape train --resume --out r --threads 1 --steps 3 --quiet > /dev/null; ls -A r | grep -c gptape-; wc -l < r/log.csv'");
    if (run.status != 77) {
        ck_assert_str_eq(run.out, "0\n4\n");
    }
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Inputs are not outputs

static const Fault overlaps[] = {
    {"gptape gradflow --net gpt --config tiny --data text.txt --csv text.txt --quiet", "--csv: 'text.txt' is --data's file, too", 2},
    {"ln text.txt hard; gptape gradflow --net gpt --config tiny --data text.txt --csv hard --quiet", "--csv: 'hard' is --data's file, too", 2},
    {"ln -s text.txt l.png; gptape gradflow --net gpt --config tiny --data text.txt --plot l.png --quiet", "--plot: 'l.png' is --data's file, too",
     2},
    {"mkdir a; ln -s ../text.txt a/t; gptape gradflow --net gpt --config tiny --data a/t --csv ./text.txt --quiet",
     "--csv: './text.txt' is --data's file, too", 2},
    {"gptape gradflow --csv a.png --plot ./a.png --quiet", "--plot: './a.png' is --csv's file, too", 2},
    {"mv text.txt t.svg; gptape graph --net gpt --config tiny --data t.svg --out t.svg", "--out: 't.svg' is --data's file, too", 2},
    {"mkdir v; mv text.txt v/vocab.json; gptape train --data v/vocab.json --out v --quiet", "--out: 'v' is --data's file, too", 2},
    {TRAIN "--steps 1 --out m > /dev/null; ln m/model.safetensors w.csv; gptape gradflow --model m --data text.txt --csv w.csv --quiet",
     "--csv: 'w.csv' is --model's folder or in it, too", 2},
    {TRAIN "--steps 1 --out m > /dev/null; gptape train --model m --data text.txt --out m --quiet", "--out: 'm' is --model's folder or in it, too",
     2},
    {"mkdir m; ln -s ../text.txt m/gradflow-stream.png; " TRAIN "--steps 1 --gradflow-every 1 --probe stream --out m",
     "--out: 'm' is --data's file, too", 2},
    {TRAIN "--steps 1 --out m > /dev/null; ln -sf ../text.txt m/loss.png; gptape train --resume --out m --steps 2 --quiet",
     "--out: 'm' is --data's file, too", 2},
    {TRAIN "--steps 1 --out m > /dev/null; ln -s text.txt l.png; gptape train --resume --out m --steps 2 --quiet --timeline l.png",
     "--timeline: 'l.png' is --data's file, too", 2},
    {TRAIN "--steps 1 --timeline runs/1/loss.png", "--timeline: 'runs/1/loss.png' is --out's folder or in it, too", 2},
    {TRAIN "--steps 1 --out m > /dev/null; gptape train --resume --out m --steps 2 --quiet --timeline m/loss.png",
     "--timeline: 'm/loss.png' is --out's folder or in it, too", 2},
    {TRAIN "--steps 1 --out new --timeline new/loss.png", "--timeline: 'new/loss.png' is --out's folder or in it, too", 2},
    {"cp text.txt t.png; gptape sweep --vary data=t.png,text.txt --net gpt --config tiny --seeds 1 --plot t.png --quiet",
     "--plot: 't.png' is --data's file, too", 2},
    {TRAIN "--steps 1 --out m > /dev/null; ln -s m/model.safetensors w.png; gptape sweep --vary model=m --data text.txt --plot w.png --quiet",
     "--plot: 'w.png' is --model's folder or in it, too", 2},
    {"gptape eval --config tiny --data text.txt --quiet >> text.txt", "--data: 'text.txt' is also where stdout goes", 2},
    {TRAIN "--steps 1 --out m > /dev/null; ln -f text.txt m/log.csv; gptape info --model m >> m/log.csv",
     "--model: 'm' is also where stdout goes (expected another folder)", 2},
    {"gptape tokenize --tokenizer bytes < text.txt >> text.txt", "stdin: stdout goes to the same file (expected another file)", 1},
    {"gptape stories --check < text.txt 1<> text.txt", "stdin: stdout goes to the same file (expected another file)", 1},
};

START_TEST(an_output_that_is_an_input)
{
    Run before = run_shell("cp text.txt copy");
    run_free(&before);
    assert_fails(overlaps[_i].command, overlaps[_i].status, overlaps[_i].line);
    assert_prints("for f in text.txt t.png t.svg v/vocab.json; do ! [ -e $f ] || cmp $f copy; done", "");
}
END_TEST

// A message would damage the file that stderr is appended to, so it goes to stdout, and nowhere if that is appended, too.
START_TEST(stderr_that_is_an_input_or_an_output)
{
#define STDERR_IS(file) file "' is also where stderr goes (expected another file)\n"
    static const char *const expected[][2] = {
        {TRAIN "--steps 1 --out r --data text.txt 2>> text.txt", "gptape train: --data: '" STDERR_IS("text.txt")},
        {"gptape eval --config tiny --data text.txt >> text.txt 2>&1", ""},
        {"gptape tokenize --tokenizer bytes < text.txt 2>> text.txt",
         "gptape tokenize: stdin: stderr goes to the same file (expected another file)\n"},
        {"gptape gradflow --csv a 2>> a", "gptape gradflow: --csv: '" STDERR_IS("a")},
        {"gptape gradflow 2>> gradflow.png", "gptape gradflow: --plot: '" STDERR_IS("gradflow.png")},
        {"gptape sweep --vary depth=2 --seeds 1 --csv a.csv --quiet > /dev/null; gptape sweep --vary depth=3 --csv a.csv 2>> a-runs.csv",
         "gptape sweep: --csv: '" STDERR_IS("a-runs.csv")},
        {"gptape sweep --merge text.txt --runs b 2>> text.txt", "gptape sweep: '" STDERR_IS("text.txt")},
        {TRAIN "--steps 1 > /dev/null; gptape train --resume --steps 2 2>> runs/1/log.csv",
         "gptape train: --out: 'runs/1' is also where stderr goes (expected another folder)\n"},
        {"GPTAPE_DATA=v; export GPTAPE_DATA; mkdir v; gptape tokenize < text.txt 2>> v/vocab.bpe",
         "gptape tokenize: --vocab: 'v' is also where stderr goes (expected another folder)\n"},
    };
    char command[1024];
    char output[512];
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        snprintf(command, sizeof command,
                 "[ -e copy ] || cp text.txt copy; %s; cmp text.txt copy; [ $(cat a-runs.csv runs/1/log.csv a v/vocab.bpe 2> /dev/null | "
                 "grep -c gptape) = 0 ] && echo same",
                 expected[i][0]);
        snprintf(output, sizeof output, "%ssame\n", expected[i][1]);
        assert_prints(command, output);
    }
}
END_TEST

// What a command writes beside the file that it is given.
START_TEST(outputs_with_names_of_their_own)
{
    assert_fails("cp text.txt a-tiny.csv; gptape gradflow --net gpt --configs tiny --data a-tiny.csv --csv a.csv --quiet", 2,
                 "--csv: 'a-tiny.csv' is --data's file, too");
    assert_fails("mv text.txt a-steps.svg; gptape gradflow --net gpt --config tiny --steps 1 --data a-steps.svg --plot a.svg --quiet", 2,
                 "--plot: 'a-steps.svg' is --data's file, too");
    assert_fails("gptape gradflow --probe paths --csv a-paths.gp --plot a.gp --quiet", 2, "--plot: 'a-paths.gp' is --csv's file, too");
}
END_TEST

START_TEST(outputs_beside_inputs_are_fine)
{
    assert_prints(TRAIN
                  "--steps 1 --out m > /dev/null; gptape gradflow --model m --data text.txt --csv m/flow.csv --plot m/flow.png --quiet > m/out; "
                  "gptape gradflow --model m --data text.txt --csv m/flow.csv --quiet > m/out; wc -l < m/flow.csv | tr -d 0-9",
                  "\n");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Streams and names

// What a closed stream's number would have gone to: log.csv.
START_TEST(closed_streams_damage_nothing)
{
    static const char *const streams[] = {"<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&-", "<&- 2>&-", "<&- >&- 2>&-"};
    char command[1024];
    snprintf(
        command, sizeof command,
        "%s--steps 6 --sample-every 2 --gradflow-every 2 --out ref > /dev/null 2>&1; (%s--steps 6 --sample-every 2 --gradflow-every 2 "
        "--out r %s) > /dev/null 2>&1; for f in training.safetensors model.safetensors data.bin gradflow.csv config.json; do cmp r/$f ref/$f; done; "
        "cut -d, -f1-5 ref/log.csv > a; cut -d, -f1-5 r/log.csv | cmp - a",
        TRAIN, TRAIN, streams[_i]);
    assert_prints(command, "");
}
END_TEST

// A folder whose name is not UTF-8: it can be resumed, with a text of such a name, and JSON about it is UTF-8.
START_TEST(names_that_are_not_utf8)
{
    assert_prints(
        "d=$(printf 'r\\377n'); t=$(printf 't\\377xt'); mv text.txt \"$t\"; "
        "gptape train --config tiny --data \"$t\" --eval-batches 1 --batch 2 --length 16 --threads 1 --quiet --steps 2 --out \"$d\" > /dev/null && "
        "cd / && gptape train --resume --out \"$OLDPWD/$d\" --steps 3 --threads 1 --quiet --json > \"$OLDPWD/json\"; cd \"$OLDPWD\"; "
        "iconv -f utf8 -t utf8 json | grep -c 'r.*\\\\\\\\xffn\"'",
        "1\n");
}
END_TEST

// On a terminal nothing of a text, a name or a token reaches the terminal as a control character; in a pipe decoding gives the bytes back.
START_TEST(a_terminal_is_not_steered)
{
    assert_prints(
        "printf '\\033[31mred\\007 \\342\\200\\256x\\377\\n' > t; script -qc 'gptape tokenize --tokenizer bytes < t | gptape tokenize --tokenizer bytes --decode' "
        "/dev/null | tr -d '\\r'; gptape tokenize --tokenizer bytes < t | gptape tokenize --tokenizer bytes --decode | cmp - t",
        "\\x1b[31mred\\a \\u202ex\\xff\n");
    assert_prints("d=$(printf 'r\\033[2J'); " TRAIN
                  "--steps 1 --out \"$d\" > /dev/null; script -qc \"gptape train --resume --out '$d' --steps 2 --quiet --threads 1 "
                  "--sample-every 1; gptape info --model '$d'; gptape eval --model '$d'; gptape eval --model '$d/x'\" /dev/null | "
                  "tr -d '\\r' | LC_ALL=C grep -c \"$(printf '\\033')\"; true",
                  "0\n");
}
END_TEST

// Before the weights, which a limit would allow, are made.
START_TEST(a_limit_of_the_address_space_is_known)
{
    if (memory_is_watched()) {
        skip(__func__, "a sanitizer or valgrind itself needs all addresses");
        return;
    }
    assert_fails("ulimit -v 2000000; " TRAIN "--n-layer 3000 --n-embd 64 --out r", 1, "training: needs ");
    assert_prints("ulimit -v 2000000; " TRAIN "--steps 1 --out r > /dev/null; ls r/log.csv", "r/log.csv\n");
}
END_TEST

// The plain result or one line: the stack, too, may need what is refused.
START_TEST(limits_of_the_address_space_end_in_one_line)
{
    if (memory_is_watched()) {
        skip(__func__, "a sanitizer or valgrind itself needs all addresses");
        return;
    }
    assert_fails("ulimit -v 56000; gptape gradflow --net gpt --steps 1 --quiet", 1,
                 "training needs all weights in memory, but there is not enough");
    assert_prints("for v in $(seq 44000 200 60000); do (ulimit -v $v; exec gptape version > out 2> err); s=$?; [ $s -lt 128 ] || echo $v: $s; done",
                  "");
    assert_prints("g='gptape graph --config tiny --n-layer 1 --quiet'; $g > whole; for v in $(seq 60000 500 80000); do "
                  "(ulimit -v $v; exec $g > out 2> err); s=$?; [ $s = 0 ] && cmp -s out whole || [ $s = 1 -a $(wc -l < err) = 1 ] || "
                  "[ $s = 127 ] || echo $v: $s; done",
                  "");
}
END_TEST

// Each message is one write, so that lines of programs that share stderr do not mix.
START_TEST(messages_are_whole_lines)
{
    if (HAVE_ASAN) {
        skip(__func__, "the leak sanitizer does not work under strace");
        return;
    }
    Run run = run_shell("command -v strace > /dev/null || exit 77; strace -qs 200 -e trace=write -o log gptape eval --data missing 2> /dev/null; "
                        "grep -c '^write(2, \"gptape eval: missing: .*directory.n\"' log; grep -c '^write(2' log");
    if (run.status != 77) {
        ck_assert_str_eq(run.out, "1\n1\n");
    }
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli/files");
    TCase *tcase = case_create(suite, "files");
    tcase_add_checked_fixture(tcase, enter, folder_leave);
    tcase_add_loop_test(tcase, a_file_of_another_kind_or_size, 0, sizeof odd_files / sizeof odd_files[0]);
    tcase_add_test(tcase, tokens_that_are_truncated_while_they_are_used);
    tcase_add_loop_test(tcase, a_table_that_is_damaged, 0, sizeof tables / sizeof tables[0]);
    tcase_add_test(tcase, a_step_that_is_measured_twice);
    tcase_add_test(tcase, a_torn_row_is_repaired);
    tcase_add_test(tcase, a_row_that_cannot_be_written);
    tcase_add_test(tcase, two_trainers_in_one_folder);
    tcase_add_test(tcase, two_trainers_started_at_once);
    tcase_add_test(tcase, saving_works_without_proc);
    tcase_add_loop_test(tcase, an_output_that_is_an_input, 0, sizeof overlaps / sizeof overlaps[0]);
    tcase_add_test(tcase, stderr_that_is_an_input_or_an_output);
    tcase_add_test(tcase, outputs_with_names_of_their_own);
    tcase_add_test(tcase, outputs_beside_inputs_are_fine);
    tcase_add_loop_test(tcase, closed_streams_damage_nothing, 0, 7);
    tcase_add_test(tcase, names_that_are_not_utf8);
    tcase_add_test(tcase, a_terminal_is_not_steered);
    tcase_add_test(tcase, a_limit_of_the_address_space_is_known);
    tcase_add_test(tcase, limits_of_the_address_space_end_in_one_line);
    tcase_add_test(tcase, messages_are_whole_lines);
    return suite_run(suite);
}
