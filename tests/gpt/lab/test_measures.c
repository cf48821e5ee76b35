// test_measures.c: sharpness, noise scale, planes and updates, against PyTorch and values computed by hand. Built in float32
// and, by test_measures_double.c, in double.

#include "tests/gpt/lab/measures_test.h"

// ------------------------------------------------------------------------------------------------------------
// The loss as a function of the weights

typedef struct MLPLoss {
    DeepNet *net;
    int width;
    double target;
} MLPLoss;

static Tensor *mlp_loss(void *context, int row)
{
    (void)row;
    const MLPLoss *mlp = context;
    Tensor *x = tensor_zeros(SHAPE(1, mlp->width));
    for (int i = 0; i < mlp->width; i++) {
        x->data[i] = (Real)(i % 3 == 0 ? 1 : i % 3 == 1 ? 0 : -1);
    }
    Tensor *y = deep_forward(mlp->net, x);
    return tensor_mse_loss(y, tensor_full(y->shape, mlp->target));
}

static DeepNet *golden_net(const GoldenSharpness *golden)
{
    int sizes[8];
    DeepConfig config = golden_deep(golden, sizes);
    config.residual = golden->rule;
    DeepNet *net = create_deep(config, golden->seed);
    round_weights(&net->module);
    return net;
}

START_TEST(sharpness_is_pytorchs)
{
    const GoldenSharpness *golden = &golden_sharpness[_i];
    DeepNet *net = golden_net(golden);
    MLPLoss mlp = {net, golden->sizes[0], 0.5};
    assert_near("loss", (double)tensor_item(mlp_loss(&mlp, -1)), golden->loss, 1e-6);
    ParameterList list = module_parameters(&net->module);
    LossFunction loss = {&list, mlp_loss, &mlp};
    Sharpness sharpness = sharpness_measure(&loss, &(SharpnessConfig){.tolerance = 0.003, .max_iterations = 500, .seed = 1});
    ck_assert_msg(sharpness.converged && sharpness.residual <= 0.003, "%d iterations: residual %g", sharpness.iterations, sharpness.residual);
    assert_near(golden->rule, sharpness.value, golden->sharpness, 0.003 * golden->sharpness);
    sharpness = sharpness_measure(&loss, &(SharpnessConfig){.tolerance = 0.003, .max_iterations = 2, .seed = 1});
    ck_assert(!sharpness.converged && sharpness.iterations == 2);
    parameter_list_free(&list);
    deep_free(net);
}
END_TEST

// L = sum_i c_i w_i^2 / 2, by rows: each row r has a target t_r, L_r = mean (w - t_r)^2.
typedef struct Quadratic {
    Tensor *w;                // (4)
    const Real *c;            // (4), or NULL
    const Real (*targets)[4]; // (3)
} Quadratic;

static Tensor *quadratic_loss(void *context, int row)
{
    const Quadratic *q = context;
    if (q->c != NULL) {
        return tensor_scale(tensor_sum(tensor_mul(tensor_mul(q->w, q->w), tensor_from(q->c, SHAPE(4)))), 0.5);
    }
    if (row >= 0) {
        return tensor_mse_loss(q->w, tensor_from(q->targets[row], SHAPE(4)));
    }
    Tensor *three = tensor_add(tensor_zeros(SHAPE(3, 4)), q->w);
    return tensor_mse_loss(three, tensor_from(q->targets[0], SHAPE(3, 4)));
}

static Tensor *create_w(void)
{
    static const Real values[] = {0.5f, -1, 2, 3};
    Tensor *w = tensor_parameter("net", "w", SHAPE(4));
    for (int i = 0; i < 4; i++) {
        w->data[i] = (Real)values[i];
    }
    return w;
}

