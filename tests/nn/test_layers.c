// test_layers.c: what linear layers, embeddings, normalizations, dropout and the feed-forward network compute.

#include "tests/golden/inputs.h"
#include "tests/nn/nn_test.h"
#include "tests/support/capture.h"

#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// Linear and Embedding

START_TEST(linear_is_x_times_weight_transposed_plus_bias)
{
    Linear linear;
    linear_init(&linear, NULL, "", 5, 3, true);
    initialize(&linear.module, INIT_TORCH, 1);
    Tensor *x = random_leaf(SHAPE(2, 2, 5), 2);

    Tensor *y = linear_forward(&linear, x);

    ck_assert(shape_equal(y->shape, SHAPE(2, 2, 3)));
    for (int row = 0; row < 4; row++) {
        for (int o = 0; o < 3; o++) {
            double sum = (double)linear.bias->data[o];
            for (int i = 0; i < 5; i++) {
                sum += (double)x->data[row * 5 + i] * (double)linear.weight->data[o * 5 + i];
            }
            // 5 products of a size below 1 are added up.
            ck_assert_double_eq_tol((double)y->data[row * 3 + o], sum, 5 * ONE_ROUNDING);
        }
    }
    module_free(&linear.module);
}
END_TEST

START_TEST(linear_without_bias_has_one_parameter)
{
    Linear linear;
    linear_init(&linear, NULL, "", 2, 3, false);
    initialize(&linear.module, INIT_TORCH, 1);

    ck_assert_ptr_null(linear.bias);
    ck_assert_int_eq(linear.module.n_parameters, 1);
    Tensor *y = linear_forward(&linear, tensor_full(SHAPE(1, 2), 0));
    ck_assert_double_eq(largest_size(y->data, 3), 0);
    module_free(&linear.module);
}
END_TEST

// A line of the program and one of the module: in the tape as text, and in what the watch for NaN reports.
START_TEST(the_line_in_a_module_is_shown_beside_the_callers)
{
    Linear linear;
    linear_init(&linear, NULL, "fc", 2, 2, false);
    Tensor *x = tensor_zeros(SHAPE(1, 2));
    Capture capture = capture_start(STDOUT_FILENO);
    linear_forward(&linear, x);
    tape_print(tape_current());
    char *text = capture_end(&capture);
    const char *caller = strstr(text, "tests/nn/test_layers.c:");
    ck_assert_ptr_nonnull(caller);
    ck_assert_ptr_nonnull(strstr(caller, " (nn/linear.c:"));
    free(text);
    linear.weight->data[0] = (Real)NAN;
    nan_watch(true);
    ASSERT_MISTAKE(linear_forward(&linear, x), "; in module fc (nn/linear.c:");
    nan_watch(false);
    module_free(&linear.module);
}
END_TEST

START_TEST(embedding_gives_rows_and_adds_up_the_gradient_of_a_row_taken_twice)
{
    Embedding embedding;
    embedding_init(&embedding, NULL, "", 4, 3);
    initialize(&embedding.module, INIT_TORCH, 1);
    const int ids[] = {2, 0, 2, 2};

    Tensor *y = embedding_forward(&embedding, ids, 2, 2);
    tensor_backward(tensor_sum(y));

    ck_assert(shape_equal(y->shape, SHAPE(2, 2, 3)));
    for (int i = 0; i < 4; i++) {
        assert_same_bits(y->data + 3 * i, embedding.weight->data + 3 * ids[i], 3, "row");
    }
    const Real expected[] = {1, 1, 1, 0, 0, 0, 3, 3, 3, 0, 0, 0};
    assert_same_bits(embedding.weight->grad, expected, 12, "gradient");
    module_free(&embedding.module);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// LayerNorm

// Each row of y has mean 0 and variance var / (var + 1e-5): below 1 by 1e-5 for a row of variance 1.
START_TEST(layernorm_at_first_gives_rows_of_mean_0_and_variance_1)
{
    LayerNorm layernorm;
    layernorm_init(&layernorm, NULL, "", 64);
    initialize(&layernorm.module, INIT_GPT2, 1);
    Tensor *x = tensor_add_scalar(tensor_scale(random_leaf(SHAPE(2, 3, 64), 2), 7), 100);

    Tensor *y = layernorm_forward(&layernorm, x);

    for (int row = 0; row < 6; row++) {
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < 64; i++) {
            double value = (double)y->data[row * 64 + i];
            sum += value;
            squares += value * value;
        }
        ck_assert_double_eq_tol(sum / 64, 0, 1e-6);
        ck_assert_double_eq_tol(squares / 64, 1, 1e-5);
    }
    module_free(&layernorm.module);
}
END_TEST

