// generate.c: gptape generate: text, one token at a time, from an untrained or a saved model.

#include "gpt/cli/generate.h"

#include <limits.h>
#include <stdlib.h>

enum { MOST_TOKENS = 1000000, MOST_SAMPLES = 1000000 };

#define DEFAULT_TOKENS "32"

static struct poptOption prompt_options[] = {
    {"prompt", '\0', POPT_ARG_STRING, NULL, OPTION_PROMPT,
     "text to continue (default \"" DEFAULT_PROMPT "\", with --model nothing); '' begins a new text", "TEXT"},
    {"prompt-ids", '\0', POPT_ARG_STRING, NULL, OPTION_PROMPT_IDS, "token ids to continue, instead of text", "1,2,3"},
    {"tokens", '\0', POPT_ARG_STRING, NULL, OPTION_TOKENS, "how many to add at most (default " DEFAULT_TOKENS ")", "N"},
    {"ids", '\0', POPT_ARG_NONE, NULL, OPTION_PRINT_IDS, "print the new tokens' ids instead of text, separated by commas", NULL},
    POPT_TABLEEND,
};

static struct poptOption choice_options[] = {
    {"greedy", '\0', POPT_ARG_NONE, NULL, OPTION_GREEDY, "take the likeliest each time, instead of drawing one", NULL},
    {"temperature", '\0', POPT_ARG_STRING, NULL, OPTION_TEMPERATURE,
     "divide the logits by it: below 1 the likely become likelier, above 1 less so (default 1)", "X"},
    {"top-k", '\0', POPT_ARG_STRING, NULL, OPTION_TOP_K, "then draw from the K likeliest only (default: from all)", "K"},
    {"top-p", '\0', POPT_ARG_STRING, NULL, OPTION_TOP_P,
     "then from the likeliest only, as few as have this part of the probability (default 1: from all)", "P"},
    {"samples", '\0', POPT_ARG_STRING, NULL, OPTION_SAMPLES, "so many continuations, made side by side, up to 32 at once (default 1)", "N"},
    {"no-cache", '\0', POPT_ARG_NONE, NULL, OPTION_NO_CACHE,
     "compute every token of the text again for each new one; for comparison: the tokens are the same", NULL},
    POPT_TABLEEND,
};

static struct poptOption generate_options[] = {
    INCLUDE_OPTIONS(prompt_options, "Text:"),
    INCLUDE_OPTIONS(choice_options, "Choosing the next token:"),
    INCLUDE_OPTIONS(saved_model_options, "A saved model:"),
    INCLUDE_OPTIONS(model_options, "Or an untrained one (default: --config " UNTRAINED_CONFIG " --tied off):"),
    INCLUDE_OPTIONS(shortcut_options, "Shortcuts:"),
    INCLUDE_OPTIONS(tokenizer_options, "Its text (with a --vocab-size other than 50257 the default is bytes, and chars has no alphabet):"),
    INCLUDE_OPTIONS(seed_options, "Random numbers (the seed also draws the tokens):"),
    INCLUDE_OPTIONS(run_options, "Running:"),
    POPT_TABLEEND,
};

const CommandHelp generate_help = {
    .name = "generate",
    .about = "Continues a prompt, one token at a time, with a saved model, or with an untrained one whose random weights --seed\n"
             "determines: expect nonsense. Tokens are drawn, and the same --seed draws the same ones; --greedy takes the likeliest.\n"
             "It ends after --tokens, or at the end of the text (GPT-2's <|endoftext|>), or with Ctrl-C.\n"
             "A model of GPT-2's 50257 tokens speaks through GPT-2's tokenizer, if its vocabulary is found ('make vocab' gets it); a\n"
             "saved model has its own. With any other untrained model a token is a byte, and one that cannot be printed appears as\n"
             "\\xNN (a backslash as \\\\); a token that the tokenizer does not have appears as its number, <50256>. With a vocabulary\n"
             "below 256 an untrained model has no text: give --prompt-ids, and ids are printed, the new ones only, as with --ids.",
    .examples = "  gptape generate\n"
                "  gptape generate --prompt \"Hello, I am\" --tokens 40 --seed 7\n"
                "  gptape generate --prompt-ids 72,101,108 --ids --tokens 8 --greedy\n"
                "  gptape generate --samples 3 --temperature 0.8 --top-k 40 --top-p 0.95\n"
                "  gptape generate --config char --prompt-ids 1,2,3\n"
                "  gptape generate --config gpt2-124m --tokens 5\n"
                "  gptape generate --model DIR --prompt \"One day\" --tokens 200\n",
    .table = generate_options,
};

// ------------------------------------------------------------------------------------------------------------
// Options

// Where nothing is drawn, what bears on drawing would be ignored in silence.
static bool check_greedy(const Options *options)
{
    static const int drawing[] = {OPTION_TEMPERATURE, OPTION_TOP_K, OPTION_TOP_P, OPTION_SAMPLES};

    for (size_t i = 0; i < sizeof drawing / sizeof drawing[0]; i++) {
        if (options_given(options, OPTION_GREEDY) && options_given(options, drawing[i])) {
            return option_error(options, drawing[i], "--greedy draws nothing, it takes the likeliest; leave one out");
        }
    }
    return true;
}

