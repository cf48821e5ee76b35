// graph.c: what the tape says about the shape of the computation.

#include "tensor/op.h"

#include "tensor/inspect/inspect.h"

#include <stdlib.h>

// Marks what node was computed from, and says whether start is among it. marks[i] stands for node number first + i.
static bool mark_inputs(const TapeNode *node, const Tensor *start, int first, unsigned char *marks)
{
    for (int i = 0; i < node->n_inputs; i++) {
        const Tensor *input = node->inputs[i];
        if (input == start) {
            return true;
        }
        if (input->node != NULL && input->node->index >= first) {
            marks[input->node->index - first] = 1;
        }
    }
    return false;
}

// Is long_way computed from start through at least one operation? Walks back over the part of the tape between the two.
static bool depends_on(const Tape *tape, const Tensor *long_way, const Tensor *start)
{
    if (long_way->node == NULL) {
        return false;
    }
    int last = long_way->node->index;
    int first = start->node == NULL ? 0 : start->node->index + 1;
    if (last < first) {
        return false;
    }
    unsigned char *marks = memory_allocate_zeroed((size_t)(last - first + 1), 1, "a walk over the tape");
    marks[last - first] = 1;
    bool found = false;
    for (int i = last; i >= first && !found; i--) {
        if (marks[i - first]) {
            found = mark_inputs(tape->nodes[i], start, first, marks);
        }
    }
    free(marks);
    return found;
}

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
