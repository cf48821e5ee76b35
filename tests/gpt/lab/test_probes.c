// test_probes.c: the cheap probes of an experiment against PyTorch; ranks, streams and attention weights against values computed by hand; probes
// that are not supported. Built in float32 and, by test_probes_double.c, in double.

#include "gpt/lab/probe.h"
#include "tests/golden/paths.h"
#include "tests/golden/probes.h"
#include "tests/gpt/gpt_test.h"
#include "tensor/fast/fast.h"
#include "tensor/unwind.h"

#include <string.h>

enum { GOLDEN_COUNT = sizeof golden_probes / sizeof golden_probes[0], B = 2, T = 9, LAYERS = 3, HEADS = 3 };

// The golden numbers are rounded to 9 digits; float32 values are sums of hundreds of rounded ones.
#ifdef GPTAPE_DOUBLE
static const double TOLERANCE = 1e-6;
static const double PATH_TOLERANCE = 1e-6;
static const double ROUNDING = 1e-13; // of a few operations
#else
static const double TOLERANCE = 1e-3;
static const double PATH_TOLERANCE = 1e-4;
static const double ROUNDING = 1e-6;
#endif

static void assert_near(const char *what, double got, double expected)
{
    ck_assert_msg(is_near(got, expected, TOLERANCE * fabs(expected)), "%s: %.9g, expected %.9g", what, got, expected);
}

static Experiment measure(const GPT *gpt, const char *const *rules, int n_rules, const char *const *probes, int n_probes)
{
    ExperimentConfig config = {
        .net = NET_GPT,
        .gpt = gpt->config,
        .saved = gpt,
        .ids = golden_paths_ids,
        .targets = golden_paths_targets,
        .B = B,
        .T = T,
        .n_rules = n_rules,
        .seed = 123,
        .n_seeds = 1,
        .n_probes = n_probes,
    };
    for (int i = 0; i < n_rules; i++) {
        config.rules[i] = rules[i];
    }
    for (int i = 0; i < n_probes; i++) {
        config.probes[i] = probe_find(probes[i]);
        ck_assert_msg(config.probes[i] != NULL, "no probe %s", probes[i]);
    }
    return run_experiment(&config);
}

// ------------------------------------------------------------------------------------------------------------
// Golden numbers

static void check_streams(const Experiment *experiment, const GoldenProbes *golden)
{
    static const char *const kinds[] = {"effective_rank", "stable_rank", "rank_residual", "stream_rms"};
    for (int layer = 0; layer <= LAYERS; layer++) {
        for (int k = 0; k < 4; k++) {
            assert_near(kinds[k], experiment_probe(experiment, 0, 0, kinds[k], (ProbePlace){.layer = layer}, -1).median, golden->stream[layer][k]);
        }
        assert_near("lens", experiment_probe(experiment, 0, 0, "lens", (ProbePlace){.layer = layer}, -1).median, golden->lens[layer]);
    }
}

static void check_attention(const Experiment *experiment, const GoldenProbes *golden)
{
    static const char *const kinds[] = {"attention_entropy", "attention_max", "attention_first"};
    for (int layer = 0; layer < LAYERS; layer++) {
        char name[32];
        snprintf(name, sizeof name, "h.%d.attn", layer);
        for (int head = 0; head < HEADS; head++) {
            for (int k = 0; k < 3; k++) {
                double got = experiment_probe(experiment, 0, 0, kinds[k], (ProbePlace){.name = name}, head).median;
                assert_near(kinds[k], got, golden->attention[layer][head][k]);
            }
        }
    }
}

START_TEST(they_are_pytorchs)
{
    static const char *const probes[] = {"lens", "stream", "branch", "attention"}; // whatever the order
    const GoldenProbes *golden = &golden_probes[_i];
    GPT *gpt = golden_gpt(golden->rule, 123);
    Experiment experiment = measure(gpt, &golden->rule, 1, probes, 4);
    check_streams(&experiment, golden);
    check_attention(&experiment, golden);
    for (int s = 0; s < 2 * LAYERS; s++) {
        char name[32];
        snprintf(name, sizeof name, "h.%d.%s", s / 2, s % 2 == 0 ? "attn" : "mlp");
        assert_near(name, experiment_probe(&experiment, 0, 0, "branch_ratio", (ProbePlace){.name = name}, -1).median, golden->branch[s]);
    }
    ck_assert_int_eq(experiment.measurements[0].probes.n_rows, 4 * 4 + 6 + 27 + 4);
    ck_assert_int_eq(experiment.measurements[0].probes.n_faults, 0);
    experiment_free(&experiment);
    gpt_free(gpt);
}
END_TEST

