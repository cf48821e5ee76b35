// test_generate.c: gptape generate as a user types it. Each test runs in an empty folder, where gptape is found as a command.

#include "gpt/gptape.h"
#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void enter(void)
{
    folder_enter();
    make_command();
    ck_assert_int_eq(setenv("GPTAPE_DATA", "nowhere", 1), 0);
}

// Two command lines print the same.
static void assert_same(const char *one, const char *other)
{
    Run first = run_shell(one);
    Run second = run_shell(other);
    assert_succeeded(&first);
    assert_succeeded(&second);
    ck_assert_uint_gt(strlen(first.out), 0);
    ck_assert_msg(strcmp(first.out, second.out) == 0, "%s printed %s, but %s printed %s", one, first.out, other, second.out);
    run_free(&first);
    run_free(&second);
}

static void assert_different(const char *one, const char *other)
{
    Run first = run_shell(one);
    Run second = run_shell(other);
    assert_succeeded(&first);
    assert_succeeded(&second);
    ck_assert_msg(strcmp(first.out, second.out) != 0, "%s and %s printed %s", one, other, first.out);
    run_free(&first);
    run_free(&second);
}

// ------------------------------------------------------------------------------------------------------------
// Text and ids of an untrained model

static int commas(const char *text)
{
    int n = 0;

    for (const char *at = text; *at != '\0'; at++) {
        n += *at == ',';
    }
    return n;
}

START_TEST(same_seed_same_ids)
{
    Run first = run_gptape("generate --ids --tokens 20 --seed 7");
    Run again = run_gptape("generate --seed 7 --tokens 20 --ids");
    Run other = run_gptape("generate --ids --tokens 20 --seed 8");

    assert_succeeded(&first);
    assert_succeeded(&again);
    assert_succeeded(&other);
    ck_assert_int_eq(text_lines(first.out), 1);
    ck_assert_int_eq(commas(first.out), 19);
    ck_assert_uint_eq(strspn(first.out, "0123456789,\n"), strlen(first.out));
    ck_assert_str_eq(first.out, again.out);
    ck_assert_str_ne(first.out, other.out);
    run_free(&first);
    run_free(&again);
    run_free(&other);
}
END_TEST

// The first new token is the same when it is the only one, and a prompt's text is its bytes.
START_TEST(text_is_bytes)
{
    Run text = run_gptape("generate --quiet --ids --tokens 5 --prompt Hi");
    Run ids = run_gptape("generate --quiet --ids --tokens 5 --prompt-ids 72,105");
    Run fewer = run_gptape("generate --quiet --ids --tokens 3 --prompt-ids 72,105");

    assert_quiet(&text);
    assert_quiet(&ids);
    assert_quiet(&fewer);
    ck_assert_str_eq(text.out, ids.out);
    ck_assert_msg(strncmp(fewer.out, ids.out, strlen(fewer.out) - 1) == 0, "%s and %s", fewer.out, ids.out);
    run_free(&text);
    run_free(&ids);
    run_free(&fewer);
}
END_TEST

START_TEST(prints_readable_text)
{
    Run run = run_gptape("generate --prompt 'a\\b' --tokens 30");

    assert_succeeded(&run);
    ck_assert_int_eq(text_lines(run.out), 1);
    ck_assert_msg(strncmp(run.out, "a\\\\b", 4) == 0, "the prompt is missing: %s", run.out);
    for (const char *at = run.out; *at != '\n'; at++) {
        ck_assert_msg(*at >= 0x20 && *at < 0x7f, "an unprintable byte in: %s", run.out);
    }
    ck_assert_int_eq(text_lines(run.err), 2);
    assert_has(&run, run.err, "634,752 parameters, untrained");
    assert_has(&run, run.err, "30 tokens: the first after ");
    assert_has(&run, run.err, " tokens/s");
    run_free(&run);
}
END_TEST

