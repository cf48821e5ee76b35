// test_config.c: presets, the check of a configuration, and the table of its fields.

#include "gpt/base/base.h"
#include "tests/gpt/gpt_test.h"

#include <limits.h>

// ------------------------------------------------------------------------------------------------------------
// Presets

typedef struct Known {
    const char *preset;
    int64_t parameters;
} Known;

// Counted elsewhere: GPT-2's as published models have them, the book's as the book prints it, tiny by hand:
// 32 (256 + 32) + 2 (2 32 + 96 33 + 32 33 + 2 32 + 128 33 + 32 129) + 2 32.
static const Known known[] = {
    {"tiny", 34688},          {"gpt2-124m", 124439808},   {"gpt2-355m", 354823168},
    {"gpt2-774m", 774030080}, {"gpt2-1558m", 1557611200}, {"book-124m", 163009536},
};

START_TEST(presets_have_the_known_numbers_of_parameters)
{
    const GPTPreset *preset = gpt_preset_find(known[_i].preset);

    ck_assert_ptr_nonnull(preset);
    ck_assert_int_eq(gpt_cost(&preset->config, 1, 1).parameters, known[_i].parameters);
}
END_TEST

// The book's count with its head tied, as its text works out.
START_TEST(the_book_tied)
{
    GPTConfig config = gpt_preset_find("book-124m")->config;
    config.tied = true;

    ck_assert_int_eq(gpt_cost(&config, 1, 1).parameters, 124412160);
}
END_TEST

START_TEST(every_preset_is_possible_and_found_by_its_name)
{
    ck_assert_int_ge(gpt_preset_count, 11);
    for (int i = 0; i < gpt_preset_count; i++) {
        Error error = {0};
        ck_assert_msg(gpt_config_check(&gpt_presets[i].config, &error), "%s: %s", gpt_presets[i].name, error.message);
        ck_assert_ptr_eq(gpt_preset_find(gpt_presets[i].name), &gpt_presets[i]);
        ck_assert_int_gt((int)strlen(gpt_presets[i].note), 0);
    }
    ck_assert_ptr_null(gpt_preset_find("gpt2"));
    ck_assert_ptr_null(gpt_preset_find(""));
}
END_TEST

