// arena.c: a list of chunks from the system, each filled from its start.
//
// A training step requests the same blocks in the same order every time, so after the first step all needed chunks
// exist, and no more memory is requested from the system.
//
// In sanitizer builds all memory that is not handed out is poisoned, and a poisoned gap lies between neighbors, so that
// a write past the end of one tensor is caught although the next one is in the same chunk.

#include "tensor/arena.h"

#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP = 64 };
#else
#define ASAN_POISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
enum { GAP = 0 };
#endif

enum {
    ALIGNMENT = 64, // a cache line, and the widest vector register
    FIRST_CHUNK = 256 << 10,
    LARGEST_GROWTH = 64 << 20, // chunks double up to here; single larger requests get their own
    LOOK_AT = 8,               // spares of a class that are searched: a request takes the same short time, whatever their number
    MUCH_LARGER = 3            // classes: more than four times as large
};

struct ArenaChunk {
    ArenaChunk *next;
    size_t capacity; // of data
    size_t used;
    char *data; // aligned, within this same block
};

// A block that was handed back, written into the block itself.
typedef struct ArenaSpare {
    struct ArenaSpare *next;
    size_t bytes;
} ArenaSpare;

static size_t round_up(size_t bytes)
{
    size_t at_least = bytes < ALIGNMENT ? ALIGNMENT : bytes;
    return (at_least + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

// How often size / ALIGNMENT can be halved: each class begins at twice the size of the one before.
static int size_class(size_t size)
{
    int i = 63 - __builtin_clzll((unsigned long long)(size / ALIGNMENT));
    return i < ARENA_SIZES ? i : ARENA_SIZES - 1;
}

static ArenaChunk *chunk_create(size_t capacity)
{
    ArenaChunk *chunk = memory_allocate(sizeof *chunk + ALIGNMENT + capacity, "the tape");
    uintptr_t start = (uintptr_t)(chunk + 1);
    chunk->data = (char *)((start + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    chunk->next = NULL;
    chunk->capacity = capacity;
    chunk->used = 0;
    ASAN_POISON_MEMORY_REGION(chunk->data, chunk->capacity);
    return chunk;
}

static size_t chunk_size_for(const Arena *arena, size_t bytes)
{
    size_t growth = FIRST_CHUNK;
    if (arena->current != NULL) {
        growth = arena->current->capacity * 2;
    }
    if (growth > LARGEST_GROWTH) {
        growth = LARGEST_GROWTH;
    }
    return bytes > growth ? bytes : growth;
}

// The first chunk from the current one on that has room; the rest of those passed over stays empty until the reset.
static ArenaChunk *chunk_with_room(Arena *arena, size_t bytes)
{
    ArenaChunk *last = NULL;
    for (ArenaChunk *chunk = arena->current; chunk != NULL; chunk = chunk->next) {
        if (chunk->capacity - chunk->used >= bytes) {
            return chunk;
        }
        last = chunk;
    }
    ArenaChunk *chunk = chunk_create(chunk_size_for(arena, bytes));
    if (last == NULL) {
        arena->first = chunk;
    } else {
        last->next = chunk;
    }
    return chunk;
}

static void put_spare(Arena *arena, void *block, size_t size)
{
    int i = size_class(size);
    ASAN_UNPOISON_MEMORY_REGION(block, sizeof(ArenaSpare));
    ArenaSpare *spare = block;
    spare->next = arena->spares[i];
    spare->bytes = size;
    arena->spares[i] = spare;
    arena->has_spares |= UINT64_C(1) << i;
}

static void *unlink_spare(Arena *arena, int i, ArenaSpare **link)
{
    ArenaSpare *spare = *link;
    *link = spare->next;
    if (arena->spares[i] == NULL) {
        arena->has_spares &= ~(UINT64_C(1) << i);
    }
    ASAN_POISON_MEMORY_REGION(spare, sizeof *spare);
    return spare;
}

// A spare of exactly this size, among the few that were handed back last.
static void *take_same(Arena *arena, size_t size)
{
    int i = size_class(size);
    ArenaSpare **link = &arena->spares[i];
    for (int tried = 0; *link != NULL && tried < LOOK_AT; tried++) {
        if ((*link)->bytes == size) {
            return unlink_spare(arena, i, link);
        }
        link = &(*link)->next;
    }
    return NULL;
}

// The front of a much larger spare, such as the former gradient of the logits, the largest block of a pass.
static void *take_front(Arena *arena, size_t size)
{
    int smallest = size_class(size) + MUCH_LARGER;
    uint64_t candidates = smallest < ARENA_SIZES ? arena->has_spares >> smallest << smallest : 0;
    if (candidates == 0) {
        return NULL;
    }
    int i = __builtin_ctzll(candidates);
    size_t whole = arena->spares[i]->bytes;
    char *block = unlink_spare(arena, i, &arena->spares[i]);
    put_spare(arena, block + size + GAP, whole - size - GAP);
    return block;
}

static void count_use(Arena *arena, size_t bytes)
{
    arena->bytes += bytes;
    if (arena->bytes > arena->bytes_peak) {
        arena->bytes_peak = arena->bytes;
    }
}

void *arena_allocate(Arena *arena, size_t bytes)
{
    size_t size = round_up(bytes);
    void *block = take_same(arena, size);
    if (block == NULL) {
        block = take_front(arena, size);
    }
    if (block == NULL) {
        ArenaChunk *chunk = chunk_with_room(arena, size + GAP);
        block = chunk->data + chunk->used;
        chunk->used += size + GAP;
        arena->current = chunk;
    }
    count_use(arena, size);
    ASAN_UNPOISON_MEMORY_REGION(block, bytes);
    return block;
}

void arena_release(Arena *arena, void *block, size_t bytes)
{
    size_t size = round_up(bytes);
    ASAN_POISON_MEMORY_REGION(block, size);
    put_spare(arena, block, size);
    arena->bytes -= size;
}

void arena_reset(Arena *arena)
{
    for (ArenaChunk *chunk = arena->first; chunk != NULL; chunk = chunk->next) {
        ASAN_POISON_MEMORY_REGION(chunk->data, chunk->capacity);
        chunk->used = 0;
    }
    arena->current = arena->first;
    memset(arena->spares, 0, sizeof arena->spares);
    arena->has_spares = 0;
    arena->bytes = 0;
}

void arena_free(Arena *arena)
{
    ArenaChunk *chunk = arena->first;
    while (chunk != NULL) {
        ArenaChunk *next = chunk->next;
        ASAN_UNPOISON_MEMORY_REGION(chunk->data, chunk->capacity);
        free(chunk);
        chunk = next;
    }
    *arena = (Arena){0};
}
