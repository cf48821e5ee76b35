// stream.c: models larger than memory: see stream.h.

#include "gpt/stream.h"

#include <stdlib.h>

// The generators at the start of a part.
typedef struct PartStart {
    Random weights;
    Random rules; // of the residual rules' linears (Init.rules)
} PartStart;

typedef struct GPTStream {
    StreamSource source;
    int resident; // part number of the block in memory; 0: none yet
    bool head;    // is the last part there?
    int n_known;
    GPTProgress *progress;
    void *context;
    PartStart starts[]; // (n_parts + 1), the first n_known of them
} GPTStream;

static int part_of(const GPT *gpt, const Module *child)
{
    if (child->kind != &block_kind) {
        return child == &gpt->ln_f.module || child == &gpt->lm_head.module ? gpt->config.n_layer + 1 : 0;
    }
    return (int)((const Block *)(const void *)child - gpt->h) + 1;
}

Module *gpt_part_first(const GPT *gpt, int part)
{
    Module *child = gpt->module.first_child;
    while (child != NULL && part_of(gpt, child) != part) {
        child = child->next_sibling;
    }
    return child;
}

Module *gpt_part_next(const GPT *gpt, Module *module)
{
    Module *next = module->next_sibling;
    return next != NULL && part_of(gpt, next) == part_of(gpt, module) ? next : NULL;
}

// ------------------------------------------------------------------------------------------------------------
// Making weights

static bool read_module(const StreamSource *source, const Module *module)
{
    bool read = false;
    for (int i = 0; source->read != NULL && i < module->n_parameters; i++) {
        read = source->read(source->context, module, module->parameters[i]) || read;
    }
    return read;
}

// Large weights that the source has are not drawn. All others are drawn first, to keep the draws of the rules' linears in order.
static void make_module(const StreamSource *source, Module *module, const Init *init, Random *random)
{
    bool large = module->kind == &linear_kind || module->kind == &embedding_kind;
    bool read = large && read_module(source, module);
    if (!read && module->kind->initialize != NULL) {
        module->kind->initialize(module, init, random);
    }
    if (!large) {
        read_module(source, module);
    }
    for (int i = 0; i < module->n_parameters; i++) {
        tensor_changed(module->parameters[i]);
    }
}

static void make_part(GPT *gpt, int part)
{
    GPTStream *stream = gpt->stream;
    PartStart now = stream->starts[part];
    const Init init = {.scheme = gpt->config.init, .n_layer = gpt->config.n_layer, .rules = &now.rules};
    for (Module *root = gpt_part_first(gpt, part); root != NULL; root = gpt_part_next(gpt, root)) {
        for (Module *module = root; module != NULL; module = module_next(root, module)) {
            make_module(&stream->source, module, &init, &now.weights);
        }
    }
    stream->starts[part + 1] = now;
    stream->n_known = stream->n_known > part + 2 ? stream->n_known : part + 2;
}

void gpt_stream_part(GPT *gpt, int part)
{
    GPTStream *stream = gpt->stream;
    bool is_block = stream != NULL && part > 0 && part <= gpt->config.n_layer;
    if (stream == NULL || (is_block ? part == stream->resident : part > 0 && stream->head)) {
        return;
    }
    if (part >= stream->n_known) {
        fail_mistake(HERE, "gpt_stream_part: part %d before part %d", part, stream->n_known - 1);
    }
    if (is_block) {
        Module *block = &gpt->h[part - 1].module;
        module_take_memory(block, stream->resident == 0 ? NULL : &gpt->h[stream->resident - 1].module);
        stream->resident = part;
    }
    make_part(gpt, part);
    stream->head = stream->head || part > gpt->config.n_layer;
    if (stream->progress != NULL) {
        stream->progress(part, stream->context);
    }
}

void gpt_stream_drop(GPT *gpt, int part, bool keep_gradients)
{
    for (Module *root = gpt_part_first(gpt, part); root != NULL; root = gpt_part_next(gpt, root)) {
        module_drop_memory(root, keep_gradients);
    }
    if (gpt->stream != NULL && part == gpt->stream->resident) {
        gpt->stream->resident = 0;
    }
}

// ------------------------------------------------------------------------------------------------------------
// The stream

StreamSource gpt_stream_source(const GPT *gpt)
{
    StreamSource source = gpt->stream == NULL ? (StreamSource){0} : gpt->stream->source;
    source.free = NULL;
    return source;
}

void gpt_stream_begin(GPT *gpt, uint64_t seed, StreamSource source)
{
    int n_parts = gpt->config.n_layer + 2;
    gpt->stream = memory_allocate_zeroed(1, sizeof *gpt->stream + ((size_t)n_parts + 1) * sizeof(PartStart), "the generators of the blocks");
    gpt->stream->n_known = 1;
    random_seed(&gpt->stream->starts[0].weights, seed);
    random_seed(&gpt->stream->starts[0].rules, seed + RESIDUAL_SEED);
    gpt->stream->source = source;
    gpt_stream_part(gpt, 0);
}

void gpt_stream_progress(GPT *gpt, GPTProgress *progress, void *context)
{
    REQUIRE(gpt);
    if (gpt->stream != NULL) {
        gpt->stream->progress = progress;
        gpt->stream->context = context;
    }
}

void gpt_stream_free(GPT *gpt)
{
    if (gpt->stream != NULL && gpt->stream->source.free != NULL) {
        gpt->stream->source.free(gpt->stream->source.context);
    }
    free(gpt->stream);
}
