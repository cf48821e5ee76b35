// test_dot.c: the tape as a drawing: what stands in it, which arrows are how wide, and that Graphviz can read it.

#include "tensor/inspect/inspect.h"
#include "tests/cli/run.h"
#include "tests/support/capture.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Tensor *weight;

static void start(void)
{
    weight = tensor_parameter("net.a", "weight", SHAPE(2, 2));
    memcpy(weight->data, (Real[]){1, 0, 0, 2}, 4 * sizeof(Real));
}

static void end(void)
{
    tensor_free(weight);
}

// y = x + relu(x W^T) in module net, its linear map in net.a; x made outside of it. Everything keeps its gradient.
static Tensor *compute(void)
{
    Tensor *leaf = tensor_require_grad(tensor_from((float[]){3, 4}, SHAPE(1, 2)));
    tensor_label(leaf, "a<b>&c");
    Tensor *x = tensor_scale(leaf, 1.0);
    tape_scope("net");
    tape_scope("net.a");
    Tensor *h = tensor_linear(x, weight, NULL);
    tape_scope("net");
    Tensor *r = tensor_relu(h);
    Tensor *y = tensor_label(tensor_add(x, r), "y");
    tape_scope(NULL);
    for (int i = 0; i < tape->n_nodes; i++) {
        tensor_retain_grad(tape->nodes[i]->output);
    }
    return y;
}

// What tape_write_dot writes. The caller frees it.
static char *drawn(const char *module, int n)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    ck_assert_ptr_nonnull(file);
    DotStyle style = {.module = module};
    ck_assert_int_eq(tape_write_dot(tape, &style, file), n);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

// Is each part there, one behind the other?
static void assert_in_order(const char *text, const char *const *parts, int n)
{
    const char *at = text;
    for (int i = 0; i < n; i++) {
        const char *found = strstr(at, parts[i]);
        ck_assert_msg(found != NULL, "\"%s\" is not in: %s", parts[i], at);
        at = found + strlen(parts[i]);
    }
}

static double width_of(const char *text, const char *edge)
{
    double width;
    const char *found = strstr(text, edge);
    ck_assert_msg(found != NULL, "%s is not in: %s", edge, text);
    ck_assert_int_eq(sscanf(strstr(found, "penwidth="), "penwidth=%lf", &width), 1);
    return width;
}

START_TEST(before_backward_there_are_operations_modules_and_shapes)
{
    static const char *const parts[] = {
        "digraph tape {\n",
        "n0 [fillcolor=\"#f1f3f5\", label=\"scale\"]\n",
        "subgraph cluster_1 {\nlabel=\"net\"\n",
        "n2 [fillcolor=\"#fff3bf\", label=\"relu\"]\n",
        "n3 [label=\"+\", shape=circle,",
        "color=\"#d9480f\"]\n",
        "n1 [fillcolor=\"#d0ebff\", label=\"linear\\na\\nweight (2, 2)\"]\n}\n",
        "in_0_0 [shape=ellipse, fillcolor=white, label=\"a<b>&amp;c\"]\n",
        "in_0_0 -> n0 [",
        "label=\"\u00a0\u00a0\u00a0(1, 2)\\l",
        "n0 -> n1 [color=\"#495057\", penwidth=0.80, ",
        "n1 -> n2 [",
        "n0 -> n3 [color=\"#d9480f\", penwidth=0.80, fontcolor=\"#d9480f\", style=dashed, weight=0, ",
        "n2 -> n3 [color=\"#495057\", ",
        "out_3 [shape=ellipse, fillcolor=white, label=\"y\"]\n",
        "n3 -> out_3 [",
        "\n}\n}\n",
    };
    compute();
    char *text = drawn(NULL, 4);
    assert_in_order(text, parts, (int)(sizeof parts / sizeof parts[0]));
    ck_assert_ptr_null(strstr(text, "came back")); // no gradients yet, so nothing about them
    free(text);
}
END_TEST

