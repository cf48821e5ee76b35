// graph.c: the structure of the computation, read from the tape.

#include "tensor/op.h"
#include "tensor/unwind.h"

#include "tensor/inspect/inspect.h"

#include <limits.h>
#include <stdlib.h>

// Is long_way computed from start through at least one operation? Looks at the part of the tape between the two.
static bool depends_on(const Tape *tape, const Tensor *long_way, const Tensor *start)
{
    int first = start->node == NULL ? 0 : start->node->index + 1;
    int last = long_way->node == NULL ? -1 : long_way->node->index;
    if (last < first) {
        return false;
    }
    bool *depends = memory_allocate_zeroed((size_t)(last - first + 1), sizeof *depends, "a walk over the tape"); // does node first + i?
    for (int i = first; i <= last; i++) {
        const TapeNode *node = tape->nodes[i];
        for (int k = 0; k < node->n_inputs; k++) {
            const Tensor *input = node->inputs[k];
            bool between = input->node != NULL && input->node->index >= first;
            depends[i - first] |= input == start || (between && depends[input->node->index - first]);
        }
    }
    bool found = depends[last - first];
    free(depends);
    return found;
}

// ------------------------------------------------------------------------------------------------------------
// Sublayers

// A stream from outside the sublayer: not a parameter, and not a smaller constant.
static bool is_stream(const Tensor *input, const Tensor *result)
{
    return input->tape != NULL && shape_equal(input->shape, result->shape);
}

static unsigned flags_of(const TapeSublayer *sublayer, const Tensor *tensor)
{
    const TapeNode *node = tensor->node;
    if (node != NULL && node->index >= sublayer->first && node->index <= sublayer->last) {
        return sublayer->flags[node->index - sublayer->first];
    }
    return is_stream(tensor, sublayer->result) ? PATH_SHORT : 0;
}

static int add_up(int a, int b)
{
    return a > INT_MAX - b ? INT_MAX : a + b;
}

// From the streams on: what came by a shortcut and what by the branch, and how many shortcuts meet the branch.
static void flow_down(TapeSublayer *sublayer, const Tape *tape, int *paths)
{
    for (int i = sublayer->first; i <= sublayer->last; i++) {
        const TapeNode *node = tape->nodes[i];
        unsigned flags = node->branch ? PATH_BRANCH : 0;
        int by_shortcut = 0;
        for (int k = 0; !node->branch && k < node->n_inputs; k++) {
            const Tensor *input = node->inputs[k];
            unsigned from = flags_of(sublayer, input);
            flags |= from & (PATH_SHORT | PATH_BRANCH);
            bool inside = input->node != NULL && input->node->index >= sublayer->first;
            if (!(from & PATH_BRANCH)) {
                by_shortcut = add_up(by_shortcut, inside ? paths[input->node->index - sublayer->first] : (from & PATH_SHORT) != 0);
            }
        }
        sublayer->flags[i - sublayer->first] |= (unsigned char)flags;
        paths[i - sublayer->first] = by_shortcut;
        if (flags & PATH_BRANCH && by_shortcut > 0) {
            sublayer->shortcuts = add_up(sublayer->shortcuts, by_shortcut);
            sublayer->join = sublayer->join == NULL ? node : sublayer->join;
        }
    }
}

// From the result back: what leads to it, and what to the branch.
static void flow_up(TapeSublayer *sublayer, const Tape *tape)
{
    sublayer->flags[sublayer->last - sublayer->first] |= tape->nodes[sublayer->last]->branch ? 0 : PATH_TO_RESULT;
    for (int i = sublayer->last; i >= sublayer->first; i--) {
        const TapeNode *node = tape->nodes[i];
        unsigned to = node->branch ? PATH_TO_BRANCH : sublayer->flags[i - sublayer->first] & (PATH_TO_RESULT | PATH_TO_BRANCH);
        for (int k = 0; k < node->n_inputs; k++) {
            const TapeNode *from = node->inputs[k]->node;
            if (from != NULL && from->index >= sublayer->first && !from->branch) {
                sublayer->flags[from->index - sublayer->first] |= (unsigned char)to;
            }
        }
    }
}

TapeSublayer tape_sublayer(const Tape *tape, int index)
{
    REQUIRE(tape);
    if (index < 0 || index >= tape->n_nodes) {
        fail_mistake(HERE, "tape_sublayer: the tape has no node %d, but %d nodes", index, tape->n_nodes);
    }
    int number = tape->nodes[index]->sublayer;
    TapeSublayer sublayer = {.first = index, .last = index, .stream = number == 0 ? NULL : tape->streams[number - 1]};
    while (sublayer.first > 0 && number > 0 && tape->nodes[sublayer.first - 1]->sublayer == number) {
        sublayer.first--;
    }
    while (sublayer.last + 1 < tape->n_nodes && number > 0 && tape->nodes[sublayer.last + 1]->sublayer == number) {
        sublayer.last++;
    }
    size_t n = (size_t)(sublayer.last - sublayer.first + 1);
    sublayer.result = tape->nodes[sublayer.last]->output;
    sublayer.flags = memory_allocate_zeroed(n, 1, "a sublayer");
    if (number > 0) {
        int frame = unwind_begin();
        unwind_add_on_failure(free, sublayer.flags);
        int *paths = memory_allocate_zeroed(n, sizeof *paths, "a sublayer");
        flow_down(&sublayer, tape, paths);
        flow_up(&sublayer, tape);
        free(paths);
        unwind_end(frame);
    }
    return sublayer;
}

bool tape_is_shortcut(const TapeNode *node, int input)
{
    REQUIRE(node);
    if (node->sublayer == 0) {
        return tape_shortcut_input(node) == input;
    }
    TapeSublayer sublayer = tape_sublayer(node->output->tape, node->index);
    unsigned flags = sublayer.flags[node->index - sublayer.first];
    unsigned from = flags_of(&sublayer, node->inputs[input]);
    free(sublayer.flags);
    return !node->branch && flags & PATH_TO_RESULT && from & PATH_SHORT && !(from & PATH_BRANCH);
}

// ------------------------------------------------------------------------------------------------------------
// Additions

int tape_shortcut_input(const TapeNode *node)
{
    REQUIRE(node);
    if (node->op != &op_add) {
        return -1;
    }
    const Tape *tape = node->output->tape;
    if (depends_on(tape, node->inputs[1], node->inputs[0])) {
        return 0;
    }
    if (depends_on(tape, node->inputs[0], node->inputs[1])) {
        return 1;
    }
    return -1;
}
