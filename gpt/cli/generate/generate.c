// generate.c: gptape generate: text, one token at a time, from an untrained or a saved model.

#include "gpt/cli/generate/generate.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TOKENS = 1000000, MOST_SAMPLES = 1000000 };

// Untied: an untrained model with a tied head finds the embedding of the last token most like itself, and repeats that token.
#define DEFAULT_CONFIG "flow-untied"

static const OptionRow prompt_rows[] = {
    {"prompt", "TEXT", NULL, "text to continue (default \"" DEFAULT_PROMPT "\"; with --model nothing); '' begins a new text"},
    {"prompt-ids", "1,2,3", NULL, "token ids to continue, instead of a text"},
    {"tokens", "N", "32", "most tokens to append"},
    {"attention", "FILE", NULL, "draw the attention weights over prompt and new tokens, a map for each head, to FILE.png, .svg, .pdf or .gp"},
    {"ids", NULL, NULL, "print the ids of the new tokens instead of text, separated by commas"},
    {0},
};

static const OptionRow choice_rows[] = {
    {"greedy", NULL, NULL, "take the most likely token each time; draws nothing"},
    {"temperature", "X", "1", "divides the logits: below 1 likely tokens become more likely, above 1 less"},
    {"top-k", "K", NULL, "then draw from the K most likely tokens only (default: from all)"},
    {"top-p", "P", "1", "then draw from the fewest most likely tokens that together have probability P; 1: from all"},
    {"samples", "N", "1", "number of continuations, generated in batches of up to 32"},
    {"no-cache", NULL, NULL, "recompute the whole text for each new token, for comparison: the tokens are the same"},
    {0},
};

static const OptionExclusion generate_exclusions[] = {
    {IF_GIVEN, {"greedy"}, {"temperature", "top-k", "top-p", "samples"}, "for drawing tokens, but --greedy draws none; leave one out"},
    {IF_GIVEN, {"prompt-ids"}, {"prompt"}, "only one of --prompt and --prompt-ids can be continued; leave one out"},
    {0},
};

const CommandHelp generate_help = {
    .name = "generate",
    .summary = "text, one token at a time, from a saved or an untrained model",
    .about = "Continues a prompt, one token at a time, with a saved model, or with an untrained one whose random weights follow\n"
             "from --seed: expect nonsense. The same --seed draws the same tokens; --greedy takes the most likely one each time.\n"
             "Stops after --tokens, at the end of the text (GPT-2's <|endoftext|>), or on Ctrl-C.\n"
             "A model of GPT-2's 50257 tokens uses GPT-2's tokenizer, if its vocabulary is found ('make vocab' gets it); a\n"
             "saved model has its own. With any other untrained model a token is a byte; unprintable bytes appear as\n"
             "\\xNN (a backslash as \\\\); tokens unknown to the tokenizer appear as their number, <50256>. With a vocabulary\n"
             "below 256, an untrained model has no text: give --prompt-ids; only the ids of new tokens are printed, as with --ids.",
    .examples = "  gptape generate\n"
                "  gptape generate --prompt \"Hello, I am\" --tokens 40 --seed 7\n"
                "  gptape generate --prompt-ids 72,101,108 --ids --tokens 8 --greedy\n"
                "  gptape generate --samples 3 --temperature 0.8 --top-k 40 --top-p 0.95\n"
                "  gptape generate --config tiny --tokens 10 --attention attention.png\n"
                "  gptape generate --config char --prompt-ids 1,2,3\n"
                "  gptape generate --config gpt2-124m --tokens 5\n"
                "  gptape generate --stream on --tokens 2 --greedy\n"
                "  gptape generate --model DIR --prompt \"One day\" --tokens 200\n",
    .groups =
        {
            {.title = "Text:", .rows = prompt_rows},
            {.title = "Choosing the next token:", .rows = choice_rows},
            {.title = "A saved model:", .rows = saved_model_rows},
            MODEL_GROUP("Or an untrained one (default: --config " DEFAULT_CONFIG "):"),
            {.title = "In less memory than the weights need:", .rows = stream_rows},
            {.title = "Its tokenizer (default: bytes if --vocab-size is not 50257; chars has no alphabet):", .rows = tokenizer_rows},
            {.title = "Random numbers (the seed also draws the tokens):", .rows = seed_rows},
        },
    .computes = true,
    .exclusions = generate_exclusions,
};

// ------------------------------------------------------------------------------------------------------------
// Options

static bool read_choice(const Options *options, GenerateConfig *config)
{
    enum { HOTTEST = 1000 };
    config->greedy = options_given(options, "greedy");
    config->cache = !options_given(options, "no-cache");
    if (!options_double(options, "temperature", 0, HOTTEST, &config->temperature) || !options_int(options, "top-k", 1, INT_MAX, &config->top_k)
        || !options_double(options, "top-p", 0, 1, &config->top_p)) {
        return false;
    }
    if (config->temperature == 0) {
        return option_error(options, "temperature", "'0' is too small (expected above 0; --greedy takes the most likely token each time)");
    }
    if (config->top_p == 0) {
        return option_error(options, "top-p", "'0' is too small (expected above 0; --top-k 1 leaves the most likely token)");
    }
    return true;
}

