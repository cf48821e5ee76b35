// unwind.h: undoing a call's temporary changes, whether it returns or fails.
//
// A call that changes state until it returns, or that builds something in several steps, opens a frame and adds what undoes each step:
//
//      int frame = unwind_begin();                  // notes the current tape, its scope and no-grad depth
//      tape_no_grad_begin();                        // undone by the frame itself
//      int *ids = unwind_allocate(n, sizeof *ids, "ids");
//      ...                                          // anything here may fail
//      unwind_end(frame);                           // undoes all of it, the last first
//
// The frames of a thread form a stack. When the library fails in one, fail_unwind undoes them all before the handler is called.
// So a handler that leaves by longjmp finds the state from before the outermost call.

#ifndef GPTAPE_UNWIND_H
#define GPTAPE_UNWIND_H

#include "tensor/tensor.h"

typedef void Undo(void *object);

// Opens a frame and returns its number. After a failure, nodes recorded since then are also removed from the tape.
int unwind_begin(void);

// Calls undo(object) when the innermost frame ends, and after a failure. If there is no memory to record it, undo is called at once,
// and the call fails. object must live until then.
void unwind_add(Undo *undo, void *object);

// The same, but only after a failure: for what stays if the call succeeds.
void unwind_add_on_failure(Undo *undo, void *object);

// Zeroed memory that is freed when the innermost frame ends.
void *unwind_allocate(size_t count, size_t bytes_each, const char *what);

// A tape that is current, and exists, until the innermost frame ends.
Tape *unwind_add_tape(void);

// Ends this frame.
void unwind_end(int frame);

// Between the two, fail_can_unwind is false for this thread. They nest.
void unwind_hold(void);
void unwind_release(void);

#endif
