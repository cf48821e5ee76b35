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
    gdb_prepare("tests/debugger/test_stepping examples/shortcut");
}

START_TEST(break_op_stops_where_it_begins)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run(_i, SELF " walk", "break-op gelu\nbreak-op linear other\nrun\nup\ncontinue\n");
    const char *at = said;
    hide_addresses(said);
    assert_said(&at, ", tensor_gelu (x=");
    assert_said(&at, "(gdb) #1  0x_ in activation_forward (");
    assert_said(&at, "exited normally");
    free(said);
    said = gdb_run(_i, SELF " walk", "break-op tensor_linear layer\nrun\n");
    at = said;
    hide_addresses(said);
    assert_said(&at, ", tensor_linear (x=");
    assert_said(&at, "0x_ x (2, 3), weight=");
    free(said);
}
END_TEST

START_TEST(break_backward_stops_at_the_node)
{
    static const char *const wanted[] = {"3", "y", "add"};
    if (gdb_missing(__func__)) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        char commands[128];
        snprintf(commands, sizeof commands, "break-backward %s\nrun\ngrad node->output\ncontinue\n", wanted[i]);
        char *said = gdb_run(_i, SELF " walk", commands);
        const char *at = said;
        hide_addresses(said);
        assert_said(&at, ", node_backward (node=");
        assert_said(&at, "0x_ node 3 add) at tensor/backward.c:");
        assert_said(&at, "(gdb) dL/d(y) (2, 3)\n    mean |grad| 0.1667  max |grad| 0.1667  |grad| 0.4082\n");
        assert_said(&at, "exited normally");
        free(said);
    }
}
END_TEST

// Before the program runs nothing can be checked; its first backward pass then shows what does not exist.
START_TEST(break_backward_is_checked_once_there_is_a_tape)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run(_i, SELF " walk",
                         "break-backward 99\nbreak-backward layr\nbreak-backward y\nbreak-backward gelu\nrun\ncontinue\ncontinue\n");
    const char *at = said;
    assert_said(&at, "(gdb) no nodes yet: the first backward pass will show whether there is a node 99.\nBreakpoint 1 at ");
    assert_said(&at, "(gdb) no nodes yet: the first backward pass will show whether there is a node layr.\nBreakpoint 2 at ");
    assert_said(&at, "(gdb) no nodes yet: the first backward pass will show whether there is a node y.\nBreakpoint 3 at ");
    assert_said(&at, "(gdb) Breakpoint 4 at ");
    assert_said(&at, "break-backward 99, in the first backward pass: there is no node 99: the tape has 5 nodes, counted from 0\n");
    assert_said(&at, "break-backward layr, in the first backward pass: unknown node 'layr' (did you mean layer?)\n");
    assert_said(&at, "node 3 add");
    assert_said(&at, "node 2 gelu");
    assert_said(&at, "exited normally");
    assert_not_said(said, "break-backward y, in");
    free(said);
}
END_TEST

// The second network of the example, with shortcuts: what arrived at the addition of layer 18 arrives unchanged at the start of its
// branch, and the input of the layer receives both paths.
START_TEST(backward_step_shows_what_flows)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run(_i, "examples/shortcut",
                         "break-backward layers.18\nbreak-backward 56\nrun\ncontinue\ninfo breakpoints\n"
                         "delete\nbackward-step\nbackward-step\nbackward-step\n");
    const char *at = said;
    assert_said(&at, "node 36 linear"); // without shortcuts, first
    assert_said(&at, "node 56 add");
    assert_said(&at, "(gdb) node 56 add (1, 3)  [examples/shortcut.c:");
    assert_said(&at, "\n  arrived                        |grad| 1.346  [1.217, -0.0883, -0.5681]\n");
    assert_said(&at, "  to input 0  of node 53 (1, 3)  |grad| 1.346  [1.217, -0.0883, -0.5681]\n");
    assert_said(&at, "  to input 1  of node 55 (1, 3)  |grad| 1.346  [1.217, -0.0883, -0.5681]\n");
    assert_said(&at, "(gdb) node 55 gelu (1, 3)");
    assert_said(&at, "(gdb) node 54 linear (1, 3) in layers.18");
    assert_said(&at, "  to input 0  of node 53 (1, 3)        |grad| 0.4369  [0.2436, -0.3223, -0.1663], total |grad| 1.685\n");
    assert_said(&at, "  to input 1  layers.18.weight (3, 3)  |grad| ");
    free(said);
}
END_TEST

