// test_init.c: the values that parameters start from.
//
// Statistics of n draws scatter: their mean by std / sqrt(n), their standard deviation by a part sqrt((k - 1) / (4 n)) of it,
// k = 1.8 for a uniform and 3 for a normal distribution. Allowed are 5 of these sigmas. The draws are the same at each run, so a
// test that passes once passes always; one that looked at a wrong scheme would be off by a hundred.

#include "tests/golden/inputs.h"
#include "tests/nn/nn_test.h"

enum { N_IN = 200, N_OUT = 300, DRAWS = N_IN * N_OUT };

static const double SIGMAS = 5;

typedef struct Moments {
    double mean;
    double std;
    double largest; // |x|
} Moments;

static Moments moments_of(const Real *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)values[i];
    }
    double mean = sum / (double)n;
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        squares += ((double)values[i] - mean) * ((double)values[i] - mean);
    }
    return (Moments){mean, sqrt(squares / (double)n), largest_size(values, n)};
}

// Uniform in plus or minus bound; of n values the largest comes within bound / n of it, 20 times that but once in e^20.
static void assert_uniform(const Real *values, size_t n, double bound)
{
    Moments moments = moments_of(values, n);
    double std = bound / sqrt(3);
    double count = (double)n;
    ck_assert_double_eq_tol(moments.mean, 0, SIGMAS * std / sqrt(count));
    ck_assert_double_eq_tol(moments.std, std, SIGMAS * std * sqrt(0.8 / (4 * count)));
    ck_assert_double_le(moments.largest, bound * (1 + 1e-6)); // the bound itself is rounded to float32
    ck_assert_double_ge(moments.largest, bound * (1 - 20 / count));
}

// The largest of n = 1000 to 60000 normal values lies between 2.4 and 6.5 standard deviations, but once in ten thousand.
static void assert_normal(const Real *values, size_t n, double std)
{
    Moments moments = moments_of(values, n);
    double count = (double)n;
    ck_assert_double_eq_tol(moments.mean, 0, SIGMAS * std / sqrt(count));
    ck_assert_double_eq_tol(moments.std, std, SIGMAS * std * sqrt(2 / (4 * count)));
    ck_assert_double_ge(moments.largest, 2.4 * std);
    ck_assert_double_le(moments.largest, 6.5 * std);
}

static void assert_all(const Real *values, size_t n, double expected)
{
    for (size_t i = 0; i < n; i++) {
        ck_assert_double_eq((double)values[i], expected);
    }
}

static Linear drawn_linear(InitScheme scheme, bool residual)
{
    Linear linear;
    linear_init(&linear, NULL, "", N_IN, N_OUT, true);
    linear.residual = residual;
    memset(linear.bias->data, 0xff, N_OUT * sizeof(Real)); // NaN: whoever reads it without having set it shows
    Random random = seeded(3);
    module_initialize(&linear.module, (Init){.scheme = scheme, .n_layer = 8}, &random);
    return linear;
}

// ------------------------------------------------------------------------------------------------------------
// Linear

