// test_gradflow_files.c: gptape gradflow's files and pictures, and every wrong way to ask.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <stdio.h>

// ------------------------------------------------------------------------------------------------------------
// Files

START_TEST(pictures_are_written_whole)
{
    static const struct {
        const char *name;
        const char *begins;
    } formats[] = {{"p.png", "\x89PNG"}, {"p.svg", "<?xml"}, {"p.pdf", "%PDF"}, {"p.gp", "#"}};
    char arguments[128];
    char start[8] = "";
    snprintf(arguments, sizeof arguments, "gradflow --depth 6 --seeds 3 --plot %s", formats[_i].name);
    Run run = run_gptape(arguments);
    assert_succeeded(&run);
    FILE *file = fopen(formats[_i].name, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_gt(fread(start, 1, strlen(formats[_i].begins), file), 0);
    fclose(file);
    ck_assert_mem_eq(start, formats[_i].begins, strlen(formats[_i].begins));
    run_free(&run);
}
END_TEST

START_TEST(a_training_run_draws_two_pictures)
{
    Run run = run_gptape("gradflow --depth 5 --steps 4 --seeds 2 --plot 'a b.png' --csv flow.csv");
    assert_succeeded(&run);
    assert_folder_holds("a b-steps.png a b.png flow.csv ");
    run_free(&run);
}
END_TEST

START_TEST(without_gnuplot_the_table_is_shown_and_the_rest_refused)
{
    Run run = run_shell("PATH=/nonexistent \"$GPTAPE_BIN\" gradflow --depth 5 --plot p.png");
    ck_assert_int_eq(run.status, 1);
    assert_has(&run, run.out, "\n4 ");
    assert_has(&run, run.out, "decades a layer");
    assert_has(&run, run.err, "gnuplot");
    ck_assert_int_eq(text_lines(run.err), 1);
    assert_folder_holds("");
    run_free(&run);
}
END_TEST

START_TEST(a_full_disk_leaves_no_part_of_a_table)
{
    refuse("gradflow --depth 5 --csv - > /dev/full", 1, "stdout");
}
END_TEST

// A device is written to, never replaced; here a fifo is used as one. A link stays a link.
START_TEST(only_files_are_replaced)
{
    Run pipe = run_shell("mkfifo p.csv && (cat p.csv > got &) && \"$GPTAPE_BIN\" gradflow --depth 3 --csv p.csv && test -p p.csv");
    assert_succeeded(&pipe);
    run_free(&pipe);
    Run link = run_shell("touch real.csv && ln -s real.csv link.csv && \"$GPTAPE_BIN\" gradflow --depth 3 --csv link.csv && "
                         "test -L link.csv && grep -q layers.2 real.csv");
    assert_succeeded(&link);
    run_free(&link);
}
END_TEST

START_TEST(a_full_device_is_reported_and_kept)
{
    Run run = run_gptape("gradflow --depth 3 --csv /dev/full");
    assert_one_line_error(&run, 1, "/dev/full");
    run_free(&run);
    run = run_shell("test -c /dev/full");
    assert_quiet(&run);
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Wrong ways to ask

static const struct {
    const char *arguments;
    int status;
    const char *part;
} mistakes[] = {
    {"--depth 0", 2, "is not an integer between 1 and"},
    {"--depth -3", 2, "is not an integer between 1 and"},
    {"--depth 12x", 2, "is not an integer between 1 and 100000"},
    {"--depth 1e99", 2, "is not an integer between 1 and 100000"},
    {"--width 0", 2, "is not an integer between 1 and"},
    {"--depth 5 --sizes 3,3,1", 2, "--sizes"},
    {"--sizes 3", 2, "two"},
    {"--sizes 3,,1", 2, "''"},
    {"--sizes 3,0,1", 2, "'0'"},
    {"--sizes ''", 2, "''"},
    {"--input 1,0", 2, "2 values"},
    {"--input 1,nan,0", 2, "'nan'"},
    {"--target 1,2", 2, "2 values"},
    {"--net tree", 2, "mlp or gpt"},
    {"--shortcut maybe", 2, "both"},
    {"--seeds 0", 2, "is not an integer between 1 and"},
    {"--steps -1", 2, "--steps: '-1' is not an integer between 0 and 1000000"},
    {"--steps 1 --lr fast", 2, "not a number"},
    {"--depths 5,0", 2, "'0'"},
    {"--seed x", 2, "--seed"},
    {"--activation step", 2, "gelu"},
    {"--init zero", 2, "torch"},
    {"--n-layer 3", 2, "--net gpt"},
    {"--ids 1,2 --targets 2,3", 2, "--net gpt"},
    {"--net gpt --depth 3", 2, "--net mlp"},
    {"--net gpt --n-embd 30 --n-head 4", 2, "multiple"},
    {"--net gpt --ids 1,2", 2, "--targets"},
    {"--net gpt --ids '1,2;3' --targets '1,2;3'", 2, "--ids: rows of different lengths (expected rows like 1,2,3;4,5,6)"},
    {"--net gpt --ids 1,2 --targets 1,2,3", 2, "1 x 3"},
    {"--net gpt --ids 1,256 --targets 1,2", 2, "'256'"},
    {"--net gpt --ids 1,-1 --targets 1,2", 2, "'-1'"},
    {"--net gpt --ids 1,2 --targets 1,2 --data x", 2, "--data"},
    {"--net gpt --length 33", 2, "--length: '33' is not an integer between 1 and 32"},
    {"--net gpt --batch 0", 2, "is not an integer between 1 and"},
    {"--net gpt --context-length 40000 --batch 65536", 2, "--batch: 65536 rows of 40000 tokens exceed 2147483647 tokens"},
    {"--net gpt --vocab-size 65", 2, "256"},
    {"--net gpt --data missing.txt", 1, "missing.txt"},
    {"--net gpt --data /dev/null", 1, "/dev/null"},
    {"--net gpt --data .", 1, "."},
    {"--net gpt --config 70b --batch 1 --length 8 --stream off", 1, "memory"},
    {"--net gpt --config 70b --n-embd 262144 --batch 1 --length 8", 1, "one block of the experiment: needs "},
    {"--net gpt --stream on --steps 1", 2, "--steps: 1: training needs all weights in memory"},
    {"--net gpt --stream on --probe paths", 2, "--probe: paths: needs all blocks"},
    {"--net mlp --stream on", 2, "--stream: for --net gpt"},
    {"--net gpt --stream maybe", 2, "--stream: 'maybe'"},
    {"--net gpt --configs tiny,nope", 2, "--configs: 'nope' is not a preset"},
    {"--net gpt --configs ,", 2, "--configs: no preset"},
    {"--net gpt --configs tiny,char,flow,flow-untied,gpt2-124m,gpt2-355m,gpt2-774m", 2, "--configs: more than 6 presets"},
    {"--net gpt --configs tiny --config flow", 2, "--configs: can't be combined with --config"},
    {"--net gpt --configs tiny --csv -", 2, "--csv: '-' is not a name for several files"},
    {"--configs tiny", 2, "--configs: for --net gpt"},
    {"--depth 100000 --width 65536", 2, "memory"},
    {"--input 1", 2, "--input: 1 value, but the network has 3"},
    {"--inputs normal", 2, "--inputs: 'normal' is unknown (expected normal:N, grid:LO:HI:N or FILE.csv)"},
    {"--inputs normal:", 2, "--inputs: '' is not an integer between 1 and 65536"},
    {"--inputs normal:65537", 2, "--inputs: '65537' is not an integer between 1 and 65536"},
    {"--inputs grid:-1:1", 2, "--inputs: 'grid:-1:1' is incomplete (expected normal:N, grid:LO:HI:N or FILE.csv)"},
    {"--inputs grid:-1:one:3", 2, "--inputs: 'one' is not a number"},
    {"--inputs grid:-1:1:1", 2, "--inputs: '1' is not an integer between 2 and 65536"},
    {"--inputs grid:1:-1:5", 2, "--inputs: 'grid:1:-1:5' does not increase (expected grid:LO:HI:N with LO below HI)"},
    {"--inputs grid:0:1:3 --input 1,2,3", 2, "--inputs: replaces --input; leave one out"},
    {"--inputs missing.csv", 1, "missing.csv: can't be read"},
    {"--inputs .csv/", 2, "--inputs: '.csv/' is unknown"},
    {"--net gpt --inputs normal:3", 2, "--inputs: for --net mlp"},
    {"--loss ce", 2, "--loss: ce needs a value for each class, but the network has one output (expected 2 or more)"},
    {"--loss mae", 2, "--loss: 'mae' is unknown (expected mse or ce)"},
    {"--sizes 3,3,2 --loss ce --target 2", 2, "--target: '2' is not an integer between -1 and 1"},
    {"--sizes 3,3,2 --loss ce --target 0,1", 2, "--target: 2 classes for 1 row (expected one for each, or one for all)"},
    {"--head square", 2, "--head: 'square' is unknown (expected activation or linear)"},
    {"--norm pre", 2, "--norm: 'pre' is unknown (expected none or batch)"},
    {"--norm batch", 2, "--norm: batch normalization of one input row would make it 0 (expected several rows, by --inputs)"},
    {"--task copy", 2, "--task: for --net gpt, but --net mlp is the default (expected --net gpt, too)"},
    {"--net gpt --task sort", 2, "--task: 'sort' is unknown (expected copy, shift:K or modular:K with K up to 65535)"},
    {"--net gpt --task copy --data x", 2, "--data: --task draws the batch; leave one out"},
    {"--net gpt --task copy --ids 1,2", 2, "--ids: --task draws the batch; leave one out"},
    {"--net gpt --task copy --length 1", 2, "--task: copy needs rows of at least 2 tokens, but they have 1"},
    {"--net gpt --norm batch", 2, "--norm: 'batch' is for --net mlp, but this is --net gpt; leave one out"},
    {"--net gpt --init-gain 2", 2, "--init-gain: for --net mlp, but this is --net gpt; leave one out"},
    {"--net gpt --bias-std 0", 2, "--bias-std: for --net mlp, but this is --net gpt; leave one out"},
    {"--net gpt --head linear", 2, "--head: for --net mlp"},
    {"--net gpt --loss ce", 2, "--loss: for --net mlp"},
    {"--init-gain 0", 2, "--init-gain: '0' is not a number between 1e-06 and 1e+06"},
    {"--bias-std -1", 2, "--bias-std: '-1' is not a number between 0 and 1e+06"},
    {"--net gpt --ids 1,2 --targets=-2,1", 2, "'-2'"},
    {"--sizes 3,4,4,2 --loss ce --target=-1", 1, "--target: every class is -1: ignored (expected at least one that is not)"},
    {"--net gpt --ids 1,2 --targets=-1,-1", 2, "--targets: all 2 targets are -1, which are ignored (expected at least one token)"},
    {"--sizes 3x", 2, "--sizes: '3x' is not a size and a count (expected 200x3 with at most x100000)"},
    {"--sizes 1,3x0,1", 2, "--sizes: '3x0' is not a size"},
    {"--sizes x3", 2, "--sizes: 'x3' is not an integer between 1 and 65536"},
    {"--width 1 --depth 100000 --inputs normal:65536", 1, "memory"},
    {"--same-dy --steps 3", 2, "--same-dy"},
    {"--plot picture.jpg", 2, ".png"},
    {"--plot picture", 2, ".png"},
    {"--plot missing/p.png", 1, "missing/p.png"},
    {"--plot .png/", 2, ".png"},
    {"--csv missing/f.csv", 1, "missing/f.csv"},
    {"--csv .", 1, "folder"},
    {"--csv - --json", 2, "stdout"},
    {"--runs -", 2, "--runs: '-' is not a file name (expected FILE)"},
    {"--runs missing/r.csv", 1, "missing/r.csv"},
    {"--runs a.csv --csv a.csv", 2, "a.csv"},
    {"--depht 5", 2, "--depth"},
    {"extra", 2, "extra"},
};

START_TEST(a_wrong_request_is_a_one_line_error)
{
    char arguments[256];
    snprintf(arguments, sizeof arguments, "gradflow %s", mistakes[_i].arguments);
    Run run = run_gptape(arguments);
    assert_one_line_error(&run, mistakes[_i].status, mistakes[_i].part);
    assert_folder_holds("");
    run_free(&run);
}
END_TEST

int main(void)
{
    enum { MISTAKES = sizeof mistakes / sizeof mistakes[0] };
    Suite *suite = suite_create("gptape gradflow's files");
    TCase *tests = case_create(suite, "as a user types it");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_loop_test(tests, pictures_are_written_whole, 0, 4);
    tcase_add_test(tests, a_training_run_draws_two_pictures);
    tcase_add_test(tests, without_gnuplot_the_table_is_shown_and_the_rest_refused);
    tcase_add_test(tests, only_files_are_replaced);
    tcase_add_test(tests, a_full_device_is_reported_and_kept);
    tcase_add_test(tests, a_full_disk_leaves_no_part_of_a_table);
    tcase_add_loop_test(tests, a_wrong_request_is_a_one_line_error, 0, MISTAKES);
    return suite_run(suite);
}
