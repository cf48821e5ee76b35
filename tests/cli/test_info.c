// test_info.c: gptape info, as a user types it.

#include "tests/cli/run.h"
#include "tests/support/suite.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

typedef struct Known {
    const char *preset;
    const char *exact; // parameters, as people read them
    double parameters;
} Known;

// The GPT-2 sizes as released; the book's as the book has it; the others computed by hand from
// V C + T C + L (12 C^2 + 13 C) + 2 C.
static const Known knowns[] = {
    {"tiny", "34,688", 34688},
    {"flow", "618,368", 618368},
    {"flow-untied", "634,752", 634752},
    {"char", "809,856", 809856},
    {"gpt2-124m", "124,439,808", 124439808},
    {"gpt2-355m", "354,823,168", 354823168},
    {"gpt2-774m", "774,030,080", 774030080},
    {"gpt2-1558m", "1,557,611,200", 1557611200},
    {"gpt3-1.3b", "1,315,723,264", 1315723264},
    {"gpt3-6.7b", "6,658,404,352", 6658404352},
    {"gpt3-13b", "12,853,386,240", 12853386240},
    {"70b", "64,861,528,064", 64861528064},
    {"book-124m", "163,009,536", 163009536},
};

enum { KNOWN_COUNT = sizeof knowns / sizeof knowns[0] };

START_TEST(info_counts_every_preset)
{
    const Known *known = &knowns[_i];
    char arguments[64];

    snprintf(arguments, sizeof arguments, "info --config %s", known->preset);
    Run run = run_gptape(arguments);
    assert_quiet(&run);
    assert_has(&run, run.out, known->exact);
    run_free(&run);

    run = run_gptape("info");
    assert_quiet(&run);
    assert_has(&run, run.out, known->preset);
    assert_has(&run, run.out, known->exact);
    run_free(&run);
}
END_TEST

static double parts_sum(const cJSON *json, double layers)
{
    static const char *const ends[] = {"parts/wte", "parts/wpe", "parts/ln_f", "parts/lm_head"};
    static const char *const block[] = {"parts/h.*.ln_1", "parts/h.*.attn.c_attn", "parts/h.*.attn.c_proj",
                                        "parts/h.*.ln_2", "parts/h.*.mlp.c_fc",    "parts/h.*.mlp.c_proj"};
    double sum = 0.0;

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        sum += json_number(json, ends[i]);
    }
    for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) {
        sum += layers * json_number(json, block[i]);
    }
    return sum;
}

START_TEST(info_json_adds_up)
{
    const Known *known = &knowns[_i];
    char arguments[64];

    snprintf(arguments, sizeof arguments, "info --json --config %s", known->preset);
    Run run = run_gptape(arguments);
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    ck_assert_double_eq(json_number(json, "parameters"), known->parameters);
    ck_assert_double_eq(parts_sum(json, json_number(json, "config/n_layer")), known->parameters);
    ck_assert_double_eq(json_number(json, "bytes/weights"), 4.0 * known->parameters);
    ck_assert_double_eq(json_number(json, "bytes/gradients"), 4.0 * known->parameters);
    ck_assert_double_eq(json_number(json, "bytes/adamw"), 8.0 * known->parameters);
    ck_assert_double_gt(json_number(json, "bytes/activations"), 0.0);
    ck_assert_double_ge(json_number(json, "bytes/training"), 16.0 * known->parameters + json_number(json, "bytes/activations"));
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

static double parameters_of(const char *arguments)
{
    Run run = run_gptape(arguments);
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    double parameters = json_number(json, "parameters");
    cJSON_Delete(json);
    run_free(&run);
    return parameters;
}

// Each switch changes the count by exactly what it adds or takes away.
START_TEST(info_switches_change_the_count)
{
    double tiny = parameters_of("info --json --config tiny"); // 2 layers, C = 32, V = 256, T = 32

    ck_assert_double_eq(parameters_of("info --json --config tiny --tied off"), tiny + 256 * 32);
    ck_assert_double_eq(parameters_of("info --json --config tiny --qkv-bias off"), tiny - 2 * 3 * 32);
    ck_assert_double_eq(parameters_of("info --json --config tiny --norm post"), tiny - 2 * 32);
    ck_assert_double_eq(parameters_of("info --json --config tiny --norm none"), tiny - 2 * 32 - 2 * 4 * 32);
    ck_assert_double_eq(parameters_of("info --json --config tiny --n-layer 3"), tiny + 12704);
    ck_assert_double_eq(parameters_of("info --json --config tiny --vocab-size 257"), tiny + 32);
    ck_assert_double_eq(parameters_of("info --json --config tiny --context-length 33"), tiny + 32);
    ck_assert_double_eq(parameters_of("info --json --config tiny --ff-mult 5"), tiny + 2 * (2 * 32 * 32 + 32));
    ck_assert_double_eq(parameters_of("info --json --config tiny --shortcut off"), tiny);
    ck_assert_double_eq(parameters_of("info --json --config tiny --n-head 4"), tiny);
}
END_TEST

START_TEST(the_last_of_repeated_options_counts)
{
    double tiny = parameters_of("info --json --config tiny");

    ck_assert_double_eq(parameters_of("info --config=70b --json --config=tiny"), tiny);
    ck_assert_double_eq(parameters_of("info --config tiny --json --n-layer 5 --n-layer 2"), tiny);
    ck_assert_double_eq(parameters_of("info --config tiny --json --tied off --tied on"), tiny);
}
END_TEST

START_TEST(info_of_the_book)
{
    Run run = run_gptape("info --config book-124m");

    assert_quiet(&run);
    assert_has(&run, run.out, "621.83 MiB");
    assert_has(&run, run.out, "652,038,144");
    assert_has(&run, run.out, "\nff-mult 4, dropout 0, ");
    assert_has(&run, run.out, "qkv-bias off, tied off");
    run_free(&run);
}
END_TEST

START_TEST(info_of_70b_allocates_nothing)
{
    Run run = run_shell(memory_is_watched() ? "exec \"$GPTAPE_BIN\" info --config 70b --batch 64"
                                            : "ulimit -v 1000000; exec \"${GPTAPE_BIN:-build/gptape}\" info --config 70b --batch 64");

    assert_quiet(&run);
    assert_has(&run, run.out, "64,861,528,064");
    assert_has(&run, run.out, "64.9 B parameters in GPT-2's layout");
    run_free(&run);
}
END_TEST

START_TEST(info_of_the_largest_sizes)
{
    Run run = run_gptape("info --config tiny --n-layer 2000000000 --batch 2147483647 --context-length 2147483647");

    assert_quiet(&run);
    assert_has(&run, run.out, "25,476,719,484,960"); // 2e9 x 12704 + (2^31 - 1) x 32 + 256 x 32 + 64
    ck_assert_msg(strstr(run.out, "nan") == NULL && strstr(run.out, "inf") == NULL, "%s", run.out);
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("info");
    TCase *info = case_create(suite, "info");
    tcase_add_loop_test(info, info_counts_every_preset, 0, KNOWN_COUNT);
    tcase_add_loop_test(info, info_json_adds_up, 0, KNOWN_COUNT);
    tcase_add_test(info, info_switches_change_the_count);
    tcase_add_test(info, the_last_of_repeated_options_counts);
    tcase_add_test(info, info_of_the_book);
    tcase_add_test(info, info_of_70b_allocates_nothing);
    tcase_add_test(info, info_of_the_largest_sizes);
    return suite_run(suite);
}
