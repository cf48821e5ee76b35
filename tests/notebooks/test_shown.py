#!/usr/bin/python3
"""What appears below a cell: output, values, tensors and pictures; and help."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support"), str(Path(__file__).resolve().parents[2] / "notebooks/kernel")]

import counts
import show
from kernels import KernelCase


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
                            ('"text"', '"text"'), ("SHAPE(2, 3)", "(2, 3)"), ("(char *)0", "NULL"), ("1.0f / 3", "0.333333343"),
                            ("__func__", '"cell"'), ("1e4000L", "1e+4000"), ("(__int128)1 << 62", "4611686018427387904"), ("({ int i = 3; i; })", "3"),
                            ('(const volatile char *)"text"', '"text"')):
            self.shows(code, value)
        self.assertEqual(self.succeed("3 + 4;").data, [])
        self.assertEqual(self.succeed('(void)0').data, [])

    def test_text_shows_what_it_holds(self):
        self.assertEqual(self.succeed('"caf\u00e9\\n\\x1b[31m\\xff"').value, '"caf\u00e9\\n\\x1b[31m\\xff"')

    def test_a_struct_shows_its_members(self):
        self.assertIn("l2 = 5", self.succeed("flow_stats((Real[]){3, -4}, 2)").value)

    def test_structs_in_structs_and_arrays_show_their_members(self):
        self.succeed('typedef struct Point { int x; double at[2]; char name[8]; struct { bool inner; }; Shape shape; } Point;\n'
                     'Point point = {1, {0.5, 2}, "abc", {true}, SIZES(2, 3)}, *to = &point, points[2] = {{.x = 7}, {.x = 8}};\n'
                     "union Both { int i; float f; } both = {.f = 1};\nstruct Bits { unsigned a : 3; int b : 5; } bits = {5, -7};")
        members = '{\n  x = 1\n  at = {0.5, 2}\n  name = "abc"\n  inner = true\n  shape = (2, 3)\n}'
        self.shows("point", "Point " + members)
        self.assertRegex(self.succeed("to").value, r"^0x[0-9a-f]+ -> ")
        self.assertTrue(self.succeed("to").value.endswith(" -> " + members))
        self.assertEqual(self.succeed("points").value.split("\n"),
                         ['{{x = 7, at = {0, 0}, name = "", inner = false, shape = ()},',
                          ' {x = 8, at = {0, 0}, name = "", inner = false, shape = ()}}'])
        self.shows("both", "union Both {\n  i = 1065353216\n  f = 1\n}")
        self.shows("bits", "struct Bits {\n  a = 5\n  b = -7\n}")
        self.shows("bits.a", "5")
        self.shows("bits.b", "-7")
        self.succeed("__int128 large = 5;")
        self.shows("(int)(large + 1)", "6")
        self.succeed("typedef struct Link { int (*f)(int); struct Link *next; } Link, *To;\nLink link = {0};\nTo to_link = &link;\n"
                     "struct { int i; } unnamed = {3};")
        self.shows("link", "Link {\n  f = NULL\n  next = NULL\n}")
        self.shows("to_link->next", "NULL")
        self.shows("unnamed", "struct {\n  i = 3\n}")
        self.assertIn("  norm = NORM_PRE\n", self.succeed('gpt_preset_find("tiny")->config').value)

    def test_enumerations_show_their_names(self):
        self.succeed("typedef enum Fruit { APPLE, PEAR = 5 } Fruit;\nFruit fruit = PEAR, none = 3, basket[] = {PEAR, APPLE};")
        for code, value in (("fruit", "PEAR"), ("none", "3"), ("basket", "{PEAR, APPLE}"), ("(Fruit)0", "APPLE")):
            self.shows(code, value)
        self.succeed("enum Mode { NO, READ = 1, WRITE = 4 } mode = READ | WRITE;")
        for code, value in (("mode", "5 (READ | WRITE)"), ("(enum Mode)4", "WRITE"), ("(enum Mode)7", "7")):
            self.shows(code, value)

    def test_pointers_show_what_they_point_to_if_it_can_be_read(self):
        self.succeed("int five = 5, *to_five = &five, *wild = (int *)16;\nchar *wild_text = (char *)16;\nvoid *untyped = NULL;\n"
                     'char letter = \'x\', *list[2] = {"one"}, long_text[5000];\nmemset(long_text, 97, 4999);\nint (*none)(int) = NULL;')
        self.assertRegex(self.succeed("to_five").value, r"^0x[0-9a-f]+ -> 5$")
        for code, value in (("wild", "0x10"), ("wild_text", "0x10"), ("untyped", "NULL"), ("none", "NULL"), ("letter", "120 'x'"),
                            ("list", '{"one", NULL}'), ("long_text", '"' + 2000 * "a" + '"...')):
            self.shows(code, value)
        self.assertIn("a function, int (const char *, ...)", self.succeed("printf").value)
        self.succeed("int thrice(int x) { return 3 * x; }")
        self.assertRegex(self.succeed("thrice").value, r"^0x[0-9a-f]+ -> a function, int \(int\)")

    def test_an_error_shows_its_message(self):
        self.succeed('Error error;\ngpt_load("/nonexistent", &error);')
        self.assertIn('message = "/nonexistent', self.succeed("error").value)

    def test_gradients_tapes_and_nodes_show_their_contents(self):
        self.succeed("Tape *tape = tape_create();\nTensor *x = tensor_label(tensor_from((float[]){1, 2, 3, 4}, SHAPE(2, 2)), \"x\");\n"
                     "tensor_require_grad(x);")
        self.shows("tape", "an empty tape")
        self.shows("x->grad", "NULL: no gradient yet")
        self.succeed("Tensor *y = tensor_mul(x, x);\nTensor *z = tensor_sum(y);\ntensor_backward(z);")
        self.shows("x->grad", "gradient of x (2, 2)\n[[2 4]\n [6 8]]\nmean 5, rms 5.477, min 2, max 8")
        self.shows("(*x).data", "data of x (2, 2)\n[[1 2]\n [3 4]]\nmean 2.5, rms 2.739, min 1, max 4")
        rows = [line.split() for line in self.succeed("tape").value.split("\n")]
        self.assertEqual([row[:2] for row in rows], [["node", "op"], ["0", "mul"], ["1", "sum"]])
        self.assertEqual([line.split() for line in self.succeed("z->node").value.split("\n")], [rows[0], rows[2]])
        self.shows("x->node", "NULL: no node; no operation made this tensor")
        self.succeed("tape_reset(tape);")
        self.shows("z->node", "a node that is not on the current tape")
        self.shows("tape_current() == tape", "1")
        self.shows("(Tape *)NULL", "NULL: no tape")
        self.shows("tape_free(tape);\ntape", "a tape that was freed")
        self.shows("Tape *again = tape_create();\nz->node", "a node that is not on the current tape")
        self.shows("again", "an empty tape")

    def test_an_array_shows_its_entries(self):
        self.succeed('double thirds[3] = {1, -1 / 3.0, NAN};\nconst unsigned char bytes[] = {200, 7};\nint grid[2][3] = {{1, 2}, {3}};\n'
                     'const char *animals[] = {"a cat", "an ant"};\nchar pets[2][4] = {"cat", "dog"};\nint many[100] = {1, 2, 3};\n'
                     "many[99] = 7;\nint eight[8] = {8};\nbool both[2] = {true};\nShape shapes[2] = {{1, {1}}};")
        for code, value in (("thirds", "{1, -0.333333333, nan}"), ("bytes", "{200, 7}"), ("grid", "{{1, 2, 0}, {3, 0, 0}}"),
                            ("grid[1]", "{3, 0, 0}"), ("animals", '{"a cat", "an ant"}'), ("pets", '{"cat", "dog"}'),
                            ("many", "{1, 2, 3, ..., 0, 0, 7}"), ("eight", "{8, 0, 0, 0, 0, 0, 0, 0}"), ("both", "{true, false}"),
                            ("SHAPE(2, 3).size", "{2, 3, 0, 0}"), ("shapes", "{(1), ()}")):
            self.shows(code, value)

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
        self.assertIn("min nan, max nan", self.succeed("tensor_full(SHAPE(2), NAN)").value)

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


class LocaleTest(KernelCase):
    """A cell that switches to a locale with decimal commas gets them from printf, and nowhere else."""

    @classmethod
    def setUpClass(cls):
        cls.locales = tempfile.TemporaryDirectory()
        subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", f"{cls.locales.name}/de_DE.UTF-8"], check=True)
        cls.environment = {"LOCPATH": cls.locales.name, "LC_ALL": "de_DE.UTF-8"}
        super().setUpClass()
        cls.notebook.run('#include <locale.h>\nsetlocale(LC_ALL, "");\nTape *tape = tape_create();')

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.locales.cleanup()

    def test_printf_has_a_comma_and_shown_values_have_none(self):
        self.assertEqual(self.succeed('printf("%.1f\\n", 2.5);').stdout, "2,5\n")
        self.shows("2.5", "2.5")
        self.shows("(double[]){0.5, 1.5}", "{0.5, 1.5}")
        self.shows("tensor_full(SHAPE(2), 0.5)", "(2)\n[0.5 0.5]\nmean 0.5, rms 0.5, min 0.5, max 0.5")
        self.assertIn(" 1.5 ", self.succeed("tensor_scale(tensor_full(SHAPE_SCALAR, 1), 1.5);\ntape").value)
        self.assertEqual(self.succeed('printf("%.1f\\n", 2.5);').stdout, "2,5\n")

    def test_plots_have_points(self):
        answer = self.succeed("""
            double ys[] = {0, 0.25, 1};
            Chart chart = {.title = "t", .x_label = "x", .y_label = "y", .lines = &(ChartLine){"l", NULL, ys, 3}, .n_lines = 1};
            Error error;
            plot_chart(&chart, "comma.svg", &error);""")
        texts = show.svg_texts(answer.data[0]["image/svg+xml"])
        self.assertIn("0.5", texts)
        self.assertEqual([text for text in texts if "," in text], [])
        self.assertNotIn(",", answer.data[0]["text/plain"])


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

    def test_completion_offers_public_names_only(self):
        self.succeed("Tensor *mine = NULL; int own_count = 0;")
        self.assertEqual(self.complete("own_"), ["own_count"])
        offered = {name for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" for name in self.complete(letter)}
        self.assertTrue({"tensor_add", "gpt_forward", "Tensor", "SHAPE", "NORM_PRE", "mine", "printf", "sqrt", "while"} <= offered)
        internal = {name for name in offered if name.startswith(("_", "cell_", "kernel_")) or "__" in name}
        self.assertEqual(internal | offered & {"tanf32x", "random_r", "canonicalize_file_name", "op_check", "tensor_new"}, set())

    def test_inspection(self):
        self.succeed("int explained(int x) { return x; }")
        self.assertIn("(..., M, K) x (..., K, N) -> (..., M, N)", self.inspect("tensor_matmul"))
        self.assertIn("Tensor *tensor_matmul(Tensor *a, Tensor *b)", self.inspect("tensor_matmul(x, "))
        self.assertIn("int context_length;", self.inspect("GPTConfig"))
        self.assertIn("int explained(int)", self.inspect("explained"))
        self.assertIn("printf(const char *", self.inspect('printf("%d", '))
        self.assertEqual(self.inspect("no_such_name"), "")


if __name__ == "__main__":
    sys.exit(counts.run(OutputTest, LocaleTest, HelpTest))
