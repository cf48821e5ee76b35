// tape.c: a tensor, and the tape that records how it was computed.
//
// You learn what an operation records, how backward walks over it, and why nothing has to be sorted first.
// Breakpoint: add_backward. It stops at node 1, then at node 0; up leads to the one loop that calls every backward.

#include "tensor/inspect/inspect.h"

#include <stdio.h>

int main(void)
{
    Tape *tape = tape_create();

    Tensor *a = tensor_full(SHAPE(1), 3.0); // (1), a leaf: not the result of an operation
    tensor_label(a, "a");
    tensor_require_grad(a);

    Tensor *b = tensor_add(a, a); // (1), node 0
    tensor_label(b, "b");
    tensor_retain_grad(b); // otherwise backward drops it once it has been passed on

    Tensor *c = tensor_add(b, b); // (1), node 1
    tensor_label(c, "c");
    tensor_retain_grad(c);

    printf("The tape after b = a + a and c = b + b:\n\n");
    tape_print(tape);
    printf("\n-> One node per operation, in the order in which they were computed. The inputs are the\n");
    printf("   nodes that computed them; a is a leaf. There are no gradients yet: -\n\n");

    tensor_backward(c);

    printf("After tensor_backward(c):\n\n");
    tensor_print(c);
    tensor_print(b);
    tensor_print(a);
    printf("\n-> dc/da is 4. Node 1 comes first: c = b + b uses b twice, so b receives c's 1 twice, 2.\n");
    printf("   Then node 0: b = a + a uses a twice, so a receives b's 2 twice, 4.\n");
    printf("-> Nothing was sorted. A node is recorded after the nodes it needs, so the way back meets\n");
    printf("   every use of b before the node that computed b: by then, b's gradient is complete.\n\n");

    tensor_backward(c);

    printf("After a second tensor_backward(c):\n\n");
    tensor_print(b);
    tensor_print(a);
    printf("\n-> b starts again and is 2. a is a leaf, and the gradients of leaves add up: 4 + 4 = 8. This\n");
    printf("   is how batches are accumulated; tensor_zero_grad(a) clears it.\n");

    tape_free(tape); // and with it a, b and c
    return 0;
}
