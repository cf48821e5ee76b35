// help.c: a command's help page, fitted to the terminal.

#include "gpt/cli/kit/argv.h"

#include <string.h>

enum { HELP_COLUMNS = 80, INDENT = 30, INDENT_NARROW = 22 }; // where descriptions begin

// "  --seed=N                    seed of the random weights (default 123)"
static void print_option(const Option *option, int columns)
{
    int indent = columns < HELP_COLUMNS ? INDENT_NARROW : INDENT;
    const char *letter = strcmp(option->name, "help") == 0 ? "-h, " : "";
    const char *argument = option->argument == NULL ? "" : option->argument;
    int used = printf("  %s--%s%s%s", letter, option->name, argument[0] == '\0' ? "" : "=", argument);
    if (used + 2 > indent) {
        printf("\n");
        used = 0;
    }
    printf("%*s", indent - used, "");
    terminal_wrap(stdout, option->help, indent, columns, indent);
    printf("\n");
}

// The bytes up to the line's end, or to an option or a pipe outside quotes, before which the line can be broken.
static int part_length(const char *text)
{
    char quote = '\0'; // that is open
    int n = 1;
    while (text[n] != '\n' && (quote != '\0' || (strncmp(text + n, " --", 3) != 0 && strncmp(text + n, " | ", 3) != 0))) {
        if (text[n] == quote) {
            quote = '\0';
        } else if (quote == '\0' && (text[n] == '\'' || text[n] == '"')) {
            quote = text[n];
        }
        n++;
    }
    return n;
}

void terminal_commands(const char *lines)
{
    enum { WIDEST = 1000, BREAK = 2, INDENT_NEXT = 5 };
    int columns = terminal_columns(WIDEST);
    int used = 0;
    while (*lines != '\0') {
        int n = part_length(lines);
        bool last = lines[n] == '\n';
        if (used > 0 && used + n + (last ? 0 : BREAK) > columns) {
            printf(" \\\n%*s", INDENT_NEXT, "");
            used = INDENT_NEXT;
        }
        printf("%.*s%s", n, lines, last ? "\n" : "");
        used = last ? 0 : used + n;
        lines += n + last;
    }
}

static void help_print(const Options *options)
{
    const CommandHelp *help = options->help;
    int columns = terminal_columns(HELP_COLUMNS);
    printf("Usage: gptape %s [OPTIONS]%s%s\n", help->name, help->operand == NULL ? "" : " ", help->operand == NULL ? "" : help->operand);
    for (int i = 0; i < options->count; i++) {
        if (options->list[i].title != NULL) {
            printf("\n");
            terminal_wrap(stdout, options->list[i].title, 0, columns, 0);
            printf("\n");
        }
        print_option(&options->list[i], columns);
    }
    terminal_print("\n%s", help->about);
    printf("\nExamples:\n");
    terminal_commands(help->examples);
}

bool options_accept(const Options *options)
{
    if (options_given(options, "help")) {
        help_print(options);
        return command_stop(STATUS_OK);
    }
    return options_check(options) && terminal_set_color(options);
}
