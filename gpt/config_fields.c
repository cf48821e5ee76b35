// config_fields.c: configuration fields by name: GPTConfig's table and check, and text to value and back for any such table.

#include "gpt/gpt.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool set_residual(void *config, const char *text, Error *error)
{
    return gpt_set_residual(config, text, error);
}

#define FIELD(member, type) .name = #member, .kind = (type), .offset = offsetof(GPTConfig, member)
#define SIZE(member) FIELD(member, FIELD_COUNT), .low = 1, .high = INT_MAX, .argument = "N"
#define SWITCH(member) FIELD(member, FIELD_SWITCH), .argument = "on|off"
#define CHOICE(member, words, count) FIELD(member, FIELD_CHOICE), .argument = "NAME", .word = (words), .n_words = (count)

// A new field is one row here, a member of GPTConfig, and the code that uses it.
const ConfigField gpt_fields[] = {
    {SIZE(vocab_size), .standard = "50257", .key = "vocab_size", .help = "number of tokens in the vocabulary"},
    {SIZE(context_length), .standard = "1024", .key = "n_positions", .help = "longest sequence"},
    {SIZE(n_layer), .standard = "12", .key = "n_layer", .help = "number of blocks"},
    {SIZE(n_head), .standard = "12", .key = "n_head", .help = "number of attention heads"},
    {SIZE(n_embd), .standard = "768", .key = "n_embd", .help = "width, a multiple of the number of heads"},
    {SIZE(ff_mult), .standard = "4", .key = "n_inner", .help = "feed-forward width, as a multiple of --n-embd"},
    {FIELD(dropout, FIELD_NUMBER), .low = 0, .high = 0.999999, .standard = "0.1", .key = "resid_pdrop", .argument = "P",
     .help = "dropout probability, used in training only"},
    {SWITCH(qkv_bias), .standard = "on", .help = "biases on query, key and value"},
    {SWITCH(tied), .standard = "on", .key = "tie_word_embeddings", .help = "output head shares the token embedding's weight"},
    {SWITCH(shortcut), .standard = "on", .help = "shortcuts around attention and feed-forward"},
    {CHOICE(norm, norm_name, NORM_COUNT), .standard = "pre", .help = "position of the LayerNorms"},
    {FIELD(residual, FIELD_TEXT), .set = set_residual, .standard = "", .argument = "RULE",
     .help = "residual rule of each sublayer, by name or as a formula, instead of --shortcut and --norm: keel, 'h + f(norm(h))'"},
    {CHOICE(final_norm, final_norm_name, FINAL_NORM_COUNT), .standard = "auto",
     .help = "norm before the output head (auto: if the rule has norms and does not end with one)"},
    {SWITCH(causal), .standard = "on", .help = "a position attends only to itself and to earlier positions"},
    {CHOICE(activation, activation_name, ACTIVATION_COUNT), .standard = "gelu", .key = "activation_function",
     .help = "activation function (gelu is GPT-2's, by tanh)"},
    {CHOICE(init, init_name, INIT_COUNT), .standard = "gpt2", .help = "initialization of the weights"},
};

const int gpt_field_count = sizeof gpt_fields / sizeof gpt_fields[0];

