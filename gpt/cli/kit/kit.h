// kit.h: shared by the commands of the gptape program: options, messages, tables, JSON. Nothing here computes.
//
// A command is one file with one function and its table of options, and a row in COMMANDS below. It checks its options, calls the
// library, and prints: results to stdout, progress and notes to stderr. It returns the program's exit status.
//
//      argv --> Options: one text each --options_int, options_config, ...--> values, checked
//                          |
//                          '-- the first error: one line on stderr, STATUS_USAGE

#ifndef GPTAPE_KIT_H
#define GPTAPE_KIT_H

#include "gpt/base/base.h"
#include "gpt/gptape.h"

#include <cjson/cJSON.h>
#include <stdio.h>

enum { MOST_BATCH = 65536 }; // --batch

enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1, // it could not be done: memory, disk, a failed check
    STATUS_USAGE = 2   // an error on the command line
};

// ------------------------------------------------------------------------------------------------------------
// Options: one table a command, read by the parser, the help page, the man page and the shell completions

typedef struct OptionRow {
    const char *name;     // "seed", without the dashes
    const char *argument; // "N"; NULL: takes no value. FILE and DIR are completed by the shell
    const char *standard; // the default, as text; NULL: none, or it depends on other options (help says how)
    const char *help;     // one line
} OptionRow;

// Rows under a title. A field of a configuration struct (ConfigField) is an option, too: n_embd is --n-embd. A row with the name of a
// field, in the same group or before it, replaces the field's option.
typedef struct OptionGroup {
    const char *title;         // NULL: continues the group before
    const OptionRow *rows;     // ends with {0}
    const ConfigField *fields; // after the rows; NULL: none
    const int *n_fields;
    bool show_defaults;               // of the fields, and read them where an option is not given
    const struct OptionGroup *groups; // groups of another command, instead of rows and fields; earlier rows replace theirs
} OptionGroup;

// Shared groups and rows.
#define MODEL_GROUP(heading) {.title = (heading), .rows = config_rows, .fields = gpt_fields, .n_fields = &gpt_field_count}
extern const OptionRow config_rows[];       // --config
extern const OptionRow seed_rows[];         // --seed
extern const OptionRow precision_rows[];    // --precision
extern const OptionRow compute_rows[];      // --recompute, --precision
extern const OptionRow tokenizer_rows[];    // --tokenizer, --vocab, --special
extern const OptionRow saved_model_rows[];  // --model
extern const OptionRow probe_option_rows[]; // --probe
extern const OptionRow ids_rows[];          // --ids, --targets

#define UNTRAINED_CONFIG "flow" // preset of an untrained model, where none is named

// Options that exclude each other, checked by options_parse: none of `others` may have another value than its default if one of `given` has, or
// unless one has.
typedef struct OptionExclusion {
    enum { IF_GIVEN, UNLESS_GIVEN } when;
    const char *given[4], *others[16]; // names; NULL behind them
    const char *why;                   // printed behind the other option's name
} OptionExclusion;

typedef struct CommandHelp {
    const char *name;                  // "info"
    const char *summary;               // one line, for the list of commands
    const char *operand;               // what it takes besides options, "[RULE]", or "[ID...]" for any number; NULL: none
    const char *about;                 // what it does, a few lines
    const char *examples;              // commands that work, a line each
    OptionGroup groups[20];            // {0} behind them
    const OptionExclusion *exclusions; // ends with {0}; NULL: none
    bool computes;                     // has --threads, before the options that every command has: --json, --quiet, --color, --help
    bool on_ranks;                     // under mpirun: do all ranks work together? Otherwise each runs the command separately
} CommandHelp;

typedef struct Option {
    char name[32];
    const ConfigField *field; // that it sets; NULL: none
    const char *title;        // of its group, at the group's first option
    const char *argument;
    const char *standard;
    char *help;    // with the choices and the default
    char *value;   // as given; "" without an argument; NULL: not given. The last of several counts
    char **values; // all of them, in order
    int n_values, values_capacity;
} Option;

typedef struct Options {
    const CommandHelp *help;
    Option *list;
    int count, capacity;
    char **operands; // in order
    int n_operands, operands_capacity;
} Options;

