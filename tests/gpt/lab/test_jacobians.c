// test_jacobians.c: Jacobians and their norms, against PyTorch and values computed by hand. Built in float32 and, by test_jacobians_double.c,
// in double.

#include "tests/gpt/lab/measures_test.h"

enum { STREAMS = 4 };

static void find_streams(Tensor *stream[STREAMS])
{
    for (int i = 0; i < STREAMS; i++) {
        char name[NAME_TEXT];
        snprintf(name, sizeof name, "h.%d.out", i - 1);
        stream[i] = tape_find(tape_current(), i == 0 ? "embd" : name);
        ck_assert_msg(stream[i] != NULL, "%s is not on the tape", name);
    }
}

START_TEST(jacobians_are_pytorchs)
{
    const GoldenJacobian *golden = &golden_jacobians[_i];
    GPT *gpt = golden_gpt(golden->rule, 123);
    gpt_forward(gpt, golden_paths_ids, B, T);
    Tensor *stream[STREAMS];
    JacobianNorm norm[STREAMS];
    find_streams(stream);
    jacobian_norms(stream[3], stream, STREAMS, 0, NULL, norm);
    for (int i = 0; i < STREAMS; i++) {
        assert_near(golden->rule, norm[i].mean_square, golden->norm[i], GOLDEN_TOLERANCE * golden->norm[i]);
        ck_assert(norm[i].std_error == 0 && norm[i].n_probes == 0);
    }
    gpt_free(gpt);
}
END_TEST

// 400 random walks come within four standard errors, which are small; at the end every walk gives exactly 1.
START_TEST(random_walks_estimate_them)
{
    GPT *gpt = golden_gpt("h + f(norm(h))", 123);
    gpt_forward(gpt, golden_paths_ids, B, T);
    Tensor *stream[STREAMS];
    JacobianNorm norm[STREAMS];
    find_streams(stream);
    Random random = seeded(1);
    jacobian_norms(stream[3], stream, STREAMS, 400, &random, norm);
    for (int i = 0; i < STREAMS - 1; i++) {
        double golden = golden_jacobians[1].norm[i];
        ck_assert(norm[i].std_error > 0 && norm[i].std_error < 0.01 * golden && norm[i].n_probes == 400);
        assert_near("estimate", norm[i].mean_square, golden, 4 * norm[i].std_error);
    }
    assert_near("at the end", norm[3].mean_square, 1, 1e-12);
    gpt_free(gpt);
}
END_TEST

// y = x W^T, whose Jacobian is W; z does not lead to y, and u leads to it past x.
START_TEST(a_jacobian_by_hand)
{
    Tensor *x = tensor_from((Real[]){1, 2, 3}, SHAPE(1, 3));
    Tensor *u = tensor_scale(tensor_from((Real[]){1, 1}, SHAPE(1, 2)), 2);
    Tensor *z = tensor_scale(x, 7);
    Tensor *w = tensor_from((Real[]){1, 2, 3, 4, 5, 6}, SHAPE(2, 3));
    Tensor *y = tensor_add(tensor_linear(x, w, NULL), tensor_scale(u, 3));
    double J[6];
    jacobian_matrix(y, x, J);
    for (int i = 0; i < 6; i++) {
        ck_assert(J[i] == i + 1);
    }
    JacobianNorm norm[4];
    jacobian_norms(y, (Tensor *[]){x, u, z, y}, 4, 0, NULL, norm);
    ck_assert(norm[0].mean_square == 91.0 / 2); // two singular values
    ck_assert(norm[1].mean_square == 9);
    ck_assert(norm[2].mean_square == 0);
    ck_assert(norm[3].mean_square == 1);
    ck_assert(x->grad == NULL && !x->requires_grad && y->grad == NULL);
    JacobianNorm one = jacobian_norm(y, x);
    ck_assert(one.mean_square == 91.0 / 2 && one.std_error == 0);
    ASSERT_MISTAKE(jacobian_norms(y, &x, 1, 1, NULL, norm), "jacobian_norms: 1 probes (expected 0 or at least 2)");
}
END_TEST

// J = (1, 1)^T: each walk gives (+-1 +- 1)^2, which is 4 or 0, so the mean says how many gave 4, and that the variance.
START_TEST(the_error_of_an_estimate_by_hand)
{
    enum { WALKS = 10 };
    Tensor *x = tensor_zeros(SHAPE(1, 1));
    Tensor *y = tensor_linear(x, tensor_full(SHAPE(2, 1), 1), NULL);
    Random random = seeded(1);
    JacobianNorm norm;
    jacobian_norms(y, &x, 1, WALKS, &random, &norm);
    double mean = norm.mean_square;
    ck_assert(mean > 0 && mean < 4);
    assert_near("standard error", norm.std_error, sqrt((4 * mean - mean * mean) / (WALKS - 1)), 1e-15);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jacobians");
    TCase *tcase = case_with_tape(suite, "jacobians");
    tcase_add_loop_test(tcase, jacobians_are_pytorchs, 0, JACOBIANS);
    tcase_add_test(tcase, random_walks_estimate_them);
    tcase_add_test(tcase, a_jacobian_by_hand);
    tcase_add_test(tcase, the_error_of_an_estimate_by_hand);
    suite_prepare_products();
    return suite_run(suite);
}
