// batch_options.c: --ids and --targets: one batch, number by number.

#include "gpt/cli/kit/kit.h"

#include <stdlib.h>

const OptionRow ids_rows[] = {
    {"ids", "1,2,3;4,5,6", NULL, "token ids instead of a text, rows separated by ;"},
    {"targets", "2,3,4;5,6,7", NULL, "the token that follows each of them; -1: none, it does not count in the loss"},
    {0},
};

Task *options_task(const Options *options)
{
    Task *task = memory_allocate(sizeof *task, "a task");
    Error error;
    if (task_read(options_text(options, "task"), task, &error)) {
        return task;
    }
    option_error(options, "task", "%s", error.message);
    free(task);
    return NULL;
}

bool options_by_ids(const Options *options)
{
    return options_given(options, "ids") || options_given(options, "targets");
}

bool options_batch(const Options *options, const GPTConfig *config, int **ids, int **targets, int *B, int *T)
{
    int largest = config->vocab_size - 1;
    int rows;
    int columns;

    *ids = NULL;
    *targets = NULL;
    if (!options_given(options, "ids") || !options_given(options, "targets")) {
        return option_error(options, options_given(options, "ids") ? "targets" : "ids", "missing; --ids and --targets go together");
    }
    if (!options_int_rows(options, "ids", 0, largest, ids, B, T)
        || !options_int_rows(options, "targets", TARGET_IGNORED, largest, targets, &rows, &columns)) {
        return false;
    }
    if (rows != *B || columns != *T) {
        return option_error(options, "targets", "%d x %d tokens, but --ids has %d x %d", rows, columns, *B, *T);
    }
    return *T <= config->context_length
        || option_error(options, "ids", "rows of %d tokens exceed the context length %d", *T, config->context_length);
}
