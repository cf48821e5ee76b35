// generate.c: gptape generate: text, one token at a time, from an untrained model.

#include "gpt/cli/cli.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_PROMPT = OPTION_OWN, OPTION_PROMPT_IDS, OPTION_TOKENS, OPTION_GREEDY, OPTION_IDS };

enum {
    BYTES = 256,                                   // a vocabulary of at least this many can hold any text's bytes
    GPT2_VOCABULARY = 50257,
    MOST_TOKENS = 1000000
};

#define DEFAULT_CONFIG "flow"
#define DEFAULT_PROMPT "Every effort moves you"
#define DEFAULT_TOKENS "32"

static struct poptOption generate_options[] = {
    {"prompt", '\0', POPT_ARG_STRING, NULL, OPTION_PROMPT,
     "text to continue (default \"" DEFAULT_PROMPT "\")", "TEXT"},
    {"prompt-ids", '\0', POPT_ARG_STRING, NULL, OPTION_PROMPT_IDS, "token ids to continue, instead of text", "1,2,3"},
    {"tokens", '\0', POPT_ARG_STRING, NULL, OPTION_TOKENS, "how many to add (default " DEFAULT_TOKENS ")", "N"},
    {"greedy", '\0', POPT_ARG_NONE, NULL, OPTION_GREEDY, "take the likeliest token each time; the only way so far", NULL},
    {"ids", '\0', POPT_ARG_NONE, NULL, OPTION_IDS, "print the new tokens' ids instead of text, separated by commas", NULL},
    INCLUDE_OPTIONS(tokenizer_options, "Text (with a --vocab-size other than 50257 the default is bytes, and chars has no alphabet):"),
    INCLUDE_OPTIONS(model_options, "Model (default: --config " DEFAULT_CONFIG " --tied off):"),
    INCLUDE_OPTIONS(shortcut_options, "Shortcuts:"),
    INCLUDE_OPTIONS(seed_options, "Random numbers:"),
    INCLUDE_OPTIONS(run_options, "Running:"),
    POPT_TABLEEND,
};

static const CommandHelp generate_help = {
    .name = "generate",
    .about = "Continues a prompt with an untrained model, whose random weights --seed determines: expect nonsense. A model of\n"
             "GPT-2's 50257 tokens speaks through GPT-2's tokenizer, if its vocabulary is found ('make vocab' gets it). With any\n"
             "other a token is a byte, and one that cannot be printed appears as \\xNN (a backslash as \\\\); a token that the\n"
             "tokenizer does not have appears as its number, <50256>. With a vocabulary below 256 there is no text: give\n"
             "--prompt-ids, and ids are printed, the new ones only, as with --ids.",
    .examples = "  gptape generate\n"
                "  gptape generate --prompt \"Hello, I am\" --tokens 40 --seed 7\n"
                "  gptape generate --prompt-ids 72,101,108 --ids --tokens 8\n"
                "  gptape generate --config char --prompt-ids 1,2,3\n"
                "  gptape generate --config gpt2-124m --tokens 5\n",
    .table = generate_options,
};

