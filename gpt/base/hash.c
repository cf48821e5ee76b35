// hash.c: FNV-1a, by Fowler, Noll and Vo: an exclusive or, then a product that carries each bit to higher ones.

#include "gpt/base/hash.h"

#include <string.h>

uint64_t hash_add(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x100000001b3;
}

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hash = hash_add(hash, ((const unsigned char *)bytes)[i]);
    }
    return hash;
}

LongHash long_hash_begin(uint64_t hash)
{
    LongHash begun;
    for (int i = 0; i < HASH_LANES; i++) {
        begun.lane[i] = hash_add(hash, (uint64_t)i);
    }
    return begun;
}

void long_hash_add(LongHash *hash, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    LongHash sum = *hash;
    for (; n >= HASH_STRIDE; n -= HASH_STRIDE) {
        uint32_t values[HASH_LANES];
        memcpy(values, at, sizeof values);
        for (int i = 0; i < HASH_LANES; i++) {
            sum.lane[i] = hash_add(sum.lane[i], values[i]);
        }
        at += HASH_STRIDE;
    }
    sum.lane[0] = hash_bytes(sum.lane[0], at, n);
    *hash = sum;
}

uint64_t long_hash_end(const LongHash *hash)
{
    uint64_t sum = HASH_START;
    for (int i = 0; i < HASH_LANES; i++) {
        sum = hash_add(sum, hash->lane[i]);
    }
    return sum;
}