// The algebraically largest eigenvalue, not the one of largest magnitude; also if all are negative, or 0.
START_TEST(the_largest_eigenvalue)
{
    static const Real curvatures[][4] = {{1, -8, 3, 0}, {8, -7.9f, 3, 0}, {-1, -2, -8, -4}, {2, 2, 2, 2}, {0, 0, 0, 0}};
    static const double largest[] = {3, 8, -1, 2, 0};
    Quadratic q = {.w = create_w(), .c = curvatures[_i]};
    ParameterList list = {&q.w, 1, 4};
    LossFunction loss = {&list, quadratic_loss, &q};
    Sharpness sharpness = sharpness_measure(&loss, &(SharpnessConfig){.tolerance = 0.003, .max_iterations = 500, .seed = 1});
    ck_assert(sharpness.converged);
    assert_near("eigenvalue", sharpness.value, largest[_i], 0.002 * fabs(largest[_i]));
    tensor_free(q.w);
}
END_TEST

// By hand: g_r = (w - t_r) / 2.
START_TEST(noise_by_hand)
{
    static const Real targets[3][4] = {{0, 0, 0, 0}, {1, 0, -1, 0}, {0, 2, 0, 1}};
    Quadratic q = {.w = create_w(), .targets = targets};
    ParameterList list = {&q.w, 1, 4};
    NoiseScale noise = noise_scale(&(LossFunction){&list, quadratic_loss, &q}, 3);
    double one = 0;
    double all = 0;
    for (int i = 0; i < 4; i++) {
        double mean = 0;
        for (int r = 0; r < 3; r++) {
            double g = ((double)q.w->data[i] - (double)targets[r][i]) / 2;
            one += g * g / 3;
            mean += g / 3;
        }
        all += mean * mean;
    }
    double trace = (one - all) * 3 / 2; // the unbiased variance, summed up
    assert_near("trace", noise.trace, trace, 1e-5 * trace);
    assert_near("G2", noise.G2, all - trace / 3, 1e-5 * all);
    assert_near("scale", noise.scale, trace / (all - trace / 3), 1e-5 * noise.scale);
    static const Real around[3][4] = {{0.5f, 0, 2, 3}, {0.5f, -2, 2, 3}, {0.5f, -1, 2, 3}}; // the gradients cancel
    q.targets = around;
    ck_assert(isnan(noise_scale(&(LossFunction){&list, quadratic_loss, &q}, 3).scale));
    ASSERT_MISTAKE(noise_scale(&(LossFunction){&list, quadratic_loss, &q}, 1), "noise_scale: 1 rows (expected at least 2)");
    tensor_free(q.w);
}
END_TEST

// Row r is the square of weight r alone; of all, their mean.
static Tensor *one_weight_loss(void *context, int row)
{
    Tensor **w = context;
    Tensor *squares[] = {tensor_mul(w[0], w[0]), tensor_mul(w[1], w[1])};
    return tensor_sum(row >= 0 ? squares[row] : tensor_scale(tensor_add(squares[0], squares[1]), 0.5));
}

// What no gradient reaches has a gradient of 0, not that of the row before: |G_1|^2 is (2^2 + 6^2) / 2, |G_B|^2 is 1^2 + 3^2.
START_TEST(noise_of_rows_that_use_some_of_the_weights)
{
    Tensor *w[] = {tensor_parameter("", "a", SHAPE(1)), tensor_parameter("", "b", SHAPE(1))};
    w[0]->data[0] = 1;
    w[1]->data[0] = 3;
    ParameterList list = {w, 2, 2};
    NoiseScale noise = noise_scale(&(LossFunction){&list, one_weight_loss, w}, 2);
    ck_assert_double_eq(noise.trace, (20 - 10) / 0.5);
    ck_assert_double_eq(noise.G2, 0);
    tensor_free(w[0]);
    tensor_free(w[1]);
}
END_TEST

