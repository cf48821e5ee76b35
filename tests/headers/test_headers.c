// test_headers.c: the public headers compile as C and C++, and the shared library exports what they declare, and nothing else.

#include "tests/support/suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Runs a command and returns what it printed, which the caller frees; the command must succeed if that is expected.
static char *output_of(const char *command)
{
    FILE *stream = popen(command, "r");
    ck_assert_ptr_nonnull(stream);
    enum { ROOM = 1 << 20 };
    char *text = malloc(ROOM);
    ck_assert_ptr_nonnull(text);
    size_t n = fread(text, 1, ROOM - 1, stream);
    text[n] = '\0';
    ck_assert_msg(pclose(stream) == 0, "%s: %s", command, text);
    return text;
}

static bool have(const char *program)
{
    char command[128];
    snprintf(command, sizeof command, "command -v %s > /dev/null", program);
    return system(command) == 0;
}

typedef struct Language {
    const char *compiler;
    const char *standard;
    const char *name; // for -x
} Language;

static const Language languages[] = {
    {"gcc", "c99", "c"},     {"gcc", "c11", "c"},     {"gcc", "c17", "c"},         {"gcc", "c2x", "c"},
    {"clang", "c99", "c"},   {"clang", "c17", "c"},   {"clang", "c2x", "c"},       {"g++", "c++11", "c++"},
    {"g++", "c++17", "c++"}, {"g++", "c++20", "c++"}, {"clang++", "c++11", "c++"}, {"clang++", "c++20", "c++"},
};
enum { LANGUAGES = sizeof languages / sizeof languages[0] };

// A program that uses the macros, too.
static const char program[] = "#include \"gpt/gptape.h\"\n"
                              "int main(void)\n"
                              "{\n"
                              "    Tape *tape = tape_create();\n"
                              "    Tensor *x = tensor_require_grad(tensor_full(SHAPE(2, 3), 2.0));\n"
                              "    tensor_backward(tensor_sum(tensor_mul(x, x)));\n"
                              "    AdamWConfig adamw = ADAMW_DEFAULTS;\n"
                              "    GenerateConfig generate = GENERATE_DEFAULTS;\n"
                              "    Shape shape = SIZES(4, 5);\n"
                              "    printf(\"%g %d %g %g\\n\", (double)x->grad[5], shape.size[1], adamw.beta2, (double)generate.temperature);\n"
                              "    tape_free(tape);\n"
                              "    return 0;\n"
                              "}\n";

static void write_program(const char *path)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(program, file);
    ck_assert_int_eq(fclose(file), 0);
}

// The directory of the build that is tested.
static const char *build(void)
{
    static char folder[512];
    const char *binary = getenv("GPTAPE_BIN");
    snprintf(folder, sizeof folder, "%s", binary == NULL ? "build/gptape" : binary);
    char *slash = strrchr(folder, '/');
    ck_assert_ptr_nonnull(slash);
    *slash = '\0';
    return folder;
}

START_TEST(a_program_compiles_without_warnings)
{
    const Language *language = &languages[_i];
    char command[640];
    if (!have(language->compiler)) {
        skip(__func__, language->compiler);
        return;
    }
    char path[64] = "/tmp/gptape-headers-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    write_program(path);
    snprintf(command, sizeof command, "%s -std=%s -x %s -Wall -Wextra -Wpedantic -Werror -I. -fsyntax-only %s 2>&1", language->compiler,
             language->standard, language->name, path);
    char *printed = output_of(command);
    remove(path);
    ck_assert_str_eq(printed, "");
    free(printed);
}
END_TEST

START_TEST(a_cpp_program_runs_with_the_shared_library)
{
    char command[4096];
    if (HAVE_SANITIZER || !have("g++")) {
        skip(__func__, HAVE_SANITIZER ? "a sanitizer must be in the program itself, too" : "there is no g++");
        return;
    }
    char folder[64] = "/tmp/gptape-headers-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char path[128];
    snprintf(path, sizeof path, "%s/program.cc", folder);
    write_program(path);
    snprintf(command, sizeof command, "g++ -I. -o %s/program %s -L%s -lgptape -Wl,-rpath,$(realpath %s) && %s/program; rm -r %s", folder, path,
             build(), build(), folder, folder);
    char *printed = output_of(command);
    ck_assert_str_eq(printed, "4 5 0.999 1\n");
    free(printed);
}
END_TEST

