// options.c: a command's table of options as a list. argv.c parses argv into it; what the texts mean: values.c.

#include "gpt/cli/kit/kit.h"

#include <stdlib.h>
#include <string.h>

enum { HELP_TEXT = 512 };

// ------------------------------------------------------------------------------------------------------------
// Shared rows

const OptionRow config_rows[] = {
    {"config", "PRESET", NULL, "preset to start from; 'gptape info' lists them"},
    {0},
};

const OptionRow seed_rows[] = {
    {"seed", "N", "123", "seed of the random weights"},
    {0},
};

#ifdef GPTAPE_DOUBLE
#define PRECISION_DEFAULT "f64"
#else
#define PRECISION_DEFAULT "f32"
#endif
#define PRECISION_ROW \
    {"precision", "f32|bf16|f64", PRECISION_DEFAULT, \
     "bf16: operands of large matrix products, if the processor supports it; f64: everything in double"}

const OptionRow precision_rows[] = {
    PRECISION_ROW,
    {0},
};

const OptionRow compute_rows[] = {
    {"recompute", "on|off", "off", "recompute each block in backward instead of storing it: same numbers, less memory, more time"},
    PRECISION_ROW,
    {0},
};

static const OptionRow threads_rows[] = {
    {"threads", "N", NULL, "threads to compute with (default: one per processor, divided among the ranks of a machine)"},
    {0},
};

static const OptionRow answer_rows[] = {
    {"json", NULL, NULL, "print the results as JSON"},
    {"quiet", NULL, NULL, "no notes and no progress on stderr"},
    {"color", "auto|always|never", "auto", "color in the output; auto: on a terminal, unless NO_COLOR is set"},
    {"help", NULL, NULL, "show this page"},
    {0},
};

// ------------------------------------------------------------------------------------------------------------
// The list

const char *option_name(const char *field, char name[32])
{
    snprintf(name, 32, "%s", field);
    for (char *at = name; *at != '\0'; at++) {
        *at = *at == '_' ? '-' : *at;
    }
    return name;
}

static Option *add_option(Options *options, const char *name)
{
    Option *option = LIST_ADD(options->list, options->count, options->capacity, "the options");
    *option = (Option){0};
    option_name(name, option->name);
    return option;
}

static void describe(Option *option, const char *text, const char *choices)
{
    char help[HELP_TEXT];
    int used = snprintf(help, sizeof help, "%s", text);
    if (choices[0] != '\0') {
        used += snprintf(help + used, sizeof help - (size_t)used, ": %s", choices);
    }
    if (option->standard != NULL && option->standard[0] != '\0') {
        snprintf(help + used, sizeof help - (size_t)used, " (default %s)", option->standard);
    }
    option->help = memory_copy_text(help);
}

Option *options_find(const Options *options, const char *name)
{
    for (int i = 0; i < options->count; i++) {
        if (strcmp(options->list[i].name, name) == 0) {
            return &options->list[i];
        }
    }
    return NULL;
}

bool options_has(const Options *options, const char *name)
{
    return options_find(options, name) != NULL;
}

static void add_field(Options *options, const OptionGroup *group, const ConfigField *field)
{
    char choices[FIELD_WORDS] = "";
    if (options_has(options, OPTION_NAME(field))) {
        return;
    }
    Option *option = add_option(options, field->name);
    option->field = field;
    option->argument = field->argument;
    option->standard = group->show_defaults ? field->standard : NULL;
    if (field->kind == FIELD_CHOICE) {
        config_field_words(field, choices);
    }
    describe(option, field->help, choices);
}

// A row of an included group is skipped if the option already exists.
static void add_groups(Options *options, const OptionGroup *group, bool included)
{
    for (; group->rows != NULL || group->fields != NULL || group->groups != NULL; group++) {
        int first = options->count;
        for (const OptionRow *row = group->rows; row != NULL && row->name != NULL; row++) {
            if (included && options_has(options, row->name)) {
                continue;
            }
            Option *option = add_option(options, row->name);
            option->argument = row->argument;
            option->standard = row->standard;
            describe(option, row->help, "");
        }
        for (int i = 0; group->fields != NULL && i < *group->n_fields; i++) {
            add_field(options, group, &group->fields[i]);
        }
        if (group->groups != NULL) {
            add_groups(options, group->groups, true);
        } else if (options->count > first) {
            options->list[first].title = group->title;
        }
    }
}

Options options_list(const CommandHelp *help)
{
    Options options = {.help = help};
    const char *title = "Running:";
    add_groups(&options, help->groups, false);
    if (help->computes) {
        add_groups(&options, (OptionGroup[]){{.title = title, .rows = threads_rows}, {0}}, false);
        title = NULL;
    }
    add_groups(&options, (OptionGroup[]){{.title = title, .rows = answer_rows}, {0}}, false);
    return options;
}

void options_free(Options *options)
{
    for (int i = 0; i < options->count; i++) {
        Option *option = &options->list[i];
        for (int k = 0; k < option->n_values; k++) {
            free(option->values[k]);
        }
        free(option->values);
        free(option->help);
    }
    free(options->list);
    for (int i = 0; i < options->n_operands; i++) {
        free(options->operands[i]);
    }
    free(options->operands);
    *options = (Options){0};
}

static Option *need(const Options *options, const char *name)
{
    Option *option = options_find(options, name);
    if (option == NULL) {
        fail_mistake(HERE, "gptape %s has no option --%s", options->help->name, name);
    }
    return option;
}

bool options_given(const Options *options, const char *name)
{
    return need(options, name)->value != NULL;
}

bool options_field_given(const Options *options, const ConfigField *field)
{
    const Option *option = options_find(options, OPTION_NAME(field));
    return option != NULL && option->field == field && option->value != NULL;
}

bool same_number(const char *a, const char *b)
{
    char *end_a;
    char *end_b;
    bool equal = number_read(a, &end_a) == number_read(b, &end_b);
    return equal && end_a != a && *end_a == '\0' && end_b != b && *end_b == '\0';
}

bool options_changed(const Options *options, const char *name)
{
    const Option *option = need(options, name);
    const char *value = option->value;
    const char *standard = option->standard;
    return value != NULL && (standard == NULL || (strcmp(value, standard) != 0 && !same_number(value, standard)));
}

bool option_takes_path(const Option *option)
{
    return option->argument != NULL && (strcmp(option->argument, "FILE") == 0 || strcmp(option->argument, "DIR") == 0);
}

const char *options_text(const Options *options, const char *name)
{
    const Option *option = need(options, name);
    return option->value != NULL ? option->value : option->standard;
}

const char *options_first(const Options *options, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (options_has(options, *names) && options_changed(options, *names)) {
            return *names;
        }
    }
    return NULL;
}

int options_count(const Options *options, const char *name)
{
    return need(options, name)->n_values;
}

const char *options_text_of(const Options *options, const char *name, int i)
{
    return need(options, name)->values[i];
}
