// test_install.c: a program linked with the installed shared library, as pkg-config says: gdb has gptape's commands before it runs.

#include "tests/cli/run.h"
#include "tests/debugger/debugger.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char program[] = "#include <tensor/tensor.h>\n"
                              "int main(void)\n"
                              "{\n"
                              "    tape_create();\n"
                              "    Tensor *a = tensor_full(SHAPE(2), 1.0);\n"
                              "    return tensor_softmax(a)->node->index;\n"
                              "}\n";

START_TEST(commands_exist_before_the_program_runs)
{
    if (gdb_missing(__func__)) {
        return;
    }
    folder_enter();
    FILE *file = fopen("program.c", "w");
    ck_assert_ptr_nonnull(file);
    fputs(program, file);
    ck_assert_int_eq(fclose(file), 0);
    install_into("a prefix");
    Run run = run_shell(
        "export PKG_CONFIG_PATH=\"$PWD/a prefix/lib/pkgconfig\" LD_LIBRARY_PATH=\"$PWD/a prefix/lib\" && "
        "eval cc -g program.c $(pkg-config --cflags --libs gptape) -o program && ldd program | grep -q libgptape.so.0 && "
        "gdb -nx -q -batch -iex 'set auto-load safe-path /' -iex 'set debug-file-directory /nowhere' -iex 'set debuginfod enabled off' "
        "-ex gptape -ex 'break-op softmax' -ex run -ex finish -ex tape program 2>&1");
    const char *at = run.out;
    assert_said(&at, "break-op        Stop where an operation begins.\n");
    assert_said(&at, "gptape's library is not loaded yet: the breakpoint takes effect once it is.\n");
    assert_said(&at, "tensor_softmax (x=");
    assert_said(&at, "Value returned is ");
    assert_said(&at, "tape of 1 nodes\n");
    run_free(&run);
    folder_leave();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gdb with the installed library");
    TCase *tests = case_create(suite, "shared library");
    tcase_add_test(tests, commands_exist_before_the_program_runs);
    return suite_run(suite);
}
