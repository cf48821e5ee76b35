// test_train.c: gptape train as a user types it: what it leaves in its folder, and every wrong way to ask.

#include "tests/cli/train_test.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// What a run leaves

START_TEST(a_run_writes_the_expected_files)
{
    static const char *const names[] = {"model.safetensors", "config.json", "gptape_tokenizer.json", "training.safetensors", "data.bin",
                                        "log.csv",           "loss.png",    "gradflow.csv",          "gradflow.png"};
    Run run = run_gptape(SMALL " --out run --steps 30");
    assert_quiet(&run);
    assert_has(&run, run.out, "After step 15:");
    assert_has(&run, run.out, "Sample 1 of the trained model:");
    assert_has(&run, run.out, "Cross-entropy loss");
    assert_has(&run, run.out, "untrained");
    assert_has(&run, run.out, "after 30 steps");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "run/%s", names[i]);
        ck_assert_msg(access(path, R_OK) == 0, "%s is not there", path);
    }
    run_free(&run);
    shell_succeeds("[ \"$(head -c 4 run/loss.png | tail -c 3)\" = PNG ] && [ \"$(head -c 4 run/gradflow.png | tail -c 3)\" = PNG ]");
    shell_succeeds("[ \"$(ls -A run | wc -l)\" = 9 ]");
}
END_TEST

// The text is called what its user calls it, and found again from another folder all the same.
START_TEST(a_text_is_shown_as_it_was_named)
{
    Run run = run_gptape("train --config tiny --data ./text.txt --steps 2 --batch 2 --threads 1 --out run");
    assert_succeeded(&run);
    assert_has(&run, run.err, "gptape train: ./text.txt: ");
    run_free(&run);
    run = run_gptape("train --config tiny --data text.txt --n-layer 1 --n-head 1 --steps 1 --batch 1 --threads 1 --out one");
    assert_has(&run, run.err, "gptape train: one: ");
    assert_has(&run, run.err, " parameters, 1 layer, width 32");
    assert_has(&run, run.out, "\nafter 1 step ");
    run_free(&run);
    run = run_shell("mkdir below && cd below && \"$GPTAPE_BIN\" train --resume --out ../run --steps 3 --threads 1");
    assert_succeeded(&run);
    assert_has(&run, run.err, "/text.txt: ");
    run_free(&run);
    refuse("train --config tiny --data missing.txt --steps 2 --out other", 1, "gptape train: missing.txt: can't be read: ");
}
END_TEST

START_TEST(a_lost_log_is_noted)
{
    succeed_quietly(SMALL " --out run --steps 6");
    Run run = run_gptape("train --resume --out run --steps 8 --threads 1");
    ck_assert_ptr_null(strstr(run.err, "rows of"));
    run_free(&run);
    shell_succeeds(": > run/log.csv");
    run = run_gptape("train --resume --out run --steps 10 --threads 1");
    assert_succeeded(&run);
    assert_has(&run, run.err, "gptape train: run/log.csv: has rows of 0 of the 8 steps done so far; it continues with step 9\n");
    run_free(&run);
    shell_succeeds("[ \"$(cut -d, -f1 run/log.csv | tr '\\n' ' ')\" = 'step 9 10 ' ]");
}
END_TEST

START_TEST(the_log_has_a_row_a_step)
{
    succeed_quietly(SMALL " --out run --steps 25");
    FILE *log = fopen("run/log.csv", "r");
    char line[256];
    int steps = 0;
    ck_assert_ptr_nonnull(log);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, log));
    ck_assert_str_eq(line, "step,loss,val_loss,lr,grad_norm,tokens_per_s,ms\n");
    while (fgets(line, sizeof line, log) != NULL) {
        int step;
        double loss;
        char rest[200];
        ck_assert_int_eq(sscanf(line, "%d,%lf,%199s", &step, &loss, rest), 3);
        steps++;
        ck_assert_int_eq(step, steps);
        ck_assert(isfinite(loss) && loss > 0);
        bool evaluated = step % 10 == 0 || step == 25;
        ck_assert_msg((rest[0] != ',') == evaluated, "val_loss: %s", line);
    }
    ck_assert_int_eq(steps, 25);
    fclose(log);
}
END_TEST

