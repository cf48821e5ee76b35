// test_generate_saved.c: gptape generate with saved models, its pictures, and every wrong way to ask.

#include "tests/cli/generate_test.h"
#include "tests/gpt/gpt_test.h"

#include <cjson/cJSON.h>

// ------------------------------------------------------------------------------------------------------------
// Saved models

static GPTConfig model_config(void)
{
    GPTConfig config = small_config();
    config.vocab_size = 4;
    config.context_length = 16;
    config.n_layer = 2;
    config.n_embd = 8;
    config.init = INIT_GPT2;
    return config;
}

// Saves it to the folder model and frees both.
static void save(GPT *gpt, Tokenizer *tokenizer)
{
    Error error = {0};
    ck_assert_msg(gpt_save(gpt, tokenizer, "model", &error), "%s", error.message);
    gpt_free(gpt);
    tokenizer_free(tokenizer);
}

static Tokenizer *chars(const char *alphabet)
{
    Error error = {0};
    Tokenizer *tokenizer = tokenizer_chars(alphabet, strlen(alphabet), &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    return tokenizer;
}

START_TEST(a_saved_model_speaks_in_its_own_characters)
{
    save(create_gpt(model_config(), 3), chars("\nab\xc3\xa9"));
    Run run = run_shell("gptape generate --quiet --model model --prompt ab --tokens 40");
    assert_quiet(&run);
    ck_assert_msg(strncmp(run.out, "ab", 2) == 0, "%s", run.out);
    for (const char *at = run.out; *at != '\0'; at += strspn(at, "\nab")) {
        if (strspn(at, "\nab") == 0) {
            ck_assert_msg(strncmp(at, "\xc3\xa9", 2) == 0, "%s", run.out);
            at += 2;
        }
    }
    run_free(&run);
    assert_same("gptape generate --model model --prompt ab --ids", "gptape generate --model model --prompt-ids 1,2 --ids --no-cache");
    assert_same("gptape generate --model model --ids", "gptape generate --model model --prompt-ids 0 --ids");
    assert_different("gptape generate --model model --ids", "gptape generate --model model --ids --seed 4");
}
END_TEST

START_TEST(a_character_it_never_saw_is_named)
{
    save(create_gpt(model_config(), 3), chars("\nabc"));
    assert_fails("gptape generate --model model --prompt 'caf\xc3\xa9'", 2,
                 "--prompt: the text's character 'f' after 2 bytes is not in the alphabet of 4: \\x0aabc");
    assert_fails("gptape generate --model model --prompt \"$(printf 'ab\\377')\"", 2, "--prompt: the text is not UTF-8: byte 0xff at 2\n");
}
END_TEST

// The head of this one always finds end of text the likeliest, with the logit 8 times sure, and sees nothing else.
static void save_one_that_ends(Real sure)
{
    GPTConfig config = model_config();
    config.vocab_size = 50257;
    GPT *gpt = create_gpt(config, 3);
    for (int c = 0; c < config.n_embd; c++) {
        gpt->ln_f.weight->data[c] = 0;
        gpt->ln_f.bias->data[c] = 1;
        gpt->wte.weight->data[50256 * config.n_embd + c] = sure;
    }
    save(gpt, NULL);
}

START_TEST(a_text_ends_at_end_of_text)
{
    save_one_that_ends(1);
    Run run = run_shell("gptape generate --model model --prompt-ids 1,2 --ids --greedy");
    assert_succeeded(&run);
    ck_assert_str_eq(run.out, "50256\n");
    assert_has(&run, run.err, "1 token: the first after ");
    run_free(&run);
}
END_TEST

// Side by side, but printed one after the other, each to its own end: the same ids as in JSON. Here one token in three is the last.
START_TEST(each_sample_ends_at_its_own_end_of_text)
{
    enum { SAMPLES = 40, TOKENS = 6 };
    save_one_that_ends(1.25);
    Run run = run_shell("gptape generate --quiet --model model --prompt-ids 1,2 --ids --samples 40 --tokens 6");
    Run other = run_shell("gptape generate --quiet --model model --prompt-ids 1,2 --json --samples 40 --tokens 6");
    assert_quiet(&run);
    cJSON *json = run_json(&other);
    const cJSON *sample;
    const char *line = run.out;
    int lengths[TOKENS + 1] = {0};
    cJSON_ArrayForEach(sample, cJSON_GetObjectItemCaseSensitive(json, "samples")) {
        const cJSON *ids = cJSON_GetObjectItemCaseSensitive(sample, "ids");
        const cJSON *id;
        int n = 0;
        cJSON_ArrayForEach(id, ids) {
            char expected[16];
            n++;
            bool last = id->valueint == 50256 || n == TOKENS;
            snprintf(expected, sizeof expected, "%d%s", id->valueint, last ? "\n" : ",");
            ck_assert_msg(strncmp(line, expected, strlen(expected)) == 0, "sample of %d ids, id %d: %.20s", n, id->valueint, line);
            line += strlen(expected);
        }
        lengths[n]++;
    }
    ck_assert_str_eq(line, "");
    ck_assert_int_eq(text_lines(run.out), SAMPLES);
    ck_assert(lengths[1] > 0 && lengths[2] > 0 && lengths[TOKENS] > 0);
    cJSON_Delete(json);
    run_free(&run);
    run_free(&other);
}
END_TEST

START_TEST(weights_that_are_not_finite_are_reported)
{
    GPT *gpt = create_gpt(model_config(), 3);
    gpt->ln_f.bias->data[0] = NAN;
    save(gpt, chars("\nabc"));
    Run run = run_shell("gptape generate --quiet --model model");
    assert_one_line_error(&run, 1, "the logits are not finite");
    run_free(&run);
    run = run_shell("gptape generate --quiet --model model --json");
    assert_one_line_error(&run, 1, "the logits are not finite");
    ck_assert_str_eq(run.out, "");
    run_free(&run);
}
END_TEST

START_TEST(a_model_without_tokenizer_takes_ids)
{
    save(create_gpt(model_config(), 3), NULL);
    Run run = run_shell("gptape generate --model model --prompt a");
    ck_assert_int_eq(run.status, 1);
    ck_assert_int_eq(text_lines(run.err), 1);
    run_free(&run);
    run = run_shell("gptape generate --quiet --model model --prompt-ids 1,2 --ids");
    assert_quiet(&run);
    run_free(&run);
    assert_fails("gptape generate --model model --prompt-ids 1,4 --ids", 2, "--prompt-ids: '4' is not an integer between 0 and 3");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Wrong input

static const char *const wrong[][2] = {
    {"gptape generate --attention a.png --samples 2", "--attention: draws one text, but --samples is 2; leave one out"},
    {"gptape generate --attention a.txt", "a.txt: unknown kind of plot"},
    {"gptape generate --config gpt2-124m --prompt-ids 1 --ids --attention a.png --tokens 300",
     "--attention: a page has room for 59 tokens in 12 x 12 maps, not for 301 (expected a smaller --tokens or prompt)"},
    {"gptape generate --tokens 0", "--tokens: '0' is not an integer between 1 and 1000000"},
    {"gptape generate --tokens 1e3", "--tokens: '1e3' is not an integer between 1 and 1000000"},
    {"gptape generate --prompt-ids ''", "--prompt-ids: '' is not an integer between 0 and 255"},
    {"gptape generate --prompt-ids 1,,2", "--prompt-ids: '' is not an integer between 0 and 255"},
    {"gptape generate --prompt-ids 1,2,", "--prompt-ids: '' is not an integer between 0 and 255"},
    {"gptape generate --prompt-ids '1, 2'", "--prompt-ids: ' 2' is not an integer between 0 and 255"},
    {"gptape generate --prompt-ids 1,2x", "--prompt-ids: '2x' is not an integer between 0 and 255"},
    {"gptape generate --prompt-ids -1", "--prompt-ids: '-1' is not an integer between 0 and 255"},
    {"gptape generate --prompt-ids 255,256", "--prompt-ids: '256' is not an integer between 0 and 255"},
    {"gptape generate --prompt-ids 99999999999999999999999999999999",
     "--prompt-ids: '99999999999999999999999999999999' is not an integer between 0 and 255"},
    {"gptape generate --prompt a --prompt-ids 1", "--prompt: only one of --prompt and --prompt-ids can be continued; leave one out"},
    {"gptape generate --config char", "--vocab-size: 65 is too small for a text's bytes (expected at least 256, or --prompt-ids)"},
    {"gptape generate --config char --tokenizer bytes", "--vocab-size: 65 is too small for the 256 tokens of the tokenizer bytes"},
    {"gptape generate --config char --prompt hello", "--vocab-size: 65 is too small for a text's bytes (expected at least 256, or --prompt-ids)"},
    {"gptape generate --samples 0", "--samples: '0' is not an integer between 1 and 1000000"},
    {"gptape generate --temperature 0", "--temperature: '0' is too small (expected above 0; --greedy takes the most likely token each time)"},
    {"gptape generate --temperature -1", "--temperature: '-1' is not a number between 0 and 1000"},
    {"gptape generate --temperature nan", "--temperature: 'nan' is not a number between 0 and 1000"},
    {"gptape generate --temperature 1e999", "--temperature: '1e999' is not a number between 0 and 1000"},
    {"gptape generate --temperature ''", "--temperature: '' is not a number between 0 and 1000"},
    {"gptape generate --top-p 0", "--top-p: '0' is too small (expected above 0; --top-k 1 leaves the most likely token)"},
    {"gptape generate --top-p 1.01", "--top-p: '1.01' is not a number between 0 and 1"},
    {"gptape generate --top-k 0", "--top-k: '0' is not an integer between 1 and 2147483647"},
    {"gptape generate --top-k 1.5", "--top-k: '1.5' is not an integer between 1 and 2147483647"},
    {"gptape generate --greedy --temperature 0.5", "--temperature: for drawing tokens, but --greedy draws none; leave one out"},
    {"gptape generate --greedy --top-k 5", "--top-k: for drawing tokens, but --greedy draws none; leave one out"},
    {"gptape generate --top-p 0.5 --greedy", "--top-p: for drawing tokens, but --greedy draws none; leave one out"},
    {"gptape generate --samples 2 --greedy", "--samples: for drawing tokens, but --greedy draws none; leave one out"},
    {"gptape generate --model model --config char", "--config: for an untrained model; --model model has its own, leave one out"},
    {"gptape generate --model model --n-layer 3", "--n-layer: for an untrained model; --model model has its own, leave one out"},
};

START_TEST(invalid_input_is_a_one_line_error)
{
    assert_fails(wrong[_i][0], 2, wrong[_i][1]);
}
END_TEST

static const char *const impossible[][2] = {
    {"gptape generate --model nowhere", "nowhere"},
    {"mkdir model; gptape generate --model model", "model"},
    {"gptape generate --attention nowhere/a.png", "nowhere/a.png: can't be written"},
    {"gptape generate --vocab-size 50257 --tokenizer gpt2",
     "nowhere: GPT-2's vocabulary is missing (expected vocab.bpe and encoder.json, or merges.txt and vocab.json, or tokenizer.json); 'make vocab' gets it, --vocab names another folder"},
};

START_TEST(impossible_requests_are_one_line_errors)
{
    assert_fails(impossible[_i][0], 1, impossible[_i][1]);
}
END_TEST

// The plot shows prompt and new tokens, with and without a cache the same, and changes nothing of what is printed.
START_TEST(attention_is_drawn)
{
    Run run = run_gptape("generate --config tiny --prompt 'a`b' --tokens 5 --ids --attention a.gp");
    Run without = run_gptape("generate --config tiny --prompt 'a`b' --tokens 5 --ids --no-cache --attention b.gp");
    assert_succeeded(&run);
    assert_has(&run, run.err, "gptape generate: drew a.gp\n");
    ck_assert_str_eq(run.out, without.out);
    run_free(&run);
    run_free(&without);
    Run same = run_shell("cmp a.gp b.gp && grep -c '^plot .map' a.gp && grep -F 'tiny. 8 tokens: a\\0140b' a.gp");
    assert_succeeded(&same);
    assert_has(&same, same.out, "4\n"); // 2 blocks of 2 heads
    run_free(&same);
    Run json = run_gptape("generate --config tiny --tokens 5 --json --attention a.png");
    assert_succeeded(&json);
    run_free(&json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gptape generate --model");
    TCase *tcase = case_create(suite, "generate");
    tcase_add_checked_fixture(tcase, enter, folder_leave);
    tcase_add_test(tcase, a_saved_model_speaks_in_its_own_characters);
    tcase_add_test(tcase, a_character_it_never_saw_is_named);
    tcase_add_test(tcase, a_text_ends_at_end_of_text);
    tcase_add_test(tcase, each_sample_ends_at_its_own_end_of_text);
    tcase_add_test(tcase, attention_is_drawn);
    tcase_add_test(tcase, weights_that_are_not_finite_are_reported);
    tcase_add_test(tcase, a_model_without_tokenizer_takes_ids);
    tcase_add_loop_test(tcase, invalid_input_is_a_one_line_error, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_loop_test(tcase, impossible_requests_are_one_line_errors, 0, sizeof impossible / sizeof impossible[0]);
    return suite_run(suite);
}
