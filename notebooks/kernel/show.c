// show.c: what a cell shows besides what it prints: the value of its last expression. values.py writes the calls of the first part into the
// cell; show.py turns the reports into what appears below it. The engine compiles this file after runtime.c.

#include "gpt/gptape.h"

#include <dlfcn.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CELL_EDGE = 3, CELL_AXIS = 8 }; // an axis longer than CELL_AXIS shows its first and last CELL_EDGE entries
enum { CELL_STRING = 2000 };           // bytes shown of a string

// ------------------------------------------------------------------------------------------------------------
// A value as text: begin, any number of the functions below, end

FILE *cell_shown = NULL;
char *cell_shown_text = NULL;
size_t cell_shown_size = 0;
locale_t cell_locale = NULL;

// Numbers have a decimal point in every locale.
void cell_show_begin(void)
{
    cell_locale = uselocale(newlocale(LC_ALL_MASK, "C", NULL));
    cell_shown = open_memstream(&cell_shown_text, &cell_shown_size);
}

void cell_show_end(void)
{
    fclose(cell_shown);
    cell_report_begin("text");
    cell_report_text("text", cell_shown_text);
    cell_report_end();
    free(cell_shown_text);
    freelocale(uselocale(cell_locale));
}

void cell_show(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(cell_shown, format, arguments);
    va_end(arguments);
}

// May n bytes be read there? The kernel answers without a signal if a pipe is asked to take them.
bool cell_readable(const void *bytes, size_t n)
{
    int ends[2];
    if (bytes == NULL || pipe(ends) != 0) {
        return false;
    }
    size_t most = n < 4096 ? n : 4096;
    bool readable = write(ends[1], bytes, most) == (ssize_t)most;
    close(ends[0]);
    close(ends[1]);
    return readable;
}

void cell_show_pointer(const void *pointer)
{
    Dl_info info;
    if (pointer == NULL) {
        cell_show("NULL");
    } else if (dladdr(pointer, &info) != 0 && info.dli_saddr == pointer) {
        cell_show("%s", info.dli_sname);
    } else {
        cell_show("%p", pointer);
    }
}

void cell_show_character(char c)
{
    cell_show(c >= ' ' && c <= '~' ? "%d '%c'" : "%d", c, c);
}

// A string of at most `room` bytes. A page would hide its control characters, or obey them.
void cell_show_string(const char *string, size_t room)
{
    if (!cell_readable(string, 1)) {
        cell_show_pointer(string);
        return;
    }
    size_t length = strnlen(string, room < CELL_STRING + 1 ? room : CELL_STRING + 1);
    bool whole = length <= CELL_STRING;
    length = whole ? length : utf8_whole(string, CELL_STRING);
    cell_show("\"");
    for (size_t at = 0; at < length;) {
        char shown[UTF8_SHOWN];
        size_t n;
        at += utf8_show(string + at, length - at, shown, &n);
        cell_show("%.*s", (int)n, shown);
    }
    cell_show("\"%s", whole ? "" : "...");
}

// 5 (READ | WRITE), if each constant is a bit, and some are together the value.
void cell_show_flags(long long value, int n, const long long values[], const char *const names[])
{
    unsigned long long rest = (unsigned long long)value;
    for (int i = 0; i < n; i++) {
        unsigned long long bit = (unsigned long long)values[i];
        if ((bit & (bit - 1)) != 0) {
            return;
        }
        rest &= ~bit;
    }
    const char *before = " (";
    for (int i = 0; i < n && rest == 0 && value != 0; i++) {
        if ((value & values[i]) != 0) {
            cell_show("%s%s", before, names[i]);
            before = " | ";
        }
    }
    cell_show("%s", rest == 0 && value != 0 ? ")" : "");
}

