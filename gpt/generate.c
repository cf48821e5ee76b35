// generate.c: text one token at a time.

#include "gpt/gpt.h"

#include <math.h>

bool generate_config_check(const GenerateConfig *config, Error *error)
{
    if (config->n_new < 0) {
        return error_set(error, "n_new %d: is too small; take 0 or more", config->n_new);
    }
    if (!(config->temperature > 0) || isinf(config->temperature)) {
        return error_set(error, "temperature %g: must be above 0 and finite", config->temperature);
    }
    if (config->top_k < 0) {
        return error_set(error, "top_k %d: is too small; take 1 or more, or 0 for all", config->top_k);
    }
    if (!(config->top_p > 0 && config->top_p <= 1)) {
        return error_set(error, "top_p %g: must be above 0 and at most 1", config->top_p);
    }
    return true;
}

// What a generation walks with.
typedef struct Walk {
    GPT *gpt;
    const GenerateConfig *config;
    Random *random;
    Sampler sampler;
} Walk;

// The id chosen to come after the n in ids; -1 if the logits are not finite. The model is shown what it has not seen: with a cache
// the last token, without one all. Once the context is full, the oldest token is left out each time and every other one moves to
// another position. Positions are learned vectors added to the tokens, so all keys and values change with them, and a cache is
// good for nothing any more.
static int next_token(Walk *walk, const int *ids, int n)
{
    GPT *gpt = walk->gpt;
    int left_out = n - gpt->config.context_length;
    if (left_out > 0) {
        gpt_cache_end(gpt);
    }
    int start = left_out > 0 ? left_out : gpt_cache_length(gpt);
    Tensor *logits = gpt_forward_last(gpt, ids + start, 1, n - start);  // (1, 1, V)
    return sampler_choose(&walk->sampler, logits->data, walk->config, walk->random);
}

// Appends tokens to the n in ids; returns how many, -1 if one can't be chosen.
static int append_tokens(Walk *walk, int *ids, int n)
{
    const GenerateConfig *config = walk->config;
    bool more = true;
    int made = 0;
    while (made < config->n_new && more) {
        int id = next_token(walk, ids, n + made);
        tape_reset(tape_current());
        if (id == -1) {
            return -1;
        }
        ids[n + made] = id;
        made++;
        bool heard = config->on_token == NULL || config->on_token(id, config->context);
        more = heard && id != config->stop_id;
    }
    return made;
}

// A cache with room for all tokens, or for as many as the context holds.
static bool begin_cache(GPT *gpt, const GenerateConfig *config, int n_ids, Error *error)
{
    int context_length = gpt->config.context_length;
    gpt_cache_end(gpt);
    if (!config->cache || !gpt->config.causal || n_ids > context_length) {
        return true;
    }
    bool all = config->n_new <= context_length - n_ids;
    return gpt_cache_begin(gpt, 1, all ? n_ids + config->n_new : context_length, error);
}

int gpt_generate(GPT *gpt, const GenerateConfig *config, Random *random, int *ids, int n_ids, Error *error)
{
    if (n_ids < 1) {
        fail_mistake(HERE, "gpt_generate: n_ids is %d; there must be a token to go on from", n_ids);
    }
    if (!config->greedy && random == NULL) {
        fail_mistake(HERE, "gpt_generate: random is NULL; only greedy generation draws nothing");
    }
    if (!generate_config_check(config, error) || !begin_cache(gpt, config, n_ids, error)) {
        return -1;
    }
    bool training = gpt->module.training;
    module_train(&gpt->module, false);
    tape_no_grad_begin();
    Walk walk = {gpt, config, random, sampler_create(gpt->config.vocab_size)};
    int made = append_tokens(&walk, ids, n_ids);
    sampler_free(&walk.sampler);
    tape_no_grad_end();
    module_train(&gpt->module, training);
    gpt_cache_end(gpt);
    if (made == -1) {
        error_set(error, "the logits are not finite, so no token can be chosen: the model's weights are broken or too large");
    }
    return made;
}
