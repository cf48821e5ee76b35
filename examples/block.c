// block.c: one transformer block: its modules, the shapes through it, and its two shortcuts.
//
// You learn how a block is put together, that it gives back the shape it takes, and that a shortcut can be read off the
// tape: an addition, one of whose inputs also reaches the other by a longer way.
// Breakpoint: block_forward. Step with next: in.h goes from line to line, print in.h shows it.

#include "gpt/gptape.h"

#include <stdio.h>

enum { B = 1, T = 5 };

int main(void)
{
    GPTConfig config = gpt_preset_find("tiny")->config;     // 2 heads, C = 32
    int C = config.n_embd;
    Random random;
    random_seed(&random, 123);
    Block block;
    block_init(&block, NULL, "block", &config, 0, &random);
    module_initialize(&block.module, (Init){.scheme = config.init, .n_layer = config.n_layer}, &random);
    block.attn.stepwise = true;                             // attention as nodes of its own, to be seen

    printf("The modules:\n\n");
    module_print(&block.module);

    Tape *tape = tape_create();
    Tensor *x = tensor_randn(&random, SHAPE(B, T, C));      // (1, 5, 32)
    Tensor *y = block_forward(&block, x, x);                // (1, 5, 32)

    printf("\nThe tape, with B = %d, T = %d, C = %d and %d heads:\n\n", B, T, C, config.n_head);
    printf("  %4s  %-12s %-14s %-18s %s\n", "node", "op", "shape", "module", "shortcut");
    int shortcuts = 0;
    for (int i = 0; i < tape->n_nodes; i++) {
        const TapeNode *node = tape->nodes[i];
        const char *op = node->op->name;
        char shape[SHAPE_TEXT];
        shape_text(node->output->shape, shape);
        int skip = tape_shortcut_input(node);
        if (skip < 0) {
            printf("  %4d  %-12s %-14s %s\n", node->index, op, shape, node->scope);
            continue;
        }
        shortcuts++;
        const Tensor *start = node->inputs[skip];           // (1, 5, 32)
        int first = start->node == NULL ? 0 : start->node->index + 1;
        int last = node->index - 1;
        printf("  %4d  %-12s %-14s %-18s past nodes %d ... %d\n", node->index, op, shape, node->scope, first, last);
    }

    char shape_in[SHAPE_TEXT];
    char shape_out[SHAPE_TEXT];
    printf("\n-> %s in, %s out: because a block keeps the shape, blocks can be stacked, and\n",
           shape_text(x->shape, shape_in), shape_text(y->shape, shape_out));
    printf("   x + f(x) can be added at all.\n");
    printf("-> The nodes of block.attn are attention step by step; unless block.attn.stepwise, it is one.\n");
    printf("-> %d shortcuts, one past attention and one past the feed-forward. Nobody marked them.\n", shortcuts);

    tape_reset(tape);                                       // x and y are gone; the weights are the block's
    module_free(&block.module);
    config.residual = "f(norm(h))";                         // instead of h + f(norm(h)); config.shortcut = false is the same
    block_init(&block, NULL, "block", &config, 0, &random);
    module_initialize(&block.module, (Init){.scheme = config.init, .n_layer = config.n_layer}, &random);
    block.attn.stepwise = true;
    Tensor *other = tensor_randn(&random, SHAPE(B, T, C));  // (1, 5, 32)
    block_forward(&block, other, other);
    int shortcuts_off = 0;
    for (int i = 0; i < tape->n_nodes; i++) {
        if (tape_shortcut_input(tape->nodes[i]) >= 0) {
            shortcuts_off++;
        }
    }
    printf("-> With the rule f(norm(h)): %d nodes and %d shortcuts.\n", tape->n_nodes, shortcuts_off);

    tape_free(tape);
    module_free(&block.module);
    return 0;
}
