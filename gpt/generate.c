// generate.c: text one token at a time, one or several samples side by side.

#include "gpt/base/base.h"
#include "gpt/gpt.h"
#include "gpt/kv_cache.h"
#include "nn/mode.h"
#include "tensor/unwind.h"

#include <math.h>
#include <string.h>

const GenerateConfig generate_defaults = {.temperature = 1, .top_k = 0, .top_p = 1, .cache = true, .stop_id = -1};

bool generate_config_check(const GenerateConfig *config, Error *error)
{
    REQUIRE(config);
    if (config->n_new < 0) {
        return error_set(error, "n_new %d is too small (expected 0 or more)", config->n_new);
    }
    if (!(config->temperature > 0) || isinf(config->temperature)) {
        return error_set(error, "temperature %g is invalid (expected above 0 and finite)", config->temperature);
    }
    if (config->top_k < 0) {
        return error_set(error, "top_k %d is too small (expected 1 or more, or 0 for all)", config->top_k);
    }
    if (!(config->top_p > 0 && config->top_p <= 1)) {
        return error_set(error, "top_p %g is invalid (expected above 0 and at most 1)", config->top_p);
    }
    return true;
}

// The state of a generation: B samples of one prompt; those that have not ended continue side by side.
typedef struct GenerateState {
    GPT *gpt;
    const GenerateConfig *config;
    Random *randoms; // (B); NULL if nothing is drawn
    Sampler sampler;
    int *ids; // (B, room): the samples, each with the prompt
    int room;
    int *made; // (B): the tokens of each after the prompt
    int *live; // (n_live): the unfinished samples, in order
    int n_live;
    int *rows;  // (n_live): the row of the logits that belongs to each
    int *shown; // (n_live, T): the model's input
} GenerateState;

static void free_sampler(void *sampler)
{
    sampler_free(sampler);
}

// All of it lasts until the innermost frame ends.
static void state_begin(GenerateState *state, GPT *gpt, const GenerateConfig *config, int B, Random *randoms, int *ids, int n_ids, int *made)
{
    size_t room = (size_t)n_ids + (size_t)config->n_new;
    size_t context = (size_t)gpt->config.context_length;
    *state = (GenerateState){.gpt = gpt, .config = config, .randoms = randoms, .ids = ids, .room = (int)room, .made = made, .n_live = B};
    state->sampler = sampler_create(gpt->config.vocab_size);
    unwind_add(free_sampler, &state->sampler);
    state->live = unwind_allocate((size_t)B, sizeof(int), "the samples");
    state->rows = unwind_allocate((size_t)B, sizeof(int), "the samples");
    state->shown = unwind_allocate((size_t)B * (room < context ? room : context), sizeof(int), "the tokens");
    for (int b = 0; b < B; b++) {
        memmove(ids + (size_t)b * room, ids, (size_t)n_ids * sizeof(int));
        state->live[b] = b;
        state->rows[b] = 0;
        made[b] = 0;
    }
}

static int *token_of(const GenerateState *state, int sample, int n)
{
    return state->ids + (size_t)sample * (size_t)state->room + n;
}

// The logits after the first n tokens of n_rows samples, (n_rows, 1, V). The model's input is what it has not processed yet: with a
// cache the last token, without one all tokens. Once the context is full, the oldest token is dropped each time and every other one moves
// to another position. Positions are learned vectors added to the tokens, so all keys and values change, and a cache
// is no longer of use.
static const Tensor *next_logits(GenerateState *state, int n_rows, int n)
{
    GPT *gpt = state->gpt;
    int left_out = n - gpt->config.context_length;
    if (left_out > 0) {
        gpt_cache_end(gpt);
    }
    int start = left_out > 0 ? left_out : gpt_cache_length(gpt);
    int T = n - start;
    for (int i = 0; i < n_rows; i++) {
        memcpy(state->shown + (size_t)i * (size_t)T, token_of(state, state->live[i], start), (size_t)T * sizeof(int));
    }
    return gpt_forward_last(gpt, state->shown, n_rows, T);
}

// Chooses token n of each unfinished sample. False if one can't be chosen.
static bool choose_tokens(GenerateState *state, const Tensor *logits, int n)
{
    size_t V = (size_t)state->sampler.V;
    for (int i = 0; i < state->n_live; i++) {
        int sample = state->live[i];
        Random *random = state->randoms == NULL ? NULL : &state->randoms[sample];
        int id = sampler_choose(&state->sampler, logits->data + (size_t)state->rows[i] * V, state->config, random);
        if (id == -1) {
            return false;
        }
        *token_of(state, sample, n) = id;
    }
    return true;
}

// Reports token n of each sample, and drops the samples that end with it. False if the callback asks to stop.
static bool tell_tokens(GenerateState *state, int n)
{
    const GenerateConfig *config = state->config;
    int n_left = 0;
    for (int i = 0; i < state->n_live; i++) {
        int sample = state->live[i];
        int id = *token_of(state, sample, n);
        state->made[sample]++;
        if (config->on_token != NULL && !config->on_token(sample, id, config->context)) {
            return false;
        }
        if (id != config->stop_id) {
            state->live[n_left] = sample;
            state->rows[n_left] = state->rows[i];
            n_left++;
        }
    }
    state->n_live = n_left;
    return true;
}

// Appends tokens to the first n of each sample; false if one can't be chosen. The prompt, common to all, is one row; after it each
// unfinished sample has its own.
static bool append_tokens(GenerateState *state, int n)
{
    int n_rows = 1;
    bool more = true;
    for (int i = 0; i < state->config->n_new && more; i++) {
        bool sound = choose_tokens(state, next_logits(state, n_rows, n + i), n + i);
        tape_reset(tape_current());
        if (!sound) {
            return false;
        }
        more = tell_tokens(state, n + i) && state->n_live > 0;
        if (more && state->n_live != n_rows) {
            gpt_cache_select(state->gpt, state->rows, state->n_live);
        }
        n_rows = state->n_live;
        for (int row = 0; row < n_rows; row++) {
            state->rows[row] = row;
        }
    }
    return true;
}

