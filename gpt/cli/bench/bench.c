// bench.c: gptape bench: the speed of matrix products, training and generation against this machine's limits.

#include "gpt/cli/bench/bench.h"

#include <stdlib.h>
#include <string.h>

static const size_t TEXT_BYTES = 1000000;

static const OptionRow case_rows[] = {
    {"case", "NAMES", NULL, "only these, separated by commas; the beginning of a name is enough: step,tape (default: all)"},
    {"list", NULL, NULL, "list the cases without running them"},
    {"seconds", "S", "4", "seconds for each case; a slow one is repeated a few times anyway"},
    {"residual", "RULE", NULL, "residual rule of the models, by name or as a formula (default pre; the MLP's plain)"},
    {"reduce", "exact|fast", "exact", "under mpirun: how the ranks' gradients are summed"},
    {"data", "FILE", NULL, "text for the tokenizer (default: stories, 1 MB)"},
    {0},
};

const CommandHelp bench_help = {
    .name = "bench",
    .summary = "benchmark against peak FLOP/s and memory bandwidth",
    .about = "Measures this machine's peak FLOP/s and memory bandwidth, and how close gptape comes to them in\n"
             "matrix products, training steps and generation; also the tokenizer, and the overhead of the tape and of probes. All numbers\n"
             "are measured in this run, each case in its own process. All cases take some minutes; --case selects some. Under mpirun, training\n"
             "steps (--case step-...), whose rows the ranks share, and sweeps (--case sweep) are timed on all ranks and on one.",
    .examples = "  gptape bench --list\n"
                "  gptape bench --case product,step-char\n"
                "  gptape bench --case step --threads 1 --json\n"
                "  gptape bench --case step-gpt2-124m-1x1024 --recompute on\n"
                "  gptape bench --case product,step --precision bf16\n"
                "  mpirun -n 2 gptape bench --case step-char --reduce fast\n"
                "  mpirun -n 2 gptape bench --case sweep\n"
                "  gptape bench --case tokenizer --tokenizer bytes\n",
    .groups = {{.title = "Cases:", .rows = case_rows},
               {.title = "Computing:", .rows = compute_rows},
               {.title = "Tokenizer:", .rows = tokenizer_rows}},
    .computes = true,
    .on_ranks = true,
};

// ------------------------------------------------------------------------------------------------------------
// Which cases

static bool begins_with(const char *name, const char *beginning)
{
    return beginning[0] != '\0' && strncmp(name, beginning, strlen(beginning)) == 0;
}

// By --case; without it, every case that one rank can run is chosen.
static bool is_chosen(const Options *options, const BenchCase *which)
{
    const char *names = options_text(options, "case");
    bool chosen = names == NULL && which->run != NULL;
    char beginning[LIST_ITEM];
    while (!chosen && list_next(&names, ",", beginning)) {
        chosen = begins_with(which->name, beginning);
    }
    return chosen;
}

// Gives the report an empty row for each chosen case.
static void choose_cases(const Options *options, BenchReport *report)
{
    for (int i = 0; i < bench_case_count; i++) {
        if (is_chosen(options, &bench_cases[i])) {
            report->rows[report->n_rows].which = &bench_cases[i];
            report->n_rows++;
        }
    }
}

// Each name must choose something.
static bool check_names(const Options *options)
{
    const char *names = options_text(options, "case");
    char beginning[LIST_ITEM];
    while (list_next(&names, ",", beginning)) {
        bool found = false;
        for (int i = 0; i < bench_case_count; i++) {
            found |= begins_with(bench_cases[i].name, beginning);
        }
        if (!found) {
            return option_error(options, "case", "'%.40s' is not the beginning of a case; see 'gptape bench --list'", beginning);
        }
    }
    return true;
}