void cell_show_enum(long long value, int n, const long long values[], const char *const names[])
{
    for (int i = 0; i < n; i++) {
        if (values[i] == value) {
            cell_show("%s", names[i]);
            return;
        }
    }
    cell_show("%lld", value);
    cell_show_flags(value, n, values, names);
}

void cell_show_shape(Shape shape)
{
    char text[SHAPE_TEXT];
    cell_show("%s", shape_text(shape, text));
}

// A tensor within a struct.
void cell_show_tensor_line(const Tensor *tensor)
{
    char name[NAME_TEXT];
    if (!cell_readable(tensor, sizeof *tensor) || !tensor->alive) {
        cell_show(tensor == NULL ? "NULL" : "a tensor whose tape was reset or freed");
        return;
    }
    cell_show_shape(tensor->shape);
    cell_show("%s%s", tensor_name(tensor, name)[0] == '\0' ? "" : " ", name);
}

// The index after i of an array of n entries, and what stands between the two.
size_t cell_show_next(size_t i, size_t n, const char *comma)
{
    bool jump = n > CELL_AXIS && i + 1 == CELL_EDGE;
    size_t next = jump ? n - CELL_EDGE : i + 1;
    if (next < n) {
        cell_show("%s%s%s", comma, jump ? "..." : "", jump ? comma : "");
    }
    return next;
}

// ------------------------------------------------------------------------------------------------------------
// Tensors and tapes

// The values that are shown, row after row; show.py knows from the shape where each belongs.
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

// , "key": {"statistics": "...", "values": ["1", ...]}
void cell_show_numbers(const char *key, const Real *values, Shape shape)
{
    size_t n = shape_count(shape);
    double sum = 0;
    double low = NAN; // fmin and fmax leave out NaN
    double high = NAN;
    for (size_t i = 0; i < n; i++) {
        sum += (double)values[i];
        low = fmin(low, (double)values[i]);
        high = fmax(high, (double)values[i]);
    }
    double rms = flow_stats(values, n).rms;
    double mean = sum / (double)n;
    mean = fabs(mean) < 1e-6 * rms ? 0 : mean; // smaller than the rounding of one value: shown as 0
    fprintf(cell_reports, ", \"%s\": {\"statistics\": \"mean %.4g, rms %.4g, min %.4g, max %.4g\", \"values\": [", key, mean, rms, low, high);
    size_t n_written = 0;
    cell_show_values(values, shape, 0, &n_written);
    fprintf(cell_reports, "]}");
}

void cell_show_line(const char *text)
{
    cell_show_begin();
    cell_show("%s", text);
    cell_show_end();
}

// Reports a tensor or, with the title `part`, one of its blocks of values.
void cell_report_tensor(const Tensor *tensor, const char *part, const Real *values, const Real *gradient, const char *note)
{
    char name[NAME_TEXT];
    char shape[SHAPE_TEXT];
    char where[NAME_TEXT + 64] = "";
    tensor_name(tensor, name);
    if (tensor->node != NULL) {
        snprintf(where, sizeof where, " = %s  [%s:%d]", tensor->node->op->name, tensor->node->where.file, tensor->node->where.line);
    }
    bool named = name[0] != '\0';
    char title[2 * NAME_TEXT + SHAPE_TEXT + 128];
    snprintf(title, sizeof title, "%s%s%s%s%s%s", part, part[0] != '\0' ? (named ? " of " : " ") : "", name, named ? " " : "",
             shape_text(tensor->shape, shape), where);
    cell_locale = uselocale(newlocale(LC_ALL_MASK, "C", NULL));
    cell_report_begin("tensor");
    cell_report_text("title", title);
    fprintf(cell_reports, ", \"shape\": [");
    for (int d = 0; d < tensor->shape.ndim; d++) {
        fprintf(cell_reports, "%s%d", d == 0 ? "" : ", ", tensor->shape.size[d]);
    }
    fprintf(cell_reports, "]");
    cell_show_numbers("data", values, tensor->shape);
    if (gradient != NULL) {
        cell_show_numbers("gradient", gradient, tensor->shape);
    }
    cell_report_text("note", note);
    cell_report_end();
    freelocale(uselocale(cell_locale));
}