// All options of a command, none of them given. Free with options_free.
Options options_list(const CommandHelp *help);
// Reads argv into the list, and sets --threads, --precision and --color. Returns false if the command must stop here: after its help was shown or
// an error was printed. Free with options_free either way.
bool options_parse(Options *options, const CommandHelp *help, int argc, const char **argv);
void options_free(Options *options);

// The name must be one of the command's options, except in options_find (NULL if it is not) and options_has.
Option *options_find(const Options *options, const char *name);
bool options_has(const Options *options, const char *name);
const char *option_name(const char *field, char name[32]);            // "n_embd" -> "n-embd", in name
#define OPTION_NAME(field) option_name((field)->name, (char[32]){""}) // the same in memory of the enclosing block
bool options_given(const Options *options, const char *name);
bool options_field_given(const Options *options, const ConfigField *field);
bool option_takes_path(const Option *option);                                 // FILE or DIR
bool same_number(const char *a, const char *b);                               // are both texts numbers, and equal, as 1 and 1.0 are?
bool options_changed(const Options *options, const char *name);               // given, and not with its default
const char *options_text(const Options *options, const char *name);           // as given, else the default; NULL: neither
int options_count(const Options *options, const char *name);                  // how often it was given
const char *options_text_of(const Options *options, const char *name, int i); // the i-th time
// The first of the NULL-terminated names that was given with another value than its default; NULL if none was. A command may lack some of them.
const char *options_first(const Options *options, const char *const *names);

// Each reads one option, or its default; without either, *value stays as it is. False, and one line on stderr, if the text is not
// such a value.
bool options_int(const Options *options, const char *name, int low, int high, int *value);
bool options_double(const Options *options, const char *name, double low, double high, double *value);
bool options_switch(const Options *options, const char *name, bool *value); // on, off
bool options_choice(const Options *options, const char *name, int *value);  // of the words in its row's argument: "auto|on|off"
bool options_word(const Options *options, const char *name, const char *(*word)(int), int count, int *value); // word(*value)
bool options_field(const Options *options, const ConfigField *field, void *config);                           // if it is an option of the command
bool options_seed(const Options *options, uint64_t *seed);                                                    // --seed
bool options_seeds(const Options *options, uint64_t *seed, int *n);                                           // --seed, --seeds: n consecutive ones
bool precision_restart(char **argv);                 // for --precision f64 becomes gptape64; false, and one line on stderr, if that fails
void options_precision_note(const Options *options); // whether bf16 is faster on this machine, if it is on

// Integers low ... high separated by commas, "1,2,3", in text, which is the option's or stands for it. The caller frees *values.
bool options_ints_of(const Options *options, const char *name, const char *text, int low, int high, int **values, int *count);
// Numbers separated by commas, "1,0,-0.5". The caller frees *values.
bool options_double_list(const Options *options, const char *name, double **values, int *count);
// Rows of integers low ... high, "1,2,3;4,5,6". The caller frees *values.
bool options_int_rows(const Options *options, const char *name, int low, int high, int **values, int *n_rows, int *n_columns);

// May the command write to path, which the option called name gives or stands for? False, and one line on stderr, if another option names
// it, too, also through links, or a folder that it is in. Call it for each output before anything is written.
bool options_output(const Options *options, const char *name, const char *path);
// The same for one value of the option called other, which need not be given.
bool options_apart(const Options *options, const char *name, const char *path, const char *other, const char *value);
// The same, and whether a file can be written there, and may be of this kind (plot_path_check; NULL: any). path may be NULL.
bool options_output_file(const Options *options, const char *name, const char *path, bool (*kind)(const char *path, Error *error));
bool options_streams(const Options *options);                                              // the same for stdout and stderr; every command calls it
bool options_stream_elsewhere(const Options *options, const char *name, const char *path); // the same for a path that no option gives
bool stdin_read(char **text, size_t *n, Error *error); // all of stdin, unless stdout or stderr goes there, too. The caller frees *text

