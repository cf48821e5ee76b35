// test_eval.c: gptape eval, and models in folders, as a user types them (saved_test.h).

#include "tests/cli/saved_test.h"
#include "tests/golden/huggingface.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Figures

START_TEST(a_model_of_transformers_has_its_loss_and_logits)
{
    const HuggingFaceModel *golden = &HUGGINGFACE_MODELS[_i];
    char arguments[256];
    snprintf(arguments, sizeof arguments, "eval --model hf/%s " GOLDEN_BATCH " --json --quiet", golden->folder);
    cJSON *json = json_of(arguments);
    ck_assert_double_le(fabs(json_number(json, "loss") - golden->loss), 1e-5 * golden->loss);
    ck_assert_double_eq(json_number(json, "tokens"), 12);
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(json, "last_logits");
    ck_assert_int_eq(cJSON_GetArraySize(rows), 2);
    for (int row = 0; row < 2; row++) {
        const cJSON *logits = cJSON_GetArrayItem(rows, row);
        ck_assert_int_eq(cJSON_GetArraySize(logits), HUGGINGFACE_V);
        for (int v = 0; v < HUGGINGFACE_V; v++) {
            double expected = (double)golden->logits[(row * HUGGINGFACE_T + HUGGINGFACE_T - 1) * HUGGINGFACE_V + v];
            ck_assert_double_le(fabs(cJSON_GetArrayItem(logits, v)->valuedouble - expected), 2e-5); // of logits around 3
        }
    }
    cJSON_Delete(json);
}
END_TEST

// The loss that gradflow measures of the same untrained model on the same ids.
START_TEST(an_untrained_model_has_gradflows_loss)
{
    cJSON *eval = json_of("eval --config tiny --seed 4 --ids '1,2,3;4,5,6' --targets '2,3,4;5,6,7' --json");
    cJSON *flow = json_of("gradflow --net gpt --shortcut on --config tiny --seed 4 --ids '1,2,3;4,5,6' --targets '2,3,4;5,6,7' --json");
    ck_assert_double_eq(json_number(eval, "loss"), json_number(flow, "loss"));
    ck_assert_double_le(fabs(json_number(eval, "perplexity") - exp(json_number(eval, "loss"))), 1e-6 * json_number(eval, "perplexity"));
    cJSON_Delete(eval);
    cJSON_Delete(flow);
}
END_TEST

START_TEST(the_loss_of_a_text_is_in_nats_and_bits)
{
    cJSON *json = json_of("eval --model model --data text.txt --json");
    double n = sizeof TEXT - 2;
    ck_assert_double_eq(json_number(json, "tokens"), n);
    ck_assert_double_eq(json_number(json, "bytes"), n);
    ck_assert_double_eq(json_number(json, "windows"), ceil(n / 8));
    double bits = json_number(json, "loss") / log(2);
    ck_assert_double_le(fabs(json_number(json, "bits_per_byte") - bits), 1e-8 * bits);
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "model")), "model");
    cJSON_Delete(json);
}
END_TEST

// The 6 tokens that training would not learn from, and the stories' where no text is named.
START_TEST(a_part_of_a_text)
{
    cJSON *json = json_of("eval --model model --data text.txt --split val --json");
    ck_assert_double_eq(json_number(json, "tokens"), 5);
    cJSON_Delete(json);
    json = json_of("eval --model model --data text.txt --split train --json");
    ck_assert_double_eq(json_number(json, "tokens"), 50);
    cJSON_Delete(json);
    json = json_of("eval --model model --json --quiet");
    ck_assert_double_ge(json_number(json, "tokens"), STORIES_BYTES / 10 - 1000);
    ck_assert_double_le(json_number(json, "tokens"), STORIES_BYTES / 10);
    cJSON_Delete(json);
}
END_TEST

