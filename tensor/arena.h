// arena.h: memory that is handed out piece by piece and taken back all at once.

#ifndef GPTAPE_ARENA_H
#define GPTAPE_ARENA_H

#include "tensor/tensor.h"

// A block of at least bytes bytes, aligned for vector loads, uninitialized. It belongs to the arena and is never freed alone.
void *arena_allocate(Arena *arena, size_t bytes);

// Hands a block back early: the next request of the same size gets it, or smaller requests get pieces of its front.
void arena_release(Arena *arena, void *block, size_t bytes);

void arena_reset(Arena *arena); // takes every block back, keeps the memory
void arena_free(Arena *arena);  // returns the memory to the system

#endif