// --task: *task, NULL if it was not given. The caller frees it.
bool options_task(const Options *options, Task **task);
bool options_task_fits(const Options *options, Task *task, int vocab_size, int T);
// --batch and --length: the number of rows, and of tokens in a row, which is at most the context length: a longer default is cut to it.
bool options_batch_size(const Options *options, int context_length, int *B, int *T);
bool options_rule_alone(const Options *options, int n);          // false if --residual was given with one of the first n of --shortcut and --norm
const ResidualRule *options_rule(const Options *options, int i); // of the i-th --residual; NULL after one line on stderr
// --probe NAME,...: probes[0 ... *n - 1]. False after one line on stderr, or after the list of probes was printed.
bool options_probes(const Options *options, const Probe *probes[PROBES_MOST], int *n);
bool options_probe_fault(const Options *options, const ProbeFault *fault, const char *where); // one line on stderr. Returns false

// Is a batch given by --ids and --targets, or by one of them?
bool options_by_ids(const Options *options);
// That batch: rows of token ids, no longer than the context, and the target of each. The caller frees both (B, T); NULL where not read.
bool options_batch(const Options *options, const GPTConfig *config, int **ids, int **targets, int *B, int *T);

const char *preset_word(int i); // the name of gpt_presets[i], for options_word
// The preset named by --config, or fallback, with the fields that were given, and checked.
bool options_config(const Options *options, const char *fallback, const GPTPreset **preset, GPTConfig *config);
bool options_any_field(const Options *options); // was any field of GPTConfig given?

// The requested kind of tokenizer, of the first n_kinds; the default is gpt2 if its vocabulary is found, else bytes, of which the note
// tells. The note comes last, so that a command that fails prints one line.
bool options_tokenizer_kind(const Options *options, int n_kinds, TokenizerKind *kind);
void options_tokenizer_note(const Options *options, TokenizerKind kind);
bool options_tokenizer_given(const Options *options); // --tokenizer or --vocab
// The tokenizer of a model with this vocabulary: of --model the folder's; else the requested one; else gpt2 for GPT-2's size, if its
// vocabulary is found, and bytes. The caller frees it. NULL after one line on stderr.
Tokenizer *options_model_tokenizer(const Options *options, int vocab_size);
// A tokenizer of this kind. The alphabet of chars is that of the text at path, or of the stories if path is NULL. The caller frees it. NULL and an error.
Tokenizer *options_tokenizer(const Options *options, TokenizerKind kind, const char *path, Error *error);
Tokenizer *options_gpt2(const Options *options, Error *error); // from --vocab or the usual places; NULL and an error
// Applies --special and returns the tokenizer. If it has no special tokens to turn on, frees it and returns NULL and an error. NULL stays NULL.
Tokenizer *options_special(const Options *options, Tokenizer *tokenizer, Error *error);
void options_special_note(const Options *options, const Tokenizer *tokenizer, size_t n); // what became of the n in a text

// --model DIR, which was given: the model in the folder, which the caller frees. It excludes the fields of an untrained model,
// except the one allowed (NULL: none). NULL after one line on stderr. copies, for commands with --stream: how many times the memory of the
// weights is needed if all are held; other commands pass 0.
GPT *options_saved_model(const Options *options, const char *allowed, double copies);
// --stream: are weights to be streamed, if holding them all takes this much memory? With auto, if that is not available; never in a command
// without the option.
bool options_stream(const Options *options, double bytes, bool *streamed);
// Reports that a streamed model can't do what this option asks for. That is the user's mistake only if --stream on asked for streaming, too.
bool options_stream_refused(const Options *options, const char *name, const char *why);
extern const OptionRow stream_rows[];                                           // --stream
bool options_saved_config(const Options *options, GPTConfig *config);           // the folder's config.json only
Tokenizer *options_saved_tokenizer(const Options *options, Error *error);       // the folder's, or from --vocab; NULL and an error
void options_saved_model_note(const Options *options, const GPTConfig *config); // its sizes, and how it differs from GPT-2

// The next item of a list, "a,b,c", whose items one of these characters separates; *list, NULL at the end, moves on. False if there is none. An
// item that is too long ends with "...".
enum { LIST_ITEM = 64 };
bool list_next(const char **list, const char *between, char item[LIST_ITEM]);
bool word_in(const char *word, const char *const *words); // NULL-terminated

enum { SIMILAR_WORDS = 2 }; // a word whose word_distance is at most this is suggested
// What to say about a word that is none of these: "; did you mean train?" if one is similar, else " (expected a, b or c)".
enum { WORDS_TEXT = 512 };
const char *words_hint(const char *given, const char *(*word)(int), int count, char text[WORDS_TEXT]);