// Positions that a cache needs: all tokens but the last, which is never an input, and at most the context length. 0 for
// no cache: not wanted, not possible, or useless because the prompt alone exceeds the context.
static int cache_room(const GPTConfig *model, const GenerateConfig *config, int n_ids)
{
    if (!config->cache || !model->causal || n_ids > model->context_length) {
        return 0;
    }
    int left = model->context_length - n_ids;
    int shown = config->n_new > 0 ? config->n_new - 1 : 0;
    return n_ids + (shown < left ? shown : left);
}

// The memory of a step on T tokens of B samples: all that training stores, but only the last positions' logits,
// whose rows are cut out for the head.
static double step_bytes(const GPTConfig *model, bool streamed, int B, double T)
{
    if (streamed) {
        GPTConfig one = *model;
        one.n_layer = 1;
        return step_bytes(&one, false, B, T) + (model->n_layer - 1.0) * 4.0 * B * T * model->n_embd;
    }
    T = fmin(T, model->context_length);
    double logits = 4.0 * B * (T - 1) * model->vocab_size;
    double last_rows = 4.0 * B * model->n_embd;
    return gpt_cost(model, B, (int)T).activation_bytes - logits + last_rows;
}

double gpt_generate_bytes(const GPTConfig *model, bool streamed, const GenerateConfig *config, int B, int n_ids)
{
    REQUIRE(model, config);
    int room = cache_room(model, config, n_ids);
    double last = (double)n_ids + config->n_new - 1;        // tokens that the last step sees, or would
    bool whole = room == 0 || last > model->context_length; // is everything recomputed at the end?
    double cache = gpt_cost(model, B, room).cache_bytes;
    double selected = B > 1 ? cache / model->n_layer : 0; // a block's, while samples are copied or left out
    return fmax(step_bytes(model, streamed, 1, n_ids), step_bytes(model, streamed, B, whole ? last : 1)) + cache + selected;
}

int gpt_generate_batch_size(const GPTConfig *model, const GenerateConfig *config, int n_samples, int n_ids)
{
    enum { MOST = 32 };
    const double bytes = 1024.0 * 1048576;
    int B = n_samples < MOST ? n_samples : MOST;
    while (B > 1 && gpt_generate_bytes(model, false, config, B, n_ids) > bytes) {
        B--;
    }
    return B;
}

// ------------------------------------------------------------------------------------------------------------

static void check_call(const char *function, const GPT *gpt, const GenerateConfig *config, const Random *random, const int *ids, int n_ids)
{
    if (gpt == NULL || config == NULL || ids == NULL) {
        fail_mistake(HERE, "%s: %s is NULL", function, gpt == NULL ? "gpt" : config == NULL ? "config" : "ids");
    }
    if (n_ids < 1) {
        fail_mistake(HERE, "%s: n_ids is %d (expected 1 or more)", function, n_ids);
    }
    if (!config->greedy && random == NULL) {
        fail_mistake(HERE, "%s: random is NULL; only greedy generation draws nothing", function);
    }
}

static bool generate(GPT *gpt, const GenerateConfig *config, int B, Random *randoms, int *ids, int n_ids, int *made, Error *error)
{
    int room = cache_room(&gpt->config, config, n_ids);
    GenerateState state;
    int frame = unwind_begin();
    gpt_cache_detach_in_frame(gpt);
    module_train_in_frame(&gpt->module, false);
    tape_no_grad_begin();
    bool done = room == 0 || gpt_cache_begin(gpt, 1, room, error);
    if (done) {
        state_begin(&state, gpt, config, B, randoms, ids, n_ids, made);
        done = append_tokens(&state, n_ids)
            || error_set(error, "the logits are not finite, so no token can be chosen: the model's weights are broken or too large");
    }
    unwind_end(frame);
    return done;
}

int gpt_generate(GPT *gpt, const GenerateConfig *config, Random *random, int *ids, int n_ids, Error *error)
{
    int made;
    check_call("gpt_generate", gpt, config, random, ids, n_ids);
    if (!generate_config_check(config, error) || !generate(gpt, config, 1, random, ids, n_ids, &made, error)) {
        return -1;
    }
    return made;
}

// Where each sample's numbers begin, until the innermost frame ends, and random behind them all.
static Random *random_of_each(Random *random, int B, int n_new)
{
    Random *randoms = unwind_allocate((size_t)B, sizeof *randoms, "the samples");
    for (int b = 0; b < B; b++) {
        randoms[b] = *random;
        for (int i = 0; i < n_new; i++) {
            random_double(random);
        }
    }
    return randoms;
}

bool gpt_generate_samples(GPT *gpt, const GenerateConfig *config, int B, Random *random, int *ids, int n_ids, int *made, Error *error)
{
    REQUIRE(made);
    check_call("gpt_generate_samples", gpt, config, random, ids, n_ids);
    if (B < 1) {
        fail_mistake(HERE, "gpt_generate_samples: B is %d (expected 1 or more)", B);
    }
    if (!generate_config_check(config, error)
        || !memory_check(gpt_generate_bytes(&gpt->config, gpt->stream != NULL, config, B, n_ids), "generating samples side by side", error)) {
        return false;
    }
    int frame = unwind_begin();
    Random *randoms = config->greedy ? NULL : random_of_each(random, B, config->n_new);
    bool done = generate(gpt, config, B, randoms, ids, n_ids, made, error);
    unwind_end(frame);
    return done;
}
