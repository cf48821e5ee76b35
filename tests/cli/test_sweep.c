// test_sweep.c: gptape sweep: results that do not depend on how cells are run, files that survive kills and full disks.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP "sweep --vary depth=4,6 --vary residual=plain,keel --width 8 --seeds 3 --quiet "
#define MPIRUN "mpirun --allow-run-as-root --oversubscribe "

// Files with the same rows, but for their order and the seconds.
static void assert_same_runs(const char *a, const char *b)
{
    char command[512];
    snprintf(command, sizeof command, "for f in %s %s; do sed 's/,[^,]*$//' $f | sort > $f.sorted; done; cmp %s.sorted %s.sorted && echo same", a,
             b, a, b);
    assert_prints(command, "same\n");
}

// ------------------------------------------------------------------------------------------------------------
// Sweeps

// One cell's value is that of the same gradflow: the first layer's mean |dL/dW| over the last layer's.
START_TEST(a_cell_is_a_gradflow_command)
{
    succeed(SWEEP "--runs runs.csv --csv figures.csv --plot sweep.svg");
    assert_prints("grep -c . runs.csv", "13\n");
    assert_prints("head -1 runs.csv", "sweep,cell,seed,loss,value,seconds\n");
    assert_prints("grep -c 'svg' sweep.svg > count; test $(cat count) -gt 0 && echo drawn", "drawn\n");
    succeed("gradflow --width 8 --depth 6 --residual keel --seed 124 --seeds 1 --depths none --plot none --csv - > one.csv");
    assert_prints(
        "grep '^--depth 6 --residual keel,.*,keel,124,' figures.csv | cut -d, -f2- > figures; tail -n +2 one.csv | cmp - figures && echo same",
        "same\n");
    assert_prints("awk -F, '/layers.0.weight,weight_grad/ {a = $9} /layers.5.weight,weight_grad/ {printf \"%.6g\\n\", a / $9}' one.csv > ratio; "
                  "awk -F, '$2 == \"--depth 6 --residual keel\" && $3 == 124 {printf \"%.6g\\n\", $5}' runs.csv | cmp - ratio && echo same",
                  "same\n");
}
END_TEST

START_TEST(the_table_has_the_quartiles)
{
    Run run = run_gptape(SWEEP "--statistic 'max l2 activation_grad' --json");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    const cJSON *points = cJSON_GetObjectItem(json, "points");
    ck_assert_int_eq(cJSON_GetArraySize(points), 4);
    const cJSON *last = cJSON_GetArrayItem(points, 3);
    ck_assert_str_eq(cJSON_GetObjectItem(last, "residual")->valuestring, "keel");
    ck_assert_str_eq(cJSON_GetObjectItem(last, "depth")->valuestring, "6");
    ck_assert_double_eq(json_number(last, "value/n"), 3);
    cJSON_Delete(json);
    run_free(&run);
    run = run_gptape("sweep --vary depth=3,5 --seeds 2 --quiet");
    assert_quiet(&run);
    assert_has(&run, run.out, "depth  shortcut"); // both arms, as gradflow runs them
    run_free(&run);
}
END_TEST

// Keel's product over the part of the gradient that comes by shortcuts alone, in two arms. Finite width and LayerNorm's mean leave 5 %.
START_TEST(a_law_is_drawn_over_the_measurement)
{
    succeed("sweep --vary depth=6,24 --vary residual=post,keel --width 64 --activation tanh --init xavier --inputs normal:16 --probe branch,paths "
            "--statistic 'ratio value path_norm:1 layers.#' --seeds 3 --quiet --plot law.gp");
    assert_prints("grep -c 'keel, theory: Keel.*product of measured sizes' law.gp", "1\n");
    assert_prints("awk '/^\\$data/ {line = $1} /^(6|24) / {y[line $1] = $2} END {for (x = 6; x <= 24; x += 18) for (k = 0; k < 2; k++) "
                  "print y[\"$data_0_\" k + 2 x] / y[\"$data_0_\" k x]}' law.gp | awk '$1 > 0.95 && $1 < 1.05' | grep -c .",
                  "4\n");
}
END_TEST

