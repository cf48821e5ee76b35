// test_resume.c: gptape train goes on after Ctrl-C, kill -9 and a full disk, bit for bit.

#include "tests/cli/train_test.h"

#include <stdlib.h>

// Everything a run has learned, needs to resume, and measured, except the times.
static void assert_same_run(const char *a, const char *b)
{
    char command[1024];
    snprintf(command, sizeof command,
             "cmp %s/model.safetensors %s/model.safetensors && cmp %s/training.safetensors %s/training.safetensors && "
             "cmp %s/gradflow.csv %s/gradflow.csv && cut -d, -f1-5 %s/log.csv > a.log && cut -d, -f1-5 %s/log.csv > b.log && "
             "cmp a.log b.log",
             a, b, a, b, a, b, a, b);
    shell_succeeds(command);
}

// ------------------------------------------------------------------------------------------------------------
// Going on

// Killed at any moment, repeatedly: restarted if there was no checkpoint yet, otherwise resumed.
START_TEST(kill_9_at_any_moment_loses_nothing)
{
    static const char script[] =
        "go() { more=; [ ! -e run/training.safetensors ] || more=--resume; "
        "sh -c 'echo $$ > pid; exec \"$GPTAPE_BIN\" " SMALL " --out run --steps 60 '$more; }; "
        "for t in 0.03 0.07 0.11 0.2 0.05 0.16 0.3; do rm -f pid; go > out 2> err & p=$!; sleep $t; while [ ! -s pid ]; do :; done; "
        "kill -9 $(cat pid); wait $p; cat err; "
        "done; go > out 2>&1 || { cat out; exit 1; }";
    succeed_quietly(SMALL " --out whole --steps 60");
    Run run = run_shell(script);
    ck_assert_msg(run.status == 0, "%d: %s%s", run.status, run.out, run.err);
    run_free(&run);
    assert_same_run("whole", "run");
}
END_TEST

// Killed between the last checkpoint and the model that is saved after it.
START_TEST(the_model_is_that_of_the_checkpoint)
{
    succeed_quietly(SMALL " --out run --steps 6");
    shell_succeeds("cp run/model.safetensors older");
    succeed_quietly("train --out run --resume --steps 8 --threads 1 --quiet");
    shell_succeeds("cp run/model.safetensors newer && ! cmp -s older newer && cp older run/model.safetensors");
    succeed_quietly("train --out run --resume --threads 1 --quiet");
    shell_succeeds("cmp run/model.safetensors newer");
}
END_TEST

START_TEST(a_signal_finishes_the_step_saves_and_prints_how_to_resume)
{
    static const char *const signals[] = {"INT", "TERM"};
    char command[1024];
    snprintf(command, sizeof command,
             "\"$GPTAPE_BIN\" train --config tiny --data text.txt --steps 100000 --batch 2 --threads 1 --out run > out 2> err & p=$!; "
             "while ! [ -s run/log.csv ] || [ $(wc -l < run/log.csv) -lt 20 ]; do sleep 0.02; done; "
             "kill -%s $p; wait $p; echo $?",
             signals[_i]);
    Run run = run_shell(command);
    ck_assert_int_eq(atoi(run.out), _i == 0 ? 130 : 143);
    run_free(&run);
    Run said = run_shell("tail -n 1 err");
    assert_has(&said, said.out, "of 100000; resume with: gptape train --out run --resume");
    int step = 0;
    ck_assert_int_eq(sscanf(strstr(said.out, "after step"), "after step %d", &step), 1);
    run_free(&said);
    Run logged = run_shell("tail -n 1 run/log.csv");
    ck_assert_int_eq(atoi(logged.out), step);
    run_free(&logged);
    snprintf(command, sizeof command, "train --out run --resume --steps %d --threads 1 --quiet", step + 3);
    succeed_quietly(command);
    snprintf(command, sizeof command, "[ \"$(wc -l < run/log.csv)\" = %d ]", step + 4);
    shell_succeeds(command);
}
END_TEST

// On a full disk the checkpoint is unchanged, and the run resumes from it.
START_TEST(a_full_disk_is_reported_and_keeps_the_checkpoint)
{
    succeed_quietly(SMALL " --out whole --steps 20 --decay-steps 20 --warmup 2");
    succeed_quietly(SMALL " --out run --steps 10 --decay-steps 20 --warmup 2");
    shell_succeeds("cp run/training.safetensors kept");
    Run run = run_shell("ulimit -f 200; exec \"$GPTAPE_BIN\" train --out run --resume --steps 20 --threads 1 --quiet");
    assert_one_line_error(&run, 1, "run/training.safetensors: can't be written: ");
    assert_has(&run, run.err, "run has the checkpoint of step 10");
    run_free(&run);
    shell_succeeds("cmp run/training.safetensors kept");
    succeed_quietly("train --out run --resume --steps 20 --threads 1 --quiet");
    // The text of steps is in the file; all else is as if there had been no stop.
    shell_succeeds("cmp whole/model.safetensors run/model.safetensors && cmp whole/training.safetensors run/training.safetensors");
}
END_TEST

