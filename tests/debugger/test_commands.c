// test_commands.c: every command that gptape adds to gdb, on real programs. With an argument this program is one of them.

#include "nn/nn.h"
#include "tests/debugger/debugger.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SELF "tests/debugger/test_commands"

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
        tensor_sum(tensor_add(b, b)),
        tensor_sum(tensor_sub(b, b)),
        tensor_sum(tensor_mul(b, b)),
        tensor_sum(tensor_div(b, b)),
        tensor_sum(tensor_matmul(b, b)),
        tensor_sum(tensor_concat(parts, 2, 0)),
        tensor_sum(tensor_linear(b, b, NULL)),
    };
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        tensor_backward(sums[i]);
        tensor_zero_grad(b);
    }
    return 0;
}

// ------------------------------------------------------------------------------------------------------------
// Typing

static void prepare(void)
{
    gdb_prepare("tests/debugger/test_commands examples/shortcut examples/attention");
}

// What is said to commands given at the n-th look(). First the program's own answers are passed over.
static char *typed_at_look(int build, int n, const char *commands)
{
    char script[2048];
    snprintf(script, sizeof script, "break look\nrun\n%s%s", n == 2 ? "continue\n" : "", commands);
    char *said = gdb_run(build, SELF " walk", script);
    hide_addresses(said);
    return said;
}

// Commands, what is to be read of their answers in this order, and at which look.
typedef struct Script {
    const char *commands;
    int look;
    const char *said[12];
} Script;

static const Script scripts[] = {
    {"tensor x\ntensor x[0]\ntensor x[-1,1]\ntensor x[:,1:]\ntensor *large\n", 1, {
        "(gdb) x (2, 3) leaf, requires a gradient  [tests/debugger/test_commands.c:",
        "    min -2  mean 0.08333  max 2  no grad\n[[          1           0          -1]\n [          2         0.5          -2]]\n",
        "(gdb) x[0] (3) of (2, 3)\n[          1           0          -1]\n",
        "(gdb) x[-1,1] () of (2, 3)\n[        0.5]\n",
        "(gdb) x[:,1:] (2, 2) of (2, 3)\n[[          0          -1]\n [        0.5          -2]]\n",
        "(2, 100, 50) leaf",
        "  ...\n  [        0.5         0.5         0.5         0.5   ...         0.5         0.5         0.5         0.5]\n"}},
    {"tensor\ntensor 1 + 1\ntensor nothing\ntensor x[2]\ntensor x[0,0,0]\ntensor x[1:1]\ntensor x[a]\ntensor x[:,1:4]\n", 1, {
        "(gdb) tensor: name a tensor, as in tensor x, tensor node->inputs[0], tensor x[0,:,3]\n",
        "(gdb) 1 + 1 is not a tensor: its type is int\n",
        "(gdb) No symbol \"nothing\" in current context.\n",
        "(gdb) [2] is outside axis 0 of size 2\n",
        "(gdb) [0,0,0] has 3 indices; the tensor has 2 dimensions\n",
        "(gdb) [1:1] selects nothing of axis 0 of size 2\n",
        "(gdb) 'a' is not an index (expected 3, -1, : or 1:4)\n(gdb) [1:4] is outside axis 1 of size 3\n"}},
    {"grad x\ngrad masked\ngrad layer.weight\n", 1, {
        "(gdb) dL/d(x) (2, 3): none yet: no backward pass has reached it\n",
        "(gdb) dL/d(masked) (3, 3): no gradient required: nothing it was computed from requires one\n",
        "(gdb) dL/d(layer.weight) (3, 3): none yet"}},
    {"grad y\ngrad layer.bias\ngrad layer.bias[1]\n", 2, {
        "(gdb) dL/d(y) (2, 3): none now: backward has not reached it, or has already passed it on (tensor_retain_grad keeps it)\n",
        "(gdb) dL/d(layer.bias) (3)\n    mean |grad| ", "  max |grad| ", "  |grad| ", "\n[", "(gdb) dL/d(layer.bias) (3)[1]\n"}},
    {"tape\ntape 4\ntape 5\ntape y\ntape x\ntape 1.5\ntape 1\n", 1, {
        "(gdb) tape of 5 nodes\n",
        "node  op           inputs          shape   |dL/dy|  name   source\n"
        "   0  causal_mask  leaf            (3, 3)        -         tests/debugger/test_commands.c:",
        "   1  linear       leaf leaf leaf  (2, 3)        -  layer  tests/debugger/test_commands.c:",
        "   2  gelu         1               (2, 3)        -         tests/debugger/test_commands.c:",
        "   3  add          leaf 2          (2, 3)        -  y      tests/debugger/test_commands.c:",
        "(gdb) node 4 mean ()  [tests/debugger/test_commands.c:",
        "input 0  node 3: y (2, 3) = add  [",
        "(gdb) there is no node 5: the tape has 5 nodes, counted from 0\n(gdb) node 3 add (2, 3)",
        "(gdb) x is a leaf: no node made it\n",
        "(gdb) 1.5 is not a node's number, a tape, a node or a tensor\n",
        "walk(); nn/linear.c:"}},
    {"module layer\nmodule &layer.module\nmodule\nmodule x\n", 1, {
        "(gdb) Linear \"layer\"  weight (3, 3)  bias (3)\n12 values in 2 parameters\n(gdb) Linear \"layer\"",
        "(gdb) module: name a module, as in module block, module gpt->h[0].attn\n",
        "(gdb) x is not a module: its type is Tensor *\n"}},
    {"gradflow\ngradflow all\ngradflow some\n", 1, {
        "(gdb) layer.weight  not yet\nEach # is a factor of 3.2; the bars begin at 1e-16.\n"
        "(gdb) x             not yet\nlayer.weight  not yet\nlayer.bias    not yet\n",
        "(gdb) gradflow: unknown argument 'some' (expected none, or all)\n"}},
    {"gradflow all\n", 2, {"(gdb) x ", "  ####", "\nlayer.weight ", "  ####", "\nlayer.bias ", "  ####"}},
    {"heat x\nheat masked\nheat large\n", 1, {
        "(gdb) x, 2 rows of 3, from -2 to 2\n =  -=\n @ :-@\n",
        "(gdb) masked, 3 rows of 3, from -1 to 1\n @----\n @ @--\n @ @ @\n",
        "(gdb) large, 200 rows of 50, from -0.5 to 0.5, each block the mean of 7 x 2\n"}},
    {"plot x\nplot x /nowhere/at/all.svg\nplot x picture.gif\n", 1, {
        "x (2, 3)", "| row 0 ", "(gdb) /nowhere/at/all.svg: No such file or directory\n", "(gdb) "}},
    {"next-stop\nbackward-step 3\nbreak-op\nbreak-op nothing\nbreak-backward\nbreak-nan 3\nnan-found\n", 1, {
        "(gdb) there is no lesson here: make debug LESSON=shortcut starts one\n",
        "(gdb) backward-step: unknown argument '3' (expected none)\n",
        "(gdb) break-op: name an operation, as in break-op softmax, break-op linear h.3.mlp\n",
        "(gdb) unknown operation 'nothing' (expected add, add_scalar, attention, ", "(gdb) break-backward: name a node's number, ",
        "(gdb) break-nan: unknown argument '3' (expected none)\n",
        "(gdb) nan-found: only break-nan uses it\n"}},
};

