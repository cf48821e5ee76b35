// memory_limits.c: how much memory the system and its control groups and limits leave to this process.

#include "gpt/base/base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// The number after prefix in the first line of a file that begins with prefix and a number; INFINITY if there is none
// ("max", or no such file).
static double number_after(const char *path, const char *prefix)
{
    FILE *file = fopen(path, "r");
    char line[256];
    double found = INFINITY;
    while (file != NULL && isinf(found) && fgets(line, sizeof line, file) != NULL) {
        const char *number = line + strlen(prefix);
        char *end = line;
        unsigned long long value = strncmp(line, prefix, strlen(prefix)) == 0 ? strtoull(number, &end, 10) : 0;
        found = end > number ? (double)value : INFINITY;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

// The memory.max of a control group; INFINITY if it has none.
static double group_limit(const char *group)
{
    char path[1024];
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
    return number_after(path, "");
}

// The lowest memory.max of this process's control group (version 2) and its parents; INFINITY if none.
static double groups_limit(void)
{
    FILE *file = fopen("/proc/self/cgroup", "r");
    char line[768];
    double limit = INFINITY;

    if (file == NULL) {
        return INFINITY;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::/", 4) != 0) { // 0 is version 2: "0::/user.slice/session"
            continue;
        }
        char *group = line + 3;
        group[strcspn(group, "\n")] = '\0';
        for (char *slash = strrchr(group, '/'); slash != NULL; slash = strrchr(group, '/')) {
            limit = fmin(limit, group_limit(group));
            *slash = '\0'; // the parent group
        }
        limit = fmin(limit, group_limit(""));
    }
    fclose(file);
    return limit;
}

// What a limit of the address space (ulimit -v) leaves; INFINITY if there is none.
static double address_space_left(void)
{
    struct rlimit limit;
    double used = number_after("/proc/self/statm", "") * (double)sysconf(_SC_PAGESIZE);
    if (isinf(used) || getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return INFINITY;
    }
    return fmax((double)limit.rlim_cur - used, 0);
}

double memory_available(void)
{
    double system = 1024 * number_after("/proc/meminfo", "MemAvailable:"); // it is in KiB
    return fmin(fmin(system, groups_limit()), address_space_left());
}