// ------------------------------------------------------------------------------------------------------------
// Commands

typedef struct Command {
    const CommandHelp *help;
    int (*run)(const Options *options); // returns the exit status
} Command;

// In the order of gptape help. Each is a file or folder of its name, with NAME_help and command_NAME.
// clang-format off
#define COMMANDS(ROW) \
    ROW(gradflow) ROW(sweep) ROW(claims) ROW(graph) ROW(info) ROW(rules) ROW(train) ROW(generate) ROW(eval) ROW(tokenize) ROW(stories) \
    ROW(gradcheck) ROW(bench)
// clang-format on

#define COMMAND_DECLARE(name) \
    extern const CommandHelp name##_help; \
    int command_##name(const Options *options);
COMMANDS(COMMAND_DECLARE)

// The checks of gradcheck_all, in the build of the library whose numbers are doubles.
void gradcheck_all_double(GradCheckReport *report, void *context);

// The manual page (roff), and completions for bash and zsh, made from the commands' tables. Printed by the hidden options
// `gptape help --man` and `gptape help --completion SHELL`, for `make install`.
void manual_print(const Command *commands, int count);
bool completion_print(const Command *commands, int count, const char *shell); // false: unknown shell

// ------------------------------------------------------------------------------------------------------------
// Messages: always one line, "gptape info: ...", on stderr; a terminal gets it broken between words (streams_begin). Control characters in it are
// escaped. Of several ranks only rank 0 prints; another rank's error is printed there, too, when the command ends (command_end_ranks).

void command_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Ends a command on all ranks and returns the status of the rank that failed. command_failing: a failure that no other rank waits for, which is
// printed on any rank.
int command_end_ranks(const CommandHelp *help, int status);
void command_failing(FailKind kind, const char *message);

