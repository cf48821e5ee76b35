// table.c: the table of all operations.

#include "tensor/op.h"

#define OP_ENTRY(name) &op_##name,

const Op *const op_table[] = {OPERATIONS(OP_ENTRY)};
const int op_count = (int)(sizeof op_table / sizeof op_table[0]);

Tensor *op_case_run(const OpCase *op_case, Tensor **inputs)
{
    Where where = HERE;
    if (op_case->unary != NULL) {
        return op_case->unary(inputs[0], where);
    }
    if (op_case->binary != NULL) {
        return op_case->binary(inputs[0], inputs[1], where);
    }
    return op_case->forward(inputs);
}
