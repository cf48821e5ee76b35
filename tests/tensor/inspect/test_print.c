// test_print.c: what tensor_print and tape_print write, letter by letter.

#include "tensor/inspect/inspect.h"
#include "tests/support/capture.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Printed text must be expected, in which each @ stands for this file's name.
static void assert_text(char *printed, const char *expected)
{
    char whole[4096] = "";
    size_t used = 0;
    for (const char *at = expected; *at != '\0'; at++) {
        used += (size_t)snprintf(whole + used, sizeof whole - used, "%.*s", *at == '@' ? (int)strlen(__FILE__) : 1, *at == '@' ? __FILE__ : at);
    }
    ck_assert_msg(strcmp(printed, whole) == 0, "expected:\n%s\nprinted:\n%s", whole, printed);
    free(printed);
}

static char *printed_tensor(const Tensor *tensor)
{
    Capture capture = capture_start(STDOUT_FILENO);
    tensor_print(tensor);
    return capture_end(&capture);
}

static char *printed_tape(const Tape *of)
{
    Capture capture = capture_start(STDOUT_FILENO);
    tape_print(of);
    return capture_end(&capture);
}

static Tensor *numbers(Shape shape)
{
    Tensor *x = tensor_zeros(shape);
    size_t n = tensor_count(x);
    for (size_t i = 0; i < n; i++) {
        x->data[i] = (Real)i;
    }
    return x;
}

// A place that does not move with the lines of this file.
static Where here(void)
{
    return (Where){"model.c", 42, "forward"};
}

// ------------------------------------------------------------------------------------------------------------
// Tensors

START_TEST(a_matrix_has_a_row_a_line)
{
    const float values[] = {1, -2.5f, 3, 1e-10f, 12345.678f, 0};
    Tensor *x = tensor_from(values, SHAPE(2, 3));
    tensor_label(x, "input");
    assert_text(printed_tensor(x), "input (2, 3)\n"
                                   "[[          1        -2.5           3]\n"
                                   " [      1e-10   1.235e+04           0]]\n");
}
END_TEST

START_TEST(a_scalar_and_a_vector_have_one_line)
{
    assert_text(printed_tensor(tensor_full(SHAPE_SCALAR, 0.5)), "()\n[        0.5]\n");
    assert_text(printed_tensor(numbers(SHAPE(2))), "(2)\n[          0           1]\n");
}
END_TEST

START_TEST(more_dimensions_are_nested)
{
    assert_text(printed_tensor(numbers(SHAPE(2, 2, 2))), "(2, 2, 2)\n"
                                                         "[[[          0           1]\n"
                                                         "  [          2           3]]\n"
                                                         " [[          4           5]\n"
                                                         "  [          6           7]]]\n");
}
END_TEST

START_TEST(long_axes_show_three_at_each_end)
{
    assert_text(printed_tensor(numbers(SHAPE(7, 7))), "(7, 7)\n"
                                                      "[[          0           1           2  ...           4           5           6]\n"
                                                      " [          7           8           9  ...          11          12          13]\n"
                                                      " [         14          15          16  ...          18          19          20]\n"
                                                      " ...\n"
                                                      " [         28          29          30  ...          32          33          34]\n"
                                                      " [         35          36          37  ...          39          40          41]\n"
                                                      " [         42          43          44  ...          46          47          48]]\n");
    assert_text(printed_tensor(numbers(SHAPE(100))), "(100)\n"
                                                     "[          0           1           2  ...          97          98          99]\n");
}
END_TEST

START_TEST(six_values_are_not_shortened)
{
    assert_text(printed_tensor(numbers(SHAPE(6))), "(6)\n"
                                                   "[          0           1           2           3           4           5]\n");
}
END_TEST

START_TEST(infinite_values_are_shown)
{
    const float values[] = {INFINITY, -INFINITY};
    assert_text(printed_tensor(tensor_from(values, SHAPE(2))), "(2)\n[        inf        -inf]\n");
}
END_TEST

START_TEST(a_computed_tensor_shows_its_origin_and_gradient)
{
    Tensor *x = tensor_require_grad(numbers(SHAPE(2)));
    tape_scope("h.0.mlp");
    Tensor *y = (tensor_scale)(x, 3, here());
    tensor_retain_grad(tensor_label(y, "out"));
    tensor_backward(tensor_sum(y));
    assert_text(printed_tensor(y), "h.0.mlp.out (2) = scale  [model.c:42, forward()]\n"
                                   "[          0           3]\n"
                                   "grad\n"
                                   "[          1           1]\n");
}
END_TEST

