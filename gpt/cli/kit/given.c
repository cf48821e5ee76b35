// given.c: one-line errors about options, and the checks of all that were given.

#include "gpt/cli/kit/argv.h"

#include <string.h>

const char *words_hint(const char *given, const char *(*word)(int), int count, char text[WORDS_TEXT])
{
    ConfigField all = {.word = word, .n_words = count};
    char list[FIELD_WORDS];
    snprintf(text, WORDS_TEXT, " (expected %s)", config_field_words(&all, list));
    for (int i = count - 1; i >= 0; i--) {
        if (word_distance(given, word(i)) <= SIMILAR_WORDS) {
            snprintf(text, WORDS_TEXT, "; did you mean %s?", word(i));
        }
    }
    return text;
}

// The option whose name is closest to text, "--n-embed"; NULL if none is close.
static const char *similar_option(const Options *options, const char *text)
{
    const char *best = NULL;
    int least = SIMILAR_WORDS + 1;
    const char *word = text + strspn(text, "-");
    int length = (int)strlen(word);

    for (int i = 0; i < options->count && length > SIMILAR_WORDS; i++) {
        const char *name = options->list[i].name;
        bool begun = strncmp(name, word, (size_t)length) == 0; // --dep
        int distance = begun ? 0 : word_distance(word, name);
        if (distance < least) {
            least = distance;
            best = name;
        }
    }
    return best;
}

bool report_unknown_option(const Options *options, const char *given)
{
    const char *similar = similar_option(options, given);
    return similar != NULL ? option_error(options, NULL, "%.80s: unknown option; did you mean --%s?", given, similar)
                           : option_error(options, NULL, "%.80s: unknown option; see 'gptape %s --help'", given, options->help->name);
}

static bool check_operands(const Options *options)
{
    const char *name = options->help->name;
    const char *operand = options->help->operand;
    if (operand == NULL && options->n_operands > 0) {
        return option_error(options, NULL, "'%.80s': unexpected; %s takes options only, see 'gptape %s --help'", options->operands[0], name, name);
    }
    return options->n_operands <= 1 || strstr(operand, "...") != NULL
        || option_error(options, NULL, "'%.80s': unexpected (expected one %s)", options->operands[1], operand);
}

// An empty file name usually comes from an unset variable in a script. - is stdout where the help says so; a file of that name is ./-.
static bool check_names(const Options *options)
{
    for (int i = 0; i < options->count; i++) {
        const Option *option = &options->list[i];
        if (!option_takes_path(option) || option->value == NULL) {
            continue;
        }
        const char *kind = option->argument[0] == 'F' ? "file" : "folder";
        if (option->value[0] == '\0') {
            return option_error(options, option->name, "empty name (expected a %s)", kind);
        }
        if (strcmp(option->value, "-") == 0 && strstr(option->help, "- is stdout") == NULL) {
            return option_error(options, option->name, "'-' is not a %s name (expected %s)", kind, option->argument);
        }
    }
    return true;
}

static bool check_exclusions(const Options *options)
{
    const OptionExclusion *exclusion = options->help->exclusions;
    for (; exclusion != NULL && exclusion->why != NULL; exclusion++) {
        const char *other = options_first(options, exclusion->others);
        if (other != NULL && (options_first(options, exclusion->given) == NULL) == (exclusion->when == UNLESS_GIVEN)) {
            return option_error(options, other, "%s", exclusion->why);
        }
    }
    return true;
}

static bool set_threads(const Options *options)
{
    enum { MOST_THREADS = 1024 };
    int threads = 0;
    if (options_has(options, "threads") && !options_int(options, "threads", 1, MOST_THREADS, &threads)) {
        return false;
    }
    if (threads > 0) {
        kernels_set_threads(threads);
    }
    return true;
}

bool options_check(const Options *options)
{
    return check_operands(options) && check_names(options) && check_exclusions(options) && set_threads(options)
        && (!options_has(options, "precision") || options_precision(options));
}
