// words.c: numbers and texts as people read them.

#include "gpt/base/base.h"
#include "gpt/plot/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void plot_text_open(PlotText *text)
{
    *text = (PlotText){0};
    text->stream = open_memstream(&text->bytes, &text->n);
    if (text->stream == NULL) {
        fail_memory(0, "a plot");
    }
}

void plot_text_close(PlotText *text)
{
    bool failed = ferror(text->stream) != 0;
    failed = fclose(text->stream) != 0 || failed;
    text->stream = NULL;
    if (failed) {
        fail_memory(text->n, "a plot");
    }
}

// ------------------------------------------------------------------------------------------------------------
// Numbers

static void write_exponent(int exponent, FILE *out)
{
    static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    char text[16];
    snprintf(text, sizeof text, "%d", abs(exponent));
    fputs(exponent < 0 ? "⁻" : "", out);
    for (const char *c = text; *c != '\0'; c++) {
        fputs(digits[*c - '0'], out);
    }
}

const char *plot_number(double value, char text[NUMBER_PLOT_TEXT])
{
    double size = fabs(value);
    FILE *out = fmemopen(text, NUMBER_PLOT_TEXT, "w");
    if (out == NULL) {
        fail_memory(NUMBER_PLOT_TEXT, "a number");
    }
    if (!isfinite(value)) {
        fputs(isnan(value) ? "NaN" : "infinite", out);
    } else if (value == 0 || (size >= 0.00095 && size < 99950)) {
        number_print(out, size >= 99.5 ? "%.0f" : "%.2g", value);
    } else {
        char rounded[NUMBER_PLOT_TEXT]; // "1.1e-11": rounding may change the exponent
        number_format(rounded, sizeof rounded, "%.1e", value);
        int exponent = (int)strtol(strchr(rounded, 'e') + 1, NULL, 10);
        number_print(out, "%.1f·10", value * 1e200 / pow(10, exponent + 200)); // pow(10, -324) would be 0
        write_exponent(exponent, out);
    }
    fclose(out);
    return text;
}

int plot_tic_step(int range, int n)
{
    int step = 1;
    for (int i = 0; range / step > (n > 1 ? n : 1); i++) {
        step = i % 3 == 1 ? step / 2 * 5 : step * 2; // 1, 2, 5, 10, 20, 50, ...
    }
    return step;
}

// ------------------------------------------------------------------------------------------------------------
// Texts

// How many bytes of text so many characters are.
static size_t bytes_of(const char *text, int characters)
{
    size_t bytes = 0;
    while (text[bytes] != '\0' && characters > 0) {
        bytes++;
        while (((unsigned char)text[bytes] & 0xc0) == 0x80) {
            bytes++;
        }
        characters--;
    }
    return bytes;
}

int plot_length(const char *text)
{
    int length = 0;
    for (const char *c = text; *c != '\0'; c++) {
        length += ((unsigned char)*c & 0xc0) != 0x80;
    }
    return length;
}

static char *shown_text(const char *text, bool lines)
{
    PlotText shown;
    plot_text_open(&shown);
    quote_terminal(shown.stream, text == NULL ? "" : text, text == NULL ? 0 : strlen(text), lines);
    plot_text_close(&shown);
    return shown.bytes;
}

char *plot_shorten(const char *text, int most)
{
    char *shown = shown_text(text, false);
    if (plot_length(shown) > most) {
        size_t kept = bytes_of(shown, most - 1);
        char *copy = memory_allocate(kept + sizeof "…", "a picture's text");
        snprintf(copy, kept + sizeof "…", "%.*s…", (int)kept, shown);
        free(shown);
        shown = copy;
    }
    return shown;
}

// Writes the lines of text, broken at spaces, in words longer than a line, and at line feeds. Returns their number.
static int write_lines(FILE *out, const char *text, int width, int most_lines)
{
    int lines = 0;
    while (*text != '\0' && lines < most_lines) {
        size_t room = bytes_of(text, width);
        size_t line = strcspn(text, "\n");
        if (line > room) {
            line = room;
            while (line > 0 && text[line] != ' ') {
                line--;
            }
            line = line == 0 ? room : line;
        }
        lines++;
        fprintf(out, "%.*s", (int)line, text);
        text += line + (text[line] == ' ' || text[line] == '\n');
        fprintf(out, "%s", *text == '\0' ? "" : lines < most_lines ? "\n" : " …");
    }
    return lines;
}

static char *wrap_at(const char *text, int width, int most_lines, int *lines)
{
    PlotText wrapped;
    plot_text_open(&wrapped);
    *lines = write_lines(wrapped.stream, text, width, most_lines);
    plot_text_close(&wrapped);
    return wrapped.bytes;
}

char *plot_wrap(const char *text, int width, int most_lines)
{
    char *shown = shown_text(text, true);
    for (size_t n = strlen(shown); n > 0 && shown[n - 1] == ' '; n--) {
        shown[n - 1] = '\0';
    }
    int lines;
    char *wrapped = wrap_at(shown, width, most_lines, &lines);
    int narrow = plot_length(shown) / (lines > 1 ? lines : 1);
    bool fits = false;
    for (; lines > 1 && lines < most_lines && narrow < width && !fits; narrow++) { // as narrow as it can be with no more lines
        int narrow_lines;
        char *again = wrap_at(shown, narrow, most_lines, &narrow_lines);
        fits = narrow_lines <= lines;
        free(fits ? wrapped : again);
        wrapped = fits ? again : wrapped;
    }
    free(shown);
    return wrapped;
}
