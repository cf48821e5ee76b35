// hash.h: inside gpt/: numbers that tell whether bytes are still the same.

#ifndef GPTAPE_HASH_H
#define GPTAPE_HASH_H

#include <stddef.h>
#include <stdint.h>

// FNV-1a: a value at a time, multiplied far. Begin with HASH_START. No change of a single value leaves the hash as it was.
#define HASH_START 0xcbf29ce484222325u
uint64_t hash_add(uint64_t hash, uint64_t value);

// The same with many bytes. Four of them are a value, and values go to HASH_LANES hashes in turn, so that no product waits for the one
// before it; what is left at the end goes to the first, a byte at a time.
enum { HASH_LANES = 4, HASH_STRIDE = HASH_LANES * sizeof(uint32_t) };

typedef struct LongHash {
    uint64_t lane[HASH_LANES];
} LongHash;

LongHash long_hash_begin(uint64_t hash);
void long_hash_add(LongHash *hash, const void *bytes, size_t n);       // in parts: all but the last of a multiple of HASH_STRIDE
uint64_t long_hash_end(const LongHash *hash);

#endif
