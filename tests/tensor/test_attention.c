// test_attention.c: attention in one node, against the definition in double, against the same in steps on the tape, and against
// itself where something has changed that it must not see.

#include "tensor/fast/fast.h"
#include "tensor/tensor.h"
#include "tests/support/kernels.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <math.h>

// ------------------------------------------------------------------------------------------------------------
// The definition, with the plain kernels: test_products.c compares the fast ones with them

enum { VALUES_MAX = 4096 };

static double score(const Tensor *qkv, int n_head, int b, int h, int t, int s)
{
    int T = qkv->shape.size[1];
    int C = qkv->shape.size[2] / 3;
    int D = C / n_head;
    const Real *q = qkv->data + (b * T + t) * 3 * C + h * D;
    const Real *k = qkv->data + (b * T + s) * 3 * C + C + h * D;
    double sum = 0;
    for (int d = 0; d < D; d++) {
        sum += (double)q[d] * (double)k[d];
    }
    return sum / sqrt(D);
}

static double attended(const Tensor *qkv, int n_head, bool causal, int b, int t, int c)
{
    int T = qkv->shape.size[1];
    int C = qkv->shape.size[2] / 3;
    int h = c / (C / n_head);
    int seen = causal ? t + 1 : T;
    double weights = 0;
    double sum = 0;
    for (int s = 0; s < seen; s++) {
        double weight = exp(score(qkv, n_head, b, h, t, s));
        weights += weight;
        sum += weight * (double)qkv->data[(b * T + s) * 3 * C + 2 * C + c];
    }
    return sum / weights;
}

typedef struct Sizes {
    int B, T, C, n_head;
} Sizes;

static const Sizes attentions[] = {
    {1, 1, 1, 1}, {2, 1, 4, 2}, {1, 5, 4, 1}, {2, 3, 4, 2}, {2, 6, 6, 6}, {1, 17, 8, 4}, {3, 2, 12, 3},
};

enum { ATTENTIONS = sizeof attentions / sizeof attentions[0] };

START_TEST(attention_is_the_weighted_mean_of_what_is_seen)
{
    Sizes s = attentions[_i / 2];
    bool causal = _i % 2 == 0;
    Tensor *qkv = random_leaf(SHAPE(s.B, s.T, 3 * s.C), 5);
    Tensor *y = tensor_attention(qkv, s.n_head, causal);
    double expected[VALUES_MAX];
    for (int b = 0; b < s.B; b++) {
        for (int t = 0; t < s.T; t++) {
            for (int c = 0; c < s.C; c++) {
                expected[(b * s.T + t) * s.C + c] = attended(qkv, s.n_head, causal, b, t, c);
            }
        }
    }
    ck_assert(shape_equal(y->shape, SHAPE(s.B, s.T, s.C)));
    // Scores up to about 5 are rounded before exp, which makes an error of 5 units a relative one of the weights.
    assert_values_near("attention", y->data, expected, tensor_count(y), 32 * FLOAT_UNIT);
}
END_TEST

// (B, T, C) -> (B, NH, T, D)
static Tensor *heads(Tensor *x, Sizes s)
{
    return tensor_transpose(tensor_reshape(x, SHAPE(s.B, s.T, s.n_head, s.C / s.n_head)), 1, 2);
}

static Tensor *attention_in_steps(Tensor *qkv, Sizes s, bool causal)
{
    Tensor *parts[3];
    tensor_split(qkv, 2, 3, parts);
    Tensor *q = heads(parts[0], s);
    Tensor *k = heads(parts[1], s);
    Tensor *v = heads(parts[2], s);
    Tensor *scores = tensor_scale(tensor_matmul(q, tensor_transpose(k, 2, 3)), 1 / sqrt((double)s.C / s.n_head));
    Tensor *masked = causal ? tensor_causal_mask(scores) : scores;
    Tensor *y = tensor_matmul(tensor_softmax(masked), v); // (B, NH, T, D)
    return tensor_reshape(tensor_transpose(y, 1, 2), SHAPE(s.B, s.T, s.C));
}

static void widen(const Real *values, size_t n, double *wide)
{
    for (size_t i = 0; i < n; i++) {
        wide[i] = (double)values[i];
    }
}

