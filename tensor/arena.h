// arena.h: memory that is handed out piece by piece and taken back all at once.

#ifndef GPTAPE_ARENA_H
#define GPTAPE_ARENA_H

#include "tensor/tensor.h"

// A block of at least bytes bytes, aligned for vector loads, uninitialised. It is the arena's: never freed alone.
void *arena_allocate(Arena *arena, size_t bytes);

// Hands a block back before its time: the next request of the same size gets it, or its front, in pieces, smaller requests.
void arena_release(Arena *arena, void *block, size_t bytes);

void arena_reset(Arena *arena);                    // takes every block back, keeps the memory
void arena_free(Arena *arena);                     // gives the memory to the system

#endif
