#!/usr/bin/python3
"""The notebooks' kernel, asked as Jupyter asks it."""

import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import counts
from kernels import Notebook

try:
    from jupyter_kernel_test import KernelTests
except ImportError:
    KernelTests = None                                  # Debian's python3-jupyter-kernel-test


class KernelCase(unittest.TestCase):
    """Tests that share one kernel; each defines names of its own."""

    @classmethod
    def setUpClass(cls):
        cls.notebook = Notebook().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.notebook.__exit__()

    def run_cell(self, code, **options):
        return self.notebook.run(code, **options)

    def succeed(self, code, **options):
        answer = self.run_cell(code, **options)
        self.assertEqual(answer.status, "ok", answer.error)
        return answer

    def fail_in(self, code, name):
        answer = self.run_cell(code)
        self.assertEqual(answer.status, "error")
        self.assertEqual(answer.name, name, answer.error)
        return answer

    def shows(self, code, value):
        self.assertEqual(self.succeed(code).value, value)


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

    def test_bool_is_a_type(self):
        self.succeed("bool is_even(int n)\n{\n    bool even = n % 2 == 0;\n    return even;\n}\nbool four = is_even(4);")
        self.shows("four", "true")

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


class ErrorTest(KernelCase):
    def test_a_syntax_error_is_told_with_its_line(self):
        answer = self.fail_in("int a = 1;\nint b = 2\nint c = 3;", "CompileError")
        self.assertIn("line 2, column 10", answer.error)
        self.assertIn("expected ';'", answer.error)
        self.assertIn("    int b = 2\n             ^", answer.error)

    def test_every_kind_of_place_has_its_line(self):
        for code, place in (("\n\n  undeclared(3);", "line 3, column 3"),
                            ("int f_broken(int x)\n{\n    return x +;\n}", "line 3, column 15"),
                            ("struct Broken {\n    int 3;\n};\nint fine = 3;", "line 2, column 9"),
                            ('printf("a");\nchar *é = "日本"; Tensor *t = 3.5;', "line 2, column 25"),
                            ("int fine = 3;\nfine->x = 2;", "line 2, column 7"),
                            ("#include \"no_such_file.h\"", "line 1, column 10"),
                            ("Tape *t = tape_create();\ntensor_add(t,\n           missing);", "line 3, column 12")):
            answer = self.fail_in(code, "CompileError")
            self.assertIn(place, answer.error)

    def test_unclosed_brackets_and_quotes_do_not_hang(self):
        for code in ("int f(void) {", "printf(\"abc);", "if (1", "}", "/* open", "#if 1\nint x;", "'", "int x[3", "\\", "@", "`$"):
            self.run_cell(code)
        self.shows("1 + 1", "2")

    def test_a_failed_cell_defines_nothing(self):
        self.fail_in("int halfway = 1;\nbroken(;", "CompileError")
        self.fail_in("halfway", "CompileError")

    def test_names_in_messages_are_the_cells(self):
        self.succeed("int named = 1;")
        answer = self.fail_in("named(3);", "CompileError")
        self.assertNotIn("__", answer.error)

    def test_statements_are_in_the_cell(self):
        self.assertIn("void function 'cell' should not return a value", self.fail_in("return 3;", "CompileError").error)
        self.assertIn("identifier 'cell_2'", self.fail_in("cell_2", "CompileError").error)

    def test_a_warning_is_shown_and_the_cell_runs(self):
        answer = self.succeed('printf("%d\\n", 2.5);\n5')
        self.assertIn("line 1, column 16: warning: format specifies type 'int'", answer.stderr)
        self.assertEqual(answer.value, "5")

    def test_a_function_that_is_defined_nowhere(self):
        answer = self.fail_in("int nowhere(int x);\nnowhere(3);", "CompileError")
        self.assertIn("nowhere", answer.error)
        self.shows("2 + 2", "4")

    def test_a_mistake_keeps_everything(self):
        self.succeed("Tape *tape = tape_create();\nTensor *a = tensor_zeros(SHAPE(2, 3));\nint reached = 0;")
        answer = self.fail_in("reached = 1;\ntensor_matmul(a, a);\nreached = 2;", "Mistake")
        self.assertIn("tensor_matmul: (2, 3) x (2, 3): inner sizes 3 and 2 differ  [cell ", answer.error)
        self.assertIn(":2, cell()]", answer.error)
        self.shows("reached", "1")
        self.shows("a->shape", "(2, 3)")

    def test_a_mistake_within_a_module_leaves_the_tape_usable(self):
        self.succeed("Tape *taped = tape_create();\nAttention attn;\n"
                     "attention_init(&attn, NULL, \"attn\", (AttentionConfig){.n_embd = 4, .n_head = 2});")
        self.fail_in("tape_no_grad_begin();\nattention_forward(&attn, tensor_zeros(SHAPE(1, 2, 3)));", "Mistake")
        self.shows("taped->no_grad_depth == 0 && taped->scope == NULL", "1")

    def test_assert_and_abort_and_division(self):
        self.succeed("int kept = 3;")
        answer = self.fail_in("assert(kept == 4);", "Abort")
        self.assertIn("kept == 4", answer.stderr)
        self.fail_in("int zero = 0;\nint quotient = kept / zero;", "Division")
        self.shows("kept", "3")

    def test_exit_ends_the_cell_and_not_the_engine(self):
        self.succeed("int before_exit = 3;")
        answer = self.fail_in("before_exit = 4;\nexit(3);\nbefore_exit = 5;", "Exit")
        self.assertIn("exit(3)", answer.error)
        self.shows("before_exit", "4")
        self.succeed("exit(0);")
        self.fail_in("_exit(4);", "Crash")

    def test_reading_finds_the_end(self):
        self.shows("getchar()", "-1")

    def test_100_mb_of_output_are_cut(self):
        answer = self.succeed('char *block = malloc(1 << 20);\nmemset(block, 120, 1 << 20);\n'
                              'for (int i = 0; i < 100; i++) fwrite(block, 1, 1 << 20, stdout);\n'
                              'printf("\\nlast\\n");\nfree(block);')
        self.assertLess(len(answer.stdout), 2 << 20)
        self.assertIn("104.9 MB", answer.stderr)
        self.shows("6 * 7", "42")

    def test_commands(self):
        self.assertIn("%rerun", self.fail_in("%nonsense", "Unknown").error)
        self.succeed("int forgotten = 1;")
        self.succeed("%restart")
        self.fail_in("forgotten", "CompileError")


