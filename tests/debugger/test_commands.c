// test_commands.c: the commands that look at tensors, tapes and modules, on the program in test_stepping.c.

#include "tests/cli/run.h"
#include "tests/debugger/debugger.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "tests/debugger/test_stepping"

static void prepare(void)
{
    gdb_prepare("tests/debugger/test_stepping examples/attention examples/residual");
}

// The first stop is at the first look(), before the backward pass.
static const GdbScript scripts[] = {
    {"paths\nbreak look\nrun\n", {"(gdb) the program is not running (start it with run or start)\n", "Breakpoint 1, look ("}},
    {"paths\njacobian\n",
     {"(gdb) no sublayers on the tape: residual rules mark them (residual_forward), or tape_sublayer_begin\n", "(gdb) no sublayers on the tape"}},
    {"tensor x\ntensor x[0]\ntensor x[-1,1]\ntensor x[:,1:]\ntensor *large\n",
     {"(gdb) x (2, 3) leaf, requires a gradient  [tests/debugger/test_stepping.c:",
      "    min -2  mean 0.08333  max 2  no grad\n[[          1           0          -1]\n [          2         0.5          -2]]\n",
      "(gdb) x[0] (3) of (2, 3)\n[          1           0          -1]\n", "(gdb) x[-1,1] () of (2, 3)\n[        0.5]\n",
      "(gdb) x[:,1:] (2, 2) of (2, 3)\n[[          0          -1]\n [        0.5          -2]]\n", "(2, 100, 50) leaf",
      "  ...\n  [        0.5         0.5         0.5         0.5   ...         0.5         0.5         0.5         0.5]\n"}},
    {"tensor\ntensor 1 + 1\ntensor nothing\ntensor x[2]\ntensor x[0,0,0]\ntensor x[1:1]\ntensor x[a]\ntensor x[:,1:4]\n",
     {"(gdb) tensor: name a tensor, as in tensor x, tensor node->inputs[0], tensor x[0,:,3]\n", "(gdb) 1 + 1 is not a tensor: its type is int\n",
      "(gdb) No symbol \"nothing\" in current context.\n", "(gdb) [2] is outside axis 0 of size 2\n",
      "(gdb) [0,0,0] has 3 indices; the tensor has 2 dimensions\n", "(gdb) [1:1] selects nothing of axis 0 of size 2\n",
      "(gdb) 'a' is not an index (expected 3, -1, : or 1:4)\n(gdb) [1:4] is outside axis 1 of size 3\n"}},
    {"grad x\ngrad masked\ngrad layer.weight\n",
     {"(gdb) dL/d(x) (2, 3): none yet: no backward pass has reached it\n",
      "(gdb) dL/d(masked) (3, 3): no gradient required: nothing it was computed from requires one\n", "(gdb) dL/d(layer.weight) (3, 3): none yet"}},
    {"tape\ntape 4\ntape 5\ntape y\ntape x\ntape 1.5\ntape 1\n",
     {"(gdb) tape of 5 nodes\n",
      "node  op           inputs          shape   |dL/dy|  name   source\n"
      "   0  causal_mask  leaf            (3, 3)        -         tests/debugger/test_stepping.c:",
      "   1  linear       leaf leaf leaf  (2, 3)        -  layer  tests/debugger/test_stepping.c:",
      "   2  gelu         1               (2, 3)        -         tests/debugger/test_stepping.c:",
      "   3  add          leaf 2          (2, 3)        -  y      tests/debugger/test_stepping.c:",
      "(gdb) node 4 mean ()  [tests/debugger/test_stepping.c:", "input 0  node 3: y (2, 3) = add  [",
      "(gdb) tape: no node 5 (expected 0 to 4)\n(gdb) node 3 add (2, 3)", "(gdb) x is a leaf: no node made it\n",
      "(gdb) 1.5 is not a node's number, a tape, a node or a tensor\n", "walk(); nn/linear.c:"}},
    {"module layer\nmodule &layer.module\nmodule\nmodule x\n",
     {"(gdb) Linear \"layer\"  weight (3, 3)  bias (3)\n12 values in 2 parameters\n(gdb) Linear \"layer\"",
      "(gdb) module: name a module, as in module block, module gpt->h[0].attn\n", "(gdb) x is not a module: its type is Tensor *\n"}},
    {"gradflow\ngradflow all\ngradflow some\n",
     {"(gdb) layer.weight  not yet\nEach # is a factor of 3.2; the bars begin at 1e-16.\n"
      "(gdb) x             not yet\nlayer.weight  not yet\nlayer.bias    not yet\n",
      "(gdb) gradflow: unknown argument 'some' (expected none, or all)\n"}},
    {"heat x\nheat masked\nheat large\n",
     {"(gdb) x, 2 rows of 3, from -2 to 2\n =  -=\n @ :-@\n", "(gdb) masked, 3 rows of 3, from -1 to 1\n @----\n @ @--\n @ @ @\n",
      "(gdb) large, 200 rows of 50, from -0.5 to 0.5, each block the mean of 7 x 2\n"}},
    {"break-op sofmax\nbreak-op tensor_sofmax\nbreak-backward 99\nbreak-backward 5\nbreak-backward -1\nbreak-backward layr\nbreak-backward 4\n",
     {"(gdb) break-op: unknown operation 'sofmax' (did you mean softmax?)\n",
      "(gdb) break-op: unknown operation 'sofmax' (did you mean softmax?)\n", "(gdb) break-backward: no node 99 (expected 0 to 4)\n",
      "(gdb) break-backward: no node 5 (expected 0 to 4)", "(gdb) break-backward: no node -1 (expected 0 to 4)",
      "(gdb) break-backward: unknown node 'layr' (did you mean layer?)\n", "(gdb) Breakpoint 2 at "}},
    {"next-stop\nbackward-step 3\nbreak-op\nbreak-op nothing\nbreak-backward\nbreak-nan 3\nnan-found\n",
     {"(gdb) there is no lesson here: make debug LESSON=shortcut starts one\n", "(gdb) backward-step: unknown argument '3' (expected none)\n",
      "(gdb) break-op: name an operation, as in break-op softmax, break-op linear h.3.mlp\n",
      "(gdb) break-op: unknown operation 'nothing' (expected add, add_scalar, attention, ", "(gdb) break-backward: name a node's number, ",
      "(gdb) break-nan: unknown argument '3' (expected none)\n", "(gdb) nan-found: only break-nan uses it\n"}},
    {"delete 2\ncontinue\n", {"Breakpoint 1, look ("}}, // the second, after it
    {"grad y\ngrad layer.bias\ngrad layer.bias[1]\n",
     {"(gdb) dL/d(y) (2, 3): none now: backward has not reached it, or has already passed it on (tensor_retain_grad keeps it)\n",
      "(gdb) dL/d(layer.bias) (3)\n    mean |grad| ", "  max |grad| ", "  |grad| ", "\n[", "(gdb) dL/d(layer.bias) (3)[1]\n"}},
    {"gradflow all\n", {"(gdb) x ", "  ####", "\nlayer.weight ", "  ####", "\nlayer.bias ", "  ####"}},
};

