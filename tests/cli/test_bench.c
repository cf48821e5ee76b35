// test_bench.c: gptape bench, as a user types it.

#include "tests/cli/run.h"
#include "tests/support/suite.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

START_TEST(bench_says_what_it_measured)
{
    Run run = run_gptape("bench --seconds 0 --case tokenizer,product-64x64x64,tape --tokenizer bytes --json --quiet");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    ck_assert_double_gt(json_number(json, "peak_gflops"), 0);
    ck_assert_double_gt(json_number(json, "bandwidth_gbs"), 0);
    const cJSON *cases = cJSON_GetObjectItem(json, "cases");
    ck_assert_int_eq(cJSON_GetArraySize(cases), 4);
    const cJSON *encode = cJSON_GetObjectItem(cases, "tokenizer-encode");
    double ms = json_number(encode, "ms");
    double tokens = json_number(encode, "tokens"); // a byte each, of whole stories
    ck_assert_double_gt(tokens, 995000);
    ck_assert_double_le(tokens, 1000000);
    ck_assert_double_eq_tol(json_number(encode, "mb_per_s") * ms, tokens * 1e-3, 1e-3);
    ck_assert_double_eq_tol(json_number(encode, "tokens_per_s") * ms, tokens * 1e3, 1e3);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItem(encode, "fraction")));
    const cJSON *product = cJSON_GetObjectItem(cases, "product-64x64x64");
    double gflops = cJSON_GetObjectItem(product, "gflops")->valuedouble;
    double fraction = cJSON_GetObjectItem(product, "fraction")->valuedouble;
    ck_assert_double_eq_tol(gflops * cJSON_GetObjectItem(product, "ms")->valuedouble, 2e-6 * 64 * 64 * 64, 1e-6);
    ck_assert_double_eq_tol(fraction * json_number(product, "limit") / gflops, 1, 1e-6);
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

// Where the processor can't do that, there is nothing to compare.
START_TEST(bf16_is_timed_beside_float32)
{
    Run run = run_gptape("bench --seconds 0 --case product-256x768x768 --precision bf16 --json --quiet");
    if (run.status != 0) {
        assert_one_line_error(&run, 1, "--precision: bf16 needs ");
        skip(__func__, "no bf16 products here");
        run_free(&run);
        return;
    }
    cJSON *json = run_json(&run);
    const cJSON *product = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "cases"), "product-256x768x768");
    double ms = json_number(product, "ms");
    double f32_ms = json_number(product, "f32_ms");
    ck_assert_double_gt(f32_ms, 0);
    ck_assert_double_ne(ms, f32_ms);
    cJSON_Delete(json);
    run_free(&run);
    run = run_gptape("bench --seconds 0 --case product-256x768x768 --precision bf16 --quiet");
    assert_has(&run, run.out, "ms in float32: bf16 takes");
    run_free(&run);
    run = run_gptape("eval --ids 1,2,3 --targets 2,3,4 --precision bf16");
    assert_has(&run, run.err, "times as long as in f32 on this machine");
    run_free(&run);
}
END_TEST

START_TEST(bench_chooses_cases)
{
    Run run = run_gptape("bench --list");
    assert_quiet(&run);
    assert_has(&run, run.out, "step-gpt2-124m-1x1024");
    assert_has(&run, run.out, "generate-gpt2-124m");
    run_free(&run);
    run = run_gptape("bench --seconds 0 --case step-char --quiet");
    assert_quiet(&run);
    assert_has(&run, run.out, "step-char");
    assert_has(&run, run.out, "6 x parameters x tokens");
    assert_has(&run, run.out, "resident at most");
    ck_assert_ptr_null(strstr(run.out, "product-"));
    run_free(&run);
    run = run_gptape("bench --seconds 0 --case probes-flow --quiet");
    assert_has(&run, run.out, "probes-flow: the pass alone takes ");
    run_free(&run);
    run = run_gptape("bench --seconds 0 --case step-char --recompute on --json --quiet");
    assert_has(&run, run.out, "\"recompute\":\ttrue");
    run_free(&run);
    refuse("bench --precision fp8", 2, "f32, bf16 or f64");
    assert_fails("GPTAPE_KERNELS=plain \"${GPTAPE_BIN:-build/gptape}\" bench --case product-64 --precision bf16", 1,
                 "--precision: bf16 needs a "); // "processor with bf16 products, and the fast kernels", or "build with oneDNN"
    refuse("bench --case step,stop", 2, "--case: 'stop' is not the beginning of a case");
    refuse("bench --case ''", 2, "--case");
    refuse("bench --case tokenizer --data /dev/null", 1, "/dev/null");
    assert_fails("d=$(mktemp); printf 'a\\377' > $d; $GPTAPE_BIN bench --case tokenizer --tokenizer chars --data $d; s=$?; rm $d; exit $s", 1,
                 ": is not UTF-8 text: byte 0xff at 1\n");
    refuse("bench --seconds -1", 2, "--seconds: '-1' is not a number between 0 and 3600");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench");
    TCase *tcase = case_create(suite, "bench");
    tcase_add_test(tcase, bench_says_what_it_measured);
    tcase_add_test(tcase, bf16_is_timed_beside_float32);
    tcase_add_test(tcase, bench_chooses_cases);
    return suite_run(suite);
}