// Quartiles as numpy.percentile gives them for the values of --runs, which are sorted: of n values, quantile q is at place (n - 1) q, between two
// by a straight line. n counts the networks that have a value: in float32 the last GELU of some has the slope 0, so nothing is divided by their
// last layer's gradient; which ones depends on the processor's kernels.
START_TEST(the_plot_has_the_numbers_of_the_table)
{
    shell_succeeds("cat > quartiles << 'END'\n"
                   "function at(q, p) { p = (n - 1) * q; i = int(p); return v[i] + (p - i) * (v[i + 1 < n ? i + 1 : i] - v[i]) }\n"
                   "$2 == \"--depth \" x && $5 != \"\" { v[n++] = $5 }\n"
                   "END { printf \"%d %.6g %.6g %.6g 0 %d\\n\", x, at(0.5), at(0.25), at(0.75), n }\n"
                   "END\n");
    succeed("sweep --vary depth=6,24 --shortcut on --width 16 --seeds 10 --quiet --runs runs.csv --plot plot.gp --json > figures.json");
    shell_succeeds("for x in 6 24; do sort -t , -k 5,5g runs.csv | awk -F , -v x=$x -f quartiles; done > expected");
    shell_succeeds(
        "grep -A 3 '^.data_0_0' plot.gp | tail -2 | awk '{printf \"%d %.6g %.6g %.6g %d %d\\n\", $1, $2, $3, $4, $5, $6}' | cmp - expected");
    assert_prints("cut -d ' ' -f 1,6 expected | head -1", "6 10\n");
    assert_prints("n=$(awk '{n += $6} END {print n}' expected); grep -c \"10 seeds with quartiles; $n of 20 networks have a value\" plot.gp",
                  "1\n");
}
END_TEST

// The network of examples/shortcut.c.
START_TEST(the_title_of_a_plot_has_powers_of_ten)
{
    succeed("sweep --vary depth=2,20 --shortcut off --seeds 1 --quiet --plot plot.gp");
    assert_prints("grep -o 'by depth: 0.88 to 6.1·10⁻¹⁴\"' plot.gp", "by depth: 0.88 to 6.1·10⁻¹⁴\"\n");
}
END_TEST

START_TEST(existing_cells_are_not_run_again)
{
    succeed(SWEEP "--runs a.csv --csv af.csv");
    assert_prints("cp a.csv b.csv; cp af.csv bf.csv; cksum < a.csv > before; cksum < af.csv >> before; echo done", "done\n");
    succeed(SWEEP "--runs a.csv --csv af.csv");
    assert_prints("(cksum < a.csv; cksum < af.csv) | cmp - before && echo same", "same\n");
    succeed("sweep --vary depth=4,6,8 --vary residual=plain,keel --width 8 --seeds 4 --quiet --runs a.csv --csv af.csv"); // more of the same
    assert_prints("grep -c . a.csv; head -13 a.csv | cmp - b.csv && echo kept", "25\nkept\n");
}
END_TEST

START_TEST(a_network_without_the_statistic_has_an_empty_cell)
{
    make_command();
    shell_succeeds("gptape sweep --vary depth=2 --shortcut off --seeds 1 --statistic 'first l2 weight_grad nothing' --runs runs.csv --quiet > out");
    assert_prints("tail -n 1 runs.csv | rev | cut -d , -f 2", "\n");
}
END_TEST

