// guard.h: calls of oneDNN, which cannot report everything that fails in it.

#ifndef GPTAPE_GUARD_H
#define GPTAPE_GUARD_H

#include <stdbool.h>

// Calls call(context) and returns true if it came back. False if oneDNN ran out of memory in it in a way that would end the program.
// From then on oneDNN is not called any more: this returns false at once, and the library's own products replace it.
bool guard_call(void (*call)(void *context), void *context);

// Can oneDNN be used? The first time, it is made to write its code, which is when it needs most memory.
bool guard_onednn_ready(void);

#endif
