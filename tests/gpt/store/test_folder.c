// test_folder.c: folders of models: what is saved is loaded, and nothing is lost.

#include "gpt/store/model_files.h"
#include "tests/gpt/store/store_test.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"
#include "tests/support/vocabulary.h"

#include <math.h>
#include <stdlib.h>

static void assert_same_config(const GPTConfig *a, const GPTConfig *b)
{
    ck_assert_int_eq(a->vocab_size, b->vocab_size);
    ck_assert_int_eq(a->context_length, b->context_length);
    ck_assert_int_eq(a->n_layer, b->n_layer);
    ck_assert_int_eq(a->n_head, b->n_head);
    ck_assert_int_eq(a->n_embd, b->n_embd);
    ck_assert_int_eq(a->ff_mult, b->ff_mult);
    ck_assert_double_eq(a->dropout, b->dropout);
    ck_assert_int_eq(a->qkv_bias, b->qkv_bias);
    ck_assert_int_eq(a->tied, b->tied);
    ck_assert_int_eq(a->shortcut, b->shortcut);
    ck_assert_int_eq(a->norm, b->norm);
    ck_assert_int_eq(a->causal, b->causal);
    ck_assert_int_eq(a->activation, b->activation);
    ck_assert_int_eq(a->init, b->init);
}

static void assert_round_trip(GPTConfig config)
{
    GPT *gpt = create_uneven(config);
    save(gpt, NULL, "model");
    GPT *loaded = load("model");
    assert_same_config(&gpt->config, &loaded->config);
    assert_same_weights(gpt, loaded);
    gpt_free(gpt);
    gpt_free(loaded);
}

START_TEST(every_kind_of_model_round_trips)
{
    GPTConfig config = small_config();
    assert_round_trip(config);
    config.tied = false;
    config.dropout = 0.1;
    config.ff_mult = 3;
    assert_round_trip(config);
    config.init = INIT_GPT2;
    config.n_layer = 12;
    assert_round_trip(config);
}
END_TEST