START_TEST(fused_attention_equals_stepwise_attention_forward_and_backward)
{
    Sizes s = attentions[_i / 2];
    bool causal = _i % 2 == 0;
    Tensor *qkv = random_leaf(SHAPE(s.B, s.T, 3 * s.C), 5);
    Tensor *same = random_leaf(SHAPE(s.B, s.T, 3 * s.C), 5);
    Tensor *dy = random_leaf(SHAPE(s.B, s.T, s.C), 6);
    Tensor *fused = tensor_attention(qkv, s.n_head, causal);
    Tensor *steps = attention_in_steps(same, s, causal);
    tensor_backward_from(fused, dy->data);
    tensor_backward_from(steps, dy->data);
    double value[VALUES_MAX];
    double gradient[VALUES_MAX];
    widen(steps->data, tensor_count(steps), value);
    widen(same->grad, tensor_count(same), gradient);
    // Both are rounded, in different orders; see above.
    assert_values_near("value", fused->data, value, tensor_count(fused), 64 * FLOAT_UNIT);
    assert_values_near("gradient", qkv->grad, gradient, tensor_count(qkv), 64 * FLOAT_UNIT);
}
END_TEST

START_TEST(a_position_does_not_see_later_ones)
{
    Tensor *qkv = random_leaf(SHAPE(1, 6, 12), 5);
    Tensor *changed = random_leaf(SHAPE(1, 6, 12), 5);
    for (int i = 4 * 12; i < 6 * 12; i++) {
        changed->data[i] += 100; // positions 4 and 5
    }
    Tensor *before = tensor_attention(qkv, 2, true);
    Tensor *after = tensor_attention(changed, 2, true);
    assert_same_values("positions 0 to 3", after->data, before->data, 4 * 4);
    ck_assert_float_ne(after->data[4 * 4], before->data[4 * 4]);
}
END_TEST

// One position sees only itself: y is v, and scores have no influence.
START_TEST(a_single_position_attends_to_itself)
{
    Tensor *qkv = random_leaf(SHAPE(1, 1, 6), 5);
    Tensor *y = tensor_attention(qkv, 2, true);
    tensor_backward(tensor_sum(y));
    assert_same_values("value", y->data, qkv->data + 4, 2);
    const Real expected[] = {0, 0, 0, 0, 1, 1};
    assert_same_values("gradient", qkv->grad, expected, 6);
}
END_TEST