// PyTorch's BatchNorm1d in double; float rounds about ten times, and values are up to 4.
START_TEST(batchnorm_is_pytorchs)
{
    BatchNorm batchnorm;
    batchnorm_init(&batchnorm, NULL, "", 3);
    memcpy(batchnorm.weight->data, (const Real[]){1.5, -0.5, 2}, 3 * sizeof(Real));
    memcpy(batchnorm.bias->data, (const Real[]){0.25, 0, -1}, 3 * sizeof(Real));
    Tensor *x = tensor_require_grad(tensor_from(golden_rows, SHAPE(5, 3)));
    Tensor *y = batchnorm_forward(&batchnorm, x);
    Real dy[15];
    for (int i = 0; i < 15; i++) {
        dy[i] = (Real)(i + 1) / 8;
    }
    tensor_backward_from(y, dy);
    for (int i = 0; i < 15; i++) {
        ck_assert_double_eq_tol((double)y->data[i], golden_batchnorm_y[i], 2e-6);
        ck_assert_double_eq_tol((double)x->grad[i], golden_batchnorm_dx[i], 2e-6);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq_tol((double)batchnorm.weight->grad[i], golden_batchnorm_dweight[i], 4e-6);
        ck_assert_double_eq_tol((double)batchnorm.bias->grad[i], golden_batchnorm_dbias[i], 4e-6);
    }
    ASSERT_MISTAKE(batchnorm_forward(&batchnorm, tensor_zeros(SHAPE(1, 3))), "batchnorm_forward: x (1, 3): must be (N, C) with at least 2 rows");
    ASSERT_MISTAKE(batchnorm_forward(&batchnorm, tensor_zeros(SHAPE(2, 2, 3))), "batchnorm_forward: x (2, 2, 3): must be (N, C)");
    module_free(&batchnorm.module);
}
END_TEST

