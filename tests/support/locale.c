// locale.c: see locale.h.

#include "tests/support/locale.h"

#include <check.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

void locale_enter_comma(void)
{
    char folder[PATH_MAX];
    ck_assert_int_eq(system("localedef -i de_DE -f UTF-8 ./de_DE.UTF-8 > /dev/null 2>&1"), 0);
    ck_assert_ptr_nonnull(getcwd(folder, sizeof folder));
    setenv("LOCPATH", folder, 1);
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    ck_assert_ptr_nonnull(setlocale(LC_ALL, ""));
}

void locale_leave(void)
{
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    unsetenv("LC_ALL");
}