START_TEST(says_what_it_should)
{
    if (!gdb_missing(__func__)) {
        free(gdb_check(_i, PROGRAM " walk", scripts, sizeof scripts / sizeof scripts[0]));
    }
}
END_TEST

#define PICTURE "gptape-test.svg"

static const GdbScript drawings[] = {
    {"break look\nrun\nplot x\nplot x /nowhere/at/all.svg\nplot x picture.gif\n",
     {"x (2, 3)", "| row 0 ", "(gdb) /nowhere/at/all.svg: No such file or directory\n", "(gdb) "}},
    {"plot x " PICTURE "\nplot x[0] " PICTURE "\n", {"drew " PICTURE "\n", "drew " PICTURE "\n"}},
    {"python import os; os.environ['PATH'] = ''\nplot x\n", {"gnuplot is not installed (heat draws without it)\n"}},
    {"set style enabled on\nheat x\n",
     {"from -2 to 2\n\033[48;5;", "\033[48;5;196m  \033[0m\033[48;5;", // 2, the warmest
      "\033[48;5;21m  \033[0m\n"}},                                    // -2, the coolest
};

START_TEST(plot_draws_and_heat_has_colors_where_there_are_some)
{
    if (gdb_missing(__func__)) {
        return;
    }
    setenv("GDB_TERM", "xterm-256color", 1);
    free(gdb_check(_i, PROGRAM " walk", drawings, sizeof drawings / sizeof drawings[0]));
    char start[6] = "";
    FILE *file = fopen(PICTURE, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(start, 1, 5, file), 5);
    ck_assert_str_eq(start, "<?xml");
    fclose(file);
    unlink(PICTURE);
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

// Before and within a backward pass, with the same numbers, which change nothing: the program prints what it prints alone.
START_TEST(paths_and_jacobians)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run(_i, "examples/residual",
                         "break tensor_backward\nrun\npaths\njacobian\npaths loss->node->inputs[0]\njacobian loss\njacobian loss, nothing\n"
                         "jacobian loss->node->inputs[0], loss->node->inputs[0]->node->inputs[0]\njacobian loss, loss\n"
                         "break node_backward if node->index == 5\ncontinue\npaths\njacobian\ndelete\ncontinue\n");
    const char *at = said;
    for (int round = 0; round < 2; round++) {
        assert_said(&at, "start       |dL/dx|  mean k    k=0    k=1     k=2\nsublayer 0  0.09945    0.05  94.9%  4.93%  0.144%\n");
        assert_said(&at, "block.mid    0.1137    0.03  97.2%  2.85%\n");
        assert_said(&at, "k: sublayers passed, of 2. All lengths together differ from the ordinary gradient by ");
        assert_said(&at, "from        to block.out\nsublayer 0  0.5875\nblock.mid   0.7712\nMean squared singular values.\n");
        if (round == 0) {
            assert_said(&at, "(gdb) loss->node->inputs[0] has 160 values (expected a loss, a single value)\n");
            assert_said(&at, "(gdb) jacobian: name two tensors, as in jacobian y, x\n");
            assert_said(&at, "(gdb) No symbol \"nothing\" in current context.\n");
            assert_said(&at, "(gdb) d(loss->node->inputs[0])/d(block.out): "); // of y^2: (2 y)^2, on average
            assert_said(&at, "(gdb) d(loss)/d(loss): 1\n");
        }
    }
    assert_said(&at, "shortcuts around f, in two sublayers.");
    assert_not_said(said, "Python Exception");
    Run alone = run_shell("\"$GPTAPE_EXAMPLES\"/residual");
    const char *flow = strstr(alone.out, "shortcuts around f");
    ck_assert_ptr_nonnull(flow);
    char *end = strstr(flow, "->");
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    if (_i == BUILD_TESTED) {
        ck_assert_ptr_nonnull(strstr(said, flow));
    }
    run_free(&alone);
    free(said);
}
END_TEST

