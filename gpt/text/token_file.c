// token_file.c: a text's tokens in a file, made once and read from then on: not mapped into memory, since a mapped file that another program
// truncates ends this one with a signal.
//
//      header, 64 bytes | id 0 | id 1 | ... | id n - 1
//
// Numbers are in this machine's byte order: on another kind of machine the header does not match, and the file is
// rebuilt. Nothing in it is trusted: before use, all of it is read once and compared with its hash, since an id that
// no vocabulary has would be found only in the middle of a training run.

#include "gpt/text/encoding.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char magic[] = "gptape tokens 1\n";

// Of all of the header that comes before it.
uint64_t cache_check(const CacheHeader *header)
{
    uint64_t hash = hash_bytes(HASH_START, header->magic, sizeof header->magic);
    hash = hash_add(hash, header->tokenizer);
    hash = hash_add(hash, header->text);
    hash = hash_add(hash, header->n_tokens);
    hash = hash_add(hash, header->id_bytes);
    return hash_add(hash, header->fingerprint);
}

CacheHeader cache_header(const Tokenizer *tokenizer, uint64_t text)
{
    CacheHeader header = {.tokenizer = tokenizer_fingerprint(tokenizer), .text = text, .fingerprint = HASH_START};
    memcpy(header.magic, magic, sizeof header.magic);
    header.id_bytes = tokenizer_vocab_size(tokenizer) <= UINT16_MAX + 1 ? 2 : 4;
    return header;
}

// ------------------------------------------------------------------------------------------------------------
// Writing

bool cache_begin(FILE *file)
{
    CacheHeader none = {0};
    return fwrite(&none, sizeof none, 1, file) == 1;
}

// Narrows the ids in place: the i-th is read before the place is written that holds it afterwards.
static void narrow(int *ids, size_t n)
{
    unsigned char *bytes = (unsigned char *)ids;
    for (size_t i = 0; i < n; i++) {
        uint16_t id = (uint16_t)ids[i];
        memcpy(bytes + i * sizeof id, &id, sizeof id);
    }
}

bool cache_add(FILE *file, CacheHeader *header, int *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        header->fingerprint = hash_add(header->fingerprint, (uint64_t)ids[i]);
    }
    header->n_tokens += n;
    if (header->id_bytes == 2) {
        narrow(ids, n);
    }
    return fwrite(ids, header->id_bytes, n, file) == n;
}

bool cache_end(FILE *file, CacheHeader *header)
{
    header->check = cache_check(header);
    return fseek(file, 0, SEEK_SET) == 0 && fwrite(header, sizeof *header, 1, file) == 1 && fflush(file) == 0;
}

// ------------------------------------------------------------------------------------------------------------
// Reading

static bool read_header(FILE *file, const CacheHeader *wanted, CacheHeader *header, Error *error)
{
    struct stat status;
    if (fread(header, sizeof *header, 1, file) != 1 || memcmp(header->magic, magic, sizeof header->magic) != 0) {
        return error_set(error, "not a token file");
    }
    if (header->check != cache_check(header) || (header->id_bytes != 2 && header->id_bytes != 4)) {
        return error_set(error, "is damaged");
    }
    if (header->tokenizer != wanted->tokenizer) {
        return error_set(error, "was made with another tokenizer");
    }
    if (header->text != wanted->text) {
        return error_set(error, "was made from another text, or the text has changed");
    }
    bool whole = fstat(fileno(file), &status) == 0 && (uint64_t)status.st_size >= sizeof *header;
    uint64_t bytes = whole ? (uint64_t)status.st_size - sizeof *header : 0;
    if (!whole || bytes % header->id_bytes != 0 || bytes / header->id_bytes != header->n_tokens) {
        return error_set(error, "is truncated, or has data after its end");
    }
    return true;
}

static uint32_t id_at(const void *ids, int id_bytes, size_t i)
{
    return id_bytes == 2 ? ((const uint16_t *)ids)[i] : ((const uint32_t *)ids)[i];
}

// Is each id in the vocabulary, and do all of them give the header's fingerprint?
static bool check_ids(FILE *file, const CacheHeader *header, int vocab_size, Error *error)
{
    enum { IDS_AT_ONCE = 1 << 16 };
    AUTO_FREE void *part = memory_allocate(IDS_AT_ONCE * header->id_bytes, "the tokens");
    uint64_t hash = HASH_START;
    bool fits = true;
    for (size_t got = IDS_AT_ONCE; got == IDS_AT_ONCE;) {
        got = fread(part, header->id_bytes, IDS_AT_ONCE, file);
        for (size_t i = 0; i < got; i++) {
            uint32_t id = id_at(part, (int)header->id_bytes, i);
            fits = fits && id < (uint32_t)vocab_size;
            hash = hash_add(hash, id);
        }
    }
    return (fits && hash == header->fingerprint) || error_set(error, "is damaged");
}

bool cache_take(FILE *file, const CacheHeader *wanted, int vocab_size, Dataset *dataset, Error *error)
{
    CacheHeader header;
    rewind(file);
    if (!read_header(file, wanted, &header, error) || !check_ids(file, &header, vocab_size, error)) {
        return false;
    }
    dataset->file = file;
    dataset->id_bytes = (int)header.id_bytes;
    dataset->n_tokens = header.n_tokens;
    dataset->fingerprint = header.fingerprint;
    return true;
}

// Exactly n bytes from offset on. The file was complete when it was opened.
static void read_exactly(const Dataset *dataset, off_t offset, size_t n, unsigned char *out)
{
    ssize_t got = read_all_at(fileno(dataset->file), offset, n, out);
    if (got < 0) {
        fail_file("%s: can't be read: %s", dataset->file_name, strerror(errno));
    }
    if ((size_t)got < n) {
        fail_file("%s: was truncated while it was in use", dataset->file_name);
    }
}

void dataset_ids(const void *text, size_t first, size_t n, int *ids)
{
    enum { IDS_AT_ONCE = 1024 };
    const Dataset *dataset = text;
    REQUIRE(dataset, ids);
    unsigned char part[IDS_AT_ONCE * sizeof(uint32_t)];
    size_t id_bytes = (size_t)dataset->id_bytes;
    for (size_t done = 0; done < n;) {
        size_t now = n - done < IDS_AT_ONCE ? n - done : IDS_AT_ONCE;
        read_exactly(dataset, (off_t)(sizeof(CacheHeader) + (first + done) * id_bytes), now * id_bytes, part);
        for (size_t i = 0; i < now; i++) {
            ids[done + i] = (int)id_at(part, dataset->id_bytes, i);
        }
        done += now;
    }
}