// An option that only repeats a default does not make another sweep of it.
START_TEST(explicit_defaults_change_nothing)
{
    make_command();
    static const char *const defaults[] = {"--net mlp",   "--shortcut both",   "--steps 0",         "--init-gain 1.0",
                                           "--lr 1e-3",   "--head activation", "--activation gelu", "--init torch",
                                           "--norm none", "--target 0",        "--input 1,0.0,-01", "--width 03"};
    assert_prints("gptape sweep --vary depth=2,3 --seeds 2 --runs runs.csv --quiet > first; wc -l < runs.csv", "9\n");
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        char command[256];
        snprintf(command, sizeof command,
                 "gptape sweep --vary depth=2,3 --seeds 2 --runs runs.csv --quiet %s > again; cmp first again; wc -l < runs.csv", defaults[i]);
        assert_prints(command, "9\n");
    }
}
END_TEST

// What is measured by default, and in which arms, is the same for a model that is varied, whatever its name.
START_TEST(a_varied_model_is_one_arm)
{
    make_command();
    shell_succeeds("gptape train --config tiny --ids 1,2,3 --targets 2,3,4 --steps 1 --out m --quiet > out; cp -r m 'n\\'; cp -r m \"m'\"; "
                   "gptape sweep --vary \"model=m,n\\\\,m'\" --batch 1 --length 8 --seeds 1 --quiet > table");
    assert_prints("head -1 table; grep -c '^[mn]. ' table", "ratio l2 activation_grad h.#.out\n3\n");
}
END_TEST

// As after a kill: half a row, and figures of a cell without a row.
START_TEST(a_torn_file_is_continued)
{
    succeed(SWEEP "--runs a.csv --csv af.csv");
    assert_prints("head -c -20 a.csv > b.csv; cp af.csv bf.csv; tail -3 af.csv | head -c 30 >> bf.csv; echo torn", "torn\n");
    succeed(SWEEP "--runs b.csv --csv bf.csv");
    assert_same_runs("a.csv", "b.csv");
    assert_prints("cmp af.csv bf.csv && echo same", "same\n");
}
END_TEST

START_TEST(shards_are_merged)
{
    succeed(SWEEP "--runs all.csv --csv allf.csv");
    succeed(SWEEP "--shard 1/3 --runs 1.csv --csv 1f.csv");
    succeed(SWEEP "--shard 2/3 --runs 2.csv --csv 2f.csv");
    succeed(SWEEP "--shard 3/3 --runs 3.csv --csv 3f.csv");
    assert_prints("cat 1.csv 2.csv 3.csv | grep -c depth", "12\n");
    succeed(SWEEP "--shard 2147483647/2147483647"); // more processes than networks
    succeed(SWEEP "--shard 2/2147483647 --runs one.csv");
    assert_prints("grep -c depth one.csv", "1\n");
    succeed("sweep --merge 1.csv 2.csv 3.csv 1f.csv 2f.csv 3f.csv --runs merged.csv --csv mergedf.csv");
    assert_same_runs("all.csv", "merged.csv");
    assert_prints("for f in allf mergedf; do sort $f.csv > $f.sorted; done; cmp allf.sorted mergedf.sorted && echo same", "same\n");
    succeed("sweep --merge 1.csv 2.csv 3.csv 1f.csv 2f.csv 3f.csv --runs merged.csv --csv mergedf.csv"); // again: nothing is new
    assert_same_runs("all.csv", "merged.csv");
    succeed(SWEEP "--runs merged.csv --csv mergedf.csv"); // nothing left to run
    assert_same_runs("all.csv", "merged.csv");
    refuse("sweep --merge 1.csv nothing.csv --runs m.csv", 1, "nothing.csv: can't be read");
    refuse(SWEEP "--runs all.csv --csv new.csv", 1, "new.csv: has values of 0 of the 12 networks in all.csv; use new files");
    refuse("sweep --merge 1.csv 1f.csv --csv m.csv", 2, "--merge: --runs is missing");
    refuse("sweep --merge 1.csv --runs 1.csv", 1, "1.csv: is both an input and the result");
    refuse("sweep --merge one.txt --runs m.csv", 1, "one.txt: can't be read");
    refuse("sweep --merge 1.csv 1f.csv --runs m.csv", 1, "1f.csv: has rows of values (expected --csv for them)");
}
END_TEST