// transformers' gelu is the exact one, and GPT-2's is its gelu_new.
START_TEST(the_two_gelus_have_the_names_of_transformers)
{
    static const struct {
        const char *name;
        Activation activation;
        const char *written;
    } names[] = {
        {"gelu_new", ACTIVATION_GELU, "gelu_new"},
        {"gelu_fast", ACTIVATION_GELU, "gelu_new"},
        {"gelu", ACTIVATION_GELU_ERF, "gelu"},
        {"gelu_python", ACTIVATION_GELU_ERF, "gelu"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[64];
        char part[64];
        char *written;
        size_t n;
        GPTConfig config;
        Error error = {0};
        snprintf(text, sizeof text, "{\"activation_function\": \"%s\"}", names[i].name);
        ck_assert_msg(model_config_parse(text, strlen(text), "config.json", &config, NULL, &error), "%s", error.message);
        ck_assert_int_eq(config.activation, names[i].activation);
        FILE *stream = open_memstream(&written, &n);
        model_config_write(&(ModelConfigFile){.config = &config, .end_of_text = -1}, stream);
        fclose(stream);
        snprintf(part, sizeof part, "\"activation_function\":\t\"%s\"", names[i].written);
        ck_assert_msg(strstr(written, part) != NULL, "no %s in: %s", part, written);
        free(written);
    }
}
END_TEST

// GPT2Config has three probabilities; a model keeps them in its modules, and when it is saved.
START_TEST(three_dropouts_round_trip)
{
    GPTConfig config = small_config();
    GPT *gpt = create_gpt(config, 1);
    Error error = {0};
    model_dropouts_set(gpt, (ModelDropouts){.embd = 0.25, .attn = 0, .resid = 0.5});
    ck_assert(gpt_save(gpt, NULL, "model", &error));
    gpt_free(gpt);
    gpt = load("model");
    ck_assert_double_eq(gpt->config.dropout, 0.5);
    ck_assert_double_eq(gpt->drop.p, 0.25);
    ck_assert_double_eq(gpt->h[0].attn.attn_dropout.p, 0);
    ck_assert_double_eq(gpt->h[1].attn.resid_dropout.p, 0.5);
    ck_assert_double_eq(gpt->h[1].mlp.dropout.p, 0.5);
    gpt_set_dropout(gpt, 0.75);
    ck_assert_double_eq(model_dropouts(gpt).attn, 0.75);
    gpt_free(gpt);
}
END_TEST

// cJSON alone would write 0.888888888888889, which is another number: found by fuzzing.
START_TEST(every_digit_of_a_number_round_trips)
{
    static const double dropouts[] = {0, 0.1, 8.0 / 9, 1.0 / 3, 0.3, 1e-300};
    for (int i = 0; i < 6; i++) {
        GPTConfig config = small_config();
        config.dropout = dropouts[i];
        assert_round_trip(config);
    }
}
END_TEST

START_TEST(settings_that_gpt2_lacks_round_trip_too)
{
    for (int norm = 0; norm < NORM_COUNT; norm++) {
        for (int activation = 0; activation < ACTIVATION_COUNT; activation++) {
            GPTConfig config = small_config();
            config.norm = (Norm)norm;
            config.activation = (Activation)activation;
            config.init = (InitScheme)(activation % INIT_COUNT);
            config.shortcut = activation % 2 == 0;
            config.causal = norm == NORM_PRE;
            config.qkv_bias = activation > 2;
            assert_round_trip(config);
        }
    }
}
END_TEST

static Tokenizer *load_tokenizer(const char *folder)
{
    Error error = {0};
    Tokenizer *tokenizer = tokenizer_load(folder, &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    return tokenizer;
}

static void assert_same_tokenizer(const Tokenizer *a, const Tokenizer *b)
{
    ck_assert_int_eq(tokenizer_kind(a), tokenizer_kind(b));
    ck_assert_int_eq(tokenizer_vocab_size(a), tokenizer_vocab_size(b));
    for (int id = 0; id < tokenizer_vocab_size(a); id++) {
        size_t n_a;
        size_t n_b;
        const char *token_a = tokenizer_token(a, id, &n_a);
        const char *token_b = tokenizer_token(b, id, &n_b);
        ck_assert_uint_eq(n_a, n_b);
        ck_assert_int_eq(memcmp(token_a, token_b, n_a), 0);
    }
}

static void assert_tokenizer_round_trip(const Tokenizer *tokenizer)
{
    GPTConfig config = small_config();
    config.vocab_size = tokenizer_vocab_size(tokenizer);
    GPT *gpt = create_gpt(config, 1);
    save(gpt, tokenizer, "model");
    Tokenizer *loaded = load_tokenizer("model");
    assert_same_tokenizer(tokenizer, loaded);
    tokenizer_free(loaded);
    gpt_free(gpt);
}

START_TEST(the_tokenizer_round_trips)
{
    static const char alphabet[] = "a\0b \"\\\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"; // NUL, quotes, and 2 to 4 bytes
    Error error;
    Tokenizer *bytes = tokenizer_bytes();
    Tokenizer *chars = tokenizer_chars(alphabet, sizeof alphabet - 1, &error);
    ck_assert_ptr_nonnull(chars);
    assert_tokenizer_round_trip(bytes);
    assert_tokenizer_round_trip(chars);
    tokenizer_free(bytes);
    tokenizer_free(chars);
}
END_TEST

// Also by its merges: the same text becomes the same ids.
START_TEST(gpt2s_vocabulary_round_trips)
{
    static const char text[] = "hello hell aaaaab \xc3\xa9 \"\\\x7f\xff";
    Error error = {0};
    int *ids[2];
    size_t n[2];
    vocabulary_write();
    Tokenizer *tokenizer = tokenizer_gpt2(".", &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    assert_tokenizer_round_trip(tokenizer);
    Tokenizer *loaded = load_tokenizer("model");
    ck_assert(tokenizer_encode(tokenizer, text, sizeof text - 1, &ids[0], &n[0], &error));
    ck_assert(tokenizer_encode(loaded, text, sizeof text - 1, &ids[1], &n[1], &error));
    ck_assert_uint_eq(n[0], n[1]);
    ck_assert_uint_lt(n[0], sizeof text - 1);
    ck_assert_mem_eq(ids[0], ids[1], n[0] * sizeof *ids[0]);
    free(ids[0]);
    free(ids[1]);
    tokenizer_free(tokenizer);
    tokenizer_free(loaded);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Nothing is lost

// The weights don't fit on the disk, but the small files do: none of them may be there without the others.
START_TEST(a_full_disk_leaves_the_old_model)
{
    Error error = {0};
    Tokenizer *bytes = tokenizer_bytes();
    GPTConfig config = small_config();
    config.vocab_size = 256;
    GPT *old = create_gpt(config, 1);
    config.n_layer = 4;
    GPT *new = create_gpt(config, 2);
    save(old, NULL, "model");
    files_limit(20000);
    ck_assert(!gpt_save(new, bytes, "model", &error));
    files_limit(SIZE_MAX);
    ck_assert_ptr_nonnull(strstr(error.message, "model/model.safetensors: can't be written: File too large"));
    ck_assert_int_eq(system("test \"$(ls -A model | tr '\\n' ' ')\" = 'config.json model.safetensors '"), 0);
    GPT *loaded = load("model");
    assert_same_weights(old, loaded);
    gpt_free(loaded);
    save(new, bytes, "model");
    loaded = load("model");
    assert_same_weights(new, loaded);
    gpt_free(loaded);
    gpt_free(old);
    gpt_free(new);
    tokenizer_free(bytes);
}
END_TEST

START_TEST(a_path_that_is_not_a_folder_is_reported)
{
    Error error = {0};
    GPT *gpt = create_gpt(small_config(), 1);
    ck_assert_int_eq(system("touch file && mkdir taken taken/config.json"), 0);
    ck_assert(!gpt_save(gpt, NULL, "file", &error));
    ck_assert_str_eq(error.message, "file: is a file (expected a folder)");
    ck_assert(!gpt_save(gpt, NULL, "file/below", &error));
    ck_assert_str_eq(error.message, "file: is a file (expected a folder)");
    ck_assert(!gpt_save(gpt, NULL, "taken", &error));
    ck_assert_ptr_nonnull(strstr(error.message, "taken/config.json: can't be written: Is a directory"));
    ck_assert(!gpt_save(gpt, NULL, "", &error));
    ck_assert_ptr_nonnull(strstr(error.message, "No such file or directory"));
    save(gpt, NULL, "new//deep/./folder/");
    GPT *loaded = load("new/deep/folder");
    assert_same_weights(gpt, loaded);
    gpt_free(loaded);
    gpt_free(gpt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("folder");
    TCase *round = case_create(suite, "there and back");
    tcase_add_checked_fixture(round, folder_enter, folder_leave);
    tcase_add_test(round, every_kind_of_model_round_trips);
    tcase_add_test(round, three_dropouts_round_trip);
    tcase_add_test(round, every_digit_of_a_number_round_trips);
    tcase_add_test(round, the_two_gelus_have_the_names_of_transformers);
    tcase_add_test(round, settings_that_gpt2_lacks_round_trip_too);
    tcase_add_test(round, the_tokenizer_round_trips);
    tcase_add_test(round, gpt2s_vocabulary_round_trips);

    TCase *lost = case_create(suite, "nothing is lost");
    tcase_add_checked_fixture(lost, folder_enter, folder_leave);
    tcase_add_test(lost, a_full_disk_leaves_the_old_model);
    tcase_add_test(lost, a_path_that_is_not_a_folder_is_reported);
    return suite_run(suite);
}
