// test_null.c: an invalid NULL is a one-line error that names the function, in every directory.

#include "tests/gpt/gpt_test.h"

#include <limits.h>

static Tensor *first_of(void *context, Tensor **x)
{
    (void)context;
    return x[0];
}

START_TEST(tensors_and_random_numbers)
{
    Real values[2];
    ASSERT_MISTAKE(random_seed(NULL, 1), "random_seed: random is NULL");
    ASSERT_MISTAKE(random_bits(NULL), "random_bits: random is NULL");
    ASSERT_MISTAKE(random_normal(NULL, values, 2, 0, 1), "random_normal: random is NULL");
    ASSERT_MISTAKE(shape_text(SHAPE(2), NULL), "shape_text: text is NULL");
    ASSERT_MISTAKE(tape_shortcut_input(NULL), "tape_shortcut_input: node is NULL");
    ASSERT_MISTAKE(kv_cache_select(NULL, (int[]){0}, 1), "kv_cache_select: cache is NULL");
    ASSERT_MISTAKE(gradcheck(NULL), "gradcheck: check is NULL");
    ASSERT_MISTAKE(gradcheck(&(GradCheck){0}), "gradcheck: check->forward is NULL");
    ASSERT_MISTAKE(op_grad(NULL), "op_grad: input is NULL");
    ASSERT_MISTAKE(op_save(NULL, 1), "op_save: output is NULL");
    ASSERT_MISTAKE(tensor_checkpoint_many(first_of, NULL, NULL, 1, NULL), "checkpoint: input 0 is NULL");
    ASSERT_MISTAKE(utf8_valid(NULL, 1), "utf8_read: text is NULL");
    ASSERT_MISTAKE(utf8_whole(NULL, 1), "utf8_whole: text is NULL");
    ASSERT_MISTAKE(utf8_write(65, NULL), "utf8_write: bytes is NULL");
    ASSERT_MISTAKE(utf8_show("a", 1, NULL, NULL), "utf8_show: shown is NULL");
    ASSERT_MISTAKE(kernels_choose(NULL), "kernels_choose: name is NULL");
}
END_TEST

START_TEST(modules)
{
    Tensor *x = tensor_full(SHAPE(1, 1, 2), 1);
    ASSERT_MISTAKE(module_init(NULL, &linear_kind, NULL, ""), "module_init: module is NULL");
    ASSERT_MISTAKE(linear_init(NULL, NULL, "", 2, 2, true), "linear_init: linear is NULL");
    ASSERT_MISTAKE(linear_forward(NULL, x), "linear_forward: linear is NULL");
    ASSERT_MISTAKE(layernorm_forward(NULL, x), "layernorm_forward: layernorm is NULL");
    ASSERT_MISTAKE(embedding_forward(NULL, (int[]){0}, 1, 1), "embedding_forward: embedding is NULL");
    ASSERT_MISTAKE(dropout_forward(NULL, x), "dropout_forward: dropout is NULL");
    ASSERT_MISTAKE(attention_forward(NULL, x), "attention_forward: attention is NULL");
    ASSERT_MISTAKE(feedforward_forward(NULL, x), "feedforward_forward: feedforward is NULL");
    ASSERT_MISTAKE(block_forward(NULL, x, x), "block_forward: block is NULL");
}
END_TEST

START_TEST(optimizers_and_gradient_flow)
{
    AdamW none = {0};
    ASSERT_MISTAKE(sgd_step(NULL, 0.1), "sgd_step: parameters is NULL");
    ASSERT_MISTAKE(adamw_create(NULL, ADAMW_DEFAULTS), "adamw_create: parameters is NULL");
    ASSERT_MISTAKE(adamw_step(NULL), "adamw_step: adamw is NULL");
    ASSERT_MISTAKE(adamw_step(&none), "adamw_step: adamw->parameters is NULL");
    ASSERT_MISTAKE(grad_norm(NULL), "grad_norm: parameters is NULL");
    ASSERT_MISTAKE(clip_grad_norm(NULL, 1), "grad_norm: parameters is NULL");
    ASSERT_MISTAKE(gradflow_read(NULL, NULL), "gradflow_read: watch is NULL");
    ASSERT_MISTAKE(flow_stats(NULL, 1), "flow_stats: values is NULL");
    ASSERT_MISTAKE(path_mean_length(NULL, 0), "path_mean_length: paths is NULL");
    ASSERT_MISTAKE(gradcheck_modules(NULL, NULL), "gradcheck_modules: report is NULL");
}
END_TEST

