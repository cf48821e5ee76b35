// test_optimizer.c: SGD, AdamW and clipping against the same formulas in double.

#include "tests/nn/nn_test.h"

// Three parameters of different size and dimensions, as a list that nobody has to free.
typedef struct Three {
    Tensor *parameters[3]; // (3, 4), (5), (2, 2)
    ParameterList list;
} Three;

static void three_init(Three *three)
{
    Random random = seeded(1);
    three->parameters[0] = tensor_parameter("a", "weight", SHAPE(3, 4));
    three->parameters[1] = tensor_parameter("a", "bias", SHAPE(5));
    three->parameters[2] = tensor_parameter("b", "weight", SHAPE(2, 2));
    three->list = (ParameterList){.parameters = three->parameters, .count = 3, .values = 12 + 5 + 4};
    for (int i = 0; i < 3; i++) {
        random_normal(&random, three->parameters[i]->data, tensor_count(three->parameters[i]), 0, 1);
    }
}

static void three_free(Three *three)
{
    for (int i = 0; i < 3; i++) {
        tensor_free(three->parameters[i]);
    }
}

// As if a backward pass had left this gradient.
static void set_grad(Tensor *parameter, const Real *grad)
{
    memcpy(op_grad(parameter), grad, tensor_count(parameter) * sizeof *grad);
}

static void set_random_grad(Tensor *parameter, double size, uint64_t seed)
{
    size_t n = tensor_count(parameter);
    Real *grad = random_values(n, seed);
    for (size_t i = 0; i < n; i++) {
        grad[i] *= (Real)size;
    }
    set_grad(parameter, grad);
}

// Those of the running test.
static Three three;

static void setup(void)
{
    three_init(&three);
}

static void teardown(void)
{
    three_free(&three);
}

// ------------------------------------------------------------------------------------------------------------
// SGD

START_TEST(sgd_goes_against_the_gradient)
{
    Real *before = copy_values(three.parameters[0]->data, 12);
    set_random_grad(three.parameters[0], 1, 2);

    sgd_step(&three.list, 0.25);

    // 0.25 is a power of two: the product is exact, the difference rounded once.
    for (int i = 0; i < 12; i++) {
        Real expected = before[i] - (Real)0.25 * three.parameters[0]->grad[i];
        ck_assert_double_eq((double)three.parameters[0]->data[i], (double)expected);
    }
}
END_TEST

START_TEST(sgd_leaves_what_has_no_gradient)
{
    Real *before = copy_values(three.parameters[1]->data, 5);
    set_random_grad(three.parameters[0], 1, 2);

    sgd_step(&three.list, 0.1);

    assert_same_bits(three.parameters[1]->data, before, 5, "bias");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// AdamW

static const AdamWConfig config = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1};

// One value, in double, as the paper writes it.
typedef struct NaiveAdamW {
    double p, m, v;
} NaiveAdamW;

static void naive_step(NaiveAdamW *x, double grad, int step, bool decays)
{
    x->m = config.beta1 * x->m + (1 - config.beta1) * grad;
    x->v = config.beta2 * x->v + (1 - config.beta2) * grad * grad;
    double m_corrected = x->m / (1 - pow(config.beta1, step));
    double v_corrected = x->v / (1 - pow(config.beta2, step));
    double decay = decays ? config.lr * config.weight_decay * x->p : 0;
    x->p -= decay + config.lr * m_corrected / (sqrt(v_corrected) + config.eps);
}

enum { STEPS = 30, VALUES = 21 };

// The factor of decay, 0.999, is off by up to 3e-8 in float32, and 30 steps add that up, on values up to 3.6: 3e-6. The other
// roundings, of 6e-8, go both ways.
static const double ADAMW_TOLERANCE = 4e-6;

