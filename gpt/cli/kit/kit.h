// kit.h: what the commands of the gptape program share: options, messages, tables, JSON. Nothing here computes.
//
// A command is one file with one function and a page of help, a row in main.c's table. It checks its options, calls gpt.h, and
// prints: figures to stdout, progress and notes to stderr. It returns the program's exit status.
//
//      argv --popt--> Options: one text each --options_int, options_config, ...--> values, checked
//                                |
//                                '-- the first thing wrong: one line on stderr, STATUS_USAGE

#ifndef GPTAPE_KIT_H
#define GPTAPE_KIT_H

#include "gpt/gptape.h"

#include <cjson/cJSON.h>
#include <popt.h>
#include <stdio.h>

enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1,                             // it could not be done: memory, disk, a failed check
    STATUS_USAGE = 2                               // it was asked for wrongly
};

// ------------------------------------------------------------------------------------------------------------
// Options. Every option of a command has a number, popt's val. Numbers below OPTION_OWN are shared.

enum {
    OPTION_HELP = 1,
    OPTION_JSON, OPTION_QUIET, OPTION_THREADS, OPTION_SEED,
    OPTION_CONFIG,
    OPTION_VOCAB_SIZE, OPTION_CONTEXT_LENGTH, OPTION_N_LAYER, OPTION_N_HEAD, OPTION_N_EMBD, OPTION_FF_MULT, OPTION_DROPOUT,
    OPTION_QKV_BIAS, OPTION_TIED, OPTION_SHORTCUT, OPTION_NORM, OPTION_CAUSAL, OPTION_ACTIVATION, OPTION_INIT,
    OPTION_RECOMPUTE, OPTION_PRECISION,
    OPTION_TOKENIZER, OPTION_VOCAB, OPTION_SPECIAL,
    OPTION_MODEL,
    OPTION_IDS, OPTION_TARGETS,
    OPTION_OWN,                                    // a command numbers its own options from here
    OPTION_COUNT = 64
};

// Tables to be included in a command's own.
extern struct poptOption model_options[];          // --config and a switch for each field of GPTConfig but the shortcut
extern struct poptOption shortcut_options[];       // --shortcut
extern struct poptOption seed_options[];           // --seed
extern struct poptOption precision_options[];      // --precision
extern struct poptOption compute_options[];        // --recompute, and those
extern struct poptOption tokenizer_options[];      // --tokenizer, --vocab, --special
extern struct poptOption saved_model_options[];    // --model
extern struct poptOption ids_options[];            // --ids, --targets
extern struct poptOption run_options[];            // --threads, --quiet, --json, --help
extern struct poptOption answer_options[];         // --quiet, --json, --help, of commands that compute nothing

// Defaults are text, so that the help page shows what the parser reads.
#define DEFAULT_SEED "123"
#define UNTRAINED_CONFIG "flow"                    // an untrained model's, to be looked at as it is

// A row of a command's table that includes another table under a title.
#define INCLUDE_OPTIONS(table, title) {NULL, '\0', POPT_ARG_INCLUDE_TABLE, (table), 0, (title), NULL}

typedef struct CommandHelp {
    const char *name;                              // "info"
    const char *about;                             // what it does, a few lines
    const char *examples;                          // commands that work, a line each
    struct poptOption *table;
} CommandHelp;

// What was given on the command line, as text; the last one counts where an option is repeated.
typedef struct Options {
    const CommandHelp *help;
    char *values[OPTION_COUNT];                    // "" for an option that takes no value; NULL for one not given
} Options;

// Reads argv into options. Returns false if the command is to stop here with *status: after help was shown, or after an
// unknown option, a missing value or a leftover argument was reported. Free with options_free either way.
bool options_parse(Options *options, const CommandHelp *help, int argc, const char **argv, int *status);

// The same for the options before the command's name; *n_leading counts the arguments up to it, the program's name included.
bool options_parse_leading(Options *options, const CommandHelp *help, int argc, const char **argv, int *n_leading);
void options_free(Options *options);
bool options_given(const Options *options, int option);