// gcc lists every function that it has seen declared; what the public headers of the directories declare must be exported. Objects (extern
// const ...) are found by name in the headers' text.
START_TEST(the_shared_library_exports_what_the_headers_declare)
{
    char command[2048];
    if (HAVE_SANITIZER) {
        skip(__func__, "a sanitizer adds symbols of its own");
        return;
    }
    snprintf(command, sizeof command,
             "headers=\"tensor/fail.h $(sed -n 's/^#include \"\\(.*\\)\"$/\\1/p' gpt/gptape.h | grep -v public_ | tr '\\n' ' ')\"; aux=$(mktemp); "
             "echo '#include \"gpt/gptape.h\"' | gcc -DGPTAPE_NO_WHERE_MACROS -I. -x c -fsyntax-only -aux-info $aux -; "
             "for h in $headers; do grep -F \"/* ./$h:\" $aux; grep -F \"/* $h:\" $aux; done "
             "| sed 's/^\\([^(]*\\) (\\*/\\1 */' | sed -n 's/^[^(]*[ *]\\([a-z_0-9]*\\) (.*/\\1/p' | sort -u > $aux.declared; "
             "cat $headers | sed -n 's/^extern const [^(]*[ *]\\([a-z_0-9]*\\)\\(\\[\\]\\)*;.*/\\1/p' | sort -u > $aux.objects; "
             "sort -u $aux.declared $aux.objects > $aux.public; "
             "nm -D --defined-only %s/libgptape.so | awk '$2 != \"A\" {print $3}' | sed 's/@.*//' | sort -u > $aux.exported; "
             "wc -l < $aux.exported; comm -3 $aux.public $aux.exported; rm -f $aux $aux.*",
             build());
    char *printed = output_of(command);
    char *rest;
    long exported = strtol(printed, &rest, 10);
    ck_assert_int_gt(exported, 200);
    ck_assert_msg(strcmp(rest, "\n") == 0, "declared and not exported, or (indented) the reverse:%s", rest);
    free(printed);
}
END_TEST

// Every function is called with NULL for each of its pointers and with empty structs: one line says what is missing, or there is nothing to say.
START_TEST(no_public_function_crashes_on_null)
{
    char command[2048];
    char folder[64] = "/tmp/gptape-headers-XXXXXX";
    if (HAVE_SANITIZER) {
        skip(__func__, "a sanitizer must be in the program itself, too");
        return;
    }
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(command, sizeof command,
             "echo '#include \"gpt/gptape.h\"' | gcc -DGPTAPE_NO_WHERE_MACROS -I. -x c -fsyntax-only -aux-info %s/aux - && "
             "perl tests/headers/null_calls.pl < %s/aux > %s/calls.c && "
             "gcc -w -std=gnu11 -I. -o %s/calls %s/calls.c -L%s -lgptape -Wl,-rpath,$(realpath %s) && (cd %s && ./calls); rm -r %s",
             folder, folder, folder, folder, folder, build(), build(), folder, folder);
    char *printed = output_of(command);
    char *rest;
    long calls = strtol(printed, &rest, 10);
    ck_assert_msg(calls > 800 && strcmp(rest, "\n") == 0, "%s", printed);
    free(printed);
}
END_TEST

// So a program's own functions of usual names do not meet the library's.
START_TEST(every_exported_name_has_a_prefix)
{
    char command[1024];
    snprintf(command, sizeof command, "nm -D --defined-only %s/libgptape.so | awk '$2 != \"A\" {print $3}' | grep -v _ | grep -vx gradcheck; true",
             build());
    char *printed = output_of(command);
    ck_assert_str_eq(printed, "");
    free(printed);
}
END_TEST

// What the compiler noted while building: no object of tensor/ or nn/ has read a file of gpt/.
START_TEST(a_change_in_gpt_recompiles_nothing_in_nn_or_tensor)
{
    char command[2048];
    snprintf(command, sizeof command,
             "cd %s && find float/tensor float/nn double/tensor double/nn -name '*.d' > $$.notes && wc -l < $$.notes && "
             "{ xargs grep -l ' gpt/' < $$.notes; rm $$.notes; }",
             build());
    char *printed = output_of(command);
    char *rest;
    long notes = strtol(printed, &rest, 10);
    ck_assert_int_gt(notes, 100);
    ck_assert_msg(strcmp(rest, "\n") == 0, "they have:%s", rest);
    free(printed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("headers");
    TCase *tcase = case_create(suite, "headers");
    tcase_add_loop_test(tcase, a_program_compiles_without_warnings, 0, LANGUAGES);
    tcase_add_test(tcase, a_cpp_program_runs_with_the_shared_library);
    tcase_add_test(tcase, the_shared_library_exports_what_the_headers_declare);
    tcase_add_test(tcase, no_public_function_crashes_on_null);
    tcase_add_test(tcase, every_exported_name_has_a_prefix);
    tcase_add_test(tcase, a_change_in_gpt_recompiles_nothing_in_nn_or_tensor);
    return suite_run(suite);
}