// Gradients of sizes 1, 1e-3 and 1e-6, so that eps and the moments' scale matter.
START_TEST(adamw_is_the_papers_formula)
{
    AdamW adamw = adamw_create(&three.list, config);
    NaiveAdamW naive[VALUES] = {{0}};
    for (int i = 0, at = 0; i < 3; i++) {
        for (size_t k = 0; k < tensor_count(three.parameters[i]); k++, at++) {
            naive[at].p = (double)three.parameters[i]->data[k];
        }
    }

    for (int step = 1; step <= STEPS; step++) {
        for (int i = 0, at = 0; i < 3; i++) {
            Tensor *parameter = three.parameters[i];
            set_random_grad(parameter, pow(1e-3, i), (uint64_t)(10 * step + i));
            for (size_t k = 0; k < tensor_count(parameter); k++, at++) {
                naive_step(&naive[at], (double)parameter->grad[k], step, parameter->shape.ndim >= 2);
            }
        }
        adamw_step(&adamw);
        ck_assert_int_eq(adamw.step, step);
    }
    for (int i = 0, at = 0; i < 3; i++) {
        for (size_t k = 0; k < tensor_count(three.parameters[i]); k++, at++) {
            ck_assert_double_eq_tol((double)three.parameters[i]->data[k], naive[at].p, ADAMW_TOLERANCE);
            ASSERT_RELATIVE((double)adamw.m[at], naive[at].m, 1e-4); // m may nearly cancel
            ASSERT_RELATIVE((double)adamw.v[at], naive[at].v, 4e-6);
        }
    }
    adamw_free(&adamw);
}
END_TEST

// At the usual beta2 of 0.999, 1 - beta2 must not be computed in float32: 1 - 0.999f has a relative error of 5e-5.
START_TEST(the_first_moments_are_right_at_the_usual_betas)
{
    AdamW adamw = adamw_create(&three.list, ADAMW_DEFAULTS);
    set_grad(three.parameters[2], (Real[]){1, 2, 3, 4});

    adamw_step(&adamw);

    for (int i = 0; i < 4; i++) {
        ASSERT_RELATIVE((double)adamw.m[17 + i], 0.1 * (i + 1), 2e-7);
        ASSERT_RELATIVE((double)adamw.v[17 + i], 0.001 * (i + 1) * (i + 1), 2e-7);
    }
    adamw_free(&adamw);
}
END_TEST

// Whatever its gradient's size: m / sqrt(v) of one step is its sign.
START_TEST(the_first_step_moves_each_value_by_lr)
{
    AdamWConfig without_decay = config;
    without_decay.weight_decay = 0;
    AdamW adamw = adamw_create(&three.list, without_decay);
    set_grad(three.parameters[2], (Real[]){1000, -0.5, 1e-5f, -3e4f});
    Real *before = copy_values(three.parameters[2]->data, 4);

    adamw_step(&adamw);

    const double expected[] = {-0.01, 0.01, -0.01, 0.01};
    for (int i = 0; i < 4; i++) {
        // eps is 1e-3 of the smallest of these gradients.
        ck_assert_double_eq_tol((double)(three.parameters[2]->data[i] - before[i]), expected[i], 1.2e-5);
    }
    adamw_free(&adamw);
}
END_TEST

START_TEST(only_matrices_decay)
{
    AdamW adamw = adamw_create(&three.list, config);
    Real *matrix = copy_values(three.parameters[0]->data, 12);
    Real *bias = copy_values(three.parameters[1]->data, 5);
    set_grad(three.parameters[0], (Real[12]){0});
    set_grad(three.parameters[1], (Real[5]){0});

    adamw_step(&adamw);

    assert_same_bits(three.parameters[1]->data, bias, 5, "bias");
    for (int i = 0; i < 12; i++) {
        ASSERT_RELATIVE((double)three.parameters[0]->data[i], 0.999 * (double)matrix[i], 1.2e-7); // 1 - lr * decay
    }
    adamw_free(&adamw);
}
END_TEST

// Not even decayed, and its place among the moments stays free, so that those after it find their own.
START_TEST(adamw_leaves_what_has_no_gradient)
{
    AdamW adamw = adamw_create(&three.list, config);
    Real *before = copy_values(three.parameters[0]->data, 12);
    set_grad(three.parameters[2], (Real[]){1, 2, 3, 4});

    adamw_step(&adamw);

    assert_same_bits(three.parameters[0]->data, before, 12, "weight");
    for (int i = 0; i < VALUES; i++) {
        ASSERT_RELATIVE((double)adamw.m[i], i < 17 ? 0 : 0.1 * (i - 16), 1e-6);
    }
    adamw_free(&adamw);
}
END_TEST