// Reads --reduce, and checks that the chosen cases can run on this number of ranks.
static bool read_ranks(const Options *options, const BenchReport *report, BenchConfig *config)
{
    int word = 0;
    bool one = ranks_count() == 1;
    for (int i = 0; i < report->n_rows; i++) {
        const char *name = report->rows[i].which->name;
        bool sweep = report->rows[i].which->run == NULL;
        if (one ? !sweep : sweep || begins_with(name, "step-")) {
            continue;
        }
        return one ? option_error(options, "case", "%s needs several ranks (expected mpirun -n N gptape bench)", name)
                   : option_error(options, "case",
                                  "several ranks can run only training steps and sweeps, not %s (expected --case step-... or sweep)", name);
    }
    if (!options_choice(options, "reduce", &word)) {
        return false;
    }
    config->reduce = (Reduction)(REDUCE_EXACT + word);
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// The tokenizer and its text

static bool read_text(const Options *options, char **text, size_t *n, Error *error)
{
    const char *path = options_text(options, "data");
    if (path == NULL) {
        *text = stories_text(STORIES_SEED, TEXT_BYTES);
        *n = strlen(*text);
        return true;
    }
    if (!file_read(path, MOST_TEXT_BYTES, text, n, error)) {
        return false;
    }
    size_t mark = utf8_mark(*text, *n);
    *n -= mark;
    memmove(*text, *text + mark, *n + 1);
    return *n > 0 || error_set(error, "%s: empty file (expected a text to time)", path);
}

// ------------------------------------------------------------------------------------------------------------

static bool measure(const Options *options, BenchReport *report, Error *error)
{
    Progress progress = progress_begin(options, "cases");
    bool done = bench_peaks(report->config, &report->peaks, error);
    for (int i = 0; done && i < report->n_rows; i++) {
        BenchRow *row = &report->rows[i];
        done = bench_case(row->which, report->config, &row->figures, error);
        progress_update(i + 1, report->n_rows, &progress);
    }
    return done;
}

static bool run(const Options *options, TokenizerKind kind, BenchConfig *config, BenchReport *report, Error *error)
{
    AUTO_FREE char *text = NULL;
    Tokenizer *tokenizer = NULL;
    bool tokenizes = false;
    for (int i = 0; i < report->n_rows; i++) {
        tokenizes |= begins_with(report->rows[i].which->name, "tokenizer-");
    }
    if (tokenizes && read_text(options, &text, &config->n_text, error)) {
        tokenizer = options_tokenizer(options, kind, options_text(options, "data"), error);
    }
    config->tokenizer = tokenizer;
    config->text = text;
    bool done = (!tokenizes || tokenizer != NULL) && measure(options, report, error);
    if (done) {
        (options_given(options, "json") ? bench_print_json : bench_print)(report);
    }
    if (done && tokenizes) {
        options_tokenizer_note(options, kind);
    }
    tokenizer_free(tokenizer);
    return done;
}

int command_bench(const Options *options)
{
    TokenizerKind kind;
    BenchConfig config = {0};
    Error error;
    const ResidualRule *rule = NULL;
    AUTO_FREE BenchRow *rows = memory_allocate_zeroed((size_t)bench_case_count, sizeof *rows, "the cases");
    BenchReport report = {.config = &config, .rows = rows};
    choose_cases(options, &report);
    if (!check_names(options) || !options_double(options, "seconds", 0.0, 3600.0, &config.seconds)
        || !options_switch(options, "recompute", &config.recompute) || !read_ranks(options, &report, &config)
        || !options_tokenizer_kind(options, TOKENIZER_COUNT, &kind)
        || (options_given(options, "residual") && (rule = options_rule(options, 0)) == NULL)) {
        return command_status(false);
    }
    config.residual = rule == NULL ? NULL : residual_text(rule);
    if (options_given(options, "list")) {
        bench_print_cases();
        return STATUS_OK;
    }
    bool done = ranks_count() > 1 ? bench_on_ranks(options, &report, &error) : run(options, kind, &config, &report, &error);
    return command_status(done || report_failure(options, &error));
}
