// test_streams.c: ranks, streams and attention weights against values computed by hand. Built in float32 and, by
// test_streams_double.c, in double.

#include "tests/golden/paths.h"
#include "tests/gpt/gpt_test.h"
#include "tensor/fast/fast.h"

#include <string.h>

enum { B = 2, T = 9, LAYERS = 3, HEADS = 3 };

#ifdef GPTAPE_DOUBLE
static const double ROUNDING = 1e-13; // of a few operations
#else
static const double ROUNDING = 1e-6;
#endif

START_TEST(singular_values_of_known_matrices)
{
    double s[4];
    singular_values((double[]){3, 0, 4, 5}, 2, 2, s); // sqrt(45), sqrt(5)
    ck_assert_double_eq_tol(s[0], sqrt(45), 1e-14);
    ck_assert_double_eq_tol(s[1], sqrt(5), 1e-14);
    singular_values((double[]){1, 2, 3, 2, 4, 6}, 2, 3, s); // rank 1: |(1, 2)| |(1, 2, 3)|
    ck_assert_double_eq_tol(s[0], sqrt(70), 1e-14);
    ck_assert_double_eq_tol(s[1], 0, 1e-14);
    singular_values((double[]){0, 1e-200, 0, 0, 0, 1e-200, 0, 0, 0}, 3, 3, s);
    ck_assert_double_eq_tol(s[0] * 1e200, 1, 1e-14);
    ck_assert_double_eq_tol(s[1] * 1e200, 1, 1e-14);
    ck_assert(s[2] == 0);
    singular_values((double[]){2, 0, -1, 2}, 2, 2, s); // a sweep's shift is an eigenvalue, so its p is 0
    ck_assert_double_eq_tol(s[0], (sqrt(17) + 1) / 2, 1e-15 * 4);
    ck_assert_double_eq_tol(s[1], (sqrt(17) - 1) / 2, 1e-15 * 4);
    singular_values((double[]){1, NAN, 0, 1}, 2, 2, s);
    ck_assert(isnan(s[0]) && isnan(s[1]));
}
END_TEST

// sum s^2 = sum a^2, product s = |det|, of matrices without structure and of a Vandermonde matrix, whose values span 12 decades.
START_TEST(singular_values_of_random_matrices)
{
    enum { M = 40, N = 17 };
    double a[M * N];
    double across[M * N];
    double s[N];
    double same[N];
    Random random = seeded((uint64_t)_i);
    double squares = 0;
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            double value = _i == 0 ? pow(i / (double)M, j) : random_double(&random) - 0.5;
            a[i * N + j] = value;
            across[j * M + i] = value;
            squares += value * value;
        }
    }
    singular_values(a, M, N, s);
    singular_values(across, N, M, same);
    double sum = 0;
    for (int i = 0; i < N; i++) {
        sum += s[i] * s[i];
        ck_assert(s[i] >= 0 && (i == 0 || s[i] <= s[i - 1]));
        ck_assert_double_eq_tol(s[i], same[i], 1e-14 * s[0]);
    }
    ck_assert_double_eq_tol(sum, squares, 1e-13 * squares);
}
END_TEST

START_TEST(ranks_of_known_streams)
{
    Tensor *unit = tensor_zeros(SHAPE(1, 3, 3));
    for (int i = 0; i < 3; i++) {
        unit->data[i * 4] = 2;
    }
    FlowRank rank = flow_rank(unit);
    ck_assert_double_eq_tol(rank.effective, 3, 1e-12);
    ck_assert_double_eq_tol(rank.stable, 3, 1e-12);
    ck_assert_double_eq_tol(rank.residual, (4.0 / 3 + 2 * 2.0 / 3) / 2, 1e-12); // a column of X - mean: 4/3, -2/3, -2/3
    rank = flow_rank(tensor_full(SHAPE(2, 3, 4), -1));                          // equal tokens
    ck_assert_double_eq_tol(rank.effective, 1, 1e-6);
    ck_assert_double_eq_tol(rank.stable, 1, 1e-12);
    ck_assert(rank.residual == 0);
    rank = flow_rank(tensor_zeros(SHAPE(3, 4)));
    ck_assert(rank.effective == 0 && rank.stable == 0 && rank.residual == 0);
}
END_TEST

static Tensor *random_tensor(Shape shape, double mean)
{
    Random random = seeded(7);
    Tensor *x = tensor_zeros(shape);
    random_normal(&random, x->data, tensor_count(x), (Real)mean, 1);
    return x;
}

// Streams wider and longer than one another, and one that has nearly collapsed, in which float32 has few digits of the small values.
START_TEST(ranks_are_those_of_the_singular_values)
{
    static const int sizes[][2] = {{40, 17}, {17, 40}, {16, 42}};
    int m = sizes[_i][0];
    int n = sizes[_i][1];
    double a[40 * 17];
    double s[17];
    double sum = 0;
    double squares = 0;
    double entropy = 0;
    Tensor *x = random_tensor(SHAPE(m, n), _i == 2 ? 1000 : 0);
    for (int i = 0; i < m * n; i++) {
        a[i] = (double)x->data[i];
    }
    singular_values(a, m, n, s);
    for (int i = 0; i < (m < n ? m : n); i++) {
        sum += s[i];
        squares += s[i] * s[i];
    }
    for (int i = 0; i < (m < n ? m : n); i++) {
        entropy -= s[i] / sum * log(s[i] / sum);
    }
    FlowRank rank = flow_rank(x);
    ck_assert_double_eq_tol(rank.effective, exp(entropy), ROUNDING * rank.effective);
    ck_assert_double_eq_tol(rank.stable, squares / (s[0] * s[0]), ROUNDING * rank.stable);
}
END_TEST

