// hash.h: inside gpt/: hashes that detect changed bytes.

#ifndef GPTAPE_HASH_H
#define GPTAPE_HASH_H

#include <stddef.h>
#include <stdint.h>

// FNV-1a, one value at a time. Begin with HASH_START. A change of a single value always changes the hash.
#define HASH_START 0xcbf29ce484222325u
uint64_t hash_add(uint64_t hash, uint64_t value);
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n); // each byte as a value

// The same for many bytes: each four bytes are one value, and values go to HASH_LANES hashes in turn, so that products need not wait.
// Remaining bytes go to the first hash, one at a time.
enum { HASH_LANES = 4, HASH_STRIDE = HASH_LANES * sizeof(uint32_t) };

typedef struct LongHash {
    uint64_t lane[HASH_LANES];
} LongHash;

LongHash long_hash_begin(uint64_t hash);
void long_hash_add(LongHash *hash, const void *bytes, size_t n); // call it for each part; all but the last have a multiple of HASH_STRIDE bytes
uint64_t long_hash_end(const LongHash *hash);

#endif
