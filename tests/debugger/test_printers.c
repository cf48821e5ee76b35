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

// What is said when the program has come to look() and then these commands are given.
static char *look_with(int build, const char *commands)
{
    char script[2048];
    snprintf(script, sizeof script, "break look\nrun\n%s", commands);
    char *said = gdb_run(build, SELF, script);
    hide_addresses(said);
    return said;
}

static void prepare(void)
{
    gdb_prepare("tests/debugger/test_printers");
}

START_TEST(a_tensor_is_shown_with_statistics_and_values)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = look_with(_i, "print leaf\nprint *made\nprint scalar\nprint cube\nprint wild\nprint/r leaf->shape\n");
    const char *at = said;
    assert_said(&at, "$1 = 0x_ x (2, 3) leaf, requires a gradient  [tests/debugger/test_printers.c:");
    assert_said(&at, ", make_good_ones()]\n    min -2  mean 0.6667  max 4  |grad| 1.225\n"
                     "    [[          1           0          -1]\n     [          2           4          -2]]\n");
    assert_said(&at, "$2 = half (2, 3) = scale  [tests/debugger/test_printers.c:");
    assert_said(&at, "    min -1  mean 0.3333  max 2  |grad| 2.449\n");
    assert_said(&at, "$3 = 0x_ () = sum  [");
    assert_said(&at, "    min 2  mean 2  max 2  no grad\n    [          2]\n");
    assert_said(&at, "$4 = 0x_ (2, 2, 9, 2) leaf  [");
    assert_said(&at, "    [[[[       0.25        0.25]\n       [       0.25        0.25]\n       [       0.25        0.25]\n"
                     "       ...\n");
    assert_said(&at, "$5 = 0x_ (5) leaf  [");
    assert_said(&at, "    min 1  mean 2  max 3  1 NaN, 2 inf  no grad\n    [          1         nan         inf        -inf           3]\n");
    assert_said(&at, "$6 = {ndim = 2, size = {2, 3, 0, 0}}\n");
    free(said);
}
END_TEST

START_TEST(a_large_one_is_shortened)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = look_with(_i, "print *big\n");
    const char *at = said;
    assert_said(&at, "$1 = (768, 3072) leaf  [");
    assert_said(&at,
                "    min 1.5  mean 1.5  max 1.5  no grad\n    [[        1.5         1.5         1.5   ...         1.5         1.5         1.5]\n");
    ck_assert_uint_lt(strlen(at), 1000);
    free(said);
}
END_TEST

// In a frame a pointer is shown in a few words.
START_TEST(arguments_are_shown_in_brief)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = look_with(_i, "bt 1\n");
    const char *at = said;
    assert_said(&at, "0x_ half (2, 3), module=");
    assert_said(&at, "0x_ Block \"block\") at tests/debugger/test_printers.c:");
    free(said);
}
END_TEST

START_TEST(other_values_are_reported_as_no_tensor)
{
    static const struct {
        const char *what;
        const char *shown;
    } bad[] = {
        {"none", "0x_ <not a tensor: NULL>\n"},
        {"no_pointer", "0x_ <not a tensor: no memory at 0x_>\n"},
        {"zeros", "<not a tensor: zeroed memory, no tensor made there yet>\n"},
        {"garbage", "<not a tensor: it would have -1515870811 dimensions>\n"},
        {"too_many_dims", "<not a tensor: it would have 7 dimensions>\n"},
        {"negative_size", "<not a tensor: its shape would be (-3, 3)>\n"},
        {"huge", "<not a tensor: its shape would be (2000000000, 2000000000)>\n"},
        {"no_values", "<not a tensor: its values are not in memory>\n"},
        {"no_gradient", "<not a tensor: its gradient is not in memory>\n"},
        {"dead", "0x_ <not a tensor: its tape was reset; it was made at tests/debugger/test_printers.c:"},
        {"dead_node", "0x_ <not a node: its tape was reset>\n"},
        {"(TapeNode *)0", "0x_ <not a node: NULL>\n"},
        {"*(TapeNode *)&garbage", "<not a node: uninitialized or reused memory>\n"},
        {"no_tape", "0x_ <not a tape: NULL>\n"},
        {"*(Tape *)&garbage", "<not a tape: uninitialized memory, or it was freed>\n"},
        {"garbage_module", "<not a module: "},
        {"freed_linear", "<not a module: it is not part of a tree, or was freed>\n"},
    };
    if (gdb_missing(__func__)) {
        return;
    }
    char commands[2048] = "";
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(commands + strlen(commands), sizeof commands - strlen(commands), "print %s\n", bad[i].what);
    }
    char *said = look_with(_i, commands);
    const char *at = said;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char shown[256];
        snprintf(shown, sizeof shown, "$%zu = %s", i + 1, bad[i].shown);
        assert_said(&at, shown);
    }
    assert_not_said(said, "Traceback");
    assert_not_said(said, "Python Exception");
    free(said);
}
END_TEST