// Scores of 10000 and 0: exp of the first alone would overflow.
START_TEST(huge_scores_choose_one_position)
{
    const float values[] = {100, 0, 7, 100, 100, 9}; // q, k, v of two positions
    for (int causal = 0; causal < 2; causal++) {
        Tensor *qkv = tensor_from(values, SHAPE(1, 2, 3));
        tensor_require_grad(qkv);
        Tensor *y = tensor_attention(qkv, 1, causal);
        tensor_backward(tensor_sum(y));
        ck_assert_float_eq(y->data[0], causal ? 7 : 9);
        ck_assert_float_eq(y->data[1], 9);
        for (int i = 0; i < 6; i++) {
            ck_assert(isfinite(qkv->grad[i]));
        }
        ck_assert_float_eq(qkv->grad[2], causal ? 1 : 0);
        ck_assert_float_eq(qkv->grad[5], causal ? 1 : 2);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// With both sets of kernels

static const char *const sets[] = {"plain", "fast"};

enum { SETS = sizeof sets / sizeof sets[0] };

// Scores of 1000 and quarters are float32 numbers, but z, the logarithm of what their exponentials add up to, is none: rounded to
// the nearest, which may be 2^-15 away, it would make all weights wrong by 500 units. The exponents of what has a weight are
// up to 8, rounded to 4 units, and exp is off by up to 3; the gradient of k has y in it, the end of a sum, times up to 4.
START_TEST(weights_of_large_scores_keep_their_digits_in_backward)
{
    enum { T = 264 }; // more than a tile, and z is 510 units away from its float32
    if (!choose_kernels(sets[_i], __func__)) {
        return;
    }
    Tensor *qkv = tensor_require_grad(tensor_zeros(SHAPE(1, T, 3)));
    double sum = 0;
    double y = 0;
    for (int t = 0; t < T; t++) {
        qkv->data[3 * t] = 1;
        qkv->data[3 * t + 1] = 1000 + (Real)(t % 7) / 4;
        qkv->data[3 * t + 2] = (Real)(t % 5);
        double weight = exp(t % 7 / 4.0);
        sum += weight;
        y += weight * (t % 5);
    }
    y /= sum;
    double z = 1000 + log(sum);
    ck_assert_double_gt(fabs(z - (double)(float)z), 500 * FLOAT_UNIT);

    Real dy[T] = {1}; // of position 0: what comes back to v are its weights
    tensor_backward_from(tensor_attention(qkv, 1, false), dy);
    Real dk[T];
    Real dv[T];
    double expected_dk[T];
    double expected_dv[T];
    for (int t = 0; t < T; t++) {
        dk[t] = qkv->grad[3 * t + 1];
        dv[t] = qkv->grad[3 * t + 2];
        expected_dv[t] = exp(t % 7 / 4.0) / sum;
        expected_dk[t] = expected_dv[t] * (t % 5 - y);
    }
    assert_values_near("gradient of v", dv, expected_dv, T, 8 * FLOAT_UNIT);
    assert_values_near("gradient of k", dk, expected_dk, T, 24 * FLOAT_UNIT);
}
END_TEST

// A product of q and k that is too large for float32 is an infinite score. As softmax has it, minus infinity has a weight of 0,
// also where a tile of 256 keys, or all that was seen before, has no other score.
START_TEST(a_score_of_minus_infinity_has_no_weight)
{
    enum { T = 300 };
    static const int hidden[] = {1, 256, 290};
    if (!choose_kernels(sets[_i], __func__)) {
        return;
    }
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        Tensor *qkv = tensor_require_grad(tensor_zeros(SHAPE(1, T, 3)));
        for (int t = 0; t < T; t++) {
            qkv->data[3 * t] = 1e30f;
            qkv->data[3 * t + 1] = t < hidden[i] ? -1e30f : 1e-30f;
            qkv->data[3 * t + 2] = t < hidden[i] ? 3 : 5;
        }
        Tensor *y = tensor_attention(qkv, 1, false);
        tensor_backward(tensor_sum(y));
        for (int t = 0; t < T; t++) {
            assert_near("y", (double)y->data[t], 5, 5 * T * FLOAT_UNIT);
            double weight = t < hidden[i] ? 0 : 1.0 / (T - hidden[i]);
            assert_near("gradient of v", (double)qkv->grad[3 * t + 2], T * weight, T * weight * 2 * T * FLOAT_UNIT);
            ck_assert(isfinite(qkv->grad[3 * t]) && isfinite(qkv->grad[3 * t + 1]));
        }
    }
}
END_TEST

START_TEST(a_row_of_minus_infinity_is_nan)
{
    if (!choose_kernels(sets[_i], __func__)) {
        return;
    }
    const float values[] = {1e30f, -1e30f, 3, 1e30f, -1e30f, 5}; // q, k, v of two positions
    Tensor *y = tensor_attention(tensor_from(values, SHAPE(1, 2, 3)), 1, false);
    ck_assert(isnan(y->data[0]) && isnan(y->data[1]));
}
END_TEST

// Two sequences, of two heads; in the first, what one position holds will be spoiled. Within a tile (of 64 queries) and at the end of
// a part of one, at borders, and past the first 256 keys.
typedef struct Place {
    int T, position;
} Place;

static const Place places[] = {{70, 40}, {70, 67}, {70, 63}, {70, 64}, {300, 20}, {300, 255}, {300, 290}};

enum { PLACES = sizeof places / sizeof places[0], N_HEAD = 2, C = 16 };

static const float no_numbers[] = {NAN, INFINITY, -INFINITY};

enum { NO_NUMBERS = sizeof no_numbers / sizeof no_numbers[0] };

typedef struct Attended {
    Tensor *qkv; // (2, T, 3C)
    Tensor *dy;  // (2, T, C)
    Tensor *y;   // (2, T, C)
} Attended;

static Attended leaves(int T)
{
    return (Attended){.qkv = random_leaf(SHAPE(2, T, 3 * C), 5), .dy = random_leaf(SHAPE(2, T, C), 6)};
}

static void attend(Attended *a)
{
    a->y = tensor_attention(a->qkv, N_HEAD, true);
    tensor_backward_from(a->y, a->dy->data);
}

static void spoil(Real *values, int n, float value)
{
    for (int i = 0; i < n; i++) {
        values[i] = value;
    }
}

// Columns first ... first + C - 1 of rows start ... end - 1, each of width values. What was spoiled may change the order of a sum,
// of up to T terms: the tolerance of test_products.c.
static void assert_rows_near(const char *what, const Real *got, const Real *expected, int start, int end, int width, int first)
{
    double wanted[C];
    for (int row = start; row < end; row++) {
        const Real *from = expected + row * width + first;
        for (int c = 0; c < C; c++) {
            wanted[c] = (double)from[c];
        }
        assert_values_near(what, got + row * width + first, wanted, C, 200 * FLOAT_UNIT);
    }
}

// A hidden position has a weight of 0, which keeps out any number; but 0 NaN is NaN, and so is 0 times infinity.
START_TEST(no_number_comes_from_a_later_position)
{
    const Place *place = &places[_i % PLACES];
    if (!choose_kernels(sets[_i / PLACES], __func__)) {
        return;
    }
    int T = place->T;
    Attended sound = leaves(T);
    attend(&sound);
    for (int i = 0; i < NO_NUMBERS; i++) {
        for (int part = 0; part <= 3; part++) { // q, k, v, and all three
            Attended spoiled = leaves(T);
            Real *from = spoiled.qkv->data + (place->position * 3 + part % 3) * C;
            spoil(from, part < 3 ? C : 3 * C, no_numbers[i]);
            attend(&spoiled);
            assert_rows_near("y", spoiled.y->data, sound.y->data, 0, place->position, C, 0);
            assert_rows_near("gradient of q", spoiled.qkv->grad, sound.qkv->grad, 0, place->position, 3 * C, 0);
            assert_rows_near("y of the other sequence", spoiled.y->data, sound.y->data, T, 2 * T, C, 0);
            for (int first = 0; first < 3 * C; first += C) {
                assert_rows_near("gradient of the other sequence", spoiled.qkv->grad, sound.qkv->grad, T, 2 * T, 3 * C, first);
            }
        }
    }
}
END_TEST

// The gradient of a position goes to itself and to earlier positions; no others depend on its query or the gradient of its result.
START_TEST(no_gradient_reaches_a_later_position)
{
    const Place *place = &places[_i % PLACES];
    if (!choose_kernels(sets[_i / PLACES], __func__)) {
        return;
    }
    int T = place->T;
    int position = place->position;
    Attended sound = leaves(T);
    attend(&sound);
    for (int i = 0; i < NO_NUMBERS; i++) {
        for (int of_query = 0; of_query <= 1; of_query++) {
            Attended spoiled = leaves(T);
            spoil(of_query ? spoiled.qkv->data + position * 3 * C : spoiled.dy->data + position * C, C, no_numbers[i]);
            attend(&spoiled);
            assert_rows_near("y before", spoiled.y->data, sound.y->data, 0, position, C, 0);
            assert_rows_near("y after", spoiled.y->data, sound.y->data, position + 1, 2 * T, C, 0);
            assert_rows_near("gradient of q before", spoiled.qkv->grad, sound.qkv->grad, 0, position, 3 * C, 0);
            for (int first = 0; first < 3 * C; first += C) {
                assert_rows_near("gradient after", spoiled.qkv->grad, sound.qkv->grad, position + 1, 2 * T, 3 * C, first);
            }
        }
    }
}
END_TEST

int main(void)
{
    kernels_choose("plain");
    Suite *suite = suite_create("attention");
    TCase *definition = case_with_tape(suite, "definition");
    tcase_add_loop_test(definition, attention_is_the_weighted_mean_of_what_is_seen, 0, 2 * ATTENTIONS);
    tcase_add_loop_test(definition, fused_attention_equals_stepwise_attention_forward_and_backward, 0, 2 * ATTENTIONS);
    tcase_add_test(definition, a_position_does_not_see_later_ones);
    tcase_add_test(definition, a_single_position_attends_to_itself);
    tcase_add_test(definition, huge_scores_choose_one_position);

    TCase *sets = case_with_tape(suite, "both sets");
    tcase_add_loop_test(sets, weights_of_large_scores_keep_their_digits_in_backward, 0, SETS);
    tcase_add_loop_test(sets, a_score_of_minus_infinity_has_no_weight, 0, SETS);
    tcase_add_loop_test(sets, a_row_of_minus_infinity_is_nan, 0, SETS);
    tcase_add_loop_test(sets, no_number_comes_from_a_later_position, 0, SETS * PLACES);
    tcase_add_loop_test(sets, no_gradient_reaches_a_later_position, 0, SETS * PLACES);
    return suite_run(suite);
}
