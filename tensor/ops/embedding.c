// embedding.c: rows of a table, chosen by number.          torch: F.embedding(ids, weight)
//
// y[b, t] = weight[ids[b, t]];   dL/dweight[id] = the sum of dL/dy over all positions of id

#include "tensor/op.h"

#include <string.h>

static void embedding_check(const OpCall *call, const int *ids, int B, int T)
{
    Shape weight = call->inputs[0]->shape;
    if (weight.ndim != 2) {
        op_fail(call, "weight %s: must have 2 dimensions", SHAPE_STRING(weight));
    }
    if (B < 1 || T < 1) {
        op_fail(call, "B = %d, T = %d: each must be at least 1", B, T);
    }
    if (ids == NULL) {
        op_fail(call, "ids is NULL");
    }
    size_t n = (size_t)B * (size_t)T;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= weight.size[0]) {
            op_fail(call, "ids[%zu] is %d; the table has rows 0 to %d", i, ids[i], weight.size[0] - 1);
        }
    }
}

Tensor *tensor_embedding(Tensor *weight, const int *ids, int B, int T, Where where)
{
    OP_BEGIN(call, op_embedding, where, weight);
    embedding_check(&call, ids, B, T);
    int C = shape_last(weight->shape);
    Tensor *y = op_output(&call, SHAPE(B, T, C));
    size_t n = (size_t)B * (size_t)T;
    int *saved = op_save(y, n * sizeof *ids);
    memcpy(saved, ids, n * sizeof *ids);

    for (size_t i = 0; i < n; i++) {
        const Real *row = weight->data + (size_t)ids[i] * (size_t)C;
        memcpy(y->data + i * (size_t)C, row, (size_t)C * sizeof(Real));
    }
    return op_done(&call, y);
}

static void embedding_backward(TapeNode *node)
{
    const int *ids = node->saved;
    const Real *dy = node->output->grad;      // (B, T, C)
    Real *dweight = op_grad(node->inputs[0]); // (V, C)
    size_t C = (size_t)shape_last(node->output->shape);
    size_t n = tensor_count(node->output) / C;
    for (size_t i = 0; dweight != NULL && i < n; i++) {
        Real *drow = dweight + (size_t)ids[i] * C;
        for (size_t c = 0; c < C; c++) {
            drow[c] += dy[i * C + c];
        }
    }
}

// Row 3 is chosen twice, row 1 not at all.
static Tensor *embedding_case(Tensor **x)
{
    const int ids[] = {3, 0, 3, 2};
    return tensor_embedding(x[0], ids, 2, 2, HERE);
}

const Op op_embedding = {.name = "embedding",
                         .group = OP_GROUP_PRODUCT,
                         .backward = embedding_backward,
                         OP_CHECK({"embedding", {SIZES(4, 3)}, 1, .forward = embedding_case})};
