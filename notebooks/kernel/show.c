// show.c: what cells show besides what they print: the value of their last expression, and pictures. show.py makes of it what
// appears below the cell.

#include "runtime.h"

#include "gpt/gptape.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------------------------------
// The value of a cell's last expression

void cell_show_text(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int n = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (n >= 0) {
        cell_report_begin("text");
        cell_report_text("text", text);
        cell_report_end();
        free(text);
    }
}

void cell_show_integer(long long value) { cell_show_text("%lld", value); }
void cell_show_unsigned(unsigned long long value) { cell_show_text("%llu", value); }
void cell_show_real(double value) { cell_show_text("%.9g", value); }
void cell_show_bool(bool value) { cell_show_text("%s", value ? "true" : "false"); }

void cell_show_string(const char *text)
{
    if (text == NULL) {
        cell_show_text("NULL");
    } else {
        cell_show_text("\"%s\"", text);
    }
}

void cell_show_shape(Shape shape)
{
    char text[SHAPE_TEXT];
    cell_show_text("%s", shape_text(shape, text));
}

// A struct comes member by member, from clang's __builtin_dump_struct.
FILE *cell_members = NULL;
char *cell_members_text = NULL;
size_t cell_members_size = 0;

void cell_show_members_begin(void)
{
    cell_members = open_memstream(&cell_members_text, &cell_members_size);
}

void cell_show_members_end(void)
{
    fclose(cell_members);
    cell_show_text("%s", cell_members_text);
    free(cell_members_text);
}

int cell_show_member(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vfprintf(cell_members, format, arguments);
    va_end(arguments);
    return n;
}

enum { CELL_EDGE = 3, CELL_AXIS = 8 };             // an axis longer than CELL_AXIS shows its first and last CELL_EDGE entries

// An array comes entry by entry: the cell loops over it, as it alone knows the type. Writes what stands before entry i of n.
void cell_show_before(size_t i, size_t n)
{
    const char *left_out = n > CELL_AXIS && i == n - CELL_EDGE ? "..., " : "";
    fprintf(cell_members, "%s%s", i == 0 ? "{" : ", ", left_out);
}

size_t cell_show_next(size_t i, size_t n)
{
    return n > CELL_AXIS && i + 1 == CELL_EDGE ? n - CELL_EDGE : i + 1;
}

// The values that are shown, row after row; the kernel knows which they are from the shape.
void cell_show_values(const Real *values, Shape shape, int d, size_t *n_written)
{
    if (d == shape.ndim) {
        fprintf(cell_reports, "%s\"%.4g\"", *n_written == 0 ? "" : ", ", (double)*values);
        (*n_written)++;
        return;
    }
    size_t inner = 1;
    for (int axis = d + 1; axis < shape.ndim; axis++) {
        inner *= (size_t)shape.size[axis];
    }
    int n = shape.size[d];
    for (int i = 0; i < n; i++) {
        if (n > CELL_AXIS && i == CELL_EDGE) {
            i = n - CELL_EDGE;
        }
        cell_show_values(values + (size_t)i * inner, shape, d + 1, n_written);
    }
}

void cell_show_numbers(const char *key, const Real *values, Shape shape)
{
    size_t n = shape_count(shape);
    double sum = 0;
    double low = INFINITY;
    double high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        sum += (double)values[i];
        low = fmin(low, (double)values[i]);
        high = fmax(high, (double)values[i]);
    }
    FlowStats stats = flow_stats(values, n);
    double mean = sum / (double)n;
    mean = fabs(mean) < 1e-6 * stats.rms ? 0 : mean;           // less than one value's rounding is nothing
    fprintf(cell_reports, ", \"%s\": {\"mean\": \"%.4g\", \"rms\": \"%.4g\", \"min\": \"%.4g\", \"max\": \"%.4g\", \"values\": [", key,
            mean, stats.rms, low, high);
    size_t n_written = 0;
    cell_show_values(values, shape, 0, &n_written);
    fprintf(cell_reports, "]}");
}

