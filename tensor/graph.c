// graph.c: what the tape says about the shape of the computation.

#include "tensor/op.h"

#include <stdlib.h>

// Does node, or any node that it was computed from, take start as an input? Nodes before start's own can't.
static bool reaches(const TapeNode *node, const Tensor *start, int first, unsigned char *visited)
{
    if (visited[node->index - first]) {
        return false;
    }
    visited[node->index - first] = 1;
    for (int i = 0; i < node->n_inputs; i++) {
        const Tensor *input = node->inputs[i];
        if (input == start) {
            return true;
        }
        if (input->node != NULL && input->node->index > first && reaches(input->node, start, first, visited)) {
            return true;
        }
    }
    return false;
}

// Is long_way computed from start through at least one operation?
static bool depends_on(const Tensor *long_way, const Tensor *start)
{
    if (long_way->node == NULL || long_way == start) {
        return false;
    }
    int first = start->node == NULL ? -1 : start->node->index;
    if (long_way->node->index <= first) {
        return false;
    }
    size_t nodes = (size_t)(long_way->node->index - first + 1);
    unsigned char *visited = memory_allocate_zeroed(nodes, 1, "a walk over the tape");
    bool found = reaches(long_way->node, start, first, visited);
    free(visited);
    return found;
}

int tape_shortcut_input(const TapeNode *node)
{
    if (node->op != OP_ADD) {
        return -1;
    }
    if (depends_on(node->inputs[1], node->inputs[0])) {
        return 0;
    }
    if (depends_on(node->inputs[0], node->inputs[1])) {
        return 1;
    }
    return -1;
}
