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

// Positions that a cache needs: of all tokens but the last, which is not shown any more, or as many as the context holds. 0 for
// no cache: where it is not wanted, not possible, or of no use as the prompt alone exceeds the context.
static int cache_room(const GPTConfig *model, const GenerateConfig *config, int n_ids)
{
    if (!config->cache || !model->causal || n_ids > model->context_length) {
        return 0;
    }
    int left = model->context_length - n_ids;
    int shown = config->n_new > 0 ? config->n_new - 1 : 0;
    return n_ids + (shown < left ? shown : left);
}

double gpt_generate_bytes(const GPTConfig *model, const GenerateConfig *config, int n_ids)
{
    int room = cache_room(model, config, n_ids);
    double last = (double)n_ids + config->n_new - 1;                    // tokens that the last step sees, or would
    bool whole = room == 0 || last > model->context_length;            // is it all computed anew at the end?
    double T = whole ? last : n_ids;
    T = T < model->context_length ? T : model->context_length;
    double logits = 4.0 * (T - 1) * model->vocab_size;                 // which only the last position has here,
    double last_row = 4.0 * model->n_embd;                             // cut out for the head
    return gpt_cost(model, 1, (int)T).activation_bytes - logits + last_row + gpt_cost(model, 1, room).cache_bytes;
}

int gpt_generate(GPT *gpt, const GenerateConfig *config, Random *random, int *ids, int n_ids, Error *error)
{
    if (n_ids < 1) {
        fail_mistake(HERE, "gpt_generate: n_ids is %d; there must be a token to go on from", n_ids);
    }
    if (!config->greedy && random == NULL) {
        fail_mistake(HERE, "gpt_generate: random is NULL; only greedy generation draws nothing");
    }
    gpt_cache_end(gpt);
    int room = cache_room(&gpt->config, config, n_ids);
    if (!generate_config_check(config, error) || (room > 0 && !gpt_cache_begin(gpt, 1, room, error))) {
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