START_TEST(beyond_the_context)
{
    Run run = run_gptape("generate --prompt 'This prompt is longer than thirty-two bytes.' --ids --tokens 3");
    Run tail = run_gptape("generate --prompt ' is longer than thirty-two bytes.' --ids --tokens 3");

    assert_succeeded(&run);
    assert_has(&run, run.err, "the last 32 are used");
    assert_succeeded(&tail);
    ck_assert_str_eq(run.out, tail.out); // both end in the same 32 bytes
    run_free(&run);
    run_free(&tail);
}
END_TEST

START_TEST(one_sample_as_json)
{
    Run run = run_gptape("generate --quiet --json --prompt-ids 1,2,3 --tokens 4 --seed 9");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "prompt_ids")), 3);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "ids")), 4);
    ck_assert_double_eq(json_number(json, "seed"), 9);
    ck_assert_ptr_null(cJSON_GetObjectItemCaseSensitive(json, "text"));
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

// PyTorch's own answer for this model: golden/ch04.json, entry gpt/tiny/seed7, greedy. The two best logits are never
// closer than 0.05 there, so rounding cannot change it.
START_TEST(as_pytorch_does)
{
    Run run = run_gptape("generate --quiet --config book-124m --vocab-size 97 --context-length 16 --n-embd 24 --n-head 3 "
                         "--n-layer 2 --seed 7 --prompt-ids 11,59,72,50,90,95,65,0 --tokens 10 --ids --greedy");

    assert_quiet(&run);
    ck_assert_str_eq(run.out, "22,8,0,72,59,59,87,88,2,2\n");
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Choosing

// What must print the same: pairs of command lines.
static const char *const same[][2] = {
    {"gptape generate --ids", "gptape generate --ids --no-cache"},
    {"gptape generate --ids --greedy --tokens 60", "gptape generate --ids --greedy --tokens 60 --no-cache"},
    {"gptape generate --ids --greedy", "gptape generate --ids --top-k 1"},
    {"gptape generate --ids --greedy", "gptape generate --ids --top-p 1e-9"},
    {"gptape generate --ids --greedy", "gptape generate --ids --temperature 1e-6"},
    {"gptape generate --ids", "gptape generate --ids --top-k 256 --top-p 1 --temperature 1 --samples 1"},
    {"gptape generate --ids --samples 3 | head -n 1", "gptape generate --ids"},
    {"gptape generate --ids --samples 3 --tokens 4 | wc -l | tr -d ' '", "echo 3"},
    {"gptape generate --causal off --ids", "gptape generate --causal off --ids --no-cache"},
    {"gptape generate --ids --seed 5", "gptape generate --ids --seed 5"},
    {"gptape generate --ids --prompt ''", "gptape generate --ids --prompt-ids 10"},
    {"gptape generate --ids --prompt=", "gptape generate --ids --prompt-ids 10"},
};

START_TEST(these_print_the_same)
{
    assert_same(same[_i][0], same[_i][1]);
}
END_TEST

static const char *const different[][2] = {
    {"gptape generate --ids --greedy", "gptape generate --ids"},
    {"gptape generate --ids --temperature 100", "gptape generate --ids"},
    {"gptape generate --ids --top-k 3", "gptape generate --ids"},
    {"gptape generate --ids --top-p 0.2", "gptape generate --ids"},
    {"gptape generate --ids --samples 2 | head -n 1", "gptape generate --ids --samples 2 | tail -n 1"},
};

START_TEST(these_print_something_else)
{
    assert_different(different[_i][0], different[_i][1]);
}
END_TEST

START_TEST(samples_are_set_apart)
{
    Run run = run_shell("gptape generate --samples 2 --tokens 3 --prompt hi 2> /dev/null");
    assert_quiet(&run);
    const char *first = "--- sample 1 of 2 ---\nhi";
    const char *second = strstr(run.out, "\n\n--- sample 2 of 2 ---\nhi");
    ck_assert_msg(strncmp(run.out, first, strlen(first)) == 0 && second != NULL, "%s", run.out);
    run_free(&run);
}
END_TEST

// Nothing but the samples, an empty line between them.
START_TEST(quiet_samples_have_no_headings)
{
    Run quiet = run_shell("gptape generate --quiet --samples 3 --tokens 3 --prompt hi");
    Run run = run_shell("gptape generate --samples 3 --tokens 3 --prompt hi 2> /dev/null | grep -v '^--- sample [123] of 3 ---$'");
    assert_quiet(&quiet);
    ck_assert_ptr_null(strstr(quiet.out, "---"));
    ck_assert_str_eq(quiet.out, run.out);
    run_free(&quiet);
    run_free(&run);
}
END_TEST

START_TEST(json_has_the_text_that_is_printed)
{
    Run text = run_shell("gptape generate --quiet --prompt hi");
    Run run = run_shell("gptape generate --quiet --prompt hi --json");
    cJSON *json = run_json(&run);
    char expected[512];
    snprintf(expected, sizeof expected, "hi%s\n", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "text")));
    ck_assert_str_eq(text.out, expected);
    cJSON_Delete(json);
    run_free(&text);
    run_free(&run);
}
END_TEST