// Shows a line instead if there is no tensor to be shown.
bool cell_has_tensor(const Tensor *tensor)
{
    bool alive = cell_readable(tensor, sizeof *tensor) && tensor->alive;
    if (!alive) {
        cell_show_line(tensor == NULL ? "NULL: no tensor" : "a tensor whose tape was reset or freed");
    }
    return alive;
}

void cell_show_tensor(const Tensor *tensor)
{
    if (cell_has_tensor(tensor)) {
        bool waits = tensor->grad == NULL && tensor->requires_grad;
        cell_report_tensor(tensor, "", tensor->data, tensor->grad, waits ? "gradient: none yet" : "");
    }
}

// x->data and x->grad point to numbers; the tensor that they belong to knows how many and in which shape.
#define cell_tensor_of(member, place) ((const Tensor *)((const char *)&(place) - offsetof(Tensor, member)))

void cell_show_data(const Tensor *tensor)
{
    if (cell_has_tensor(tensor)) {
        cell_report_tensor(tensor, "data", tensor->data, NULL, "");
    }
}

void cell_show_grad(const Tensor *tensor)
{
    bool alive = cell_has_tensor(tensor);
    if (alive && tensor->grad != NULL) {
        cell_report_tensor(tensor, "gradient", tensor->grad, NULL, "");
    } else if (alive) {
        cell_show_line("NULL: no gradient yet");
    }
}

// A variable can still point to a tape that was freed, or to a tensor of it. So freed tapes are noted, and Tensor structs are kept, marked
// dead; the values, which are most of the memory, are freed.
const Tape **cell_freed = NULL;
size_t cell_n_freed = 0;

bool cell_is_freed(const Tape *tape)
{
    for (size_t i = 0; i < cell_n_freed; i++) {
        if (cell_freed[i] == tape) {
            return true;
        }
    }
    return false;
}

Tape *cell_tape_create(void)
{
    Tape *tape = tape_create();
    for (size_t i = 0; i < cell_n_freed; i++) {
        cell_freed[i] = cell_freed[i] == tape ? NULL : cell_freed[i];
    }
    return tape;
}

void cell_tape_free(Tape *tape)
{
    if (tape != NULL) {
        tape_reset(tape);
        tape->headers[0] = (Arena){0};
        tape->headers[1] = (Arena){0};
        cell_freed = realloc(cell_freed, (cell_n_freed + 1) * sizeof *cell_freed);
        cell_freed[cell_n_freed++] = tape;
    }
    tape_free(tape);
}

#define tape_create cell_tape_create
#define tape_free cell_tape_free

// tape_print, shown as a value.
void cell_show_tape(const Tape *tape)
{
    bool freed = cell_is_freed(tape);
    if (tape == NULL || freed || tape->n_nodes == 0) {
        cell_show_line(tape == NULL ? "NULL: no tape" : freed ? "a tape that was freed" : "an empty tape");
        return;
    }
    cell_show_begin();
    FILE *out = stdout;
    stdout = cell_shown;
    tape_print(tape);
    stdout = out;
    cell_show_end();
}

// The node's line on the tape.
void cell_show_node(const TapeNode *node)
{
    Tape *tape = tape_current();
    bool recorded = node != NULL && tape != NULL && cell_readable(node, sizeof *node) && node->index < tape->n_nodes && node->index >= 0
                 && tape->nodes[node->index] == node;
    if (!recorded) {
        cell_show_line(node == NULL ? "NULL: no node; no operation made this tensor" : "a node that is not on the current tape");
        return;
    }
    TapeNode *nodes[] = {tape->nodes[node->index]};
    Tape line = {.nodes = nodes, .n_nodes = 1};
    cell_show_tape(&line);
}
