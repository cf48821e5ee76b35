// test_layers.c: what the modules compute, one kind after the other.

#include "tests/golden/inputs.h"
#include "tests/nn/nn_test.h"

// ------------------------------------------------------------------------------------------------------------
// Linear and Embedding

static const double ONE_ROUNDING = 1.2e-7; // of float32, relative to the result

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

// ------------------------------------------------------------------------------------------------------------
// Attention

typedef struct AttentionCase {
    int B, T, C, n_head;
    bool causal;
    bool qkv_bias;
} AttentionCase;

static const AttentionCase attention_cases[] = {
    {1, 1, 4, 1, true, true},    {1, 1, 4, 2, false, false},   {2, 1, 6, 3, true, false},  {1, 2, 2, 2, true, true},
    {1, 5, 8, 1, true, false},   {1, 5, 8, 8, false, true},    {3, 7, 12, 3, true, true},  {3, 7, 12, 3, false, true},
    {2, 16, 24, 4, true, false}, {2, 16, 24, 4, false, false}, {1, 33, 40, 5, true, true}, {4, 9, 32, 2, false, true},
};

enum { ATTENTION_CASES = sizeof attention_cases / sizeof attention_cases[0] };

static void create_attention(Attention *attention, AttentionCase c)
{
    AttentionConfig config = {.n_embd = c.C, .n_head = c.n_head, .qkv_bias = c.qkv_bias, .causal = c.causal};
    attention_init(attention, NULL, "", config);
    initialize(&attention->module, INIT_TORCH, 7);
}

// What one way of computing attention gives: all of it in one row of values.
typedef struct AttentionRun {
    Real *y;
    Real *dx;
    Real *dparameters[4];
    size_t counts[4];
    int n_parameters;
} AttentionRun;

static AttentionRun run_attention(Attention *attention, AttentionCase c, bool stepwise)
{
    attention->stepwise = stepwise;
    module_zero_grad(&attention->module);
    Tensor *x = random_leaf(SHAPE(c.B, c.T, c.C), 5);
    Tensor *y = attention_forward(attention, x);
    size_t n = tensor_count(y);
    Real *dy = random_values(n, 6);
    tensor_backward_from(y, dy);
    free(dy);

    AttentionRun run = {.y = copy_values(y->data, n), .dx = copy_values(x->grad, n)};
    ParameterList list = module_parameters(&attention->module);
    run.n_parameters = list.count;
    for (int i = 0; i < list.count; i++) {
        run.counts[i] = tensor_count(list.parameters[i]);
        run.dparameters[i] = copy_values(list.parameters[i]->grad, run.counts[i]);
    }
    parameter_list_free(&list);
    tape_reset(tape_current());
    return run;
}

static void free_run(AttentionRun *run)
{
    free(run->y);
    free(run->dx);
    for (int i = 0; i < run->n_parameters; i++) {
        free(run->dparameters[i]);
    }
}

// Both ways round sums of up to T = 33 and C = 40 float32 products, in different orders: 40 roundings of 6e-8 if all went one
// way, a tenth of it in practice; measured below 4e-7 of the largest value. Where T = 1 the gradient of queries and keys is
// exactly 0 in one way and not quite in the other: it is compared beside that of the values, which stands in the same tensor.
static const double FUSED_TOLERANCE = 1e-6;

START_TEST(fused_and_stepwise_attention_agree)
{
    AttentionCase c = attention_cases[_i];
    Attention attention;
    create_attention(&attention, c);
    size_t n = (size_t)c.B * (size_t)c.T * (size_t)c.C;

    AttentionRun fused = run_attention(&attention, c, false);
    AttentionRun stepwise = run_attention(&attention, c, true);

    assert_values_near(fused.y, stepwise.y, n, FUSED_TOLERANCE, "y");
    assert_values_near(fused.dx, stepwise.dx, n, FUSED_TOLERANCE, "dx");
    ck_assert_int_eq(fused.n_parameters, c.qkv_bias ? 4 : 3);
    for (int i = 0; i < fused.n_parameters; i++) {
        assert_values_near(fused.dparameters[i], stepwise.dparameters[i], fused.counts[i], FUSED_TOLERANCE, "dparameter");
    }
    free_run(&fused);
    free_run(&stepwise);
    module_free(&attention.module);
}
END_TEST

