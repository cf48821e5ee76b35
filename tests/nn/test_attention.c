// test_attention.c: what attention computes, fused and step by step, and which lines its nodes know.

#include "tests/nn/nn_test.h"

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
    tensor_backward_from(y, random_values(n, 6));

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
    ASSERT_MISTAKE(attention_forward(&attention, wrong), __FILE__ ":");
    Tensor *z = tensor_scale(wrong, 2);
    assert_line(z->node->where, __FILE__, __LINE__ - 1);
    ck_assert_ptr_null(z->node->scope);
    module_free(&attention.module);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attention");
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
    suite_prepare_products();
    return suite_run(suite);
}
