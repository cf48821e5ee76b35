// terminal.c: the width of the terminal, and wrapping text to it. Where stdout is a file or a pipe, nothing is wrapped.

#include "gpt/cli/kit/kit.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NARROWEST = 20 };

int terminal_columns_of(int descriptor, int widest)
{
    struct winsize size = {0};
    if (!isatty(descriptor)) {
        return widest;
    }
    const char *set = getenv("COLUMNS");
    int columns = set == NULL ? 0 : atoi(set);
    if (columns <= 0 && ioctl(descriptor, TIOCGWINSZ, &size) == 0) {
        columns = size.ws_col;
    }
    if (columns <= 0 || columns > widest) {
        return widest;
    }
    return columns < NARROWEST ? NARROWEST : columns;
}

int terminal_columns(int widest)
{
    return terminal_columns_of(STDOUT_FILENO, widest);
}

static bool fits(const char *text, size_t at, size_t columns)
{
    while (at + strcspn(text, "\n") <= columns) {
        text += strcspn(text, "\n");
        if (*text == '\0') {
            return true;
        }
        text++;
        at = 0;
    }
    return false;
}

void terminal_wrap(FILE *out, const char *text, int at, int columns, int indent)
{
    size_t used = (size_t)at;
    size_t start = used; // of the line's first word
    if (fits(text, used, (size_t)columns)) {
        fputs(text, out);
        return;
    }
    while (*text != '\0') {
        size_t blanks = strspn(text, " \n");
        size_t length = strcspn(text + blanks, " \n");
        bool lines = text[0] == '\n' && (used == start || length == 0 || text[1] == '\n'); // before or behind all, or an empty one
        if (lines || (used > start && length > 0 && used + blanks + length > (size_t)columns)) {
            fprintf(out, "%.*s%*s", lines ? (int)blanks : 1, lines ? text : "\n", indent, "");
            start = (size_t)indent;
            used = start;
        } else if (length > 0) {
            fprintf(out, "%*s", (int)blanks, "");
            used += blanks;
        }
        fprintf(out, "%.*s", (int)length, text + blanks);
        used += length;
        text += blanks + length;
    }
}

void terminal_prose(const char *text)
{
    enum { WIDEST = 120 };
    terminal_wrap(stdout, text, 0, terminal_columns(WIDEST), 0);
}

void terminal_print(const char *format, ...)
{
    char text[6000];
    FORMAT_ARGUMENTS(text, sizeof text, format);
    for (size_t n = strlen(text); n > 0 && text[n - 1] == ' '; n--) {
        text[n - 1] = '\0';
    }
    terminal_prose(text);
    putchar('\n');
}

void terminal_end(Writer *writer)
{
    AUTO_FREE char *text = writer_end(writer);
    terminal_print("%s", text);
}
