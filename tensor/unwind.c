// unwind.c: the stack of undo entries (see unwind.h).
//
// A notebook interrupts a cell from a signal handler, at any instruction. So an entry is complete before it is counted, and while
// entries are being undone the thread says that it cannot be left now (fail_can_unwind).

#include "tensor/unwind.h"

#include "tensor/op.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

// The start of a frame if undo is NULL.
typedef struct Entry {
    Undo *undo;
    void *object;
    bool on_failure_only;
    TapeMark mark;
} Entry;

enum { FIRST_ENTRIES = 64 }; // deeper stacks need memory

static _Thread_local struct {
    Entry first[FIRST_ENTRIES];
    Entry *rest;
    int capacity;            // of rest
    volatile sig_atomic_t n; // entries in use, in first and then in rest
    volatile sig_atomic_t holds;
} stack;

void unwind_hold(void)
{
    stack.holds++;
}

void unwind_release(void)
{
    stack.holds--;
}

bool fail_can_unwind(void)
{
    return stack.holds == 0;
}

static Entry *entry_at(int i)
{
    return i < FIRST_ENTRIES ? &stack.first[i] : &stack.rest[i - FIRST_ENTRIES];
}

static bool make_room(void)
{
    int used = stack.n - FIRST_ENTRIES;
    if (used < stack.capacity) {
        return true;
    }
    int capacity = stack.capacity == 0 ? FIRST_ENTRIES : 2 * stack.capacity;
    Entry *rest = realloc(stack.rest, (size_t)capacity * sizeof *rest);
    if (rest == NULL) {
        return false;
    }
    stack.rest = rest;
    stack.capacity = capacity;
    return true;
}

static void push(Entry entry)
{
    unwind_hold();
    if (!make_room()) {
        unwind_release();
        if (entry.undo != NULL) {
            entry.undo(entry.object);
        }
        fail_memory(sizeof entry, "the list of what is to be undone");
    }
    *entry_at(stack.n) = entry;
    atomic_signal_fence(memory_order_seq_cst);
    stack.n++;
    unwind_release();
}

int unwind_begin(void)
{
    int frame = stack.n;
    push((Entry){.mark = tape_mark()});
    return frame;
}

void unwind_add(Undo *undo, void *object)
{
    push((Entry){.undo = undo, .object = object});
}

void unwind_add_on_failure(Undo *undo, void *object)
{
    push((Entry){.undo = undo, .object = object, .on_failure_only = true});
}

static void free_tape(void *tape)
{
    tape_free(tape);
}

void *unwind_allocate(size_t count, size_t bytes_each, const char *what)
{
    void *memory = memory_allocate_zeroed(count + (count == 0), bytes_each, what);
    unwind_add(free, memory);
    return memory;
}

Tape *unwind_add_tape(void)
{
    Tape *tape = tape_create();
    unwind_add(free_tape, tape);
    return tape;
}

// An entry is removed before it is undone: if that fails in turn, the rest follows.
static void unwind_to(int frame, bool failed)
{
    unwind_hold();
    while (stack.n > frame) {
        Entry entry = *entry_at(stack.n - 1);
        stack.n--;
        if (entry.undo == NULL) {
            tape_return_to(&entry.mark, failed);
        } else if (failed || !entry.on_failure_only) {
            entry.undo(entry.object);
        }
    }
    unwind_release();
}

void unwind_end(int frame)
{
    unwind_to(frame, false);
}

void fail_unwind(void)
{
    stack.holds = 0;
    unwind_to(0, true);
}
