// manual.c: the manual page and the shells' completions, made from the commands' tables of options.

#include "gpt/cli/kit/kit.h"

#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// The manual page, in the macros of man(7)

// Text in roff, between two pieces of markup: a backslash and a minus have a meaning there, and so has a dot or an apostrophe that begins a line. A
// blank line is a new paragraph.
static void roff(const char *before, const char *text, const char *after)
{
    bool begins = true;
    fputs(before, stdout);
    for (; *text != '\0'; text++) {
        if (begins && (*text == '.' || *text == '\'')) {
            printf("\\&");
        }
        if (*text == '\\') {
            printf("\\e");
        } else if (*text == '-') {
            printf("\\-");
        } else if (*text == '\'') {
            printf("\\(aq");
        } else if (strncmp(text, "\n\n", 2) == 0) {
            printf("\n.PP");
        } else {
            putchar(*text);
        }
        begins = *text == '\n';
    }
    fputs(after, stdout);
}

static void roff_option(const Option *option)
{
    if (option->title != NULL) {
        roff(".PP\n", option->title, "\n");
    }
    roff(".TP\n.B \\-\\-", option->name, "");
    if (option->argument != NULL) {
        roff("\\fR=\\fI", option->argument, "\\fR");
    }
    roff("\n", option->help, "\n");
}

static void roff_command(const Command *command)
{
    Options options = options_list(command->help);
    roff(".SS ", command->help->name, "\n");
    roff("", command->help->about, "\n");
    for (int i = 0; i < options.count; i++) {
        roff_option(&options.list[i]);
    }
    roff(".PP\nExamples:\n.PP\n.nf\n", command->help->examples, ".fi\n");
    options_free(&options);
}

void manual_print(const Command *commands, int count)
{
    printf(
        ".TH GPTAPE 1 \"\" \"gptape %s\" \"User Commands\"\n"
        ".SH NAME\ngptape \\- a GPT on a tape: watch gradients flow through it\n"
        ".SH SYNOPSIS\n.B gptape\n.I COMMAND\n[\\fIOPTIONS\\fR]\n.br\n.B gptape help\n[\\fICOMMAND\\fR]\n.br\n.B gptape version\n"
        ".SH DESCRIPTION\nResults go to standard output, progress and notes to standard error.\n"
        "If an option is given several times, the last counts; \\-\\-residual, \\-\\-probe and \\-\\-vary make lists where several are possible,\n"
        "and several \\-\\-residual are an error elsewhere.\n.PP\n",
        GPTAPE_VERSION);
    for (int i = 0; i < count; i++) {
        roff(".TP\n.B ", commands[i].help->name, "\n");
        roff("", commands[i].help->summary, "\n");
    }
    printf(".SH COMMANDS\n");
    for (int i = 0; i < count; i++) {
        roff_command(&commands[i]);
    }
    printf(".SH ENVIRONMENT\n"
           ".TP\n.B GPTAPE_DATA\nfolder of GPT\\-2's vocabulary\n"
           ".TP\n.B NO_COLOR\nif set, \\-\\-color auto means never\n"
           ".TP\n.B COLUMNS\nwidth of the terminal\n"
           ".SH EXIT STATUS\n"
           ".TP\n.B 0\nsuccess\n"
           ".TP\n.B 1\nan error, or a failed check\n"
           ".TP\n.B 2\na usage error\n");
}

// ------------------------------------------------------------------------------------------------------------
// Completions

static bool takes(const Option *option, const char *argument)
{
    return option->argument != NULL && strcmp(option->argument, argument) == 0;
}

// Words that an option's argument can be: "on|off"; the presets; NULL: any.
static const char *choices(const Option *option, char text[1024])
{
    bool choice = option->field != NULL && option->field->kind == FIELD_CHOICE;
    int n = takes(option, "PRESET") ? gpt_preset_count : choice ? option->field->n_words : 0;
    size_t used = 0;
    for (int i = 0; i < n; i++) {
        used += (size_t)snprintf(text + used, 1024 - used, "%s ", (choice ? option->field->word : preset_word)(i));
    }
    if (n == 0 && (option->argument == NULL || strchr(option->argument, '|') == NULL)) {
        return NULL;
    }
    for (int i = 0; n == 0 && i <= (int)strlen(option->argument); i++) {
        text[i] = option->argument[i] == '|' ? ' ' : option->argument[i];
    }
    return text;
}

