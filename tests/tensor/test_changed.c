// test_changed.c: values that change between forward and backward.
//
// PyTorch: "one of the variables needed for gradient computation has been modified by an inplace operation".

#include "tensor/op.h"
#include "nn/nn.h"
#include "tests/support/mistake.h"
#include "tests/support/suite.h"

static Tensor *parameter(const char *label, Shape shape)
{
    Tensor *x = tensor_parameter("m", label, shape);
    for (size_t i = 0; i < tensor_count(x); i++) {
        x->data[i] = (Real)(i + 1);
    }
    return x;
}

START_TEST(a_parameter_changed_before_backward_is_a_mistake)
{
    Tensor *a = parameter("a", SHAPE(3));
    Tensor *b = parameter("b", SHAPE(3));
    Tensor *loss = tensor_sum(tensor_mul(a, b, HERE), HERE);
    tensor_changed(b, (Where){"user.c", 7, "train"});
    assert_mistake_begins("tensor_mul, backward of node 0: input 1 m.b (3) was changed at user.c:7, train(), after the operation had read it",
                          tensor_backward(loss, HERE));
    ck_assert_ptr_null(a->grad);
    ck_assert_ptr_null(b->grad);
    tape_reset(tape);
    tensor_backward(tensor_sum(tensor_mul(a, b, HERE), HERE), HERE);
    ck_assert_float_eq(a->grad[2], 3);
    tensor_free(a);
    tensor_free(b);
}
END_TEST

START_TEST(a_parameter_changed_after_backward_is_none)
{
    Tensor *a = parameter("a", SHAPE(3));
    ParameterList list = {&a, 1, 3};
    for (int step = 0; step < 3; step++) {
        tensor_zero_grad(a);
        tensor_backward(tensor_sum(tensor_mul(a, a, HERE), HERE), HERE);
        ck_assert_float_eq(a->grad[1], 2 * a->data[1]);
        sgd_step(&list, 0.1);
        tape_reset(tape);
    }
    tensor_free(a);
}
END_TEST

// y = x W^T + b: backward does not read b, and reads W only for dx.
START_TEST(what_backward_does_not_read_may_change)
{
    Tensor *weight = parameter("weight", SHAPE(2, 3));
    Tensor *bias = parameter("bias", SHAPE(2));
    Tensor *x = tensor_full(SHAPE(1, 3), 1, HERE);
    Tensor *loss = tensor_sum(tensor_linear(x, weight, bias, HERE), HERE);
    tensor_changed(bias, HERE);
    tensor_changed(weight, HERE);
    tensor_backward(loss, HERE);
    ck_assert_float_eq(weight->grad[5], 1);
    ck_assert_float_eq(bias->grad[1], 1);

    tensor_changed(x, HERE);
    assert_mistake_begins("tensor_linear, backward of node 0: input 0 (1, 3) was changed at ", tensor_backward(loss, HERE));
    tensor_free(weight);
    tensor_free(bias);
}
END_TEST

START_TEST(an_output_that_backward_reads_must_not_change)
{
    Tensor *x = tensor_require_grad(tensor_full(SHAPE(3), 1, HERE));
    Tensor *y = tensor_label(tensor_tanh(x, HERE), "y");
    Tensor *loss = tensor_sum(y, HERE);
    tensor_changed(y, HERE);
    assert_mistake_begins("tensor_tanh, backward of node 0: output 0 y (3) was changed at ", tensor_backward(loss, HERE));
}
END_TEST

// And what it shows with the view.
START_TEST(a_view_changes_with_what_it_shows)
{
    Tensor *a = parameter("a", SHAPE(2, 3));
    Tensor *view = tensor_reshape(tensor_reshape(a, SHAPE(3, 2), HERE), SHAPE(6), HERE);
    Tensor *loss = tensor_sum(tensor_mul(view, view, HERE), HERE);
    tensor_changed(a, HERE);
    assert_mistake_begins("tensor_mul, backward of node 2: input 0 m.a (6) was changed at ", tensor_backward(loss, HERE));

    tape_reset(tape);
    loss = tensor_sum(tensor_mul(a, a, HERE), HERE);
    tensor_changed(tensor_reshape(a, SHAPE(6), HERE), HERE);
    assert_mistake_begins("tensor_mul, backward of node 0: input 0 m.a (2, 3) was changed at ", tensor_backward(loss, HERE));
    tensor_free(a);
}
END_TEST