// Prints an error. If it is about a field that is an option of the command, names the option: --n-embd. Returns false. The exit status will be
// STATUS_USAGE, or STATUS_FAILED after report_failure.
bool report_error(const Options *options, const Error *error);
bool report_failure(const Options *options, const Error *error);
// The exit status of a command that is done, or else the one of its last error.
int command_status(bool done);
bool command_stop(int status); // sets the status of a command that ends early without an error. Returns false
// A note, unless --quiet.
void command_note(const Options *options, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool note_drawn(const Options *options, const char *path, bool done); // "drew PATH", if done, which it returns
// "--n-embd: message"; with NULL for the name only the message. The exit status will be STATUS_USAGE. Returns false.
bool option_error(const Options *options, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

// The progress of long work: on a terminal one line that is updated, with rate and time left, elsewhere a plain line now
// and then. Nothing for work that ends within a second, nor with --quiet.
typedef struct Progress {
    const char *command;
    const char *unit; // "networks"
    bool quiet;
    bool terminal;
    double started; // seconds
    double last;
    int done_before; // done before the start: not counted in the rate
    char detail[64]; // shown instead of the rate, if not empty
} Progress;

Progress progress_begin(const Options *options, const char *unit);
void progress_update(int done, int n, void *progress);
void progress_until_interrupt(int done, int n, void *progress); // the same; after Ctrl-C it ends the program, with one line
void progress_detail(Progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_end(void); // removes the line from the terminal; so does whatever is printed next

// From interrupt_watch on, Ctrl-C (SIGINT, SIGTERM, SIGHUP or SIGUSR1) is a request to stop, which long work asks for with interrupted() and grants
// at a good place; the program then exits with interrupt_status(), as shells expect. A second one ends it at once.
void interrupt_watch(void);
bool interrupted(void);
int interrupt_status(void); // 130 after Ctrl-C

// Opens standard streams that are closed, and makes stderr write whole lines, broken between words if it is a terminal. If stdout is one, escapes
// what could control it: control and bidirectional characters, and bytes that are not UTF-8, as quote_terminal does. The first call of the program.
void streams_begin(void);
bool streams_no_stdout(void); // discards all later output to stdout. False on failure

// Shows at once what was written to stdout.
void flush_stdout(void);
void note_stdout_lost(void); // a write failed with errno: close_stdout will report it

// Flushes and closes stdout; false and a line on stderr if any output was lost.
bool close_stdout(const char *command);

// The width of the terminal that stdout is (or COLUMNS in the environment), at most widest; widest for a file or a pipe.
int terminal_columns(int widest);
int terminal_columns_of(int descriptor, int widest);
enum { CHART_COLUMNS = 96 }; // of a chart, where there is room
// Writes text that begins at column `at`. If a line of it does not fit, all are broken anew between words; they begin at column indent.
void terminal_wrap(FILE *out, const char *text, int at, int columns, int indent);
void terminal_prose(const char *text); // paragraphs; their lines stay as they are if the terminal is that wide
void terminal_print(const char *format, ...) __attribute__((format(printf, 1, 2))); // the same, without blanks at its end, and a newline
// Commands, a line each. One that is too wide is broken so that a shell still reads it as a line.
void terminal_commands(const char *lines);

void terminal_end(Writer *writer); // the same for the text that was written to it; frees the writer

// --color auto|always|never: sets whether there is color on stdout. Color only repeats what the text says.
bool terminal_set_color(const Options *options);
#define COLOR_BOLD "\033[1m"
#define COLOR_WITHOUT "\033[31m" // an arm without shortcuts
#define COLOR_WITH "\033[34m"    // with them
#define COLOR_END "\033[0m"
const char *terminal_color(const char *code); // the code, or "" without color

// ------------------------------------------------------------------------------------------------------------
// Tokens as text for a terminal, as they come. With the bytes tokenizer everything is ASCII, "\x80" where it must be, and a backslash
// doubled. Else it is UTF-8: a character is shown when its last byte has come; bytes that make none, and control characters
// other than lines and tabs, appear as "\x80". A token that the tokenizer does not have appears as its number, "<50257>".

typedef struct TokenPrinter {
    const Tokenizer *tokenizer;
    FILE *out;
    char waiting[4]; // the beginning of a character, whose other bytes are still to come
    size_t n_waiting;
} TokenPrinter;

#define SAMPLE_HEADING "--- sample %d of %d ---" // above each of several samples, unless --quiet; stories --check skips it
void token_printer_token(TokenPrinter *printer, int id);
void token_printer_text(TokenPrinter *printer, const char *text, size_t n); // bytes of UTF-8, with any tokenizer
void token_printer_end(TokenPrinter *printer);                              // shows what still waits

// ------------------------------------------------------------------------------------------------------------
// Tables of text with aligned columns

typedef struct Table Table;

// One letter a column, 'l' or 'r', and the titles of the columns, "part|share", above a rule; NULL: none.
Table *table_begin(const char *alignments, const char *titles);
Table *table_begin_numbers(int n_columns);                                                    // the first column is left-aligned, the others right
void table_cell(Table *table, const char *format, ...) __attribute__((format(printf, 2, 3))); // the next cell, row after row
void table_row(Table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));  // several cells, "%s|%d|%.2f"
void table_color(Table *table, const char *color);                                            // of the next cell's column; NULL: none
void table_line(Table *table);                                                                // a rule across all columns
void table_end(Table *table); // prints it, as wide as the terminal at most, and frees it
enum { TABLE_COLUMNS = 20 };  // at most

enum { NUMBER_TEXT = 48 };
const char *thousands_text(double count, char text[NUMBER_TEXT]);       // "124,439,808"
#define THOUSANDS(count) thousands_text(count, (char[NUMBER_TEXT]){""}) // the same in memory of the enclosing block

// ------------------------------------------------------------------------------------------------------------
// JSON

void json_begin(void);                                               // once, before the others
void json_add_number(cJSON *object, const char *name, double value); // 9 significant digits; NaN and infinity are null
cJSON *json_add_object(cJSON *array);                                // an empty object at its end
void json_add_quartiles(cJSON *object, const char *name, Quartiles q);
void json_add_count(cJSON *object, const char *name, double count);               // an integer, all its digits
cJSON *json_numbers(const Real *values, int n);                                   // an array of them, 9 significant digits each
void json_add_field(cJSON *object, const ConfigField *field, const void *config); // adds nothing for an empty text
void json_add_config(cJSON *object, const GPTConfig *config);                     // as "config", with the fields that apply
// To stdout; frees it. Always valid UTF-8: a byte that is not (in a file name, say) appears as \xff in the text, "\\xff" in the JSON.
void json_print(cJSON *json);

#endif
