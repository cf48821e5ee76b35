// test_ranks.c: gptape under mpirun, as a user types it: the bits do not depend on the number of ranks, a rank that dies or is interrupted leaves
// a run that can be resumed, and ranks that do not fit together end with one line. Each test runs in an empty folder with a small text in
// text.txt. GPTAPE_KILLS is the number of ranks that are killed, 3 if it is not set.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL \
    "train --config tiny --data text.txt --batch 2 --dropout 0.1 --eval-every 10 --eval-batches 2 --gradflow-every 7 " \
    "--save-every 6 --quiet"

static void write_text(const char *name, const char *color)
{
    FILE *file = fopen(name, "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 300; i++) {
        fprintf(file, "%d %s bottles hanging on the wall, and if one %s bottle should accidentally fall\n", 300 - i, color, color);
    }
    ck_assert_int_eq(fclose(file), 0);
}

static void enter(void)
{
    folder_enter();
    write_text("text.txt", "green");
}

static void shell_well(const char *command)
{
    Run run = run_shell(command);
    ck_assert_msg(run.status == 0, "%s: %d: %s%s", command, run.status, run.out, run.err);
    run_free(&run);
}

// More than one rank for a core is the rule here.
#define MPIRUN "mpirun.openmpi --oversubscribe"
#define RANKS(n) MPIRUN " -n " #n " \"$GPTAPE_BIN\" "

// Everything a run has computed; the log without times.
static void assert_same_run(const char *a, const char *b)
{
    char command[1024];
    snprintf(command, sizeof command,
             "cmp %s/model.safetensors %s/model.safetensors && cmp %s/training.safetensors %s/training.safetensors && "
             "cmp %s/gradflow.csv %s/gradflow.csv && cut -d, -f1-5 %s/log.csv > a.log && cut -d, -f1-5 %s/log.csv > b.log && "
             "cmp a.log b.log",
             a, b, a, b, a, b, a, b);
    shell_well(command);
}

// The lines of stderr that are gptape's; mpirun adds its own to every failure.
static int own_lines(const char *err)
{
    int n = 0;
    for (const char *at = strstr(err, "gptape"); at != NULL; at = strstr(at + 1, "\ngptape")) {
        bool starts = at == err || *at == '\n' || at[-1] == '\n';
        n += starts;
    }
    return n;
}

static void assert_ends_with(const char *command, const char *part)
{
    Run run = run_shell(command);
    ck_assert_msg(run.status != 0, "%s: succeeded", command);
    assert_has(&run, run.err, part);
    ck_assert_msg(own_lines(run.err) == 1, "%s: not one line: %s", command, run.err);
    run_free(&run);
}

// ------------------------------------------------------------------------------------------------------------
// The same bits

START_TEST(any_number_of_ranks_gives_the_same_bits)
{
    if (have_mpi(__func__)) {
        shell_well("\"$GPTAPE_BIN\" " SMALL " --accumulate 6 --reduce exact --steps 20 --out one");
        shell_well(RANKS(2) SMALL " --accumulate 3 --steps 20 --out two");
        shell_well(RANKS(3) SMALL " --accumulate 2 --steps 20 --out three");
        shell_well(RANKS(6) SMALL " --steps 20 --out six");
        assert_same_run("one", "two");
        assert_same_run("one", "three");
        assert_same_run("one", "six");
    }
}
END_TEST

START_TEST(another_number_of_ranks_resumes_a_run)
{
    if (have_mpi(__func__)) {
        shell_well("\"$GPTAPE_BIN\" " SMALL " --accumulate 6 --reduce exact --steps 9 --decay-steps 20 --out one");
        shell_well("\"$GPTAPE_BIN\" train --quiet --out one --resume --steps 20");
        shell_well(RANKS(3) SMALL " --accumulate 2 --steps 9 --decay-steps 20 --out other");
        shell_well(RANKS(2) "train --quiet --out other --resume --accumulate 3 --steps 10");
        shell_well("\"$GPTAPE_BIN\" train --quiet --out other --resume --steps 20");
        assert_same_run("one", "other");
        assert_ends_with(RANKS(4) "train --quiet --out other --resume --steps 30", "4 ranks can't share the 6 batches of a step");
    }
}
END_TEST

