// base.h: what every directory of gpt/ needs and knows nothing about models: time, sizes, statistics, files, quoting, JSON.

#ifndef GPTAPE_BASE_H
#define GPTAPE_BASE_H

#include <stdio.h>

#include "tensor/inspect/inspect.h"

#define GPTAPE_VERSION "0.1.0"

// ------------------------------------------------------------------------------------------------------------
// Time, memory and words for them

enum { BYTES_TEXT = 32 };

// "621.83 MiB", written to text and returned. Binary units: 1 MiB = 1024 x 1024 bytes.
const char *bytes_text(double bytes, char text[BYTES_TEXT]);

double clock_seconds(void);                        // of a clock that never goes back

// The s of "2 tokens": "s", but "" for 1.
const char *plural(double count);

// Is there memory for this many bytes? False and a line with both sizes if not.
bool memory_check(double bytes, const char *what, Error *error);

// ------------------------------------------------------------------------------------------------------------
// Statistics

// The spread of one figure over the seeds; NaN where no seed has one.
typedef struct Quartiles {
    double low, median, high;                      // 25%, 50%, 75%, interpolated linearly between the sorted values
    int zeros;                                     // how many of the values are exactly 0
    int n;                                         // how many values there are
} Quartiles;

Quartiles quartiles(double *values, int n);        // of those that are not NaN; reorders values

// ------------------------------------------------------------------------------------------------------------
// Files

// All of a file, or of a stream that messages call name, with a '\0' behind it. The caller frees *text.
bool file_read(const char *path, char **text, size_t *n, Error *error);
bool stream_read(FILE *stream, const char *name, char **text, size_t *n, Error *error);

// A file that appears whole or not at all: write to stream, then commit or abandon. Devices and pipes are written to directly.
// A file that was committed is on the disk, not only in memory that is to be written there some time.
typedef struct SaveFile {
    FILE *stream;
    char *path;
    char *temporary;                               // a name beside path that becomes path at the end; NULL while there is none
    bool replaces;                                 // path is a file, or will be
} SaveFile;

char *path_real(const char *path);                 // where it really lies, from the root; path if nothing is there. The caller frees it

bool save_begin(SaveFile *save, const char *path, Error *error);
bool save_sync(SaveFile *save, Error *error);                  // brings to the disk what was written so far; false as below
bool save_commit(SaveFile *save, Error *error);                // false, and nothing at path changed, if anything was not written
void save_abandon(SaveFile *save);
bool save_path_check(const char *path, Error *error);          // can a file be written there? For asking before long work

// "folder/name". The caller frees it.
char *path_in(const char *folder, const char *name);
bool file_exists(const char *folder, const char *name);
bool folder_make(const char *folder, Error *error);            // with those above it, if it is not there

// One of several files that are saved together.
typedef struct FolderFile {
    const char *name;
    void (*write)(const void *what, FILE *stream);
    const void *what;
} FolderFile;

// Makes the folder, with those above it, if it is not there. Writes all files beside their places, and when all are whole and
// on the disk renames one after the other, the last last. False, and every file in the folder as it was, if one can't be written.
bool folder_save(const char *folder, const FolderFile *files, int n, Error *error);

// ------------------------------------------------------------------------------------------------------------
// Quoting: text of any origin (a file's name, a label, a token), written for another program, which must take nothing of it for
// commands or markup. Each function writes text so that its target shows it as it is; characters without a shape (utf8_show) and
// bytes that are not UTF-8 are shown as C would write them: \n, \u202e, \xff. NULL is "". Graphviz: dot_quote in tensor/inspect/dot.h.

void quote_terminal(FILE *out, const char *text, size_t n, bool lines);        // n bytes; lines: newlines and tabs are kept
void quote_gnuplot(FILE *out, const char *text);               // with its quotes, for text that is drawn "noenhanced"
void quote_gnuplot_enhanced(FILE *out, const char *text);      // for text that is drawn enhanced
void quote_gnuplot_tic(FILE *out, const char *text);           // for a tic's label, drawn enhanced
void quote_csv(FILE *out, const char *text);                   // one field, on one line; with quotes if it needs them
void quote_json(FILE *out, const char *text);                  // with its quotes, exactly; invalid UTF-8 becomes U+FFFD

// fprintf in the C locale, for numbers that other programs read: a decimal point is a point, whatever setlocale was given.
void print_c(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

// ------------------------------------------------------------------------------------------------------------
// JSON

// Makes objects' members and arrays' items from text that file names: NULL, and an error that says where it stops, if that is
// no JSON. n bytes and a '\0' behind them. The caller frees it with cJSON_Delete.
struct cJSON;
struct cJSON *json_parse(const char *text, size_t n, const char *file, Error *error);

#endif