class CrashTest(KernelCase):
    def test_a_crash_is_told_and_the_cells_can_be_run_again(self):
        self.succeed("%restart")
        self.succeed("int seen = 3;\nint *nothing = NULL;")
        self.succeed("seen++;")
        answer = self.fail_in("*nothing = 1;", "Crash")
        self.assertIn("Segmentation fault", answer.error)
        self.assertIn("through a NULL pointer", answer.error)
        self.assertIn("%rerun", answer.error)
        self.fail_in("seen", "CompileError")
        self.succeed("%rerun")
        self.shows("seen", "4")

    def test_endless_recursion(self):
        answer = self.fail_in("int deeper(int n) { return n + deeper(n + 1); }\ndeeper(0);", "Crash")
        self.assertIn("the end of the stack", answer.error)
        self.shows("1 + 2", "3")

    def test_a_forked_child_ends_with_its_cell(self):
        self.succeed("#include <sys/wait.h>\nint in_parent = 1;\npid_t child = fork();\nif (child == 0) in_parent = 2;")
        self.shows("in_parent", "1")
        self.shows("int status = 5;\nbool ended = waitpid(child, &status, 0) == child && status == 0;\nended", "true")
        self.fail_in("if (fork() == 0) tensor_sum(NULL);\nabort();", "Abort")
        self.shows("in_parent + 1", "2")

    def test_an_engine_that_cannot_be_heard_is_ended(self):
        self.fail_in("for (int i = 3; i < 256; i++) close(i);", "Crash")
        self.shows("1 + 4", "5")

    def test_memory_freed_twice(self):
        self.run_cell("char *twice_freed = malloc(10);\nfree(twice_freed);\nfree(twice_freed);")
        self.shows("1 + 3", "4")

    def interrupt_after(self, code, seconds=0.5):
        timer = threading.Timer(seconds, self.notebook.interrupt)
        timer.start()
        return self.run_cell(code)

    def test_an_endless_loop_is_interrupted_and_variables_stay(self):
        self.succeed("volatile long rounds = 0;")
        answer = self.interrupt_after("while (1) rounds++;")
        self.assertEqual((answer.status, answer.name), ("error", "Interrupted"))
        self.assertGreater(int(self.succeed("rounds").value), 1000)

    def test_a_loop_in_the_library_is_interrupted(self):
        self.succeed("Tape *looped = tape_create();\nTensor *m = tensor_full(SHAPE(200, 200), 0.001);")
        answer = self.interrupt_after("while (1) { tensor_matmul(m, m); tape_reset(looped); m = tensor_full(SHAPE(200, 200), 0.001); }")
        self.assertEqual(answer.status, "error")
        self.shows("7", "7")

    def test_an_endless_stream_of_output_is_interrupted(self):
        answer = self.interrupt_after('while (1) printf("on and on\\n");')
        self.assertEqual(answer.status, "error")
        self.shows("8", "8")

    def test_sleep_is_interrupted(self):
        answer = self.interrupt_after("while (1) sleep(100);")
        self.assertEqual(answer.status, "error")
        self.shows("9", "9")


