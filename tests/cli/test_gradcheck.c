// test_gradcheck.c: gptape gradcheck, as a user types it.

#include "tests/cli/run.h"
#include "tests/support/suite.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

START_TEST(gradcheck_passes_and_says_so)
{
    Run run = run_gptape("gradcheck");

    assert_quiet(&run);
    assert_has(&run, run.out, "matmul");
    assert_has(&run, run.out, "layernorm");
    assert_has(&run, run.out, ": 0 failed\n");
    ck_assert_ptr_null(strstr(run.out, "FAILED"));
    run_free(&run);
}
END_TEST

START_TEST(gradcheck_json)
{
    Run run = run_gptape("gradcheck --json");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    const cJSON *check;
    int n = 0;

    cJSON_ArrayForEach(check, cJSON_GetObjectItemCaseSensitive(json, "checks")) {
        ck_assert_double_ge(json_number(check, "float"), 0.0);
        ck_assert_double_le(json_number(check, "double"), 1e-7);
        ck_assert(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(check, "passed")));
        n++;
    }
    ck_assert_int_gt(n, 30);
    ck_assert_double_eq(json_number(json, "failed"), 0);
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gradcheck");
    TCase *tcase = case_create(suite, "gradcheck");
    tcase_add_test(tcase, gradcheck_passes_and_says_so);
    tcase_add_test(tcase, gradcheck_json);
    return suite_run(suite);
}