// Nothing that this loss depends on has changed.
START_TEST(what_another_loss_reads_may_change)
{
    Tensor *a = parameter("a", SHAPE(3));
    Tensor *b = parameter("b", SHAPE(3));
    Tensor *loss = tensor_sum(tensor_mul(a, a, HERE), HERE);
    tensor_sum(tensor_mul(b, b, HERE), HERE);
    tensor_changed(b, HERE);
    tensor_backward(loss, HERE);
    ck_assert_float_eq(a->grad[2], 6);
    ck_assert_ptr_null(b->grad);
    tensor_free(a);
    tensor_free(b);
}
END_TEST

// y = x^2, of which backward reads x, and may say so.
static void square_forward(Tensor **inputs, Tensor *y, const void *options)
{
    (void)options;
    for (size_t i = 0; i < tensor_count(y); i++) {
        y->data[i] = inputs[0]->data[i] * inputs[0]->data[i];
    }
}

static void square_backward(TapeNode *node)
{
    Real *dx = op_grad(node->inputs[0]);
    for (size_t i = 0; i < tensor_count(node->output); i++) {
        dx[i] += 2 * node->inputs[0]->data[i] * node->output->grad[i];
    }
}

START_TEST(an_operation_of_the_users_own_reads_all_unless_it_says_otherwise)
{
    static const char *const expected[] =
        {"square, backward of node 0: input 0 m.a (3) was changed at user.c:7, train(), after the operation had read it",
         "square, backward of node 0: output 0 (3) was changed at user.c:7, train(), after the operation had read it"};
    Op square = {.name = "square", .forward = square_forward, .backward = square_backward};
    Where where = {"user.c", 7, "train"};
    Tensor *a = parameter("a", SHAPE(3));
    for (int i = 0; i < 2; i++) {
        Tensor *y = tensor_custom(&square, &a, 1, SHAPE(3), NULL, HERE);
        Tensor *loss = tensor_sum(y, HERE);
        tensor_changed(i == 0 ? a : y, where);
        assert_mistake_begins(expected[i], tensor_backward(loss, HERE));
        ck_assert_ptr_null(a->grad);
        tape_reset(tape);
    }
    square.reads[0] = OP_READS_NONE;
    Tensor *loss = tensor_sum(tensor_custom(&square, &a, 1, SHAPE(3), NULL, HERE), HERE);
    tensor_changed(a, where);
    tensor_backward(loss, HERE);
    ck_assert_float_eq(a->grad[2], 6);
    tensor_free(a);
}
END_TEST

// y = x0 x_late, of seven inputs.
enum { GATE_INPUTS = 7 };
static int late;

static void gate_forward(Tensor **inputs, Tensor *y, const void *options)
{
    (void)options;
    y->data[0] = inputs[0]->data[0] * inputs[late]->data[0];
}

static void gate_backward(TapeNode *node)
{
    *op_grad(node->inputs[late]) += node->inputs[0]->data[0] * node->output->grad[0];
}

// Of an operation that declares nothing, and of one that declares that the gradient of input 4 needs input 0.
START_TEST(what_the_gradient_of_a_late_input_needs_must_not_change)
{
    const bool declared = _i / 2 == 1;
    const int changed = _i % 2;
    Op gate = {.name = "gate", .forward = gate_forward, .backward = gate_backward, .reads = {declared ? 1 << 4 : 0}};
    Tensor *inputs[GATE_INPUTS];
    late = declared ? 4 : 6;
    for (int i = 0; i < GATE_INPUTS; i++) {
        inputs[i] = tensor_full(SHAPE(1), 2, HERE);
    }
    tensor_require_grad(inputs[late]);
    Tensor *loss = tensor_custom(&gate, inputs, GATE_INPUTS, SHAPE(1), NULL, HERE);
    tensor_changed(inputs[changed], HERE);
    if (changed == 0 || !declared) {
        assert_mistake_begins("gate, backward of node 0: input ", tensor_backward(loss, HERE));
    } else {
        tensor_backward(loss, HERE);
        ck_assert_float_eq(inputs[late]->grad[0], 2);
    }
}
END_TEST

// Walks over a part of the tape read the same values.
START_TEST(a_product_with_the_jacobian_sees_changes_too)
{
    static const Real dy[] = {1, 1, 1};
    Real dx[3];
    Tensor *a = parameter("a", SHAPE(3));
    Tensor *b = parameter("b", SHAPE(3));
    Tensor *a_squared = tensor_mul(a, a, HERE);
    Tensor *y = tensor_add(a_squared, tensor_mul(b, b, HERE), HERE);
    tensor_changed(b, HERE);
    tensor_vjp(y, dy, a, dx, HERE);
    ck_assert_float_eq(dx[2], 2 * a->data[2]);
    assert_mistake_begins("tensor_mul, backward of node 1: input 0 m.b (3) was changed at ", tensor_vjp(y, dy, b, dx, HERE));
    tensor_vjp(y, dy, a, dx, HERE);
    ck_assert_float_eq(dx[2], 2 * a->data[2]);
    tensor_free(a);
    tensor_free(b);
}
END_TEST

