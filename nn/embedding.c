// embedding.c: a table of vectors, one for each token or position.

#include "nn/nn.h"

void embedding_init(Embedding *embedding, Module *parent, const char *name, int n_rows, int size)
{
    REQUIRE(embedding);
    *embedding = (Embedding){0};
    module_init(&embedding->module, &embedding_kind, parent, name);
    embedding->weight = module_add_parameter(&embedding->module, "weight", SHAPE(n_rows, size));
}

Tensor *(embedding_forward)(Embedding *embedding, const int *ids, int B, int T, Where where)
{
    REQUIRE(embedding);
    int outer = tape_enter(embedding->module.name, where);
    Tensor *y = tensor_embedding(embedding->weight, ids, B, T); // (B, T, C)
    tape_leave(outer);
    return y;
}

static void embedding_initialize(Module *module, const Init *init, Random *random)
{
    Embedding *embedding = (Embedding *)module;
    double std = init->scheme == INIT_GPT2 ? 0.02 : 1.0;
    random_normal(random, embedding->weight->data, tensor_count(embedding->weight), 0.0, std);
}

const ModuleKind embedding_kind = {.name = "Embedding", .initialize = embedding_initialize};