// The center is the loss; the corner's weights are w -+ the scaled directions, whose rows have the norms of the weights'.
START_TEST(a_plane)
{
    enum { N = 5 };
    const GoldenSharpness *golden = &golden_sharpness[0];
    DeepNet *net = golden_net(golden);
    MLPLoss mlp = {net, 4, 0.5};
    ParameterList list = module_parameters(&net->module);
    double plane[N * N];
    double again[N * N];
    loss_plane(&(LossFunction){&list, mlp_loss, &mlp}, 5, N, plane);
    loss_plane(&(LossFunction){&list, mlp_loss, &mlp}, 5, N, again);
    ck_assert(memcmp(plane, again, sizeof plane) == 0);
    assert_near("center", plane[N * 2 + 2], golden->loss, 1e-6);
    ck_assert(loss_plane_place(0, N) == -1 && loss_plane_place(2, N) == 0 && loss_plane_place(4, N) == 1);

    DeepNet *same = golden_net(golden);
    Random random = seeded(5);
    for (int k = 0; k < 2; k++) { // d1, then d2
        for (int l = 0; l < 6; l++) {
            Tensor *weight = net->layers[l].weight;
            size_t n = (size_t)weight->shape.size[1];
            Real d[16];
            random_normal(&random, d, tensor_count(weight), 0, 1);
            for (int row = 0; row < weight->shape.size[0]; row++) {
                double own = 0;
                double drawn = 0;
                for (size_t i = row * n; i < (row + 1) * n; i++) {
                    own += pow((double)same->layers[l].weight->data[i], 2);
                    drawn += pow((double)d[i], 2);
                }
                for (size_t i = row * n; i < (row + 1) * n; i++) {
                    weight->data[i] += (Real)((k == 0 ? -1 : 0.5) * sqrt(own / drawn) * (double)d[i]);
                }
            }
        }
    }
    assert_near("a = -1, b = 0.5", plane[3], (double)tensor_item(mlp_loss(&mlp, -1)), 1e-5);
    deep_free(same);
    parameter_list_free(&list);
    deep_free(net);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Restoring

typedef struct GPTLoss {
    GPT *gpt;
    int calls;
    int fail_at; // this call fails with a mistake; 0: none
} GPTLoss;

static Tensor *gpt_loss(void *context, int row)
{
    GPTLoss *loss = context;
    int first = row < 0 ? 0 : row;
    loss->calls++;
    if (loss->calls == loss->fail_at) {
        tensor_add(NULL, NULL);
    }
    Tensor *logits = gpt_forward(loss->gpt, golden_paths_ids + first * T, row < 0 ? B : 1, T);
    return tensor_cross_entropy(logits, golden_paths_targets + first * T);
}

static void measure_all(const LossFunction *loss)
{
    double plane[4];
    sharpness_measure(loss, &(SharpnessConfig){.tolerance = 0.1, .max_iterations = 3, .seed = 1});
    noise_scale(loss, B);
    loss_plane(loss, 1, 2, plane);
}

// Weights and gradients keep their bits and their memory, and a tape that was recorded before can still be walked: also after a failure.
START_TEST(everything_is_restored)
{
    GPT *gpt = golden_gpt("h + f(norm(h))", 123);
    ParameterList list = module_parameters(&gpt->module);
    GPTLoss context = {.gpt = gpt};
    LossFunction loss = {&list, gpt_loss, &context};
    tensor_backward(gpt_loss(&context, -1));
    double norm = grad_norm(&list);
    Tensor *recorded = gpt_loss(&context, 0);
    tensor_zero_grad(list.parameters[0]);
    int n_nodes = tape_current()->n_nodes;
    WeightCopy copy = weight_copy(&list);
    for (int round = 0; round < 3; round++) {
        context.calls = 0;
        context.fail_at = round == 0 ? 0 : round == 1 ? 2 : 8; // in a gradient, on the plane
        if (round == 0) {
            measure_all(&loss);
        } else {
            ASSERT_MISTAKE(measure_all(&loss), "tensor_add: input 0 is NULL");
        }
        size_t at = 0;
        for (int i = 0; i < list.count; i++) {
            size_t n = tensor_count(list.parameters[i]);
            ck_assert(memcmp(list.parameters[i]->data, copy.values + at, n * sizeof(Real)) == 0);
            at += n;
        }
        ck_assert(list.parameters[0]->grad == NULL && list.parameters[1]->grad != NULL);
        ck_assert_int_eq(tape_current()->n_nodes, n_nodes);
    }
    module_zero_grad(&gpt->module);
    tensor_backward(recorded);
    ck_assert(grad_norm(&list) > 0 && grad_norm(&list) != norm);
    weight_copy_free(&copy);
    parameter_list_free(&list);
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Updates and autocorrelation

START_TEST(updates_are_pytorchs)
{
    const GoldenJacobian *golden = &golden_jacobians[_i];
    GPT *gpt = golden_gpt(golden->rule, 123);
    GPTLoss context = {.gpt = gpt};
    tensor_backward(gpt_loss(&context, -1));
    ParameterList list = module_parameters(&gpt->module);
    double *ratios = test_memory((size_t)list.count * sizeof *ratios);
    WeightCopy before = weight_copy(&list);
    AdamW adamw = adamw_create(&list, (AdamWConfig){.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1});
    adamw_step(&adamw);
    update_ratios(&before, ratios);
    int found = 0;
    for (int i = 0; i < list.count; i++) {
        char name[NAME_TEXT];
        tensor_name(list.parameters[i], name);
        for (int k = 0; k < 3; k++) {
            if (strcmp(name, golden_updates[k]) == 0) {
                assert_near(name, ratios[i], golden->update[k], GOLDEN_TOLERANCE * golden->update[k]);
                found++;
            }
        }
    }
    ck_assert_int_eq(found, 3);
    adamw_free(&adamw);
    weight_copy_free(&before);
    parameter_list_free(&list);
    gpt_free(gpt);
}
END_TEST

// 3, 4 and 5 times the smallest and the largest sizes of a float, and beyond what the square of a double can be: 1e-400, 1e400.
START_TEST(norms_of_any_size)
{
    const double sizes[] = {1e-30, 1e30, sizeof(Real) == sizeof(double) ? 1e-200 : 1e-20, sizeof(Real) == sizeof(double) ? 1e200 : 1e20};
    for (int i = 0; i < 4; i++) {
        const Real values[] = {(Real)(3 * sizes[i]), 0, (Real)(-4 * sizes[i]), 0};
        FlowStats stats = flow_stats(values, 4);
        ck_assert_double_eq_tol(stats.l2, 5 * sizes[i], 1e-6 * sizes[i]);
        ck_assert_double_eq_tol(stats.rms, 2.5 * sizes[i], 1e-6 * sizes[i]);
        ck_assert_int_eq(flow_reach(stats), FLOW_REACHED);
    }
    ck_assert(flow_stats((Real[]){0, 0}, 2).l2 == 0);
    ck_assert(isinf(flow_stats((Real[]){1, INFINITY}, 2).l2));
    ck_assert(isnan(flow_stats((Real[]){NAN, INFINITY}, 2).l2));
}
END_TEST

START_TEST(autocorrelation_by_hand)
{
    static const double values[] = {1, 2, 4, 1}; // less the mean: -1, 0, 2, -1
    ck_assert(flow_autocorrelation(values, 4, 0) == 1);
    ck_assert_double_eq_tol(flow_autocorrelation(values, 4, 1), -2.0 / 6, 1e-15);
    ck_assert_double_eq_tol(flow_autocorrelation(values, 4, 2), -2.0 / 6, 1e-15);
    ck_assert_double_eq_tol(flow_autocorrelation(values, 4, 3), 1.0 / 6, 1e-15);
    ck_assert(isnan(flow_autocorrelation((double[]){2, 2, 2}, 3, 1)));
    ck_assert(isnan(flow_autocorrelation((double[]){2, NAN, 2}, 3, 1)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("measures");
    TCase *tcase = case_with_tape(suite, "measures");
    tcase_add_loop_test(tcase, sharpness_is_pytorchs, 0, SHARPNESSES);
    tcase_add_loop_test(tcase, the_largest_eigenvalue, 0, 5);
    tcase_add_test(tcase, noise_by_hand);
    tcase_add_test(tcase, noise_of_rows_that_use_some_of_the_weights);
    tcase_add_test(tcase, a_plane);
    tcase_add_test(tcase, everything_is_restored);
    tcase_add_loop_test(tcase, updates_are_pytorchs, 0, JACOBIANS);
    tcase_add_test(tcase, norms_of_any_size);
    tcase_add_test(tcase, autocorrelation_by_hand);
    suite_prepare_products();
    return suite_run(suite);
}