enum { SCRIPT_COUNT = sizeof scripts / sizeof scripts[0] };

// The loop runs over builds and scripts.
START_TEST(says_what_it_should)
{
    if (gdb_missing(__func__)) {
        return;
    }
    const Script *script = &scripts[_i / BUILD_COUNT];
    char *said = typed_at_look(_i % BUILD_COUNT, script->look, script->commands);
    const char *at = said;
    for (int i = 0; i < 12 && script->said[i] != NULL; i++) {
        assert_said(&at, script->said[i]);
    }
    assert_not_said(said, "Traceback");
    assert_not_said(said, "Python Exception");
    free(said);
}
END_TEST

START_TEST(heat_has_colours_where_there_are_some)
{
    if (gdb_missing(__func__)) {
        return;
    }
    setenv("GDB_TERM", "xterm-256color", 1);
    char *said = typed_at_look(_i, 1, "set style enabled on\nheat x\n");
    const char *at = said;
    assert_said(&at, "from -2 to 2\n\033[48;5;");
    assert_said(&at, "\033[48;5;196m  \033[0m\033[48;5;");      // 2, the warmest
    assert_said(&at, "\033[48;5;21m  \033[0m\n");               // -2, the coolest
    free(said);
}
END_TEST

START_TEST(plot_draws_pictures_and_misses_gnuplot)
{
    char picture[] = "gptape-test.svg";
    char commands[256];
    char line[64];
    if (gdb_missing(__func__)) {
        return;
    }
    snprintf(commands, sizeof commands, "plot x %s\nplot x[0] %s\npython import os; os.environ['PATH'] = ''\nplot x\n", picture, picture);
    char *said = typed_at_look(_i, 1, commands);
    const char *at = said;
    snprintf(line, sizeof line, "drew %s\n", picture);
    assert_said(&at, line);
    assert_said(&at, line);
    assert_said(&at, "gnuplot is not installed (heat draws without it)\n");
    char start[6] = "";
    FILE *file = fopen(picture, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(start, 1, 5, file), 5);
    ck_assert_str_eq(start, "<?xml");
    fclose(file);
    unlink(picture);
    free(said);
}
END_TEST

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

