#!/usr/bin/python3
"""What the notebooks' kernel says about mistakes, failures and crashes, and what they leave behind."""

import sys
import threading
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

import counts
from kernels import KernelCase


class ErrorTest(KernelCase):
    def test_a_syntax_error_is_reported_with_its_line(self):
        answer = self.fail_in("int a = 1;\nint b = 2\nint c = 3;", "CompileError")
        self.assertIn("line 2, column 10", answer.error)
        self.assertIn("missing ';' after the declaration", answer.error)
        self.assertIn("    int b = 2\n             ^", answer.error)

    def test_every_kind_of_place_has_its_line(self):
        for code, place in (("\n\n  undeclared(3);", "line 3, column 3"),
                            ("int f_broken(int x)\n{\n    return x +;\n}", "line 3, column 15"),
                            ("struct Broken {\n    int 3;\n};\nint fine = 3;", "line 2, column 9"),
                            ("int for = 3;", "line 1, column 5"),
                            ('printf("a");\nchar *é = "日本"; Tensor *t = 3.5;', "line 2, column 25"),
                            ("int fine = 3;\nfine->x = 2;", "line 2, column 7"),
                            ("#include \"no_such_file.h\"", "line 1, column 10"),
                            ("Tape *t = tape_create();\ntensor_add(t,\n           missing);", "line 3, column 12")):
            answer = self.fail_in(code, "CompileError")
            self.assertIn(place, answer.error)

    def test_what_is_missing_is_named_with_its_line(self):
        for code, place, message in (
                ('printf("a")\nprintf("b");', "line 1, column 12", "missing ';' after the expression"),
                ('printf("a")\nprintf("b")', "line 1, column 12", "missing ';' after the expression"),
                ("int x = 3;\nx\nx + 1", "line 2, column 2", "missing ';' after the expression"),
                ("int i = 0\ni++", "line 1, column 10", "missing ';' after the declaration"),
                ("int i = 0\nvoid f(void) { i = 2; }", "line 1, column 10", "missing ';' after the declaration"),
                ("int f(int x) {\n  return x\n}", "line 2, column 11", "missing ';' after the return statement"),
                ("int a = 1,\nint b = 2;", "line 1, column 10", "missing ';' after the declaration"),
                ("void f(void) {\n  return\n}", "line 2, column 9", "missing ';' at the end of this line"),
                ('void f(int i) {\n  if (i) return\n  puts("a");\n}', "line 2, column 16", "missing ';' at the end of this line"),
                ("int i = 3\n*(&i) = 4;", "line 1, column 10", "missing ';' at the end of this line"),
                ("int i = 3\n(void)i;", "line 1, column 10", "missing ';' at the end of this line"),
                ("int i = 3;\ni = 5\n*(&i) = 4\ni = 6;", "line 2, column 6", "missing ';' at the end of this line"),
                ("if 1 == 2 { }", "line 1, column 4", "missing '(' after 'if'"),
                ("int i = 0;\nwhile (i < 3) i++", "line 2, column 18", "missing ';' after the expression"),
                ("struct P { int a; }\nint b = 2;", "line 1, column 20", "missing ';' after the struct"),
                ("struct P { int a; }\nint f(void) { return 1; }", "line 1, column 20", "missing ';' after the struct"),
                ("struct P { int a; }", "line 1, column 20", "missing ';' after the struct"),
                ("int c = 3;\nenum Color { RED, GREEN }", "line 2, column 26", "missing ';' after the enum"),
                ("enum Color { RED, GREEN }\nint b;", "line 1, column 26", "missing ';' after the enum"),
                ("typedef struct { int a; } Q\nQ q;", "line 1, column 26", "missing ';' after the struct"),
                ('printf("a"', "line 1, column 7", "missing ')': this '(' is not closed"),
                ('void f(void) {\n    if (1 {\n        puts("a");\n    }\n}', "line 2, column 8", "missing ')': this '(' is not closed"),
                ('printf("a";\nint c = 3;', "line 1, column 11", "missing ')'"),
                ('int c = 3;\nprintf("%d", (c + 1;', "line 2, column 20", "missing ')'"),
                ("int a[3 = {1, 2, 3};", "line 1, column 20", "missing ']'"),
                ("for (int i = 0; i < 3; i++) {\n    i;\n\nint d = 5;", "line 1, column 29", "missing '}': this '{' is not closed"),
                ("int f(void)\n{\n    if (1) {\n        f();\n    return 1;\n}", "line 3, column 12", "missing '}'"),
                ("int g(void) { return 1; }}", "line 1, column 26", "missing '{' before it"),
                ('int c = 3;\nprintf("a);', "line 2, column 8", 'missing " at the end of this text'),
                ("/* open\nint a;", "line 1, column 1", "missing */ at the end of this comment")):
            error = self.fail_in(code, "CompileError").error
            self.assertIn(place, error)
            self.assertIn("error: " + message if "before it" not in message else message, error)
            self.assertEqual(error.count("error: "), 1, error)

    def test_brackets_that_only_look_unclosed(self):
        self.succeed("#if 0\nthis isn't C (\n#endif\nint fine = ')' + \")\"[0]; /* ( */ // {\nfor (;;) break;")

    def test_unknown_names_get_a_suggestion(self):
        for code, message in (('prinf("a");', "unknown function 'prinf'; did you mean 'printf'?"),
                              ("Tenser *t = NULL;", "unknown name 'Tenser'; did you mean 'Tensor'?"),
                              ("Tensor *t = tensor_zero(SHAPE(2));", "unknown function 'tensor_zero'; did you mean 'tensor_zeros'?"),
                              ("tensor_zeros", "missing '(' and arguments after 'tensor_zeros'"), ("tensor_zeros(2, 3);", "error: too many arguments\n"),
                              ('string s = "a";', "unknown name 'string'\n"), ("isdigit('3')", "unknown function 'isdigit': missing #include <ctype.h>"),
                              ("INT_MAX", "unknown name 'INT_MAX': missing #include <limits.h>")):
            self.assertIn(message, self.fail_in(code, "CompileError").error)

    def test_messages_are_red_and_lines_of_the_cell_are_not(self):
        answer = self.fail_in("int a = 1\nint b;", "CompileError")
        self.assertEqual(answer.traceback[0][:5] + answer.traceback[0][-4:], "\x1b[31m\x1b[0m")
        self.assertEqual(answer.traceback[1], "    int a = 1")
        self.assertIn("\x1b[31m", self.fail_in("tensor_sum(NULL);", "Mistake").traceback[0])

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
        self.succeed("typedef struct Opaque Opaque;\nOpaque *opaque;")
        self.assertIn("line 1, column 1: error: the members of 'struct Opaque' are unknown", self.fail_in("*opaque", "CompileError").error)
        answer = self.fail_in("int twice;\nint twice;", "CompileError")
        self.assertIn("redefinition of 'twice'", answer.error)
        self.assertNotRegex(answer.error, "__|included from|input_line|/tmp")

    def test_statements_are_in_the_cell(self):
        self.assertIn("return outside of a function", self.fail_in("return 3;", "CompileError").error)
        self.assertIn("unknown name 'cell_2'", self.fail_in("cell_2", "CompileError").error)

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

    def test_assert_and_abort(self):
        self.succeed("int kept = 3;")
        answer = self.fail_in("assert(kept == 4);", "Abort")
        self.assertIn("kept == 4", answer.stderr)
        self.shows("kept", "3")

    def test_what_c_leaves_undefined_has_no_value(self):
        self.succeed("int zero = 0, row[3] = {1, 2, 3};\nint smallest = -2147483647 - 1;\nint quotient(int x) { return 1 / x; }")
        for code, place in (("1/0", "division"), ("5 % 0", "division"), ("int x = 1 / 0; x", "division"), ("int pair[2] = {1 / 0, 2};", "division"),
                            ("row[0] / zero", "division"), ("quotient(0)", "division"), ("smallest / -1", "division"), ("1 << 40", "shift"),
                            ("1 >> (zero - 1)", "shift"), ("2147483647 + row[0]", "integer result"), ("smallest - 1", "integer result"),
                            ("smallest * row[1]", "integer result"), ("-smallest", "integer result"), ("(int)1e30", "conversion"),
                            ("(int)(0.0 / 0)", "conversion"), ("row[3]", "an index"), ("row[zero - 1] = 2;", "an index")):
            self.assertIn(place, self.fail_in(code, "Undefined").error, code)
        self.shows("zero ? 1 / 0 : row[2]", "3")
        self.shows("-1 << 3", "-8")
        self.shows("1.0 / zero", "inf")

    def test_a_cell_that_closes_or_redirects_the_streams_keeps_those_of_later_cells(self):
        for code in ("close(1);", "close(2);", "close(0);", "fclose(stdout);", "fclose(stderr);", "fclose(stdin);", "stdout = stderr = NULL;",
                     'freopen("/dev/null", "w", stdout);', "dup2(0, 2);", "for (int i = 0; i < 64; i++) close(i);", "fcloseall();",
                     "close(1);\nexit(1);"):
            self.run_cell(code)
            answer = self.succeed('printf("out\\n");\nfprintf(stderr, "err\\n");\ngetchar()')
            self.assertEqual((answer.stdout, answer.stderr, answer.value), ("out\n", "err\n", "-1"), code)
        self.succeed('FILE *diverted = fopen("diverted", "w");\ndup2(fileno(diverted), 1);\nprintf("to a file\\n");')
        self.assertEqual(self.notebook.file("diverted").read_text(), "to a file\n")

    def test_exit_ends_the_cell_and_not_the_engine(self):
        self.succeed("int before_exit = 3;")
        answer = self.fail_in("before_exit = 4;\nexit(3);\nbefore_exit = 5;", "Exit")
        self.assertIn("exit status 3", answer.error)
        self.shows("before_exit", "4")
        self.succeed("exit(0);")
        self.fail_in("_exit(4);", "Crash")

    def test_a_failure_in_another_thread_ends_that_thread_and_the_cell(self):
        self.succeed("#include <pthread.h>\nint nought = 0;\nvoid *sums(void *x) { return tensor_sum(x); }\nvoid *leaves(void *x) { exit(3); }\n"
                     "void *divides(void *x) { nought = 1 / nought; return x; }\nvoid *asserts(void *x) { assert(x != NULL); return x; }\n"
                     "void in_thread(void *f(void *)) { pthread_t t; pthread_create(&t, NULL, f, NULL); pthread_join(t, NULL); }")
        for function, name in (("sums", "Mistake"), ("leaves", "Exit"), ("divides", "Undefined"), ("asserts", "Abort")):
            self.fail_in(f"in_thread({function});", name)
            self.shows("gettid() == getpid()", "1")     # later cells do not run on the thread that failed
        self.assertEqual(self.run_cell('in_thread(sums);\nprintf("joined\\n");').stdout, "joined\n")

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
    def test_a_crash_is_reported_and_the_cells_can_be_run_again(self):
        self.succeed("%restart")
        self.succeed("int seen = 3;\nint *nothing = NULL;")
        self.succeed("seen++;")
        answer = self.fail_in("*nothing = 1;", "Crash")
        self.assertIn("Segmentation fault", answer.error)
        self.assertIn("use of a NULL pointer", answer.error)
        self.assertIn("invalid memory address", self.fail_in("*(int *)0x8000000000000000 = 1;", "Crash").error)
        self.succeed("int seen = 3;\nint *nothing = NULL;")
        self.succeed("seen++;")
        self.fail_in("*nothing = 1;", "Crash")
        self.assertIn("%rerun", answer.error)
        self.fail_in("seen", "CompileError")
        self.succeed("%rerun")
        self.shows("seen", "4")

    def test_endless_recursion(self):
        answer = self.fail_in("int deeper(int n) { return n + deeper(n + 1); }\ndeeper(0);", "Crash")
        self.assertIn("stack overflow", answer.error)
        self.shows("1 + 2", "3")

    def test_a_forked_child_ends_with_its_cell(self):
        self.succeed("#include <sys/wait.h>\nint in_parent = 1;\npid_t child = fork();\nif (child == 0) in_parent = 2;")
        self.shows("in_parent", "1")
        self.shows("int status = 5;\nbool ended = waitpid(child, &status, 0) == child && status == 0;\nended", "true")
        self.fail_in("if (fork() == 0) tensor_sum(NULL);\nabort();", "Abort")
        self.shows("in_parent + 1", "2")

    def test_an_engine_that_cannot_be_heard_is_ended(self):
        self.fail_in("closefrom(3);", "Crash")
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

    def test_an_interrupt_leaves_tape_model_and_gradients_as_they_were(self):
        self.succeed("""
            Tape *mine = tape_create();
            Error error;
            GPTConfig config = gpt_preset_find("tiny")->config;
            GPT *gpt = gpt_create(&config, 1, &error);
            kernels_set_threads(1);
            gpt->recompute = true;
            int ids[8] = {1, 2, 3, 4, 5, 6, 7, 8}, targets[8] = {2, 3, 4, 5, 6, 7, 8, 9}, text[40] = {1};
            ParameterList parameters = module_parameters(&gpt->module);
            Random random;
            GenerateConfig generate = {.n_new = 30, .temperature = 1, .top_p = 1, .cache = true};

            double gradient(void)
            {
                module_train(&gpt->module, true);
                module_zero_grad(&gpt->module);
                tensor_backward(tensor_cross_entropy(gpt_forward(gpt, ids, 1, 8), targets));
                tape_reset(mine);
                return grad_norm(&parameters);
            }
            random_seed(&random, 1);""")
        expected = self.succeed("gradient()").value
        for loop in ("for (;;) gradient();", "for (;;) gpt_generate(gpt, &generate, &random, text, 1, &error);"):
            for seconds in (0.3, 0.45, 0.6):
                self.assertEqual(self.interrupt_after(loop, seconds).name, "Interrupted")
                self.shows("tape_current() == mine && mine->no_grad_depth == 0 && mine->scope == NULL && gpt->module.training "
                           "&& gpt->h[0].attn.cache == NULL", "1")
                self.shows("tape_reset(mine);\ngradient()", expected)

    def test_an_endless_stream_of_output_is_interrupted(self):
        answer = self.interrupt_after('while (1) printf("on and on\\n");')
        self.assertEqual(answer.status, "error")
        self.shows("8", "8")

    def test_sleep_is_interrupted(self):
        answer = self.interrupt_after("while (1) sleep(100);")
        self.assertEqual(answer.status, "error")
        self.shows("9", "9")


if __name__ == "__main__":
    sys.exit(counts.run(ErrorTest, CrashTest))
