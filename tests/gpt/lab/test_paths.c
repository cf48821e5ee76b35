// test_paths.c: the gradient by path length against PyTorch's, and against itself; vector-Jacobian products. Built in float32 and, by
// test_paths_double.c, in double.

#include "tests/golden/paths.h"
#include "tests/gpt/gpt_test.h"

enum { GOLDEN_COUNT = sizeof golden_paths / sizeof golden_paths[0], B = 2, T = 9 };

// The golden numbers are rounded to 9 digits. In float32 a path's share may be small beside what it was summed up with.
#ifdef GPTAPE_DOUBLE
static const double TOLERANCE = 1e-6;
static const double AGREEMENT = 1e-12;
#else
static const double TOLERANCE = 1e-4;
static const double AGREEMENT = 1e-5;
#endif

static void assert_golden(const GoldenPaths *golden, const PathLengths *paths)
{
    int S = golden->n_sublayers;
    ck_assert_int_eq(paths->n_sublayers, S);
    for (int s = 0; s < S; s++) {
        double sum = golden->sum[s];
        ck_assert_msg(is_near(paths->sum[s], sum, TOLERANCE * sum), "%s: sublayer %d: sum %.9g, expected %.9g", golden->id, s, paths->sum[s], sum);
        for (int k = 0; k <= S - s; k++) {
            double got = paths->norm[s * (S + 1) + k];
            double expected = golden->norm[s][k];
            ck_assert_msg(is_near(got, expected, fmax(TOLERANCE * expected, 1e-17 + 1e-9 * TOLERANCE * sum)),
                          "%s: sublayer %d, length %d: %.9g, expected %.9g", golden->id, s, k, got, expected);
        }
    }
    ck_assert_msg(paths->error <= AGREEMENT, "%s: the sum differs from the gradient by %.3g", golden->id, paths->error);
}

static PathLengths paths_of_gpt(GPT *gpt, Tensor **loss)
{
    Tensor *start[2 * 3];
    Tensor *logits = gpt_forward(gpt, golden_paths_ids, B, T);
    *loss = tensor_cross_entropy(logits, golden_paths_targets);
    start[0] = tape_find(tape_current(), "embd");
    for (int s = 1; s < 6; s++) {
        char name[NAME_TEXT];
        snprintf(name, sizeof name, "h.%d.%s", (s - 1) / 2, s % 2 == 1 ? "mid" : "out");
        start[s] = tape_find(tape_current(), name);
        ck_assert_msg(start[s] != NULL, "%s is not on the tape", name);
    }
    return path_lengths(*loss, start, 6);
}

static void check_gpt(const GoldenPaths *golden)
{
    Tensor *loss;
    GPT *gpt = golden_gpt(golden->rule, golden->seed);
    PathLengths paths = paths_of_gpt(gpt, &loss);
    assert_golden(golden, &paths);
    path_lengths_free(&paths);
    gpt_free(gpt);
}

static void check_mlp(const GoldenPaths *golden)
{
    int S = golden->n_sublayers;
    Tensor *start[GOLDEN_PATHS_MOST];
    int sizes[GOLDEN_PATHS_MOST + 1];
    memcpy(sizes, golden->sizes, (size_t)(S + 1) * sizeof *sizes);
    Activation activation = strcmp(golden->activation, "tanh") == 0 ? ACTIVATION_TANH : ACTIVATION_GELU;
    DeepConfig config = {.sizes = sizes, .n_layer = S, .activation = activation, .init = INIT_TORCH, .residual = golden->rule};
    DeepNet *net = create_deep(config, golden->seed);
    round_weights(&net->module);
    Tensor *x = tensor_zeros(SHAPE(1, sizes[0]));
    for (int i = 0; i < sizes[0]; i++) {
        x->data[i] = (Real)(i % 3 == 0 ? 1 : i % 3 == 1 ? 0 : -1);
    }
    Tensor *y = deep_forward(net, x);
    Tensor *loss = tensor_mse_loss(y, tensor_full(SHAPE(1, sizes[S]), golden->target));
    start[0] = x;
    for (int s = 1; s < S; s++) {
        char name[NAME_TEXT];
        snprintf(name, sizeof name, "layers.%d.out", s - 1);
        start[s] = tape_find(tape_current(), name);
    }
    PathLengths paths = path_lengths(loss, start, S);
    assert_golden(golden, &paths);
    path_lengths_free(&paths);
    deep_free(net);
}

