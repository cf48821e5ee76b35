// test_probes.c: the cheap probes of an experiment against PyTorch, and probes that are not supported. Built in float32 and,
// by test_probes_double.c, in double.

#include "gpt/lab/probe.h"
#include "tests/golden/paths.h"
#include "tests/golden/probes.h"
#include "tests/gpt/gpt_test.h"
#include "tensor/unwind.h"

#include <ctype.h>
#include <string.h>

enum { GOLDEN_COUNT = sizeof golden_probes / sizeof golden_probes[0], B = 2, T = 9, LAYERS = 3, HEADS = 3 };

#ifdef GPTAPE_DOUBLE
static const double PATH_TOLERANCE = 1e-6;
#else
static const double PATH_TOLERANCE = 1e-4;
#endif

static void assert_near(const char *what, double got, double expected)
{
    ck_assert_msg(is_near(got, expected, GOLDEN_TOLERANCE * fabs(expected)), "%s: %.9g, expected %.9g", what, got, expected);
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
    ck_assert(probe_write_finding(writer->stream, &experiment, 0, &probe, true, &next));
    ck_assert_int_eq(next, 2);
    fprintf(writer->stream, "|");
    ck_assert(!probe_write_finding(writer->stream, &experiment, 0, &probe, true, &next));
    ck_assert_int_eq(next, 3);
    fprintf(writer->stream, "|");
    probe_write_findings(writer->stream, &experiment, 0, &probe, true, 0);
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
            ck_assert(isupper((unsigned char)panel->title[0]));
        }
        ck_assert(probe->findings[0].text == NULL || isupper((unsigned char)probe->findings[0].text[0]));
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
    tcase_add_test(tcase, a_probe_that_does_not_fit_leaves_the_others);
    tcase_add_test(tcase, numbers_that_are_not_finite_are_a_fault);
    tcase_add_test(tcase, a_network_is_restored);
    tcase_add_test(tcase, findings_are_sentences_about_what_was_measured);
    tcase_add_test(tcase, the_table_of_probes_is_complete);
    suite_prepare_products();
    return suite_run(suite);
}
