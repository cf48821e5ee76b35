// test_rule.c: the language of residual rules: what is a rule, what is not and how that is reported, and the normal form.

#include "nn/residual/rule.h"
#include "tests/nn/nn_test.h"

#include <locale.h>

static const ResidualRule *rule(const char *text)
{
    Error error = {.message = ""};
    const ResidualRule *parsed = residual_rule(text, &error);
    ck_assert_msg(parsed != NULL, "%s: %s", text, error.message);
    return parsed;
}

static void refused(const char *text, const char *expected)
{
    Error error = {.message = ""};
    ck_assert_msg(residual_rule(text, &error) == NULL, "%s is taken", text);
    ck_assert_msg(strcmp(error.message, expected) == 0, "%.60s:\n%s\nexpected:\n%s", text, error.message, expected);
}

// ------------------------------------------------------------------------------------------------------------
// The normal form

START_TEST(each_row_of_the_table_is_in_normal_form_and_has_all_its_columns)
{
    for (int i = 0; i < residual_table_count; i++) {
        const ResidualRow *row = &residual_table[i];
        ck_assert_str_eq(residual_text(rule(row->name)), row->text);
        ck_assert_str_eq(residual_name(rule(row->text)), row->name);
        ck_assert_ptr_eq(residual_row(rule(row->text)), row);
        ck_assert(strlen(row->source) > 0 && row->purpose[strlen(row->purpose) - 1] == '.');
    }
}
END_TEST

static const char *const NORMAL_FORMS[][2] = {
    {"h+f( norm(h) )", "h + f(norm(h))"},
    {"((h)) + (f(h))", "h + f(h)"},
    {"h+(f(h)+h)", "h + (f(h) + h)"},
    {"(h+f(h))+h", "h + f(h) + h"},
    {"h-(f(h)-h)", "h - (f(h) - h)"},
    {"2*(h/3)*f(h)", "2*(h/3)*f(h)"},
    {"(2*h)/3+f(h)", "2*h/3 + f(h)"},
    {"(-2)^2*h + f(h)", "(-2)^2*h + f(h)"},
    {"-2^2*h + f(h)", "-2^2*h + f(h)"},
    {"2^3^2*h + f(h)", "2^3^2*h + f(h)"},
    {"(2^3)^2*h + f(h)", "(2^3)^2*h + f(h)"},
    {"2^-1*h + f(h)", "2^-1*h + f(h)"},
    {"h*-f(h)", "h*-f(h)"},
    {"- (h*f(h))", "-(h*f(h))"},
    {"(-h)*f(h)", "-h*f(h)"},
    {"h - -f(h)", "h - -f(h)"},
    {".5*h + 1E-4*f(h)+1.50*h", "0.5*h + 0.0001*f(h) + 1.5*h"},
    {"0.1*h + f(h)", "0.1*h + f(h)"},
    {"1e300*h+f(h)", "1e+300*h + f(h)"},
    {"a=scalar(1);b=a*h;b+f(b)", "a = scalar(1); b = a*h; b + f(b)"},
    {"h + f(h)|h+f(norm(h))", "h + f(h) | h + f(norm(h))"},
    {"h\t+ f(linear(h,-2))", "h + f(linear(h, -2))"},
};

START_TEST(the_normal_form_has_one_text_for_one_rule)
{
    for (size_t i = 0; i < sizeof NORMAL_FORMS / sizeof NORMAL_FORMS[0]; i++) {
        const ResidualRule *given = rule(NORMAL_FORMS[i][0]);
        ck_assert_str_eq(residual_text(given), NORMAL_FORMS[i][1]);
        ck_assert_ptr_eq(rule(residual_text(given)), given);
    }
}
END_TEST