START_TEST(paths_are_pytorchs)
{
    const GoldenPaths *golden = &golden_paths[_i];
    if (golden->sizes[0] == 0) {
        check_gpt(golden);
    } else {
        check_mlp(golden);
    }
}
END_TEST

// Without shortcuts every path passes every sublayer.
START_TEST(without_shortcuts_there_is_one_length)
{
    Tensor *loss;
    GPT *gpt = create_gpt(golden_config("none"), 123);
    PathLengths paths = paths_of_gpt(gpt, &loss);
    for (int s = 0; s < 6; s++) {
        ck_assert_double_eq_tol(path_share(&paths, s, 6 - s), 1, 1e-12);
        ck_assert_double_eq_tol(path_mean_length(&paths, s), 6 - s, 1e-12);
    }
    path_lengths_free(&paths);
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// tensor_vjp

START_TEST(it_leaves_everything_as_it_was)
{
    Tensor *loss;
    GPT *gpt = create_gpt(golden_config("pre"), 123);
    PathLengths paths = paths_of_gpt(gpt, &loss);
    ParameterList list = module_parameters(&gpt->module);
    Tensor *mid = tape_find(tape_current(), "h.1.mid");
    for (int i = 0; i < list.count; i++) {
        ck_assert_ptr_null(list.parameters[i]->grad);
    }
    tensor_retain_grad(mid);
    tensor_backward(loss);
    double before = grad_norm(&list);
    Real *dmid = malloc(tensor_count(mid) * sizeof *dmid);
    Real one = 1;
    tensor_vjp(loss, &one, mid, dmid);
    ck_assert(grad_norm(&list) == before);
    ck_assert(memcmp(dmid, mid->grad, tensor_count(mid) * sizeof *dmid) == 0);
    Real *dwte = malloc(tensor_count(gpt->wte.weight) * sizeof *dwte);
    tensor_vjp(loss, &one, gpt->wte.weight, dwte); // a parameter has its own
    ck_assert(memcmp(dwte, gpt->wte.weight->grad, tensor_count(gpt->wte.weight) * sizeof *dwte) == 0);
    ck_assert(grad_norm(&list) == before);
    free(dwte);
    free(dmid);
    parameter_list_free(&list);
    path_lengths_free(&paths);
    gpt_free(gpt);
}
END_TEST

// y = tanh(x)^2 + 3 x: dy/dx = 2 tanh(x) (1 - tanh(x)^2) + 3.
START_TEST(it_is_the_derivative)
{
    Tensor *x = tensor_from((Real[]){0.5F, -1, 2}, SHAPE(3)); // wants no gradient
    Tensor *t = tensor_tanh(x);
    Tensor *y = tensor_add(tensor_mul(t, t), tensor_scale(x, 3));
    tensor_label(y, "y");
    Real dx[3];
    tensor_vjp(y, (Real[]){1, 2, 0}, x, dx);
    for (int i = 0; i < 3; i++) {
        double tanh_x = tanh((double)x->data[i]);
        double expected = (i == 0 ? 1 : i == 1 ? 2 : 0) * (2 * tanh_x * (1 - tanh_x * tanh_x) + 3);
        ck_assert_double_eq_tol((double)dx[i], expected, 1e-6); // a few roundings of float32
    }
    ck_assert(!x->requires_grad && x->grad == NULL && y->grad == NULL);
    ck_assert_ptr_eq(tape_find(tape_current(), "y"), y);
    ck_assert_ptr_null(tape_find(tape_current(), "z"));
    Tensor *other = tensor_zeros(SHAPE(2));
    tensor_vjp(y, (Real[]){1, 1, 1}, other, dx); // y does not depend on it
    ck_assert(dx[0] == 0 && dx[1] == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("paths");
    TCase *tcase = case_with_tape(suite, "paths");
    tcase_add_loop_test(tcase, paths_are_pytorchs, 0, GOLDEN_COUNT);
    tcase_add_test(tcase, without_shortcuts_there_is_one_length);
    tcase_add_test(tcase, it_leaves_everything_as_it_was);
    tcase_add_test(tcase, it_is_the_derivative);
    suite_prepare_products();
    return suite_run(suite);
}
