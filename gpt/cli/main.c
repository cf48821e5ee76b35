// main.c: the gptape program: finds the command, and hands the rest of the line to it.

#include "gpt/cli/kit/kit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const Command commands[] = {
    {&gradflow_help, "gradients layer by layer, with and without shortcuts: the main job", command_gradflow},
    {&graph_help, "a drawing of one step's tape: operations, modules, shapes, shortcuts, gradients", command_graph},
    {&info_help, "parameters, memory and FLOPs of a model, without making it", command_info},
    {&train_help, "let a GPT learn a text, watch it, save it, and go on with it", command_train},
    {&generate_help, "text, one token at a time, from a saved or an untrained model", command_generate},
    {&eval_help, "how well a saved or untrained model predicts a text, or given ids", command_eval},
    {&tokenize_help, "text to token ids, and back", command_tokenize},
    {&stories_help, "small stories to learn from, and how many sentences of a text are well-formed", command_stories},
    {&gradcheck_help, "analytic against numeric gradient of every operation and module", command_gradcheck},
    {&bench_help, "what this machine can do at most, and how near to it gptape comes", command_bench},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };
enum { OPTION_VERSION = OPTION_OWN };

// Options may also stand before the command; these are the ones that most commands know.
static struct poptOption leading_options[] = {
    {"version", '\0', POPT_ARG_NONE, NULL, OPTION_VERSION, "show the version", NULL},
    INCLUDE_OPTIONS(model_options, "Model:"),
    INCLUDE_OPTIONS(shortcut_options, "Shortcuts:"),
    INCLUDE_OPTIONS(seed_options, "Random numbers:"),
    INCLUDE_OPTIONS(run_options, "Running:"),
    POPT_TABLEEND,
};

static const CommandHelp program_help = {.name = NULL, .table = leading_options};

static void print_usage(void)
{
    printf("Usage: gptape COMMAND [OPTIONS]\n\n"
           "A GPT on a tape: watch gradients flow through it.\n\n"
           "Commands:\n");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-12s%s\n", commands[i].help->name, commands[i].summary);
    }
    printf("\n"
           "  gptape help COMMAND (or gptape COMMAND --help) shows a command's options and examples\n"
           "  gptape --version shows the version\n\n"
           "Examples:\n"
           "  gptape gradflow\n"
           "  gptape info\n"
           "  gptape info --config gpt2-124m\n"
           "  gptape train\n"
           "  gptape generate --prompt \"Hello\"\n"
           "  gptape tokenize < README.md\n"
           "  gptape gradcheck\n");
}

// argv[0] is the command's name.
static int run_command(const Command *command, int argc, const char **argv)
{
    Options options;
    int status;

    if (options_parse(&options, command->help, argc, argv, &status)) {
        status = command->run(&options);
    }
    options_free(&options);
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

static int report_unknown_command(const char *name)
{
    char choices[256] = "";
    const char *shown = name[0] == '\0' ? "''" : name;                 // as it was typed

    for (int i = 0; i < COMMAND_COUNT; i++) {
        size_t used = strlen(choices);
        if (word_distance(name, commands[i].help->name) <= SIMILAR_WORDS) {
            command_error(NULL, "%.80s: there is no such command; did you mean %s?", shown, commands[i].help->name);
            return STATUS_USAGE;
        }
        snprintf(choices + used, sizeof choices - used, "%s, ", commands[i].help->name);
    }
    command_error(NULL, "%.80s: there is no such command; the commands are %shelp", shown, choices);
    return STATUS_USAGE;
}

// gptape help, gptape help COMMAND
static int show_help(int argc, const char **argv)
{
    if (argc == 1) {
        print_usage();
        return STATUS_OK;
    }
    if (argc > 2) {
        command_error("help", "'%.80s': is not expected here; help takes one command", argv[2]);
        return STATUS_USAGE;
    }
    const Command *command = find_command(argv[1]);
    if (command == NULL) {
        return report_unknown_command(argv[1]);
    }
    const char *words[] = {command->help->name, "--help", NULL};
    return run_command(command, 2, words);
}

// Runs the command at argv[n_leading] with the options before it moved behind it: gptape --json info is gptape info --json.
static int run_named(int argc, const char **argv, int n_leading)
{
    const char *name = argv[n_leading];
    const Command *command = find_command(name);
    int n = 0;

    if (strcmp(name, "help") == 0) {
        return show_help(argc - n_leading, argv + n_leading);
    }
    if (command == NULL) {
        return report_unknown_command(name);
    }
    const char **words = memory_allocate(((size_t)argc + 1) * sizeof *words, "the command line");
    words[n++] = name;
    for (int i = 1; i < n_leading; i++) {
        words[n++] = argv[i];
    }
    for (int i = n_leading + 1; i < argc; i++) {
        words[n++] = argv[i];
    }
    words[n] = NULL;
    int status = run_command(command, n, words);
    free(words);
    return status;
}

static int run(int argc, const char **argv)
{
    Options options;
    int n_leading;
    int status = STATUS_USAGE;
    bool read = options_parse_leading(&options, &program_help, argc, argv, &n_leading);

    if (!read) {
        status = STATUS_USAGE;                     // it was reported
    } else if (options_given(&options, OPTION_VERSION)) {
        printf("gptape %s\n", GPTAPE_VERSION);
        status = STATUS_OK;
    } else if (n_leading < argc) {
        status = run_named(argc, argv, n_leading);
    } else if (argc == 1 || options_given(&options, OPTION_HELP)) {
        print_usage();
        status = STATUS_OK;
    } else {
        command_error(NULL, "there is no command; 'gptape help' lists them");
    }
    options_free(&options);
    return status;
}

// Too little memory is no mistake of anybody's: one line, and the exit status for what could not be done.
static void on_failure(FailKind kind, const char *message)
{
    command_error(NULL, "%s", message);
    if (kind == FAIL_MISTAKE) {
        abort();                                   // a debugger stops here
    }
    exit(STATUS_FAILED);
}

int main(int argc, char **argv)
{
    fail_set_handler(on_failure);
    signal(SIGXFSZ, SIG_IGN);                      // a file that grows beyond the user's limit is then an error like a full disk
    json_begin();
    int status = run(argc, (const char **)argv);
    if (!close_stdout(NULL) && status == STATUS_OK) {
        status = STATUS_FAILED;
    }
    return status;
}