START_TEST(a_freed_adamw_is_empty)
{
    AdamW adamw = adamw_create(&three.list, config);

    adamw_free(&adamw);

    ck_assert_ptr_null(adamw.m);
    ck_assert_ptr_null(adamw.v);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Clipping

static double naive_norm(void)
{
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        for (size_t k = 0; three.parameters[i]->grad != NULL && k < tensor_count(three.parameters[i]); k++) {
            double grad = (double)three.parameters[i]->grad[k];
            sum += grad * grad;
        }
    }
    return sqrt(sum);
}

START_TEST(clipping_scales_all_gradients_to_the_norm)
{
    set_random_grad(three.parameters[0], 10, 2);
    set_random_grad(three.parameters[2], 0.1, 3); // the one between has no gradient
    Real *before[] = {copy_values(three.parameters[0]->grad, 12), copy_values(three.parameters[2]->grad, 4)};
    double expected = naive_norm();
    double scale = 1.5 / (expected + 1e-6);

    double norm = clip_grad_norm(&three.list, 1.5);

    ASSERT_RELATIVE(norm, expected, 1e-14); // both sums run in double
    for (int i = 0; i < 12; i++) {
        ASSERT_RELATIVE((double)three.parameters[0]->grad[i], scale * (double)before[0][i], 1.5e-7);
    }
    for (int i = 0; i < 4; i++) {
        ASSERT_RELATIVE((double)three.parameters[2]->grad[i], scale * (double)before[1][i], 1.5e-7);
    }
    ASSERT_RELATIVE(naive_norm(), 1.5, 1e-6);
}
END_TEST

// To the bit, where something is clipped (a norm of about 35, at most 1.5) and where nothing is; gradients stay.
START_TEST(a_clipped_step_is_clipping_and_a_step)
{
    for (int large = 0; large <= 1; large++) {
        Three one, two;
        three_init(&one);
        three_init(&two);
        AdamW in_one = adamw_create(&one.list, config);
        AdamW in_two = adamw_create(&two.list, config);
        for (int step = 0; step < 3; step++) {
            set_random_grad(one.parameters[0], large ? 10 : 0.1, 2 + step);
            set_random_grad(two.parameters[0], large ? 10 : 0.1, 2 + step);
            Real *before = copy_values(one.parameters[0]->grad, 12);
            double norm = grad_norm(&one.list);
            adamw_step_clipped(&in_one, norm, 1.5);
            ck_assert_double_eq(norm, clip_grad_norm(&two.list, 1.5));
            ck_assert_int_eq(norm > 1.5, large);
            adamw_step(&in_two);
            assert_same_bits(one.parameters[0]->grad, before, 12, "gradient");
            assert_same_bits(one.parameters[0]->data, two.parameters[0]->data, 12, "weight");
        }
        adamw_free(&in_one);
        adamw_free(&in_two);
        three_free(&one);
        three_free(&two);
    }
}
END_TEST

START_TEST(clipping_leaves_gradients_below_the_norm)
{
    set_random_grad(three.parameters[0], 1, 2);
    Real *before = copy_values(three.parameters[0]->grad, 12);

    double norm = clip_grad_norm(&three.list, 100);

    ASSERT_RELATIVE(norm, naive_norm(), 1e-14);
    assert_same_bits(three.parameters[0]->grad, before, 12, "gradient");
}
END_TEST

// In float32 the square of 1e30 would be infinite, and that of 1e-30 nothing.
START_TEST(norms_of_huge_and_tiny_gradients_are_right)
{
    double size = _i == 0 ? 1e30 : 1e-30;
    Real value = (Real)size;
    set_grad(three.parameters[2], (Real[]){value, -value, value, -value});

    ASSERT_RELATIVE(clip_grad_norm(&three.list, 1e35), 2 * (double)value, 1e-14);
}
END_TEST

