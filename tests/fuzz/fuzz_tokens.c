// fuzz_tokens.c: any bytes as data.bin, as they are and with a header whose check fits. A file that is accepted gives ids of the vocabulary only.

#include "gpt/text/encoding.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void read_ids(const Dataset *dataset, int vocab_size)
{
    enum { MOST = 4096 };
    int ids[MOST];
    size_t n = dataset->n_tokens < MOST ? dataset->n_tokens : MOST;
    dataset_ids(dataset, 0, n, ids);
    dataset_ids(dataset, dataset->n_tokens - n, n, ids);
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= vocab_size) {
            abort();
        }
    }
}

static void take(const uint8_t *bytes, size_t n, const CacheHeader *wanted, int vocab_size)
{
    Dataset dataset = {.file_name = "data.bin"};
    Error error;
    char path[256];
    fuzz_file("data.bin", bytes, n);
    snprintf(path, sizeof path, "%s/data.bin", fuzz_folder());
    FILE *file = fopen(path, "rb");
    if (cache_take(file, wanted, vocab_size, &dataset, &error)) {
        read_ids(&dataset, vocab_size);
    }
    fclose(file);
}

// The header as the bytes have it, but for what guards it: the magic, the check and the fingerprint of the ids.
static void repair(uint8_t *bytes, size_t n, const CacheHeader *usual, CacheHeader *header)
{
    memcpy(header, bytes, sizeof *header);
    memcpy(header->magic, usual->magic, sizeof header->magic);
    header->id_bytes = header->id_bytes % 2 == 0 ? 2 : 4;
    header->fingerprint = HASH_START;
    for (size_t at = sizeof *header; at + header->id_bytes <= n; at += header->id_bytes) {
        uint32_t id = 0;
        memcpy(&id, bytes + at, header->id_bytes);
        header->fingerprint = hash_add(header->fingerprint, id);
    }
    header->check = cache_check(header);
    memcpy(bytes, header, sizeof *header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum { VOCABULARY = 256 };
    Tokenizer *tokenizer = tokenizer_bytes();
    CacheHeader usual = cache_header(tokenizer, 7);
    CacheHeader header;
    take(data, n, &usual, VOCABULARY);
    if (n >= sizeof header) {
        uint8_t *bytes = memory_allocate(n, "a file");
        memcpy(bytes, data, n);
        repair(bytes, n, &usual, &header);
        take(bytes, n, &header, VOCABULARY);
        header.n_tokens = (n - sizeof header) / header.id_bytes; // and with the count that fits
        header.check = cache_check(&header);
        memcpy(bytes, &header, sizeof header);
        take(bytes, n, &header, VOCABULARY);
        free(bytes);
    }
    tokenizer_free(tokenizer);
    return 0;
}