// The model asked for. Where nothing is said of it, the head is not tied: an untrained model with a tied head finds the last
// token's embedding most like itself and repeats it for ever.
static bool read_model(const Options *options, const GPTPreset **preset, GPTConfig *config)
{
    bool any = options_given(options, OPTION_CONFIG) || options_given(options, OPTION_TIED);

    if (!options_config(options, DEFAULT_CONFIG, preset, config)) {
        return false;
    }
    config->tied = any ? config->tied : false;
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// The prompt

// Copies prompt into a list with room for n_new more. The caller frees it.
static int *with_room(const int *prompt, int n_prompt, int n_new)
{
    int *ids = memory_allocate(((size_t)n_prompt + (size_t)n_new) * sizeof *ids, "the tokens");
    memcpy(ids, prompt, (size_t)n_prompt * sizeof *ids);
    return ids;
}

static bool prompt_from_text(const Options *options, const Tokenizer *tokenizer, int **prompt, int *n_prompt)
{
    const char *given = options->values[OPTION_PROMPT];
    const char *text = given == NULL ? DEFAULT_PROMPT : given;
    size_t n_ids;
    Error error;

    if (text[0] == '\0') {
        return option_error(options, OPTION_PROMPT, "is empty; give at least one letter to continue");
    }
    if (!tokenizer_encode(tokenizer, text, strlen(text), prompt, &n_ids, &error)) {
        return option_error(options, OPTION_PROMPT, "%s", error.message);
    }
    *n_prompt = (int)n_ids;                        // a command line is shorter than INT_MAX
    return true;
}

static bool read_prompt(const Options *options, const GPTConfig *config, const Tokenizer *tokenizer, int **prompt, int *n_prompt)
{
    if (!options_given(options, OPTION_PROMPT_IDS)) {
        return prompt_from_text(options, tokenizer, prompt, n_prompt);
    }
    return options_int_list(options, OPTION_PROMPT_IDS, NULL, 0, config->vocab_size - 1, prompt, n_prompt);
}

// ------------------------------------------------------------------------------------------------------------
// The tokenizer

// Is there any text, or are there only ids?
static bool has_text(const Options *options, const GPTConfig *config)
{
    bool ids = options_given(options, OPTION_IDS) || options_given(options, OPTION_JSON) || config->vocab_size < BYTES;
    return !options_given(options, OPTION_PROMPT_IDS) || !ids;
}

static bool read_kind(const Options *options, const GPTConfig *config, TokenizerKind *kind)
{
    bool asked = options_given(options, OPTION_TOKENIZER) || options_given(options, OPTION_VOCAB);

    *kind = TOKENIZER_BYTES;
    if (options_given(options, OPTION_PROMPT) && options_given(options, OPTION_PROMPT_IDS)) {
        command_error(options->help->name, "--prompt and --prompt-ids: only one prompt can be continued; leave one out");
        return false;
    }
    if (!asked && !options_given(options, OPTION_PROMPT_IDS) && config->vocab_size < BYTES) {
        command_error(options->help->name, "--prompt: text needs --vocab-size 256 or more for its bytes, and this model has %d; "
                      "give --prompt-ids 1,2,3 instead", config->vocab_size);
        return false;
    }
    if (!asked && (config->vocab_size != GPT2_VOCABULARY || !has_text(options, config))) {
        return true;
    }
    return options_tokenizer_kind(options, TOKENIZER_CHARS, kind);     // those before chars, which has no alphabet here
}

// The caller frees *tokenizer. Returns the exit status.
static int make_tokenizer(const Options *options, const GPTConfig *config, Tokenizer **tokenizer)
{
    TokenizerKind kind;
    Error error;

    *tokenizer = NULL;
    if (!read_kind(options, config, &kind)) {
        return STATUS_USAGE;
    }
    *tokenizer = kind == TOKENIZER_GPT2 ? options_gpt2(options, &error) : tokenizer_bytes();
    if (*tokenizer == NULL) {
        command_error(options->help->name, "%s", error.message);
        return STATUS_FAILED;
    }
    if (has_text(options, config) && config->vocab_size < tokenizer_vocab_size(*tokenizer)) {
        command_error(options->help->name, "--vocab-size %d: is too small for the vocabulary of %d tokens", config->vocab_size,
                      tokenizer_vocab_size(*tokenizer));
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

// ------------------------------------------------------------------------------------------------------------
// The output

// Where tokens go as they come.
typedef struct Output {
    bool ids;                                      // print ids, not text
    bool json;                                     // print nothing until the end
    int printed;
    Speech speech;
} Output;

static bool on_token(int id, void *context)
{
    Output *output = context;

    if (output->json) {
        return true;
    }
    if (output->ids) {
        printf("%s%d", output->printed > 0 ? "," : "", id);
    } else {
        speech_token(&output->speech, id);
    }
    output->printed++;
    fflush(stdout);                                // a large model takes its time for each
    return true;
}

static cJSON *ids_json(const int *ids, int n)
{
    cJSON *array = cJSON_CreateArray();

    for (int i = 0; i < n; i++) {
        cJSON_AddItemToArray(array, cJSON_CreateNumber(ids[i]));
    }
    return array;
}

static void print_json(const GPTConfig *config, uint64_t seed, const int *ids, int n_prompt, int n_new)
{
    cJSON *json = cJSON_CreateObject();

    json_add_config(json, "config", config);
    json_add_count(json, "seed", (double)seed);
    json_add_count(json, "parameters", (double)gpt_cost(config, 1, 1).parameters);
    cJSON_AddItemToObject(json, "prompt_ids", ids_json(ids, n_prompt));
    cJSON_AddItemToObject(json, "ids", ids_json(ids + n_prompt, n_new));
    json_print(json);
}

static void print_notes(const Options *options, const GPTPreset *preset, const GPTConfig *config, const Tokenizer *tokenizer,
                        uint64_t seed, int n_prompt)
{
    char count[NUMBER_TEXT];
    bool changed = options_any_switch(options);

    thousands_text((double)gpt_cost(config, 1, 1).parameters, count);
    command_note(options, "%s%s, %s parameters, untrained: random weights from seed %llu, so expect nonsense", preset->name,
                 changed ? " (changed)" : "", count, (unsigned long long)seed);
    if (config->vocab_size == GPT2_VOCABULARY && has_text(options, config)) {
        options_tokenizer_note(options, tokenizer_kind(tokenizer));
    }
    if (n_prompt > config->context_length) {
        command_note(options, "the prompt's %d tokens exceed the context: the last %d are seen", n_prompt, config->context_length);
    }
}

// ------------------------------------------------------------------------------------------------------------

static int generate_with(GPT *gpt, const Options *options, const Tokenizer *tokenizer, uint64_t seed, const int *prompt,
                         int n_prompt, int n_new)
{
    Output output = {
        .ids = options_given(options, OPTION_IDS) || gpt->config.vocab_size < BYTES,
        .json = options_given(options, OPTION_JSON),
        .speech = {.tokenizer = tokenizer},
    };
    int *ids = with_room(prompt, n_prompt, n_new);
    Tape *tape = tape_create();

    module_train(&gpt->module, false);
    for (int i = 0; i < n_prompt && !output.ids && !output.json; i++) {
        speech_token(&output.speech, ids[i]);
    }
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = n_new;
    config.greedy = true;
    config.on_token = on_token;
    config.context = &output;
    Error error;
    int made = gpt_generate(gpt, &config, NULL, ids, n_prompt, &error);
    if (made != -1 && output.json) {
        print_json(&gpt->config, seed, ids, n_prompt, made);
    } else if (!output.json) {
        speech_end(&output.speech);
        putchar('\n');
    }
    if (made == -1) {
        command_error(options->help->name, "%s", error.message);
    }
    tape_free(tape);
    free(ids);
    return made == -1 ? STATUS_FAILED : STATUS_OK;
}

// The model, if there is memory for it and for what it computes with the longest text it will see; else NULL, and an error.
static GPT *create_model(const GPTConfig *config, uint64_t seed, int n_tokens, Error *error)
{
    int seen = n_tokens < config->context_length ? n_tokens : config->context_length;
    GPTCost cost = gpt_cost(config, 1, seen);

    if (!memory_check(cost.weight_bytes + cost.activation_bytes, "generating with this model", error)) {
        return NULL;
    }
    return gpt_create(config, seed, error);
}

// The prompt is read, then the model is made, which may take long, and speaks.
static int generate_from(const Options *options, const GPTPreset *preset, const GPTConfig *config, const Tokenizer *tokenizer,
                         uint64_t seed, int n_new)
{
    int *prompt;
    int n_prompt;
    Error error;

    if (!read_prompt(options, config, tokenizer, &prompt, &n_prompt)) {
        return STATUS_USAGE;
    }
    GPT *gpt = create_model(config, seed, n_prompt + n_new, &error);
    if (gpt == NULL) {
        command_error(options->help->name, "%s", error.message);
        free(prompt);
        return STATUS_FAILED;
    }
    print_notes(options, preset, config, tokenizer, seed, n_prompt);
    int status = generate_with(gpt, options, tokenizer, seed, prompt, n_prompt, n_new);
    gpt_free(gpt);
    free(prompt);
    return status;
}

static int generate(const Options *options)
{
    const GPTPreset *preset;
    GPTConfig config;
    uint64_t seed;
    int n_new;
    Tokenizer *tokenizer;

    if (!read_model(options, &preset, &config) || !options_seed(options, &seed)
        || !options_threads(options) || !options_int(options, OPTION_TOKENS, DEFAULT_TOKENS, 1, MOST_TOKENS, &n_new)) {
        return STATUS_USAGE;
    }
    int status = make_tokenizer(options, &config, &tokenizer);
    if (status == STATUS_OK) {
        status = generate_from(options, preset, &config, tokenizer, seed, n_new);
    }
    tokenizer_free(tokenizer);
    return status;
}

int command_generate(int argc, const char **argv)
{
    Options options;
    int status;

    if (options_parse(&options, &generate_help, argc, argv, &status)) {
        status = generate(&options);
    }
    options_free(&options);
    return status;
}