static bool read_options(Generation *generation)
{
    const Options *options = generation->options;
    GenerateConfig *config = &generation->config;
    *config = GENERATE_DEFAULTS;
    return options_seed(options, &generation->seed) && options_int(options, "tokens", 1, MOST_TOKENS, &config->n_new)
        && options_int(options, "samples", 1, MOST_SAMPLES, &generation->n_samples) && read_choice(options, config);
}

static bool given(const Generation *generation, const char *option)
{
    return options_given(generation->options, option);
}

// ------------------------------------------------------------------------------------------------------------
// The tokenizer

static bool generation_tokenizer(Generation *generation)
{
    const Options *options = generation->options;
    int V = generation->model.vocab_size;
    generation->ids_only = !given(generation, "model") && V < BYTES;
    generation->is_text = !given(generation, "ids") && !given(generation, "json") && !generation->ids_only;
    bool asked = !given(generation, "model") && options_tokenizer_given(options);
    TokenizerKind kind;
    if (given(generation, "prompt-ids") && !generation->is_text) { // no text anywhere
        return !asked || options_tokenizer_kind(options, TOKENIZER_CHARS, &kind);
    }
    if (!asked && generation->ids_only) {
        return option_error(options, "vocab-size", "%d is too small for a text's bytes (expected at least 256, or --prompt-ids)", V);
    }
    generation->tokenizer = options_model_tokenizer(options, V);
    return generation->tokenizer != NULL;
}

// ------------------------------------------------------------------------------------------------------------
// The prompt

// What an empty prompt continues: the end of another text, or of a line.
static int beginning(const Tokenizer *tokenizer)
{
    int end_of_text = tokenizer_end_of_text(tokenizer);
    AUTO_FREE int *newline = NULL;
    size_t n;
    Error error;
    if (end_of_text != -1) {
        return end_of_text;
    }
    bool has_lines = tokenizer_encode(tokenizer, "\n", 1, &newline, &n, &error);
    return has_lines ? newline[0] : 0; // else the alphabet's first character
}

static void begin_with_nothing(Generation *generation)
{
    generation->prompt = memory_allocate(sizeof(int), "the prompt");
    generation->prompt[0] = beginning(generation->tokenizer);
    generation->n_prompt = 1;
    generation->prompt_hidden = true;
}

static bool prompt_from_text(Generation *generation)
{
    const Options *options = generation->options;
    const char *text = options_text(options, "prompt");
    size_t n_ids;
    Error error;
    if (text == NULL) {
        text = given(generation, "model") ? "" : DEFAULT_PROMPT;
    }
    if (text[0] == '\0') {
        begin_with_nothing(generation);
        return true;
    }
    if (!tokenizer_encode(generation->tokenizer, text, strlen(text), &generation->prompt, &n_ids, &error)) {
        return option_error(options, "prompt", "%s", error.message);
    }
    options_special_note(options, generation->tokenizer, tokenizer_count_special(generation->tokenizer, text, strlen(text)));
    generation->n_prompt = (int)n_ids; // a command line is shorter than INT_MAX
    return true;
}

static bool generation_prompt(Generation *generation)
{
    int last = generation->model.vocab_size - 1;
    const char *ids = options_text(generation->options, "prompt-ids");
    return ids != NULL ? options_ints_of(generation->options, "prompt-ids", ids, 0, last, &generation->prompt, &generation->n_prompt)
                       : prompt_from_text(generation);
}

// ------------------------------------------------------------------------------------------------------------
// The model

// The saved model, or the configuration of an untrained one.
static bool find_model(Generation *generation)
{
    if (!options_given(generation->options, "model")) {
        return options_config(generation->options, DEFAULT_CONFIG, &generation->preset, &generation->model);
    }
    generation->gpt = options_saved_model(generation->options, NULL, 1);
    if (generation->gpt != NULL) {
        generation->model = generation->gpt->config;
    }
    return generation->gpt != NULL;
}

// The memory of the process, for a streamed or a held model. A saved model already has its weights in memory, or one block's.
static double bytes_needed(const Generation *generation, bool streamed)
{
    const GPTConfig *model = &generation->model;
    int together = generation_together(generation);
    int n = generation->n_prompt;
    double weights = streamed ? gpt_streamed_weight_bytes(model) : gpt_cost(model, 1, 1).weight_bytes;
    double step = gpt_generate_bytes(model, streamed, &generation->config, together, n);
    return step + (generation->gpt == NULL ? weights : 0);
}

