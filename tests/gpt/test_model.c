// test_model.c: the GPT and the deep network as modules: their trees, switches, and what they compute.

#include "tests/gpt/gpt_test.h"

enum { B = 2, T = 6 };

static const int ids[B * T] = {3, 0, 10, 7, 7, 1, 5, 2, 9, 9, 4, 6};
static const int targets[B * T] = {0, 10, 7, 7, 1, 8, 2, 9, 9, 4, 6, 3};

// ------------------------------------------------------------------------------------------------------------
// The tree

static const char *const block_modules[] = {
    "h.0",      "h.0.ln_1", "h.0.attn",     "h.0.attn.c_attn", "h.0.attn.c_proj", "h.0.attn.attn_dropout", "h.0.attn.resid_dropout",
    "h.0.ln_2", "h.0.mlp",  "h.0.mlp.c_fc", "h.0.mlp.c_proj",  "h.0.mlp.dropout",
};

enum { BLOCK_MODULES = sizeof block_modules / sizeof block_modules[0] };

// "h.0.attn" becomes "h.2.attn".
static const char *name_in_block(int block, int i, char text[NAME_TEXT])
{
    snprintf(text, NAME_TEXT, "h.%d%s", block, block_modules[i] + strlen("h.0"));
    return text;
}

static const Module *assert_next(const GPT *gpt, const Module *module, const char *name)
{
    const Module *next = module_next(&gpt->module, module);
    ck_assert_ptr_nonnull(next);
    ck_assert_str_eq(next->name, name);
    return next;
}

START_TEST(the_tree_has_the_names_of_gpt2_in_its_order)
{
    GPTConfig config = small_config();
    config.tied = false;
    GPT *gpt = create_gpt(config, 1);
    const Module *module = &gpt->module;

    ck_assert_str_eq(module->name, "");
    module = assert_next(gpt, module, "wte");
    module = assert_next(gpt, module, "wpe");
    module = assert_next(gpt, module, "drop");
    for (int block = 0; block < config.n_layer; block++) {
        for (int i = 0; i < BLOCK_MODULES; i++) {
            char name[NAME_TEXT];
            module = assert_next(gpt, module, name_in_block(block, i, name));
        }
    }
    module = assert_next(gpt, module, "ln_f");
    module = assert_next(gpt, module, "lm_head");
    ck_assert_ptr_null(module_next(&gpt->module, module));
    gpt_free(gpt);
}
END_TEST

static bool has_module(const GPT *gpt, const char *name)
{
    for (const Module *module = &gpt->module; module != NULL; module = module_next(&gpt->module, module)) {
        if (strcmp(module->name, name) == 0) {
            return true;
        }
    }
    return false;
}

START_TEST(norms_stand_where_the_configuration_puts_them)
{
    GPTConfig config = small_config();
    config.norm = (Norm)_i;
    GPT *gpt = create_gpt(config, 1);

    ck_assert(has_module(gpt, "h.1.ln_1") == (config.norm != NORM_NONE));
    ck_assert(has_module(gpt, "h.1.ln_2") == (config.norm != NORM_NONE));
    ck_assert(has_module(gpt, "ln_f") == (config.norm == NORM_PRE));
    gpt_free(gpt);
}
END_TEST

// The head is the token embedding's own tensor, the same object, and so it is one parameter.
START_TEST(a_tied_head_is_the_token_embedding)
{
    GPT *gpt = create_gpt(small_config(), 1);
    ParameterList list = module_parameters(&gpt->module);

    const Tensor *logits = gpt_forward(gpt, ids, B, T);

    ck_assert(!has_module(gpt, "lm_head"));
    ck_assert_str_eq(logits->node->op->name, "linear");
    ck_assert_ptr_eq(logits->node->inputs[1], gpt->wte.weight);
    int times = 0;
    for (int i = 0; i < list.count; i++) {
        times += list.parameters[i] == gpt->wte.weight;
    }
    ck_assert_int_eq(times, 1);
    parameter_list_free(&list);
    gpt_free(gpt);
}
END_TEST

