// gpt.c: the model: embeddings, blocks, head.

#include "gpt/base/base.h"
#include "gpt/gpt.h"
#include "gpt/kv_cache.h"
#include "gpt/stream.h"
#include "tensor/unwind.h"

#include <stdio.h>
#include <stdlib.h>

// The memory of a block besides its weights: modules, names, tensors. Matters only with tiny weights and very many blocks.
static const double BLOCK_BYTES = 8192;

static const ModuleKind gpt_kind = {.name = "GPT"};

// Untouched memory costs nothing, so streamed blocks are created like others, and their memory is then freed.
static void build_blocks(GPT *gpt, bool streamed)
{
    const GPTConfig *config = &gpt->config;
    gpt->h = memory_allocate_zeroed((size_t)config->n_layer, sizeof(Block), "the blocks");
    for (int i = 0; i < config->n_layer; i++) {
        char name[32];
        snprintf(name, sizeof name, "h.%d", i);
        block_init(&gpt->h[i], &gpt->module, name, config, i, &gpt->random);
        if (streamed) {
            module_drop_memory(&gpt->h[i].module, false);
        }
    }
}

static void build(GPT *gpt, bool streamed)
{
    const GPTConfig *config = &gpt->config;
    module_init(&gpt->module, &gpt_kind, NULL, "");
    embedding_init(&gpt->wte, &gpt->module, "wte", config->vocab_size, config->n_embd);
    embedding_init(&gpt->wpe, &gpt->module, "wpe", config->context_length, config->n_embd);
    dropout_init(&gpt->drop, &gpt->module, "drop", config->dropout, &gpt->random);
    build_blocks(gpt, streamed);
    if (gpt_has_final_norm(config)) {
        layernorm_init(&gpt->ln_f, &gpt->module, "ln_f", config->n_embd);
    }
    if (!config->tied) {
        linear_init(&gpt->lm_head, &gpt->module, "lm_head", config->n_embd, config->vocab_size, false);
    }
}

static void free_undo(void *gpt)
{
    gpt_free(gpt);
}

// gpt_create_blank; streamed: blocks without memory.
static GPT *create_unfilled(const GPTConfig *config, bool streamed, Error *error)
{
    REQUIRE(config);
    if (!gpt_config_check(config, error)) {
        return NULL;
    }
    double bytes = streamed ? gpt_streamed_weight_bytes(config) : gpt_cost(config, 1, 1).weight_bytes;
    double block_bytes = (double)config->n_layer * (BLOCK_BYTES + (streamed ? 2.0 * sizeof(Random) : 0));
    if (!memory_check(bytes + block_bytes, streamed ? "one block of the model" : "the model's weights", error)) {
        return NULL;
    }
    GPT *gpt = memory_allocate_zeroed(1, sizeof *gpt, "a GPT");
    gpt->config = *config;
    if (config->residual != NULL) {
        gpt_set_residual(&gpt->config, config->residual, error);
    }
    random_seed(&gpt->random, 0);
    int frame = unwind_begin();
    unwind_add_on_failure(free_undo, gpt);
    build(gpt, streamed);
    unwind_end(frame);
    return gpt;
}

GPT *gpt_create_blank(const GPTConfig *config, Error *error)
{
    return create_unfilled(config, false, error);
}

GPT *gpt_create(const GPTConfig *config, uint64_t seed, Error *error)
{
    GPT *gpt = gpt_create_blank(config, error);
    if (gpt != NULL) {
        Random rules;
        random_seed(&gpt->random, seed);
        random_seed(&rules, seed + RESIDUAL_SEED);
        int frame = unwind_begin();
        unwind_add_on_failure(free_undo, gpt);
        module_initialize(&gpt->module, (Init){.scheme = config->init, .n_layer = config->n_layer, .rules = &rules}, &gpt->random);
        unwind_end(frame);
    }
    return gpt;
}

GPT *gpt_create_streamed_from(const GPTConfig *config, uint64_t seed, StreamSource source, Error *error)
{
    GPT *gpt = create_unfilled(config, true, error);
    if (gpt == NULL) {
        if (source.free != NULL) {
            source.free(source.context);
        }
        return NULL;
    }
    int frame = unwind_begin();
    unwind_add_on_failure(free_undo, gpt);
    gpt_stream_begin(gpt, seed, source);
    unwind_end(frame);
    return gpt;
}

GPT *gpt_create_streamed(const GPTConfig *config, uint64_t seed, Error *error)
{
    return gpt_create_streamed_from(config, seed, (StreamSource){0}, error);
}

void gpt_set_dropout(GPT *gpt, double p)
{
    REQUIRE(gpt);
    gpt->config.dropout = p;
    for (Module *module = &gpt->module; module != NULL; module = module_next(&gpt->module, module)) {
        if (module->kind == &dropout_kind) {
            ((Dropout *)module)->p = p;
        }
    }
}

void gpt_free(GPT *gpt)
{
    if (gpt == NULL) {
        return;
    }
    gpt_cache_end(gpt);
    gpt_stream_free(gpt);
    module_free(&gpt->module);
    free(gpt->h);
    free(gpt);
}