// Each reads one option, or the text fallback if it was not given (NULL: *value stays as it is). False, and one line on
// stderr that says what is wrong and what would be right, if the text is no such value.
bool options_int(const Options *options, int option, const char *fallback, int low, int high, int *value);
bool options_double(const Options *options, int option, const char *fallback, double low, double high, double *value);
bool options_switch(const Options *options, int option, const char *fallback, bool *value);            // on, off
bool options_seed(const Options *options, uint64_t *seed);                                              // --seed
bool options_precision(const Options *options, int *status);   // --precision: sets it. False with *status what to exit with
void options_precision_note(const Options *options);              // whether bf16 pays on this machine, where it is asked for
bool options_threads(const Options *options);                                                           // --threads: sets them

// One of count words; word(i) is the i-th. *value becomes its index.
bool options_word(const Options *options, int option, const char *fallback, const char *(*word)(int), int count, int *value);

// Whole numbers low ... high separated by commas, "1,2,3". The caller frees *values.
bool options_int_list(const Options *options, int option, const char *fallback, int low, int high, int **values, int *count);

// Numbers separated by commas, "1,0,-0.5", of an option that was given. The caller frees *values.
bool options_float_list(const Options *options, int option, float **values, int *count);

// Rows of whole numbers low ... high, "1,2,3;4,5,6", of an option that was given. The caller frees *values.
bool options_int_rows(const Options *options, int option, int low, int high, int **values, int *n_rows, int *n_columns);

// Was a batch given by --ids and --targets, or by one of them?
bool options_by_ids(const Options *options);

// That batch: rows of the model's ids, no longer than its context, and what follows each. The caller frees both (B, T), which are
// NULL where they were not read.
bool options_batch(const Options *options, const GPTConfig *config, int **ids, int **targets, int *B, int *T);

// The preset named by --config, or fallback, changed by the switches given, and checked.
bool options_config(const Options *options, const char *fallback, const GPTPreset **preset, GPTConfig *config);
// Two of the switches that mean something to the deep network, too.
bool options_activation(const Options *options, const char *fallback, Activation *activation);
bool options_init(const Options *options, const char *fallback, InitScheme *init);
bool options_any_switch(const Options *options);   // was any field of GPTConfig given?

// The kind of tokenizer asked for, of the first n_kinds; where nothing is said, gpt2 if its vocabulary is found, else bytes,
// and then a note says so: once nothing can go wrong any more, so that what goes wrong is told in one line.
bool options_tokenizer_kind(const Options *options, int n_kinds, TokenizerKind *kind);
void options_tokenizer_note(const Options *options, TokenizerKind kind);
Tokenizer *options_gpt2(const Options *options, Error *error); // from --vocab or where it is looked for; NULL and an error
// --special: sets it. False and an error if the tokenizer has no special tokens to turn on.
bool options_special(const Options *options, Tokenizer *tokenizer, Error *error);
void options_special_note(const Options *options, const Tokenizer *tokenizer, size_t n);       // what became of the n in a text

// --model DIR, which was given: the model in the folder, for the caller to free. Switches of an untrained model are refused beside
// it, but for the one allowed (0: none). NULL after one line on stderr, with the exit status.
GPT *options_saved_model(const Options *options, int allowed, int *status);
bool options_saved_config(const Options *options, GPTConfig *config, int *status);     // its sizes and switches only
Tokenizer *options_saved_tokenizer(const Options *options, Error *error);      // the folder's, or from --vocab; NULL and an error
void options_saved_model_note(const Options *options, const GPTConfig *config);        // its sizes, and what no GPT-2 has

const char *options_name(const Options *options, int option);  // "n-embd"

// How many letters to change to make one word of the other; up to SIMILAR_WORDS it was probably meant.
enum { SIMILAR_WORDS = 2 };
int word_distance(const char *a, const char *b);

// ------------------------------------------------------------------------------------------------------------
// Commands

typedef struct Command {
    const CommandHelp *help;
    const char *summary;                           // one line, for the list of commands
    int (*run)(const Options *options);            // what was read of argv; returns the exit status
} Command;

extern const CommandHelp info_help;
extern const CommandHelp generate_help;
extern const CommandHelp eval_help;
extern const CommandHelp gradcheck_help;
extern const CommandHelp gradflow_help;
extern const CommandHelp graph_help;
extern const CommandHelp bench_help;
extern const CommandHelp tokenize_help;
extern const CommandHelp stories_help;
extern const CommandHelp train_help;