START_TEST(resume_accepts_the_same_options_again)
{
    succeed_quietly(SMALL " --out run --steps 6");
    succeed_quietly(SMALL " --out run --steps 8 --resume");
    succeed_quietly("train --out run --resume --seed 123 --tokenizer chars --threads 1 --quiet");
    shell_succeeds("mv text.txt moved.txt");
    succeed_quietly("train --out run --resume --data moved.txt --steps 9 --threads 1 --quiet");
#define BY_IDS "train --config tiny --ids '1,2,3;4,5,6' --targets '2,3,4;5,6,7' --out fixed --threads 1 --quiet"
    succeed_quietly(BY_IDS " --steps 2");
    succeed_quietly(BY_IDS " --steps 4 --resume --batch 2 --length 3");
    refuse(BY_IDS " --steps 4 --resume --batch 3", 2, "--batch: the run started with 2, which cannot change; leave it out");
}
END_TEST

static const Wrong contradictions[] = {
    {"--lr 0.5", 2, "--lr: the run started with 0.003, which cannot change; leave it out"},
    {"--batch 3", 2, "--batch: the run started with 2, which cannot change; leave it out"},
    {"--warmup 1", 2, "--warmup: the run started with 0, which cannot change"},
    {"--steps 2", 2, "--steps: 2 is less than the 6 steps done so far"},
    {"--seed 1", 2, "--seed: the run started with 123, which cannot change"},
    {"--n-layer 3", 2, "--n-layer: the run started with 2, which cannot change"},
    {"--config char", 2, "--config: char has a different context-length from the run's 32; leave it out"},
    {"--shortcut off", 2, "--shortcut: the run started with on, which cannot change"},
    {"--tokenizer bytes", 2, "--tokenizer: the run started with another tokenizer"},
    {"--model run", 2, "--model: the run did not start from this model"},
    {"--ids 1,2 --targets 2,3", 2, "--ids: the run trains on other data"},
    {"--task copy", 2, "--task: the run trains on other data, which cannot change; leave it out"},
    {"--data other.txt", 1, "other.txt: has changed since this run began"},
    {"--data none.txt", 1, "none.txt: can't be read"},
};

START_TEST(contradictions_are_refused)
{
    char arguments[256];
    succeed_quietly(SMALL " --out run --steps 6");
    shell_succeeds("tac text.txt > other.txt; cp -r run kept");
    for (size_t i = 0; i < sizeof contradictions / sizeof contradictions[0]; i++) {
        snprintf(arguments, sizeof arguments, "train --out run --resume %s", contradictions[i].arguments);
        Run run = run_gptape(arguments);
        assert_one_line_error(&run, contradictions[i].status, contradictions[i].part);
        ck_assert_str_eq(run.out, "");
        run_free(&run);
    }
    shell_succeeds("rm run/data.bin kept/data.bin; diff -r run kept");
}
END_TEST

// A run of a task resumed once equals the run without interruption; evaluation uses the task too, and the plot shows the loss of a uniform guess.
START_TEST(a_task_is_trained_resumed_and_evaluated)
{
#define TASK "train --config tiny --task shift:1 --length 16 --batch 4 --decay-steps 6 --warmup 2 --eval-every 2 --eval-batches 2 --threads 1 "
    succeed_quietly(TASK "--steps 6 --out whole --quiet");
    succeed_quietly(TASK "--steps 3 --out parts --quiet");
    succeed_quietly("train --resume --out parts --task shift:1 --steps 6 --threads 1 --quiet");
    shell_succeeds("cmp whole/model.safetensors parts/model.safetensors");
    shell_succeeds("cut -d, -f1,2,4,5 whole/log.csv > a; cut -d, -f1,2,4,5 parts/log.csv > b; cmp a b");
    Run run = run_gptape("train --resume --out parts --task shift:2");
    assert_one_line_error(&run, 2, "--task: the run started with shift:1, which cannot change; leave it out");
    run_free(&run);
    run = run_gptape("train --resume --out parts --json");
    assert_has(&run, run.out, "\"task\":\t\"shift:1\"");
    assert_has(&run, run.out, "\"guess_loss\":\t4.15888308");
    assert_has(&run, run.out, "\"val_loss\":");
    run_free(&run);
    run = run_gptape("eval --model whole --task shift:1 --length 16");
    assert_has(&run, run.out, "guessing    4.15888308");
    run_free(&run);
    run = run_gptape("gradflow --model whole --task shift:1 --length 16 --runs runs.csv");
    assert_has(&run, run.out, "Each step draws a batch of the task shift:1; guessing has the loss 4.1589");
    run_free(&run);
    shell_succeeds("grep -q ',gpt,pre,on,pre,,,,on,shift:1,4,16,' runs.csv");
#undef TASK
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli/resume");
    TCase *tests = case_create(suite, "runs");
    tcase_add_checked_fixture(tests, enter, folder_leave);
    tcase_add_test(tests, kill_9_at_any_moment_loses_nothing);
    tcase_add_test(tests, the_model_is_that_of_the_checkpoint);
    tcase_add_loop_test(tests, a_signal_finishes_the_step_saves_and_prints_how_to_resume, 0, 2);
    tcase_add_test(tests, a_full_disk_is_reported_and_keeps_the_checkpoint);
    tcase_add_test(tests, resume_accepts_the_same_options_again);
    tcase_add_test(tests, contradictions_are_refused);
    tcase_add_test(tests, a_task_is_trained_resumed_and_evaluated);
    return suite_run(suite);
}
