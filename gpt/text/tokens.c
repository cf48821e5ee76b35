// tokens.c: a vocabulary: the bytes of an id, and the id of bytes.

#include "gpt/text/encoding.h"

#include <stdlib.h>
#include <string.h>

void tokens_init(Tokens *tokens, int capacity, size_t bytes)
{
    size_t n_slots = 2;
    while (n_slots < 2 * (size_t)capacity) {
        n_slots *= 2;
    }
    *tokens = (Tokens){.capacity = capacity, .n_slots = n_slots};
    tokens->bytes = memory_allocate(bytes + 1, "a vocabulary");
    tokens->start = memory_allocate_zeroed((size_t)capacity + 1, sizeof *tokens->start, "a vocabulary");
    tokens->slots = memory_allocate(n_slots * sizeof *tokens->slots, "a vocabulary");
    for (size_t i = 0; i < n_slots; i++) {
        tokens->slots[i] = -1;
    }
}

void tokens_make_room(Tokens *tokens, int more, size_t bytes)
{
    Tokens larger;
    tokens_init(&larger, tokens->capacity + more, tokens->start[tokens->n] + bytes);
    for (int id = 0; id < tokens->n; id++) {
        size_t n;
        const char *token = tokens_get(tokens, id, &n);
        tokens_add(&larger, token, n);
    }
    tokens_free(tokens);
    *tokens = larger;
}

void tokens_free(Tokens *tokens)
{
    free(tokens->bytes);
    free(tokens->start);
    free(tokens->slots);
    *tokens = (Tokens){0};
}

// The slot that holds the id of these bytes, or the empty slot where it belongs.
static size_t find_slot(const Tokens *tokens, const char *bytes, size_t n)
{
    uint64_t hash = hash_bytes(HASH_START, bytes, n);
    size_t slot = (hash ^ hash >> 32) & (tokens->n_slots - 1);
    while (tokens->slots[slot] >= 0) {
        size_t length;
        const char *token = tokens_get(tokens, tokens->slots[slot], &length);
        if (length == n && memcmp(token, bytes, n) == 0) {
            return slot;
        }
        slot = (slot + 1) & (tokens->n_slots - 1);
    }
    return slot;
}

bool tokens_add(Tokens *tokens, const char *bytes, size_t n)
{
    size_t slot = find_slot(tokens, bytes, n);
    bool is_new = tokens->slots[slot] < 0;
    size_t start = tokens->start[tokens->n];
    memcpy(tokens->bytes + start, bytes, n);
    if (is_new) {
        tokens->slots[slot] = tokens->n;
    }
    tokens->n++;
    tokens->start[tokens->n] = start + n;
    return is_new;
}

int tokens_find(const Tokens *tokens, const char *bytes, size_t n)
{
    return tokens->slots[find_slot(tokens, bytes, n)];
}

const char *tokens_get(const Tokens *tokens, int id, size_t *n)
{
    *n = tokens->start[id + 1] - tokens->start[id];
    return tokens->bytes + tokens->start[id];
}