START_TEST(models)
{
    GPT *gpt = create_gpt(small_config(), 1);
    GenerateConfig config = GENERATE_DEFAULTS;
    int ids[2] = {0};
    Error error;
    config.n_new = 1;
    ASSERT_MISTAKE(gpt_create(NULL, 1, &error), "config is NULL");
    ASSERT_MISTAKE(gpt_forward(NULL, ids, 1, 1), "gpt_forward: gpt is NULL");
    ASSERT_MISTAKE(gpt_forward_last(NULL, ids, 1, 1), "gpt_forward_last: gpt is NULL");
    ASSERT_MISTAKE(gpt_forward(gpt, NULL, 1, 1), "ids is NULL");
    ASSERT_MISTAKE(gpt_generate(NULL, &config, NULL, ids, 1, &error), "gpt_generate: gpt is NULL");
    ASSERT_MISTAKE(gpt_generate(gpt, NULL, NULL, ids, 1, &error), "gpt_generate: config is NULL");
    ASSERT_MISTAKE(gpt_generate(gpt, &config, NULL, NULL, 1, &error), "gpt_generate: ids is NULL");
    ASSERT_MISTAKE(gpt_evaluate(gpt, dataset_ids, ids, 0, 2, NULL, NULL, NULL, &error), "gpt_evaluate: evaluation is NULL");
    ASSERT_MISTAKE(gpt_load(NULL, &error), "gpt_load: folder is NULL");
    ASSERT_MISTAKE(gpt_save(NULL, NULL, "model", &error), "gpt_save: gpt is NULL");
    ASSERT_MISTAKE(tokenizer_vocab_size(NULL), "tokenizer_vocab_size: tokenizer is NULL");
    ASSERT_MISTAKE(gpt_rule_shorthand(NULL, NULL, NULL), "gpt_rule_shorthand: rule is NULL");
    ASSERT_MISTAKE(config_field_words(NULL, NULL), "config_field_words: field is NULL");
    ASSERT_MISTAKE(stories_text(1, SIZE_MAX), "the stories");
    ASSERT_MISTAKE(deep_forward(NULL, tensor_full(SHAPE(1, 1), 1)), "deep_forward: net is NULL");
    gpt_free(gpt);
}
END_TEST

START_TEST(missing_fields)
{
    static int sizes[] = {3, 3, 1};
    static const float row[3];
    Experiment experiment;
    Error error;
    ExperimentConfig config = {.net = NET_MLP, .deep = {.n_layer = 2, .sizes = sizes}, .n_seeds = 1, .arms = ARMS_BOTH};
    ASSERT_MISTAKE(experiment_run(&config, NULL, NULL, &experiment, &error), "experiment_check: config->input is NULL");
    config.input = row;
    ASSERT_MISTAKE(experiment_run(&config, NULL, NULL, &experiment, &error), "experiment_check: config->target is NULL");
    config.target = row;
    config.n_rules = 1;
    ASSERT_MISTAKE(experiment_run(&config, NULL, NULL, &experiment, &error), "experiment_check: config->rules[arm] is NULL");
    config.n_rules = ARMS_MOST + 1;
    ck_assert(!experiment_run(&config, NULL, NULL, &experiment, &error));
    ck_assert_str_eq(error.message, "9 residual rules (expected at most 8)");
    config.n_rules = 0;
    config.n_probes = 1;
    ASSERT_MISTAKE(experiment_run(&config, NULL, NULL, &experiment, &error), "experiment_check: config->probes[i] is NULL");
    config.n_probes = PROBES_MOST + 1;
    ck_assert(!experiment_run(&config, NULL, NULL, &experiment, &error));
    ck_assert_str_eq(error.message, "17 probes (expected at most 16)");
    config.n_probes = 0;
    config.arms = 0;
    ck_assert(!experiment_run(&config, NULL, NULL, &experiment, &error));
    ck_assert_str_eq(error.message, "network 0, arms 0: unknown");
    config.net = 2;
    ck_assert(!experiment_run(&config, NULL, NULL, &experiment, &error));
    ck_assert_str_eq(error.message, "network 2, arms 0: unknown");
    config.net = NET_MLP;
    config.arms = ARMS_BOTH;
    config.deep.sizes = NULL;
    ASSERT_MISTAKE(experiment_run(&config, NULL, NULL, &experiment, &error), "deep_config_check: config->sizes is NULL");
    ck_assert_double_lt(evaluation_bytes(&(GPTConfig){0}), 100);
}
END_TEST

// Numbers and structs that no function gave.
static void ignore_all(void *context, Random *random, int B, int T, int *ids, int *targets)
{
    (void)context;
    (void)random;
    for (int i = 0; i < B * T; i++) {
        ids[i] = 0;
        targets[i] = TARGET_IGNORED;
    }
}