// dL/dy = (3, 4). The addition sends 5 both ways; through relu and W comes (3, 8), which is what x has got besides.
START_TEST(after_backward_arrows_carry_what_came_back)
{
    static const char *const parts[] = {
        "came back",     "weight (2, 2)  ", "n0 -> n1 [", "(1, 2)\\l\u00a0\u00a0\u00a08.54\\l",
        "n1 -> n2 [",    "\u00a05\\l",      "n0 -> n3 [", "(1, 2)\\l\u00a0\u00a0\u00a05\\l",
        "n3 -> out_3 [", "\u00a05\\l",
    };
    Tensor *y = compute();
    tensor_backward_from(y, (Real[]){3, 4});
    char *text = drawn(NULL, 4);
    assert_in_order(text, parts, (int)(sizeof parts / sizeof parts[0]));
    ck_assert_double_eq_tol(width_of(text, "in_0_0 -> n0 "), 6, 0.005); // sqrt(6^2 + 12^2), the largest
    double by_layer = width_of(text, "n0 -> n1 ");
    double by_shortcut = width_of(text, "n0 -> n3 ");
    // Two powers of ten below the largest is the thinnest, 0.8: each power of ten is 2.6 wide.
    ck_assert_double_eq_tol(by_layer, 6 - 2.6 * log10(13.41641 / 8.54400), 0.005);
    ck_assert_double_eq_tol(by_shortcut, 6 - 2.6 * log10(13.41641 / 5), 0.005);
    free(text);
}
END_TEST

// Each line of the legend stands where there is something that it explains.
START_TEST(the_legend_is_of_what_is_drawn)
{
    Tensor *loss = tensor_sum(compute());
    char *before = drawn(NULL, 5);
    ck_assert_ptr_nonnull(strstr(before, "Dashed, orange: shortcuts."));
    ck_assert_ptr_null(strstr(before, "L2 norms"));
    free(before);
    char *linear = drawn("net.a", 1);
    ck_assert_ptr_null(strstr(linear, "Dashed, orange: shortcuts."));
    ck_assert_ptr_null(strstr(linear, "label=\"\""));
    free(linear);
    tensor_backward(loss);
    char *after = drawn(NULL, 5);
    ck_assert_ptr_nonnull(strstr(after, "L2 norms of the gradients that came back.\\lDashed, orange: "));
    ck_assert_ptr_nonnull(strstr(after, "Dashed, orange: shortcuts."));
    free(after);
    linear = drawn("net.a", 1);
    ck_assert_ptr_nonnull(strstr(linear, "L2 norms"));
    ck_assert_ptr_null(strstr(linear, "Dashed, orange: shortcuts."));
    free(linear);
}
END_TEST

START_TEST(one_module_has_ellipses_where_it_begins_and_ends)
{
    static const char *const parts[] = {
        "subgraph cluster_1 {\nlabel=\"net\"\n",
        "in_1_0 [shape=ellipse, fillcolor=white, label=\"scale\"]\n",
        "in_1_0 -> n1 [",
        "in_1_0 -> n3 [",
        "n3 -> out_3 [",
    };
    compute();
    char *text = drawn("net", 3);
    assert_in_order(text, parts, (int)(sizeof parts / sizeof parts[0]));
    ck_assert_ptr_null(strstr(text, "n0 "));
    free(text);
    free(drawn("net.a", 1));
    ck_assert_int_eq(tape_write_dot(tape, &(DotStyle){.module = "ne"}, NULL), 0); // the beginning of a name is not a module
    ck_assert_int_eq(tape_write_dot(tape, &(DotStyle){.module = ""}, NULL), 4);
}
END_TEST

