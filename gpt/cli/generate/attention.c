// attention.c: the plot of gptape generate --attention: attention weights over the prompt and the generated text.

#include "gpt/base/base.h"
#include "gpt/cli/generate/generate.h"

#include <stdlib.h>

bool generation_attention_check(Generation *generation)
{
    const Options *options = generation->options;
    const GPTConfig *model = &generation->model;
    int most = plot_attention_tokens(model->n_layer, model->n_head);
    int n = generation->n_prompt + generation->config.n_new;
    Error error;
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
    return (plot_path_check(generation->attention, &error) || report_error(options, &error))
        && options_output(options, "attention", generation->attention)
        && (save_path_check(generation->attention, &error) || report_failure(options, &error));
}

static bool draw(const Generation *generation, const int *ids, int T, Error *error)
{
    const GPTConfig *model = &generation->model;
    size_t n = (size_t)model->n_layer * (size_t)model->n_head * (size_t)T * (size_t)T;
    double bytes = (double)n * sizeof(double) + gpt_cost(model, 1, T).activation_bytes;
    if (!memory_check(bytes, "the attention weights", error)) {
        return false;
    }
    double *weights = memory_allocate(n * sizeof *weights, "the attention weights");
    char **tokens = memory_allocate((size_t)T * sizeof *tokens, "the tokens");
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
    bool done = plot_attention(&maps, generation->attention, error);
    for (int t = 0; t < T; t++) {
        free(tokens[t]);
    }
    free(tokens);
    free(weights);
    return done;
}

// Runs the whole text again, or its last context_length tokens if it is longer.
bool generation_attention(const Generation *generation)
{
    int context = generation->model.context_length;
    int T = generation->n_text < context ? generation->n_text : context;
    Error error;
    if (generation->text == NULL) {
        return true;
    }
    if (!draw(generation, generation->text + (generation->n_text - T), T, &error)) {
        return report_failure(generation->options, &error);
    }
    command_note(generation->options, "drew %s", generation->attention);
    return true;
}