START_TEST(values_that_do_not_exist)
{
    Tensor *x = tensor_full(SHAPE(2, 3), 1);
    Tensor *y = tensor_mul(x, x);
    Tensor *loss = tensor_sum(y);
    JacobianNorm norm;
    WeightCopy copy = {0};
    AdamW adamw = {.parameters = &(ParameterList){0}, .config = ADAMW_DEFAULTS, .step = INT_MAX};
    Dataset dataset = {0};
    Task task = {.kind = TASK_MODULAR};
    BatchSource source = {.name = "none"};
    Random random;
    int ids[8];
    double values[4] = {-1e308, -1e308, 1e308, 1e308};
    ck_assert_double_eq(quartiles_of(values, 4).median, 0);
    ck_assert_double_eq(quartiles_of(values, 4).high, 1e308);
    random_seed(&random, 1);
    ASSERT_MISTAKE(activation_name(ACTIVATION_COUNT), "activation_name: unknown value 6 (expected 0 to 5)");
    ASSERT_MISTAKE(init_name(-1), "init_name: unknown value -1 (expected 0 to 5)");
    ASSERT_MISTAKE(norm_name(NORM_COUNT), "norm_name: unknown value 3");
    ASSERT_MISTAKE(final_norm_name(-1), "final_norm_name: unknown value -1");
    ASSERT_MISTAKE(flow_reach_name(FLOW_REACH_COUNT), "flow_reach_name: unknown value 4");
    ASSERT_MISTAKE(tokenizer_name(TOKENIZER_COUNT), "tokenizer_name: unknown value 3");
    ASSERT_MISTAKE(precision_name(PRECISION_COUNT), "precision_name: unknown value 3");
    ASSERT_MISTAKE(reduction_name(-1), "reduction_name: unknown value -1");
    ASSERT_MISTAKE(word_distance(NULL, "x"), "word_distance: a is NULL");
    ASSERT_MISTAKE(experiment_layer_word(NULL), "experiment_layer_word: experiment is NULL");
    ASSERT_MISTAKE(plot_finding(NULL, NULL), "plot_finding: experiment is NULL");
    ASSERT_MISTAKE(plot_training_finding(NULL), "plot_training_finding: experiment is NULL");
    ASSERT_MISTAKE(tape_leave(-1), "tape_leave: -1 is not what tape_enter returned");
    ASSERT_MISTAKE(tape_sublayer_begin(NULL), "tape_sublayer_begin: stream is NULL");
    ASSERT_MISTAKE(tape_sublayer(tape, -1), "tape_sublayer: the tape has no node -1, but 2 nodes");
    ASSERT_MISTAKE(tape_sublayer(tape, 2), "tape_sublayer: the tape has no node 2");
    ASSERT_MISTAKE(path_lengths(loss, &x, 0), "path_lengths: 0 sublayers (expected 1 or more)");
    ASSERT_MISTAKE(jacobian_norms(y, &x, 0, 0, NULL, &norm), "jacobian_norms: 0 tensors (expected 1 or more)");
    ASSERT_MISTAKE(update_ratios(&copy, values), "update_ratios: before->parameters is NULL");
    ASSERT_MISTAKE(flow_autocorrelation(values, 4, -1), "flow_autocorrelation: lag -1 (expected 0 or more)");
    ASSERT_MISTAKE(adamw_step(&adamw), "adamw_step: step is 2147483647");
    ASSERT_MISTAKE(dataset_tokens(&dataset, SPLIT_COUNT), "dataset_tokens: split 2 is unknown");
    ASSERT_MISTAKE(task_source(&task), "task_source: the task does not fit any rows");
    ASSERT_MISTAKE(batch_draw(&source, &random, 1, 8, ids, ids), "batch_draw: source->fill is NULL");
    source.fill = ignore_all;
    ASSERT_MISTAKE(batch_draw(&source, &random, 1, 8, ids, ids),
                   "batch_draw: none: every target is TARGET_IGNORED (expected one that is not, so that the batch has a loss)");
    ASSERT_MISTAKE(stories_check(NULL, "x", 1, NULL, NULL), "stories_check: stories is NULL");
    KVCache *cache = kv_cache_create(1, 1, 4, 2);
    cache->length = -1;
    tape_no_grad_begin();
    ASSERT_MISTAKE(tensor_attention_cached(tensor_full(SHAPE(1, 2, 6), 1), cache), "tensor_attention_cached: -1 positions and 2 more");
    kv_cache_free(cache);
}
END_TEST

START_TEST(the_error_that_would_be_printed)
{
    GPTConfig config = small_config();
    config.n_head = 3;
    ASSERT_MISTAKE(gpt_create(&config, 1, NULL), "error_set_field: error is NULL");
}
END_TEST

START_TEST(a_parameter_of_an_impossible_size_is_named)
{
    Linear linear;
    ASSERT_MISTAKE(linear_init(&linear, NULL, "fc", 0, 3, true), "tensor_parameter: fc.weight: shape (3, 0): each size is at least 1");
    module_free(&linear.module);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("NULL");
    TCase *tests = case_with_tape(suite, "told");
    tcase_add_test(tests, tensors_and_random_numbers);
    tcase_add_test(tests, modules);
    tcase_add_test(tests, optimizers_and_gradient_flow);
    tcase_add_test(tests, models);
    tcase_add_test(tests, missing_fields);
    tcase_add_test(tests, values_that_do_not_exist);
    tcase_add_test(tests, the_error_that_would_be_printed);
    tcase_add_test(tests, a_parameter_of_an_impossible_size_is_named);
    return suite_run(suite);
}
