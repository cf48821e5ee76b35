// dataset.c: a text as rows of a batch: its tokens, read from data.bin or computed, in two splits.

#include "gpt/base/base.h"
#include "gpt/text/encoding.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// ------------------------------------------------------------------------------------------------------------
// Computing the tokens

// From a text to a file of ids, in progress.
typedef struct Tokenizing {
    const Tokenizer *tokenizer;
    Reader reader;
    CacheHeader header;
    size_t n_special;
    bool reads_only; // does not write to the folder
    FILE *file;
    const char *file_name;     // for messages
    DatasetProgress *progress; // may be NULL
    void *context;
} Tokenizing;

static bool write_error(const Tokenizing *work, Error *error)
{
    return error_set(error, "%s: can't be written: %s", work->file_name, strerror(errno));
}

static void report_progress(const Tokenizing *work)
{
    enum { MIB = 1 << 20 };
    if (work->progress != NULL) {
        work->progress((int)(work->reader.offset / MIB), (int)(work->reader.size / MIB), work->context);
    }
}

// The next part; ids has room for one id per byte.
static bool tokenize_part(Tokenizing *work, int *ids, Error *error)
{
    Reader *reader = &work->reader;
    TextPart part = {.text = reader->text, .n = reader->n, .offset = reader->offset, .ends = reader->ends};
    size_t n_ids;
    size_t n_encoded;
    Error why;
    if (!tokenizer_encode_part(work->tokenizer, part, ids, &n_ids, &n_encoded, &work->n_special, &why)) {
        return error_set(error, "%.200s: %.300s", reader->name, why.message);
    }
    errno = 0;
    if (!cache_add(work->file, &work->header, ids, n_ids)) {
        return write_error(work, error);
    }
    reader_take(reader, n_encoded);
    report_progress(work);
    return true;
}

static bool tokenize(Tokenizing *work, Error *error)
{
    size_t room = 0;
    AUTO_FREE int *ids = NULL;
    bool done = cache_begin(work->file) || write_error(work, error);
    while (done && !reader_is_over(&work->reader)) {
        done = reader_fill(&work->reader, error);
        if (done && work->reader.n > room) {
            free(ids);
            room = work->reader.capacity;
            ids = memory_allocate(room * sizeof *ids, "the tokens");
        }
        done = done && tokenize_part(work, ids, error);
    }
    errno = 0;
    return done && (cache_end(work->file, &work->header) || write_error(work, error));
}

// ------------------------------------------------------------------------------------------------------------
// Reading them, or computing them

// A number that changes with the text: a hash of the file's size, modification time and inode number.
static uint64_t text_fingerprint(const Reader *reader)
{
    struct stat status;
    if (reader->file == NULL || fstat(fileno(reader->file), &status) != 0) {
        return hash_bytes(HASH_START, reader->text, reader->size);
    }
    uint64_t hash = hash_add(HASH_START, (uint64_t)status.st_size);
    hash = hash_add(hash, (uint64_t)status.st_mtim.tv_sec);
    hash = hash_add(hash, (uint64_t)status.st_mtim.tv_nsec);
    hash = hash_add(hash, (uint64_t)status.st_dev);
    return hash_add(hash, (uint64_t)status.st_ino);
}

// Uses the tokens at path if they fit. If not, the note says why; a missing file needs no note.
static bool find_tokens(const Tokenizing *work, const char *path, Dataset *dataset)
{
    Error why;
    FILE *file = file_open_stream(path, INFINITY, &why);
    if (file == NULL) {
        return false;
    }
    dataset->reused = cache_take(file, &work->header, tokenizer_vocab_size(work->tokenizer), dataset, &why);
    if (!dataset->reused) {
        error_set(&dataset->note, "%.300s: %.150s; it is rebuilt", path, why.message);
        fclose(file);
    }
    return dataset->reused;
}

// Takes the tokens that were just written to dataset->file.
static bool take_tokens(const Tokenizing *work, Dataset *dataset, Error *error)
{
    Error why;
    return cache_take(dataset->file, &work->header, tokenizer_vocab_size(work->tokenizer), dataset, &why)
        || error_set(error, "%.300s: was written, but now %.150s", work->file_name, why.message);
}

// Writes the tokens to the file path, for later runs.
static bool make_stored_tokens(Tokenizing *work, const char *path, Dataset *dataset, Error *error)
{
    SaveFile save;
    if (!save_begin(&save, path, error)) {
        return false;
    }
    work->file = save.stream;
    work->file_name = path;
    if (!tokenize(work, error)) {
        save_abandon(&save);
        return false;
    }
    dataset->file = save_commit(&save, error) ? file_open_stream(path, INFINITY, error) : NULL;
    return dataset->file != NULL && take_tokens(work, dataset, error);
}

// Writes the tokens to a temporary file, for this run.
static bool make_temporary_tokens(Tokenizing *work, Dataset *dataset, Error *error)
{
    work->file_name = "a temporary file";
    work->file = tmpfile();
    dataset->file = work->file;
    if (work->file == NULL) {
        return error_set(error, "%s can't be created: %s", work->file_name, strerror(errno));
    }
    return tokenize(work, error) && take_tokens(work, dataset, error);
}

