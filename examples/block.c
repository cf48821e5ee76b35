// block.c: one transformer block: its modules, the shapes inside it, and its two shortcuts.
//
// You learn what a block consists of, that its output has the shape of its input, and how a shortcut is found on the tape: it is an
// addition in which one input also reaches the other through a longer path, the branch.
// Breakpoint: block_forward. Step with next: in.h is the residual stream; print in.h shows it.

#include "gpt/gptape.h"

#include <stdio.h>

enum { B = 1, T = 5 };

static void create(Block *block, const GPTConfig *config)
{
    Random random;
    random_seed(&random, 123);
    block_init(block, NULL, "block", config, 0, &random);
    module_initialize(&block->module, (Init){.scheme = config->init, .n_layer = config->n_layer}, &random);
    block->attn.stepwise = true; // one node per step of attention instead of one for all
}

static void print_node(const TapeNode *node)
{
    char shape[SHAPE_TEXT];
    shape_text(node->output->shape, shape);
    int shortcut = tape_shortcut_input(node); // 0 or 1, or -1 if the node is not a shortcut's addition
    if (shortcut < 0) {
        printf("  %4d  %-12s %-14s %s\n", node->index, node->op->name, shape, node->scope);
        return;
    }
    const TapeNode *start = node->inputs[shortcut]->node;
    int first = start == NULL ? 0 : start->index + 1;
    printf("  %4d  %-12s %-14s %-18s nodes %d ... %d\n", node->index, node->op->name, shape, node->scope, first, node->index - 1);
}

static int count_shortcuts(const Tape *tape)
{
    int n = 0;
    for (int i = 0; i < tape->n_nodes; i++) {
        n += tape_shortcut_input(tape->nodes[i]) >= 0;
    }
    return n;
}

int main(void)
{
    GPTConfig config = gpt_preset_find("tiny")->config; // 2 heads, C = 32
    Block block;
    create(&block, &config);
    printf("The modules:\n\n");
    module_print(&block.module);

    Tape *tape = tape_create();
    Random random;
    random_seed(&random, 456);
    Tensor *x = tensor_randn(&random, SHAPE(B, T, config.n_embd)); // (1, 5, 32)
    Tensor *y = block_forward(&block, x, x);                       // (1, 5, 32)

    printf("\nThe tape, with B = %d, T = %d, C = %d and %d heads:\n\n", B, T, config.n_embd, config.n_head);
    printf("  %4s  %-12s %-14s %-18s %s\n", "node", "op", "shape", "module", "branch beside the shortcut");
    for (int i = 0; i < tape->n_nodes; i++) {
        print_node(tape->nodes[i]);
    }
    char shape_in[SHAPE_TEXT];
    char shape_out[SHAPE_TEXT];
    printf("\n-> %s in, %s out: because a block keeps the shape, blocks can be stacked, and\n", shape_text(x->shape, shape_in),
           shape_text(y->shape, shape_out));
    printf("   x + branch(x) is possible at all.\n");
    printf("-> %d shortcuts: one around attention, one around the feed-forward network. They were found on\n", count_shortcuts(tape));
    printf("   the tape; nothing marks them.\n");

    tape_reset(tape); // x and y are gone; the weights belong to the block
    module_free(&block.module);
    config.residual = "f(norm(h))"; // instead of h + f(norm(h)); config.shortcut = false does the same
    create(&block, &config);
    x = tensor_randn(&random, SHAPE(B, T, config.n_embd)); // (1, 5, 32)
    block_forward(&block, x, x);
    printf("-> With the rule f(norm(h)): %d nodes and %d shortcuts.\n", tape->n_nodes, count_shortcuts(tape));

    tape_free(tape);
    module_free(&block.module);
    return 0;
}