START_TEST(backward_step_ends_with_the_program)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run(_i, SELF " walk",
                         "backward-step\nbreak look\nrun\nbackward-step\nbackward-step\nbackward-step\nbackward-step\n"
                         "backward-step\ndelete\nbackward-step\n");
    const char *at = said;
    assert_said(&at, "(gdb) the program is not running (start it with run or start)\n");
    assert_said(&at, "(gdb) node 4 mean () ");
    assert_said(&at, "(gdb) node 3 add (2, 3) ");
    assert_said(&at, "  to input 0  x (2, 3)          |grad| 0.4082  [0.1667, 0.1667, 0.1667, ...]\n"
                     "  to input 1  of node 2 (2, 3)  |grad| 0.4082  [0.1667, 0.1667, 0.1667, ...]\n");
    assert_said(&at, "(gdb) node 2 gelu (2, 3) ");
    assert_said(&at, "(gdb) node 1 linear (2, 3) in layer ");
    assert_said(&at, "  to input 0  x (2, 3) ");
    assert_said(&at, "], total |grad| ");
    assert_said(&at, "Breakpoint 1, look (at=");
    assert_said(&at, "The program has ended; the backward pass had no other node.\n");
    free(said);
}
END_TEST

// What b got from each of its two uses, first and second, by node: sums follow the operations on the tape.
START_TEST(each_use_of_a_tensor_has_its_share)
{
    static const struct {
        const char *op;
        const char *shares[2];
    } uses[] = {
        {"add", {"|grad| 2  [1, 1, 1, ...]\n", "|grad| 2  [1, 1, 1, ...], total |grad| 4\n"}},
        {"sub", {"|grad| 2  [1, 1, 1, ...]\n", "|grad| 2  [-1, -1, -1, ...], total |grad| 0\n"}},
        {"mul", {"|grad| 5.477  [1, 2, 3, ...]\n", "|grad| 5.477  [1, 2, 3, ...], total |grad| 10.95\n"}},
        {"div", {"|grad| 1.193  [1, 0.5, 0.3333, ...]\n", "|grad| 1.193  [-1, -0.5, -0.3333, ...], total |grad| 0\n"}},
        {"matmul", {"|grad| 10.77  [3, 7, 3, ...]\n", "|grad| 10.2  [4, 4, 6, ...], total |grad| 20.49\n"}},
        {"concat", {"|grad| 2  [1, 1, 1, ...]\n", "|grad| 2  [1, 1, 1, ...], total |grad| 4\n"}},
        {"linear", {"|grad| 10.2  [4, 6, 4, ...]\n", "|grad| 10.2  [4, 6, 4, ...], total |grad| 20.4\n"}},
    };
    if (gdb_missing(__func__)) {
        return;
    }
    char commands[1024] = "break tensor_backward\nrun\n";
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        strcat(commands, "backward-step\nbackward-step\ncontinue\n");
    }
    char *said = gdb_run(_i, SELF " use-twice", commands);
    const char *at = said;
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        char title[32];
        snprintf(title, sizeof title, "(gdb) node %zu %s ", 2 * i, uses[i].op);
        assert_said(&at, title);
        assert_said(&at, "  to input 0  b (2, 2)  ");
        ck_assert_int_eq(strncmp(at, uses[i].shares[0], strlen(uses[i].shares[0])), 0);
        assert_said(&at, "  to input 1  b (2, 2)  ");
        ck_assert_int_eq(strncmp(at, uses[i].shares[1], strlen(uses[i].shares[1])), 0);
    }
    free(said);
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

START_TEST(break_nan_stops_on_the_line)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run(_i, SELF " diverge", "break-nan\nrun\ntensor x\n");
    const char *at = said;
    assert_said(&at, "tensor_log: 2 of 6 values are NaN, first at [0, 2]; input 0 x (2, 3): finite, -2 to 2  [tests/debugger/test_stepping.c:");
    assert_said(&at, ", diverge()]\n");
    assert_said(&at, "in diverge () at tests/debugger/test_stepping.c:");
    assert_said(&at, "    Tensor *bad = tensor_log(x);\n(gdb) x (2, 3)");
    free(said);
    said = gdb_run(_i, SELF " diverge-backward", "break look\nbreak-nan\nrun\n");
    at = said;
    assert_said(&at, "tensor_pow, backward of node 0: gradient of input 0: 2 of 2 values are inf, first at [0]; ");
    assert_said(&at, ", diverge_backward()]\n");
    assert_said(&at, "in diverge_backward () at tests/debugger/test_stepping.c:");
    assert_said(&at, "    tensor_backward(tensor_sum(root));\n");
    free(said);
    said = gdb_run(_i, SELF " walk", "break look\nrun\nbreak-nan\ndelete 1\ncontinue\n"); // a causal mask is no NaN
    at = said;
    assert_said(&at, "exited normally");
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
    tcase_add_loop_test(tests, break_op_stops_where_it_begins, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, break_backward_stops_at_the_node, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, break_backward_is_checked_once_there_is_a_tape, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, backward_step_shows_what_flows, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, backward_step_ends_with_the_program, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, each_use_of_a_tensor_has_its_share, 0, BUILD_COUNT);
    tcase_add_test(tests, step_reaches_the_loop);
    tcase_add_loop_test(tests, break_nan_stops_on_the_line, 0, BUILD_COUNT);
    return suite_run(suite);
}