// After the final norm comes the output head: logit v is the product of the last vector and row v of a (V, C) weight. Tied, that is the token
// embedding's own weight: a token's vector is the same at the input and at the output.
Tensor *gpt_head(GPT *gpt, Tensor *x)
{
    REQUIRE(gpt);
    if (gpt->ln_f.weight != NULL) {
        x = layernorm_forward(&gpt->ln_f, x);
    }
    if (!gpt->config.tied) {
        return linear_forward(&gpt->lm_head, x);
    }
    return tensor_linear(x, gpt->wte.weight, NULL);
}

// The tokens' positions, the same for every sequence of the batch: rows 0 ... T-1 of wpe, or those after the cached ones.
static Tensor *positions_forward(GPT *gpt, int T)
{
    int outer = tape_enter(gpt->wpe.module.name, HERE);
    Tensor *positions = tensor_slice(gpt->wpe.weight, 0, gpt_cache_length(gpt), T); // (T, C)
    tape_leave(outer);
    return positions;
}

Tensor *gpt_embed(GPT *gpt, const int *ids, int B, int T)
{
    int outer = tape_enter(gpt->module.name, HERE);
    Tensor *tokens = embedding_forward(&gpt->wte, ids, B, T);  // (B, T, C)
    Tensor *x = tensor_add(tokens, positions_forward(gpt, T)); // (B, T, C)
    x = dropout_forward(&gpt->drop, x);
    tensor_label(x, "embd");
    tape_leave(outer);
    return x;
}

// The blocks. A streamed model also has the values of only one block in memory at a time.
static Tensor *blocks_forward(GPT *gpt, Tensor *x)
{
    bool on_inner_tape = gpt->recompute || gpt->stream != NULL;
    Tensor *x0 = x;
    for (int i = 0; i < gpt->config.n_layer; i++) {
        Block *block = &gpt->h[i];
        gpt_stream_part(gpt, i + 1);
        x = on_inner_tape ? block_forward_recomputed(block, x, x0) : block_forward(block, x, x0); // (B, T, C)
    }
    gpt_stream_part(gpt, gpt->config.n_layer + 1);
    return x;
}

static void check_length(const char *function, const GPT *gpt, int T, Where where)
{
    if (gpt == NULL) {
        fail_mistake(where, "%s: gpt is NULL", function);
    }
    if (gpt->stream != NULL && tape_current() != NULL && tape_current()->no_grad_depth == 0) {
        fail_mistake(where, "%s: a streamed model has one block at a time, so recording must be off (tape_no_grad_begin)", function);
    }
    int cached = gpt_cache_length(gpt);
    if (T > gpt->config.context_length - cached) {
        fail_mistake(where, "%s: T = %d tokens, but context_length is %d and the cache holds %d", function, T, gpt->config.context_length, cached);
    }
}

// The state that a forward pass changes besides the tape: dropout's random generator, and the length of the caches.
typedef struct ForwardState {
    GPT *gpt;
    Random random;
    int cached;
} ForwardState;

static void restore(void *object)
{
    ForwardState *state = object;
    state->gpt->random = state->random;
    gpt_cache_shorten(state->gpt, state->cached);
}

static Tensor *forward(GPT *gpt, const int *ids, int B, int T, bool last_only, Where where)
{
    ForwardState state = {gpt, gpt->random, gpt_cache_length(gpt)};
    int outer = tape_enter(gpt->module.name, where);
    unwind_add_on_failure(restore, &state);
    Tensor *x = blocks_forward(gpt, gpt_embed(gpt, ids, B, T)); // (B, T, C)
    if (last_only) {
        x = tensor_slice(x, 1, T - 1, 1); // (B, 1, C)
    }
    Tensor *logits = gpt_head(gpt, x); // (B, T or 1, V)
    tensor_label(logits, "logits");
    tape_leave(outer);
    return logits;
}

Tensor *(gpt_forward)(GPT *gpt, const int *ids, int B, int T, Where where)
{
    check_length("gpt_forward", gpt, T, where);
    return forward(gpt, ids, B, T, false, where);
}

Tensor *(gpt_forward_last)(GPT *gpt, const int *ids, int B, int T, Where where)
{
    check_length("gpt_forward_last", gpt, T, where);
    return forward(gpt, ids, B, T, true, where);
}

bool gpt_ids_check(const GPTConfig *config, const int *ids, int n, Error *error)
{
    REQUIRE(config, ids);
    for (int i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= config->vocab_size) {
            return error_set(error, "id %d is not in the vocabulary; ids are 0 to %d", ids[i], config->vocab_size - 1);
        }
    }
    return true;
}

bool gpt_targets_check(const GPTConfig *config, const int *targets, int n, Error *error)
{
    REQUIRE(config, targets);
    int n_counted = 0;
    for (int i = 0; i < n; i++) {
        if (targets[i] != TARGET_IGNORED && !gpt_ids_check(config, &targets[i], 1, error)) {
            return false;
        }
        n_counted += targets[i] != TARGET_IGNORED;
    }
    return n_counted > 0 || error_set(error, "all %d targets are %d, which are ignored (expected at least one token)", n, TARGET_IGNORED);
}
