// test_cost.c: what gpt_cost counts from the sizes against models that are made, and what a training step really puts on its tape.

#include "gpt/base/base.h"
#include "tests/gpt/gpt_test.h"

enum { B = 2, T = 24 };

static GPTConfig config_of(int i)
{
    GPTConfig config = gpt_preset_find("char")->config;

    config.shortcut = i % 2 == 0;
    config.norm = (Norm)(i / 2 % NORM_COUNT);
    config.tied = i / 6 % 2 == 0;
    config.dropout = i / 12 % 2 == 0 ? 0.0 : 0.1;
    config.causal = i / 24 % 2 == 0;
    config.activation = i / 48 % 2 == 0 ? ACTIVATION_GELU : ACTIVATION_IDENTITY;
    return config;
}

enum { CONFIG_COUNT = 96 };

START_TEST(counts_are_what_a_step_takes)
{
    GPTConfig config = config_of(_i);
    GPTCost cost = gpt_cost(&config, B, T);
    int ids[B * T];
    GPT *gpt = create_gpt(config, 1);
    for (int i = 0; i < B * T; i++) {
        ids[i] = i % config.vocab_size;
    }
    ParameterList parameters = module_parameters(&gpt->module);
    ck_assert_int_eq(cost.parameters, (int64_t)parameters.values);

    module_train(&gpt->module, true);
    Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, ids, B, T), ids);
    double kept = (double)tape->arena.bytes;
    double nodes = 320.0 * tape->n_nodes; // the nodes themselves, which gpt_cost leaves out
    ck_assert_double_le(cost.activation_bytes, kept);
    ck_assert_double_ge(cost.activation_bytes, kept - nodes);
    tensor_backward(loss);
    ck_assert_double_eq(cost.gradient_peak_bytes, (double)tape->arena.bytes_peak - kept);
    parameter_list_free(&parameters);
    gpt_free(gpt);
}
END_TEST

// The inner tape's memory stays, so what counts is the most that each of the two held at any time.
START_TEST(recomputing_takes_what_is_counted)
{
    GPTConfig config = config_of(_i);
    GPTCost cost = gpt_cost(&config, B, T);
    int ids[B * T];
    GPT *gpt = create_gpt(config, 1);
    for (int i = 0; i < B * T; i++) {
        ids[i] = i % config.vocab_size;
    }
    gpt->recompute = true;
    module_train(&gpt->module, true);
    Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, ids, B, T), ids);
    double kept = (double)tape->arena.bytes;
    double nodes = 400.0 * tape->n_nodes; // the nodes, and what tensor_checkpoint saves besides the random state
    ck_assert_double_le(cost.recompute_activation_bytes, kept);
    ck_assert_double_ge(cost.recompute_activation_bytes, kept - nodes);
    tensor_backward(loss);
    double peak = (double)tape->arena.bytes_peak - kept + (double)tape->inner->arena.bytes_peak;
    double inner_nodes = 320.0 * 40;
    ck_assert_double_le(cost.recompute_peak_bytes, peak);
    ck_assert_double_ge(cost.recompute_peak_bytes, peak - inner_nodes);
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Counting against making

static int below(Random *random, int n)
{
    return (int)(random_bits(random) % (uint32_t)n);
}

enum { RANDOM_CONFIGS = 200 };

// Any switch, any small size; the seed says which.
static GPTConfig random_config(uint64_t seed)
{
    Random random = seeded(seed);
    int n_head = 1 + below(&random, 4);
    return (GPTConfig){
        .vocab_size = 2 + below(&random, 60),
        .context_length = 1 + below(&random, 24),
        .n_layer = 1 + below(&random, 4),
        .n_head = n_head,
        .n_embd = n_head * (1 + below(&random, 10)),
        .ff_mult = 1 + below(&random, 5),
        .dropout = 0,
        .qkv_bias = below(&random, 2) == 1,
        .tied = below(&random, 2) == 1,
        .shortcut = below(&random, 2) == 1,
        .norm = (Norm)below(&random, NORM_COUNT),
        .causal = below(&random, 2) == 1,
        .activation = (Activation)below(&random, ACTIVATION_COUNT),
        .init = (InitScheme)below(&random, INIT_COUNT),
    };
}