START_TEST(norms_are_named)
{
    ck_assert_str_eq(norm_name(NORM_PRE), "pre");
    ck_assert_str_eq(norm_name(NORM_POST), "post");
    ck_assert_str_eq(norm_name(NORM_NONE), "none");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Impossible configurations. The message names the field, its value and what would be right.

typedef struct Bad {
    void (*spoil)(GPTConfig *config);
    const char *field;
    const char *right;
} Bad;

// clang-format off
static void no_vocabulary(GPTConfig *config) { config->vocab_size = 0; }
static void negative_vocabulary(GPTConfig *config) { config->vocab_size = INT_MIN; }
static void no_context(GPTConfig *config) { config->context_length = 0; }
static void no_layers(GPTConfig *config) { config->n_layer = 0; }
static void negative_layers(GPTConfig *config) { config->n_layer = -3; }
static void no_heads(GPTConfig *config) { config->n_head = 0; }
static void no_width(GPTConfig *config) { config->n_embd = 0; }
static void no_ff(GPTConfig *config) { config->ff_mult = 0; }
static void odd_heads(GPTConfig *config) { config->n_head = 5; }
static void more_heads_than_width(GPTConfig *config) { config->n_head = 17; }
static void dropout_1(GPTConfig *config) { config->dropout = 1; }
static void dropout_negative(GPTConfig *config) { config->dropout = -0.1; }
static void dropout_nan(GPTConfig *config) { config->dropout = NAN; }
static void no_such_norm(GPTConfig *config) { config->norm = NORM_COUNT; }
static void no_such_activation(GPTConfig *config) { config->activation = ACTIVATION_COUNT; }
static void no_such_init(GPTConfig *config) { config->init = INIT_COUNT; }
static void negative_init(GPTConfig *config) { config->init = (InitScheme)-1; }
static void too_wide(GPTConfig *config) { config->n_embd = 1 << 30; }
static void too_wide_inside(GPTConfig *config) { config->ff_mult = INT_MAX; }
// clang-format on

static void too_many(GPTConfig *config)
{
    config->n_embd = 1 << 28;
    config->n_layer = INT_MAX;
}

#define SIZE_RANGE "is not an integer between 1 and 2147483647"

static const Bad bad[] = {
    {no_vocabulary, "vocab_size", "'0' " SIZE_RANGE},
    {negative_vocabulary, "vocab_size", "'-2147483648' " SIZE_RANGE},
    {no_context, "context_length", "'0' " SIZE_RANGE},
    {no_layers, "n_layer", "'0' " SIZE_RANGE},
    {negative_layers, "n_layer", "'-3' " SIZE_RANGE},
    {no_heads, "n_head", "'0' " SIZE_RANGE},
    {no_width, "n_embd", "'0' " SIZE_RANGE},
    {no_ff, "ff_mult", "'0' " SIZE_RANGE},
    {odd_heads, "n_embd", "16 is not a multiple of n_head 5 (try 15 or 20)"},
    {more_heads_than_width, "n_embd", "16 is not a multiple of n_head 17 (try 17)"},
    {dropout_1, "dropout", "'1' is not a number between 0 and 0.999999"},
    {dropout_negative, "dropout", "'-0.1' is not a number between 0 and 0.999999"},
    {dropout_nan, "dropout", "'nan' is not a number between 0 and 0.999999"},
    {no_such_norm, "norm", "'3' is unknown (expected pre, post or none)"},
    {no_such_activation, "activation", "'6' is unknown (expected gelu, "},
    {no_such_init, "init", "'6' is unknown (expected torch, "},
    {negative_init, "init", "'-1' is unknown (expected torch, "},
    {too_wide, "n_embd", "1073741824 is too large: a layer has 4294967296 outputs (expected at most 536870911)"},
    {too_wide_inside, "ff_mult", "2147483647 is too large: with n_embd 16, a layer has "},
    {too_many, "n_embd", "268435456 with n_layer 2147483647 and ff_mult 4 gives "},
};

enum { BAD_COUNT = sizeof bad / sizeof bad[0] };

START_TEST(an_impossible_configuration_is_a_one_line_error)
{
    GPTConfig config = small_config();
    bad[_i].spoil(&config);
    Error error = {0};

    ck_assert(!gpt_config_check(&config, &error));
    ck_assert_str_eq(error.field, bad[_i].field);
    size_t length = strlen(error.field);
    ck_assert_msg(strncmp(error.message, error.field, length) == 0 && strncmp(error.message + length, ": ", 2) == 0, "%s", error.message);
    assert_contains(error.message, bad[_i].right);
    ck_assert_ptr_null(strchr(error.message, '\n'));
}
END_TEST

START_TEST(no_gpt_is_made_of_an_impossible_configuration)
{
    GPTConfig config = small_config();
    gpt_rule(&config); // parsed once, and kept
    bad[_i].spoil(&config);
    Error error = {0};
    size_t requests = memory_requests();

    ck_assert_ptr_null(gpt_create(&config, 1, &error));
    assert_contains(error.message, bad[_i].field);
    ck_assert_uint_eq(memory_requests(), requests);
}
END_TEST

START_TEST(a_gpt_larger_than_any_memory_is_not_created)
{
    GPTConfig config = small_config();
    config.n_embd = 1 << 20;
    config.n_layer = 100;
    gpt_rule(&config); // parsed once, and kept
    Error error = {0};
    size_t requests = memory_requests();

    ck_assert(gpt_config_check(&config, &error));
    ck_assert_ptr_null(gpt_create(&config, 1, &error));
    assert_contains(error.message, "memory");
    ck_assert_uint_le(memory_requests(), requests + 2); // to read how much there is
}
END_TEST

START_TEST(a_good_configuration_leaves_no_message)
{
    GPTConfig config = small_config();
    Error error = {0};

    ck_assert(gpt_config_check(&config, &error));
    ck_assert_str_eq(error.message, "");
}
END_TEST

START_TEST(ids_outside_the_vocabulary_are_reported)
{
    GPTConfig config = small_config();
    const int good[] = {0, 10, 5};
    const int high[] = {0, 11, 5};
    const int low[] = {0, 10, -1};
    Error error = {0};

    ck_assert(gpt_ids_check(&config, good, 3, &error));
    ck_assert(!gpt_ids_check(&config, high, 3, &error));
    assert_contains(error.message, "id 11");
    assert_contains(error.message, "0 to 10");
    ck_assert(gpt_ids_check(&config, high, 1, &error));
    ck_assert(!gpt_ids_check(&config, low, 3, &error));
    assert_contains(error.message, "id -1");
}
END_TEST

// What is shown does not overflow what it is shown in.
START_TEST(long_messages_are_cut)
{
    Error error;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';

    ck_assert(!error_set(&error, "%s", text));
    ck_assert_uint_eq(strlen(error.message), sizeof error.message - 1);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The table of fields

static const ConfigField *field_named(const char *name)
{
    const ConfigField *field = config_field_find(gpt_fields, gpt_field_count, name);
    ck_assert_msg(field != NULL, "no field %s", name);
    return field;
}

START_TEST(each_field_is_written_as_text_and_read_back)
{
    GPTConfig config = gpt_preset_find("book-124m")->config;
    config.dropout = 0.1;
    config.norm = NORM_POST;
    config.causal = false;
    GPTConfig copy = small_config();
    for (int i = 0; i < gpt_field_count; i++) {
        char buffer[FIELD_BUFFER];
        Error error;
        const char *text = config_field_text(&gpt_fields[i], &config, buffer);
        ck_assert_msg(config_field_read(&gpt_fields[i], text, &copy, &error), "%s", error.message);
        ck_assert_msg(config_field_equal(&gpt_fields[i], &config, &copy), "%s: %s", gpt_fields[i].name, text);
    }
    ck_assert_int_eq(copy.n_layer, 12);
    ck_assert_double_eq(copy.dropout, 0.1);
    ck_assert(!copy.qkv_bias && !copy.tied && copy.shortcut && !copy.causal);
    ck_assert_int_eq(copy.norm, NORM_POST);
    ck_assert_int_eq(copy.init, INIT_TORCH);
}
END_TEST

START_TEST(fields_have_their_texts)
{
    GPTConfig config = small_config();
    char buffer[FIELD_BUFFER];
    config.n_embd = INT_MAX;
    config.dropout = 1.0 / 3;
    config.tied = true;
    config.activation = ACTIVATION_GELU_ERF;
    ck_assert_str_eq(config_field_text(field_named("n_embd"), &config, buffer), "2147483647");
    ck_assert_double_eq(strtod(config_field_text(field_named("dropout"), &config, buffer), NULL), 1.0 / 3);
    ck_assert_str_eq(config_field_text(field_named("tied"), &config, buffer), "on");
    ck_assert_str_eq(config_field_text(field_named("activation"), &config, buffer), "gelu_erf");
    ck_assert_ptr_null(config_field_find(gpt_fields, gpt_field_count, "n-embd"));
}
END_TEST

static const struct {
    const char *field;
    const char *text;
} bad_texts[] = {
    {"n_embd", ""},
    {"n_embd", " 8"},
    {"n_embd", "8 "},
    {"n_embd", "0x8"},
    {"n_embd", "8.0"},
    {"n_embd", "1e1"},
    {"n_embd", "--8"},
    {"n_embd", "2147483648"},
    {"n_embd", "99999999999999999999"},
    {"n_embd", "0"},
    {"dropout", ""},
    {"dropout", "nan"},
    {"dropout", "inf"},
    {"dropout", "0x0"},
    {"dropout", "1e400"},
    {"dropout", "-1e-9"},
    {"dropout", "0.1x"},
    {"tied", "true"},
    {"tied", ""},
    {"norm", "Pre"},
    {"norm", ""},
    {"activation", "gelu_"},
};

enum { BAD_TEXTS = sizeof bad_texts / sizeof bad_texts[0] };

START_TEST(an_invalid_value_changes_nothing)
{
    GPTConfig config = small_config();
    GPTConfig before = config;
    Error error = {0};
    ck_assert(!config_field_read(field_named(bad_texts[_i].field), bad_texts[_i].text, &config, &error));
    ck_assert_str_eq(error.field, bad_texts[_i].field);
    for (int i = 0; i < gpt_field_count; i++) {
        ck_assert(config_field_equal(&gpt_fields[i], &config, &before));
    }
}
END_TEST

START_TEST(a_field_may_be_a_text)
{
    GPTConfig config = small_config();
    const ConfigField *field = field_named("residual");
    char buffer[FIELD_BUFFER];
    Error error;
    ck_assert_str_eq(config_field_text(field, &config, buffer), "");
    ck_assert(config_field_read(field, "keel", &config, &error));
    ck_assert_str_eq(config_field_text(field, &config, buffer), "keel");
    ck_assert(!config_field_read(field, "h + g(h)", &config, &error));
    ck_assert_str_eq(error.field, "residual");
    assert_contains(error.message, "residual: column");
    ck_assert_str_eq(config.residual, "keel");
    ck_assert(config_field_read(field, "", &config, &error));
    ck_assert_ptr_null(config.residual);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *presets = case_with_tape(suite, "presets");
    tcase_add_loop_test(presets, presets_have_the_known_numbers_of_parameters, 0, sizeof known / sizeof known[0]);
    tcase_add_test(presets, the_book_tied);
    tcase_add_test(presets, every_preset_is_possible_and_found_by_its_name);
    tcase_add_test(presets, norms_are_named);

    TCase *impossible = case_with_tape(suite, "impossible");
    tcase_add_loop_test(impossible, an_impossible_configuration_is_a_one_line_error, 0, BAD_COUNT);
    tcase_add_loop_test(impossible, no_gpt_is_made_of_an_impossible_configuration, 0, BAD_COUNT);
    tcase_add_test(impossible, a_gpt_larger_than_any_memory_is_not_created);
    tcase_add_test(impossible, a_good_configuration_leaves_no_message);
    tcase_add_test(impossible, ids_outside_the_vocabulary_are_reported);
    tcase_add_test(impossible, long_messages_are_cut);

    TCase *fields = case_create(suite, "fields");
    tcase_add_test(fields, each_field_is_written_as_text_and_read_back);
    tcase_add_test(fields, fields_have_their_texts);
    tcase_add_loop_test(fields, an_invalid_value_changes_nothing, 0, BAD_TEXTS);
    tcase_add_test(fields, a_field_may_be_a_text);
    return suite_run(suite);
}
