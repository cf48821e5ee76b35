// number.c: numbers as text and back, the same in every locale. A program that calls setlocale(LC_ALL, "") may get a comma for the decimal
// point, and then printf and strtod use it: files, scripts and tables would differ from one user to the next. So nothing else in the
// library prints or reads a number with a decimal point; tests/tensor/test_number.c searches the sources for it.

#define _GNU_SOURCE // uselocale, strtod_l

#include "tensor/tensor.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>

static locale_t c_locale;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

// The "C" locale, which the system has without any file; 0 where it refuses it, and then the program's own locale stays.
static locale_t get_c_locale(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_c_locale);
    return c_locale;
}

int number_vformat(char *text, size_t bytes, const char *format, va_list arguments)
{
    REQUIRE(format);
    locale_t before = uselocale(get_c_locale());
    int n = vsnprintf(text, bytes, format, arguments);
    uselocale(before);
    return n;
}

int number_format(char *text, size_t bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = number_vformat(text, bytes, format, arguments);
    va_end(arguments);
    return n;
}

int number_print(FILE *out, const char *format, ...)
{
    REQUIRE(out, format);
    va_list arguments;
    va_start(arguments, format);
    locale_t before = uselocale(get_c_locale());
    int n = vfprintf(out, format, arguments);
    uselocale(before);
    va_end(arguments);
    return n;
}

double number_read(const char *text, char **end)
{
    REQUIRE(text);
    locale_t locale = get_c_locale();
    return locale == (locale_t)0 ? strtod(text, end) : strtod_l(text, end, locale);
}