class OutputTest(KernelCase):
    def test_streams(self):
        answer = self.succeed('printf("out\\n");\nfprintf(stderr, "err\\n");')
        self.assertEqual((answer.stdout, answer.stderr), ("out\n", "err\n"))

    def test_output_comes_while_the_cell_runs(self):
        times = []
        self.succeed('printf("first\\n");\nusleep(700000);\nprintf("second\\n");', on_output=lambda text: times.append(time.monotonic()))
        self.assertGreater(times[-1] - times[0], 0.3)

    def test_values(self):
        for code, value in (("3 + 4", "7"), ("1 / 4.0", "0.25"), ("'a'", "97"), ("(bool)1", "true"), ("(unsigned char)200", "200"),
                            ('"text"', '"text"'), ("SHAPE(2, 3)", "(2, 3)"), ("(char *)0", "NULL"), ("1.0f / 3", "0.333333343")):
            self.shows(code, value)
        self.assertEqual(self.succeed("3 + 4;").data, [])
        self.assertEqual(self.succeed('(void)0').data, [])

    def test_a_struct_shows_its_members(self):
        self.assertIn("l2 = 5", self.succeed("flow_stats((Real[]){3, -4}, 2)").value)

    def test_an_array_shows_its_entries(self):
        self.succeed('double thirds[3] = {1, -1 / 3.0, NAN};\nconst unsigned char bytes[] = {200, 7};\nint grid[2][3] = {{1, 2}, {3}};\n'
                     'const char *animals[] = {"a cat", "an ant"};\nchar pets[2][4] = {"cat", "dog"};\nint many[100] = {1, 2, 3};\n'
                     "many[99] = 7;\nint eight[8] = {8};\nbool both[2] = {true};\nShape shapes[2] = {{1, {1}}};")
        for code, value in (("thirds", "{1, -0.333333333, nan}"), ("bytes", "{200, 7}"), ("grid", "{{1, 2, 0}, {3, 0, 0}}"),
                            ("grid[1]", "{3, 0, 0}"), ("animals", '{"a cat", "an ant"}'), ("pets", '{"cat", "dog"}'),
                            ("many", "{1, 2, 3, ..., 0, 0, 7}"), ("eight", "{8, 0, 0, 0, 0, 0, 0, 0}"), ("both", "{true, false}"),
                            ("SHAPE(2, 3).size", "{2, 3, 0, 0}")):
            self.shows(code, value)
        self.assertEqual(self.succeed("shapes").data, [])

    def test_a_tensor_shows_itself(self):
        self.succeed("Tape *tape = tape_create();\nTensor *x = tensor_require_grad(tensor_from((float[]){1, 2, 3, 4}, SHAPE(2, 2)));")
        answer = self.succeed("tensor_label(x, \"x\")")
        self.assertEqual(answer.value, "x (2, 2)\n[[1 2]\n [3 4]]\nmean 2.5, rms 2.739, min 1, max 4\ngradient: none yet")
        self.assertIn("<table", answer.data[0]["text/html"])
        self.succeed("tensor_backward(tensor_sum(tensor_mul(x, x)));")
        self.assertIn("gradient\n[[2 4]\n [6 8]]\nmean 5, rms 5.477, min 2, max 8", self.succeed("x").value)

    def test_a_large_tensor_shows_its_edges(self):
        self.succeed("Tape *large = tape_create();\nTensor *wide = tensor_full(SHAPE(2, 100, 9), 0.5);")
        answer = self.succeed("wide")
        self.assertLess(len(answer.value), 1500)
        self.assertIn("...", answer.value)
        self.succeed("tape_reset(large);")
        self.assertIn("reset", self.succeed("wide").value)
        self.succeed("Tensor *late = tensor_full(SHAPE(2, 2), 0.5);\ntape_free(large);\nTape *next = tape_create();")
        self.assertEqual(self.succeed("late").value, "a tensor whose tape was reset or freed")
        self.assertEqual(self.succeed("wide").value, "a tensor whose tape was reset or freed")
        self.assertIn("used after its tape was reset", self.run_cell("tensor_exp(late)").error)

    def test_scalars_and_no_tensor(self):
        self.succeed("Tape *small = tape_create();")
        self.assertTrue(self.succeed("tensor_sum(tensor_full(SHAPE(3), 2))").value.startswith("() = sum  [cell "))
        self.assertEqual(self.succeed("(Tensor *)NULL").value, "NULL: no tensor")

    def test_a_picture_that_gnuplot_draws(self):
        answer = self.succeed('FILE *gnuplot = popen("gnuplot", "w");\n'
                              'fprintf(gnuplot, "set terminal svg; set output \'sine.svg\'; set title \'A wave\'; plot sin(x)\\n");\n'
                              "pclose(gnuplot);")
        self.assertIn("<svg", answer.data[0]["image/svg+xml"])
        self.assertIn("A wave", answer.data[0]["text/plain"])
        self.assertEqual(self.succeed("1").data, [{"text/plain": "1"}])

    def test_a_png(self):
        answer = self.succeed('FILE *png = popen("gnuplot", "w");\n'
                              'fprintf(png, "set terminal pngcairo; set output \'p.png\'; plot x\\n");\npclose(png);')
        self.assertTrue(answer.data[0]["image/png"].startswith("iVBOR"))

    def test_an_experiment_shows_picture_and_chart(self):
        answer = self.succeed("""
            int sizes[] = {3, 3, 3, 1};
            ExperimentConfig config = {.net = NET_MLP, .deep = {.sizes = sizes, .n_layer = 3}, .input = (float[]){1, 0, -1},
                                       .target = (float[]){0}, .arms = ARMS_BOTH, .seed = 123, .n_seeds = 2};
            Experiment experiment;
            Error error;
            experiment_run(&config, NULL, NULL, &experiment, &error) && plot_experiment(&experiment, NULL, "flow.svg", &error);""")
        self.assertIn("<svg", answer.data[0]["image/svg+xml"])
        self.assertIn("without shortcuts", answer.data[0]["text/plain"])
        self.assertGreater(answer.data[0]["text/plain"].count("\n"), 8)


