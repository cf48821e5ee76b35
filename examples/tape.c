// tape.c: a tensor, and the tape that remembers how it was made.
//
// You learn what an operation leaves behind, how backward walks over it, and why nothing has to be sorted first.
// Breakpoint: add_backward. It stops at node 1, then at node 0; up leads to the one loop that calls every backward.

#include "tensor/inspect/inspect.h"

#include <stdio.h>

int main(void)
{
    Tape *tape = tape_create();

    Tensor *a = tensor_full(SHAPE(1), 3.0);                 // (1), a leaf: no operation made it
    tensor_label(a, "a");
    tensor_require_grad(a);

    Tensor *b = tensor_add(a, a);                           // (1), node 0
    tensor_label(b, "b");
    tensor_retain_grad(b);                                  // else backward drops it as soon as it is passed on

    Tensor *c = tensor_add(b, b);                           // (1), node 1
    tensor_label(c, "c");
    tensor_retain_grad(c);

    printf("The tape after b = a + a and c = b + b:\n\n");
    tape_print(tape);
    printf("\n-> One node for each operation, in the order in which they were done. Its inputs are the\n");
    printf("   nodes that made them; a was made by none, it is a leaf. No gradients yet: -\n\n");

    tensor_backward(c);

    printf("After tensor_backward(c):\n\n");
    tensor_print(c);
    tensor_print(b);
    tensor_print(a);
    printf("\n-> dc/da is 4. Node 1 comes first: c = b + b uses b twice, so b gets c's 1 twice, 2.\n");
    printf("   Then node 0: b = a + a uses a twice, so a gets b's 2 twice, 4.\n");
    printf("-> Nothing was sorted. A node is recorded after the nodes it needs, so the way back meets\n");
    printf("   every use of b before it meets the node that made b: what b passes on is complete.\n\n");

    tensor_backward(c);

    printf("After a second tensor_backward(c):\n\n");
    tensor_print(b);
    tensor_print(a);
    printf("\n-> b starts afresh and has 2 again. a is a leaf, and leaves add up: 4 + 4 = 8. That is how\n");
    printf("   batches are accumulated; tensor_zero_grad(a) forgets it.\n");

    tape_free(tape);                                        // and with it a, b and c
    return 0;
}
