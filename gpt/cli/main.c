// main.c: the gptape program: finds the command, and passes the rest of the command line to it.

#include "gpt/cli/kit/kit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define COMMAND_ENTRY(name) {&name##_help, command_##name},
static const Command commands[] = {COMMANDS(COMMAND_ENTRY)};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_usage(void)
{
    printf("Usage: gptape COMMAND [OPTIONS]\n\n"
           "A GPT on a tape: watch gradients flow through it.\n\n"
           "Commands:\n");
    Table *table = table_begin("ll", NULL);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        table_row(table, "  %s|%s", commands[i].help->name, commands[i].help->summary);
    }
    table_end(table);
    terminal_print("\ngptape help COMMAND (or gptape COMMAND --help) shows a command's options and examples, gptape version (or gptape --version) "
                   "the version. If an option is given several times, the last counts, except for --residual, --probe and --vary, which make lists "
                   "where several are possible.");
    printf("\nExamples:\n");
    terminal_commands("  gptape gradflow\n"
                      "  gptape info\n"
                      "  gptape info --config gpt2-124m\n"
                      "  gptape train\n"
                      "  gptape generate --prompt \"Hello\"\n"
                      "  gptape tokenize < README.md\n"
                      "  gptape gradcheck\n");
}

// The ranks share the processors. Rank 0 alone writes to stdout.
static bool join_ranks(const Command *command)
{
    Error error;
    if (!ranks_begin(&error)) {
        command_error(command->help->name, "%s", error.message);
        return false;
    }
    if (ranks_threads() > 0 && getenv("OMP_NUM_THREADS") == NULL) {
        kernels_set_threads(ranks_threads());
    }
    return ranks_rank() == 0 || streams_no_stdout();
}

// argv[0] is the command's name.
static int run_command(const Command *command, int argc, const char **argv)
{
    Options options;
    if (command->help->on_ranks && !join_ranks(command)) {
        return STATUS_FAILED;
    }
    bool read = options_parse(&options, command->help, argc, argv) && options_streams(&options);
    int status = read ? command->run(&options) : command_status(false);
    options_free(&options);
    if (ranks_count() > 1) {
        status = command_end_ranks(command->help, status);
        ranks_end();
    }
    return status;
}

static const Command *find_command(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].help->name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static const char *command_word(int i)
{
    return i < COMMAND_COUNT ? commands[i].help->name : i == COMMAND_COUNT ? "help" : "version";
}

static int report_unknown_command(const char *name)
{
    char hint[WORDS_TEXT];
    words_hint(name, command_word, COMMAND_COUNT + 2, hint);
    command_error(NULL, "%.80s: unknown command%s", name[0] == '\0' ? "''" : name, hint);
    return STATUS_USAGE;
}

// gptape help, gptape help COMMAND; for make install: gptape help --man, gptape help --completion bash
static int show_help(int argc, const char **argv)
{
    if (argc == 1) {
        print_usage();
        return STATUS_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--man") == 0) {
        manual_print(commands, COMMAND_COUNT);
        return STATUS_OK;
    }
    if (argc == 3 && strcmp(argv[1], "--completion") == 0) {
        return completion_print(commands, COMMAND_COUNT, argv[2]) ? STATUS_OK : STATUS_USAGE;
    }
    if (argc > 2) {
        command_error("help", "'%.80s': unexpected (expected one command)", argv[2]);
        return STATUS_USAGE;
    }
    const Command *command = find_command(argv[1]);
    if (command == NULL) {
        return report_unknown_command(argv[1]);
    }
    const char *words[] = {command->help->name, "--help", NULL};
    return run_command(command, 2, words);
}

static bool is_word(const char *text, const char *word)
{
    return strcmp(text, word) == 0 || (strncmp(text, "--", 2) == 0 && strcmp(text + 2, word) == 0);
}

static int run(int argc, const char **argv)
{
    if (argc == 1 || is_word(argv[1], "help") || strcmp(argv[1], "-h") == 0) {
        return show_help(argc == 1 ? 1 : argc - 1, argc == 1 ? argv : argv + 1);
    }
    if (is_word(argv[1], "version")) {
        printf("gptape %s\n", GPTAPE_VERSION);
        return STATUS_OK;
    }
    if (argv[1][0] == '-') {
        command_error(NULL, "%.80s: unexpected before the command (expected gptape COMMAND [OPTIONS])", argv[1]);
        return STATUS_USAGE;
    }
    const Command *command = find_command(argv[1]);
    return command != NULL ? run_command(command, argc - 1, argv + 1) : report_unknown_command(argv[1]);
}

// Out of memory is not a mistake: one line, and STATUS_FAILED.
static void on_failure(FailKind kind, const char *message)
{
    command_failing(kind, message);
    if (kind == FAIL_MISTAKE) {
        abort(); // a debugger stops here
    }
    if (ranks_count() > 1) {
        ranks_abort(STATUS_FAILED);
    }
    exit(STATUS_FAILED);
}

// Where the address space is limited (ulimit -v), a stack that cannot grow ends the program with a signal. So it is grown here, where a failure can
// be reported, to more than any command needs.
enum { USUAL_STACK = 1 << 19 };

__attribute__((noinline)) static void touch_stack(void) // not part of grow_stack, whose calls would then need this stack already
{
    enum { PAGE = 4096 };
    char stack[USUAL_STACK];
    volatile char *page = stack;
    for (int i = USUAL_STACK - 1; i > 0; i -= PAGE) {
        page[i] = 0;
    }
}

static void grow_stack(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return;
    }
    if (memory_available() < 2 * USUAL_STACK) {
        fail_memory(USUAL_STACK, "the stack");
    }
    touch_stack();
}

int main(int argc, char **argv)
{
    fail_set_handler(on_failure);
    streams_begin();
    grow_stack();
    signal(SIGXFSZ, SIG_IGN); // a file that grows beyond the user's limit is then an error like a full disk
    json_begin();
    int status = precision_restart(argv) ? run(argc, (const char **)argv) : STATUS_FAILED;
    progress_end();
    if (!close_stdout(NULL) && status == STATUS_OK) {
        status = STATUS_FAILED;
    }
    return status;
}