// Makes the untrained model, if there is memory for it and for what it will compute.
static bool make_model(Generation *generation)
{
    const Options *options = generation->options;
    bool streamed = generation->gpt != NULL && generation->gpt->stream != NULL;
    Error error;
    if (generation->gpt == NULL && !options_stream(options, bytes_needed(generation, false), &streamed)) {
        return false;
    }
    if (streamed && generation->attention != NULL) {
        return options_stream_refused(options, "attention", "needs all blocks at once");
    }
    bool enough = memory_check(bytes_needed(generation, streamed), "generating with this model", &error);
    if (enough && generation->gpt == NULL) {
        generation->gpt = (streamed ? gpt_create_streamed : gpt_create)(&generation->model, generation->seed, &error);
    }
    return (enough && generation->gpt != NULL) || report_failure(options, &error);
}

// The token after which a text ends: the tokenizer's; with ids only, GPT-2's for a vocabulary of its size.
static int stop_id(const Generation *generation)
{
    if (generation->tokenizer != NULL) {
        return tokenizer_end_of_text(generation->tokenizer);
    }
    return generation->model.vocab_size == GPT2_VOCABULARY ? GPT2_END_OF_TEXT : -1;
}

// ------------------------------------------------------------------------------------------------------------
// The plot of the attention weights

static bool generation_attention_check(Generation *generation)
{
    const Options *options = generation->options;
    const GPTConfig *model = &generation->model;
    int most = plot_attention_tokens(model->n_layer, model->n_head);
    int n = generation->n_prompt + generation->config.n_new;
    generation->attention = options_text(options, "attention");
    if (generation->attention == NULL) {
        return true;
    }
    n = n < model->context_length ? n : model->context_length;
    if (generation->n_samples > 1) {
        return option_error(options, "attention", "draws one text, but --samples is %d; leave one out", generation->n_samples);
    }
    if (n > most) {
        return option_error(options, "attention",
                            "a page has room for %d tokens in %d x %d maps, not for %d (expected a smaller --tokens or prompt)", most,
                            model->n_layer, model->n_head, n);
    }
    return options_output_file(options, "attention", generation->attention, plot_path_check);
}

// Runs the whole text again, or its last context_length tokens if it is longer.
static bool draw_attention(const Generation *generation, Error *error)
{
    const GPTConfig *model = &generation->model;
    int T = generation->n_text < model->context_length ? generation->n_text : model->context_length;
    const int *ids = generation->text + (generation->n_text - T);
    size_t n = (size_t)model->n_layer * (size_t)model->n_head * (size_t)T * (size_t)T;
    double bytes = (double)n * sizeof(double) + gpt_cost(model, 1, T).activation_bytes;
    if (!memory_check(bytes, "the attention weights", error)) {
        return false;
    }
    AUTO_FREE double *weights = memory_allocate(n * sizeof *weights, "the attention weights");
    AUTO_FREE char **tokens = memory_allocate((size_t)T * sizeof *tokens, "the tokens");
    for (int t = 0; t < T; t++) {
        tokens[t] = generation_text(generation, &ids[t], 1);
    }
    gpt_attention_weights(generation->gpt, ids, T, weights);
    AttentionMaps maps = {.weights = weights,
                          .n_layer = model->n_layer,
                          .n_head = model->n_head,
                          .T = T,
                          .causal = model->causal,
                          .tokens = (const char *const *)tokens,
                          .caption = generation->preset != NULL ? generation->preset->name : options_text(generation->options, "model")};
    bool done = note_drawn(generation->options, generation->attention, plot_attention(&maps, generation->attention, error));
    for (int t = 0; t < T; t++) {
        free(tokens[t]);
    }
    return done;
}

// ------------------------------------------------------------------------------------------------------------

// Notes the folder's settings for generation, which only options set here.
static void note_settings(const Generation *generation)
{
    const char *folder = options_text(generation->options, "model");
    AUTO_FREE char *settings = NULL;
    Error error;
    if (folder != NULL && gpt_generation_settings(folder, generation->config.stop_id, &settings, &error) && settings[0] != '\0') {
        command_note(generation->options, "%s: its generation settings are ignored (only options apply): %.600s", folder, settings);
    }
}

// The prompt is read, then an untrained model is made, which may take long, and prints its tokens.
static bool generate(Generation *generation)
{
    Error error;
    if (!read_options(generation) || !find_model(generation) || !generation_tokenizer(generation) || !generation_prompt(generation)
        || !generation_attention_check(generation)) {
        return false;
    }
    generation->config.stop_id = stop_id(generation);
    note_settings(generation);
    return make_model(generation) && generation_print(generation)
        && (generation->attention == NULL || draw_attention(generation, &error) || report_failure(generation->options, &error));
}

int command_generate(const Options *options)
{
    Generation generation = {.options = options};
    bool done = generate(&generation);
    gpt_free(generation.gpt);
    tokenizer_free(generation.tokenizer);
    free(generation.prompt);
    free(generation.text);
    return command_status(done);
}
