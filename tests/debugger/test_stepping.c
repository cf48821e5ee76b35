// test_stepping.c: the commands that add breakpoints or run the program. With an argument this program is the one that is stepped
// through; test_commands.c looks at it, too.

#include "nn/nn.h"
#include "tests/debugger/debugger.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELF "tests/debugger/test_stepping"

// ------------------------------------------------------------------------------------------------------------
// The program that is looked at: y = x + gelu(layer(x)), and its backward. Global, so that no compiler takes it away.

Tensor *x, *y, *masked, *large, *loss;
Linear layer;

__attribute__((noinline)) void look(Tensor *at);
void look(Tensor *at)
{
    printf("looking at %d dimensions\n", at->shape.ndim);
}

static void prepare_network(void)
{
    Random random;
    random_seed(&random, 123);
    linear_init(&layer, NULL, "layer", 3, 3, true);
    module_initialize(&layer.module, (Init){.scheme = INIT_TORCH, .n_layer = 1}, &random);
    tape_create();
    x = tensor_label(tensor_require_grad(tensor_from((float[]){1, 0, -1, 2, 0.5F, -2}, SHAPE(2, 3))), "x");
    masked = tensor_causal_mask(tensor_full(SHAPE(3, 3), 1.0));
    large = tensor_full(SHAPE(2, 100, 50), 0.5);
}

static int walk(void)
{
    prepare_network();
    Tensor *h = activation_forward(ACTIVATION_GELU, linear_forward(&layer, x));
    y = tensor_label(tensor_add(x, h), "y");
    loss = tensor_mean(y);
    look(x);
    tensor_backward(loss);
    look(y);
    return 0;
}

static int diverge(void)
{
    prepare_network();
    Tensor *bad = tensor_log(x);
    look(bad);
    return 0;
}

static int diverge_backward(void)
{
    tape_create();
    Tensor *zero = tensor_require_grad(tensor_full(SHAPE(2), 0.0));
    Tensor *root = tensor_pow(zero, 0.5);
    tensor_backward(tensor_sum(root));
    look(root);
    return 0;
}

// A line for each operation that is stepped into.
static int step_into_operations(void)
{
    Tensor *stepped;
    prepare_network();
    Tensor *ones = tensor_full(SHAPE(3), 1.0);
    Tensor *qkv = tensor_full(SHAPE(1, 2, 6), 0.5);
    look(x);
    stepped = tensor_layernorm(x, ones, ones, LAYERNORM_EPS);
    stepped = tensor_gelu(x);
    stepped = tensor_softmax(x);
    stepped = tensor_linear(x, layer.weight, layer.bias);
    stepped = tensor_attention(qkv, 1, true);
    look(stepped);
    return 0;
}

// b and weight are used twice by one node, so each use has its own share of the gradient.
static int use_twice(void)
{
    tape_create();
    Tensor *b = tensor_label(tensor_require_grad(tensor_from((float[]){1, 2, 3, 4}, SHAPE(2, 2))), "b");
    Tensor *parts[] = {b, b};
    Tensor *sums[] = {
        tensor_sum(tensor_add(b, b)),          tensor_sum(tensor_sub(b, b)),    tensor_sum(tensor_mul(b, b)),
        tensor_sum(tensor_div(b, b)),          tensor_sum(tensor_matmul(b, b)), tensor_sum(tensor_concat(parts, 2, 0)),
        tensor_sum(tensor_linear(b, b, NULL)),
    };
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        tensor_backward(sums[i]);
        tensor_zero_grad(b);
    }
    return 0;
}

static const struct {
    const char *name;
    int (*run)(void);
} programs[] = {
    {"walk", walk}, {"diverge", diverge}, {"diverge-backward", diverge_backward}, {"step", step_into_operations}, {"use-twice", use_twice},
};

// ------------------------------------------------------------------------------------------------------------
// Stepping

static void prepare(void)
{
    gdb_prepare("tests/debugger/test_stepping examples/shortcut examples/own_op");
}

// One row after the other, in one gdb. A program is ended and its breakpoints are deleted by ANEW.
#define ANEW "kill\ndelete\n"
#define STEP_TWICE "backward-step\nbackward-step\ncontinue\n"
#define FIRST "  to input 0  b (2, 2)  |grad| "
#define SECOND "  to input 1  b (2, 2)  |grad| "
#define HIT_ONCE "\tbreakpoint already hit 1 time\n"

