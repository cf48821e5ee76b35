// test_saved.c: gptape gradflow with saved models (saved_test.h).

#include "tests/cli/saved_test.h"
#include "tests/golden/huggingface.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// gradflow --model

// The L2 norm in the CSV row of this parameter; NaN if there is none. Columns are counted from 0.
static double csv_l2(const char *csv, const char *shortcut, const char *name)
{
    enum { COLUMN_NAME = 6, COLUMN_L2 = 9 };
    char start[64];
    char middle[NAME_TEXT + 8];
    snprintf(start, sizeof start, "\n0,%s,", shortcut);
    snprintf(middle, sizeof middle, ",%s,", name);
    for (const char *line = strstr(csv, start); line != NULL; line = strstr(line + 1, start)) {
        const char *at = line;
        for (int column = 0; column < COLUMN_NAME; column++) {
            at = strchr(at + 1, ',');
        }
        if (strncmp(at, middle, strlen(middle)) == 0) {
            for (int column = COLUMN_NAME; column < COLUMN_L2; column++) {
                at = strchr(at + 1, ',');
            }
            return strtod(at + 1, NULL);
        }
    }
    return NAN;
}

// Every parameter's gradient as PyTorch computes it with transformers' model.
START_TEST(gradients_of_a_saved_model_are_pytorchs)
{
    const HuggingFaceModel *golden = &HUGGINGFACE_MODELS[_i];
    char arguments[256];
    snprintf(arguments, sizeof arguments, "gradflow --model hf/%s " GOLDEN_BATCH " --csv - --quiet", golden->folder);
    Run run = run_gptape(arguments);
    assert_quiet(&run);
    int n = 0;
    for (; golden->grads[n].name != NULL; n++) {
        double l2 = csv_l2(run.out, "on", golden->grads[n].name);
        ck_assert_msg(fabs(l2 - golden->grads[n].l2) <= 1e-5 * golden->grads[n].l2, "%s: %s has gradient %.9g, not %.9g", golden->folder,
                      golden->grads[n].name, l2, golden->grads[n].l2);
    }
    ck_assert_int_ge(n, 28);
    run_free(&run);
    snprintf(arguments, sizeof arguments, "gradflow --model hf/%s " GOLDEN_BATCH " --json --quiet", golden->folder);
    cJSON *json = json_of(arguments);
    ck_assert_double_le(fabs(json_number(json, "loss") - golden->loss), 1e-5 * golden->loss);
    cJSON_Delete(json);
}
END_TEST

// As it was saved; both ways only if requested, with a note.
START_TEST(shortcuts_are_those_that_were_saved)
{
    GPTConfig config = byte_config();
    config.shortcut = false;
    Tokenizer *bytes = tokenizer_bytes();
    save_model("plain", config, bytes);
    tokenizer_free(bytes);
    Run run = run_gptape("gradflow --model plain --data text.txt --length 4 --batch 2 --csv - --quiet");
    assert_quiet(&run);
    ck_assert(isfinite(csv_l2(run.out, "off", "wte.weight")));
    ck_assert(isnan(csv_l2(run.out, "on", "wte.weight")));
    run_free(&run);
    run = run_gptape("gradflow --model plain --ids 1,2 --targets 2,3 --shortcut both --csv -");
    assert_succeeded(&run);
    assert_has(&run, run.err,
               "gptape gradflow: plain: 3 layers, 2 heads, width 16, context 8, vocabulary 256, 14,096 parameters; "
               "differs from GPT-2: shortcut off\n");
    assert_has(&run, run.err, "gptape gradflow: these weights were trained without shortcuts; with them this is a different network\n");
    assert_has(&run, run.out, "\n1,on,");
    run_free(&run);
}
END_TEST

// A saved model trains on from its weights: before the first step both report the same.
START_TEST(a_saved_model_says_that_it_is_saved)
{
    Run run = run_gptape("gradflow --model model --steps 1 --quiet");
    assert_succeeded(&run);
    assert_has(&run, run.out, "batch 4 x 8; saved weights\n");
    assert_has(&run, run.out, "(before training, saved weights)");
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gptape gradflow --model");
    TCase *flow = case_create(suite, "gradflow");
    tcase_add_checked_fixture(flow, enter, folder_leave);
    tcase_add_loop_test(flow, gradients_of_a_saved_model_are_pytorchs, 0, HUGGINGFACE_MODEL_COUNT);
    tcase_add_test(flow, shortcuts_are_those_that_were_saved);
    tcase_add_test(flow, a_saved_model_says_that_it_is_saved);
    return suite_run(suite);
}