START_TEST(samples_as_json)
{
    Run run = run_shell("gptape generate --quiet --samples 3 --tokens 4 --json");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    const cJSON *samples = cJSON_GetObjectItemCaseSensitive(json, "samples");
    ck_assert_int_eq(cJSON_GetArraySize(samples), 3);
    const cJSON *sample;
    cJSON_ArrayForEach(sample, samples) {
        ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(sample, "ids")), 4);
        ck_assert(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(sample, "text")));
    }
    ck_assert_double_gt(json_number(json, "first_token_ms"), 0);
    ck_assert_double_gt(json_number(json, "tokens_per_s"), 0);
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

START_TEST(causal_off_says_that_nothing_is_kept)
{
    Run run = run_shell("gptape generate --causal off --tokens 2");
    assert_succeeded(&run);
    assert_has(&run, run.err, "--causal off: each new token changes all earlier positions, so no keys and values are cached");
    run_free(&run);
    run = run_shell("gptape generate --causal off --tokens 2 --no-cache");
    ck_assert_ptr_null(strstr(run.err, "--causal"));
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The end

// A program that the shell starts in the background is sent SIGINT once it has said something.
static const struct {
    const char *command;
    int lines;
} interrupts[] = {
    {"gptape generate --quiet --tokens 1000000", 1},
    {"gptape generate --quiet --tokens 1000000 --ids --samples 5", 5},
};

START_TEST(ctrl_c_ends_the_line)
{
    char command[512];
    snprintf(command, sizeof command,
             "%s > out & p=$!; while ! [ -s out ]; do sleep 0.02; done; kill -INT $p; wait $p; echo $?; "
             "tail -c 1 out | od -An -c | tr -d ' '; wc -l < out",
             interrupts[_i].command);
    char expected[64];
    snprintf(expected, sizeof expected, "130\n\\n\n%d\n", interrupts[_i].lines);
    Run run = run_shell(command);
    ck_assert_str_eq(run.err, "");
    ck_assert_msg(strcmp(run.out, expected) == 0, "status, last byte, lines: %s", run.out);
    run_free(&run);
}
END_TEST

START_TEST(ctrl_c_leaves_whole_json)
{
    Run run = run_shell("gptape generate --json --tokens 1000000 > out 2> err & p=$!; while ! [ -s err ]; do sleep 0.02; done; sleep 0.3; "
                        "kill -INT $p; wait $p; cat out");
    cJSON *json = cJSON_Parse(run.out);
    ck_assert_msg(json != NULL || run.out[0] == '\0', "%s", run.out);
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

// Where a closed pipe is an error and no signal, it ends all the same.
START_TEST(it_ends_when_nobody_reads)
{
    Run run = run_shell("(trap '' PIPE; gptape generate --quiet --tokens 1000000 2> err; echo $? > status) | head -c 50 > out; cat status err");
    ck_assert_msg(strncmp(run.out, "1\ngptape: stdout: not everything could be written", 40) == 0, "%s", run.out);
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Saved models

static const GPTConfig small_model = {
    .vocab_size = 4,
    .context_length = 16,
    .n_layer = 2,
    .n_head = 2,
    .n_embd = 8,
    .ff_mult = 4,
    .qkv_bias = true,
    .tied = true,
    .shortcut = true,
    .norm = NORM_PRE,
    .causal = true,
    .activation = ACTIVATION_GELU,
    .init = INIT_GPT2,
};

static GPT *create(const GPTConfig *config)
{
    Error error;
    GPT *gpt = gpt_create(config, 3, &error);
    ck_assert_msg(gpt != NULL, "%s", error.message);
    return gpt;
}

// Saves it to the folder model and frees both.
static void save(GPT *gpt, Tokenizer *tokenizer)
{
    Error error;
    ck_assert_msg(gpt_save(gpt, tokenizer, "model", &error), "%s", error.message);
    gpt_free(gpt);
    tokenizer_free(tokenizer);
}

static Tokenizer *chars(const char *alphabet)
{
    Error error;
    Tokenizer *tokenizer = tokenizer_chars(alphabet, strlen(alphabet), &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    return tokenizer;
}

START_TEST(a_saved_model_speaks_in_its_own_characters)
{
    save(create(&small_model), chars("\nab\xc3\xa9"));
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
    save(create(&small_model), chars("\nabc"));
    Run run = run_shell("gptape generate --model model --prompt 'caf\xc3\xa9'");
    assert_one_line_error(&run, 2, "--prompt: the text's character 'f' after 2 bytes is not in the alphabet of 4: \\x0aabc");
    run_free(&run);
    run = run_shell("gptape generate --model model --prompt \"$(printf 'ab\\377')\"");
    assert_one_line_error(&run, 2, "--prompt: the text is not UTF-8: byte 0xff at 2\n");
    run_free(&run);
}
END_TEST

// The head of this one always finds end of text the likeliest, with the logit 8 times sure, and sees nothing else.
static void save_one_that_ends(Real sure)
{
    GPTConfig config = small_model;
    config.vocab_size = 50257;
    GPT *gpt = create(&config);
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
    GPT *gpt = create(&small_model);
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
    save(create(&small_model), NULL);
    Run run = run_shell("gptape generate --model model --prompt a");
    ck_assert_int_eq(run.status, 1);
    ck_assert_int_eq(text_lines(run.err), 1);
    run_free(&run);
    run = run_shell("gptape generate --quiet --model model --prompt-ids 1,2 --ids");
    assert_quiet(&run);
    run_free(&run);
    run = run_shell("gptape generate --model model --prompt-ids 1,4 --ids");
    assert_one_line_error(&run, 2, "--prompt-ids: '4' is not an integer between 0 and 3");
    run_free(&run);
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
    Suite *suite = suite_create("gptape generate");
    TCase *tcase = case_create(suite, "generate");
    tcase_add_checked_fixture(tcase, enter, folder_leave);
    tcase_add_test(tcase, same_seed_same_ids);
    tcase_add_test(tcase, text_is_bytes);
    tcase_add_test(tcase, prints_readable_text);
    tcase_add_test(tcase, beyond_the_context);
    tcase_add_test(tcase, quiet_samples_have_no_headings);
    tcase_add_test(tcase, one_sample_as_json);
    tcase_add_test(tcase, as_pytorch_does);
    tcase_add_loop_test(tcase, these_print_the_same, 0, sizeof same / sizeof same[0]);
    tcase_add_loop_test(tcase, these_print_something_else, 0, sizeof different / sizeof different[0]);
    tcase_add_test(tcase, samples_are_set_apart);
    tcase_add_test(tcase, json_has_the_text_that_is_printed);
    tcase_add_test(tcase, samples_as_json);
    tcase_add_test(tcase, causal_off_says_that_nothing_is_kept);
    tcase_add_loop_test(tcase, ctrl_c_ends_the_line, 0, sizeof interrupts / sizeof interrupts[0]);
    tcase_add_test(tcase, ctrl_c_leaves_whole_json);
    tcase_add_test(tcase, it_ends_when_nobody_reads);
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