static const struct {
    const char *options;
    int status;
    const char *part;
} refused[] = {
    {"", 2, "--vary: missing (expected NAME=V1,V2,...)"},
    {"--vary depth", 2, "--vary: 'depth' (expected NAME=V1,V2,...)"},
    {"--vary dpeth=3", 2, "--vary: 'dpeth': unknown option of gradflow"},
    {"--vary seeds=1,2", 2, "--vary: seeds cannot be varied"},
    {"--vary sizes=1,2", 2, "--vary: sizes cannot be varied"},
    {"--vary csv=a,b", 2, "--vary: csv cannot be varied"},
    {"--vary same-dy=on", 2, "--vary: same-dy cannot be varied"},
    {"--vary depth=3,3", 2, "--vary: depth: '3' is given twice"},
    {"--vary depth=2,02", 2, "--vary: depth: '02' is the same as '2'"},
    {"--vary init-gain=0.5,1,5e-1", 2, "--vary: init-gain: '5e-1' is the same as '0.5'"},
    {"--vary 'residual=pre,h+f(norm(h))'", 2, "--vary: residual: 'h+f(norm(h))' is the same as 'pre'"},
    {"--vary depth=3,,4", 2, "--vary: depth: empty value"},
    {"--vary depth=3 --depth 4", 2, "--depth: is also in --vary"},
    {"--vary residual=pre,post --residual keel --residual none", 2, "--residual: is also in --vary"},
    {"--vary depth=3,x", 2, "--depth: 'x' is not an integer"},
    {"--vary 'residual=plain,f(g)'", 2, "--residual: column 3: unknown name 'g'"},
    {"--vary depth=3 --configs tiny,flow", 2, "--configs: several networks in one run (expected --vary config=... or --vary depth=...)"},
    {"--vary width=3 --depths 5,10", 2, "--depths: several networks in one run (expected --vary config=... or --vary depth=...)"},
    {"--vary configs=tiny,flow", 2, "--vary: configs cannot be varied"},
    {"--vary depth=3 --config tiny", 2, "--config: for --net gpt, but --net mlp is the default (expected --net gpt, too)"},
    {"--vary depth=3 --shard 0/2", 2, "--shard: '0/2' (expected I/N, with I from 1 to N)"},
    {"--vary depth=3 --statistic \"max l2$(printf '\\t')weight_grad\"", 2, "a control character (expected spaces)"},
    {"--vary depth=3 --vary \"residual=$(printf 'h +\\tf(h)')\"", 2, "a control character (expected spaces)"},
    {"--vary depth=3 --runs zeros.csv", 1, "zeros.csv: line 2 is not a row of a sweep"},
    {"--vary depth=3 --statistic 'frist l2 loss'", 2, "--statistic: operation: 'frist' is unknown (expected first, last,"},
    {"--vary depth=3 x.csv", 2, "'x.csv': unexpected (expected --merge with files)"},
    {"--merge", 2, "--merge: --runs is missing (expected --merge FILE... --runs FILE)"},
    {"--vary depth=3 --runs other.csv", 1, "other.csv: does not begin with sweep,cell,seed,loss,value,seconds"},
    {"--vary depth=3 --width 5 --runs runs.csv", 1, "runs.csv: line 2 belongs to another sweep, "},
    {"--vary depth=3 --width 3 --width 5 --runs runs.csv", 1, "runs.csv: line 2 belongs to another sweep, "},
    {"--vary depth=3 --statistic loss --runs runs.csv", 1, "runs.csv: line 2 belongs to another sweep, "},
    {"--vary depth=3 --runs runs.csv --csv runs.csv", 2, "--runs: 'runs.csv' is --csv's file, too"},
    {"--vary depth=3 --runs -", 2, "--runs: '-' is not a file name (expected FILE)"},
    {"--vary depth=3 --csv -", 2, "--csv: '-' is not a file name (expected FILE)"},
    {"--vary depth=3 --runs none/runs.csv", 1, "none/runs.csv: can't be written: No such file or directory"},
};

