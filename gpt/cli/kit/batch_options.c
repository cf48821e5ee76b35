// batch_options.c: --ids and --targets: one batch, number by number.

#include "gpt/cli/kit/kit.h"

#include <limits.h>
#include <stdlib.h>

const OptionRow ids_rows[] = {
    {"ids", "1,2,3;4,5,6", NULL, "token ids instead of a text, rows separated by ;"},
    {"targets", "2,3,4;5,6,7", NULL, "the token that follows each of them; -1: none, it does not count in the loss"},
    {0},
};

bool options_task(const Options *options, Task **task)
{
    const char *text = options_text(options, "task");
    Error error;
    *task = text == NULL ? NULL : memory_allocate_zeroed(1, sizeof **task, "a task");
    return text == NULL || task_read(text, *task, &error) || option_error(options, "task", "%s", error.message);
}

bool options_task_fits(const Options *options, Task *task, int vocab_size, int T)
{
    Error error;
    return task == NULL || task_fit(task, vocab_size, T, &error) || option_error(options, "task", "%s", error.message);
}

bool options_batch_size(const Options *options, int context_length, int *B, int *T)
{
    const char *length = options_text(options, "length");
    bool is_cut = length != NULL && !options_given(options, "length") && atoi(length) > context_length;
    *T = context_length;
    if (!options_int(options, "batch", 1, MOST_BATCH, B) || (!is_cut && !options_int(options, "length", 1, context_length, T))) {
        return false;
    }
    return *B <= INT_MAX / *T || option_error(options, "batch", "%d rows of %d tokens exceed %d tokens", *B, *T, INT_MAX);
}

const ResidualRule *options_rule(const Options *options, int i)
{
    Error error;
    const ResidualRule *rule = residual_rule(options_text_of(options, "residual", i), &error);
    if (rule == NULL) {
        option_error(options, "residual", "%s", error.message);
    }
    return rule;
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
    Error error;
    return (*T <= config->context_length
            || option_error(options, "ids", "rows of %d tokens exceed the context length %d", *T, config->context_length))
        && (gpt_targets_check(config, *targets, rows * columns, &error) || option_error(options, "targets", "%s", error.message));
}
