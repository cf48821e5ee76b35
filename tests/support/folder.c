// folder.c: see folder.h.

#include "tests/support/folder.h"

#include <check.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static char path[64];
static char home[512];

void folder_enter(void)
{
    char program[640];
    snprintf(path, sizeof path, "/tmp/gptape-test-%s", "XXXXXX");
    ck_assert_ptr_nonnull(getcwd(home, sizeof home));
    ck_assert_ptr_nonnull(mkdtemp(path));
    snprintf(program, sizeof program, "%s/build/gptape", home);
    ck_assert_int_eq(setenv("GPTAPE_BIN", program, 0), 0);
    ck_assert_int_eq(chdir(path), 0);
}

void folder_leave(void)
{
    char command[128];
    ck_assert_int_eq(chdir(home), 0);
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
}

const char *folder_path(void)
{
    return path;
}

const char *folder_home(void)
{
    return home;
}

void files_limit(size_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == SIZE_MAX ? limit.rlim_max : bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

void file_write(const char *name, const char *bytes, size_t n)
{
    FILE *file = fopen(name, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
}