// The probe has the numbers of path_lengths, which test_paths.c compares with PyTorch for both networks; here once more those of each GPT.
START_TEST(paths_are_pytorchs)
{
    static const char *const probes[] = {"paths"};
    const GoldenPaths *golden = &golden_paths[_i];
    if (golden->sizes[0] != 0) {
        return;
    }
    GPT *gpt = golden_gpt(golden->rule, 123);
    Experiment experiment = measure(gpt, &golden->rule, 1, probes, 1);
    for (int s = 0; s < 6; s++) {
        char name[32];
        snprintf(name, sizeof name, "h.%d.%s", s / 2, s % 2 == 0 ? "attn" : "mlp");
        for (int k = 0; k <= 6 - s; k++) {
            double got = experiment_probe(&experiment, 0, 0, "path_norm", (ProbePlace){.name = name}, k).median;
            ck_assert_msg(is_near(got, golden->norm[s][k], PATH_TOLERANCE * golden->norm[s][k] + 1e-9 * golden->sum[s]),
                          "%s, %d: %.9g, expected %.9g", name, k, got, golden->norm[s][k]);
        }
        assert_near(name, experiment_probe(&experiment, 0, 0, "path_sum", (ProbePlace){.name = name}, -1).median, golden->sum[s]);
    }
    double error = experiment_probe(&experiment, 0, 0, "path_error", (ProbePlace){.layer = -1}, -1).median;
    ck_assert_msg(error <= (sizeof(Real) == 8 ? 1e-12 : 1e-5), "self-check %.3g", error);
    experiment_free(&experiment);
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The mathematics

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

// ------------------------------------------------------------------------------------------------------------
// The framework

// One input row through a deep network, with probes of which two do not fit.
START_TEST(a_probe_that_does_not_fit_leaves_the_others)
{
    int sizes[] = {4, 4, 4, 1};
    Real input[] = {1, 0, -1, 1};
    Real target[] = {0};
    ExperimentConfig config = {
        .net = NET_MLP,
        .deep = {.sizes = sizes, .n_layer = 3, .activation = ACTIVATION_TANH},
        .input = input,
        .target = target,
        .arms = ARMS_BOTH,
        .seed = 1,
        .n_seeds = 2,
        .probes = {probe_find("lens"), probe_find("branch"), probe_find("attention")},
        .n_probes = 3,
    };
    Experiment experiment = run_experiment(&config);
    int networks;
    const ProbeFault *fault = experiment_probe_fault(&experiment, probe_find("attention"), &networks);
    ck_assert_ptr_nonnull(fault);
    ck_assert_str_eq(fault->error.message, "not for a network of this kind, mlp (expected --net gpt)");
    ck_assert_int_eq(networks, 4);
    ck_assert_ptr_null(experiment_probe_fault(&experiment, probe_find("branch"), &networks));
    ProbePlace *places;
    ck_assert_int_eq(experiment_probe_places(&experiment, 1, 0, "branch_ratio", &places), 3);
    ck_assert_str_eq(places[2].name, "layers.2");
    ck_assert_int_eq(experiment_probe(&experiment, 1, 0, "branch_ratio", places[2], -1).n, 2);
    ck_assert_int_eq(experiment_probe(&experiment, 1, 0, "lens", (ProbePlace){.layer = 0}, -1).n, 0);
    free(places);
    experiment_free(&experiment);
}
END_TEST

// A branch over a stream of zeros.
START_TEST(numbers_that_are_not_finite_are_a_fault)
{
    int sizes[] = {2, 2, 2};
    Real input[] = {0, 0};
    Real target[] = {0, 0};
    ExperimentConfig config = {
        .net = NET_MLP,
        .deep = {.sizes = sizes, .n_layer = 2, .activation = ACTIVATION_TANH},
        .input = input,
        .target = target,
        .arms = ARMS_ON,
        .seed = 1,
        .n_seeds = 1,
        .probes = {probe_find("branch"), probe_find("stream")},
        .n_probes = 2,
    };
    Experiment experiment = run_experiment(&config);
    const ProbeResults *results = &experiment.measurements[0].probes;
    ck_assert_int_eq(results->n_faults, 1);
    ck_assert_ptr_eq(results->faults[0].probe, probe_find("branch"));
    ck_assert_str_eq(results->faults[0].error.message, "layers.0: branch_ratio is infinite");
    ck_assert_int_eq(results->n_rows, 3 * 4 + 2);
    experiment_free(&experiment);
}
END_TEST

// Weights, gradients, mode and random numbers are restored; another pass has the same loss.
START_TEST(a_network_is_restored)
{
    GPTConfig gpt = small_config();
    gpt.dropout = 0.2;
    int ids[] = {1, 2, 3, 4};
    ExperimentConfig config = {.net = NET_GPT, .gpt = gpt, .ids = ids, .targets = ids, .B = 1, .T = 4, .arms = ARMS_ON, .n_seeds = 1};
    Net net;
    Error error;
    ck_assert_msg(net_create(&net, &config, 1, 1, &error), "%s", error.message);
    module_train(net.module, true);
    tensor_backward(net_loss(&net, net_forward(&net)));
    Tensor *weight = net.gpt->h[0].attn.c_attn.weight;
    Tensor *unreached = net.gpt->wpe.weight;
    Real before[2] = {weight->data[0], weight->grad[0]};
    tensor_zero_grad(unreached);
    Random random = net.gpt->random;
    int frame = unwind_begin();
    net_keep(&net);
    module_train(net.module, false);
    module_zero_grad(net.module);
    weight->data[0] = 100;
    tensor_backward(net_loss(&net, net_forward(&net)));
    random_bits(&net.gpt->random);
    unwind_end(frame);
    ck_assert(weight->data[0] == before[0] && weight->grad[0] == before[1]);
    ck_assert_ptr_null(unreached->grad);
    ck_assert(net.module->training);
    ck_assert(memcmp(&net.gpt->random, &random, sizeof random) == 0);
    net_free(&net);
}
END_TEST

// What was not measured, because it is not in a CSV file, is not mentioned.
START_TEST(findings_are_sentences_about_what_was_measured)
{
    static const Probe probe = {.findings = {{"The first is", "jacobian", PROBE_AT_FIRST, NULL, NULL},
                                             {"the last", "jacobian", PROBE_AT_LAST, NULL, NULL},
                                             {"Nothing is", "plane", PROBE_AT_NETWORK, NULL, NULL},
                                             {"Heads give", "attention_max", PROBE_AT_LAST, "attn", probe_mean}}};
    ProbeRow rows[] = {{"jacobian", 0, "", -1, 2},
                       {"jacobian", 1, "", -1, 3},
                       {"attention_max", 1, "h.1.attn", 0, 0.5},
                       {"attention_max", 1, "h.1.attn", 1, 0.25},
                       {"attention_max", 1, "h.1.mlp", 0, 8}};
    Measurement measurement = {.arm = 1, .probes = {.rows = rows, .n_rows = 5}};
    Experiment experiment = {.config = {.net = NET_GPT, .arms = ARMS_ON, .n_seeds = 1},
                             .measurements = &measurement,
                             .n_measurements = 1,
                             .n_layer = 2};
    int next = 0;
    Writer *writer = writer_begin();
    ck_assert(probe_write_finding(writer->stream, &experiment, 0, &probe, &next));
    ck_assert_int_eq(next, 2);
    fprintf(writer->stream, "|");
    ck_assert(!probe_write_finding(writer->stream, &experiment, 0, &probe, &next));
    ck_assert_int_eq(next, 3);
    fprintf(writer->stream, "|");
    probe_write_findings(writer->stream, &experiment, 0, &probe, 0);
    char *text = writer_end(writer);
    ck_assert_str_eq(text, "The first is 2 with shortcuts; the last 3 with shortcuts||"
                           "The first is 2 with shortcuts; the last 3 with shortcuts. Heads give 0.375 with shortcuts. ");
    free(text);
}
END_TEST

START_TEST(the_table_of_probes_is_complete)
{
    for (int i = 0; i < probe_count; i++) {
        const Probe *probe = probe_table[i];
        ck_assert_ptr_eq(probe_find(probe->name), probe);
        ck_assert(probe->about != NULL && probe->source != NULL && probe->cost != NULL && probe->legend != NULL && probe->nets != 0);
        ck_assert(probe->columns[0].title != NULL && probe->panels[0].title != NULL && probe->measure != NULL);
        for (const ProbeColumn *column = probe->columns; column->title != NULL; column++) {
            const Probe *owner = NULL;
            ck_assert_ptr_nonnull(probe_kind(column->kind, &owner));
            ck_assert_ptr_eq(owner, probe);
            ck_assert_uint_le(strlen(column->title), 10);
        }
        for (const ProbePanel *panel = probe->panels; panel->title != NULL; panel++) {
            ck_assert_ptr_nonnull(probe_kind(panel->kind, NULL));
        }
    }
    ck_assert_ptr_null(probe_find("path"));
    ck_assert_ptr_null(probe_kind("path", NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probes");
    TCase *tcase = case_with_tape(suite, "probes");
    tcase_add_loop_test(tcase, they_are_pytorchs, 0, GOLDEN_COUNT);
    tcase_add_loop_test(tcase, paths_are_pytorchs, 0, sizeof golden_paths / sizeof golden_paths[0]);
    tcase_add_test(tcase, singular_values_of_known_matrices);
    tcase_add_loop_test(tcase, singular_values_of_random_matrices, 0, 4);
    tcase_add_test(tcase, ranks_of_known_streams);
    tcase_add_loop_test(tcase, ranks_are_those_of_the_singular_values, 0, 3);
    tcase_add_test(tcase, attention_of_extreme_scores);
    tcase_add_test(tcase, threads_do_not_change_a_bit);
    tcase_add_test(tcase, attention_weights_are_those_of_the_network);
    tcase_add_test(tcase, streams_are_on_the_tape);
    tcase_add_test(tcase, a_probe_that_does_not_fit_leaves_the_others);
    tcase_add_test(tcase, numbers_that_are_not_finite_are_a_fault);
    tcase_add_test(tcase, a_network_is_restored);
    tcase_add_test(tcase, findings_are_sentences_about_what_was_measured);
    tcase_add_test(tcase, the_table_of_probes_is_complete);
    return suite_run(suite);
}