// What was trained speaks, and is measured, like any saved model.
START_TEST(other_commands_read_what_it_learned)
{
    succeed_quietly(SMALL " --out run --steps 20");
    Run eval = run_gptape("eval --model run --data text.txt --quiet --json");
    assert_succeeded(&eval);
    run_free(&eval);
    Run text = run_gptape("generate --model run --prompt '12 green' --tokens 10 --quiet");
    assert_succeeded(&text);
    run_free(&text);
}
END_TEST

// The loss of one batch, as the log has it; a step later it is another.
START_TEST(a_fixed_batch_gives_a_loss_a_step)
{
    Run run = run_gptape("train --config tiny --ids '1,2,3;4,5,6' --targets '2,3,4;5,6,7' --steps 12 --out run --json --quiet");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    Run last = run_shell("tail -n 1 run/log.csv | cut -d, -f2");
    ck_assert_msg(fabs(json_number(json, "loss") - strtod(last.out, NULL)) < 1e-8, "%s, not %s", run.out, last.out);
    Run first = run_shell("sed -n 2p run/log.csv | cut -d, -f2");
    ck_assert_double_lt(json_number(json, "loss"), strtod(first.out, NULL));
    Run eval = run_gptape("gradflow --net gpt --config tiny --ids '1,2,3;4,5,6' --targets '2,3,4;5,6,7' --shortcut on --json --quiet");
    char *found = strstr(eval.out, "\"loss\"");
    ck_assert_msg(found != NULL, "%s", eval.out);
    double loss = strtod(found + strlen("\"loss\":"), NULL);
    ck_assert_msg(fabs(loss - strtod(first.out, NULL)) < 1e-6, "gradflow's loss is %.9g, the first step's %s", loss, first.out);
    cJSON_Delete(json);
    run_free(&run);
    run_free(&last);
    run_free(&first);
    run_free(&eval);
}
END_TEST

// A few steps are not enough for stories, but both shares are there, and what is counted is counted.
START_TEST(stories_are_the_default_in_a_new_folder_each_time)
{
    Run run = run_gptape("train --config tiny --steps 3 --eval-batches 1 --threads 1 --json --quiet");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    const cJSON *before = cJSON_GetObjectItemCaseSensitive(json, "stories_before");
    const cJSON *after = cJSON_GetObjectItemCaseSensitive(json, "stories");
    ck_assert_double_gt(json_number(before, "sentences"), 0);
    ck_assert_double_eq(json_number(before, "share"), 0);
    ck_assert_double_ge(json_number(after, "sentences"), json_number(after, "well_formed"));
    ck_assert_double_gt(json_number(json, "val_loss_before"), json_number(json, "val_loss"));
    ck_assert_str_eq(cJSON_GetObjectItemCaseSensitive(json, "out")->valuestring, "runs/1");
    cJSON_Delete(json);
    run_free(&run);
    succeed_quietly("train --config tiny --steps 2 --eval-batches 1 --threads 1 --quiet");
    succeed_quietly("train --resume --steps 4 --threads 1 --quiet");
    shell_succeeds("[ \"$(wc -l < runs/1/log.csv)\" = 4 ] && [ \"$(wc -l < runs/2/log.csv)\" = 5 ]");
}
END_TEST

START_TEST(the_same_seed_gives_the_same_run)
{
    succeed_quietly(SMALL " --out a --steps 12");
    succeed_quietly(SMALL " --out b --steps 12 --gradflow-every 0 --recompute on");
    succeed_quietly(SMALL " --out c --steps 12 --seed 7");
    shell_succeeds("cmp a/model.safetensors b/model.safetensors && ! cmp -s a/model.safetensors c/model.safetensors");
}
END_TEST