START_TEST(numbers_have_a_decimal_point_in_any_locale)
{
    const char *locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C"};
    for (size_t i = 0; i < sizeof locales / sizeof locales[0] && setlocale(LC_ALL, locales[i]) == NULL; i++) {
    }
    ck_assert_str_eq(residual_text(rule("0.125*h + f(h)")), "0.125*h + f(h)");
    setlocale(LC_ALL, "C");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Errors

static const char *const REFUSED[][2] = {
    {"h + f(2*g)", "column 9: unknown name 'g' (known: h, x0, block, l, L, s, S); did you mean h?"},
    {"t = 2*h; h + f(tt)", "column 16: unknown name 'tt' (known: h, x0, block, l, L, s, S, t); did you mean t?"},
    {"h + f(nrm(h))", "column 7: unknown function 'nrm' (known: f, norm, rms, dyt, scalar, vector, linear, sigmoid, tanh, sqrt, stop); "
                      "did you mean norm?"},
    {"keell", "column 1: unknown name 'keell' (known: h, x0, block, l, L, s, S); did you mean keel?"},
    {"h", "column 1: f is missing (expected exactly one f(x) in each half)"},
    {"h + norm(h)", "column 1: f is missing (expected exactly one f(x) in each half)"},
    {"h + f(h) | h", "column 12: f is missing (expected exactly one f(x) in each half)"},
    {"f(h) + f(h)", "column 8: f is used twice, first in column 1 (expected exactly one f(x) in each half)"},
    {"f(x0)", "column 1: h is missing (expected it in each half: without it, what the sublayers before computed is lost)"},
    {"h + f(h", "column 8: expected ')', found the end"},
    {"h + f(h))", "column 9: expected an operator, '|' or the end, found ')'"},
    {"(h + f(h)", "column 10: expected ')', found the end"},
    {"h + f()", "column 7: expected a number, a name or '(', found ')'"},
    {"h + * f(h)", "column 5: expected a number, a name or '(', found '*'"},
    {"h + f(h) h", "column 10: expected an operator, '|' or the end, found 'h'"},
    {"h f(h)", "column 3: expected an operator, '|' or the end, found 'f'"},
    {"h^2 + f(h)", "column 2: a stream ^ a constant (expected constants on both sides)"},
    {"2^scalar(1)*h + f(h)", "column 2: a constant ^ a scalar (expected constants on both sides)"},
    {"h/0 + f(h)", "column 2: division by zero"},
    {"h/(1 - 1) + f(h)", "column 2: division by zero"},
    {"h/1e-320 + f(h)", "column 2: division by 9.99989e-321, which overflows"},
    {"sqrt(-1)*h + f(h)", "column 1: a constant that is not finite"},
    {"1e999*h + f(h)", "column 1: a constant that is not finite"},
    {"10^400*h + f(h)", "column 3: a constant that is not finite"},
    {"", "column 1: an empty rule (expected a rule such as h + f(norm(h)), or the name of one)"},
    {"  ", "column 1: an empty rule (expected a rule such as h + f(norm(h)), or the name of one)"},
    {"h = 2; h + f(h)", "column 1: 'h' is built in and cannot be bound (expected a new name before '=')"},
    {"norm = 2; h + f(h)", "column 1: 'norm' is built in and cannot be bound (expected a new name before '=')"},
    {"a = h; a = h; a + f(a)", "column 8: 'a' is already bound in column 1 (expected a new name before '=')"},
    {"a = h; h + f(h)", "column 1: 'a' is never used"},
    {"a = a + h; a + f(h)", "column 5: unknown name 'a' (known: h, x0, block, l, L, s, S); did you mean h?"},
    {"a = h; f(a) | a + f(h)", "column 15: unknown name 'a' (known: h, x0, block, l, L, s, S); did you mean h?"},
    {"a = h", "column 6: expected ';' after the value of a name, found the end"},
    {"a = h;", "column 7: expected a number, a name or '(', found the end"},
    {"h + f(h) | h + f(h) | h + f(h)", "column 21: a second '|' (expected at most two halves, attention | feed-forward)"},
    {"h + f(h) |", "column 11: expected a number, a name or '(', found the end"},
    {"h + norm + f(h)", "column 5: 'norm' is a function (expected '(' after it)"},
    {"h(2) + f(h)", "column 1: 'h' is a value, not a function (expected an operator before '(')"},
    {"a = h; a(2) + f(h)", "column 8: 'a' is a value, not a function (expected an operator before '(')"},
    {"h + f(2)", "column 7: f(x) of a constant (expected a stream)"},
    {"h + norm(scalar(2))*f(h)", "column 10: norm(x) of a scalar (expected a stream)"},
    {"h + scalar(h)*f(h)", "column 12: scalar(x) of a stream (expected a constant)"},
    {"h + linear(h, h)*f(h)", "column 15: linear(x, v) with v a stream (expected a constant)"},
    {"h + norm(h, 2)*f(h)", "column 11: expected ')', found ','"},
    {"0x10*h + f(h)", "column 1: not a decimal number (expected digits, as in 2, .5 or 1e-4)"},
    {"1.2.3*h + f(h)", "column 1: not a decimal number (expected digits, as in 2, .5 or 1e-4)"},
    {".*h + f(h)", "column 1: not a decimal number (expected digits, as in 2, .5 or 1e-4)"},
    {"2h + f(h)", "column 1: not a decimal number (expected digits, as in 2, .5 or 1e-4)"},
    {"nan*h + f(h)", "column 1: unknown name 'nan' (known: h, x0, block, l, L, s, S)"},
    {"H + f(h)", "column 1: unknown name 'H' (known: h, x0, block, l, L, s, S); did you mean h?"},
    {"h + f(h) # GPT-2", "column 10: expected an operator, '|' or the end, found '#'"},
    {"h \xe2\x88\x92 f(h)", "column 3: expected an operator, '|' or the end, found the byte 0xe2"},
    {"h\n+ f(h)", "column 2: expected an operator, '|' or the end, found the byte 0x0a"},
    {"h + f(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)", "column 7: a name of 33 characters (expected at most 32)"},
};

START_TEST(what_is_not_a_rule_is_refused_with_the_column)
{
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        refused(REFUSED[i][0], REFUSED[i][1]);
    }
}
END_TEST