// A character of two bytes counts as one token and two bytes, and the first token's bytes aren't predicted.
START_TEST(bytes_are_those_that_are_predicted)
{
    Error error;
    Tokenizer *chars = tokenizer_chars("\xc3\xa9"
                                       "ab",
                                       4, &error);
    GPTConfig config = small_config();
    config.vocab_size = 3;
    save_model("chars", config, chars);
    tokenizer_free(chars);
    file_write("e.txt",
               "\xc3\xa9"
               "ab\xc3\xa9\xc3\xa9",
               8);
    cJSON *json = json_of("eval --model chars --data e.txt --json");
    ck_assert_double_eq(json_number(json, "tokens"), 4);
    ck_assert_double_eq(json_number(json, "bytes"), 6);
    double bits = json_number(json, "loss") * 4 / 6 / log(2);
    ck_assert_double_le(fabs(json_number(json, "bits_per_byte") - bits), 1e-8 * bits);
    cJSON_Delete(json);
}
END_TEST

START_TEST(what_is_printed_without_json)
{
    Run run = run_gptape("eval --model model --data text.txt --quiet");
    double loss;
    double perplexity;
    double bits;
    int end = 0;
    assert_quiet(&run);
    sscanf(run.out,
           "loss           %lf\nperplexity     %lf\nbits per byte  %lf\n"
           "tokens         56, which are 56 bytes, in 7 windows of 8\n%n",
           &loss, &perplexity, &bits, &end);
    ck_assert_msg(end > 0 && run.out[end] == '\0', "printed %s", run.out);
    run_free(&run);
    cJSON *json = json_of("eval --model model --data text.txt --quiet --json");
    ck_assert_double_eq(loss, json_number(json, "loss"));
    cJSON_Delete(json);
}
END_TEST

START_TEST(info_counts_a_saved_model)
{
    cJSON *json = json_of("info --model hf/untied --json");
    ck_assert_double_eq(json_number(json, "parameters"), 2 * 19 * 8 + 8 * 8 + 2 * (4 * 8 * 8 + 4 * 8 + 2 * 24 * 8 + 24 + 8 + 4 * 8) + 2 * 8);
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "preset")), "hf/untied");
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(json, "config");
    ck_assert_double_eq(json_number(config, "ff_mult"), 3);
    ck_assert(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(config, "tied")));
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(config, "activation")), "relu");
    cJSON_Delete(json);
}
END_TEST

