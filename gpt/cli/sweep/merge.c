// merge.c: joining the files of shards: each network once, in the order of the files.

#include "gpt/cli/sweep/sweep.h"

#include <stdlib.h>
#include <string.h>

// The figures of one network.
typedef struct Figures {
    RowKey key;
    int file; // index of the file it is in
    Writer *writer;
} Figures;

typedef struct Merge {
    Store *store;     // the result
    char *sweep;      // of the first row; NULL: none was read
    void *blocks;     // a tree
    const char *path; // of the file that is read
    int file;
    int added, found; // networks new to the result, and already in it
    const char *runs, *csv;
} Merge;

static void free_figures(Merge *merge)
{
    while (merge->blocks != NULL) {
        AUTO_FREE Figures *block = row_key_take(&merge->blocks);
        free(writer_end(block->writer));
    }
}

// The line as it was read.
static void write_line(const TableReader *reader, FILE *out)
{
    for (int i = 0; i < reader->n_cells; i++) {
        fputs(i == 0 ? "" : ",", out);
        quote_csv(out, reader->cells[i]);
    }
    fputc('\n', out);
}

// If two files have a network, the first one counts.
static bool take_figures(TableReader *reader, Merge *merge, Error *error)
{
    while (table_reader_next(reader)) {
        uint64_t seed;
        if (!store_figures_seed(reader, &seed)) {
            return error_set(error, "%s: line %d is not a row of figures", merge->path, reader->line);
        }
        Figures *block = row_key_find(&merge->blocks, reader->cells[0], seed);
        if (block == NULL) {
            block = memory_allocate(sizeof *block, "the figures");
            *block = (Figures){{memory_copy_text(reader->cells[0]), seed}, merge->file, writer_begin()};
            row_key_add(&merge->blocks, &block->key);
        }
        if (block->file == merge->file) {
            write_line(reader, block->writer->stream);
        }
    }
    return true;
}

static bool open_result(Merge *merge, const char *sweep, Error *error)
{
    if (merge->store == NULL) {
        merge->sweep = memory_copy_text(sweep);
        merge->store = store_open(merge->runs, merge->csv, sweep, error);
    }
    return merge->store != NULL
        && (strcmp(sweep, merge->sweep) == 0
            || error_set(error, "%s: belongs to another sweep, '%.120s' (expected '%.120s')", merge->path, sweep, merge->sweep));
}

static bool add_row(const TableReader *reader, uint64_t seed, Merge *merge, Error *error)
{
    Cell cell = {.seed = seed, .keys = {reader->cells[1]}, .n_statistics = 1};
    if (store_has(merge->store, &cell)) {
        merge->found++;
        return true;
    }
    Figures *block = row_key_find(&merge->blocks, reader->cells[1], seed);
    if (merge->csv != NULL && block == NULL) {
        return error_set(error, "%s: line %d: no --csv file has the figures of this network", merge->path, reader->line);
    }
    if (block != NULL && fflush(block->writer->stream) != 0) {
        fail_memory(0, "the figures");
    }
    Writer *writer = writer_begin();
    write_line(reader, writer->stream);
    AUTO_FREE char *row = writer_end(writer);
    bool added = store_add(merge->store, row, merge->csv == NULL ? "" : block->writer->text, error);
    merge->added += added;
    return added;
}

static bool take_runs(TableReader *reader, Merge *merge, Error *error)
{
    while (table_reader_next(reader)) {
        uint64_t seed;
        if (!store_row_seed(reader, &seed)) {
            return error_set(error, "%s: line %d is not a row of a sweep", merge->path, reader->line);
        }
        if (!open_result(merge, reader->cells[0], error) || !add_row(reader, seed, merge, error)) {
            return false;
        }
    }
    return true;
}

// Reads the file if it is of this round's kind; figures come first.
static bool take_file(Merge *merge, bool figures, Error *error)
{
    TableReader reader;
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *header = store_figures_header();
    size_t n;
    if (!file_read(merge->path, MOST_TEXT_BYTES, &text, &n, error)) {
        return false;
    }
    bool is_runs = strncmp(text, store_runs_header, strlen(store_runs_header)) == 0;
    bool is_figures = strncmp(text, header, strlen(header)) == 0;
    if (is_runs == is_figures) {
        return error_set(error, "%s: not a file of a sweep (expected --runs or --csv of gptape sweep)", merge->path);
    }
    if (is_figures && merge->csv == NULL) {
        return error_set(error, "%s: holds figures (expected --csv for them)", merge->path);
    }
    if (is_figures != figures) {
        return true;
    }
    bool read = table_reader_begin(&reader, text, n, merge->path, is_runs ? store_runs_header : header, error)
             && (figures ? take_figures(&reader, merge, error) : take_runs(&reader, merge, error));
    text = NULL; // the reader's
    table_reader_close(&reader);
    return read;
}

bool store_merge(const Options *options, char *const *files, int n, const char *runs, const char *csv)
{
    Merge merge = {.runs = runs, .csv = csv};
    Error error;
    bool done = true;
    for (int round = 0; done && round < 2; round++) {
        for (merge.file = 0; done && merge.file < n; merge.file++) {
            merge.path = files[merge.file];
            done = !(path_same(merge.path, runs) || (csv != NULL && path_same(merge.path, csv)))
                || error_set(&error, "%s: is a file to merge and the result, too (expected another)", merge.path);
            done = done && take_file(&merge, round == 0, &error);
        }
    }
    done = done && (merge.store != NULL || error_set(&error, "the files have no rows of --runs"));
    if (!done) {
        report_failure(options, &error);
    } else {
        command_note(options, "%d network%s added to %s, which had %d of these files already", merge.added, plural(merge.added), runs, merge.found);
    }
    free_figures(&merge);
    free(merge.sweep);
    return store_close(merge.store, &error) ? done : report_failure(options, &error);
}