START_TEST(tensors_without_gradient_are_pale)
{
    Tensor *x = tensor_full(SHAPE(2), 1.0);
    tensor_sum(tensor_add(x, x));
    char *text = drawn(NULL, 2);
    const char *const parts[] = {"n1 [", "label=\"sum\\n4\"]", "in_0_0 -> n0 [color=\"#adb5bd\""};
    assert_in_order(text, parts, 3);
    ck_assert_ptr_null(strstr(text, "out_1"));   // a scalar's value stands in its box
    ck_assert_ptr_null(strstr(text, "#d9480f")); // x + x is not a shortcut
    free(text);
}
END_TEST

static bool graphviz_missing(const char *function)
{
    Run found = run_shell("command -v dot");
    bool missing = found.status != 0;
    run_free(&found);
    if (missing) {
        skip(function, "Graphviz is not installed");
    }
    return missing;
}

// What dot makes of the tape. The caller frees it.
static Run dot_run(const char *format, const DotStyle *style)
{
    char path[] = "/tmp/gptape-test-XXXXXX";
    char command[64];
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    FILE *file = fdopen(fd, "w");
    tape_write_dot(tape, style, file);
    fclose(file);
    snprintf(command, sizeof command, "dot -T%s %s", format, path);
    Run run = run_shell(command);
    unlink(path);
    return run;
}

START_TEST(graphviz_reads_it)
{
    if (graphviz_missing(__func__)) {
        return;
    }
    Tensor *y = compute();
    tensor_backward_from(y, (Real[]){3, 4});
    Run run = dot_run("plain", NULL);
    assert_quiet(&run);
    ck_assert_ptr_nonnull(strstr(run.out, "\nedge n0 n3 "));
    run_free(&run);
}
END_TEST

// From left to right, x of the first operation is less than that of the last; from top to bottom, they are above each other.
START_TEST(a_drawing_has_a_title_and_a_direction)
{
    if (graphviz_missing(__func__)) {
        return;
    }
    compute();
    for (int left_to_right = 0; left_to_right < 2; left_to_right++) {
        DotStyle style = {.title = "A \"title\" of <b>", .left_to_right = left_to_right == 1};
        Run run = dot_run("plain", &style);
        double first[2];
        double last[2];
        ck_assert_int_eq(sscanf(strstr(run.out, "\nnode n0 "), "\nnode n0 %lf %lf", &first[0], &first[1]), 2);
        ck_assert_int_eq(sscanf(strstr(run.out, "\nnode n2 "), "\nnode n2 %lf %lf", &last[0], &last[1]), 2);
        ck_assert(left_to_right ? last[0] > first[0] + 1 : last[1] < first[1] - 1);
        run_free(&run);
        run = dot_run("svg", &style);
        ck_assert_ptr_nonnull(strstr(run.out, ">A &quot;title&quot; of &lt;b&gt;<"));
        run_free(&run);
    }
}
END_TEST

// What a name holds is shown, and neither markup, nor a link, nor more of the drawing.
START_TEST(graphviz_shows_every_name_as_it_is)
{
    static const char *const names[][2] = {
        {"\" URL=\"http://x\" x=\"", "&quot; URL=&quot;http://x&quot; x=&quot;"},
        {"<b>&amp;</b>", "&lt;b&gt;&amp;amp;&lt;/b&gt;"},
        {"\\N\\G\\l", "\\N\\G\\l"},
        {"a\\", "a\\"},
        {"two\nlines", "two\\nlines"},
        {"\x1b[1m", "\\x1b[1m"},
        {"\xff\xc3", "\\xff\\xc3"},
        {"\xe2\x80\xae"
         "b",
         "\\u202eb"},
        {"\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac"},
        {"`touch RAN` $x %s", "`touch RAN` $x %s"},
        {"\"]; evil [label=\"", "&quot;]; evil [label=&quot;"},
    };
    if (graphviz_missing(__func__)) {
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        Tensor *y = tensor_label(tensor_scale(tensor_label(tensor_full(SHAPE(2), 1.0), names[i][0]), 2.0), names[i][0]);
        ck_assert_ptr_nonnull(y);
        Run run = dot_run("svg", &(DotStyle){.title = names[i][0]});
        char text[128];
        snprintf(text, sizeof text, ">%s<", names[i][1]);
        const char *title = strstr(run.out, text);
        ck_assert_msg(run.status == 0 && run.err[0] == '\0' && title != NULL, "%s: %s%.1500s", names[i][0], run.err, run.out);
        const char *in = strstr(title + 1, text);
        ck_assert_msg(in != NULL && strstr(in + 1, text) != NULL, "%s", run.out);
        ck_assert_ptr_null(strstr(run.out, "<a "));
        ck_assert_ptr_null(strstr(run.out, ">evil<"));
        run_free(&run);
        tape_reset(tape);
    }
}
END_TEST

