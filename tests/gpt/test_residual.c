// test_residual.c: residual rules in whole networks: PyTorch's numbers, what must be equal to the last bit, and what other machinery
// (recomputing, the cache, saved models) makes of each rule.

#include "tests/golden/residual.h"
#include "tests/gpt/gpt_test.h"
#include "tests/support/folder.h"

enum { GPT_RULES = sizeof golden_rules_gpt / sizeof golden_rules_gpt[0] };
enum { MLP_RULES = sizeof golden_rules_mlp / sizeof golden_rules_mlp[0] };

// Relative to the number in double; where PyTorch's own float32 is further off than that, ten times its error.
static void assert_golden(const GoldenRule *golden, const char *what, double got, GoldenNumber expected, double relative)
{
    double tolerance = fmax(relative * fabs(expected.f64), 10 * fabs(expected.f32 - expected.f64));
    ck_assert_msg(is_near(got, expected.f64, tolerance), "%s: %s: %.9g, expected %.9g, tolerance %.2g", golden->id, what, got, expected.f64,
                  tolerance);
}

static const double LOSS_TOLERANCE = 1e-5;
static const double GRADIENT_TOLERANCE = 1e-4;
static const double TRAINING_TOLERANCE = 1e-4;

// The gradient of "h.0.attn.c_attn.weight", or of its part "h.0.attn.c_attn.weight.q".
static FlowStats gradient_called(const Module *root, const char *name)
{
    FlowStats stats = {0};
    ParameterList list = module_parameters(root);
    for (int i = 0; i < list.count; i++) {
        const Tensor *parameter = list.parameters[i];
        char text[NAME_TEXT];
        size_t length = strlen(tensor_name(parameter, text));
        if (strncmp(text, name, length) != 0) {
            continue;
        }
        ck_assert_msg(parameter->grad != NULL, "%s has no gradient", text);
        size_t n = tensor_count(parameter);
        static const char *const parts[] = {".q", ".k", ".v"};
        for (size_t part = 0; part < 3; part++) {
            if (strcmp(name + length, parts[part]) == 0) {
                stats = flow_stats(parameter->grad + part * (n / 3), n / 3);
            }
        }
        if (name[length] == '\0') {
            stats = flow_stats(parameter->grad, n);
        }
    }
    parameter_list_free(&list);
    ck_assert_msg(stats.count > 0, "there is no parameter %s", name);
    return stats;
}

static void assert_gradients(const GoldenRule *golden, const Module *root)
{
    for (const GoldenGradient *gradient = golden->gradients; gradient->name != NULL; gradient++) {
        FlowStats stats = gradient_called(root, gradient->name);
        assert_golden(golden, gradient->name, stats.mean_abs, gradient->mean_abs, GRADIENT_TOLERANCE);
        assert_golden(golden, gradient->name, stats.l2, gradient->l2, GRADIENT_TOLERANCE);
    }
}

// Every parameter is among the golden ones, but for linears' biases: names are as specified, and none is too many.
static void assert_names(const GoldenRule *golden, const Module *root)
{
    ParameterList list = module_parameters(root);
    for (int i = 0; i < list.count; i++) {
        char name[NAME_TEXT];
        tensor_name(list.parameters[i], name);
        bool found = strstr(name, "ln_f") != NULL;
        for (const GoldenGradient *gradient = golden->gradients; gradient->name != NULL; gradient++) {
            found |= strcmp(gradient->name, name) == 0;
        }
        bool bias = strstr(name, "bias") != NULL;
        ck_assert_msg(found || bias, "%s: PyTorch has no parameter %s", golden->id, name);
    }
    parameter_list_free(&list);
}

// ------------------------------------------------------------------------------------------------------------
// PyTorch's numbers

enum { B = 2, T = 9 };

static GPTConfig two_blocks(const char *rule)
{
    GPTConfig config = golden_config(rule);
    config.n_layer = 2;
    return config;
}

static Tensor *golden_loss(GPT *gpt)
{
    return tensor_cross_entropy(gpt_forward(gpt, golden_rule_ids, B, T), golden_rule_targets);
}