void cell_show_tensor(const Tensor *tensor)
{
    if (tensor == NULL || !tensor->alive) {
        cell_show_text("%s", tensor == NULL ? "NULL: no tensor" : "a tensor whose tape was reset or freed");
        return;
    }
    char name[NAME_TEXT];
    const TapeNode *node = tensor->node;
    cell_report_begin("tensor");
    cell_report_text("name", tensor_name(tensor, name));
    cell_report_text("op", node != NULL ? node->op->name : "");
    cell_report_text("file", node != NULL ? node->where.file : "");
    cell_report_text("function", node != NULL ? node->where.function : "");
    fprintf(cell_reports, ", \"line\": %d, \"requires_grad\": %s, \"shape\": [", node != NULL ? node->where.line : 0,
            tensor->requires_grad ? "true" : "false");
    for (int d = 0; d < tensor->shape.ndim; d++) {
        fprintf(cell_reports, "%s%d", d == 0 ? "" : ", ", tensor->shape.size[d]);
    }
    fprintf(cell_reports, "]");
    cell_show_numbers("data", tensor->data, tensor->shape);
    if (tensor->grad != NULL) {
        cell_show_numbers("grad", tensor->grad, tensor->shape);
    }
    cell_report_end();
}

// A variable may go on pointing to a tensor of a tape that a cell frees. What tensors are stays where it is, marked dead, so that such a
// one is known when it is shown or computed with; their values, which take the room, are freed.
void cell_tape_free(Tape *tape)
{
    if (tape != NULL) {
        tape_reset(tape);
        tape->headers[0] = (Arena){0};
        tape->headers[1] = (Arena){0};
    }
    tape_free(tape);
}

#define tape_free cell_tape_free

// ------------------------------------------------------------------------------------------------------------
// Pictures: what draws one also tells its text, for places that show no pictures

enum { CELL_COLUMNS = 78 };

// Frees the text. Where nothing was drawn, a cell that does not look at the error is told nevertheless.
void cell_report_chart(bool drawn, const char *path, char *text, const Error *error)
{
    if (!drawn) {
        fprintf(stderr, "%s\n", error->message);
    } else if (text != NULL) {
        cell_report_begin("chart");
        cell_report_text("path", path);
        cell_report_text("text", text);
        cell_report_end();
        free(text);
    }
}

bool cell_plot_chart(const Chart *chart, const char *path, Error *error)
{
    Error ignored;
    bool drawn = plot_chart(chart, path, error);
    cell_report_chart(drawn, path, drawn ? plot_chart_terminal(chart, CELL_COLUMNS, &ignored) : NULL, error);
    return drawn;
}

bool cell_plot_matrix(const MatrixMap *map, const char *path, Error *error)
{
    Error ignored;
    bool drawn = plot_matrix(map, path, error);
    cell_report_chart(drawn, path, drawn ? plot_matrix_terminal(map, &ignored) : NULL, error);
    return drawn;
}

bool cell_plot_experiment(const Experiment *experiment, const Sweep *sweep, const char *path, Error *error)
{
    Error ignored;
    bool drawn = plot_experiment(experiment, sweep, path, error);
    cell_report_chart(drawn, path, drawn ? plot_terminal(experiment, CELL_COLUMNS, &ignored) : NULL, error);
    return drawn;
}

bool cell_plot_heatmap(const Experiment *experiment, const char *path, Error *error)
{
    bool drawn = plot_heatmap(experiment, path, error);
    cell_report_chart(drawn, path, NULL, error);
    return drawn;
}

bool cell_plot_loss(const TrainRow *rows, int n, double before, const char *what, const char *path, Error *error)
{
    Error ignored;
    bool drawn = plot_loss(rows, n, before, what, path, error);
    cell_report_chart(drawn, path, drawn ? plot_loss_terminal(rows, n, before, CELL_COLUMNS, &ignored) : NULL, error);
    return drawn;
}

#define plot_chart cell_plot_chart
#define plot_matrix cell_plot_matrix
#define plot_experiment cell_plot_experiment
#define plot_heatmap cell_plot_heatmap
#define plot_loss cell_plot_loss