int command_info(const Options *options);
int command_generate(const Options *options);
int command_eval(const Options *options);
int command_gradcheck(const Options *options);
int command_gradflow(const Options *options);
int command_graph(const Options *options);
int command_bench(const Options *options);
int command_tokenize(const Options *options);
int command_stories(const Options *options);
int command_train(const Options *options);

// The checks of gradcheck_all, in the build of the library whose numbers are doubles.
void gradcheck_all_double(GradCheckReport *report, void *context);

// ------------------------------------------------------------------------------------------------------------
// Messages: always one line, "gptape info: ...", on stderr. Control characters in it are escaped.

void command_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The same for what is not an error, unless --quiet.
void command_note(const Options *options, const char *format, ...) __attribute__((format(printf, 2, 3)));

// "--n-embd 12x: message". Returns false.
bool option_error(const Options *options, int option, const char *format, ...) __attribute__((format(printf, 3, 4)));

// A line that says how far long work is: on a terminal one that is renewed, with rate and time left, elsewhere a plain line now
// and then. Nothing for work that ends within a second, nor with --quiet.
typedef struct Progress {
    const char *command;
    const char *unit;                              // "networks"
    bool quiet;
    bool terminal;
    bool shown;
    double started;                                // seconds
    double last;
    int done_before;                               // how much was there at the start: no measure of the rate
    char detail[64];                               // what is told instead of the rate, if anything
} Progress;

Progress progress_begin(const Options *options, const char *unit);
void progress_update(int done, int n, void *progress);
void progress_detail(Progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_end(Progress *progress);             // takes the line away

// From interrupt_watch on, Ctrl-C (SIGINT, SIGTERM or SIGHUP) is a request to stop, which long work asks for with interrupted() and grants
// at a good place; the program then exits with interrupt_status(), as shells expect. A second one ends it at once.
void interrupt_watch(void);
bool interrupted(void);
int interrupt_status(void);                        // 130 after Ctrl-C

// What was written to stdout is to be seen now.
void flush_stdout(void);
void note_stdout_lost(void);                       // it could not be written, and errno says why: close_stdout will tell

// Flushes and closes stdout; false and a line on stderr if anything written to it got lost.
bool close_stdout(const char *command);

// How wide a terminal stdout is (COLUMNS in the environment says so, too), widest at most; widest where it is a file or a pipe.
int terminal_columns(int widest);
enum { CHART_COLUMNS = 96 };                       // of a chart, where there is room
void terminal_prose(const char *text);             // paragraphs; their lines stay as they are if the terminal is that wide

// ------------------------------------------------------------------------------------------------------------
// Tokens as text for a terminal, as they come. With bytes all is ASCII, "\x80" where it must be, and a backslash
// doubled. Else it is UTF-8: a character is shown when its last byte has come; bytes that make none, and control characters
// other than lines and tabs, appear as "\x80". A token that the tokenizer does not have appears as its number, "<50257>".

typedef struct TokenPrinter {
    const Tokenizer *tokenizer;
    FILE *out;
    char waiting[4];                               // the beginning of a character, whose other bytes are still to come
    size_t n_waiting;
} TokenPrinter;

void token_printer_token(TokenPrinter *printer, int id);
void token_printer_text(TokenPrinter *printer, const char *text, size_t n);  // bytes of UTF-8, whatever the tokenizer
void token_printer_end(TokenPrinter *printer);                   // shows what still waits

// ------------------------------------------------------------------------------------------------------------
// Tables of text with aligned columns

typedef struct Table Table;

// One letter a column: 'l' or 'r'. Free with table_free.
Table *table_create(const char *alignments);
void table_cell(Table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));  // the next cell, row after row
void table_line(Table *table);                     // a rule across all columns
void table_print(const Table *table, FILE *file);
void table_free(Table *table);

enum { NUMBER_TEXT = 48 };
const char *thousands_text(double count, char text[NUMBER_TEXT]);      // "124,439,808"

// ------------------------------------------------------------------------------------------------------------
// JSON

void json_begin(void);                             // once, before the others
void json_add_number(cJSON *object, const char *name, double value);   // 9 significant digits; NaN and infinity are null
void json_add_count(cJSON *object, const char *name, double count);    // a whole number, all its digits
cJSON *json_numbers(const Real *values, int n);    // an array of them, 9 significant digits each
void json_add_config(cJSON *object, const char *name, const GPTConfig *config);
void json_print(cJSON *json);                      // to stdout; frees it

#endif
