// batch_options.c: --ids and --targets: one batch, number by number.

#include "gpt/cli/kit/kit.h"

struct poptOption ids_options[] = {
    {"ids", '\0', POPT_ARG_STRING, NULL, OPTION_IDS, "token ids instead of a text, rows separated by ;", "1,2,3;4,5,6"},
    {"targets", '\0', POPT_ARG_STRING, NULL, OPTION_TARGETS, "what follows each of them", "2,3,4;5,6,7"},
    POPT_TABLEEND,
};

bool options_by_ids(const Options *options)
{
    return options_given(options, OPTION_IDS) || options_given(options, OPTION_TARGETS);
}

bool options_batch(const Options *options, const GPTConfig *config, int **ids, int **targets, int *B, int *T)
{
    int largest = config->vocab_size - 1;
    int rows;
    int columns;

    *ids = NULL;
    *targets = NULL;
    if (!options_given(options, OPTION_IDS) || !options_given(options, OPTION_TARGETS)) {
        command_error(options->help->name, "--ids and --targets: give both, rows of the same length");
        return false;
    }
    if (!options_int_rows(options, OPTION_IDS, 0, largest, ids, B, T) ||
        !options_int_rows(options, OPTION_TARGETS, 0, largest, targets, &rows, &columns)) {
        return false;
    }
    if (rows != *B || columns != *T) {
        return option_error(options, OPTION_TARGETS, "is %d x %d, and --ids is %d x %d", rows, columns, *B, *T);
    }
    return *T <= config->context_length ||
           option_error(options, OPTION_IDS, "has rows of %d; the model's context length is %d", *T, config->context_length);
}
