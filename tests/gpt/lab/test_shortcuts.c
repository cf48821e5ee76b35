// test_shortcuts.c: at every residual addition of every kind of network, what came through the shortcut and what came through
// the block: both against gradients computed in another way.

#include "tests/gpt/gpt_test.h"

enum { B = 2, T = 5, MOST = 16 }; // shortcuts in one network

static const int ids[B * T] = {3, 0, 10, 7, 7, 1, 5, 2, 9, 9};
static const int targets[B * T] = {0, 10, 7, 7, 1, 8, 2, 9, 9, 4};

// One residual addition on the tape, and what a measurement said about it.
typedef struct Stream {
    Tensor *start;
    Tensor *sum;
    FlowStats skip;
    FlowStats block;
} Stream;

typedef struct Residuals {
    Stream at[MOST];
    int n;
    GradFlow flow;
} Residuals;

// Every residual addition on the tape, in order.
static void find_residuals(Residuals *residuals)
{
    const Tape *tape = tape_current();
    residuals->n = 0;
    for (int i = 0; i < tape->n_nodes; i++) {
        TapeNode *node = tape->nodes[i];
        int skip = tape_shortcut_input(node);
        if (skip < 0 || !node->inputs[skip]->requires_grad) {
            continue;
        }
        ck_assert_int_lt(residuals->n, MOST);
        residuals->at[residuals->n] = (Stream){.start = node->inputs[skip], .sum = node->output};
        residuals->n++;
    }
}

// Backward from loss, watched; the tape keeps the gradients at both ends of each shortcut.
static void measure(Residuals *residuals, Tensor *loss, const Module *root)
{
    find_residuals(residuals);
    for (int i = 0; i < residuals->n; i++) {
        tensor_retain_grad(residuals->at[i].start);
        tensor_retain_grad(residuals->at[i].sum);
    }
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    residuals->flow = gradflow_read(watch, root);
    int n = 0;
    for (int i = 0; i < residuals->flow.n_rows; i++) {
        const FlowRow *row = &residuals->flow.rows[i];
        if (row->kind == FLOW_SKIP_GRAD) {
            ck_assert_int_lt(n, residuals->n);
            residuals->at[n].skip = row->stats;
        } else if (row->kind == FLOW_BLOCK_GRAD) {
            residuals->at[n].block = row->stats;
            n++;
        }
    }
    ck_assert_int_eq(n, residuals->n);
    ck_assert_int_eq(residuals->flow.n_shortcuts, residuals->n);
}

// The addition passes its gradient on as it is: the same bits. What is left of the whole gradient is the block's; taking it
// away again leaves the rounding of the sum, which is 6e-8 of it.
static void assert_parts_add_up(const Stream *residual)
{
    size_t n = tensor_count(residual->start);
    assert_same_stats(residual->skip, flow_stats(residual->sum->grad, n), "skip");
    Real *rest = copy_values(residual->start->grad, n);
    for (size_t i = 0; i < n; i++) {
        rest[i] -= residual->sum->grad[i];
    }
    FlowStats expected = flow_stats(rest, n);
    double rounding = 1.2e-7 * largest_size(residual->start->grad, n) + 1.2e-7 * residual->skip.max_abs;
    ck_assert_double_eq_tol(residual->block.mean_abs, expected.mean_abs, rounding);
    ck_assert_double_eq_tol(residual->block.rms, expected.rms, rounding);
    ck_assert_double_eq_tol(residual->block.max_abs, expected.max_abs, rounding);
}

// What stands beside shortcut number i of a network: x -> f(x).
typedef Tensor *Branch(void *network, int i, Tensor *x);

// J^T dy of the branch alone: on another tape, from a copy of x that nothing is attached to, with the dy that arrived.
static Real *branch_gradient(const Stream *residual, Branch *branch, void *network, int i)
{
    Tape *before = tape_current();
    Tape *tape = tape_create();
    Tensor *x = tensor_from(residual->start->data, residual->start->shape);
    tensor_require_grad(x);
    tensor_backward_from(branch(network, i, x), residual->sum->grad);
    Real *gradient = copy_values(x->grad, tensor_count(x));
    tape_free(tape);
    tape_set_current(before);
    return gradient;
}

// Nothing is subtracted here, so all that differs is the order in which float32 sums are rounded.
static const double BRANCH_TOLERANCE = 5e-7;

// The block part is the branch's gradient; and, value by value, that and the addition's are the whole.
static void assert_block_is_branch(const Stream *residual, Branch *branch, void *network, int i)
{
    size_t n = tensor_count(residual->start);
    Real *gradient = branch_gradient(residual, branch, network, i);
    FlowStats expected = flow_stats(gradient, n);
    ASSERT_RELATIVE(residual->block.mean_abs, expected.mean_abs, BRANCH_TOLERANCE);
    ASSERT_RELATIVE(residual->block.l2, expected.l2, BRANCH_TOLERANCE);
    ASSERT_RELATIVE(residual->block.max_abs, expected.max_abs, BRANCH_TOLERANCE);
    for (size_t k = 0; k < n; k++) {
        gradient[k] += residual->sum->grad[k];
    }
    assert_values_near(residual->start->grad, gradient, n, BRANCH_TOLERANCE, "the whole gradient");
}