START_TEST(without_shortcuts_the_gradients_say_so)
{
    succeed_quietly(SMALL " --out run --steps 8 --shortcut off");
    shell_succeeds("grep -q '^0,off,pre,gelu,7,' run/gradflow.csv && ! grep -q ',skip_grad,' run/gradflow.csv");
    shell_succeeds("grep -q shortcut run/config.json");
}
END_TEST

// A model that has learned is where the next one begins.
START_TEST(a_saved_model_is_tuned_on)
{
    succeed_quietly(SMALL " --out first --steps 40");
    Run run = run_gptape("train --model first --data text.txt --out second --steps 10 --batch 2 --eval-batches 2 --threads 1 --json --quiet");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    Run learned = run_shell("tail -n 1 first/log.csv | cut -d, -f3");
    ck_assert_msg(fabs(json_number(json, "val_loss_before") - strtod(learned.out, NULL)) < 1e-5, "%s begins at %g", learned.out,
                  json_number(json, "val_loss_before"));
    cJSON_Delete(json);
    run_free(&learned);
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Wrong input

static const Wrong wrongs[] = {
    {"--data none.txt", 1, "none.txt: can't be read"},
    {"--data empty.txt", 1, "empty.txt: "},
    {"--data short.txt", 1, "short.txt: is too short"},
    {"--data short.txt --config gpt2-1558m --tokenizer bytes --batch 65536", 1, "training: needs "}, // before anything is read
    {"--data binary", 1, "binary: "},
    {"--data .", 1, "is a folder"},
    {"--steps 0", 2, "--steps: '0' is not an integer between 1 and 2147483647"},
    {"--steps x", 2, "--steps: 'x' is not an integer between 1 and 2147483647"},
    {"--lr -1", 2, "--lr: '-1' is not a number between 0 and 1000"},
    {"--lr 1e-4 --min-lr 1e-3", 2, "--min-lr: 0.001 exceeds lr 0.0001, from which it decays"},
    {"--beta2 1", 2, "--beta2: '1' is not a number between 0 and 0.999999"},
    {"--length 65", 2, "--length: 65 exceeds the context length 64"},
    {"--batch 2000000000", 2, "--batch: 2000000000 times length 64 and accumulate 1 exceeds 2147483647 tokens"},
    {"--batch 20000000", 1, "training: needs "},
    {"--ids 1,2", 2, "--targets: missing; --ids and --targets go together"},
    {"--ids 1,2 --targets 2", 2, "--targets: 1 x 1 tokens, but --ids has 1 x 2"},
    {"--ids 1,2 --targets 2,900", 2, "--targets: '900' is not an integer between -1 and 64"},
    {"--ids 1,2 --targets 2,3 --accumulate 2", 2, "--accumulate: 2 does not divide the 1 row of --ids"},
    {"--ids 1,2 --targets 2,3 --batch 2", 2, "--batch: '2' differs from --ids (expected 1)"},
    {"--ids 1,2 --targets 2,3 --length 4", 2, "--length: '4' differs from --ids (expected 2)"},
    {"--ids 1,2 --targets 2,3 --data text.txt", 2, "--data: for a text, but --ids gives every step's batch; leave one out"},
    {"--ids 1,2 --targets 2,3 --config tiny --context-length 1", 2, "--ids: rows of 2 tokens exceed the context length 1"},
    {"--task sort", 2, "--task: 'sort' is unknown (expected copy, shift:K or modular:K with K up to 65535)"},
    {"--task copy --data text.txt", 2, "--data: --task draws the batch; leave one out"},
    {"--task copy --ids 1,2 --targets 2,3", 2, "--ids: --task draws the batch; leave one out"},
    {"--task copy --tokenizer bytes", 2, "--tokenizer: --task draws the batch; leave one out"},
    {"--task copy --sample-every 5", 2, "--sample-every: --task draws the batch; leave one out"},
    {"--task shift:64 --length 64", 2, "--task: shift:64 needs rows of at least 65 tokens, but they have 64"},
    {"--task modular:97 --vocab-size 97", 2, "--task: modular:97 needs a vocabulary of at least 98 tokens, but the model has 97"},
    {"--data text.txt --vocab-size 5", 2, "--vocab-size: 5 is too small for the tokenizer's 31 tokens"},
    {"--data text.txt --tokenizer morse", 2, "--tokenizer: 'morse' is unknown (expected gpt2, bytes or chars)"},
    {"--model none", 1, "none: no such folder"},
    {"--model none --n-layer 3", 2, "--n-layer: for an untrained model; --model none has its own, leave one out"},
    {"--out text.txt", 1, "text.txt: is a file"},
    {"--out run", 1, "run: holds another run (expected --resume, or another --out)"},
    {"--out model", 1, "model: has a file config.json, which would be overwritten"},
    {"--out /proc/none/run", 1, "/proc/none"},
    {"--resume --out empty", 1, "empty: no run to resume (expected --out FOLDER)"},
    {"--resume --out nowhere", 1, "nowhere: no run to resume (expected --out FOLDER)"},
    {"--resume", 1, "runs/1: no run to resume (expected --out FOLDER)"},
    {"--resume --out broken", 1, "broken/training.safetensors: "},
    {"--data text.txt --gradflow-every 5 --recompute on", 2,
     "--recompute: stores nothing inside a block, where --gradflow-every 5 measures; leave one out"},
    {"--data text.txt frobnicate", 2, "'frobnicate': unexpected; train takes options only, see 'gptape train --help'"},
};

START_TEST(invalid_input_is_a_one_line_error)
{
    char arguments[256];
    succeed_quietly(SMALL " --out run --steps 2");
    shell_succeeds(": > empty.txt; printf 'Too short.' > short.txt; head -c 3000 /dev/urandom > binary; mkdir empty model broken; "
                   "echo '{}' > model/config.json; head -c 5000 run/training.safetensors > broken/training.safetensors; "
                   "rm -f a.log; find . -type f | sort | xargs cksum > before");
    snprintf(arguments, sizeof arguments, "train %s --quiet", wrongs[_i].arguments);
    Run run = run_gptape(arguments);
    assert_one_line_error(&run, wrongs[_i].status, wrongs[_i].part);
    ck_assert_str_eq(run.out, "");
    run_free(&run);
    shell_succeeds("find . -type f ! -name before | sort | xargs cksum > after; grep -v '/before$' before > was; "
                   "grep -v -e '/after$' -e '/was$' after > is; diff was is");
    shell_succeeds("! [ -e runs/1 ]");
}
END_TEST

// Two runs in one folder would spoil each other's.
START_TEST(a_folder_has_one_run_at_a_time)
{
    Run run = run_shell("\"$GPTAPE_BIN\" train --config tiny --data text.txt --steps 100000 --batch 2 --threads 1 --out run > out 2> err & p=$!; "
                        "while ! [ -s run/log.csv ] || [ $(wc -l < run/log.csv) -lt 3 ]; do sleep 0.02; done; "
                        "\"$GPTAPE_BIN\" train --out run --resume --threads 1 --quiet; echo $?; kill -9 $p; wait $p 2> /dev/null");
    ck_assert_int_eq(atoi(run.out), 1);
    assert_has(&run, run.err, "run: another run is writing to it");
    run_free(&run);
}
END_TEST

// What was learned is there, and a note says what is not.
START_TEST(without_gnuplot_there_is_no_picture)
{
    Run run = run_shell("\"$(command -v env)\" PATH=/nowhere \"$GPTAPE_BIN\" train --config tiny --data text.txt --steps 3 --batch 2 --threads 1 "
                        "--out run");
    assert_succeeded(&run);
    assert_has(&run, run.err, "no plot: gnuplot is not installed");
    assert_has(&run, run.err, "step 0: validation loss ");
    assert_has(&run, run.out, "after 3 steps");
    run_free(&run);
    shell_succeeds("[ -s run/model.safetensors ] && ! [ -e run/loss.png ]");
}
END_TEST

// Scripts see it, also with --quiet; what was learned is there.
START_TEST(a_plot_that_cannot_be_written_fails_the_command)
{
    shell_succeeds("\"$GPTAPE_BIN\" train --config tiny --data text.txt --steps 1 --batch 2 --threads 1 --out run && rm run/loss.png && "
                   "mkdir run/loss.png");
    refuse("train --resume --out run --steps 2 --threads 1 --quiet", 1, "no plot: run/loss.png: can't be written: Is a directory");
    shell_succeeds("tail -1 run/log.csv | grep -q '^2,'");
}
END_TEST

// The steps before it are what explains it.
START_TEST(a_run_that_diverges_has_a_picture)
{
    refuse(
        "train --n-layer 1 --n-embd 8 --n-head 1 --data text.txt --steps 60 --batch 2 --length 8 --warmup 1 --lr 1000 --threads 1 --quiet --out run",
        1, ": the loss is ");
    shell_succeeds("[ -s run/loss.png ] && [ $(wc -l < run/log.csv) -gt 1 ]");
}
END_TEST

// A run that could not even begin leaves nothing.
START_TEST(a_disk_that_is_full_from_the_start_is_reported)
{
    assert_fails("ulimit -f 200; exec \"$GPTAPE_BIN\" train --config tiny --data text.txt --steps 3 --batch 2 --threads 1 --quiet", 1,
                 "runs/1/training.safetensors: can't be written: ");
    shell_succeeds("! [ -e runs/1 ]");
}
END_TEST

START_TEST(a_loss_that_explodes_is_reported)
{
    Run run = run_gptape("train --config tiny --data text.txt --steps 200 --batch 2 --lr 1000 --min-lr 1000 --warmup 0 --clip 0 --norm none "
                         "--out run --threads 1 --quiet --save-every 1");
    assert_one_line_error(&run, 1, "training stops with the weights of the step before");
    assert_has(&run, run.err, "run has the checkpoint of step ");
    run_free(&run);
    shell_succeeds("! grep -qi nan run/log.csv");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli/train");
    TCase *tests = case_create(suite, "runs");
    tcase_add_checked_fixture(tests, enter, folder_leave);
    tcase_add_test(tests, a_plot_that_cannot_be_written_fails_the_command);
    tcase_add_test(tests, a_run_that_diverges_has_a_picture);
    tcase_add_test(tests, a_run_writes_the_expected_files);
    tcase_add_test(tests, a_text_is_shown_as_it_was_named);
    tcase_add_test(tests, a_lost_log_is_noted);
    tcase_add_test(tests, the_log_has_a_row_a_step);
    tcase_add_test(tests, other_commands_read_what_it_learned);
    tcase_add_test(tests, a_fixed_batch_gives_a_loss_a_step);
    tcase_add_test(tests, stories_are_the_default_in_a_new_folder_each_time);
    tcase_add_test(tests, the_same_seed_gives_the_same_run);
    tcase_add_test(tests, without_shortcuts_the_gradients_say_so);
    tcase_add_test(tests, a_saved_model_is_tuned_on);
    tcase_add_loop_test(tests, invalid_input_is_a_one_line_error, 0, sizeof wrongs / sizeof wrongs[0]);
    tcase_add_test(tests, a_folder_has_one_run_at_a_time);
    tcase_add_test(tests, without_gnuplot_there_is_no_picture);
    tcase_add_test(tests, a_disk_that_is_full_from_the_start_is_reported);
    tcase_add_test(tests, a_loss_that_explodes_is_reported);
    return suite_run(suite);
}
