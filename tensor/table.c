// table.c: the table of all operations.

#include "tensor/op.h"

#define OP_ENTRY(name) &op_##name,

const Op *const op_table[] = {OPERATIONS(OP_ENTRY)};
const int op_count = (int)(sizeof op_table / sizeof op_table[0]);