// The contents of freed memory are unspecified: the test only checks that it is not shown as a tensor. The sanitizer keeps it.
START_TEST(freed_memory_is_not_a_tensor)
{
    if (HAVE_SANITIZER || gdb_missing(__func__)) {
        return;
    }
    char *said = look_with(_i, "print freed\nprint freed_tape\ntensor freed\n");
    const char *at = said;
    assert_said(&at, "$1 = 0x_ <not a tensor: ");
    assert_said(&at, "$2 = 0x_ <not a tape: ");
    assert_said(&at, "<not a tensor: ");
    assert_not_said(said, "Traceback");
    free(said);
}
END_TEST

START_TEST(nodes_and_tapes_are_reported)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = look_with(_i, "print node\nprint *live_tape\n");
    const char *at = said;
    assert_said(&at, "$1 = 0x_ node 0 scale (2, 3)  [tests/debugger/test_printers.c:");
    assert_said(&at, ", make_good_ones()]\n    inputs: leaf\n");
    assert_said(&at, "$2 = tape of 2 nodes, ");
    assert_said(&at, " KiB of memory in use\n");
    free(said);
}
END_TEST

START_TEST(modules_are_trees)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = look_with(_i, "print block\nprint &block.attn.c_attn\nprint loop\n");
    const char *at = said;
    assert_said(&at, "$1 = Block \"block\"\n  LayerNorm ln_1  weight (32)  bias (32)\n  Attention attn\n"
                     "    Linear c_attn  weight (96, 32)  bias (96)\n");
    assert_said(&at, "12704 values in 12 parameters\n");
    assert_said(&at, "$2 = 0x_ Linear \"block.attn.c_attn\"\n");
    assert_said(&at, "$3 = Block \"block\"\n0 values in 0 parameters\n");
    free(said);
}
END_TEST

START_TEST(a_configuration_speaks_as_the_command_line)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = look_with(_i, "print config\n");
    const char *at = said;
    assert_said(&at, "$1 = vocab-size 256, context-length 32, n-layer 2, n-head 2, n-embd 32,\n"
                     "    ff-mult 4, dropout 0, qkv-bias on, tied on, residual none, shortcut on,\n"
                     "    norm pre, final-norm auto, causal on, activation gelu, init gpt2\n");
    free(said);
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
    snprintf(script, sizeof script, "break look\nrun\ngcore %s\n", core);
    free(gdb_run(_i, SELF, script));
    snprintf(script, sizeof script, "core-file %s\nprint *made\nprint node\nprint *block.ln_1\ntape\nbackward-step\n", core);
    char *said = gdb_run(_i, "tests/debugger/test_printers", script);
    const char *at = said;
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
    tcase_add_loop_test(tests, a_tensor_is_shown_with_statistics_and_values, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, a_large_one_is_shortened, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, arguments_are_shown_in_brief, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, other_values_are_reported_as_no_tensor, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, freed_memory_is_not_a_tensor, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, nodes_and_tapes_are_reported, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, modules_are_trees, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, a_configuration_speaks_as_the_command_line, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, a_core_file_is_as_good, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, trust_is_required, 0, BUILD_COUNT);
    return suite_run(suite);
}
