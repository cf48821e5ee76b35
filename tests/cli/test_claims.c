// test_claims.c: gptape claims: rows, files and the page; verdicts for other seeds; the measurements of independent programs.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(claims_are_listed_and_run)
{
    Run run = run_gptape("claims --list");
    assert_quiet(&run);
    assert_has(&run, run.out, "xiong-pre-flat: Xiong 2020 (2002.04745), figure 3a\n");
    run_free(&run);
    run = run_gptape("claims rezero-160 rezero-weights he-gain-0.5 --seeds 3 --quiet --csv c.csv --html c.html --runs r.csv");
    assert_quiet(&run);
    assert_has(&run, run.out, "agrees          rezero-160                   1 [1, 1] ");
    assert_has(&run, run.out, "3 claims: agrees 3, differs 0, cannot be measured 0.");
    run_free(&run);
    assert_prints("head -1 c.csv; grep -c . c.csv; grep -c '' r.csv",
                  "id,source,claim,how,predicted,tolerance,measured,low,high,n,verdict,seconds\n4\n10\n");
    assert_prints("grep -c '<tr id=' c.html; grep -o '<svg' c.html | grep -c .; grep -c 'src=\\|href=' c.html || true", "3\n6\n0\n");
    run = run_gptape("claims rezero-160 rezero-weights he-gain-0.5 --seeds 3 --quiet --json --runs r.csv");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    ck_assert_str_eq(cJSON_GetObjectItem(cJSON_GetArrayItem(json, 2), "verdict")->valuestring, "agrees");
    ck_assert_double_eq_tol(json_number(cJSON_GetArrayItem(json, 2), "measured"), 0.299, 0.003);
    cJSON_Delete(json);
    run_free(&run);
    assert_prints("grep -c '' r.csv", "10\n"); // nothing was run again
    run = run_gptape("claims rezero-160 glorot-normalized --seeds 3 --quiet");
    assert_has(&run, run.out, "differs 1, cannot be measured 0.");
    assert_has(&run, run.out, " s. 'gptape claims glorot-normalized --explain' says more ");
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Measurements

// Quick claims, measured earlier by small C programs, one for each paper, on this library's tensors and modules. They had their own seeds, inputs
// and gradients at the end, and read the gradients from the tape, without a command (except Xiong's). Each number is converted to the claim's
// statistic.
typedef struct Known {
    const char *id;
    double value;
    const char *note; // what the claim's text says about a difference; NULL: the value is in the claim's interval
} Known;

static void assert_known(const cJSON *claims, const Known *known)
{
    const cJSON *claim = NULL;
    cJSON_ArrayForEach(claim, claims) {
        if (strcmp(cJSON_GetObjectItem(claim, "id")->valuestring, known->id) == 0) {
            break;
        }
    }
    ck_assert_msg(claim != NULL, "%s is missing", known->id);
    const char *note = cJSON_GetObjectItem(claim, "note")->valuestring;
    double slack = 5e-4 * fabs(known->value); // the known numbers have four digits
    double low = json_number(claim, "low") - slack;
    double high = json_number(claim, "high") + slack;
    bool within = low <= known->value && known->value <= high;
    ck_assert_msg(within || (known->note != NULL && strstr(note, known->note) != NULL), "%s: %g is not in %g to %g: %s", known->id, known->value,
                  low, high, note);
}

static void assert_all_known(const Known *known, size_t n)
{
    char command[4096] = "claims --quiet --json";
    for (size_t i = 0; i < n; i++) {
        strcat(strcat(command, " "), known[i].id);
    }
    Run run = run_gptape(command);
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    for (size_t i = 0; i < n; i++) {
        assert_known(json, &known[i]);
    }
    cJSON_Delete(json);
    run_free(&run);
}

START_TEST(independent_programs_find_the_same)
{
    const Known known[] = {
        {"glorot-activations", log10(0.5734), NULL},
        {"glorot-gradients", -log10(0.5596), "before tanh, without the first layer, finds 0.560"},
        {"glorot-normalized", -log10(0.798), "before tanh finds 0.80"},
        {"glorot-weights", log10(0.9965), NULL},
        {"xiong-post-last", 0.0443, NULL},
        {"xiong-pre-last", -0.4254, NULL},
        {"xiong-pre-flat", -0.03509, NULL},
        {"dong-attention", log10(1.141e-8), NULL},
        {"dong-shortcuts", 0.1962, NULL},
        {"shattered-plain", -0.006005, "finds -0.006, with an interval of -0.04 to 0.03"},
        {"shattered-no-norm", 0.8741, NULL},
        {"shattered-shortcuts", 0.8672, "finds 0.867, with an interval of 0.845 to 0.888"},
        {"he-gain-0.25", 0.5935, "four times as wide finds 0.5935"},
        {"he-gain-0.5", 0.2989, NULL},
        {"he-gain-0.9", 0.04504, NULL},
        {"he-gain-1", -0.0009505, NULL},
        {"he-gain-1.1", -0.04224, NULL},
        {"rezero-160", 1, NULL},
        {"rezero-weights", 0, NULL},
        {"layerscale-160", 1, NULL},
        {"deepnorm-160", 1.013, "1.01 by an independent program whose branches are four times as wide"},
        {"keel-160", 1.009, "1.01 by an independent program whose branches are four times as wide"},
        {"sqrt-branch-160", 1.258, NULL},
        {"post-160", log10(5.274), NULL},
        {"desmith-variance", 0.9255 / 2, NULL}, // the power of the size, not of the variance
        {"noci-collapse", 1, NULL},
        {"noci-queries", 5.856e-7, NULL},
        {"noci-cure-cosine", 0.1642, NULL},
        {"noci-cure-queries", 0.4795, NULL},
        {"landscape-shortcuts", 0.2656 / 0.3077, NULL},
        {"veit-pre-length", 3.223, "3.2 by an independent program"},
        {"fixup-growth", -log10(1.415), NULL},
        {"schoenholz-chi-1", -log10(0.7571) / 2, NULL},
        {"schoenholz-chi-1.3", -log10(0.8802) / 2, NULL},
        {"schoenholz-chi-1.76", -log10(0.9983) / 2, NULL},
        {"schoenholz-chi-2", -log10(1.047) / 2, NULL},
        {"schoenholz-chi-3", -log10(1.202) / 2, NULL},
        {"schoenholz-chi-4", -log10(1.339) / 2, NULL},
        {"isometry-linear", 0, "An independent program in double finds 0"},
        {"isometry-tanh", 0.04655, NULL},
        {"isometry-gaussian", 10.72, NULL},
        {"keel-shortcut-torch", 0.02462, NULL},
        {"keel-whole-torch", 0.006008, "finds 0.006 with torch"},
        {"keel-shortcut-xavier", 0.1943, NULL},
        {"keel-whole-xavier", -0.003668, "-0.004 with xavier"},
        {"copy-post-start", 2.116, "finds 2.1, with an interval of 1.7 to 2.5"},
        {"copy-pre-start", 4.491, NULL},
        {"copy-deepnorm-start", 0.988, NULL},
        {"hanin-32-16", 2.611 / 4, NULL}, // the gradient, not its square
        {"hanin-32-32", 5.449 / 4, NULL},
        {"hanin-16-32", 12.98 / 4, NULL},
        {"yang-batchnorm", -log10(1.207), NULL},
    };
    assert_all_known(known, sizeof known / sizeof known[0]);
}
END_TEST

// Ten claims, of which three differ, on two disjoint sets of seeds: the verdicts are the same.
START_TEST(verdicts_do_not_depend_on_the_seeds)
{
#define STABLE \
    "vanishing-book shortcuts-book glorot-weights glorot-normalized fixup-growth he-gain-0.25 he-gain-0.9 rezero-160 xiong-pre-flat veit-plain-length " \
    "noci-collapse --quiet "
    succeed("claims " STABLE "--csv a.csv");
    succeed("claims " STABLE "--seed 20000 --csv b.csv");
    assert_prints(
        "for f in a b; do awk -F, 'NR > 1 {print $1, $(NF - 1)}' $f.csv > $f.verdicts; done; cmp a.verdicts b.verdicts && grep -c agrees a.verdicts; "
        "grep -c differs a.verdicts; cut -d, -f7- a.csv | cmp -s - b.csv || echo measured",
        "8\n3\nmeasured\n");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// One claim, and bad input

START_TEST(a_claim_is_explained)
{
    Run run = run_gptape("claims he-gain-0.5 --explain --seeds 3 --quiet");
    assert_quiet(&run);
    assert_has(&run, run.out, "Source: He 2016 (1603.05027)");
    assert_has(&run, run.out, "Command:\n  gptape gradflow --width 64 ");
    assert_has(&run, run.out, "The network of seed 123");
    run_free(&run);
}
END_TEST

START_TEST(invalid_claims_are_one_line_errors)
{
    refuse("claims xiong-post-lst", 2, "'xiong-post-lst': unknown claim; did you mean xiong-post-last?");
    refuse("claims rezero-160 rezero-160", 2, "rezero-160: given twice");
    refuse("claims --explain", 2, "--explain: ");
    refuse("claims rezero-160 --csv - --json", 2, "--csv: '-' and --json both write to stdout (expected a file)");
    succeed("sweep --vary depth=3 --seeds 1 --quiet --runs s.csv");
    refuse("claims rezero-160 --runs s.csv", 1, "s.csv: line 2 belongs to another sweep, ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("claims");
    TCase *claims = case_create(suite, "claims");
    tcase_add_checked_fixture(claims, folder_enter, folder_leave);
    tcase_add_test(claims, claims_are_listed_and_run);
    tcase_add_test(claims, independent_programs_find_the_same);
    tcase_add_test(claims, verdicts_do_not_depend_on_the_seeds);
    tcase_add_test(claims, a_claim_is_explained);
    tcase_add_test(claims, invalid_claims_are_one_line_errors);
    return suite_run(suite);
}