static const GdbScript scripts[] = {
    // Before the program runs nothing can be checked; its first backward pass then shows what does not exist.
    {"break-backward 99\nbreak-backward layr\nbreak-backward y\nbreak-backward gelu\n",
     {"(gdb) no nodes yet: the first backward pass will show whether there is a node 99.\nBreakpoint 1 at ",
      "(gdb) no nodes yet: the first backward pass will show whether there is a node layr.\nBreakpoint 2 at ",
      "(gdb) no nodes yet: the first backward pass will show whether there is a node y.\nBreakpoint 3 at ", "(gdb) Breakpoint 4 at "}},
    {"break-backward 3\nbreak-backward add\nbreak-op gelu\nbreak-op linear other\nbreak-op tensor_linear layer\nrun\n",
     {"Breakpoint 5 at ", "Breakpoint 6 at ", "Breakpoint 7 at ", "Breakpoint 8 at ", "Breakpoint 9 at ",
      "\nBreakpoint 9, tensor_linear (x=", "0x_ x (2, 3), weight="}},
    {"continue\nup\n", {"\nBreakpoint 7, tensor_gelu (x=", "(gdb) #1  0x_ in activation_forward ("}},
    {"continue\ngrad node->output\n",
     {"\nbreak-backward: no node 99 (expected 0 to 4)\n"
      "break-backward: unknown node 'layr' (did you mean layer?)\n\n" // and of y nothing
      "Breakpoint 3, node_backward (node=",
      "0x_ node 3 add) at tensor/backward.c:", "(gdb) dL/d(y) (2, 3)\n    mean |grad| 0.1667  max |grad| 0.1667  |grad| 0.4082\n"}},
    {"info breakpoints\n", // y, 3 and add are the same node, and no other was there
     {"\n3 ", HIT_ONCE "4 ", "\n5 ", HIT_ONCE "6 ", HIT_ONCE "7 ", HIT_ONCE "8 ", "\n9 ", HIT_ONCE}},
    {"continue\ncontinue\n", {"\nBreakpoint 4, node_backward (node=", "node 2 gelu", "exited normally"}},
    // A causal mask is no NaN.
    {"delete\nbackward-step\nbreak look\nrun\nbreak-nan\nbackward-step\nbackward-step\nbackward-step\nbackward-step\nbackward-step\n"
     "clear look\nbackward-step\n",
     {"(gdb) the program is not running (start it with run or start)\n", "(gdb) node 4 mean () ", "(gdb) node 3 add (2, 3) ",
      "  to input 0  x (2, 3)          |grad| 0.4082  [0.1667, 0.1667, 0.1667, ...]\n"
      "  to input 1  of node 2 (2, 3)  |grad| 0.4082  [0.1667, 0.1667, 0.1667, ...]\n",
      "(gdb) node 2 gelu (2, 3) ", "(gdb) node 1 linear (2, 3) in layer\n  [", "  to input 0  x (2, 3) ", "], total |grad| ",
      ", look (at=", "The program has ended; the backward pass had no other node.\n"}},
    {"delete\nset args diverge\nbreak-nan\nrun\ntensor x\n" ANEW,
     {"tensor_log: 2 of 6 values are NaN, first at [0, 2]; input 0 x (2, 3): finite, -2 to 2  [tests/debugger/test_stepping.c:", ", diverge()]\n",
      "in diverge () at tests/debugger/test_stepping.c:", "    Tensor *bad = tensor_log(x);\n(gdb) x (2, 3)"}},
    {"set args diverge-backward\nbreak look\nbreak-nan\nrun\n" ANEW,
     {"tensor_pow, backward of node 0: gradient of input 0: 2 of 2 values are inf, first at [0]; ", ", diverge_backward()]\n",
      "in diverge_backward () at tests/debugger/test_stepping.c:", "    tensor_backward(tensor_sum(root));\n"}},
    // What b got from each of its two uses, first and second, by node: sums follow the operations on the tape.
    {"set args use-twice\nbreak tensor_backward\nrun\n", {", tensor_backward ("}},
    {STEP_TWICE, {"(gdb) node 0 add ", FIRST "2  [1, 1, 1, ...]\n", SECOND "2  [1, 1, 1, ...], total |grad| 4\n"}},
    {STEP_TWICE, {"(gdb) node 2 sub ", FIRST "2  [1, 1, 1, ...]\n", SECOND "2  [-1, -1, -1, ...], total |grad| 0\n"}},
    {STEP_TWICE, {"(gdb) node 4 mul ", FIRST "5.477  [1, 2, 3, ...]\n", SECOND "5.477  [1, 2, 3, ...], total |grad| 10.95\n"}},
    {STEP_TWICE, {"(gdb) node 6 div ", FIRST "1.193  [1, 0.5, 0.3333, ...]\n", SECOND "1.193  [-1, -0.5, -0.3333, ...], total |grad| 0\n"}},
    {STEP_TWICE, {"(gdb) node 8 matmul ", FIRST "10.77  [3, 7, 3, ...]\n", SECOND "10.2  [4, 4, 6, ...], total |grad| 20.49\n"}},
    {STEP_TWICE, {"(gdb) node 10 concat ", FIRST "2  [1, 1, 1, ...]\n", SECOND "2  [1, 1, 1, ...], total |grad| 4\n"}},
    {STEP_TWICE, {"(gdb) node 12 linear ", FIRST "10.2  [4, 6, 4, ...]\n", SECOND "10.2  [4, 6, 4, ...], total |grad| 20.4\n"}},
};