static int64_t values_of(const Module *module)
{
    ParameterList list = module_parameters(module);
    int64_t values = (int64_t)list.values;
    parameter_list_free(&list);
    return values;
}

// A module that this configuration does not have was never made.
static int64_t values_if_made(const Module *module)
{
    return module == NULL || module->kind == NULL ? 0 : values_of(module);
}

static void assert_counted(GPTConfig config)
{
    GPT *gpt = create_gpt(config, 1);

    GPTCost cost = gpt_cost(&config, 1, 1);

    Block *block = &gpt->h[0];
    ck_assert_int_eq(cost.wte, values_of(&gpt->wte.module));
    ck_assert_int_eq(cost.wpe, values_of(&gpt->wpe.module));
    ck_assert_int_eq(cost.ln_1, values_if_made((Module *)block->ln_1));
    ck_assert_int_eq(cost.c_attn, values_of(&block->attn.c_attn.module));
    ck_assert_int_eq(cost.attn_c_proj, values_of(&block->attn.c_proj.module));
    ck_assert_int_eq(cost.ln_2, values_if_made((Module *)block->ln_2));
    ck_assert_int_eq(cost.c_fc, values_of(&block->mlp.c_fc.module));
    ck_assert_int_eq(cost.mlp_c_proj, values_of(&block->mlp.c_proj.module));
    ck_assert_int_eq(cost.block, values_of(&block->module));
    ck_assert_int_eq(cost.ln_f, values_if_made(&gpt->ln_f.module));
    ck_assert_int_eq(cost.lm_head, values_if_made(&gpt->lm_head.module));
    ck_assert_int_eq(cost.parameters, values_of(&gpt->module));
    gpt_free(gpt);
}

START_TEST(parameters_are_counted_as_they_are_made)
{
    for (uint64_t seed = 0; seed < RANDOM_CONFIGS; seed++) {
        assert_counted(random_config(seed));
    }
}
END_TEST

START_TEST(bytes_and_operations_follow_from_the_parameters)
{
    GPTConfig config = gpt_preset_find("gpt2-124m")->config;

    GPTCost cost = gpt_cost(&config, 4, 1024);

    ck_assert_double_eq(cost.weight_bytes, 4.0 * 124439808);
    ck_assert_double_eq(cost.gradient_bytes, 4.0 * 124439808);
    ck_assert_double_eq(cost.adamw_bytes, 8.0 * 124439808);
    // Every weight of a product 6 times: those of 12 blocks, 12 C^2 each, and the head, tied or not; attention 12 L C T.
    double in_products = 12.0 * 12 * 768 * 768 + 50257.0 * 768;
    ck_assert_double_eq(cost.flops_per_token, 6 * in_products + 12.0 * 12 * 768 * 1024);
}
END_TEST

// Sizes whose product does not fit 64 bits are counted all the same, and nothing is allocated.
START_TEST(huge_models_are_counted_without_being_made)
{
    GPTConfig config = gpt_preset_find("70b")->config;
    gpt_rule(&config); // parsed once, and kept
    size_t requests = memory_requests();

    GPTCost cost = gpt_cost(&config, 1 << 20, 1 << 20);

    ck_assert_int_eq(cost.parameters / 100000000, 648); // 64.9 B
    ck_assert(isfinite(cost.activation_bytes) && cost.activation_bytes > 1e18);
    ck_assert(isfinite(cost.gradient_peak_bytes) && cost.gradient_peak_bytes > 1e15);
    ck_assert_uint_eq(memory_requests(), requests);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Memory on the tape

typedef struct TapeUse {
    double forward;  // bytes on the tape after forward
    double backward; // at most in use while walking back, beyond those
    int n_nodes;
} TapeUse;

// On a separate tape, since peak memory is recorded per tape, not per step.
static TapeUse measure_step(const GPTConfig *config, int B, int T)
{
    Tape *own = tape_create();
    GPT *gpt = create_gpt(*config, 1);
    module_train(&gpt->module, true);
    int ids[128];
    ck_assert_int_le(B * T, 128);
    random_ids(ids, B * T, config->vocab_size, 2);
    Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, ids, B, T), ids);
    TapeUse use = {.forward = (double)own->arena.bytes, .n_nodes = own->n_nodes};
    tensor_backward(loss);
    use.backward = (double)own->arena.bytes_peak - use.forward;
    gpt_free(gpt);
    tape_free(own);
    return use;
}

