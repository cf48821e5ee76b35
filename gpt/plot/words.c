// words.c: numbers and texts as people read them.

#include "gpt/plot/draw.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Numbers

void plot_write_number(FILE *out, double value)
{
    double size = fabs(value);
    if (!isfinite(value)) {
        fprintf(out, "%s", isnan(value) ? "NaN" : "infinite");
    } else if (value == 0 || (size >= 0.00095 && size < 99950)) {
        number_print(out, size >= 99.5 ? "%.0f" : "%.2g", value);
    } else {
        number_print(out, "%.1e", value);
    }
}

// Only of numbers with a point, which rules hardly have.
char *plot_powers(char *text)
{
    static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    Writer *writer = writer_begin();
    bool fraction = false; // behind a point and its digits?
    for (const char *c = text == NULL ? "" : text; *c != '\0'; c++) {
        int exponent;
        int length = 0;
        if (fraction && sscanf(c, "e%d%n", &exponent, &length) == 1) {
            fprintf(writer->stream, "·10%s", exponent < 0 ? "⁻" : "");
            for (int place = abs(exponent) >= 100 ? 100 : abs(exponent) >= 10 ? 10 : 1; place > 0; place /= 10) {
                fprintf(writer->stream, "%s", digits[abs(exponent) / place % 10]);
            }
            c += length - 1;
        } else {
            fputc(*c, writer->stream);
        }
        fraction = *c == '.' || (fraction && isdigit((unsigned char)*c));
    }
    free(text);
    return writer_end(writer);
}

double plot_tic_distance(double range, int n)
{
    double least = range / (n > 1 ? n + 1 : 2);
    double power = pow(10, floor(log10(least)));
    double digit = least / power;
    return power * (digit >= 5 ? 10 : digit >= 2 ? 5 : 2);
}

int plot_tic_step(int range, int n)
{
    return (int)fmax(1, plot_tic_distance(range, n));
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
    Writer *shown = writer_begin();
    quote_terminal(shown->stream, text == NULL ? "" : text, text == NULL ? 0 : strlen(text), lines);
    return writer_end(shown);
}

char *plot_shorten(const char *text, int most)
{
    char *shown = shown_text(text, false);
    if (plot_length(shown) > most) {
        char *copy = text_format("%.*s…", (int)bytes_of(shown, most - 1), shown);
        free(shown);
        shown = copy;
    }
    return shown;
}

void plot_write_label(FILE *script, const char *text, int most)
{
    AUTO_FREE char *shown = plot_shorten(text, most);
    quote_gnuplot(script, shown);
}

// Tics with names at 0, stride, 2 stride, ...
void plot_write_names(FILE *script, const char *const *names, int n, int stride, int most)
{
    for (int i = 0; i < n; i += stride) {
        AUTO_FREE char *name = plot_shorten(names[i], most);
        fprintf(script, i == 0 ? "(" : ", ");
        quote_gnuplot_tic(script, name);
        fprintf(script, " %d", i);
    }
    fprintf(script, ")");
}

// Writes the lines of text, broken at spaces, in words longer than a line, and at line feeds. Returns their number, and one more if the text
// was cut.
static int write_lines(FILE *out, const char *text, int width, int most_lines)
{
    int lines = 0;
    while (*text != '\0' && lines < most_lines) {
        bool cut = lines == most_lines - 1 && strlen(text) > bytes_of(text, width); // " …" stands behind the line
        size_t room = bytes_of(text, cut ? width - 2 : width);
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
    return lines + (*text != '\0');
}

static char *wrap_at(const char *text, int width, int most_lines, int *lines)
{
    Writer *wrapped = writer_begin();
    *lines = write_lines(wrapped->stream, text, width, most_lines);
    return writer_end(wrapped);
}

char *plot_wrap(const char *text, int width, int most_lines)
{
    AUTO_FREE char *shown = shown_text(text, true);
    for (size_t n = strlen(shown); n > 0 && shown[n - 1] == ' '; n--) {
        shown[n - 1] = '\0';
    }
    int lines;
    char *wrapped = wrap_at(shown, width, most_lines, &lines);
    int narrow = plot_length(shown) / (lines > 1 ? lines : 1);
    bool fits = false;
    for (; lines > 1 && lines <= most_lines && narrow < width && !fits; narrow++) { // as narrow as it can be with no more lines
        int narrow_lines;
        char *again = wrap_at(shown, narrow, most_lines, &narrow_lines);
        fits = narrow_lines <= lines;
        free(fits ? wrapped : again);
        wrapped = fits ? again : wrapped;
    }
    return wrapped;
}