// The second network of the example, with shortcuts: what arrived at the addition of layer 18 arrives unchanged at the start of its
// branch, and the input of the layer receives both paths.
START_TEST(backward_step_shows_what_flows)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run(_i, "examples/shortcut", "break-backward layers.18\nbreak-backward 56\nrun\ncontinue\ninfo breakpoints\n"
                         "delete\nbackward-step\nbackward-step\nbackward-step\n");
    const char *at = said;
    assert_said(&at, "node 36 linear");                    // without shortcuts, first
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
    char *said = gdb_run(_i, SELF " walk", "backward-step\nbreak look\nrun\nbackward-step\nbackward-step\nbackward-step\nbackward-step\n"
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
    assert_said(&at, "tensor_log: 2 of 6 values are NaN, first at [0, 2]; input 0 x (2, 3): finite, -2 to 2  [tests/debugger/test_commands.c:");
    assert_said(&at, ", diverge()]\n");
    assert_said(&at, "in diverge () at tests/debugger/test_commands.c:");
    assert_said(&at, "    Tensor *bad = tensor_log(x);\n(gdb) x (2, 3)");
    free(said);
    said = gdb_run(_i, SELF " diverge-backward", "break look\nbreak-nan\nrun\n");
    at = said;
    assert_said(&at, "tensor_pow, backward of node 0: gradient of input 0: 2 of 2 values are inf, first at [0]; ");
    assert_said(&at, ", diverge_backward()]\n");
    assert_said(&at, "in diverge_backward () at tests/debugger/test_commands.c:");
    assert_said(&at, "    tensor_backward(tensor_sum(root));\n");
    free(said);
    said = gdb_run(_i, SELF " walk", "break look\nrun\nbreak-nan\ndelete 1\ncontinue\n");     // a causal mask is no NaN
    at = said;
    assert_said(&at, "exited normally");
    free(said);
}
END_TEST

START_TEST(the_printers_of_the_library_can_be_called)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run(_i, "examples/attention", "break tensor_softmax\nrun\ncall tensor_print(x)\ncall tape_print(x->tape)\n");
    const char *at = said;
    assert_said(&at, "(1, 6, 6) = causal_mask  [examples/attention.c:");
    assert_said(&at, "node  op");
    assert_said(&at, "causal_mask");
    free(said);
}
END_TEST

static const char *const commands[] = {"tensor", "grad", "tape", "module", "gradflow", "heat", "plot", "break-nan", "break-op",
                                       "break-backward", "backward-step", "next-stop"};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

START_TEST(each_command_is_listed_and_has_help)
{
    char typed[64];
    char line[64];
    if (gdb_missing(__func__)) {
        return;
    }
    snprintf(typed, sizeof typed, "gptape\nhelp %s\n", commands[_i]);
    snprintf(line, sizeof line, "\n%-15s ", commands[_i]);
    char *said = gdb_run(BUILD_TESTED, SELF, typed);
    const char *at = said;
    char *list = strstr(said, "(gdb) ");
    ck_assert_ptr_nonnull(list);
    list[5] = '\n';                                        // the first is behind the prompt
    assert_said(&at, line);
    char *sentence = strndup(at, strcspn(at, "\n"));
    assert_said(&at, "(gdb) ");
    assert_said(&at, sentence);                            // help begins with the list's sentence,
    ck_assert_int_gt(strlen(at), 40);                      // and goes on
    free(sentence);
    free(said);
}
END_TEST

static const struct {
    const char *name;
    int (*run)(void);
} programs[] = {
    {"walk", walk}, {"diverge", diverge}, {"diverge-backward", diverge_backward}, {"step", step_into_operations}, {"use-twice", use_twice},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof programs / sizeof programs[0]; i++) {
        if (strcmp(argv[1], programs[i].name) == 0) {
            return programs[i].run();
        }
    }
    Suite *suite = suite_create("commands in gdb");
    TCase *tests = case_create("commands");
    tcase_add_unchecked_fixture(tests, prepare, NULL);
    tcase_add_loop_test(tests, says_what_it_should, 0, SCRIPT_COUNT * BUILD_COUNT);
    tcase_add_loop_test(tests, heat_has_colours_where_there_are_some, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, plot_draws_pictures_and_misses_gnuplot, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, break_op_stops_where_it_begins, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, break_backward_stops_at_the_node, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, backward_step_shows_what_flows, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, backward_step_ends_with_the_program, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, each_use_of_a_tensor_has_its_share, 0, BUILD_COUNT);
    tcase_add_test(tests, step_reaches_the_loop);
    tcase_add_loop_test(tests, break_nan_stops_on_the_line, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, the_printers_of_the_library_can_be_called, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, each_command_is_listed_and_has_help, 0, COMMAND_COUNT);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
