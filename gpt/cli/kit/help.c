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

// Where a command can go on in another line: before an option or a pipe. NULL: nowhere.
static const char *next_part(const char *line)
{
    const char *option = strstr(line + 1, " --");
    const char *pipe = strstr(line + 1, " | ");
    return option == NULL || (pipe != NULL && pipe < option) ? pipe : option;
}

// A line that is too wide is broken so that a shell still reads it as one.
static void print_example(const char *line, int length)
{
    enum { WIDEST = 1000 };
    static const char next_line[] = " \\\n     ";
    int columns = terminal_columns(WIDEST);
    int used = 0;
    while (length > 0) {
        const char *next = next_part(line);
        bool last = next == NULL || next - line >= length;
        int part = last ? length : (int)(next - line);
        if (used > 0 && used + part + (last ? 0 : 2) > columns) {
            printf("%s", next_line);
            used = (int)strlen(next_line) - 3;
        }
        printf("%.*s", part, line);
        used += part;
        line += part;
        length -= part;
    }
    printf("\n");
}

void help_print_examples(const char *examples)
{
    printf("\nExamples:\n");
    for (; *examples != '\0'; examples += strcspn(examples, "\n") + 1) {
        print_example(examples, (int)strcspn(examples, "\n"));
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
    help_print_examples(help->examples);
}

bool options_accept(const Options *options)
{
    if (options_given(options, "help")) {
        help_print(options);
        return command_stop(STATUS_OK);
    }
    return options_check(options) && terminal_set_color(options);
}
