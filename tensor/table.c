// table.c: every operation, one row each. A row (in the op's own file) holds its name, backward and gradient-check cases;
// recording, tape_print and gptape gradcheck all read this table, so an op that is not checked does not exist.

#include "tensor/op.h"

const Op *const op_table[OP_COUNT] = {
    [OP_ADD] = &op_add,
    [OP_SUB] = &op_sub,
    [OP_MUL] = &op_mul,
    [OP_DIV] = &op_div,
    [OP_SCALE] = &op_scale,
    [OP_ADD_SCALAR] = &op_add_scalar,
    [OP_RELU] = &op_relu,
    [OP_GELU] = &op_gelu,
    [OP_GELU_ERF] = &op_gelu_erf,
    [OP_TANH] = &op_tanh,
    [OP_SIGMOID] = &op_sigmoid,
    [OP_EXP] = &op_exp,
    [OP_LOG] = &op_log,
    [OP_POW] = &op_pow,
    [OP_MATMUL] = &op_matmul,
    [OP_LINEAR] = &op_linear,
    [OP_RESHAPE] = &op_reshape,
    [OP_TRANSPOSE] = &op_transpose,
    [OP_SLICE] = &op_slice,
    [OP_CONCAT] = &op_concat,
    [OP_DETACH] = &op_detach,
    [OP_SUM] = &op_sum,
    [OP_MEAN] = &op_mean,
    [OP_SUM_AXIS] = &op_sum_axis,
    [OP_MEAN_AXIS] = &op_mean_axis,
    [OP_CAUSAL_MASK] = &op_causal_mask,
    [OP_SOFTMAX] = &op_softmax,
    [OP_LAYERNORM] = &op_layernorm,
    [OP_RMSNORM] = &op_rmsnorm,
    [OP_ATTENTION] = &op_attention,
    [OP_EMBEDDING] = &op_embedding,
    [OP_DROPOUT] = &op_dropout,
    [OP_CHECKPOINT] = &op_checkpoint,
    [OP_MSE_LOSS] = &op_mse_loss,
    [OP_CROSS_ENTROPY] = &op_cross_entropy,
};

const Op *op_row(OpKind kind)
{
    if ((unsigned)kind >= OP_COUNT || op_table[kind] == NULL) {
        fail_mistake(HERE, "operation number %d of OpKind has no row in the table of operations", (int)kind);
    }
    return op_table[kind];
}
