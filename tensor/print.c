// print.c: tensors and the tape as text, for examples and the debugger.

#include "tensor/op.h"

#include <math.h>
#include <stdio.h>

enum { EDGE = 3, SHORT = 2 * EDGE };               // an axis longer than SHORT shows its first and last EDGE entries

static double l2(const Real *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)values[i] * (double)values[i];
    }
    return sqrt(sum);
}

static void print_row(const Real *row, int n)
{
    printf("[");
    for (int i = 0; i < n; i++) {
        if (n > SHORT && i == EDGE) {
            printf("  ...");
            i = n - EDGE;
        }
        printf("%s%11.4g", i == 0 ? "" : " ", (double)row[i]);
    }
    printf("]");
}

// The dimensions from d on of a block of values, indented as deep as they are nested.
static void print_block(Shape shape, int d, const Real *values)
{
    if (d >= shape.ndim - 1) {
        print_row(values, shape_last(shape));
        return;
    }
    AxisView view = axis_view(shape, d);
    int n = shape.size[d];
    printf("[");
    for (int i = 0; i < n; i++) {
        if (i > 0) {
            printf("\n%*s", d + 1, "");
        }
        if (n > SHORT && i == EDGE) {
            printf("...\n%*s", d + 1, "");
            i = n - EDGE;
        }
        print_block(shape, d + 1, values + (size_t)i * view.inner);
    }
    printf("]");
}

static void print_title(const Tensor *tensor)
{
    char name[NAME_TEXT];
    char shape[SHAPE_TEXT];
    tensor_name(tensor, name);
    printf("%s%s%s", name, name[0] == '\0' ? "" : " ", shape_text(tensor->shape, shape));
    if (tensor->node != NULL) {
        Where where = tensor->node->where;
        printf(" = %s  [%s:%d, %s()]", op_name(tensor->node->op), where.file, where.line, where.function);
    }
    printf("\n");
}

void tensor_print(const Tensor *tensor)
{
    if (tensor == NULL || !tensor->alive) {
        printf("<not a tensor: %s>\n", tensor == NULL ? "NULL" : "its tape was reset");
        fflush(stdout);
        return;
    }
    print_title(tensor);
    print_block(tensor->shape, 0, tensor->data);
    printf("\n");
    if (tensor->grad != NULL) {
        printf("grad\n");
        print_block(tensor->shape, 0, tensor->grad);
        printf("\n");
    }
    fflush(stdout);
}

static void print_node(const TapeNode *node)
{
    char name[NAME_TEXT];
    char shape[SHAPE_TEXT];
    char inputs[64] = "";
    int used = 0;
    for (int i = 0; i < node->n_inputs && used < (int)sizeof inputs - 8; i++) {
        const TapeNode *maker = node->inputs[i]->node;
        const char *space = i == 0 ? "" : " ";
        if (maker == NULL) {
            used += snprintf(inputs + used, sizeof inputs - (size_t)used, "%sleaf", space);
        } else {
            used += snprintf(inputs + used, sizeof inputs - (size_t)used, "%s%d", space, maker->index);
        }
    }
    const Tensor *y = node->output;
    size_t n = tensor_count(y);
    printf("%5d  %-13s %-16s %-16s %10.3g  ", node->index, op_name(node->op), inputs, shape_text(y->shape, shape), l2(y->data, n));
    if (y->grad == NULL) {
        printf("%10s", "-");
    } else {
        printf("%10.3g", l2(y->grad, n));
    }
    printf("  %-24s %s:%d\n", tensor_name(y, name), node->where.file, node->where.line);
}

void tape_print(const Tape *tape)
{
    if (tape == NULL) {
        printf("<no tape>\n");
        fflush(stdout);
        return;
    }
    printf("%5s  %-13s %-16s %-16s %10s  %10s  %-24s %s\n", "node", "op", "inputs", "shape", "|y|", "|dL/dy|", "name", "source");
    for (int i = 0; i < tape->n_nodes; i++) {
        print_node(tape->nodes[i]);
    }
    fflush(stdout);
}