static bool find_or_make_tokens(Tokenizing *work, const char *folder, Dataset *dataset, Error *error)
{
    if (folder == NULL) {
        dataset->file_name = memory_copy_text("a temporary file");
        return make_temporary_tokens(work, dataset, error);
    }
    dataset->file_name = path_in(folder, "data.bin");
    if (find_tokens(work, dataset->file_name, dataset)) {
        return true;
    }
    return work->reads_only ? make_temporary_tokens(work, dataset, error) : make_stored_tokens(work, dataset->file_name, dataset, error);
}

static Dataset *open_dataset(Tokenizing *work, const char *path, const char *folder, Error *error)
{
    bool opened = reader_begin(&work->reader, path, error);
    Dataset *dataset = memory_allocate(sizeof *dataset, "a data set");
    *dataset = (Dataset){.name = memory_copy_text(work->reader.name)};
    if (opened) {
        work->header = cache_header(work->tokenizer, text_fingerprint(&work->reader));
        opened = find_or_make_tokens(work, folder, dataset, error);
    }
    reader_end(&work->reader);
    if (!opened) {
        dataset_free(dataset);
        return NULL;
    }
    dataset->n_special = work->n_special;
    dataset->start[SPLIT_VAL] = dataset->n_tokens / 10 * 9 + dataset->n_tokens % 10 * 9 / 10;
    dataset->start[SPLIT_COUNT] = dataset->n_tokens;
    return dataset;
}

Dataset *dataset_open(const char *path, const Tokenizer *tokenizer, const char *folder, DatasetProgress *progress, void *context, Error *error)
{
    Tokenizing work = {.tokenizer = tokenizer, .progress = progress, .context = context};
    return open_dataset(&work, path, folder, error);
}

Dataset *dataset_open_shared(const char *path, const Tokenizer *tokenizer, const char *folder, Error *error)
{
    Tokenizing work = {.tokenizer = tokenizer, .reads_only = true};
    return open_dataset(&work, path, folder, error);
}

void dataset_free(Dataset *dataset)
{
    if (dataset == NULL) {
        return;
    }
    if (dataset->file != NULL) {
        fclose(dataset->file);
    }
    free(dataset->file_name);
    free(dataset->name);
    free(dataset);
}

// ------------------------------------------------------------------------------------------------------------
// Rows

size_t dataset_tokens(const Dataset *dataset, DatasetSplit split)
{
    REQUIRE(dataset);
    if ((unsigned)split >= SPLIT_COUNT) {
        fail_mistake(HERE, "dataset_tokens: split %d is unknown", (int)split);
    }
    return dataset->start[split + 1] - dataset->start[split];
}

bool dataset_check(const Dataset *dataset, int T, Error *error)
{
    REQUIRE(dataset);
    size_t needed = (size_t)T + 1;
    for (DatasetSplit split = SPLIT_TRAIN; split < SPLIT_COUNT; split++) {
        size_t n = dataset_tokens(dataset, split);
        if (n < needed) {
            return error_set(error,
                             "%.300s: is too short: of its %zu token%s %zu %s for %s; a row of %d and the next token "
                             "need %zu",
                             dataset->name, dataset->n_tokens, plural((double)dataset->n_tokens), n, n == 1 ? "is" : "are",
                             split == SPLIT_TRAIN ? "training" : "validation", T, needed);
        }
    }
    return true;
}

// The number of positions where a row of T tokens can start in a split.
static size_t count_rows(const Dataset *dataset, DatasetSplit split, int T)
{
    size_t n = dataset_tokens(dataset, split);
    if (n < (size_t)T + 1) {
        fail_mistake(HERE, "a row of %d and the next token are not in the %zu of the data set's split; ask dataset_check first", T, n);
    }
    return n - (size_t)T;
}

// To row b of a batch.
static void copy_row(const Dataset *dataset, DatasetSplit split, size_t place, int b, int T, int *ids, int *targets)
{
    size_t start = dataset->start[split] + place;
    size_t n = (size_t)T;
    ids += (size_t)b * n;
    targets += (size_t)b * n;
    dataset_ids(dataset, start, n, ids);
    memcpy(targets, ids + 1, (n - 1) * sizeof *ids); // each target is the id that follows
    dataset_ids(dataset, start + n, 1, targets + n - 1);
}

void dataset_batch(const Dataset *dataset, DatasetSplit split, Random *random, int B, int T, int *ids, int *targets)
{
    REQUIRE(dataset);
    size_t n_rows = count_rows(dataset, split, T);
    for (int b = 0; b < B; b++) {
        copy_row(dataset, split, (size_t)(random_double(random) * (double)n_rows), b, T, ids, targets);
    }
}

void dataset_skip_batch(Random *random, int B)
{
    for (int b = 0; b < B; b++) {
        random_double(random); // as dataset_batch draws a row
    }
}

void dataset_eval_batch(const Dataset *dataset, DatasetSplit split, int batch, int n_batches, int B, int T, int *ids, int *targets)
{
    REQUIRE(dataset);
    size_t last = count_rows(dataset, split, T) - 1;
    double n_rows = (double)n_batches * B;
    double apart = n_rows > 1 ? (double)last / (n_rows - 1) : 0;
    for (int b = 0; b < B; b++) {
        size_t place = (size_t)(apart * ((double)batch * B + b));
        copy_row(dataset, split, place < last ? place : last, b, T, ids, targets);
    }
}