// n times what, between before and after. The caller frees it.
static char *repeated(const char *before, const char *what, int n, const char *after)
{
    char *text = malloc(strlen(before) + (size_t)n * strlen(what) + strlen(after) + 1);
    ck_assert_ptr_nonnull(text);
    strcpy(text, before);
    for (int i = 0; i < n; i++) {
        strcat(text, what);
    }
    strcat(text, after);
    return text;
}

START_TEST(length_depth_and_names_have_limits)
{
    char *longest = repeated("f(h)", " + h", 1023, ""); // 4 + 4 * 1023 = 4096 characters
    rule(longest);
    char *longer = repeated("f(h)", " + h", 2499, "");
    refused(longer, "column 4097: a rule of 10000 characters (expected at most 4096)");
    char *grown = repeated("f(h)", "+h", 1024, "");
    refused(grown, "column 4097: a rule of 4100 characters in normal form (expected at most 4096)");

    char *closing = repeated("h", ")", 64, "");
    char *deepest = repeated("f(h) + ", "(", 63, closing);
    deepest[strlen(deepest) - 1] = '\0'; // 63 of them
    rule(deepest);
    char *deeper = repeated("f(h) + ", "(", 64, closing);
    refused(deeper, "column 72: nested too deep (expected at most 64 levels)");
    char *signs = repeated("f(h) + ", "-", 64, "h");
    refused(signs, "column 72: nested too deep (expected at most 64 levels)");

    char bindings[1024] = "";
    for (int i = 0; i <= RESIDUAL_BINDINGS; i++) {
        snprintf(bindings + strlen(bindings), sizeof bindings - strlen(bindings), "a%02d = h; ", i);
    }
    strcat(bindings, "f(h)");
    refused(bindings, "column 289: too many names (expected at most 32 bound in a half)");
    free(longest);
    free(longer);
    free(grown);
    free(closing);
    free(deepest);
    free(deeper);
    free(signs);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Where it is used

START_TEST(constants_are_checked_at_every_place)
{
    Error error;
    ck_assert(residual_check(rule("h + f(h)/(3 - l)"), 2, &error));
    ck_assert(!residual_check(rule("h + f(h)/(3 - l)"), 3, &error));
    ck_assert_str_eq(error.message, "column 9: not finite in block 3 of 3, sublayer 5 (expected a finite constant, and no division by zero)");
    ck_assert(!residual_check(rule("sqrt(2 - s)*h + f(h)"), 2, &error));
    ck_assert_str_eq(error.message, "column 1: not finite in block 2 of 2, sublayer 3 (expected a finite constant, and no division by zero)");
    ck_assert(!residual_check(rule("a = 1/(L - 2); a*h + f(h)"), 2, &error));
}
END_TEST

START_TEST(an_mlp_takes_one_half_and_x0_of_its_width)
{
    const int even[] = {6, 6, 6, 1};
    const int widens[] = {5, 8, 8, 3};
    Error error;
    ck_assert(residual_check_mlp(rule("x0 + h + f(h)"), even, 3, &error));
    ck_assert(!residual_check_mlp(rule("h + f(x0)"), widens, 3, &error));
    ck_assert_str_eq(error.message, "column 7: x0 is 5 wide, and layers.1 is 8 wide (expected one width, or a rule without x0)");
    ck_assert(!residual_check_mlp(rule("b2t"), even, 3, &error));
    ck_assert_str_eq(error.message, "column 16: '|' in an MLP (expected one half: an MLP has no attention)");
}
END_TEST

START_TEST(a_final_norm_comes_unless_the_last_half_ends_with_one)
{
    const struct {
        const char *text;
        bool expected;
    } rules[] = {
        {"h + f(norm(h))", true},
        {"f(norm(h))", true},
        {"norm(h + f(h))", false},
        {"h + f(h)", false},
        {"h + scalar(0)*f(h)", false},
        {"(norm(h + f(h)))", false},
        {"x = norm(h + f(h)); x", false},
        {"x = norm(h + f(h)); y = x; (y)", false},
        {"norm(h + f(h))*1", true},
        {"norm(h + f(h)) | h + f(norm(h))", true},
        {"h + f(norm(h)) | rms(h + f(h))", false},
        {"h + f(dyt(h))", true},
        {"h + f(h) | h + f(rms(h))", true},
        {"-norm(h + f(h))", true},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        ck_assert_msg(residual_final_norm(rule(rules[i].text)) == rules[i].expected, "%s", rules[i].text);
    }
}
END_TEST

START_TEST(a_norm_around_the_sum_has_two_gains)
{
    const struct {
        const char *text;
        double shortcut, branch; // NaN: the rule is no such norm. At block 2 of 8, sublayer 3
    } rules[] = {
        {"norm(h + f(h))", 1, 1},
        {"keel", 16, 1},
        {"deepnorm", 2, 1},
        {"rms(f(h)/4 - h*l)", -2, 0.25},
        {"x = h - h/2; y = norm(-(x - S*f(x))); y", -0.5, 16},
        {"norm(2*(h + f(h)) + h)", 3, 2},
        {"h + f(norm(h))", NAN, NAN},
        {"norm(f(h))", NAN, NAN},
        {"norm(h + f(h) + block)", NAN, NAN},
        {"norm(h + f(h) + 1)", NAN, NAN},
        {"norm(h + linear(f(h)))", NAN, NAN},
        {"norm(h + scalar(2)*f(h))", NAN, NAN},
        {"norm(h + stop(h) + f(h))", NAN, NAN},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        double shortcut;
        double branch;
        bool is_norm = residual_norm_gains(rule(rules[i].text), residual_place(1, 0, 8), &shortcut, &branch);
        ck_assert_msg(is_norm == !isnan(rules[i].shortcut), "%s", rules[i].text);
        ck_assert_msg(!is_norm || (shortcut == rules[i].shortcut && branch == rules[i].branch), "%s: %g, %g", rules[i].text, shortcut, branch);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nn/residual: the language");
    TCase *normal = case_with_tape(suite, "normal form");
    tcase_add_test(normal, each_row_of_the_table_is_in_normal_form_and_has_all_its_columns);
    tcase_add_test(normal, the_normal_form_has_one_text_for_one_rule);
    tcase_add_test(normal, numbers_have_a_decimal_point_in_any_locale);

    TCase *errors = case_with_tape(suite, "errors");
    tcase_add_test(errors, what_is_not_a_rule_is_refused_with_the_column);
    tcase_add_test(errors, length_depth_and_names_have_limits);

    TCase *places = case_with_tape(suite, "places");
    tcase_add_test(places, constants_are_checked_at_every_place);
    tcase_add_test(places, an_mlp_takes_one_half_and_x0_of_its_width);
    tcase_add_test(places, a_final_norm_comes_unless_the_last_half_ends_with_one);
    tcase_add_test(places, a_norm_around_the_sum_has_two_gains);
    return suite_run(suite);
}