START_TEST(a_head_of_its_own_is_another_tensor)
{
    GPTConfig config = small_config();
    config.tied = false;
    GPT *gpt = create_gpt(config, 1);

    const Tensor *logits = gpt_forward(gpt, ids, B, T);

    ck_assert_ptr_eq(logits->node->inputs[1], gpt->lm_head.weight);
    ck_assert_ptr_ne(gpt->lm_head.weight, gpt->wte.weight);
    ck_assert_ptr_null(gpt->lm_head.bias);
    gpt_free(gpt);
}
END_TEST

// The embedding gets its gradient from both of its uses: the head's is dense, so no row of it is empty.
START_TEST(a_tied_embedding_adds_up_both_gradients)
{
    GPT *gpt = create_gpt(small_config(), 1);
    tensor_backward(tensor_cross_entropy(gpt_forward(gpt, ids, 1, 1), targets));
    int C = gpt->config.n_embd;

    for (int v = 0; v < gpt->config.vocab_size; v++) {
        ck_assert_double_gt(largest_size(gpt->wte.weight->grad + v * C, (size_t)C), 0);
    }
    gpt_free(gpt);

    GPTConfig config = small_config();
    config.tied = false;
    gpt = create_gpt(config, 1);
    tensor_backward(tensor_cross_entropy(gpt_forward(gpt, ids, 1, 1), targets));
    for (int v = 0; v < config.vocab_size; v++) {
        double largest = largest_size(gpt->wte.weight->grad + v * C, (size_t)C);
        ck_assert(v == ids[0] ? largest > 0 : largest == 0);
    }
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What is computed

START_TEST(logits_have_a_row_for_each_token)
{
    GPT *gpt = create_gpt(small_config(), 1);
    char name[NAME_TEXT];

    const Tensor *logits = gpt_forward(gpt, ids, B, T);

    ck_assert(shape_equal(logits->shape, SHAPE(B, T, 11)));
    ck_assert_str_eq(tensor_name(logits, name), "logits");
    ck_assert_ptr_nonnull(find_tensor(tape_current(), "embd"));
    ck_assert_ptr_nonnull(find_tensor(tape_current(), "h.2.out"));
    gpt_free(gpt);
}
END_TEST

// Logits of ids, and of ids changed from position `from` of the first row on.
static void assert_sees(GPTConfig config, int from, bool sees_ahead)
{
    GPT *gpt = create_gpt(config, 1);
    int changed[T];
    memcpy(changed, ids, sizeof changed);
    for (int t = from; t < T; t++) {
        changed[t] = (ids[t] + 1) % config.vocab_size;
    }
    int V = config.vocab_size;
    const Tensor *y = gpt_forward(gpt, ids, 1, T);
    const Tensor *z = gpt_forward(gpt, changed, 1, T);
    for (int t = 0; t < T; t++) {
        bool differs = memcmp(y->data + t * V, z->data + t * V, (size_t)V * sizeof(Real)) != 0;
        ck_assert_msg(differs == (t >= from || sees_ahead), "position %d, ids changed from %d on", t, from);
    }
    gpt_free(gpt);
}

START_TEST(a_causal_gpt_does_not_see_ahead)
{
    GPTConfig config = small_config();
    config.norm = (Norm)_i;
    for (int from = 1; from < T; from++) {
        assert_sees(config, from, false);
    }
}
END_TEST

START_TEST(a_full_gpt_sees_everything)
{
    GPTConfig config = small_config();
    config.causal = false;
    assert_sees(config, T - 1, true);
}
END_TEST

// The same tokens elsewhere mean something else.
START_TEST(positions_matter)
{
    GPT *gpt = create_gpt(small_config(), 1);
    const int same[] = {4, 4, 4};

    const Tensor *embedded = gpt_forward(gpt, same, 1, 3);

    embedded = find_tensor(tape_current(), "embd");
    for (int t = 0; t < 3; t++) {
        for (int c = 0; c < 16; c++) {
            Real expected = gpt->wte.weight->data[4 * 16 + c] + gpt->wpe.weight->data[t * 16 + c];
            ck_assert_double_eq((double)embedded->data[t * 16 + c], (double)expected);
        }
    }
    gpt_free(gpt);
}
END_TEST

// Only the branch's own result is at hand after a block without shortcuts; with them x is in it.
START_TEST(without_shortcuts_a_block_is_its_branches)
{
    GPTConfig config = small_config();
    config.shortcut = false;
    config.norm = NORM_NONE;
    GPT *gpt = create_gpt(config, 1);
    Block *block = &gpt->h[0];
    Tensor *x = random_leaf(SHAPE(1, 3, 16), 2);

    Tensor *y = block_forward(block, x, x);

    Tensor *expected = feedforward_forward(&block->mlp, attention_forward(&block->attn, x));
    assert_same_bits(y->data, expected->data, 48, "block");
    ck_assert_int_eq(count_ops(tape_current(), "add"), 0);
    gpt_free(gpt);
}
END_TEST

START_TEST(with_shortcuts_each_branch_is_added)
{
    GPTConfig config = small_config();
    config.norm = (Norm)_i;
    GPT *gpt = create_gpt(config, 1);
    Block *block = &gpt->h[0];
    Tensor *x = random_leaf(SHAPE(1, 3, 16), 2);

    Tensor *y = block_forward(block, x, x);

    Tensor *z = x;
    if (config.norm == NORM_PRE) {
        z = tensor_add(z, attention_forward(&block->attn, layernorm_forward(block->ln_1, z)));
        z = tensor_add(z, feedforward_forward(&block->mlp, layernorm_forward(block->ln_2, z)));
    } else if (config.norm == NORM_POST) {
        z = layernorm_forward(block->ln_1, tensor_add(z, attention_forward(&block->attn, z)));
        z = layernorm_forward(block->ln_2, tensor_add(z, feedforward_forward(&block->mlp, z)));
    } else {
        z = tensor_add(z, attention_forward(&block->attn, z));
        z = tensor_add(z, feedforward_forward(&block->mlp, z));
    }
    assert_same_bits(y->data, z->data, 48, "block");
    gpt_free(gpt);
}
END_TEST

START_TEST(the_shortcut_changes_no_weight)
{
    GPTConfig config = small_config();
    GPT *with = create_gpt(config, 5);
    config.shortcut = false;
    GPT *without = create_gpt(config, 5);
    ParameterList a = module_parameters(&with->module);
    ParameterList b = module_parameters(&without->module);

    ck_assert_int_eq(a.count, b.count);
    for (int i = 0; i < a.count; i++) {
        assert_same_bits(a.parameters[i]->data, b.parameters[i]->data, tensor_count(b.parameters[i]), "weight");
    }
    parameter_list_free(&a);
    parameter_list_free(&b);
    gpt_free(with);
    gpt_free(without);
}
END_TEST

static Real *logits_with_seed(uint64_t seed)
{
    GPT *gpt = create_gpt(small_config(), seed);
    const Tensor *logits = gpt_forward(gpt, ids, B, T);
    Real *values = copy_values(logits->data, tensor_count(logits));
    gpt_free(gpt);
    return values;
}

START_TEST(one_seed_gives_one_gpt)
{
    size_t n = B * T * 11;
    Real *first = logits_with_seed(3);
    Real *again = logits_with_seed(3);
    Real *other = logits_with_seed(4);

    assert_same_bits(again, first, n, "logits");
    ck_assert_int_ne(memcmp(other, first, n * sizeof(Real)), 0);
}
END_TEST

// embeddings, and in each block weights, attention's output, feed-forward's output.
START_TEST(dropout_acts_in_training_only)
{
    GPTConfig config = small_config();
    config.dropout = 0.2;
    GPT *gpt = create_gpt(config, 1);

    gpt_forward(gpt, ids, B, T);
    ck_assert_int_eq(count_ops(tape_current(), "dropout"), 0);
    module_train(&gpt->module, true);
    gpt_forward(gpt, ids, B, T);
    ck_assert_int_eq(count_ops(tape_current(), "dropout"), 1 + 3 * config.n_layer);
    gpt_free(gpt);
}
END_TEST

START_TEST(more_tokens_than_the_context_are_a_mistake)
{
    GPT *gpt = create_gpt(small_config(), 1);
    const int nine[9] = {0};

    gpt_forward(gpt, nine, 1, 8);
    ASSERT_MISTAKE(gpt_forward(gpt, nine, 1, 9), "T = 9 tokens, but context_length is 8");
    gpt_free(gpt);
}
END_TEST

START_TEST(an_id_outside_the_vocabulary_is_a_mistake)
{
    GPT *gpt = create_gpt(small_config(), 1);

    ASSERT_MISTAKE(gpt_forward(gpt, (int[]){3, 11}, 1, 2), "ids[1] is 11; the table has rows 0 to 10");
    ASSERT_MISTAKE(gpt_forward(gpt, (int[]){-1, 1}, 1, 2), "ids[0] is -1");
    tape_reset(tape_current());
    gpt_free(gpt);
}
END_TEST

START_TEST(freeing_nothing_is_allowed)
{
    gpt_free(NULL);
    deep_free(NULL);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Great depth: nothing recurses over the tape, and no list of fixed length fills up.

START_TEST(a_gpt_of_48_blocks_runs)
{
    GPTConfig config = small_config();
    config.n_layer = 48;
    config.n_embd = 64;
    config.n_head = 4;
    config.init = INIT_GPT2;
    GPT *gpt = create_gpt(config, 1);

    Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, ids, 1, 4), targets);
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &gpt->module);

    ck_assert_int_eq(flow.n_layer, 48);
    ck_assert_int_eq(flow.n_shortcuts, 96);
    ck_assert_int_eq(flow.reach_count[FLOW_REACHED], 2 + 48 * 12 + 2);
    gradflow_free(&flow);
    gpt_free(gpt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model");
    TCase *tree = case_with_tape(suite, "tree");
    tcase_add_test(tree, the_tree_has_the_names_of_gpt2_in_its_order);
    tcase_add_loop_test(tree, norms_stand_where_the_configuration_puts_them, 0, NORM_COUNT);
    tcase_add_test(tree, a_tied_head_is_the_token_embedding);
    tcase_add_test(tree, a_head_of_its_own_is_another_tensor);
    tcase_add_test(tree, a_tied_embedding_adds_up_both_gradients);

    TCase *computed = case_with_tape(suite, "computed");
    tcase_add_test(computed, logits_have_a_row_for_each_token);
    tcase_add_loop_test(computed, a_causal_gpt_does_not_see_ahead, 0, NORM_COUNT);
    tcase_add_test(computed, a_full_gpt_sees_everything);
    tcase_add_test(computed, positions_matter);
    tcase_add_test(computed, without_shortcuts_a_block_is_its_branches);
    tcase_add_loop_test(computed, with_shortcuts_each_branch_is_added, 0, NORM_COUNT);
    tcase_add_test(computed, the_shortcut_changes_no_weight);
    tcase_add_test(computed, one_seed_gives_one_gpt);
    tcase_add_test(computed, dropout_acts_in_training_only);
    tcase_add_test(computed, more_tokens_than_the_context_are_a_mistake);
    tcase_add_test(computed, an_id_outside_the_vocabulary_is_a_mistake);
    tcase_add_test(computed, freeing_nothing_is_allowed);

    TCase *depth = case_with_tape(suite, "depth");
    tcase_add_test(depth, a_gpt_of_48_blocks_runs);
    suite_prepare_products();
    return suite_run(suite);
}