const ConfigField *config_field_find(const ConfigField *fields, int count, const char *name)
{
    REQUIRE(fields, name);
    for (int i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

// ------------------------------------------------------------------------------------------------------------
// Values

double config_field_number(const ConfigField *field, const void *config)
{
    REQUIRE(field, config);
    const void *at = (const char *)config + field->offset;
    switch (field->kind) {
    case FIELD_NUMBER: return *(const double *)at;
    case FIELD_SWITCH: return *(const bool *)at ? 1 : 0;
    default: return *(const int *)at; // an enum is stored as an int
    }
}

void config_field_set(const ConfigField *field, void *config, double value)
{
    REQUIRE(field, config);
    void *at = (char *)config + field->offset;
    switch (field->kind) {
    case FIELD_NUMBER: *(double *)at = value; break;
    case FIELD_SWITCH: *(bool *)at = value != 0; break;
    default: *(int *)at = (int)value;
    }
}

static const char *field_string(const ConfigField *field, const void *config)
{
    const char *text = *(const char *const *)(const void *)((const char *)config + field->offset);
    return text != NULL ? text : "";
}

bool config_field_equal(const ConfigField *field, const void *a, const void *b)
{
    REQUIRE(field, a, b);
    if (field->kind == FIELD_TEXT) {
        return strcmp(field_string(field, a), field_string(field, b)) == 0;
    }
    return config_field_number(field, a) == config_field_number(field, b);
}

static bool is_word(const ConfigField *field, double value)
{
    return value >= 0 && value < field->n_words;
}

bool gpt_field_applies(const ConfigField *field, const GPTConfig *config)
{
    REQUIRE(field, field->name, config);
    bool shorthand = strcmp(field->name, "shortcut") == 0 || strcmp(field->name, "norm") == 0;
    return config->residual == NULL || !shorthand;
}

// ------------------------------------------------------------------------------------------------------------
// Text

const char *config_field_text(const ConfigField *field, const void *config, char buffer[FIELD_BUFFER])
{
    enum { MOST_DIGITS = 17 };
    REQUIRE(field, config);
    if (field->kind == FIELD_TEXT) {
        return field_string(field, config);
    }
    double value = config_field_number(field, config);
    if (field->kind == FIELD_SWITCH) {
        return value != 0 ? "on" : "off";
    }
    if (field->kind == FIELD_CHOICE && is_word(field, value)) {
        return field->word((int)value);
    }
    int digits = field->kind == FIELD_NUMBER ? 1 : MOST_DIGITS;
    do { // as many digits as it takes to be read as the same number
        number_format(buffer, FIELD_BUFFER, "%.*g", digits, value);
        digits++;
    } while (digits <= MOST_DIGITS && number_read(buffer, NULL) != value);
    return buffer;
}

const char *config_field_words(const ConfigField *field, char text[FIELD_WORDS])
{
    REQUIRE(field, text);
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < field->n_words && used < FIELD_WORDS; i++) {
        const char *comma = i == 0 ? "" : i == field->n_words - 1 ? " or " : ", ";
        used += (size_t)snprintf(text + used, FIELD_WORDS - used, "%s%s", comma, field->word(i));
    }
    return text;
}

// "'x' is not an integer between 1 and 65536"
static bool refuse(const ConfigField *field, const char *text, Error *error)
{
    char words[FIELD_WORDS];
    switch (field->kind) {
    case FIELD_COUNT: return error_set_field(error, field->name, "'%.80s' is not an integer between %.0f and %.0f", text, field->low, field->high);
    case FIELD_NUMBER: return error_set_field(error, field->name, "'%.80s' is not a number between %g and %g", text, field->low, field->high);
    case FIELD_SWITCH: return error_set_field(error, field->name, "'%.80s' is not on or off", text);
    default: return error_set_field(error, field->name, "'%.80s' is unknown (expected %s)", text, config_field_words(field, words));
    }
}

bool config_field_check(const ConfigField *field, const void *config, Error *error)
{
    char buffer[FIELD_BUFFER];
    REQUIRE(field, config);
    if (field->kind == FIELD_SWITCH || field->kind == FIELD_TEXT) {
        return true; // any value is valid; a text was checked when it was set
    }
    double value = config_field_number(field, config);
    bool valid = field->kind == FIELD_CHOICE ? is_word(field, value) : value >= field->low && value <= field->high; // NaN is not
    return valid || refuse(field, config_field_text(field, config, buffer), error);
}

// Plain digits only: no spaces, inf, nan or hexadecimal. An integer that overflows is outside any range here.
static bool parse_number(const ConfigField *field, const char *text, double *value)
{
    char *end;
    bool integer = field->kind == FIELD_COUNT;
    if (text[0] == '\0' || text[strspn(text, integer ? "0123456789-" : "0123456789.eE+-")] != '\0') {
        return false;
    }
    *value = integer ? (double)strtoll(text, &end, 10) : number_read(text, &end);
    return end != text && *end == '\0' && *value >= field->low && *value <= field->high;
}

static bool parse_switch(const char *text, double *value)
{
    *value = strcmp(text, "on") == 0;
    return *value != 0 || strcmp(text, "off") == 0;
}

static bool parse(const ConfigField *field, const char *text, double *value)
{
    switch (field->kind) {
    case FIELD_COUNT:
    case FIELD_NUMBER: return parse_number(field, text, value);
    case FIELD_SWITCH: return parse_switch(text, value);
    default:
        for (int i = 0; i < field->n_words; i++) {
            if (strcmp(text, field->word(i)) == 0) {
                *value = i;
                return true;
            }
        }
        return false;
    }
}

bool config_field_read(const ConfigField *field, const char *text, void *config, Error *error)
{
    REQUIRE(field, text, config);
    double value = 0;
    if (field->kind == FIELD_TEXT) {
        if (text[0] == '\0') {
            *(const char **)(void *)((char *)config + field->offset) = NULL;
            return true;
        }
        Error inner;
        return field->set(config, text, &inner) || error_set_field(error, field->name, "%s", inner.message);
    }
    if (!parse(field, text, &value)) {
        return refuse(field, text, error);
    }
    config_field_set(field, config, value);
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// The check

static bool check_rule(const GPTConfig *config, Error *error)
{
    Error inner;
    return config->residual == NULL || residual_rule(config->residual, &inner) != NULL || error_set_field(error, "residual", "%s", inner.message);
}

// Are the rule's constants finite in every block?
static bool check_places(const GPTConfig *config, Error *error)
{
    Error inner;
    return residual_check(gpt_rule(config), config->n_layer, &inner) || error_set_field(error, "residual", "%s", inner.message);
}

// A head is n_embd / n_head wide, so the width must divide evenly; if it does not, name the nearest widths that do.
static bool check_heads(const GPTConfig *config, Error *error)
{
    int remainder = config->n_embd % config->n_head;
    int below = config->n_embd - remainder;
    int64_t above = (int64_t)below + config->n_head;

    if (remainder == 0) {
        return true;
    }
    if (below == 0) {
        return error_set_field(error, "n_embd", "%d is not a multiple of n_head %d (try %d)", config->n_embd, config->n_head, config->n_head);
    }
    return error_set_field(error, "n_embd", "%d is not a multiple of n_head %d (try %d or %lld)", config->n_embd, config->n_head, below,
                           (long long)above);
}

// A tensor's sizes are ints: the widest layer is c_attn with 3 C outputs, or c_fc with ff_mult C.
static bool check_widths(const GPTConfig *config, Error *error)
{
    int widest = config->ff_mult > 3 ? config->ff_mult : 3;
    double outputs = (double)config->n_embd * widest;

    if (config->n_embd <= INT_MAX / widest) {
        return true;
    }
    if (config->ff_mult > config->n_embd) {
        return error_set_field(error, "ff_mult", "%d is too large: with n_embd %d, a layer has %.0f outputs (expected at most %d)", config->ff_mult,
                               config->n_embd, outputs, INT_MAX / config->n_embd);
    }
    return error_set_field(error, "n_embd", "%d is too large: a layer has %.0f outputs (expected at most %d)", config->n_embd, outputs,
                           INT_MAX / widest);
}

// The number of parameters must be exact as a double. The error names the sizes that most of them come from.
static bool check_countable(const GPTConfig *config, Error *error)
{
    double C = config->n_embd;
    double F = C * config->ff_mult;
    double blocks = config->n_layer * (4.0 * C * C + 2.0 * C * F + 5.0 * C + F); // matrices and biases
    for (int half = 0; half < 2; half++) {
        ResidualCost cost = residual_cost(gpt_rule(config), half);
        blocks += config->n_layer * (cost.linears * (C * C + C) + (cost.vectors + cost.norm_vectors) * C + cost.scalars + cost.norm_scalars);
    }
    double tokens = 2.0 * C * config->vocab_size;
    double positions = C * config->context_length;
    double parameters = blocks + tokens + positions + 2.0 * C;
    const char *what = tokens > positions ? "vocab_size" : "context_length";

    if (parameters <= 9e15) {
        return true;
    }
    if (blocks > tokens && blocks > positions) {
        return error_set_field(error, "n_embd", "%d with n_layer %d and ff_mult %d gives %.3g parameters (expected at most 9e15)", config->n_embd,
                               config->n_layer, config->ff_mult, parameters);
    }
    return error_set_field(error, "n_embd", "%d with %s %d gives %.3g parameters (expected at most 9e15)", config->n_embd, what,
                           tokens > positions ? config->vocab_size : config->context_length, parameters);
}

bool gpt_config_check(const GPTConfig *config, Error *error)
{
    REQUIRE(config);
    for (int i = 0; i < gpt_field_count; i++) {
        if (!config_field_check(&gpt_fields[i], config, error)) {
            return false;
        }
    }
    return check_rule(config, error) && check_heads(config, error) && check_widths(config, error) && check_countable(config, error)
        && check_places(config, error);
}