// On the tape stand, beside the values that are counted, each node's struct with its list of inputs (128 bytes) and what an op
// keeps in a struct of its own (64 to 128), and every block is rounded up to 64: up to 400 bytes a node, and no less than the
// first.
static const double NODE_LEAST = 128;
static const double NODE_MOST = 400;

// Gradients are a few blocks at once, each rounded up by less than 64 bytes.
static const double PEAK_ROUNDING = 12 * 64;

static void assert_tape_use(GPTConfig config, uint64_t seed)
{
    Random random = seeded(seed);
    int T = 1 + below(&random, config.context_length);
    int B = 1 + below(&random, 5);
    GPTCost cost = gpt_cost(&config, B, T);
    TapeUse use = measure_step(&config, B, T);

    double forward_least = cost.activation_bytes + use.n_nodes * NODE_LEAST;
    double forward_most = cost.activation_bytes + use.n_nodes * NODE_MOST;
    ck_assert_msg(use.forward >= forward_least && use.forward <= forward_most, "seed %d: %g bytes, expected %g to %g", (int)seed, use.forward,
                  forward_least, forward_most);
    double most = cost.gradient_peak_bytes + PEAK_ROUNDING;
    ck_assert_msg(use.backward >= cost.gradient_peak_bytes && use.backward <= most, "seed %d: at most %g bytes of gradients, expected %g to %g",
                  (int)seed, use.backward, cost.gradient_peak_bytes, most);
}

START_TEST(activations_and_gradients_take_the_memory_that_was_counted)
{
    for (uint64_t seed = 0; seed < RANDOM_CONFIGS; seed++) {
        assert_tape_use(random_config(seed), seed);
    }
}
END_TEST

// Dropout keeps its masks, and sends attention through its steps.
START_TEST(so_they_do_with_dropout)
{
    for (uint64_t seed = 0; seed < RANDOM_CONFIGS; seed++) {
        GPTConfig config = random_config(seed);
        config.dropout = 0.2;
        assert_tape_use(config, seed);
    }
}
END_TEST

START_TEST(absurd_memory_is_a_one_line_error)
{
    Error error = {0};

    ck_assert(!memory_check(1e18, "the model's weights", &error));
    assert_contains(error.message, "the model's weights");
    assert_contains(error.message, "888.18 PiB");
    ck_assert_ptr_null(strchr(error.message, '\n'));
    ck_assert(memory_check(1, "one byte", &error));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cost");
    TCase *steps = case_with_tape(suite, "steps");
    tcase_add_loop_test(steps, counts_are_what_a_step_takes, 0, CONFIG_COUNT);
    tcase_add_loop_test(steps, recomputing_takes_what_is_counted, 0, CONFIG_COUNT);

    TCase *cost = case_with_tape(suite, "cost");
    tcase_add_test(cost, parameters_are_counted_as_they_are_made);
    tcase_add_test(cost, bytes_and_operations_follow_from_the_parameters);
    tcase_add_test(cost, huge_models_are_counted_without_being_made);
    tcase_add_test(cost, activations_and_gradients_take_the_memory_that_was_counted);
    tcase_add_test(cost, so_they_do_with_dropout);
    tcase_add_test(cost, absurd_memory_is_a_one_line_error);
    suite_prepare_products();
    return suite_run(suite);
}
