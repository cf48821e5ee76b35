// test_printers.c: what gdb's print shows of tensors, nodes, tapes, modules and configurations: good ones, and memory that is
// none of these. With an argument this program is not the test, but what is looked at.

#include "gpt/gptape.h"
#include "tests/debugger/debugger.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SELF "tests/debugger/test_printers look"

// ------------------------------------------------------------------------------------------------------------
// What is looked at. Global, so that no compiler takes it away.

Tensor *leaf, *made, *scalar, *cube, *wild, *big;
Tensor *dead, *none, *no_pointer = (Tensor *)0x1234, *freed;
Tensor zeros, garbage, too_many_dims, negative_size, huge, no_values, no_gradient;
Tape *live_tape, *no_tape, *freed_tape;
TapeNode *node, *dead_node;
Module garbage_module, loop;
Block block;
Linear freed_linear;
GPTConfig config;

static void make_good_ones(void)
{
    leaf = tensor_label(tensor_require_grad(tensor_from((float[]){1, 0, -1, 2, 4, -2}, SHAPE(2, 3))), "x");
    made = tensor_label(tensor_retain_grad(tensor_scale(leaf, 0.5)), "half");
    scalar = tensor_sum(made);
    tensor_backward(scalar);
    cube = tensor_full(SHAPE(2, 2, 9, 2), 0.25);
    wild = tensor_from((float[]){1, NAN, INFINITY, -INFINITY, 3}, SHAPE(5));
    big = tensor_full(SHAPE(768, 3072), 1.5);
    node = made->node;
    live_tape = tape_current();
}

static void make_bad_ones(void)
{
    memset(&garbage, 0xa5, sizeof garbage);
    memset(&garbage_module, 0xa5, sizeof garbage_module);
    too_many_dims = negative_size = huge = no_values = no_gradient = *leaf;
    too_many_dims.shape.ndim = 7;
    negative_size.shape.size[0] = -3;
    huge.shape = SHAPE(2000000000, 2000000000);
    no_values.data = (Real *)0x1234;
    no_gradient.grad = (Real *)0x1234;
    freed = tensor_parameter("", "freed", SHAPE(3));
    tensor_free(freed);
    loop = block.module;
    loop.first_child = &loop;
    linear_init(&freed_linear, NULL, "freed", 2, 3, true);
    module_free(&freed_linear.module);

    Tape *other = tape_create();
    dead = tensor_scale(tensor_full(SHAPE(4), 1.0), 2.0);
    dead_node = dead->node;
    tape_reset(other);
    freed_tape = tape_create();
    tensor_scale(tensor_full(SHAPE(4), 1.0), 2.0);
    tape_free(freed_tape);
    tape_set_current(live_tape);
}

// gdb breaks here. Not inlined, and not nothing, or the call would be left out.
__attribute__((noinline)) void look(Tensor *x, Module *module);
void look(Tensor *x, Module *module)
{
    printf("looking at %d dimensions of %s\n", x->shape.ndim, module->name);
}

static int be_looked_at(void)
{
    Random random;
    random_seed(&random, 123);
    config = gpt_preset_find("tiny")->config;
    block_init(&block, NULL, "block", &config, 0, &random);
    tape_create();
    make_good_ones();
    make_bad_ones();
    look(made, &block.module);
    return 0;
}

// ------------------------------------------------------------------------------------------------------------
// Looking

static void prepare(void)
{
    gdb_prepare("tests/debugger/test_printers");
}