START_TEST(layernorm_scales_and_shifts_by_its_parameters)
{
    LayerNorm layernorm;
    layernorm_init(&layernorm, NULL, "", 2);
    initialize(&layernorm.module, INIT_TORCH, 1);
    layernorm.weight->data[0] = 3;
    layernorm.bias->data[1] = 10;

    Tensor *y = layernorm_forward(&layernorm, tensor_from((float[]){-5, 5}, SHAPE(1, 2)));

    // The row normalized is -1, 1, but for eps = 1e-5 beside a variance of 25.
    double one = 5 / sqrt(25 + 1e-5);
    ck_assert_double_eq_tol((double)y->data[0], -3 * one, 3 * ONE_ROUNDING);
    ck_assert_double_eq_tol((double)y->data[1], 10 + one, 11 * ONE_ROUNDING);
    module_free(&layernorm.module);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Dropout

START_TEST(dropout_gives_x_itself_unless_it_trains)
{
    Random random = seeded(1);
    Dropout dropout;
    dropout_init(&dropout, NULL, "", 0.5, &random);
    Tensor *x = random_leaf(SHAPE(10), 2);
    int n_nodes = tape_current()->n_nodes;

    ck_assert_ptr_eq(dropout_forward(&dropout, x), x);
    module_train(&dropout.module, true);
    dropout.p = 0;
    ck_assert_ptr_eq(dropout_forward(&dropout, x), x);
    ck_assert_int_eq(tape_current()->n_nodes, n_nodes);
    dropout.p = 0.5;
    ck_assert_ptr_ne(dropout_forward(&dropout, x), x);
    module_free(&dropout.module);
}
END_TEST

enum { DROPPED = 100000 };

// The number of zeros has a standard deviation of sqrt(n p (1 - p)) = 145; five of them are allowed for.
START_TEST(dropout_zeroes_its_share_and_scales_the_rest_forward_and_backward)
{
    Random random = seeded(1);
    Dropout dropout;
    dropout_init(&dropout, NULL, "", 0.3, &random);
    module_train(&dropout.module, true);
    Tensor *x = tensor_full(SHAPE(DROPPED), 2);
    tensor_require_grad(x);

    Tensor *y = dropout_forward(&dropout, x);
    tensor_backward(tensor_sum(y));

    int zeros = 0;
    Real kept = (Real)(1 / 0.7);
    for (int i = 0; i < DROPPED; i++) {
        bool dropped = y->data[i] == 0;
        zeros += dropped;
        ck_assert_double_eq((double)y->data[i], dropped ? 0 : (double)(2 * kept));
        ck_assert_double_eq((double)x->grad[i], dropped ? 0 : (double)kept);
    }
    ck_assert_double_eq_tol(zeros, 0.3 * DROPPED, 5 * 145);
    module_free(&dropout.module);
}
END_TEST

START_TEST(dropout_draws_again_each_time)
{
    Random random = seeded(1);
    Dropout dropout;
    dropout_init(&dropout, NULL, "", 0.5, &random);
    module_train(&dropout.module, true);
    Tensor *x = tensor_full(SHAPE(64), 1);

    Tensor *first = dropout_forward(&dropout, x);
    Tensor *second = dropout_forward(&dropout, x);

    ck_assert_int_ne(memcmp(first->data, second->data, 64 * sizeof(Real)), 0);
    module_free(&dropout.module);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// FeedForward

static double activate(Activation activation, double x)
{
    switch (activation) {
    case ACTIVATION_GELU: return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    case ACTIVATION_GELU_ERF: return 0.5 * x * (1 + erf(x / 1.4142135623730951));
    case ACTIVATION_RELU: return x > 0 ? x : 0;
    case ACTIVATION_TANH: return tanh(x);
    case ACTIVATION_SIGMOID: return 1 / (1 + exp(-x));
    default: return x;
    }
}

enum { WIDE = 6, NARROW = 3 };

static void naive_feedforward(const FeedForward *feedforward, const Real *x, double y[NARROW])
{
    double inner[WIDE];
    for (int i = 0; i < WIDE; i++) {
        double sum = (double)feedforward->c_fc.bias->data[i];
        for (int c = 0; c < NARROW; c++) {
            sum += (double)x[c] * (double)feedforward->c_fc.weight->data[i * NARROW + c];
        }
        inner[i] = activate(feedforward->activation, sum);
    }
    for (int c = 0; c < NARROW; c++) {
        y[c] = (double)feedforward->c_proj.bias->data[c];
        for (int i = 0; i < WIDE; i++) {
            y[c] += inner[i] * (double)feedforward->c_proj.weight->data[c * WIDE + i];
        }
    }
}

START_TEST(feedforward_is_two_linear_layers_with_the_activation_between)
{
    FeedForward feedforward;
    FeedForwardConfig config = {.n_embd = NARROW, .ff_mult = WIDE / NARROW, .activation = (Activation)_i};
    feedforward_init(&feedforward, NULL, "", config);
    ck_assert_int_eq(feedforward.c_fc.value_parts + feedforward.c_proj.value_parts, 2); // both start smaller for DeepNorm
    initialize(&feedforward.module, INIT_TORCH, 1);
    Tensor *x = random_leaf(SHAPE(1, 4, NARROW), 2);

    Tensor *y = feedforward_forward(&feedforward, x);

    for (int t = 0; t < 4; t++) {
        double expected[NARROW];
        naive_feedforward(&feedforward, x->data + t * NARROW, expected);
        for (int c = 0; c < NARROW; c++) {
            ck_assert_double_eq_tol((double)y->data[t * NARROW + c], expected[c], (NARROW + WIDE) * ONE_ROUNDING);
        }
    }
    module_free(&feedforward.module);
}
END_TEST

START_TEST(an_activation_that_does_not_exist_is_a_mistake)
{
    Tensor *x = random_leaf(SHAPE(2), 1);

    ASSERT_MISTAKE(activation_forward(ACTIVATION_COUNT, x), "is not an activation");
}
END_TEST

START_TEST(activations_are_named)
{
    ck_assert_str_eq(activation_name(ACTIVATION_GELU), "gelu");
    ck_assert_str_eq(activation_name(ACTIVATION_GELU_ERF), "gelu_erf");
    ck_assert_str_eq(activation_name(ACTIVATION_RELU), "relu");
    ck_assert_str_eq(activation_name(ACTIVATION_TANH), "tanh");
    ck_assert_str_eq(activation_name(ACTIVATION_SIGMOID), "sigmoid");
    ck_assert_str_eq(activation_name(ACTIVATION_IDENTITY), "identity");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layers");
    TCase *linear = case_with_tape(suite, "linear and embedding");
    tcase_add_test(linear, linear_is_x_times_weight_transposed_plus_bias);
    tcase_add_test(linear, linear_without_bias_has_one_parameter);
    tcase_add_test(linear, the_line_in_a_module_is_shown_beside_the_callers);
    tcase_add_test(linear, embedding_gives_rows_and_adds_up_the_gradient_of_a_row_taken_twice);

    TCase *layernorm = case_with_tape(suite, "layernorm");
    tcase_add_test(layernorm, layernorm_at_first_gives_rows_of_mean_0_and_variance_1);
    tcase_add_test(layernorm, batchnorm_is_pytorchs);
    tcase_add_test(layernorm, layernorm_scales_and_shifts_by_its_parameters);

    TCase *dropout = case_with_tape(suite, "dropout");
    tcase_add_test(dropout, dropout_gives_x_itself_unless_it_trains);
    tcase_add_test(dropout, dropout_zeroes_its_share_and_scales_the_rest_forward_and_backward);
    tcase_add_test(dropout, dropout_draws_again_each_time);

    TCase *feedforward = case_with_tape(suite, "feedforward");
    tcase_add_loop_test(feedforward, feedforward_is_two_linear_layers_with_the_activation_between, 0, ACTIVATION_COUNT);
    tcase_add_test(feedforward, an_activation_that_does_not_exist_is_a_mistake);
    tcase_add_test(feedforward, activations_are_named);
    return suite_run(suite);
}