START_TEST(graphviz_shows_every_byte_and_long_names)
{
    enum { LONG = 10000 };
    if (graphviz_missing(__func__)) {
        return;
    }
    char *title = calloc(LONG + 1, 1);
    ck_assert_ptr_nonnull(title);
    for (int i = 0; i < LONG; i++) {
        title[i] = (char)(1 + i % 255);
    }
    compute();
    Run run = dot_run("svg", &(DotStyle){.title = title});
    assert_succeeded(&run);
    ck_assert_str_eq(run.err, "");
    ck_assert_ptr_nonnull(strstr(run.out, ">\\x01\\x02\\x03\\x04\\x05\\x06\\a\\b\\t\\n"));
    ck_assert_ptr_nonnull(strstr(run.out, " !&quot;#$%&amp;&#39;()*+,&#45;./0"));
    ck_assert_ptr_nonnull(strstr(run.out, "\\xfe\\xff\\x01"));
    run_free(&run);
    free(title);
}
END_TEST

START_TEST(tape_dot_writes_to_stdout)
{
    compute();
    char *expected = drawn(NULL, 4);
    Capture capture = capture_start(STDOUT_FILENO);
    tape_dot(tape);
    char *text = capture_end(&capture);
    ck_assert_str_eq(text, expected);
    free(text);
    free(expected);
    capture = capture_start(STDOUT_FILENO);
    tape_dot(NULL);
    text = capture_end(&capture);
    ck_assert_str_eq(text, "<no tape>\n");
    free(text);
}
END_TEST

// The innermost module computes first here, and the outermost last.
START_TEST(a_module_lies_in_the_innermost_that_contains_it)
{
    static const char *const scopes[] = {"net.a.b", "net.a", "net"};
    Tensor *x = tensor_full(SHAPE(1), 1);
    for (int i = 0; i < 6; i++) {
        tape_scope(scopes[i / 2]);
        x = tensor_scale(x, 1);
    }
    char *text = drawn(NULL, 6);
    ck_assert_ptr_nonnull(strstr(text, "label=\"net\""));
    ck_assert_ptr_nonnull(strstr(text, "label=\"a\""));
    ck_assert_ptr_nonnull(strstr(text, "label=\"b\""));
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drawing");
    TCase *tests = case_with_tape(suite, "dot");
    tcase_add_checked_fixture(tests, start, end);
    tcase_add_test(tests, a_module_lies_in_the_innermost_that_contains_it);
    tcase_add_test(tests, before_backward_there_are_operations_modules_and_shapes);
    tcase_add_test(tests, after_backward_arrows_carry_what_came_back);
    tcase_add_test(tests, the_legend_is_of_what_is_drawn);
    tcase_add_test(tests, one_module_has_ellipses_where_it_begins_and_ends);
    tcase_add_test(tests, tensors_without_gradient_are_pale);
    tcase_add_test(tests, graphviz_reads_it);
    tcase_add_test(tests, a_drawing_has_a_title_and_a_direction);
    tcase_add_test(tests, graphviz_shows_every_name_as_it_is);
    tcase_add_test(tests, graphviz_shows_every_byte_and_long_names);
    tcase_add_test(tests, tape_dot_writes_to_stdout);
    return suite_run(suite);
}
