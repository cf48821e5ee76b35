// base.h: helpers for every directory of gpt/, independent of models: time, sizes, paths, files, quoting, JSON.

#ifndef GPTAPE_BASE_H
#define GPTAPE_BASE_H

#include <stdio.h>
#include <sys/types.h>

#include "gpt/base/ranks.h"
#include "tensor/inspect/inspect.h"

#define GPTAPE_VERSION "0.1.0"

// ------------------------------------------------------------------------------------------------------------
// Time and memory

double clock_seconds(void); // from a monotonic clock

double memory_available(void); // bytes this process can still allocate; INFINITY if unknown
// Checks that this much memory is available; the error has both sizes.
bool memory_check(double bytes, const char *what, Error *error);

// Calls free(&variable) when the variable's block is left, even by return: AUTO(source_free) Source source = {0};
#define AUTO(free) __attribute__((cleanup(free)))
// For a pointer to malloc's memory, or NULL: AUTO_FREE char *path = path_in(...);
#define AUTO_FREE AUTO(auto_free)
void auto_free(void *variable);

// ------------------------------------------------------------------------------------------------------------
// Text written piece by piece to a stream in memory

typedef struct Writer {
    FILE *stream;
    char *text;
    size_t n;
} Writer;

Writer *writer_begin(void);
char *writer_end(Writer *writer); // all that was written, followed by '\0'. The caller frees it
// The text of one printf, without floating-point numbers. The caller frees it.
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *plural(double count); // the "s" of "2 tokens"; "" for 1

// ------------------------------------------------------------------------------------------------------------
// Paths

char *path_in(const char *folder, const char *name); // "folder/name". The caller frees it
char *program_folder(void);                          // of the running program. The caller frees it; NULL if it is unknown
char *path_folder(const char *path);                 // the folder that path is in; "." if path has no slash. The caller frees it
char *path_real(const char *path);                   // absolute, with links resolved, even if the file does not exist. The caller frees it
bool path_same(const char *a, const char *b);        // do both name one file, or would they? Follows links

bool file_exists(const char *folder, const char *name);
bool folder_make(const char *folder, Error *error); // with its parents, unless it exists

// Locks a folder for one writer: others get -1 and an error until folder_unlock(lock), or until the program ends.
int folder_lock(const char *folder, Error *error);
void folder_unlock(int lock); // -1 is ignored

// ------------------------------------------------------------------------------------------------------------
// Reading files

// Opens a regular file of at most `most` bytes for reading: everything in the library is opened by these two. -1 or NULL and an error if
// it is a folder, a device or a pipe, is larger, or can't be read. The caller closes it.
int file_open(const char *path, double most, Error *error);
FILE *file_open_stream(const char *path, double most, Error *error);

// The largest text that is read into memory, and the largest file of settings: 1 GiB and 16 MiB.
#define MOST_TEXT_BYTES 1073741824.0
#define MOST_SETTINGS_BYTES 16777216.0

// All of a file, or of a stream that messages call name, followed by '\0'. The caller frees *text.
bool file_read(const char *path, double most, char **text, size_t *n, Error *error);
bool stream_read(FILE *stream, const char *name, double most, char **text, size_t *n, Error *error);

// Read all n bytes by pread, and write all n bytes, continuing after partial transfers. read_all_at returns how many bytes there are before the end
// of the file, or -1 and errno; write_all returns false and errno if it fails.
ssize_t read_all_at(int descriptor, off_t offset, size_t n, void *out);
bool write_all(int descriptor, const void *bytes, size_t n);

// ------------------------------------------------------------------------------------------------------------
// Writing files

// A file that appears complete or not at all: write to stream, then commit or abandon. It keeps the mode and owner of the file that it
// replaces. Devices and pipes are written to directly; a pipe that nobody reads is an error. A committed file is on the disk, not only in the
// system's memory.
typedef struct SaveFile {
    FILE *stream;
    char *path;
    char *temporary; // another name in the same folder, renamed to path at the end; NULL: not named yet
    bool replaces;   // path is a file, or will be
} SaveFile;

bool save_begin(SaveFile *save, const char *path, Error *error);
bool save_sync(SaveFile *save, Error *error);   // flushes what has been written so far to the disk; false as below
bool save_commit(SaveFile *save, Error *error); // false, with path unchanged, if anything could not be written
void save_abandon(SaveFile *save);
bool save_path_check(const char *path, Error *error); // can a file be written there? Call it before long work

// One of several files that are saved together.
typedef struct FolderFile {
    const char *name;
    void (*write)(const void *what, FILE *stream);
    const void *what;
} FolderFile;

// Makes the folder and its parents if necessary. Writes all files under temporary names, and renames them in order when all are complete
// and on the disk. False, with every file in the folder unchanged, if one can't be written.
bool folder_save(const char *folder, const FolderFile *files, int n, Error *error);

// ------------------------------------------------------------------------------------------------------------
// Quoting: untrusted text (a file's name, a label, a token), written for another program, which must not take any of it for
// commands or markup. Each function writes text so that its target shows it as it is; characters without a shape (utf8_show) and
// bytes that are not UTF-8 are shown as C would write them: \n, \u202e, \xff. NULL is "". Graphviz: dot_quote in tensor/inspect/dot.h.

void quote_terminal(FILE *out, const char *text, size_t n, bool lines); // n bytes; lines: newlines and tabs are kept
void quote_gnuplot(FILE *out, const char *text);                        // with its quotes, for text that is drawn "noenhanced"
void quote_gnuplot_enhanced(FILE *out, const char *text);               // for text that is drawn enhanced
void quote_gnuplot_tic(FILE *out, const char *text);                    // for a tic's label, drawn enhanced
void quote_csv(FILE *out, const char *text);                            // one field, on one line; with quotes if it needs them
void quote_html(FILE *out, const char *text);                           // for element text and quoted attribute values
void quote_json(FILE *out, const char *json);                           // JSON as cJSON prints it, made valid UTF-8 without hidden characters

// ------------------------------------------------------------------------------------------------------------
// JSON

// Parses n bytes of JSON, followed by '\0'; messages call it file. The caller frees it with cJSON_Delete. NULL and an error that says
// where it stops if it is not JSON.
struct cJSON;
struct cJSON *json_parse(const char *text, size_t n, const char *file, Error *error);
struct cJSON *json_read(const char *path, Error *error);              // a file of at most MOST_SETTINGS_BYTES
struct cJSON *json_member(const struct cJSON *json, const char *key); // the last of that key, as Python's json takes it; NULL if it is missing
#define AUTO_JSON AUTO(auto_json)                                     // like AUTO_FREE, with cJSON_Delete
void auto_json(struct cJSON **variable);

// json as text, on several lines or on one. The caller frees it.
char *json_text(const struct cJSON *json, bool lines);

#endif