static const GdbScript scripts[] = {
    {"break look\nrun\n", {"Breakpoint 1, look ("}},
    {"print leaf\nprint *made\nprint scalar\nprint cube\nprint wild\nprint/r leaf->shape\n",
     {"$1 = 0x_ x (2, 3) leaf, requires a gradient  [tests/debugger/test_printers.c:",
      ", make_good_ones()]\n    min -2  mean 0.6667  max 4  |grad| 1.225\n"
      "    [[          1           0          -1]\n     [          2           4          -2]]\n",
      "$2 = half (2, 3) = scale  [tests/debugger/test_printers.c:", "    min -1  mean 0.3333  max 2  |grad| 2.449\n", "$3 = 0x_ () = sum  [",
      "    min 2  mean 2  max 2  no grad\n    [          2]\n", "$4 = 0x_ (2, 2, 9, 2) leaf  [",
      "    [[[[       0.25        0.25]\n       [       0.25        0.25]\n       [       0.25        0.25]\n"
      "       ...\n",
      "$5 = 0x_ (5) leaf  [",
      "    min 1  mean 2  max 3  1 NaN, 2 inf  no grad\n    [          1         nan         inf        -inf           3]\n",
      "$6 = {ndim = 2, size = {2, 3, 0, 0}}\n"}},
// A large one is shortened.
#define BIG_ROW "[        1.5         1.5         1.5   ...         1.5         1.5         1.5]"
    {"print *big\n",
     {"$7 = (768, 3072) leaf  [", "    min 1.5  mean 1.5  max 1.5  no grad\n    [" BIG_ROW "\n     " BIG_ROW "\n     " BIG_ROW
                                  "\n     ...\n     " BIG_ROW "\n     " BIG_ROW "\n     " BIG_ROW "]\n(gdb) "}},
    // In a frame a pointer is shown in a few words.
    {"bt 1\n", {"0x_ half (2, 3), module=", "0x_ Block \"block\") at tests/debugger/test_printers.c:"}},
    // Other values are reported as no tensor.
    {"print none\nprint no_pointer\nprint zeros\nprint garbage\nprint too_many_dims\nprint negative_size\nprint huge\nprint no_values\n"
     "print no_gradient\nprint dead\nprint dead_node\nprint (TapeNode *)0\nprint *(TapeNode *)&garbage\nprint no_tape\n"
     "print *(Tape *)&garbage\nprint garbage_module\nprint freed_linear\n",
     {"$8 = 0x_ <not a tensor: NULL>\n", "$9 = 0x_ <not a tensor: no memory at 0x_>\n",
      "$10 = <not a tensor: zeroed memory, no tensor made there yet>\n", "$11 = <not a tensor: it would have -1515870811 dimensions>\n",
      "$12 = <not a tensor: it would have 7 dimensions>\n", "$13 = <not a tensor: its shape would be (-3, 3)>\n",
      "$14 = <not a tensor: its shape would be (2000000000, 2000000000)>\n", "$15 = <not a tensor: its values are not in memory>\n",
      "$16 = <not a tensor: its gradient is not in memory>\n",
      "$17 = 0x_ <not a tensor: its tape was reset; it was made at tests/debugger/test_printers.c:", "$18 = 0x_ <not a node: its tape was reset>\n",
      "$19 = 0x_ <not a node: NULL>\n", "$20 = <not a node: uninitialized or reused memory>\n", "$21 = 0x_ <not a tape: NULL>\n",
      "$22 = <not a tape: uninitialized memory, or it was freed>\n",
      "$23 = <not a module: ", "$24 = <not a module: it is not part of a tree, or was freed>\n"}},
    {"print node\nprint *live_tape\n",
     {"$25 = 0x_ node 0 scale (2, 3)  [tests/debugger/test_printers.c:", ", make_good_ones()]\n    inputs: leaf\n", "$26 = tape of 2 nodes, ",
      " KiB of memory in use\n"}},
    // Modules are trees.
    {"print block\nprint &block.attn.c_attn\nprint loop\n",
     {"$27 = Block \"block\"\n  LayerNorm ln_1  weight (32)  bias (32)\n  Attention attn\n"
      "    Linear c_attn  weight (96, 32)  bias (96)\n",
      "12704 values in 12 parameters\n", "$28 = 0x_ Linear \"block.attn.c_attn\"\n", "$29 = Block \"block\"\n0 values in 0 parameters\n"}},
    // A configuration speaks as the command line.
    {"print config\n",
     {"$30 = vocab-size 256, context-length 32, n-layer 2, n-head 2, n-embd 32,\n"
      "    ff-mult 4, dropout 0, qkv-bias on, tied on, residual none, shortcut on,\n"
      "    norm pre, final-norm auto, causal on, activation gelu, init gpt2\n"}},
    // The contents of freed memory are unspecified: it is only not shown as a tensor. A sanitizer keeps it.
    {"print freed\nprint freed_tape\ntensor freed\n", {"$31 = 0x_ <not a tensor: ", "$32 = 0x_ <not a tape: ", "<not a tensor: "}},
};

START_TEST(print_shows_what_it_should)
{
    if (!gdb_missing(__func__)) {
        free(gdb_check(_i, SELF, scripts, sizeof scripts / sizeof scripts[0] - HAVE_SANITIZER));
    }
}
END_TEST

// No program runs behind a core file, so nothing can be called in it.
START_TEST(a_core_file_is_as_good)
{
    char core[] = "/tmp/gptape-test-core-XXXXXX";
    char script[256];
    if (HAVE_SANITIZER || gdb_missing(__func__)) { // its shadow memory makes a core of terabytes
        return;
    }
    int file = mkstemp(core);
    ck_assert_int_ge(file, 0);
    snprintf(script, sizeof script,
             "break look\nrun\ngcore %s\nkill\ncore-file %s\nprint *made\nprint node\nprint *block.ln_1\ntape\nbackward-step\n", core, core);
    char *said = gdb_run(_i, SELF, script);
    const char *at = said;
    assert_said(&at, " killed]\n");
    assert_said(&at, "$1 = half (2, 3) = scale  [tests/debugger/test_printers.c:");
    assert_said(&at, "|grad| 2.449\n    [[        0.5           0        -0.5]\n");
    assert_said(&at, "node 0 scale (2, 3)");
    assert_said(&at, "$3 = LayerNorm \"block.ln_1\"  weight (32)  bias (32)\n64 values in 2 parameters\n");
    assert_said(&at, "tape of 2 nodes");
    assert_said(&at, "   1  sum    0       ()");
    assert_said(&at, "the program is not running (start it with run or start)\n");
    remove(core);
    close(file);
    free(said);
}
END_TEST

// Without trust gdb loads nothing and says which line would give it.
START_TEST(trust_is_required)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run_with("-iex 'set auto-load safe-path /nowhere'", _i, SELF, "gptape\n");
    const char *at = said;
    assert_said(&at, "auto-loading has been declined by your `auto-load safe-path' set to \"/nowhere\"");
    free(said);
    said = gdb_run_with("-iex 'set auto-load safe-path /nowhere' -iex \"add-auto-load-safe-path $PWD\"", _i, SELF, "gptape\n");
    at = said;
    assert_said(&at, "tensor          Show a tensor's values as a matrix.\n");
    assert_not_said(said, "declined");
    free(said);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "look") == 0) {
        return be_looked_at();
    }
    Suite *suite = suite_create("printers in gdb");
    TCase *tests = case_create(suite, "print");
    tcase_add_unchecked_fixture(tests, prepare, NULL);
    tcase_add_loop_test(tests, print_shows_what_it_should, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, a_core_file_is_as_good, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, trust_is_required, 0, BUILD_COUNT);
    return suite_run(suite);
}