// One position has nothing to choose from: what comes out is its own value, projected.
START_TEST(attention_of_one_position_is_its_value)
{
    Attention attention;
    create_attention(&attention, (AttentionCase){2, 1, 6, 3, true, true});
    attention.stepwise = _i == 1;
    Tensor *x = random_leaf(SHAPE(2, 1, 6), 3);

    Tensor *y = attention_forward(&attention, x);

    Tensor *qkv[3];
    tensor_split(linear_forward(&attention.c_attn, x), -1, 3, qkv);
    Tensor *expected = linear_forward(&attention.c_proj, qkv[2]);
    assert_values_near(y->data, expected->data, 12, ONE_ROUNDING, "y");
    module_free(&attention.module);
}
END_TEST

// Outputs of x, and of x with everything from position `from` on replaced, compared position by position.
static void assert_positions_change(Attention *attention, int T, int C, int from, bool earlier_changes)
{
    Tensor *x = random_leaf(SHAPE(1, T, C), 3);
    Tensor *other = random_leaf(SHAPE(1, T, C), 4);
    size_t same = (size_t)(from * C);
    memcpy(other->data, x->data, same * sizeof(Real));
    Tensor *y = attention_forward(attention, x);
    Tensor *z = attention_forward(attention, other);

    for (int t = 0; t < T; t++) {
        bool changes = memcmp(y->data + t * C, z->data + t * C, (size_t)C * sizeof(Real)) != 0;
        ck_assert_msg(changes == (t >= from || earlier_changes), "position %d, changed from %d on", t, from);
    }
}

START_TEST(causal_attention_does_not_look_ahead)
{
    Attention attention;
    create_attention(&attention, (AttentionCase){1, 6, 8, 2, true, true});
    attention.stepwise = _i == 1;

    for (int from = 1; from < 6; from++) {
        assert_positions_change(&attention, 6, 8, from, false);
    }
    module_free(&attention.module);
}
END_TEST

START_TEST(full_attention_looks_everywhere)
{
    Attention attention;
    create_attention(&attention, (AttentionCase){1, 6, 8, 2, false, true});
    attention.stepwise = _i == 1;

    for (int from = 1; from < 6; from++) {
        assert_positions_change(&attention, 6, 8, from, true);
    }
    module_free(&attention.module);
}
END_TEST

START_TEST(sequences_of_a_batch_do_not_see_each_other)
{
    Attention attention;
    create_attention(&attention, (AttentionCase){2, 4, 8, 2, false, true});
    attention.stepwise = _i == 1;
    Tensor *both = random_leaf(SHAPE(2, 4, 8), 3);
    Tensor *second = tensor_slice(both, 0, 1, 1);

    Tensor *y = attention_forward(&attention, both);
    Tensor *alone = attention_forward(&attention, second);

    // A matrix product of another height may add up in another order.
    assert_values_near(alone->data, y->data + 32, 32, 5 * ONE_ROUNDING, "second sequence");
    module_free(&attention.module);
}
END_TEST

static const char *const step_names[] = {"q", "k", "v", "scores", "weights", "heads", "out"};

START_TEST(stepwise_attention_names_what_it_computes)
{
    Attention attention;
    attention_init(&attention, NULL, "h.3.attn", (AttentionConfig){.n_embd = 8, .n_head = 2, .causal = true});
    initialize(&attention.module, INIT_TORCH, 7);
    attention.stepwise = true;

    attention_forward(&attention, random_leaf(SHAPE(1, 4, 8), 3));

    for (size_t i = 0; i < sizeof step_names / sizeof step_names[0]; i++) {
        char name[NAME_TEXT];
        snprintf(name, sizeof name, "h.3.attn.%s", step_names[i]);
        ck_assert_msg(find_tensor(tape_current(), name) != NULL, "there is no %s", name);
    }
    module_free(&attention.module);
}
END_TEST