// The 1e-6 beside the norm halves a factor of 1.
START_TEST(a_gradient_of_almost_nothing_is_clipped_as_by_torch)
{
    set_grad(three.parameters[2], (Real[]){1e-6f, 0, 0, 0});

    clip_grad_norm(&three.list, 1e-6);

    ASSERT_RELATIVE((double)three.parameters[2]->grad[0], 0.5e-6, 1e-6);
}
END_TEST

START_TEST(without_gradients_the_norm_is_0)
{
    ck_assert_double_eq(clip_grad_norm(&three.list, 1), 0);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------

static void assert_refused(AdamWConfig settings, const char *mistake)
{
    ASSERT_MISTAKE(adamw_create(&three.list, settings), mistake);
}

START_TEST(settings_that_make_nan_are_refused)
{
    assert_refused((AdamWConfig){.beta1 = 1}, "AdamW: beta1 1 (expected at least 0 and below 1)");
    assert_refused((AdamWConfig){.beta2 = 1}, "AdamW: beta2 1 (expected at least 0 and below 1)");
    assert_refused((AdamWConfig){.lr = 1e308}, "AdamW: lr 1e+308 (expected at least 0 and at most 3.40282e+38)");
    assert_refused((AdamWConfig){.lr = NAN}, "AdamW: lr nan (expected at least 0");
    assert_refused((AdamWConfig){.eps = -1e308}, "AdamW: eps -1e+308 (expected at least 0");
    assert_refused((AdamWConfig){.weight_decay = -1}, "AdamW: weight_decay -1 (expected at least 0");
    assert_refused((AdamWConfig){.lr = 1e30, .weight_decay = 1e30}, "AdamW: lr weight_decay 1e+60 (expected at least 0 and at most 3.40282e+38)");
    AdamW adamw = adamw_create(&three.list, ADAMW_DEFAULTS);
    adamw.step = -1;
    ASSERT_MISTAKE(adamw_step(&adamw), "adamw_step: step is -1 (expected 0 to 2147483646)");
    adamw.step = 0;
    adamw.config.beta1 = 1; // a schedule's mistake
    ASSERT_MISTAKE(adamw_step(&adamw), "AdamW: beta1 1 (expected at least 0 and below 1)");
    adamw_free(&adamw);
    ASSERT_MISTAKE(clip_grad_norm(&three.list, -1), "clip_grad_norm: max_norm -1 (expected at least 0)");
    ASSERT_MISTAKE(clip_grad_norm(&three.list, NAN), "clip_grad_norm: max_norm nan (expected at least 0)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("optimizer");
    TCase *sgd = case_with_tape(suite, "sgd");
    tcase_add_checked_fixture(sgd, setup, teardown);
    tcase_add_test(sgd, sgd_goes_against_the_gradient);
    tcase_add_test(sgd, sgd_leaves_what_has_no_gradient);

    TCase *adamw = case_with_tape(suite, "adamw");
    tcase_add_checked_fixture(adamw, setup, teardown);
    tcase_add_test(adamw, adamw_is_the_papers_formula);
    tcase_add_test(adamw, the_first_moments_are_right_at_the_usual_betas);
    tcase_add_test(adamw, the_first_step_moves_each_value_by_lr);
    tcase_add_test(adamw, only_matrices_decay);
    tcase_add_test(adamw, adamw_leaves_what_has_no_gradient);
    tcase_add_test(adamw, a_freed_adamw_is_empty);
    tcase_add_test(adamw, settings_that_make_nan_are_refused);

    TCase *clipping = case_with_tape(suite, "clipping");
    tcase_add_checked_fixture(clipping, setup, teardown);
    tcase_add_test(clipping, clipping_scales_all_gradients_to_the_norm);
    tcase_add_test(clipping, a_clipped_step_is_clipping_and_a_step);
    tcase_add_test(clipping, clipping_leaves_gradients_below_the_norm);
    tcase_add_loop_test(clipping, norms_of_huge_and_tiny_gradients_are_right, 0, 2);
    tcase_add_test(clipping, a_gradient_of_almost_nothing_is_clipped_as_by_torch);
    tcase_add_test(clipping, without_gradients_the_norm_is_0);
    return suite_run(suite);
}