START_TEST(without_a_gradient_only_values_are_shown)
{
    Tensor *x = tensor_require_grad(numbers(SHAPE(2)));
    Tensor *y = (tensor_scale)(x, 3, here());
    assert_text(printed_tensor(y), "(2) = scale  [model.c:42, forward()]\n"
                                   "[          0           3]\n");
    assert_text(printed_tensor(x), "(2)\n[          0           1]\n");
}
END_TEST

START_TEST(the_line_shown_is_the_one_of_the_call)
{
    char expected[200];
    int line = __LINE__ + 1;
    Tensor *y = tensor_relu(numbers(SHAPE(2)));
    snprintf(expected, sizeof expected, "(2) = relu  [@:%d, %s()]\n[          0           1]\n", line, __func__);
    assert_text(printed_tensor(y), expected);
}
END_TEST

START_TEST(other_values_are_reported_as_no_tensor)
{
    Tensor *x = numbers(SHAPE(2));
    tape_reset(tape);
    assert_text(printed_tensor(NULL), "<not a tensor: NULL>\n");
    assert_text(printed_tensor(x), "<not a tensor: its tape was reset>\n");
}
END_TEST

START_TEST(a_parameter_can_be_printed_without_a_tape)
{
    Tensor *parameter = tensor_parameter("wte", "weight", SHAPE(1, 2));
    tape_set_current(NULL);
    assert_text(printed_tensor(parameter), "wte.weight (1, 2)\n[[          0           0]]\n");
    tape_set_current(tape);
    tensor_free(parameter);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The tape

START_TEST(a_tape_has_a_node_a_line)
{
    Tensor *x = tensor_require_grad(tensor_full(SHAPE(2, 2), 2));
    tape_scope("layers.0");
    Tensor *y = (tensor_scale)(x, 3, here());
    tensor_retain_grad(tensor_label(y, "out"));
    Tensor *z = (tensor_add)(y, x, here());
    tensor_backward((tensor_mean)(z, here()));
    assert_text(printed_tape(tape), "node  op     inputs  shape   |y|  |dL/dy|  name          source\n"
                                    "   0  scale  leaf    (2, 2)   12      0.5  layers.0.out  model.c:42\n"
                                    "   1  add    0 leaf  (2, 2)   16        -                model.c:42\n"
                                    "   2  mean   1       ()        8        -                model.c:42\n");
}
END_TEST

START_TEST(many_inputs_are_cut_short)
{
    Tensor *parts[40];
    for (int i = 0; i < 40; i++) {
        parts[i] = tensor_full(SHAPE(1), 1);
    }
    (tensor_concat)(parts, 40, 0, here());
    char *text = printed_tape(tape);
    ck_assert_msg(strstr(text, "concat  leaf leaf leaf ") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "leaf  (40)  ") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "model.c:42\n") != NULL, "%s", text);
    free(text);
}
END_TEST

START_TEST(an_empty_tape_has_only_its_head)
{
    assert_text(printed_tape(tape), "node  op  inputs  shape  |y|  |dL/dy|  name  source\n");
}
END_TEST

START_TEST(no_tape_is_printed_as_such)
{
    assert_text(printed_tape(NULL), "<no tape>\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("print");
    TCase *tensor = case_with_tape(suite, "tensors");
    tcase_add_test(tensor, a_matrix_has_a_row_a_line);
    tcase_add_test(tensor, a_scalar_and_a_vector_have_one_line);
    tcase_add_test(tensor, more_dimensions_are_nested);
    tcase_add_test(tensor, long_axes_show_three_at_each_end);
    tcase_add_test(tensor, six_values_are_not_shortened);
    tcase_add_test(tensor, infinite_values_are_shown);
    tcase_add_test(tensor, a_computed_tensor_shows_its_origin_and_gradient);
    tcase_add_test(tensor, without_a_gradient_only_values_are_shown);
    tcase_add_test(tensor, the_line_shown_is_the_one_of_the_call);
    tcase_add_test(tensor, other_values_are_reported_as_no_tensor);
    tcase_add_test(tensor, a_parameter_can_be_printed_without_a_tape);

    TCase *tape = case_with_tape(suite, "tape");
    tcase_add_test(tape, a_tape_has_a_node_a_line);
    tcase_add_test(tape, many_inputs_are_cut_short);
    tcase_add_test(tape, an_empty_tape_has_only_its_head);
    tcase_add_test(tape, no_tape_is_printed_as_such);
    return suite_run(suite);
}