static const char *const commands[] = {"tensor", "grad", "tape",      "module",   "gradflow",       "paths",         "jacobian",
                                       "heat",   "plot", "break-nan", "break-op", "break-backward", "backward-step", "next-stop"};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

START_TEST(each_command_is_listed_and_has_help)
{
    char typed[1024] = "gptape\n";
    if (gdb_missing(__func__)) {
        return;
    }
    for (int i = 0; i < COMMAND_COUNT; i++) {
        strcat(strcat(strcat(typed, "help "), commands[i]), "\n");
    }
    char *said = gdb_run(BUILD_TESTED, PROGRAM, typed);
    char *list = strstr(said, "(gdb) ");
    ck_assert_ptr_nonnull(list);
    list[5] = '\n'; // the first is behind the prompt
    char *list_end = strstr(list, "(gdb) ");
    ck_assert_ptr_nonnull(list_end);
    *list_end = '\0';
    const char *help = list_end + strlen("(gdb) ");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        char line[64];
        const char *listed = list;
        snprintf(line, sizeof line, "\n%-15s ", commands[i]);
        assert_said(&listed, line);
        size_t sentence = strcspn(listed, "\n");
        const char *next = strstr(help, "(gdb) ");
        ck_assert_ptr_nonnull(next);
        ck_assert_int_eq(strncmp(help, listed, sentence), 0);    // help begins with the list's sentence,
        ck_assert_int_gt(next - help, (ptrdiff_t)sentence + 40); // and goes on
        help = next + strlen("(gdb) ");
    }
    free(said);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commands in gdb");
    TCase *tests = case_create(suite, "commands");
    tcase_add_unchecked_fixture(tests, prepare, NULL);
    tcase_add_loop_test(tests, says_what_it_should, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, plot_draws_and_heat_has_colors_where_there_are_some, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, the_printers_of_the_library_can_be_called, 0, BUILD_COUNT);
    tcase_add_loop_test(tests, paths_and_jacobians, 0, BUILD_COUNT);
    tcase_add_test(tests, each_command_is_listed_and_has_help);
    return suite_run(suite);
}