static bool read_choice(const Options *options, GenerateConfig *config)
{
    enum { HOTTEST = 1000 };

    config->greedy = options_given(options, OPTION_GREEDY);
    config->cache = !options_given(options, OPTION_NO_CACHE);
    if (!options_double(options, OPTION_TEMPERATURE, NULL, 0, HOTTEST, &config->temperature)
        || !options_int(options, OPTION_TOP_K, NULL, 1, INT_MAX, &config->top_k)
        || !options_double(options, OPTION_TOP_P, NULL, 0, 1, &config->top_p)) {
        return false;
    }
    if (config->temperature == 0) {
        return option_error(options, OPTION_TEMPERATURE, "must be above 0; --greedy takes the likeliest each time");
    }
    if (config->top_p == 0) {
        return option_error(options, OPTION_TOP_P, "must be above 0; --top-k 1 leaves the likeliest only");
    }
    return check_greedy(options);
}

static bool read_options(Generation *generation)
{
    const Options *options = generation->options;
    GenerateConfig *config = &generation->config;

    *config = GENERATE_DEFAULTS;
    return options_seed(options, &generation->seed) && options_threads(options)
        && options_int(options, OPTION_TOKENS, DEFAULT_TOKENS, 1, MOST_TOKENS, &config->n_new)
        && options_int(options, OPTION_SAMPLES, "1", 1, MOST_SAMPLES, &generation->n_samples)
        && read_choice(options, config);
}

// ------------------------------------------------------------------------------------------------------------
// The model

// The untrained model asked for, not yet made. Where nothing is said of it, the head is not tied: an untrained model with a tied head
// finds the last token's embedding most like itself and repeats it for ever.
static bool read_untrained(Generation *generation)
{
    const Options *options = generation->options;
    bool any = options_given(options, OPTION_CONFIG) || options_given(options, OPTION_TIED);

    if (!options_config(options, UNTRAINED_CONFIG, &generation->preset, &generation->model)) {
        return false;
    }
    generation->model.tied = any ? generation->model.tied : false;
    return true;
}

// The saved model, or the configuration of an untrained one. Returns the exit status.
static int find_model(Generation *generation)
{
    int status = STATUS_OK;

    if (!options_given(generation->options, OPTION_MODEL)) {
        return read_untrained(generation) ? STATUS_OK : STATUS_USAGE;
    }
    generation->gpt = options_saved_model(generation->options, 0, &status);
    if (generation->gpt == NULL) {
        return status;
    }
    generation->model = generation->gpt->config;
    return STATUS_OK;
}

int generation_together(const Generation *generation)
{
    return gpt_generate_batch_size(&generation->model, &generation->config, generation->n_samples, generation->n_prompt);
}

// Makes the untrained model, if there is memory for it and for what it will compute. Returns the exit status.
static int make_model(Generation *generation)
{
    int together = generation_together(generation);
    double bytes = gpt_generate_bytes(&generation->model, &generation->config, together, generation->n_prompt);
    Error error;

    if (generation->gpt == NULL) {
        bytes += gpt_cost(&generation->model, 1, 1).weight_bytes;
    }
    bool enough = memory_check(bytes, "generating with this model", &error);
    if (enough && generation->gpt == NULL) {
        generation->gpt = gpt_create(&generation->model, generation->seed, &error);
    }
    if (!enough || generation->gpt == NULL) {
        command_error(generation->options->help->name, "%s", error.message);
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

// The token after which a text ends: the tokenizer's; where only ids are spoken, that of GPT-2 for a vocabulary of its size.
static int stop_id(const Generation *generation)
{
    if (generation->tokenizer != NULL) {
        return tokenizer_end_of_text(generation->tokenizer);
    }
    return generation->model.vocab_size == GPT2_VOCABULARY ? GPT2_END_OF_TEXT : -1;
}

// ------------------------------------------------------------------------------------------------------------

// The prompt is read, then an untrained model is made, which may take long, and speaks.
static int generate(Generation *generation)
{
    if (!read_options(generation)) {
        return STATUS_USAGE;
    }
    int status = find_model(generation);
    if (status == STATUS_OK) {
        status = generation_tokenizer(generation);
    }
    if (status == STATUS_OK) {
        status = generation_prompt(generation);
    }
    if (status == STATUS_OK) {
        generation->config.stop_id = stop_id(generation);
        status = make_model(generation);
    }
    if (status == STATUS_OK) {
        status = generation_speak(generation);
    }
    return status;
}

int command_generate(const Options *options)
{
    Generation generation = {.options = options};
    int status = generate(&generation);

    gpt_free(generation.gpt);
    tokenizer_free(generation.tokenizer);
    free(generation.prompt);
    return status;
}