// ------------------------------------------------------------------------------------------------------------
// GPTs

// Attention's half or feed-forward's half of block i / 2.
static Tensor *gpt_branch(void *network, int i, Tensor *x)
{
    GPT *gpt = network;
    Block *block = &gpt->h[i / 2];
    bool first = i % 2 == 0;
    if (gpt->config.norm == NORM_PRE) {
        x = layernorm_forward(first ? block->ln_1 : block->ln_2, x);
    }
    return first ? attention_forward(&block->attn, x) : feedforward_forward(&block->mlp, x);
}

static GPTConfig variant(int i)
{
    GPTConfig config = small_config();
    config.norm = (Norm)(i % NORM_COUNT);
    config.tied = i % 2 == 0;
    config.causal = i < 3;
    config.activation = i < 4 ? ACTIVATION_GELU : ACTIVATION_TANH;
    return config;
}

enum { VARIANTS = 6 };

static void measure_gpt(Residuals *residuals, GPT *gpt)
{
    Tensor *logits = gpt_forward(gpt, ids, B, T);
    measure(residuals, tensor_cross_entropy(logits, targets), &gpt->module);
}

START_TEST(a_gpt_takes_two_shortcuts_in_each_block)
{
    GPTConfig config = variant(_i);
    GPT *gpt = create_gpt(config, 1);
    Residuals residuals;
    measure_gpt(&residuals, gpt);

    ck_assert_int_eq(residuals.flow.n_shortcuts, 2 * config.n_layer);
    for (int layer = 0; layer < config.n_layer; layer++) {
        for (int number = 1; number <= 2; number++) {
            char name[NAME_TEXT];
            snprintf(name, sizeof name, "h.%d.shortcut.%d", layer, number);
            ck_assert_int_eq(row_of(&residuals.flow, name, FLOW_SKIP_GRAD)->layer, layer);
            ck_assert_int_eq(row_of(&residuals.flow, name, FLOW_BLOCK_GRAD)->layer, layer);
        }
    }
    gradflow_free(&residuals.flow);
    gpt_free(gpt);
}
END_TEST

START_TEST(a_gpt_without_shortcuts_takes_none)
{
    GPTConfig config = variant(_i);
    config.shortcut = false;
    GPT *gpt = create_gpt(config, 1);
    Residuals residuals;
    measure_gpt(&residuals, gpt);

    ck_assert_int_eq(residuals.n, 0); // token and position embeddings, added, are none
    ck_assert_int_eq(residuals.flow.n_shortcuts, 0);
    gradflow_free(&residuals.flow);
    gpt_free(gpt);
}
END_TEST

START_TEST(at_every_addition_of_a_gpt_skip_and_block_are_the_whole)
{
    GPT *gpt = create_gpt(variant(_i), 1);
    Residuals residuals;
    measure_gpt(&residuals, gpt);

    for (int i = 0; i < residuals.n; i++) {
        assert_parts_add_up(&residuals.at[i]);
    }
    gradflow_free(&residuals.flow);
    gpt_free(gpt);
}
END_TEST

// The row of the whole gradient, which is the tensor's own: with norm post and none its values are what comes in, too.
START_TEST(the_whole_is_the_activations_gradient)
{
    GPT *gpt = create_gpt(variant(_i), 1);
    Residuals residuals;
    measure_gpt(&residuals, gpt);

    for (int i = 0; i < residuals.n; i++) {
        const Tensor *start = residuals.at[i].start;
        char name[NAME_TEXT];
        const FlowRow *row = row_of(&residuals.flow, tensor_name(start, name), FLOW_ACTIVATION_GRAD);
        assert_same_stats(row->stats, flow_stats(start->grad, tensor_count(start)), name);
    }
    gradflow_free(&residuals.flow);
    gpt_free(gpt);
}
END_TEST

START_TEST(the_block_part_is_what_the_branch_alone_makes_of_dy)
{
    GPT *gpt = create_gpt(variant(_i), 1);
    Residuals residuals;
    measure_gpt(&residuals, gpt);

    for (int i = 0; i < residuals.n; i++) {
        assert_block_is_branch(&residuals.at[i], gpt_branch, gpt, i);
    }
    gradflow_free(&residuals.flow);
    gpt_free(gpt);
}
END_TEST

// A part of a sum is formed alone under the watch, and then added: the same numbers, rounded in another order.
START_TEST(the_watch_changes_no_gradient_of_a_gpt)
{
    GPTConfig config = variant(_i);
    GPT *watched = create_gpt(config, 1);
    GPT *unwatched = create_gpt(config, 1);
    Residuals residuals;
    measure_gpt(&residuals, watched);
    tensor_backward(tensor_cross_entropy(gpt_forward(unwatched, ids, B, T), targets));
    ParameterList a = module_parameters(&watched->module);
    ParameterList b = module_parameters(&unwatched->module);

    for (int i = 0; i < a.count; i++) {
        const Tensor *expected = b.parameters[i];
        assert_values_near(a.parameters[i]->grad, expected->grad, tensor_count(expected), 2e-6, "gradient");
    }
    parameter_list_free(&a);
    parameter_list_free(&b);
    gradflow_free(&residuals.flow);
    gpt_free(watched);
    gpt_free(unwatched);
}
END_TEST