START_TEST(examples_on_its_help_page_work)
{
    int tried = 0;
    ck_assert_int_eq(rename("model", "run"), 0);
    file_write("README.md", TEXT, sizeof TEXT - 1);
    Run help = run_gptape("help eval");
    char *line = strstr(help.out, "\nExamples:\n");
    ck_assert_ptr_nonnull(line);
    line = strtok(line + strlen("\nExamples:\n"), "\n");
    while (line != NULL) {
        succeed(line + strlen("  gptape "));
        tried++;
        line = strtok(NULL, "\n");
    }
    ck_assert_int_eq(tried, 5);
    run_free(&help);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Notes

typedef struct Noted {
    const char *arguments;
    const char *line;
} Noted;

static const Noted noteds[] = {
    {"eval --model model --data text.txt", "gptape eval: model: 3 layers, 2 heads, width 16, context 8, vocabulary 256, 14,096 parameters\n"},
    {"eval --model other --data text.txt",
     "gptape eval: other: 3 layers, 2 heads, width 16, context 8, vocabulary 256, 13,728 parameters; differs from GPT-2: qkv_bias off, "
     "shortcut off, norm none, causal off\n"},
    {"eval --config tiny --n-layer 1 --ids 1 --targets 2", "gptape eval: tiny (changed), untrained: random weights from seed 123\n"},
};

START_TEST(a_note_says_what_is_evaluated)
{
    GPTConfig config = byte_config();
    config.shortcut = false;
    config.norm = NORM_NONE;
    config.causal = false;
    config.qkv_bias = false;
    Tokenizer *bytes = tokenizer_bytes();
    save_model("other", config, bytes);
    tokenizer_free(bytes);
    Run run = run_gptape(noteds[_i].arguments);
    assert_succeeded(&run);
    ck_assert_str_eq(run.err, noteds[_i].line);
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Wrong input

typedef struct Wrong {
    const char *arguments;
    int status;
    const char *line; // all of stderr
} Wrong;

static const Wrong wrongs[] = {
    {"eval --data text.txt --split test", 2, "gptape eval: --split: 'test' is unknown (expected train, val or all)\n"},
    {"eval --ids 1,2", 2, "gptape eval: --targets: missing; --ids and --targets go together\n"},
    {"eval --task copy --data text.txt", 2, "gptape eval: --data: --task draws the batch; leave one out\n"},
    {"eval --task copy --ids 1", 2, "gptape eval: --ids: --task draws the batch; leave one out\n"},
    {"eval --length 4", 2, "gptape eval: --length: for --task only; leave it out\n"},
    {"eval --task sort", 2, "gptape eval: --task: 'sort' is unknown (expected copy, shift:K or modular:K with K up to 65535)\n"},
    {"eval --task modular:300", 2, "gptape eval: --task: modular:300 needs a vocabulary of at least 301 tokens, but the model has 256\n"},
    {"eval --targets 1,2", 2, "gptape eval: --ids: missing; --ids and --targets go together\n"},
    {"eval --ids 1,2 --targets=-1,-1", 2, "gptape eval: --targets: all 2 targets are -1, which are ignored (expected at least one token)\n"},
    {"eval --ids 1,2 --targets 1", 2, "gptape eval: --targets: 1 x 1 tokens, but --ids has 1 x 2\n"},
    {"eval --ids 1,2 --targets 1,2 --data text.txt", 2, "gptape eval: --data: for a text, but --ids gives the whole batch; leave one out\n"},
    {"eval --model model --ids 256 --targets 1", 2, "gptape eval: --ids: '256' is not an integer between 0 and 255\n"},
    {"eval --model model --ids 1,2,3,4,5,6,7,8,9 --targets 1,2,3,4,5,6,7,8,9", 2,
     "gptape eval: --ids: rows of 9 tokens exceed the context length 8\n"},
    {"eval --model model --n-layer 2 --data text.txt", 2,
     "gptape eval: --n-layer: for an untrained model; --model model has its own, leave one out\n"},
    {"eval --model model --shortcut off --data text.txt", 2,
     "gptape eval: --shortcut: for an untrained model; --model model has its own, leave one out\n"},
    {"eval --model model --tokenizer bytes --data text.txt", 2, "gptape eval: --tokenizer: --model model has its own tokenizer; leave one out\n"},
    {"eval --model model --seed 1 --data text.txt", 2,
     "gptape eval: --seed: for an untrained model; with --model nothing is drawn, leave one out\n"},
    {"eval --model model --data missing.txt", 1, "gptape eval: missing.txt: can't be read: No such file or directory\n"},
    {"eval --model model --data short.txt", 1, "gptape eval: the text has 1 token (expected at least 2, to predict one)\n"},
    {"eval --model model --data empty.txt", 1, "gptape eval: empty.txt: is empty\n"},
    {"eval --model chars --data text.txt", 1, "gptape eval: text.txt: the text's character 'E' after 0 bytes is not in the alphabet of 3: abc\n"},
    {"eval --model chars --data binary.txt", 1, "gptape eval: binary.txt: is not UTF-8 text: byte 0xff at 0\n"},
    {"eval --model hf/f32 --data text.txt", 1,
     "gptape eval: hf/f32: has no tokenizer: no gptape_tokenizer.json, no vocab.json with merges.txt, no tokenizer.json\n"},
    {"info --model model --tied off", 2, "gptape info: --tied: for an untrained model; --model model has its own, leave one out\n"},
    {"info --model text.txt", 1, "gptape info: text.txt: is a file (expected the folder that it is in)\n"},
    {"gradflow --model model --seeds 2", 2, "gptape gradflow: --seeds: for untrained networks, but --model model is saved; leave one out\n"},
    {"gradflow --model model --n-layer 2", 2, "gptape gradflow: --n-layer: for an untrained model; --model model has its own, leave one out\n"},
    {"gradflow --model model --net mlp", 2, "gptape gradflow: --model: for --net gpt, but this is --net mlp; leave one out\n"},
    {"gradflow --model model --depth 3", 2, "gptape gradflow: --depth: for --net mlp, but --model is a GPT; leave one out\n"},
    {"gradflow --net gpt --vocab model", 2, "gptape gradflow: --vocab: for --model only; leave it out\n"},
    {"gradflow --model missing", 1, "gptape gradflow: missing: no such folder (expected a model: a folder with config.json)\n"},
    {"gradflow --model model --data short.txt", 1,
     "gptape gradflow: short.txt: is too short: of its 1 token 0 are for training; a row of 8 and the next token need 9\n"},
    {"eval --vocab-size 100 --data text.txt", 2, "gptape eval: --vocab-size: 100 is too small for the 256 tokens of the tokenizer bytes\n"},
};

static void prepare_wrongs(void)
{
    Error error;
    Tokenizer *chars = tokenizer_chars("abc", 3, &error);
    GPTConfig config = small_config();
    save_model("chars", config, chars);
    tokenizer_free(chars);
    file_write("empty.txt", "", 0);
    file_write("short.txt", "a", 1);
    file_write("binary.txt", "\xff\xfe", 2);
}

START_TEST(invalid_input_is_a_one_line_error)
{
    const Wrong *wrong = &wrongs[_i];
    prepare_wrongs();
    char arguments[256];
    snprintf(arguments, sizeof arguments, "%s --quiet", wrong->arguments);
    Run run = run_gptape(arguments);
    ck_assert_msg(run.status == wrong->status, "%s: exited with %d: %s", run.command, run.status, run.err);
    ck_assert_str_eq(run.err, wrong->line);
    ck_assert_str_eq(run.out, "");
    run_free(&run);
}
END_TEST

START_TEST(weights_that_are_not_finite_are_reported)
{
    Error error;
    Tokenizer *bytes = tokenizer_bytes();
    GPTConfig config = byte_config();
    GPT *gpt = gpt_create(&config, 1, &error);
    gpt->ln_f.bias->data[0] = NAN;
    ck_assert_msg(gpt_save(gpt, bytes, "broken", &error), "%s", error.message);
    gpt_free(gpt);
    tokenizer_free(bytes);
    Run run = run_shell("$GPTAPE_BIN eval --quiet --model broken --ids 0,1 --targets 1,0");
    assert_one_line_error(&run, 1, "broken: the loss is not finite");
    ck_assert_str_eq(run.out, "");
    run_free(&run);
    run = run_shell("$GPTAPE_BIN eval --quiet --model broken --data text.txt --split all");
    assert_one_line_error(&run, 1, "broken: the loss is not finite");
    ck_assert_str_eq(run.out, "");
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli/eval");
    TCase *figures = case_create(suite, "figures");
    tcase_add_checked_fixture(figures, enter, folder_leave);
    tcase_add_loop_test(figures, a_model_of_transformers_has_its_loss_and_logits, 0, HUGGINGFACE_MODEL_COUNT);
    tcase_add_test(figures, an_untrained_model_has_gradflows_loss);
    tcase_add_test(figures, the_loss_of_a_text_is_in_nats_and_bits);
    tcase_add_test(figures, a_part_of_a_text);
    tcase_add_test(figures, bytes_are_those_that_are_predicted);
    tcase_add_test(figures, what_is_printed_without_json);
    tcase_add_test(figures, info_counts_a_saved_model);
    tcase_add_test(figures, examples_on_its_help_page_work);

    TCase *notes = case_create(suite, "notes");
    tcase_add_checked_fixture(notes, enter, folder_leave);
    tcase_add_loop_test(notes, a_note_says_what_is_evaluated, 0, sizeof noteds / sizeof noteds[0]);

    TCase *wrong = case_create(suite, "wrong input");
    tcase_add_checked_fixture(wrong, enter, folder_leave);
    tcase_add_loop_test(wrong, invalid_input_is_a_one_line_error, 0, sizeof wrongs / sizeof wrongs[0]);
    tcase_add_test(wrong, weights_that_are_not_finite_are_reported);
    return suite_run(suite);
}