START_TEST(attention_weights_are_shares_of_what_may_be_seen)
{
    Attention attention;
    create_attention(&attention, (AttentionCase){2, 5, 8, 2, true, true});
    attention.stepwise = true;

    attention_forward(&attention, random_leaf(SHAPE(2, 5, 8), 3));
    const Tensor *weights = find_tensor(tape_current(), "weights");

    ck_assert_ptr_nonnull(weights);
    ck_assert(shape_equal(weights->shape, SHAPE(2, 2, 5, 5)));
    for (int row = 0; row < 20; row++) {
        double sum = 0;
        for (int s = 0; s < 5; s++) {
            double weight = (double)weights->data[row * 5 + s];
            sum += weight;
            ck_assert(s <= row % 5 ? weight > 0 : weight == 0);
        }
        ck_assert_double_eq_tol(sum, 1, 5 * ONE_ROUNDING);
    }
    module_free(&attention.module);
}
END_TEST

static void attend_with_dropout(double p, bool training)
{
    Random random = seeded(1);
    Attention attention;
    attention_init(&attention, NULL, "", (AttentionConfig){.n_embd = 8, .n_head = 2, .dropout = p, .random = &random});
    initialize(&attention.module, INIT_TORCH, 7);
    module_train(&attention.module, training);
    attention_forward(&attention, random_leaf(SHAPE(1, 4, 8), 3));
    module_free(&attention.module);
}

// The fused operation keeps no weights that could be dropped.
START_TEST(dropout_on_the_weights_takes_the_steps)
{
    attend_with_dropout(0.5, true);
    ck_assert_int_eq(count_ops(tape_current(), "attention"), 0);
    ck_assert_int_eq(count_ops(tape_current(), "softmax"), 1);
    ck_assert_int_eq(count_ops(tape_current(), "dropout"), 2); // on the weights, and on the output
}
END_TEST

START_TEST(attention_without_dropout_to_do_is_fused)
{
    attend_with_dropout(0.5, false);
    attend_with_dropout(0, true);
    ck_assert_int_eq(count_ops(tape_current(), "attention"), 2);
    ck_assert_int_eq(count_ops(tape_current(), "softmax"), 0);
    ck_assert_int_eq(count_ops(tape_current(), "dropout"), 0);
}
END_TEST

START_TEST(heads_that_do_not_fit_are_a_mistake)
{
    Attention attention;
    AttentionConfig three = {.n_embd = 8, .n_head = 3};
    AttentionConfig none = {.n_embd = 8, .n_head = 0};

    ASSERT_MISTAKE(attention_init(&attention, NULL, "", three), "8 is not a multiple of n_head 3");
    ASSERT_MISTAKE(attention_init(&attention, NULL, "", none), "n_head 0");
}
END_TEST

START_TEST(attention_needs_a_batch_of_sequences)
{
    Attention attention;
    attention_init(&attention, NULL, "", (AttentionConfig){.n_embd = 4, .n_head = 2, .causal = true});
    attention.stepwise = _i == 1;
    Tensor *x = tensor_zeros(SHAPE(3, 4));
    ASSERT_MISTAKE(attention_forward(&attention, x), "attention_forward: x (3, 4): must be (B, T, C)");
    module_free(&attention.module);
}
END_TEST

// Each module says for its own time that it computes, and puts the name before it back.
START_TEST(forward_leaves_the_scope_as_it_was)
{
    Attention attention;
    FeedForward feedforward;
    attention_init(&attention, NULL, "attn", (AttentionConfig){.n_embd = 8, .n_head = 2});
    feedforward_init(&feedforward, NULL, "mlp", (FeedForwardConfig){.n_embd = 8, .ff_mult = 2});
    const char *outer = "outer";
    tape_scope(outer);
    Tensor *x = random_leaf(SHAPE(1, 2, 8), 3);

    x = attention_forward(&attention, x);
    ck_assert_str_eq(x->node->scope, "attn.c_proj");
    ck_assert_ptr_eq(tape_current()->scope, outer);
    x = feedforward_forward(&feedforward, x);
    ck_assert_str_eq(x->node->scope, "mlp.c_proj");
    ck_assert_ptr_eq(tape_current()->scope, outer);
    tape_reset(tape_current());
    module_free(&attention.module);
    module_free(&feedforward.module);
}
END_TEST