// Scores so far apart that all weights but one are 0; a key that is NaN.
START_TEST(attention_of_extreme_scores)
{
    AttentionStats stats;
    Tensor *qkv = random_tensor(SHAPE(1, 9, 3 * 4), 0);
    for (size_t i = 0; i < tensor_count(qkv); i++) {
        qkv->data[i] *= 1e15f;
    }
    attention_stats(qkv, 1, true, &stats);
    ck_assert_double_eq(stats.entropy, 0);
    ck_assert_double_eq(stats.largest, 1);
    qkv->data[4] = NAN;
    attention_stats(qkv, 1, true, &stats);
    ck_assert(isnan(stats.entropy) && isnan(stats.largest));
}
END_TEST

static void measure_with_threads(int threads, FlowRank ranks[2], AttentionStats stats[4], double *weights)
{
    kernels_set_threads(threads);
    Tensor *qkv = random_tensor(SHAPE(3, 37, 3 * 48), 0);
    ranks[0] = flow_rank(random_tensor(SHAPE(5, 40, 48), 0));
    ranks[1] = flow_rank(random_tensor(SHAPE(5, 60, 30), 1));
    attention_stats(qkv, 4, true, stats);
    attention_weights(qkv, 4, true, weights);
}

START_TEST(threads_do_not_change_a_bit)
{
    enum { WEIGHTS = 3 * 4 * 37 * 37 };
    static double weights[2][WEIGHTS];
    FlowRank ranks[2][2];
    AttentionStats stats[2][4];
    measure_with_threads(1, ranks[0], stats[0], weights[0]);
    for (int i = 0; i < 40; i++) { // on a busy machine, one thread often does all parts
        measure_with_threads(2 + i % 4, ranks[1], stats[1], weights[1]);
        ck_assert(memcmp(ranks[0], ranks[1], sizeof ranks[0]) == 0);
        ck_assert(memcmp(stats[0], stats[1], sizeof stats[0]) == 0);
        ck_assert(memcmp(weights[0], weights[1], sizeof weights[0]) == 0);
    }
    ck_assert(stats[0][0].entropy > 1 && ranks[0][0].effective > 20);
}
END_TEST

// Fused, and step by step, whose weights are on the tape.
START_TEST(attention_weights_are_those_of_the_network)
{
    GPT *gpt = golden_gpt("pre", 123);
    double weights[B * HEADS * T * T];
    AttentionStats fused[HEADS];
    AttentionStats stepwise[HEADS];
    gpt_forward(gpt, golden_paths_ids, B, T);
    attention_stats(attention_qkv(tape_current(), &gpt->h[1].attn), HEADS, true, fused);
    tape_reset(tape_current());
    gpt->h[1].attn.stepwise = true;
    gpt_forward(gpt, golden_paths_ids, B, T);
    const Tensor *qkv = attention_qkv(tape_current(), &gpt->h[1].attn);
    attention_stats(qkv, HEADS, true, stepwise);
    attention_weights(qkv, HEADS, true, weights);
    const Tensor *expected = tape_find(tape_current(), "h.1.attn.weights");
    ck_assert_int_eq((int)tensor_count(expected), B * HEADS * T * T);
    for (int i = 0; i < B * HEADS * T * T; i++) {
        ck_assert_double_eq_tol(weights[i], (double)expected->data[i], ROUNDING);
    }
    for (int head = 0; head < HEADS; head++) {
        ck_assert_double_eq_tol(fused[head].entropy, stepwise[head].entropy, ROUNDING);
        ck_assert_double_eq_tol(fused[head].first, stepwise[head].first, ROUNDING);
    }
    gpt_free(gpt);
}
END_TEST

START_TEST(streams_are_on_the_tape)
{
    GPT *gpt = golden_gpt("keel", 123);
    gpt_forward(gpt, golden_paths_ids, B, T);
    const Tape *tape = tape_current();
    ck_assert_int_eq(tape->n_sublayers, 2 * LAYERS);
    ck_assert_ptr_eq(flow_stream(tape, 0), tape_find(tape, "embd"));
    ck_assert_ptr_eq(flow_stream(tape, 3), tape_find(tape, "h.1.mid"));
    ck_assert_ptr_eq(flow_stream(tape, 2 * LAYERS), tape_find(tape, "h.2.out"));
    ck_assert_ptr_eq(flow_branch(tape, 2), tape_find(tape, "h.1.attn.out"));
    ck_assert_ptr_null(flow_stream(tape, 2 * LAYERS + 1));
    ck_assert_ptr_null(flow_branch(tape, 2 * LAYERS));
    gpt_free(gpt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("streams");
    TCase *tcase = case_with_tape(suite, "probes");
    tcase_add_test(tcase, singular_values_of_known_matrices);
    tcase_add_loop_test(tcase, singular_values_of_random_matrices, 0, 4);
    tcase_add_test(tcase, ranks_of_known_streams);
    tcase_add_loop_test(tcase, ranks_are_those_of_the_singular_values, 0, 3);
    tcase_add_test(tcase, attention_of_extreme_scores);
    tcase_add_test(tcase, threads_do_not_change_a_bit);
    tcase_add_test(tcase, attention_weights_are_those_of_the_network);
    tcase_add_test(tcase, streams_are_on_the_tape);
    return suite_run(suite);
}
