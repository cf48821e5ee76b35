// fuzz_options.c: any words as a command line, and any bytes as stdin. The words end with a NUL each; the first chooses the command, and what
// is behind an empty word is stdin. Options of every command are parsed and each is read as every kind of value. The commands that only
// read what they are given are run.

#include "gpt/cli/kit/kit.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 32 };

#define COMMAND_ENTRY(name) {&name##_help, command_##name},
static const Command commands[] = {COMMANDS(COMMAND_ENTRY)};

// The others are only parsed, since they compute or write files.
static bool is_run(const Command *command)
{
    return command->run == command_tokenize || command->run == command_stories || command->run == command_info;
}

// The checks in double are another build of the library, which no option reaches here.
void gradcheck_all_double(GradCheckReport *report, void *context)
{
    (void)report;
    (void)context;
}

// Messages and results go nowhere: the sanitizers write to the descriptor, not to stdio's stream.
static void silence(void)
{
    static FILE *nowhere;
    if (nowhere == NULL) {
        nowhere = fopen("/dev/null", "w");
        stdout = nowhere;
        stderr = nowhere;
        setenv("GPTAPE_DATA", "/nonexistent", 1);
        json_begin();
    }
}

static void read_values(const Options *options)
{
    for (int i = 0; i < options->count; i++) {
        const char *name = options->list[i].name;
        int whole = 0;
        double number = 0;
        bool on = false;
        int *wholes = NULL;
        double *numbers = NULL;
        int count = 0;
        int columns = 0;
        if (options->list[i].value == NULL) {
            continue;
        }
        options_int(options, name, -5, 1000000, &whole);
        options_double(options, name, -1, 1, &number);
        options_switch(options, name, &on);
        if (options_int_list(options, name, 0, 99, &wholes, &count)) {
            free(wholes);
        }
        if (options_double_list(options, name, &numbers, &count)) {
            free(numbers);
        }
        if (options_int_rows(options, name, 0, 99, &wholes, &count, &columns)) {
            free(wholes);
        }
    }
}

static void read_config(const Options *options)
{
    const GPTPreset *preset;
    GPTConfig config;
    uint64_t seed;
    if (options_has(options, "config")) {
        options_config(options, "tiny", &preset, &config);
    }
    if (options_has(options, "seed")) {
        options_seed(options, &seed);
    }
}

// Starting a thousand threads is slow, and tests no parser; the files that other options name are this machine's.
static bool is_harmless(const Options *options)
{
    return !(options_has(options, "threads") && options_given(options, "threads"))
        && !(options_has(options, "alphabet") && options_given(options, "alphabet"))
        && !(options_has(options, "model") && options_given(options, "model"))
        && !(options_has(options, "vocab") && options_given(options, "vocab"))
        && !(options_has(options, "bytes") && options_given(options, "bytes"))
        && !(options_has(options, "count") && options_given(options, "count"));
}

static void run(const Command *command, int argc, const char **argv, const char *input, size_t n)
{
    Options options;
    if (options_parse(&options, command->help, argc, argv)) {
        read_values(&options);
        read_config(&options);
        if (is_run(command) && is_harmless(&options)) {
            stdin = n == 0 ? fopen("/dev/null", "r") : fmemopen((void *)input, n, "r");
            command->run(&options);
            fclose(stdin);
        }
    }
    options_free(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *argv[MOST_WORDS + 1];
    int argc = 0;
    silence();
    if (n == 0) {
        return 0;
    }
    const Command *command = &commands[data[0] % (sizeof commands / sizeof commands[0])];
    char *text = memory_allocate(n, "the words");
    memcpy(text, data + 1, n - 1);
    text[n - 1] = '\0';
    argv[argc++] = command->help->name;
    size_t at = 0;
    while (at < n - 1 && text[at] != '\0' && argc < MOST_WORDS) {
        argv[argc++] = text + at;
        at += strlen(text + at) + 1;
    }
    argv[argc] = NULL;
    at = at < n - 1 ? at + 1 : n - 1;
    run(command, argc, argv, text + at, n - 1 - at);
    free(text);
    return 0;
}
