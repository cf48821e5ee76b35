// test_number.c: numbers as text, the same in every locale. The tests run in a locale with a decimal comma, made once with localedef, so that
// they need none of the system's.

#include "tensor/tensor.h"
#include "tests/support/folder.h"
#include "tests/support/locale.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void enter(void)
{
    folder_enter();
    locale_enter_comma();
}

static void leave(void)
{
    locale_leave();
    folder_leave();
}

START_TEST(the_locale_has_a_comma)
{
    char text[16];
    snprintf(text, sizeof text, "%.2f", 1.5);
    ck_assert_str_eq(text, "1,50");
    ck_assert_double_eq(strtod("1.5", NULL), 1);
}
END_TEST

START_TEST(numbers_are_written_with_a_point)
{
    char text[64];
    ck_assert_int_eq(number_format(text, sizeof text, "%g %.3f %d %s", 0.25, -1e3, 7, "x"), (int)strlen("0.25 -1000.000 7 x"));
    ck_assert_str_eq(text, "0.25 -1000.000 7 x");
    char *printed;
    size_t n;
    FILE *stream = open_memstream(&printed, &n);
    number_print(stream, "%.9g,%a", 0.1, 1.5);
    fclose(stream);
    ck_assert_str_eq(printed, "0.1,0x1.8p+0");
    free(printed);
}
END_TEST

START_TEST(numbers_are_read_with_a_point)
{
    char *end;
    ck_assert_double_eq(number_read("1.5,2", &end), 1.5);
    ck_assert_str_eq(end, ",2");
    ck_assert_double_eq(number_read("-1e99", NULL), -1e99);
    ck_assert(isinf(number_read("1e999", NULL)));
    ck_assert_double_eq(number_read("x", &end), 0);
    ck_assert_str_eq(end, "x");
}
END_TEST

START_TEST(the_program_keeps_its_locale)
{
    char text[16];
    number_format(text, sizeof text, "%g", 1.5);
    number_read("1.5", NULL);
    snprintf(text, sizeof text, "%.1f", 1.5);
    ck_assert_str_eq(text, "1,5");
}
END_TEST

START_TEST(messages_have_a_point)
{
    Error error;
    error_set_field(&error, "lr", "%g", 1.5);
    ck_assert_str_eq(error.message, "lr: 1.5");
    ck_assert_str_eq(error.field, "lr");
    error_set(&error, "x %g", 0.5);
    ck_assert_str_eq(error.message, "x 0.5");
    ck_assert_str_eq(error.field, "");
}
END_TEST

// The library's sources have no other way to print or read a fraction. The command-line program is left out: it never calls setlocale.
START_TEST(nothing_else_in_the_library_prints_or_reads_numbers)
{
    char command[2048];
    snprintf(command, sizeof command,
             "found=$PWD/found; cd '%s' && find tensor nn gpt -name '*.c' -not -path 'gpt/cli/*' -not -name number.c "
             "-print0 | xargs -0 perl -0777 -n tests/tensor/number_search.pl > $found; cat $found; ! test -s $found",
             folder_home());
    ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensor/number");
    TCase *tcase = case_create(suite, "comma");
    tcase_add_unchecked_fixture(tcase, enter, leave);
    tcase_add_test(tcase, the_locale_has_a_comma);
    tcase_add_test(tcase, numbers_are_written_with_a_point);
    tcase_add_test(tcase, numbers_are_read_with_a_point);
    tcase_add_test(tcase, the_program_keeps_its_locale);
    tcase_add_test(tcase, messages_have_a_point);
    tcase_add_test(tcase, nothing_else_in_the_library_prints_or_reads_numbers);
    return suite_run(suite);
}
