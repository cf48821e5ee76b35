#!/usr/bin/python3
"""The notebooks' kernel, asked as Jupyter asks it: what cells define, and the protocol."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

import counts
from kernels import KernelCase, Notebook

try:
    from jupyter_kernel_test import KernelTests
except ImportError:
    KernelTests = None                                  # Debian's python3-jupyter-kernel-test


class StateTest(KernelCase):
    def test_variables_functions_types_and_heap_last(self):
        self.succeed("typedef struct Pair { int a, b; } Pair;\nint sum(Pair p) { return p.a + p.b; }\nPair *kept = malloc(sizeof *kept);")
        self.succeed("*kept = (Pair){3, 4};")
        self.shows("sum(*kept)", "7")

    def test_a_cell_is_statements_and_declarations_in_their_order(self):
        answer = self.succeed('int n = 1;\nprintf("%d ", n);\nn = 5;\nint m = n + 1;\nprintf("%d\\n", m);\n'
                              "int triple(int x) { return 3 * x; }\n"
                              "m = triple(m);\nfor (int i = 0; i < 3; i++) m += i;\nif (m > 100) m = 0; else m++;\nm")
        self.assertEqual(answer.stdout, "1 6\n")
        self.assertEqual(answer.value, "22")

    def test_arrays_strings_and_constants(self):
        self.succeed('float list[] = {1, sqrtf(16), 3};\nconst char *word = "one";\nchar letters[] = "abc";\nconst int width = 3;\n'
                     "const double root = sqrt(2);\nint square[width][width] = {{1, 2}, {3}};")
        self.shows("list[1] + sizeof list / sizeof list[0]", "7")
        self.shows("letters", '"abc"')
        self.shows("root * root", "2")
        self.shows("square[1][0]", "3")
        self.succeed("int again[width];")
        self.shows("sizeof again / sizeof again[0]", "3")

    def test_macros_and_includes_last(self):
        self.succeed("#include <ctype.h>\n#define TWICE(x) (2 * (x))\n#define SIZE 3")
        self.shows("TWICE(SIZE) + (isdigit('7') != 0)", "7")
        self.succeed("#define SIZE 5")
        self.shows("TWICE(SIZE)", "10")

    def test_an_undefined_macro_stays_undefined(self):
        self.succeed("int GONE = 4;\n#define GONE 3")
        self.shows("GONE", "3")
        self.succeed("#undef GONE")
        self.shows("GONE", "4")
        self.succeed("#define GONE 5")
        self.shows("GONE", "5")
        self.succeed("int GONE = 6;")
        self.shows("GONE", "6")

    def test_invisible_characters_of_pasted_text_are_spaces(self):
        self.shows("\ufeffint\u00a0pasted = 3;\u200b pasted", "3")

    def test_complex_numbers_have_two_parts(self):
        self.shows("double _Complex root_of_minus_4 = -2.0 * 1.0i; root_of_minus_4", "-0-2i")

    def test_macros_name_what_a_later_cell_defines(self):
        self.succeed("#define STEPPED (count_of_steps + 1)")
        self.succeed("int count_of_steps = 4;")
        self.shows("STEPPED", "5")

    def test_enumerations_unions_and_function_pointers(self):
        self.succeed("typedef enum Fruit { APPLE, PEAR = 5 } Fruit;\nunion Both { int i; float f; } both = {.i = 3};\n"
                     "typedef double Function(double);\nFunction *function = cos;\ndouble (*table[2])(double) = {sin, cos};")
        self.shows("PEAR", "5")
        self.shows("both.i", "3")
        self.shows("function(0) + table[1](0)", "2")

    def test_functions_that_call_each_other(self):
        self.succeed("int odd(int n);\nint even(int n) { return n == 0 ? 1 : odd(n - 1); }\n"
                     "int odd(int n) { return n == 0 ? 0 : even(n - 1); }")
        self.shows("even(10)", "1")

    def test_initializers_hold_addresses_of_functions(self):
        for _ in range(2):                              # a cell may run again
            self.succeed("int thrice(int x);\nstatic const struct Caller { int (*call)(int); } callers[] = {{thrice}, {.call = thrice}};\n"
                         "int thrice(int x) { return 3 * x; }\nint (*const call)(int) = thrice;")
            self.shows("callers[0].call(2) + callers[1].call(3) + call(4)", "27")

    def test_bool_is_a_type(self):
        self.succeed("bool is_even(int n)\n{\n    bool even = n % 2 == 0;\n    return even;\n}\nbool four = is_even(4);")
        self.shows("four", "true")

    def test_a_cell_with_a_main_is_a_program(self):
        self.assertEqual(self.succeed('int twice(int x) { return 2 * x; }\nint main(void)\n{\n    printf("%d\\n", twice(4));\n}').stdout, "8\n")
        self.assertEqual(self.succeed('void main() { printf("again\\n"); }').stdout, "again\n")
        answer = self.run_cell('int main(int argc, char **argv) { printf("%d %s\\n", argc, argv[1] == NULL ? argv[0] : "?"); return 3; }')
        self.assertEqual((answer.stdout, answer.name), ("1 cell\n", "Exit"))
        self.assertIn("exit status 3", answer.error)
        self.assertEqual(self.succeed("twice(5)").value, "10")

    def test_static_counts_on(self):
        self.succeed("int next_one(void) { static int n = 0; n++; return n; }")
        self.succeed("next_one(); next_one();")
        self.shows("next_one()", "3")

    def test_locals_hide_only_where_they_are(self):
        self.succeed("int depth = 7;\nfloat area(float depth, float exp) { return depth * exp; }\n"
                     "int inner(void) { int sum = depth; { int depth = 100; sum += depth; } "
                      "for (int depth = 0; depth < 3; depth++) sum++; return sum + depth; }")
        self.shows("inner()", "117")
        self.shows("depth", "7")
        self.shows("exp(0) + area(2, 3)", "7")

    def test_a_member_may_be_called_as_a_variable(self):
        self.succeed("int grad = 1; int data = 2;")
        self.succeed("struct Box { int grad; int data; } box = {.grad = 5, .data = 6}; struct Box *at = &box;")
        self.shows("at->grad + box.data + grad + data", "14")

    def test_the_place_of_a_call_is_the_cell_and_its_line(self):
        self.succeed("Tape *places = tape_create();\n\nTensor *placed = tensor_zeros(SHAPE(2));\n"
                     "Tensor *made(void) { return tensor_zeros(SHAPE(3)); }\nTensor *inside = made();")
        answer = self.succeed('printf("%d %s; %d %s", placed->where.line, placed->where.function, inside->where.line, '
                              'inside->where.function);')
        self.assertEqual(answer.stdout, "3 cell; 4 made")

    def test_unicode(self):
        answer = self.succeed('// Übermaß: ∂L/∂W\nconst char *größe = "größer als π — 日本 🙂";\nprintf("%s\\n", größe);')
        self.assertEqual(answer.stdout, "größer als π — 日本 🙂\n")
        self.shows("größe", '"größer als π — 日本 🙂"')

    def test_output_cut_within_a_character_stays_whole(self):
        answer = self.succeed('for (int i = 0; i < 50000; i++) printf("é日🙂");')
        self.assertEqual(answer.stdout, "é日🙂" * 50000)

    def test_a_cell_of_500_lines(self):
        lines = ["int total = 0;"] + [f"int v{i} = total + {i}; total += v{i} > 0 ? 1 : 0;" for i in range(1, 499)] + ["total"]
        self.assertEqual(len(lines), 500)
        self.shows("\n".join(lines), "498")

    def test_200_cells_in_a_row(self):
        self.succeed("int counted = 0;")
        for i in range(200):
            self.succeed(f"counted++; int step_{i} = counted; int add_{i}(int x) {{ return x + step_{i}; }}")
        self.shows("counted + add_199(0)", "400")

    def test_empty_cells(self):
        self.succeed("")
        self.succeed("// nothing but a comment\n/* and\n another */")


class RedefinitionTest(KernelCase):
    def test_a_function_defined_again_answers_older_callers(self):
        self.succeed("int rule(int x) { return x + 1; }\nint apply(int x) { return rule(rule(x)); }")
        self.shows("apply(1)", "3")
        self.succeed("int rule(int x) { return 10 * x; }")
        self.shows("apply(1)", "100")

    def test_a_function_of_another_type_is_another_function(self):
        self.succeed("int measure(int x) { return x; }\nint measured(void) { return measure(4); }")
        self.succeed("double measure(double x, double y) { return x / y; }")
        self.shows("measure(1, 4)", "0.25")
        self.shows("measured()", "4")

    def test_a_variable_of_the_same_type_is_the_same(self):
        self.succeed("int rate = 1;\nint doubled(void) { return 2 * rate; }")
        self.succeed("int rate = 5;")
        self.shows("doubled()", "10")
        self.succeed("int rate;")
        self.shows("doubled()", "0")

    def test_a_variable_of_another_type_replaces_it(self):
        self.succeed("int value = 3;")
        self.succeed('const char *value = "three";')
        self.shows("value", '"three"')
        self.succeed("double value[2] = {0.5, 1};")
        self.shows("value[0]", "0.5")

    def test_its_old_value_can_be_used_for_the_new(self):
        self.succeed("int grown = 3;")
        self.succeed("int grown = grown * grown;")
        self.shows("grown", "9")

    def test_a_constant_can_be_changed(self):
        self.succeed("const int layers = 2;")
        self.succeed("const int layers = 12;\nint widths[layers];")
        self.shows("sizeof widths / sizeof widths[0]", "12")

    def test_constant_arrays_can_be_changed(self):
        self.succeed("const int primes[3] = {2, 3, 5};\nint first(void) { return primes[0]; }")
        self.shows("const int primes[3] = {7, 11, 13};\nprimes", "{7, 11, 13}")
        self.shows("const int primes[3] = {(int)sqrt(289), 19, 23};\nprimes", "{17, 19, 23}")
        self.shows("first()", "2")

    def test_a_struct_changes(self):
        self.succeed("typedef struct Point { int x; } Point;\nPoint old = {1};")
        self.succeed("typedef struct Point { double x, y; } Point;\nPoint new_one = {0.5, 2};")
        self.shows("new_one.y + old.x", "3")

    def test_a_struct_defined_again_as_it_was_is_the_same(self):
        self.succeed("struct Same { int x; };\nstruct Same first = {8};")
        self.succeed("struct Same { int x; };\nstruct Same second = first;")
        self.shows("second.x", "8")

    def test_a_name_becomes_something_else(self):
        self.succeed("int thing = 1;")
        self.succeed("int thing(void) { return 2; }")
        self.shows("thing()", "2")
        self.succeed("typedef double thing;\nthing real = 1.5;")
        self.shows("real", "1.5")


class MissingTest(unittest.TestCase):
    def missing(self, **environment):
        with Notebook(**environment) as notebook:
            answer = notebook.run("1 + 1")
            again = notebook.run("2 + 2")
            self.assertEqual((answer.status, answer.name, again.status), ("error", "Missing", "error"))
            return answer.error

    def test_no_engine(self):
        error = self.missing(PATH="/nonexistent")
        self.assertIn("clang-tools-19", error)
        self.assertIn("make notebooks", error)

    def test_no_library(self):
        error = self.missing(GPTAPE_LIBRARY="/nonexistent/libgptape.so")
        self.assertIn("/nonexistent/libgptape.so", error)
        self.assertIn("make", error)

    def test_no_libclang(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "clang.py").write_text("raise ImportError('there is none')\n")
            error = self.missing(PYTHONPATH=folder)
        self.assertIn("python3-clang", error)
        self.assertIn("make notebooks", error)


if KernelTests is not None:
    class ProtocolTest(KernelTests):
        kernel_name = "gptape-c"
        language_name = "c"
        file_extension = ".c"
        code_hello_world = 'printf("hello, world\\n");'
        code_stderr = 'fprintf(stderr, "oops\\n");'
        code_execute_result = [{"code": "6 * 7", "result": "42"}]
        code_generate_error = "int x = ;"
        code_inspect_sample = "tensor_add"
        completion_samples = [{"text": "tensor_softm", "matches": {"tensor_softmax"}}]
        complete_code_samples = ["int x = 3;", "int f(void) { return 1; }"]
        incomplete_code_samples = ["int f(void) {", "printf("]


if __name__ == "__main__":
    sys.exit(counts.run(StateTest, RedefinitionTest, MissingTest, *([ProtocolTest] if KernelTests is not None else [])))