START_TEST(a_linear_layer_is_drawn_as_its_scheme_says)
{
    const struct {
        InitScheme scheme;
        bool residual;
        double bound, std; // of the weight: uniform within bound, or normal
        double bias_bound; // uniform; 0: the bias is 0
    } cases[] = {
        {INIT_TORCH, false, .bound = 1 / sqrt(N_IN), .bias_bound = 1 / sqrt(N_IN)},
        {INIT_GPT2, false, .std = 0.02},
        {INIT_GPT2, true, .std = 0.02 / 4}, // what writes into the residual stream of 8 layers: sqrt(2 * 8) = 4
        {INIT_XAVIER, false, .bound = sqrt(6.0 / (N_IN + N_OUT))},
        {INIT_KAIMING, false, .std = sqrt(2.0 / N_IN)},
    };
    Linear linear = drawn_linear(cases[_i].scheme, cases[_i].residual);

    if (cases[_i].bound > 0) {
        assert_uniform(linear.weight->data, DRAWS, cases[_i].bound);
    } else {
        assert_normal(linear.weight->data, DRAWS, cases[_i].std);
    }
    if (cases[_i].bias_bound > 0) {
        assert_uniform(linear.bias->data, N_OUT, cases[_i].bias_bound);
    } else {
        assert_all(linear.bias->data, N_OUT, 0);
    }
    module_free(&linear.module);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Orthogonal

static Linear orthogonal_linear(int n_out, int n_in, double gain)
{
    Linear linear;
    Random random = seeded(42);
    linear_init(&linear, NULL, "", n_in, n_out, false);
    module_initialize(&linear.module, (Init){.scheme = INIT_ORTHOGONAL, .gain = gain}, &random);
    return linear;
}

// The decomposition is unique, so only the rounding differs, PyTorch's in float32: a few units of numbers up to 1.5.
START_TEST(orthogonal_matrices_are_pytorchs)
{
    static const struct {
        int n_out, n_in;
        const double *expected;
    } cases[] = {{3, 5, golden_orthogonal_3_5}, {5, 3, golden_orthogonal_5_3}, {4, 4, golden_orthogonal_4_4}};
    for (int i = 0; i < 3; i++) {
        Linear linear = orthogonal_linear(cases[i].n_out, cases[i].n_in, 1.5);
        for (int k = 0; k < cases[i].n_out * cases[i].n_in; k++) {
            ck_assert_double_eq_tol((double)linear.weight->data[k], cases[i].expected[k], 2e-6);
        }
        module_free(&linear.module);
    }
}
END_TEST

// The product of vector i and vector k, gain^2 or 0.
START_TEST(rows_or_columns_are_orthonormal_times_the_gain)
{
    enum { SMALL = 40, LARGE = 60 };
    for (int tall = 0; tall < 2; tall++) {
        Linear linear = orthogonal_linear(tall ? LARGE : SMALL, tall ? SMALL : LARGE, 2);
        const Real *w = linear.weight->data;
        for (int i = 0; i < SMALL; i++) {
            for (int k = 0; k <= i; k++) {
                double product = 0;
                for (int j = 0; j < LARGE; j++) {
                    product += tall ? (double)w[j * SMALL + i] * (double)w[j * SMALL + k] : (double)w[i * LARGE + j] * (double)w[k * LARGE + j];
                }
                ck_assert_double_eq_tol(product, i == k ? 4 : 0, 1e-5); // float's rounding of 60 products
            }
        }
        module_free(&linear.module);
    }
    Linear one = orthogonal_linear(1, 1, 0); // a gain of 0 is 1
    ck_assert_double_eq(fabs((double)one.weight->data[0]), 1);
    module_free(&one.module);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Gain and biases

START_TEST(the_gain_scales_the_weights_of_every_scheme_and_no_bias)
{
    for (int scheme = 0; scheme < INIT_COUNT; scheme++) {
        Linear linear[2];
        for (int i = 0; i < 2; i++) {
            Random random = seeded(3);
            linear_init(&linear[i], NULL, "", 6, 5, true);
            module_initialize(&linear[i].module, (Init){.scheme = (InitScheme)scheme, .n_layer = 2, .gain = i == 0 ? 0 : 4}, &random);
        }
        for (int k = 0; k < 30; k++) { // a power of 2 rounds nothing
            ck_assert_double_eq((double)linear[1].weight->data[k], 4 * (double)linear[0].weight->data[k]);
        }
        ck_assert_mem_eq(linear[0].bias->data, linear[1].bias->data, 5 * sizeof(Real));
        module_free(&linear[0].module);
        module_free(&linear[1].module);
    }
}
END_TEST

START_TEST(given_biases_replace_the_schemes)
{
    for (int scheme = 0; scheme < INIT_COUNT; scheme++) {
        Linear linear;
        linear_init(&linear, NULL, "", 2, 2000, true);
        for (int i = 0; i < 2; i++) {
            Random random = seeded(3);
            module_initialize(&linear.module, (Init){.scheme = (InitScheme)scheme, .n_layer = 2, .own_bias = true, .bias_std = 0.3 * i}, &random);
            if (i == 0) {
                assert_all(linear.bias->data, 2000, 0);
            } else {
                assert_normal(linear.bias->data, 2000, 0.3);
            }
        }
        module_free(&linear.module);
    }
}
END_TEST

// It is GPT-2's idea only.
START_TEST(other_schemes_do_not_look_at_what_is_residual)
{
    static const InitScheme schemes[] = {INIT_TORCH, INIT_XAVIER, INIT_KAIMING};
    Linear plain = drawn_linear(schemes[_i], false);
    Linear residual = drawn_linear(schemes[_i], true);

    assert_same_bits(residual.weight->data, plain.weight->data, DRAWS, "weight");
    module_free(&plain.module);
    module_free(&residual.module);
}
END_TEST

START_TEST(a_scheme_that_does_not_exist_is_a_mistake)
{
    Linear linear;
    linear_init(&linear, NULL, "", 2, 2, true);

    ASSERT_MISTAKE(initialize(&linear.module, INIT_COUNT, 1), "not a scheme");
    ASSERT_MISTAKE(initialize(&linear.module, (InitScheme)-1, 1), "not a scheme");
    module_free(&linear.module);
}
END_TEST

START_TEST(missing_inputs_of_the_initialization_are_reported)
{
    Linear linear;
    linear_init(&linear, NULL, "", 2, 2, true);
    linear.residual = true;
    Random random = seeded(1);

    ASSERT_MISTAKE(module_initialize(&linear.module, (Init){.scheme = INIT_TORCH}, NULL), "random is NULL");
    ASSERT_MISTAKE(module_initialize(&linear.module, (Init){.scheme = INIT_GPT2}, &random), "n_layer, which is 0");
    module_free(&linear.module);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The other kinds

START_TEST(embeddings_are_drawn_normally)
{
    Embedding embedding;
    embedding_init(&embedding, NULL, "", 100, 300);
    InitScheme scheme = (InitScheme)_i;

    initialize(&embedding.module, scheme, 3);

    assert_normal(embedding.weight->data, 30000, scheme == INIT_GPT2 ? 0.02 : 1);
    module_free(&embedding.module);
}
END_TEST

START_TEST(layernorm_starts_at_1_and_0_in_every_scheme)
{
    LayerNorm layernorm;
    layernorm_init(&layernorm, NULL, "", 10);
    memset(layernorm.weight->data, 0xff, 10 * sizeof(Real));
    memset(layernorm.bias->data, 0xff, 10 * sizeof(Real));

    initialize(&layernorm.module, (InitScheme)_i, 3);

    assert_all(layernorm.weight->data, 10, 1);
    assert_all(layernorm.bias->data, 10, 0);
    module_free(&layernorm.module);
}
END_TEST

// PyTorch draws nothing for LayerNorm, so neither may we: the module after it would get other numbers.
START_TEST(layernorm_draws_no_random_numbers)
{
    LayerNorm layernorm;
    layernorm_init(&layernorm, NULL, "", 10);
    Random random = seeded(3);
    Random before = random;

    module_initialize(&layernorm.module, (Init){.scheme = INIT_TORCH, .n_layer = 1}, &random);

    ck_assert_int_eq(random.next, before.next);
    ck_assert_uint_eq(random_bits(&random), random_bits(&before));
    module_free(&layernorm.module);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Joint weights and whole trees

enum { WIDTH = 48 };

// q, its bias, k, its bias, v, its bias: as if they were three layers, one made after the other.
START_TEST(a_joint_weight_is_drawn_part_by_part)
{
    InitScheme scheme = (InitScheme)_i;
    Attention attention;
    attention_init(&attention, NULL, "", (AttentionConfig){.n_embd = WIDTH, .n_head = 2, .qkv_bias = true});
    initialize(&attention.module, scheme, 3);

    Random random = seeded(3);
    for (size_t part = 0; part < 3; part++) {
        Linear linear;
        linear_init(&linear, NULL, "", WIDTH, WIDTH, true);
        linear.value_parts = part == 2;
        module_initialize(&linear.module, (Init){.scheme = scheme, .n_layer = 1}, &random);
        assert_same_bits(attention.c_attn.weight->data + part * WIDTH * WIDTH, linear.weight->data, WIDTH * WIDTH, "weight");
        assert_same_bits(attention.c_attn.bias->data + part * WIDTH, linear.bias->data, WIDTH, "bias");
        module_free(&linear.module);
    }
    module_free(&attention.module);
}
END_TEST

// The only ones are the two that end in an addition to the stream.
START_TEST(gpt2_scales_the_two_projections_of_a_block_only)
{
    Attention attention;
    FeedForward feedforward;
    attention_init(&attention, NULL, "", (AttentionConfig){.n_embd = WIDTH, .n_head = 2});
    feedforward_init(&feedforward, NULL, "", (FeedForwardConfig){.n_embd = WIDTH, .ff_mult = 4});
    Random random = seeded(3);

    module_initialize(&attention.module, (Init){.scheme = INIT_GPT2, .n_layer = 50}, &random);
    module_initialize(&feedforward.module, (Init){.scheme = INIT_GPT2, .n_layer = 50}, &random);

    assert_normal(attention.c_attn.weight->data, 3 * WIDTH * WIDTH, 0.02);
    assert_normal(attention.c_proj.weight->data, WIDTH * WIDTH, 0.002); // sqrt(2 * 50) = 10
    assert_normal(feedforward.c_fc.weight->data, 4 * WIDTH * WIDTH, 0.02);
    assert_normal(feedforward.c_proj.weight->data, 4 * WIDTH * WIDTH, 0.002);
    module_free(&attention.module);
    module_free(&feedforward.module);
}
END_TEST

static Real *drawn_attention(InitScheme scheme, uint64_t seed)
{
    Attention attention;
    attention_init(&attention, NULL, "", (AttentionConfig){.n_embd = WIDTH, .n_head = 2});
    initialize(&attention.module, scheme, seed);
    Real *values = copy_values(attention.c_proj.weight->data, WIDTH * WIDTH);
    module_free(&attention.module);
    return values;
}

START_TEST(one_seed_gives_one_network_and_another_seed_another)
{
    InitScheme scheme = (InitScheme)_i;
    Real *first = drawn_attention(scheme, 5);
    Real *again = drawn_attention(scheme, 5);
    Real *other = drawn_attention(scheme, 6);

    assert_same_bits(again, first, WIDTH * WIDTH, "weight");
    int equal = 0;
    for (int i = 0; i < WIDTH * WIDTH; i++) {
        equal += first[i] == other[i];
    }
    ck_assert_int_lt(equal, 5); // 24 bits each: by chance one in thousands
}
END_TEST

START_TEST(schemes_are_named)
{
    ck_assert_str_eq(init_name(INIT_TORCH), "torch");
    ck_assert_str_eq(init_name(INIT_GPT2), "gpt2");
    ck_assert_str_eq(init_name(INIT_XAVIER), "xavier");
    ck_assert_str_eq(init_name(INIT_KAIMING), "kaiming");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("init");
    TCase *linear = case_with_tape(suite, "linear");
    tcase_add_loop_test(linear, a_linear_layer_is_drawn_as_its_scheme_says, 0, 5);
    tcase_add_loop_test(linear, other_schemes_do_not_look_at_what_is_residual, 0, 3);
    tcase_add_test(linear, orthogonal_matrices_are_pytorchs);
    tcase_add_test(linear, rows_or_columns_are_orthonormal_times_the_gain);
    tcase_add_test(linear, the_gain_scales_the_weights_of_every_scheme_and_no_bias);
    tcase_add_test(linear, given_biases_replace_the_schemes);
    tcase_add_test(linear, a_scheme_that_does_not_exist_is_a_mistake);
    tcase_add_test(linear, missing_inputs_of_the_initialization_are_reported);

    TCase *others = case_with_tape(suite, "other kinds");
    tcase_add_loop_test(others, embeddings_are_drawn_normally, 0, INIT_COUNT);
    tcase_add_loop_test(others, layernorm_starts_at_1_and_0_in_every_scheme, 0, INIT_COUNT);
    tcase_add_test(others, layernorm_draws_no_random_numbers);

    TCase *trees = case_with_tape(suite, "trees");
    tcase_add_loop_test(trees, a_joint_weight_is_drawn_part_by_part, 0, INIT_COUNT);
    tcase_add_test(trees, gpt2_scales_the_two_projections_of_a_block_only);
    tcase_add_loop_test(trees, one_seed_gives_one_network_and_another_seed_another, 0, INIT_COUNT);
    tcase_add_test(trees, schemes_are_named);
    return suite_run(suite);
}