START_TEST(breakpoints_stop_and_steps_show)
{
    if (!gdb_missing(__func__)) {
        free(gdb_check(_i, SELF " walk", scripts, sizeof scripts / sizeof scripts[0]));
    }
}
END_TEST

// The second network of the example, with shortcuts: what arrived at the addition of layer 18 arrives unchanged at the start of its
// branch, and the input of the layer receives both paths.
static const GdbScript with_shortcuts[] = {
    {"break-backward layers.18\nbreak-backward 56\nrun\ncontinue\ninfo breakpoints\ndelete\nbackward-step\nbackward-step\nbackward-step\n",
     {"node 36 linear", // without shortcuts, first
      "node 56 add",
      "(gdb) node 56 add (1, 3)  [examples/shortcut.c:", "\n  arrived                        |grad| 1.346  [1.217, -0.0883, -0.5681]\n",
      "  to input 0  of node 53 (1, 3)  |grad| 1.346  [1.217, -0.0883, -0.5681]\n",
      "  to input 1  of node 55 (1, 3)  |grad| 1.346  [1.217, -0.0883, -0.5681]\n", "(gdb) node 55 gelu (1, 3)",
      "(gdb) node 54 linear (1, 3) in layers.18", "  to input 0  of node 53 (1, 3)        |grad| 0.4369  [0.2436, ...], total |grad| 1.685\n",
      "  to input 1  layers.18.weight (3, 3)  |grad| "}},
};

START_TEST(backward_step_shows_what_flows)
{
    if (!gdb_missing(__func__)) {
        free(gdb_check(_i, "examples/shortcut", with_shortcuts, 1));
    }
}
END_TEST

// DESIGN: stepping into an op reaches its loop in a few steps. Optimized code has no such lines.
START_TEST(step_reaches_the_loop)
{
    static const char *const operations[] = {"layernorm", "gelu", "softmax", "linear", "attention"};
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run(BUILD_DEBUG, SELF " step", "break look\nrun\nsource tests/debugger/steps.py\n");
    const char *at = said;
    for (int i = 0; i < 5; i++) {
        int steps;
        assert_said(&at, "steps to the loop of ");
        assert_said(&at, operations[i]);
        ck_assert_int_eq(sscanf(at, ": %d", &steps), 1);
        ck_assert_msg(steps >= 1 && steps <= 20, "%s: %d steps", operations[i], steps);
    }
    free(said);
}
END_TEST

START_TEST(break_op_stops_at_an_operation_of_the_program)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run(_i, "examples/own_op", "break-op swish\nrun\nup\n");
    const char *at = said;
    assert_said(&at, "\nBreakpoint 1, tensor_custom (op=");
    assert_said(&at, " in swish (x=");
    free(said);
}
END_TEST

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof programs / sizeof programs[0]; i++) {
        if (strcmp(argv[1], programs[i].name) == 0) {
            return programs[i].run();
        }
    }
    Suite *suite = suite_create("stepping in gdb");
    TCase *tests = case_create(suite, "commands");
    tcase_add_unchecked_fixture(tests, prepare, NULL);
    tcase_add_loop_test(tests, breakpoints_stop_and_steps_show, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, backward_step_shows_what_flows, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, break_op_stops_at_an_operation_of_the_program, 0, BUILD_COUNT);
    tcase_add_test(tests, step_reaches_the_loop);
    return suite_run(suite);
}
