// table.c: the tables of all operations, and of all plain loops.

#include "tensor/op.h"

#define OP_ENTRY(name) &op_##name,

const Op *const op_table[] = {OPERATIONS(OP_ENTRY)};
const int op_count = (int)(sizeof op_table / sizeof op_table[0]);

static void plain_divide(size_t n, size_t grain, LoopPart *part, const void *call)
{
    (void)grain;
    part(call, 0, n);
}

#define PLAIN_ENTRY(type, name) .name = plain_##name,
const Kernels kernels_plain = {"plain", plain_divide, KERNELS(PLAIN_ENTRY)};