class HelpTest(KernelCase):
    def complete(self, code):
        return self.notebook.ask("complete", code, len(code))["matches"]

    def inspect(self, code):
        return self.notebook.ask("inspect", code, len(code))["data"].get("text/plain", "")

    def test_completion(self):
        self.succeed("GPT *model_of_mine = NULL;\nint my_function(int x) { return x; }")
        self.assertIn("tensor_matmul", self.complete("Tensor *y = tensor_mat"))
        self.assertEqual(self.complete("model_of"), ["model_of_mine"])
        self.assertEqual(self.complete("my_fu"), ["my_function"])
        self.assertIn("lm_head", self.complete("model_of_mine->lm"))
        self.assertEqual(self.complete("model_of_mine->h[0].attn.c_at"), ["c_attn"])
        self.assertIn("NORM_PRE", self.complete("NORM_P"))
        self.assertEqual(self.complete("(3 + "), [])

    def test_inspection(self):
        self.succeed("int explained(int x) { return x; }")
        self.assertIn("(..., M, K) x (..., K, N) -> (..., M, N)", self.inspect("tensor_matmul"))
        self.assertIn("Tensor *tensor_matmul(Tensor *a, Tensor *b)", self.inspect("tensor_matmul(x, "))
        self.assertIn("int context_length;", self.inspect("GPTConfig"))
        self.assertIn("int explained(int)", self.inspect("explained"))
        self.assertIn("printf(const char *", self.inspect('printf("%d", '))
        self.assertEqual(self.inspect("no_such_name"), "")


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
    cases = [StateTest, RedefinitionTest, ErrorTest, CrashTest, OutputTest, HelpTest, MissingTest]
    sys.exit(counts.run(*cases, *([ProtocolTest] if KernelTests is not None else [])))