static Tensor *times(void *context, Tensor **x)
{
    return tensor_mul(x[0], context, HERE);
}

// The second run of the function would use the new values.
START_TEST(a_checkpoint_sees_what_its_function_reads)
{
    Tensor *a = parameter("a", SHAPE(3));
    Tensor *w = parameter("w", SHAPE(3));
    Tensor *loss = tensor_sum(tensor_checkpoint_many(times, w, &a, 1, NULL, HERE), HERE);
    tensor_backward(loss, HERE);
    ck_assert_float_eq(a->grad[2], 3);
    tensor_zero_grad(a);
    tensor_zero_grad(w);

    tensor_changed(w, HERE);
    assert_mistake_begins("tensor_checkpoint, backward of node 0: m.w was changed at ", tensor_backward(loss, HERE));
    ck_assert_ptr_null(a->grad);
    ck_assert_ptr_null(w->grad);
    ck_assert_ptr_eq(tape_current(), tape);

    tape_reset(tape);
    loss = tensor_sum(tensor_checkpoint_many(times, w, &a, 1, NULL, HERE), HERE);
    tensor_changed(a, HERE);
    assert_mistake_begins("tensor_checkpoint, backward of node 0: input 0 m.a (3) was changed at ", tensor_backward(loss, HERE));
    tensor_free(a);
    tensor_free(w);
}
END_TEST

static Linear linear;

static Tensor *linear_loss(void)
{
    Tensor *x = tensor_require_grad(tensor_full(SHAPE(2, 3), 0.5, HERE));
    return tensor_sum(linear_forward(&linear, x), HERE);
}

// The library's own changes: optimizers and initialization.
START_TEST(the_library_tells_its_own_changes)
{
    static const char *const told[] = {"sgd_step", "adamw_step", "adamw_step_clipped", "module_initialize", "module_drop_memory"};
    Random random = seeded(1);
    linear_init(&linear, NULL, "", 3, 4, true);
    module_initialize(&linear.module, (Init){.scheme = INIT_TORCH}, &random);
    ParameterList list = module_parameters(&linear.module);
    AdamW adamw = adamw_create(&list, ADAMW_DEFAULTS);
    tensor_backward(linear_loss(), HERE);
    for (int i = 0; i < 5; i++) {
        tape_reset(tape);
        Tensor *loss = linear_loss();
        if (i == 0) {
            sgd_step(&list, 0.1);
        } else if (i == 1) {
            adamw_step(&adamw);
        } else if (i == 2) {
            adamw_step_clipped(&adamw, 1, 1);
        } else if (i == 3) {
            module_initialize(&linear.module, (Init){.scheme = INIT_TORCH}, &random);
        } else {
            module_drop_memory(&linear.module, false);
            module_take_memory(&linear.module, NULL);
        }
        assert_mistake_begins("tensor_linear, backward of node 0: input 1 weight (4, 3) was changed at nn/", tensor_backward(loss, HERE));
        ck_assert_str_eq(linear.weight->change->where.function, told[i]);
    }
    adamw_free(&adamw);
    parameter_list_free(&list);
    module_free(&linear.module);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("changed");
    TCase *tcase = case_with_tape(suite, "changed");
    tcase_add_test(tcase, a_parameter_changed_before_backward_is_a_mistake);
    tcase_add_test(tcase, a_parameter_changed_after_backward_is_none);
    tcase_add_test(tcase, what_backward_does_not_read_may_change);
    tcase_add_test(tcase, an_output_that_backward_reads_must_not_change);
    tcase_add_test(tcase, a_view_changes_with_what_it_shows);
    tcase_add_test(tcase, what_another_loss_reads_may_change);
    tcase_add_test(tcase, an_operation_of_the_users_own_reads_all_unless_it_says_otherwise);
    tcase_add_loop_test(tcase, what_the_gradient_of_a_late_input_needs_must_not_change, 0, 4);
    tcase_add_test(tcase, a_product_with_the_jacobian_sees_changes_too);
    tcase_add_test(tcase, a_checkpoint_sees_what_its_function_reads);
    tcase_add_test(tcase, the_library_tells_its_own_changes);
    return suite_run(suite);
}
