// print.c: tensors and the tape as text, for examples and the debugger.

#include "tensor/op.h"

#include "tensor/inspect/inspect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EDGE = 3, SHORT = 2 * EDGE }; // an axis longer than SHORT shows its first and last EDGE entries

double values_l2(const Real *values, size_t n)
{
    return sqrt(plain_sum_of_squares(values, n));
}

static void print_row(const Real *row, int n)
{
    printf("[");
    for (int i = 0; i < n; i++) {
        if (n > SHORT && i == EDGE) {
            printf("  ...");
            i = n - EDGE;
        }
        number_print(stdout, "%s%11.4g", i == 0 ? "" : " ", (double)row[i]);
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
    const char *name = TENSOR_NAME(tensor);
    printf("%s%s%s", name, name[0] == '\0' ? "" : " ", SHAPE_STRING(tensor->shape));
    if (tensor->node != NULL) {
        Where where = tensor->node->where;
        printf(" = %s  [%s:%d, %s()]", tensor->node->op->name, where.file, where.line, where.function);
    }
    printf("\n");
}

void tensor_print(const Tensor *tensor)
{
    if (tensor == NULL || !tensor->alive) {
        printf("<not a tensor: %s>\n", tensor == NULL ? "NULL" : "its tape was reset");
    } else {
        print_title(tensor);
        print_block(tensor->shape, 0, tensor->data);
        printf("\n");
        if (tensor->grad != NULL) {
            printf("grad\n");
            print_block(tensor->shape, 0, tensor->grad);
            printf("\n");
        }
    }
    fflush(stdout);
}

// One line of the tape as text, a column each.
enum { COLUMN_COUNT = 8, COLUMN_TEXT = NAME_TEXT };
typedef struct Line {
    char text[COLUMN_COUNT][COLUMN_TEXT];
} Line;

static const Line TITLES = {{"node", "op", "inputs", "shape", "|y|", "|dL/dy|", "name", "source"}};
static const bool TO_THE_RIGHT[COLUMN_COUNT] = {true, false, false, false, true, true, false, false};

// "leaf 3": the number of the node that made each input.
static void write_inputs(const TapeNode *node, char text[COLUMN_TEXT])
{
    int used = 0;
    text[0] = '\0';
    for (int i = 0; i < node->n_inputs && used < COLUMN_TEXT - 16; i++) {
        const TapeNode *maker = node->inputs[i]->node;
        const char *space = i == 0 ? "" : " ";
        size_t room = (size_t)(COLUMN_TEXT - used);
        if (maker == NULL) {
            used += snprintf(text + used, room, "%sleaf", space);
        } else {
            used += snprintf(text + used, room, "%s%d", space, maker->index);
        }
    }
}

static void write_line(const TapeNode *node, Line *line)
{
    const Tensor *y = node->output;
    size_t n = tensor_count(y);
    snprintf(line->text[0], COLUMN_TEXT, "%d", node->index);
    snprintf(line->text[1], COLUMN_TEXT, "%s", node->op->name);
    write_inputs(node, line->text[2]);
    shape_text(y->shape, line->text[3]);
    number_format(line->text[4], COLUMN_TEXT, "%.3g", values_l2(y->data, n));
    snprintf(line->text[5], COLUMN_TEXT, "-");
    if (y->grad != NULL) {
        number_format(line->text[5], COLUMN_TEXT, "%.3g", values_l2(y->grad, n));
    }
    tensor_name(y, line->text[6]);
    int used = snprintf(line->text[7], COLUMN_TEXT, "%s:%d", node->where.file, node->where.line);
    if (node->module_where.file != NULL && used < COLUMN_TEXT) {
        snprintf(line->text[7] + used, (size_t)(COLUMN_TEXT - used), " (%s:%d)", node->module_where.file, node->module_where.line);
    }
}

static void widen(int widths[COLUMN_COUNT], const Line *line)
{
    for (int c = 0; c < COLUMN_COUNT; c++) {
        int length = (int)strlen(line->text[c]);
        widths[c] = length > widths[c] ? length : widths[c];
    }
}

static void print_line(const Line *line, const int widths[COLUMN_COUNT])
{
    for (int c = 0; c < COLUMN_COUNT; c++) {
        int width = TO_THE_RIGHT[c] ? widths[c] : -widths[c];
        bool last = c == COLUMN_COUNT - 1;
        printf("%*s%s", last ? 0 : width, line->text[c], last ? "\n" : "  ");
    }
}

void tape_print(const Tape *tape)
{
    if (tape == NULL) {
        printf("<no tape>\n");
        fflush(stdout);
        return;
    }
    Line line;
    int widths[COLUMN_COUNT] = {0};
    widen(widths, &TITLES);
    for (int i = 0; i < tape->n_nodes; i++) {
        write_line(tape->nodes[i], &line);
        widen(widths, &line);
    }
    print_line(&TITLES, widths);
    for (int i = 0; i < tape->n_nodes; i++) {
        write_line(tape->nodes[i], &line);
        print_line(&line, widths);
    }
    fflush(stdout);
}
