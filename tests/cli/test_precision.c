// test_precision.c: --precision f64, which runs gptape64, and the double library for users' programs.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEEP "gradflow --quiet --sizes 6,6,6,6,6,6,6,6,1 --activation tanh --residual 'h + f(norm(h))' --seeds 1 --depths none "

// Column l2 of a gradient in gradflow's CSV.
static double csv_l2(const Run *run, const char *name)
{
    char start[100];
    double mean_abs, l2;
    snprintf(start, sizeof start, ",%s,weight_grad,", name);
    const char *row = strstr(run->out, start);
    ck_assert_msg(row != NULL, "%s: no row of %s in\n%s", run->command, name, run->out);
    ck_assert_int_eq(sscanf(row + strlen(start), "%lf,%lf", &mean_abs, &l2), 2);
    return l2;
}

// The loss and the gradient of a network of eight layers, computed in float64 by NumPy from the weights that this seed draws: the gradient by
// fourth-order differences of step 1e-4, which give about 12 digits.
START_TEST(f64_has_the_digits_that_float32_lacks)
{
    const double LOSS = 0.32936758348789025;
    const double GRADIENT = 1.2879596604263417;
    const double DIGITS = 1e-11;
    Run wide = run_gptape(DEEP "--csv - --precision f64");
    Run narrow = run_gptape(DEEP "--csv -");
    assert_quiet(&wide);
    assert_quiet(&narrow);
    ck_assert_double_eq_tol(csv_l2(&wide, "layers.0.weight"), GRADIENT, DIGITS);
    ck_assert_double_ge(fabs(csv_l2(&narrow, "layers.0.weight") - GRADIENT), 100 * DIGITS);
    run_free(&wide);
    run_free(&narrow);

    wide = run_gptape(DEEP "--json --precision f64");
    assert_quiet(&wide);
    cJSON *json = run_json(&wide);
    ck_assert_double_eq_tol(json_number(json, "loss"), LOSS, 1e-15);
    cJSON_Delete(json);
    run_free(&wide);
}
END_TEST

START_TEST(precision_is_named_and_mismatches_are_refused)
{
    Run run = run_gptape("gradflow --quiet --depth 2 --seeds 1 --depths none --plot none --precision f64");
    assert_quiet(&run);
    assert_has(&run, run.out, "Everything is computed in float64.");
    run_free(&run);
    run = run_gptape("gradflow --quiet --depth 2 --seeds 1 --depths none --json --precision f64");
    assert_quiet(&run);
    assert_has(&run, run.out, "\"precision\":");
    assert_has(&run, run.out, "\"f64\"");
    run_free(&run);
    refuse("gradflow --precision f65", 2, "--precision: 'f65'");

    assert_fails("\"${GPTAPE_BIN}64\" gradflow --precision f32", 1, "--precision: f32 needs the program gptape");
    assert_fails("cp \"$GPTAPE_BIN\" gptape && ./gptape gradflow --precision f64", 1,
                 "--precision: f64 needs the program gptape64, which did not start: No such file or directory");
    assert_fails("ln -s gptape gptape64 && timeout 20 ./gptape gradflow --precision f64", 1, "gptape64 is not gptape64");
}
END_TEST

// A saved folder has the numbers of the program that saved it, and either program loads it. A training run stays in its precision.
START_TEST(folders_pass_from_one_precision_to_the_other)
{
    Run run = run_shell("$GPTAPE_BIN stories --bytes 3000 > text && for f in 'narrow' 'wide --precision f64'; do "
                        "$GPTAPE_BIN train --quiet --config tiny --data text --steps 2 --out $f || exit 1; done");
    assert_succeeded(&run);
    run_free(&run);
    run = run_shell("grep -a -o -m1 '\"wte.weight\":{\"dtype\":\"F64\"' wide/model.safetensors && grep torch_dtype wide/config.json");
    assert_has(&run, run.out, "F64");
    assert_has(&run, run.out, "\"float64\"");
    run_free(&run);
    double losses[2][2];
    for (int i = 0; i < 4; i++) {
        char command[200];
        snprintf(command, sizeof command, "eval --json --model %s --ids 1,2,3,4 --targets 2,3,4,5 --precision %s", i / 2 == 0 ? "narrow" : "wide",
                 i % 2 == 0 ? "f32" : "f64");
        run = run_gptape(command);
        assert_succeeded(&run);
        cJSON *json = run_json(&run);
        losses[i / 2][i % 2] = json_number(json, "loss");
        cJSON_Delete(json);
        run_free(&run);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_double_ne(losses[i][0], losses[i][1]);
        ck_assert_double_eq_tol(losses[i][0], losses[i][1], 1e-6 * losses[i][1]); // float32's rounding, 6e-8, in a few sums
    }
    ck_assert_double_eq_tol(losses[0][1], losses[1][1], 1e-4 * losses[1][1]); // two steps of AdamW in float32 and in double
    refuse("train --quiet --resume --out narrow --steps 3 --precision f64", 1, "F32");
}
END_TEST

// The float library and the double one side by side: one program, compiled for each as pkg-config says.
START_TEST(a_program_is_linked_with_either_library)
{
    Run run = run_shell("printf '%s\\n' '#include <gpt/gptape.h>' 'int main(void) { tape_create(); const Real x[] = {1, 3};'"
                        " 'Tensor *y = tensor_div(tensor_from(x, SHAPE(2)), tensor_full(SHAPE(2), 3));'"
                        " 'printf(\"%zu %s %.17g\\n\", sizeof(Real), REAL_NAME, (double)y->data[0]); return 0; }' > program.c");
    assert_quiet(&run);
    run_free(&run);
    install_into("prefix");
    run = run_shell(
        "export PKG_CONFIG_PATH=\"$PWD/prefix/lib/pkgconfig\" LD_LIBRARY_PATH=\"$PWD/prefix/lib\" && for name in gptape gptape64; do "
        "eval cc program.c $(pkg-config --cflags --libs $name) -o program && ldd program | grep -q lib$name.so.0 && ./program || exit 1; "
        "done; prefix/bin/gptape gradcheck --quiet > /dev/null && prefix/bin/gptape gradflow --depth 2 --seeds 1 --plot none --json --precision f64");
    assert_succeeded(&run);
    assert_has(&run, run.out, "4 float32 0.33333334326744");
    assert_has(&run, run.out, "8 float64 0.33333333333333331");
    assert_has(&run, run.out, "\"f64\"");
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("precision");
    TCase *tests = case_create(suite, "f64");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_test(tests, f64_has_the_digits_that_float32_lacks);
    tcase_add_test(tests, precision_is_named_and_mismatches_are_refused);
    tcase_add_test(tests, folders_pass_from_one_precision_to_the_other);
    tcase_add_test(tests, a_program_is_linked_with_either_library);
    return suite_run(suite);
}