START_TEST(invalid_sweeps_are_one_line_errors)
{
    char command[256];
    succeed("sweep --vary depth=3 --seeds 1 --quiet --runs runs.csv");
    assert_prints("cksum < runs.csv > before; echo a,b > other.csv; (head -1 runs.csv; printf '\\0\\n'; tail -1 runs.csv) > zeros.csv", "");
    snprintf(command, sizeof command, "sweep %s", refused[_i].options);
    refuse(command, refused[_i].status, refused[_i].part);
    assert_prints("cksum < runs.csv | cmp - before; cat other.csv", "a,b\n"); // what was measured is kept
}
END_TEST

// Much longer than most rules: the whole rule is used, twice.
START_TEST(long_rules_are_not_cut)
{
    char rule[2100] = "f(h)";
    for (int i = 0; i < 500; i++) {
        strcat(rule, " + h");
    }
    FILE *file = fopen("rule", "w");
    ck_assert(fputs(rule, file) >= 0 && fclose(file) == 0);
    succeed("sweep --vary depth=2 --width 2 --seeds 1 --quiet --json --residual 'h + f(h)' --residual \"$(cat rule)\" --runs long.csv");
    assert_prints("grep -c -F -e \"$(cat rule)\" long.csv", "1\n");
}
END_TEST

// One point, which is not finite, and the long rule in the table, the chart and the plot.
START_TEST(long_rules_are_drawn)
{
    assert_prints("(printf 'f(h)'; printf ' + h%.0s' $(seq 500)) > rule; wc -c < rule", "2004\n");
    Run run = run_gptape("sweep --vary depth=2 --width 2 --seeds 1 --quiet --residual \"$(cat rule)\" --plot long.svg");
    assert_quiet(&run);
    assert_has(&run, run.out, "\no median\n\n    NaN +");
    run_free(&run);
    run = run_gptape("sweep --vary depth=2,3 --width 2 --seeds 1 --quiet --residual 'h + f(h)' --residual \"$(cat rule)\" --plot long.svg");
    assert_quiet(&run);
    assert_has(&run, run.out, "# f(h) + h + h + ");
    run_free(&run);
}
END_TEST

START_TEST(two_sweeps_on_one_file_are_reported)
{
    succeed(SWEEP "--runs a.csv");
    assert_fails("exec 9>>a.csv; flock -n 9 && \"$GPTAPE_BIN\" " SWEEP "--runs a.csv", 1,
                 "a.csv: another run is writing to it; wait until it ends, or use another file");
}
END_TEST