// The sum in another order: equal up to rounding. One float of the loss is off by at most 2^-24 of it in a step, and 20 steps of AdamW, which
// divides by the root of small squares, were measured to carry that to less than 1e-5.
START_TEST(the_fast_sum_is_the_same_up_to_rounding)
{
    if (have_mpi(__func__)) {
        shell_well("\"$GPTAPE_BIN\" " SMALL " --accumulate 6 --reduce exact --steps 20 --out exact");
        shell_well(RANKS(3) SMALL " --accumulate 2 --reduce fast --steps 20 --out fast");
        shell_well(RANKS(2) SMALL " --accumulate 3 --reduce fast --recompute on --gradflow-every 0 --steps 20 --out recomputed");
        for (int k = 0; k < 2; k++) {
            Run run = run_shell(k == 0 ? "paste -d, exact/log.csv fast/log.csv | tail -n +2"
                                       : "paste -d, exact/log.csv recomputed/log.csv | tail -n +2");
            int rows = 0;
            for (char *line = strtok(run.out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
                double exact;
                double fast;
                ck_assert_int_eq(sscanf(line, "%*d,%lf,%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%*d,%lf", &exact, &fast) == 2
                                     || sscanf(line, "%*d,%lf,,%*[^,],%*[^,],%*[^,],%*[^,],%*d,%lf", &exact, &fast) == 2,
                                 1);
                ck_assert_double_eq_tol(fast, exact, 1e-4);
                rows++;
            }
            ck_assert_int_eq(rows, 20);
            run_free(&run);
        }
    }
}
END_TEST

START_TEST(a_fixed_batch_is_shared)
{
    if (have_mpi(__func__)) {
#define FIXED "train --config tiny --ids '1,2,3;4,5,6;7,8,9' --targets '2,3,4;5,6,7;8,9,1' --steps 5 --quiet --gradflow-every 2"
        shell_well("\"$GPTAPE_BIN\" " FIXED " --accumulate 3 --reduce exact --out one");
        shell_well(RANKS(3) FIXED " --out three");
        assert_same_run("one", "three");
        assert_ends_with(RANKS(4) FIXED " --out four", "--accumulate: 1 on each of 4 ranks does not divide the 3 rows of --ids");
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Failures

START_TEST(a_killed_rank_leaves_a_run_to_resume)
{
    const char *kills = getenv("GPTAPE_KILLS");
    char command[1500];
    if (!have_mpi(__func__)) {
        return;
    }
    shell_well("\"$GPTAPE_BIN\" " SMALL " --accumulate 2 --reduce exact --steps 60 --out whole");
    // Each time kills one of two ranks after a few tenths of a second; prints the number of gptape's error lines. The run may have ended already.
    snprintf(command, sizeof command,
             "for i in $(seq %s); do "
             "  if [ -e run/training.safetensors ]; then set -- --resume --quiet --out run; else set -- %s --steps 60 --out run; shift; fi; "
             "  " MPIRUN " -n 2 \"$GPTAPE_BIN\" train \"$@\" > /dev/null 2> err & launcher=$!; "
             "  sleep $(awk -v i=$i -v seed=$$ 'BEGIN {srand(seed + i); print 0.2 + 2 * rand()}'); "
             "  victim=$(pgrep -P $launcher | sed -n \"$((1 + i %% 2))p\"); [ -z \"$victim\" ] || kill -9 $victim; wait $launcher; "
             "  echo \"$? $(grep -c '^gptape.*has ended' err)\"; "
             "done",
             kills == NULL ? "3" : kills, SMALL);
    Run run = run_shell(command);
    for (char *line = strtok(run.out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        int status;
        int lines;
        ck_assert_int_eq(sscanf(line, "%d %d", &status, &lines), 2);
        ck_assert_msg(status == 0 || lines <= 1, "%s", line);
    }
    run_free(&run);
    shell_well("[ -e run/training.safetensors ] || exit 0; " RANKS(2) "train --resume --quiet --out run");
    shell_well("[ -e run/training.safetensors ] || " RANKS(2) SMALL " --steps 60 --out run");
    assert_same_run("whole", "run");
}
END_TEST

static int steps_until(const char *signal)
{
    char command[1024];
    snprintf(command, sizeof command,
             "rm -rf run; export OMPI_MCA_odls_base_sigkill_timeout=4; " MPIRUN " -n 2 \"$GPTAPE_BIN\" " SMALL
             " --save-every 0 --steps 8000 --out run > out 2> err & launcher=$!; "
             "until [ \"$(wc -l < run/log.csv)\" -gt 3 ]; do sleep 0.1; done 2> /dev/null; kill -%s $launcher; wait $launcher; "
             "tail -n 1 run/log.csv | cut -d, -f1",
             signal);
    Run run = run_shell(command);
    int step = atoi(run.out);
    ck_assert_msg(step > 2 && step < 8000, "%s: interrupted after step %d", signal, step);
    run_free(&run);
    return step;
}

// After Ctrl-C, mpirun waits for this many seconds, sends SIGTERM, waits again, and kills. SIGUSR1 is only forwarded.
START_TEST(an_interrupted_run_is_saved)
{
    static const char *const signals[] = {"INT", "USR1"};
    for (size_t i = 0; have_mpi(__func__) && i < sizeof signals / sizeof signals[0]; i++) {
        int step = steps_until(signals[i]);
        char command[1024];
        snprintf(command, sizeof command, RANKS(2) "train --quiet --out run --resume --steps %d", step + 2);
        shell_well(command);
        snprintf(command, sizeof command,
                 "rm -rf whole; \"$GPTAPE_BIN\" " SMALL " --save-every 0 --accumulate 2 --reduce exact --steps %d "
                 "--decay-steps 8000 --warmup 100 --out whole",
                 step + 2);
        shell_well(command);
        shell_well("for f in run whole; do cut -d, -f1-2,4-5 $f/log.csv > $f.log; done; cmp run.log whole.log");
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Ranks that do not fit together

START_TEST(ranks_that_differ_end_with_one_line)
{
    if (!have_mpi(__func__)) {
        return;
    }
    write_text("other.txt", "brown");
#define PAIR(first, second) MPIRUN " -n 1 " first " : -n 1 " second
#define OURS "\"$GPTAPE_BIN\" " SMALL " --steps 3 --out run"
    assert_ends_with(PAIR(OURS, "\"$GPTAPE_BIN\" " SMALL " --data other.txt --steps 3 --out run"),
                     "rank 1 has a different text or ids from rank 0's (expected the same data on every machine)");
    assert_ends_with(PAIR(OURS, OURS " --seed 5"), "rank 1 has different settings from rank 0's (expected the same options, also the same seed)");
    assert_ends_with(PAIR(OURS, OURS " --lr 0.5"), "rank 1 has different settings from rank 0's (expected the same options, also the same seed)");
    assert_ends_with(
        PAIR("env -u GPTAPE_KERNELS " OURS, "env GPTAPE_KERNELS=plain " OURS),
        "rank 1 has different kernels from rank 0's (expected the same kind of processor, and the same --precision and GPTAPE_KERNELS)");
    assert_ends_with(PAIR(OURS, OURS " --batch x"), "rank 1: --batch: 'x' is not an integer");
    shell_well(
        "mkdir build && cp \"$GPTAPE_BIN\" build/gptape && cp \"$(dirname \"$GPTAPE_BIN\")\"/libgptape-openmpi.so build && echo >> build/gptape");
    assert_ends_with(PAIR(OURS, "build/gptape " SMALL " --steps 3 --out run"),
                     "rank 1 has a different program from rank 0's (expected the same build on every machine)");
    shell_well("mkdir elsewhere && cp text.txt elsewhere");
    assert_ends_with(PAIR(OURS, "--wdir elsewhere " OURS), "expected a folder that all ranks share");
    shell_well("[ ! -e run ]");
}
END_TEST

START_TEST(usage_errors_are_reported_once)
{
    if (!have_mpi(__func__)) {
        return;
    }
    assert_ends_with(RANKS(3) SMALL " --steps 0 --out run", "--steps: '0' is not an integer");
    assert_ends_with(RANKS(2) SMALL " --steps 3 --reduce plain --out run", "--reduce: plain is for one rank");
    assert_ends_with(RANKS(2) "train --resume --out nowhere", "nowhere: no run to resume");
    shell_well("mkdir -p alone/bin && cp \"$GPTAPE_BIN\" alone/bin/gptape");
    assert_ends_with(MPIRUN " -n 2 alone/bin/gptape " SMALL " --steps 3 --out run", "launched as 2 ranks, but this build has no Open MPI");
    shell_well("echo x > libgptape-openmpi.so"); // not ours: loading it would be an error of its own
    assert_ends_with("LD_LIBRARY_PATH=.: OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=1 alone/bin/gptape " SMALL " --out run",
                     "when it was built)\n");
    // A rank's number set by hand: there is no rank 0 that reports it.
    assert_ends_with("PMI_SIZE=2 PMI_RANK=1 alone/bin/gptape " SMALL " --out run", "launched as 2 ranks, but this build has no MPICH");
    assert_ends_with("OMPI_COMM_WORLD_SIZE=2 PMIX_RANK=1 alone/bin/gptape " SMALL " --out run",
                     "launched as 2 ranks, but this build has no Open MPI");
    shell_well(MPIRUN " -n 1 alone/bin/gptape " SMALL " --steps 3 --out run"); // one rank needs none
}
END_TEST

// A rank may find its standard streams closed.
START_TEST(closed_streams_are_handled)
{
    if (have_mpi(__func__)) {
        assert_ends_with(MPIRUN " -n 2 sh -c 'exec \"$GPTAPE_BIN\" " SMALL " --steps 6 --out run <&- >&-'",
                         "stdout: not everything could be written");
        shell_well(RANKS(2) SMALL " --steps 6 --out open");
        assert_same_run("run", "open");
    }
}
END_TEST

START_TEST(the_first_line_tells_ranks_and_threads)
{
    if (have_mpi(__func__)) {
        Run run = run_shell(MPIRUN
                            " -n 2 --bind-to none taskset -c 0 \"$GPTAPE_BIN\" train --config tiny --data text.txt --batch 2 --steps 2 --out run");
        ck_assert_int_eq(run.status, 0);
        ck_assert_msg(strncmp(run.err, "gptape train: 2 ranks, 2 of them on this machine, with 1 thread each", 60) == 0, "%s", run.err);
        run_free(&run);
    }
}
END_TEST

// Two ranks, and for each of them bars of what it computes and of every transfer.
START_TEST(a_timeline_shows_what_each_rank_does)
{
    if (have_mpi(__func__)) {
        shell_well(RANKS(2) SMALL " --reduce fast --steps 3 --out run --timeline timeline.gp");
        shell_well("grep -q '\"rank 0\" 1.5, \"rank 1\" 0.5' timeline.gp");
        Run run = run_shell(
            "awk '/^\\$bars_/ {kind = $1} /^[0-9]/ {n[kind]++; if ($3 > $4) exit 1} END {print n[\"$bars_0\"], n[\"$bars_1\"], n[\"$bars_4\"]}' "
            "timeline.gp");
        int forward;
        int backward;
        int transfers;
        ck_assert_msg(sscanf(run.out, "%d %d %d", &forward, &backward, &transfers) == 3, "%s%s", run.out, run.err);
        ck_assert_int_eq(forward, 2);
        ck_assert_int_eq(backward, 2);
        ck_assert_int_ge(transfers, 2);
        run_free(&run);
    }
}
END_TEST

START_TEST(bench_compares_ranks_with_one)
{
    if (have_mpi(__func__)) {
        Run run = run_shell(RANKS(2) "bench --case step-char --seconds 0 --json --quiet");
        ck_assert_msg(run.status == 0, "%s", run.err);
        cJSON *json = run_json(&run);
        ck_assert_double_eq(json_number(json, "ranks"), 2);
        double ms = json_number(json, "cases/step-char/ms");
        ck_assert_double_gt(ms, 0);
        ck_assert_double_eq_tol(json_number(json, "cases/step-char/tokens_per_s") * ms, 1000 * 12 * 64, 1);
        ck_assert_double_eq_tol(json_number(json, "cases/step-char/faster_than_one_rank") * ms, json_number(json, "cases/step-char/ms_one_rank"),
                                1e-5 * ms);
        double share = json_number(json, "cases/step-char/communication");
        ck_assert(share > 0 && share < 1);
        cJSON_Delete(json);
        run_free(&run);
        run = run_shell(RANKS(2) "bench --case sweep --seconds 0 --json --quiet");
        ck_assert_msg(run.status == 0, "%s", run.err);
        json = run_json(&run);
        ms = json_number(json, "cases/sweep-100/ms");
        ck_assert_double_eq_tol(json_number(json, "cases/sweep-100/faster_than_one_rank") * ms, json_number(json, "cases/sweep-100/ms_one_rank"),
                                1e-5 * ms);
        cJSON_Delete(json);
        run_free(&run);
        assert_ends_with("\"$GPTAPE_BIN\" bench --case step-char,sweep --quiet",
                         "--case: sweep-100 needs several ranks (expected mpirun -n N gptape bench)");
        assert_ends_with(RANKS(2) "bench --case tape --quiet", "--case: several ranks can run only training steps and sweeps, not tape-1000");
        assert_ends_with(RANKS(5) "bench --case step-char --quiet", "step-char: 5 ranks can't share 12 rows");
    }
}
END_TEST

START_TEST(the_lesson_holds_on_several_ranks)
{
    if (have_mpi(__func__)) {
        Run run = run_shell(MPIRUN " -n 3 \"${GPTAPE_EXAMPLES:-build/examples}\"/data_parallel");
        ck_assert_msg(run.status == 0, "%s", run.err);
        assert_has(&run, run.out, "rank 1 of 3, |gradient| of row  1: ");
        assert_has(&run, run.out, "-> The sum on 3 rank(s) has the same bits as that of one process");
        run_free(&run);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ranks");
    TCase *tcase = case_create(suite, "ranks");
    tcase_add_checked_fixture(tcase, enter, folder_leave);
    tcase_set_timeout(tcase, 1800);
    tcase_add_test(tcase, any_number_of_ranks_gives_the_same_bits);
    tcase_add_test(tcase, another_number_of_ranks_resumes_a_run);
    tcase_add_test(tcase, the_fast_sum_is_the_same_up_to_rounding);
    tcase_add_test(tcase, a_fixed_batch_is_shared);
    tcase_add_test(tcase, a_killed_rank_leaves_a_run_to_resume);
    tcase_add_test(tcase, an_interrupted_run_is_saved);
    tcase_add_test(tcase, ranks_that_differ_end_with_one_line);
    tcase_add_test(tcase, usage_errors_are_reported_once);
    tcase_add_test(tcase, closed_streams_are_handled);
    tcase_add_test(tcase, the_first_line_tells_ranks_and_threads);
    tcase_add_test(tcase, a_timeline_shows_what_each_rank_does);
    tcase_add_test(tcase, bench_compares_ranks_with_one);
    tcase_add_test(tcase, the_lesson_holds_on_several_ranks);
    return suite_run(suite);
}