START_TEST(gpts_have_pytorchs_loss_gradients_and_training)
{
    const GoldenRule *golden = &golden_rules_gpt[_i];
    GPTConfig config = two_blocks(golden->rule);
    config.init = golden->deepnorm ? INIT_DEEPNORM : INIT_TORCH;
    GPT *gpt = create_gpt(config, (uint64_t)golden->seed);
    ParameterList list = module_parameters(&gpt->module);
    AdamWConfig settings = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1};
    AdamW adamw = adamw_create(&list, settings);
    for (int step = 0; step < GOLDEN_RULE_STEPS; step++) {
        module_zero_grad(&gpt->module);
        Tensor *loss = golden_loss(gpt);
        assert_golden(golden, "loss", (double)tensor_item(loss), golden->losses[step], step == 0 ? LOSS_TOLERANCE : TRAINING_TOLERANCE);
        tensor_backward(loss);
        if (step == 0) {
            assert_gradients(golden, &gpt->module);
            assert_names(golden, &gpt->module);
        }
        clip_grad_norm(&list, 1);
        adamw_step(&adamw);
        tape_reset(tape_current());
    }
    adamw_free(&adamw);
    parameter_list_free(&list);
    gpt_free(gpt);
}
END_TEST

START_TEST(mlps_have_pytorchs_loss_and_gradients)
{
    const GoldenRule *golden = &golden_rules_mlp[_i];
    int sizes[10];
    int n_layer = -1;
    for (int i = 0; i < 10 && golden->sizes[i] > 0; i++) {
        sizes[i] = golden->sizes[i];
        n_layer++;
    }
    Activation activation = strcmp(golden->activation, "tanh") == 0 ? ACTIVATION_TANH : ACTIVATION_GELU;
    DeepConfig config = {.sizes = sizes, .n_layer = n_layer, .activation = activation, .init = INIT_TORCH, .residual = golden->rule};
    DeepNet *net = create_deep(config, (uint64_t)golden->seed);
    Tensor *x = tensor_zeros(SHAPE(1, sizes[0]));
    for (int i = 0; i < sizes[0]; i++) {
        x->data[i] = (Real)(i % 3 == 0 ? 1 : i % 3 == 1 ? 0 : -1);
    }
    Tensor *y = deep_forward(net, x);
    Tensor *loss = tensor_mse_loss(y, tensor_zeros(SHAPE(1, sizes[n_layer])));
    tensor_backward(loss);

    for (int i = 0; i < sizes[n_layer]; i++) {
        assert_golden(golden, "out", (double)y->data[i], golden->out[i], LOSS_TOLERANCE);
    }
    assert_golden(golden, "loss", (double)tensor_item(loss), golden->losses[0], LOSS_TOLERANCE);
    assert_gradients(golden, &net->module);
    assert_names(golden, &net->module);
    deep_free(net);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Equal to the last bit

static Real loss_of(const char *rule)
{
    GPT *gpt = create_gpt(two_blocks(rule), 123);
    Real loss = tensor_item(golden_loss(gpt));
    gpt_free(gpt);
    return loss;
}

START_TEST(one_way_shortcuts_compute_what_pre_and_none_do)
{
    ck_assert(loss_of("forward-only") == loss_of("pre"));
    ck_assert(loss_of("backward-only") == loss_of("none"));
    ck_assert(loss_of("pre") != loss_of("none"));
}
END_TEST

// What the block recorded before there were rules.
START_TEST(the_block_with_pre_records_ten_operations)
{
    static const char *const ops[] = {"layernorm", "linear", "attention", "linear", "add", "layernorm", "linear", "gelu", "linear", "add"};
    static const char *const scopes[] = {"h.1.ln_1", "h.1.attn.c_attn", "h.1.attn", "h.1.attn.c_proj", "h.1",
                                         "h.1.ln_2", "h.1.mlp.c_fc",    "h.1.mlp",  "h.1.mlp.c_proj",  "h.1"};
    GPT *gpt = create_gpt(two_blocks("pre"), 123);
    golden_loss(gpt);
    const Tape *tape = tape_current();
    int first = 3 + 10; // behind the embeddings and the first block
    for (int i = 0; i < 10; i++) {
        ck_assert_str_eq(tape->nodes[first + i]->op->name, ops[i]);
        ck_assert_str_eq(tape->nodes[first + i]->scope, scopes[i]);
    }
    ck_assert_str_eq(tape->nodes[first + 4]->output->label, "mid");
    ck_assert_str_eq(tape->nodes[first + 9]->output->label, "out");
    ck_assert_int_eq(tape->n_nodes, 3 + 2 * 10 + 3); // ln_f, lm_head, the loss
    gpt_free(gpt);
}
END_TEST

START_TEST(the_shorthands_are_six_rules)
{
    static const char *const names[2][NORM_COUNT] = {{"none", "none-post", "none-plain"}, {"pre", "post", "plain"}};
    for (int i = 0; i < 2 * NORM_COUNT; i++) {
        GPTConfig given = small_config();
        given.shortcut = i / NORM_COUNT == 1;
        given.norm = (Norm)(i % NORM_COUNT);
        ck_assert_str_eq(residual_name(gpt_rule(&given)), names[i / NORM_COUNT][i % NORM_COUNT]);

        GPTConfig set = small_config();
        Error error;
        ck_assert(gpt_set_residual(&set, residual_text(gpt_rule(&given)), &error));
        ck_assert_ptr_null(set.residual);
        ck_assert_int_eq(set.shortcut, given.shortcut);
        ck_assert_int_eq(set.norm, given.norm);
    }
    GPTConfig other = small_config();
    Error error;
    ck_assert(gpt_set_residual(&other, "norm( S*h+f(norm(h)) )", &error));
    ck_assert_str_eq(other.residual, "keel");
    ck_assert(!gpt_set_residual(&other, "h + g(h)", &error));
    assert_contains(error.message, "column 5: unknown function 'g'");
}
END_TEST

START_TEST(a_bad_rule_is_an_error_that_names_the_field)
{
    static const char *const bad[][2] = {{"h^2", "residual: column 2: "}, {"h + f(h)/(l - 2)", "residual: column 9: not finite in block 2"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        GPTConfig config = small_config();
        config.residual = bad[i][0];
        Error error = {0};
        ck_assert_ptr_null(gpt_create(&config, 1, &error));
        assert_contains(error.message, bad[i][1]);
        ck_assert_str_eq(error.field, "residual");
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Other machinery, with each row of the table

static GPTConfig row_config(int row, double dropout)
{
    GPTConfig config = small_config();
    config.residual = residual_table[row].name;
    config.dropout = dropout;
    config.tied = row % 2 == 0;
    return config;
}

static const int IDS[2 * 8] = {3, 0, 6, 1, 1, 5, 10, 2, 4, 4, 9, 0, 7, 8, 2, 1};
static const int TARGETS[2 * 8] = {0, 6, 1, 1, 5, 10, 2, 9, 4, 9, 0, 7, 8, 2, 1, 3};

// All gradients, one after the other. The caller frees them.
static Real *gradients_of(GPT *gpt, bool recompute, size_t *n)
{
    ParameterList list = module_parameters(&gpt->module);
    gpt->recompute = recompute;
    random_seed(&gpt->random, 9);
    module_train(&gpt->module, true);
    module_zero_grad(&gpt->module);
    tensor_backward(tensor_cross_entropy(gpt_forward(gpt, IDS, 2, 8), TARGETS));
    Real *all = calloc(list.values, sizeof *all);
    size_t at = 0;
    for (int i = 0; i < list.count; i++) {
        size_t count = tensor_count(list.parameters[i]);
        if (list.parameters[i]->grad != NULL) {
            memcpy(all + at, list.parameters[i]->grad, count * sizeof *all);
        }
        at += count;
    }
    *n = list.values;
    parameter_list_free(&list);
    tape_reset(tape_current());
    return all;
}

// With x0, gradients are summed in another order, of 2 n_layer terms.
START_TEST(recomputed_blocks_have_the_same_gradients)
{
    GPT *gpt = create_gpt(row_config(_i, 0.2), 1);
    size_t n;
    Real *kept = gradients_of(gpt, false, &n);
    Real *recomputed = gradients_of(gpt, true, &n);
    if (residual_uses_x0(gpt_rule(&gpt->config))) {
        assert_values_near(recomputed, kept, n, 1e-6, residual_table[_i].name);
    } else {
        assert_same_bits(recomputed, kept, n, residual_table[_i].name);
    }
    free(kept);
    free(recomputed);
    gpt_free(gpt);
}
END_TEST

// Products of one row and of many are summed in another order.
START_TEST(the_cache_gives_the_same_logits)
{
    GPT *gpt = create_gpt(row_config(_i, 0), 1);
    Error error;
    tape_no_grad_begin();
    Tensor *all = gpt_forward(gpt, IDS, 1, 8); // (1, 8, V)
    ck_assert(gpt_cache_begin(gpt, 1, 8, &error));
    gpt_forward(gpt, IDS, 1, 5);
    Tensor *rest = gpt_forward(gpt, IDS + 5, 1, 3); // (1, 3, V)
    gpt_cache_end(gpt);
    tape_no_grad_end();
    assert_values_near(rest->data, all->data + 5 * 11, 3 * 11, 2e-6, residual_table[_i].name);
    gpt_free(gpt);
}
END_TEST

START_TEST(what_a_rule_costs_is_counted_as_it_is_made)
{
    GPT *gpt = create_gpt(row_config(_i, 0), 1);
    GPTCost cost = gpt_cost(&gpt->config, 2, 8);
    ParameterList list = module_parameters(&gpt->module);
    ck_assert_int_eq(cost.parameters, (int64_t)list.values);
    parameter_list_free(&list);
    gpt_free(gpt);
}
END_TEST

START_TEST(a_saved_model_has_the_rule_and_the_same_loss)
{
    GPTConfig config = row_config(_i, 0);
    config.final_norm = _i % 3 == 1 ? FINAL_NORM_OFF : _i % 3 == 2 ? FINAL_NORM_ON : FINAL_NORM_AUTO;
    GPT *gpt = create_gpt(config, 1);
    Error error = {0};
    ck_assert_msg(gpt_save(gpt, NULL, "model", &error), "%s", error.message);
    GPT *loaded = gpt_load("model", &error);
    ck_assert_msg(loaded != NULL, "%s", error.message);
    ck_assert_ptr_eq(gpt_rule(&loaded->config), gpt_rule(&config));
    ck_assert_int_eq(loaded->config.final_norm, config.final_norm);
    Real before = tensor_item(tensor_cross_entropy(gpt_forward(gpt, IDS, 2, 8), TARGETS));
    ck_assert(tensor_item(tensor_cross_entropy(gpt_forward(loaded, IDS, 2, 8), TARGETS)) == before);
    gpt_free(gpt);
    gpt_free(loaded);
}
END_TEST

START_TEST(two_rules_of_one_seed_share_the_numbers_of_the_weights_that_they_share)
{
    GPTConfig config = two_blocks("pre");
    GPT *pre = create_gpt(config, 7);
    config.residual = residual_table[_i].name;
    GPT *other = create_gpt(config, 7);
    ParameterList ours = module_parameters(&pre->module);
    ParameterList theirs = module_parameters(&other->module);
    int shared = 0;
    for (int i = 0; i < ours.count; i++) {
        for (int k = 0; k < theirs.count; k++) {
            char a[NAME_TEXT];
            char b[NAME_TEXT];
            if (strcmp(tensor_name(ours.parameters[i], a), tensor_name(theirs.parameters[k], b)) == 0) {
                assert_same_bits(theirs.parameters[k]->data, ours.parameters[i]->data, tensor_count(ours.parameters[i]), a);
                shared++;
            }
        }
    }
    ck_assert_int_ge(shared, 3 + 2 * 7); // embeddings and head; the weights and biases of each block's linears
    parameter_list_free(&ours);
    parameter_list_free(&theirs);
    gpt_free(pre);
    gpt_free(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpt: residual rules");
    TCase *golden = case_with_tape(suite, "golden");
    tcase_add_loop_test(golden, gpts_have_pytorchs_loss_gradients_and_training, 0, GPT_RULES);
    tcase_add_loop_test(golden, mlps_have_pytorchs_loss_and_gradients, 0, MLP_RULES);

    TCase *bits = case_with_tape(suite, "bits");
    tcase_add_test(bits, one_way_shortcuts_compute_what_pre_and_none_do);
    tcase_add_test(bits, the_block_with_pre_records_ten_operations);
    tcase_add_test(bits, the_shorthands_are_six_rules);
    tcase_add_test(bits, a_bad_rule_is_an_error_that_names_the_field);

    TCase *rows = case_with_tape(suite, "rows");
    tcase_add_checked_fixture(rows, folder_enter, folder_leave);
    tcase_add_loop_test(rows, recomputed_blocks_have_the_same_gradients, 0, residual_table_count);
    tcase_add_loop_test(rows, the_cache_gives_the_same_logits, 0, residual_table_count);
    tcase_add_loop_test(rows, what_a_rule_costs_is_counted_as_it_is_made, 0, residual_table_count);
    tcase_add_loop_test(rows, a_saved_model_has_the_rule_and_the_same_loss, 0, residual_table_count);
    tcase_add_loop_test(rows, two_rules_of_one_seed_share_the_numbers_of_the_weights_that_they_share, 0, residual_table_count);
    suite_prepare_products();
    return suite_run(suite);
}