static void assert_line(Where where, const char *file, int line)
{
    ck_assert_str_eq(where.file, file);
    ck_assert_int_eq(where.line, line);
}

// A node shows the line of this program, however many modules deep it was recorded, and the module's line second.
START_TEST(nodes_know_the_line_of_the_program_and_that_of_the_module)
{
    Attention attention;
    attention_init(&attention, NULL, "attn", (AttentionConfig){.n_embd = 8, .n_head = 2});
    Tensor *x = random_leaf(SHAPE(1, 2, 8), 3);
    const int line = __LINE__ + 1;
    Tensor *y = attention_forward(&attention, x);
    Tensor *z = tensor_scale(y, 2);

    const Tape *tape = tape_current();
    ck_assert_int_eq(tape->n_nodes, 4);
    for (int i = 0; i < 3; i++) {
        assert_line(tape->nodes[i]->where, __FILE__, line);
        assert_line(tape->nodes[i]->output->where, __FILE__, line);
        ck_assert_str_eq(tape->nodes[i]->where.function, __func__);
    }
    ck_assert_str_eq(tape->nodes[0]->module_where.file, "nn/linear.c");
    ck_assert_str_eq(tape->nodes[0]->module_where.function, "linear_forward");
    ck_assert_str_eq(tape->nodes[1]->module_where.file, "nn/attention.c");
    assert_line(z->node->where, __FILE__, line + 1);
    ck_assert_ptr_null(z->node->module_where.file);
    ck_assert_ptr_null(tape->caller.file);
    tape_reset(tape_current());
    module_free(&attention.module);
}
END_TEST

// A failure inside a module leaves by longjmp: the next node is not taken for one of the module's.
START_TEST(a_mistake_in_a_module_is_reported_at_the_line_of_the_program)
{
    Attention attention;
    attention_init(&attention, NULL, "attn", (AttentionConfig){.n_embd = 8, .n_head = 2});
    Tensor *wrong = tensor_zeros(SHAPE(1, 2, 7));
    ASSERT_MISTAKE(attention_forward(&attention, wrong), "in module attn.c_attn (nn/linear.c:");
    ASSERT_MISTAKE(attention_forward(&attention, wrong), "tests/nn/test_layers.c:");
    Tensor *z = tensor_scale(wrong, 2);
    assert_line(z->node->where, __FILE__, __LINE__ - 1);
    ck_assert_ptr_null(z->node->scope);
    module_free(&attention.module);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layers");
    TCase *linear = case_with_tape(suite, "linear and embedding");
    tcase_add_test(linear, linear_is_x_times_weight_transposed_plus_bias);
    tcase_add_test(linear, linear_without_bias_has_one_parameter);
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

    TCase *attention = case_with_tape(suite, "attention");
    tcase_add_loop_test(attention, fused_and_stepwise_attention_agree, 0, ATTENTION_CASES);
    tcase_add_loop_test(attention, attention_of_one_position_is_its_value, 0, 2);
    tcase_add_loop_test(attention, causal_attention_does_not_look_ahead, 0, 2);
    tcase_add_loop_test(attention, full_attention_looks_everywhere, 0, 2);
    tcase_add_loop_test(attention, sequences_of_a_batch_do_not_see_each_other, 0, 2);
    tcase_add_test(attention, stepwise_attention_names_what_it_computes);
    tcase_add_test(attention, attention_weights_are_shares_of_what_may_be_seen);
    tcase_add_test(attention, dropout_on_the_weights_takes_the_steps);
    tcase_add_test(attention, attention_without_dropout_to_do_is_fused);
    tcase_add_test(attention, heads_that_do_not_fit_are_a_mistake);
    tcase_add_loop_test(attention, attention_needs_a_batch_of_sequences, 0, 2);
    tcase_add_test(attention, forward_leaves_the_scope_as_it_was);
    tcase_add_test(attention, nodes_know_the_line_of_the_program_and_that_of_the_module);
    tcase_add_test(attention, a_mistake_in_a_module_is_reported_at_the_line_of_the_program);
    return suite_run(suite);
}
