// fuzz_vocabulary.c: any bytes as the two files of a vocabulary, encoder.json up to the first NUL and vocab.bpe behind it. A vocabulary
// that is loaded encodes any text and decodes it again, and is the same when it was saved and loaded.

#include "gpt/text/encoding.h"
#include "gpt/base/base.h"
#include "gpt/store/model_files.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void assert_lossless(const Tokenizer *tokenizer, const char *text, size_t n)
{
    int *ids;
    char *back;
    size_t n_ids;
    size_t n_back;
    Error error;
    if (!tokenizer_encode(tokenizer, text, n, &ids, &n_ids, &error) || !tokenizer_decode(tokenizer, ids, n_ids, &back, &n_back, &error)
        || n_back != n || memcmp(back, text, n) != 0) {
        abort();
    }
    free(ids);
    free(back);
}

static void save_file(const FolderFile *file, const char *name)
{
    char *text;
    size_t n;
    FILE *stream = open_memstream(&text, &n);
    file->write(file->what, stream);
    fclose(stream);
    fuzz_file(name, text, n);
    free(text);
}

static void assert_saved(const Tokenizer *tokenizer)
{
    FolderFile files[TOKENIZER_FILES];
    Error error;
    if (tokenizer_files(tokenizer, files) < 3) {
        abort();
    }
    save_file(&files[1], "encoder.json");
    save_file(&files[2], "vocab.bpe");
    Tokenizer *again = tokenizer_gpt2(fuzz_folder(), &error);
    if (again == NULL || tokenizer_fingerprint(again) != tokenizer_fingerprint(tokenizer)) {
        abort();
    }
    tokenizer_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *cut = n == 0 ? NULL : memchr(data, 0, n);
    size_t n_encoder = cut == NULL ? n : (size_t)(cut - data);
    size_t n_merges = cut == NULL ? 0 : n - n_encoder - 1;
    Error error;
    fuzz_file("encoder.json", data, n_encoder);
    fuzz_file("vocab.bpe", data + n - n_merges, n_merges);
    Tokenizer *tokenizer = tokenizer_gpt2(fuzz_folder(), &error);
    if (tokenizer != NULL) {
        assert_lossless(tokenizer, (const char *)data, n);
        assert_saved(tokenizer);
    }
    tokenizer_free(tokenizer);
    return 0;
}