static void bash_command(const Command *command)
{
    Options options = options_list(command->help);
    char text[1024];
    printf("    %s)\n        case \"$previous\" in\n", command->help->name);
    for (int i = 0; i < options.count; i++) {
        const Option *option = &options.list[i];
        const char *words = choices(option, text);
        if (words != NULL) {
            printf("        --%s) COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n", option->name, words);
        } else if (option_takes_path(option)) {
            printf("        --%s) COMPREPLY=($(compgen -%c -- \"$word\")); return ;;\n", option->name, takes(option, "DIR") ? 'd' : 'f');
        } else if (option->argument != NULL) {
            printf("        --%s) return ;;\n", option->name);
        }
    }
    printf("        esac\n        COMPREPLY=($(compgen -W '");
    for (int i = 0; i < options.count; i++) {
        printf("--%s ", options.list[i].name);
    }
    printf("' -- \"$word\")) ;;\n");
    options_free(&options);
}

static void print_bash(const Command *commands, int count)
{
    printf("# bash completion for gptape, made by 'gptape help --completion bash'\n"
           "_gptape()\n{\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    compopt -o filenames 2>/dev/null\n"
           "    COMPREPLY=()\n"
           "    if ((COMP_CWORD == 1)) || [[ ${COMP_WORDS[1]} == help ]]; then\n"
           "        COMPREPLY=($(compgen -W '");
    for (int i = 0; i < count; i++) {
        printf("%s ", commands[i].help->name);
    }
    printf("help version' -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n");
    for (int i = 0; i < count; i++) {
        bash_command(&commands[i]);
    }
    printf("    esac\n}\ncomplete -F _gptape gptape\n");
}

// Text inside single quotes in an _arguments specification, where a colon and brackets have a meaning.
static void zsh_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            printf("'\\''");
        } else {
            printf(strchr(":[]\\", *text) != NULL ? "\\%c" : "%c", *text);
        }
    }
}

static void zsh_command(const Command *command)
{
    Options options = options_list(command->help);
    char text[1024];
    printf("    %s) _arguments", command->help->name);
    for (int i = 0; i < options.count; i++) {
        const Option *option = &options.list[i];
        const char *words = choices(option, text);
        printf(" \\\n        '--%s%s[", option->name, option->argument != NULL ? "=" : "");
        zsh_text(option->help);
        printf("]");
        if (option->argument != NULL) {
            printf(":");
            zsh_text(option->argument);
            printf(":");
        }
        if (words != NULL) {
            printf("(%s)", words);
        } else if (option_takes_path(option)) {
            printf("_files%s", takes(option, "DIR") ? " -/" : "");
        }
        printf("'");
    }
    printf(" ;;\n");
    options_free(&options);
}

static void print_zsh(const Command *commands, int count)
{
    printf("#compdef gptape\n# zsh completion for gptape, made by 'gptape help --completion zsh'\n"
           "if ((CURRENT == 2)) || [[ ${words[2]} == help ]]; then\n    local -a commands=(");
    for (int i = 0; i < count; i++) {
        printf("\n        '%s:", commands[i].help->name);
        zsh_text(commands[i].help->summary);
        printf("'");
    }
    printf("\n        'help:options and examples of a command'\n        'version:show the version'\n    )\n"
           "    _describe 'command' commands\n    return\nfi\n"
           "local command=${words[2]}\nshift words\n((CURRENT--))\ncase $command in\n");
    for (int i = 0; i < count; i++) {
        zsh_command(&commands[i]);
    }
    printf("esac\n");
}

bool completion_print(const Command *commands, int count, const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        print_bash(commands, count);
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh(commands, count);
    } else {
        command_error("help", "--completion: '%.80s' is unknown (expected bash or zsh)", shell);
        return false;
    }
    return true;
}