// The file may grow to 4 blocks of 512 bytes; no row is written partially.
START_TEST(a_full_disk_is_reported_and_keeps_the_results)
{
    assert_fails("ulimit -f 2; exec \"$GPTAPE_BIN\" sweep --vary depth=4,6 --width 8 --seeds 20 --quiet --runs a.csv", 1,
                 "a.csv: can't be written: File too large");
    assert_prints(
        "test $(wc -c < a.csv) -le 2048 && test $(tail -c 1 a.csv | od -An -c | tr -d ' ') = '\\n' && awk -F, 'NF != 6' a.csv && echo whole",
        "whole\n");
    succeed("sweep --vary depth=4,6 --width 8 --seeds 20 --quiet --runs a.csv");
    assert_prints("grep -c . a.csv", "81\n");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Ranks

START_TEST(results_do_not_depend_on_the_ranks)
{
    if (!have_mpi(__func__)) {
        return;
    }
    succeed(SWEEP "--runs 1.csv --csv 1f.csv > 1.txt");
    Run run = run_shell(MPIRUN "-n 3 \"$GPTAPE_BIN\" " SWEEP "--runs 3.csv --csv 3f.csv > 3.txt");
    assert_succeeded(&run);
    run_free(&run);
    assert_same_runs("1.csv", "3.csv");
    assert_prints("for f in 1f 3f; do sort $f.csv > $f.sorted; done; cmp 1f.sorted 3f.sorted && cmp 1.txt 3.txt && echo same", "same\n");
}
END_TEST

// kill -9 of the second rank: MPI ends the others; the same command continues.
START_TEST(a_killed_rank_loses_cells_in_progress_only)
{
    if (!have_mpi(__func__)) {
        return;
    }
    static const char sweep[] = "sweep --net gpt --vary n-layer=2,3 --config tiny --seeds 40 --quiet --runs k.csv --csv kf.csv";
    char command[512];
    snprintf(command, sizeof command,
             MPIRUN
             "-n 2 sh -c 'if [ $OMPI_COMM_WORLD_RANK = 1 ]; then \"$GPTAPE_BIN\" %s & p=$!; "
             "until [ $(grep -c . k.csv) -gt 6 ]; do sleep 0.02; done; kill -9 $p; wait $p; else exec \"$GPTAPE_BIN\" %s; fi' > /dev/null 2>&1",
             sweep, sweep);
    Run run = run_shell(command);
    ck_assert_int_ne(run.status, 0);
    run_free(&run);
    assert_prints("test $(grep -c . k.csv) -gt 6 && cp k.csv part.csv && echo kept", "kept\n");
    succeed(sweep);
    assert_prints("n=$(grep -c '$' part.csv); head -c $(head -$n part.csv | wc -c) k.csv | cmp - part.csv; grep -c . k.csv", "161\n");
    succeed("sweep --net gpt --vary n-layer=2,3 --config tiny --seeds 40 --quiet --runs w.csv --csv wf.csv");
    assert_same_runs("k.csv", "w.csv");
    assert_prints("for f in kf wf; do sort $f.csv > $f.sorted; done; cmp kf.sorted wf.sorted && echo same", "same\n");
}
END_TEST

START_TEST(bad_input_over_ranks_is_one_line)
{
    if (!have_mpi(__func__)) {
        return;
    }
    Run run = run_shell(MPIRUN "-n 2 \"$GPTAPE_BIN\" sweep --vary depth=x 2>&1 | grep -c '^gptape'");
    ck_assert_str_eq(run.out, "1\n");
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep");
    TCase *sweep = case_create(suite, "sweeps");
    tcase_add_checked_fixture(sweep, folder_enter, folder_leave);
    tcase_add_test(sweep, a_cell_is_a_gradflow_command);
    tcase_add_test(sweep, the_table_has_the_quartiles);
    tcase_add_test(sweep, a_law_is_drawn_over_the_measurement);
    tcase_add_test(sweep, the_plot_has_the_numbers_of_the_table);
    tcase_add_test(sweep, the_title_of_a_plot_has_powers_of_ten);
    tcase_add_test(sweep, existing_cells_are_not_run_again);
    tcase_add_test(sweep, a_network_without_the_statistic_has_an_empty_cell);
    tcase_add_test(sweep, explicit_defaults_change_nothing);
    tcase_add_test(sweep, a_varied_model_is_one_arm);
    tcase_add_test(sweep, a_torn_file_is_continued);
    tcase_add_test(sweep, shards_are_merged);
    tcase_add_loop_test(sweep, invalid_sweeps_are_one_line_errors, 0, sizeof refused / sizeof refused[0]);
    tcase_add_test(sweep, long_rules_are_not_cut);
    tcase_add_test(sweep, long_rules_are_drawn);
    tcase_add_test(sweep, two_sweeps_on_one_file_are_reported);
    tcase_add_test(sweep, a_full_disk_is_reported_and_keeps_the_results);

    TCase *ranks = case_create(suite, "ranks");
    tcase_add_checked_fixture(ranks, folder_enter, folder_leave);
    tcase_add_test(ranks, results_do_not_depend_on_the_ranks);
    tcase_add_test(ranks, a_killed_rank_loses_cells_in_progress_only);
    tcase_add_test(ranks, bad_input_over_ranks_is_one_line);
    return suite_run(suite);
}
