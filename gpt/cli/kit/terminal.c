// terminal.c: the width of the terminal, and wrapping text to it. Where stdout is a file or a pipe, nothing is wrapped.

#include "gpt/cli/kit/kit.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NARROWEST = 20 };

int terminal_columns(int widest)
{
    struct winsize size = {0};
    if (!isatty(STDOUT_FILENO)) {
        return widest;
    }
    const char *set = getenv("COLUMNS");
    int columns = set == NULL ? 0 : atoi(set);
    if (columns <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        columns = size.ws_col;
    }
    if (columns <= 0 || columns > widest) {
        return widest;
    }
    return columns < NARROWEST ? NARROWEST : columns;
}

static bool color;

bool terminal_set_color(const Options *options)
{
    int when = 0;
    if (!options_choice(options, "color", &when)) {
        return false;
    }
    const char *no_color = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    bool wanted = (no_color == NULL || no_color[0] == '\0') && isatty(STDOUT_FILENO) && kind != NULL && strcmp(kind, "dumb") != 0;
    color = when == 1 || (when == 0 && wanted);
    return true;
}

const char *terminal_color(const char *code)
{
    static const char *const codes[] = {COLOR_BOLD, COLOR_WITHOUT, COLOR_WITH, COLOR_END};
    static char own[4][STREAMS_OWN_TEXT];
    for (int i = 0; color && i < 4; i++) {
        if (strcmp(code, codes[i]) == 0) {
            return streams_own(code, own[i]);
        }
    }
    return "";
}

static bool fits(const char *text, size_t columns)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (length > columns) {
            return false;
        }
        text += text[length] == '\n' ? length + 1 : length;
    }
    return true;
}

// Prints a word, blanks before it, where the line has room for it, else on the next; returns how much of the line is used then.
static size_t put_word(const char *word, size_t length, size_t used, size_t columns)
{
    bool room = used + 1 + length <= columns;
    if (used > 0) {
        putchar(room ? ' ' : '\n');
    }
    printf("%.*s", (int)length, word);
    return (used > 0 && room ? used + 1 : 0) + length;
}

void terminal_prose(const char *text)
{
    enum { WIDEST = 120 };
    size_t columns = (size_t)terminal_columns(WIDEST);
    size_t used = 0;
    if (fits(text, columns)) {
        fputs(text, stdout);
        return;
    }
    while (*text != '\0') {
        size_t length = strcspn(text, " \n");
        used = put_word(text, length, used, columns);
        text += length;
        if (strncmp(text, "\n\n", 2) == 0) {
            printf("\n\n");
            used = 0;
        }
        text += strspn(text, " \n");
    }
}

void terminal_print(const char *format, ...)
{
    char text[6000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t blank = strspn(text, "\n");
    printf("%.*s", (int)blank, text);
    size_t end = strlen(text);
    while (end > blank && text[end - 1] == '\n') {
        end--;
    }
    size_t after = strlen(text) - end;
    text[end] = '\0';
    terminal_prose(text + blank);
    for (size_t i = 0; i <= after; i++) {
        printf("\n");
    }
}

void terminal_end(Writer *writer)
{
    char *text = writer_end(writer);
    terminal_print("%s", text);
    free(text);
}