START_TEST(every_parameter_of_a_gpt_is_reached)
{
    GPT *gpt = create_gpt(variant(_i), 1);
    Residuals residuals;
    measure_gpt(&residuals, gpt);
    ParameterList list = module_parameters(&gpt->module);

    ck_assert_int_eq(residuals.flow.reach_count[FLOW_REACHED], list.count);
    parameter_list_free(&list);
    gradflow_free(&residuals.flow);
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// GPTs with dropout, attending stepwise

// The parts add up whatever stands in the branch.
START_TEST(skip_and_block_are_the_whole_with_dropout_and_steps)
{
    GPTConfig config = small_config();
    config.dropout = 0.2;
    GPT *gpt = create_gpt(config, 1);
    module_train(&gpt->module, true);
    Residuals residuals;
    measure_gpt(&residuals, gpt);

    ck_assert_int_eq(residuals.n, 6);
    for (int i = 0; i < residuals.n; i++) {
        assert_parts_add_up(&residuals.at[i]);
    }
    gradflow_free(&residuals.flow);
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Deep networks

static int fitting[] = {4, 4, 4, 4, 1};
static int some[] = {3, 3, 5, 5, 2};
static int none[] = {5, 4, 3, 2, 1};

typedef struct Shape4 {
    int *sizes;
    int n_shortcuts;
} Shape4;

static const Shape4 shapes[] = {{fitting, 3}, {some, 2}, {none, 0}};

static void measure_deep(Residuals *residuals, DeepNet *net)
{
    Tensor *x = random_leaf(SHAPE(2, net->config.sizes[0]), 3);
    Tensor *y = deep_forward(net, x);
    measure(residuals, tensor_mean(tensor_mul(y, y)), &net->module);
}

START_TEST(a_deep_network_takes_a_shortcut_where_sizes_fit)
{
    DeepNet *net =
        create_deep((DeepConfig){.sizes = shapes[_i].sizes, .n_layer = 4, .activation = ACTIVATION_GELU, .init = INIT_TORCH, .shortcut = true}, 1);
    Residuals residuals;
    measure_deep(&residuals, net);

    ck_assert_int_eq(residuals.flow.n_shortcuts, shapes[_i].n_shortcuts);
    gradflow_free(&residuals.flow);
    deep_free(net);
}
END_TEST

// The layer whose sizes fit, for the i-th time.
static Tensor *deep_branch(void *network, int i, Tensor *x)
{
    DeepNet *net = network;
    int layer = 0;
    while (i > 0 || net->config.sizes[layer] != net->config.sizes[layer + 1]) {
        i -= net->config.sizes[layer] == net->config.sizes[layer + 1];
        layer++;
    }
    return activation_forward(net->config.activation, linear_forward(&net->layers[layer], x));
}

START_TEST(at_every_addition_of_a_deep_network_skip_and_block_are_the_whole)
{
    DeepNet *net =
        create_deep((DeepConfig){.sizes = shapes[_i].sizes, .n_layer = 4, .activation = ACTIVATION_GELU, .init = INIT_TORCH, .shortcut = true}, 1);
    Residuals residuals;
    measure_deep(&residuals, net);

    for (int i = 0; i < residuals.n; i++) {
        assert_parts_add_up(&residuals.at[i]);
        assert_block_is_branch(&residuals.at[i], deep_branch, net, i);
    }
    gradflow_free(&residuals.flow);
    deep_free(net);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shortcuts");
    TCase *gpt = case_with_tape(suite, "GPT");
    tcase_add_loop_test(gpt, a_gpt_takes_two_shortcuts_in_each_block, 0, VARIANTS);
    tcase_add_loop_test(gpt, a_gpt_without_shortcuts_takes_none, 0, VARIANTS);
    tcase_add_loop_test(gpt, at_every_addition_of_a_gpt_skip_and_block_are_the_whole, 0, VARIANTS);
    tcase_add_loop_test(gpt, the_whole_is_the_activations_gradient, 0, VARIANTS);
    tcase_add_loop_test(gpt, the_block_part_is_what_the_branch_alone_makes_of_dy, 0, VARIANTS);
    tcase_add_loop_test(gpt, the_watch_changes_no_gradient_of_a_gpt, 0, VARIANTS);
    tcase_add_loop_test(gpt, every_parameter_of_a_gpt_is_reached, 0, VARIANTS);
    tcase_add_test(gpt, skip_and_block_are_the_whole_with_dropout_and_steps);

    TCase *deep = case_with_tape(suite, "deep network");
    tcase_add_loop_test(deep, a_deep_network_takes_a_shortcut_where_sizes_fit, 0, 3);
    tcase_add_loop_test(deep, at_every_addition_of_a_deep_network_skip_and_block_are_the_whole, 0, 3);
    suite_prepare_products();
    return suite_run(suite);
}
