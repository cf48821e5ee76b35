// memory_limits.c: how much memory the system and its control groups and limits leave to this process.

#include "gpt/base/base.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// MemAvailable of /proc/meminfo in bytes; -1 if unknown.
static double system_available(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    char line[256];
    unsigned long long kib;
    double bytes = -1;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        bytes = sscanf(line, "MemAvailable: %llu kB", &kib) == 1 ? 1024.0 * (double)kib : bytes;
    }
    if (file != NULL) {
        fclose(file);
    }
    return bytes;
}

// The memory.max of a control group; -1 if it has none ("max", or no such file).
static double group_limit(const char *group)
{
    char path[1024];
    unsigned long long bytes;
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return -1;
    }
    bool limited = fscanf(file, "%llu", &bytes) == 1;
    fclose(file);
    return limited ? (double)bytes : -1;
}

static double lower_limit(double a, double b)
{
    if (a < 0.0) {
        return b;
    }
    return b >= 0.0 && b < a ? b : a;
}

// The lowest memory.max of this process's control group (version 2) and its parents; -1 if none.
static double groups_limit(void)
{
    FILE *file = fopen("/proc/self/cgroup", "r");
    char line[768];
    double limit = -1.0;

    if (file == NULL) {
        return -1.0;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::/", 4) != 0) { // 0 is version 2: "0::/user.slice/session"
            continue;
        }
        char *group = line + 3;
        group[strcspn(group, "\n")] = '\0';
        for (char *slash = strrchr(group, '/'); slash != NULL; slash = strrchr(group, '/')) {
            limit = lower_limit(limit, group_limit(group));
            *slash = '\0'; // the parent group
        }
        limit = lower_limit(limit, group_limit(""));
    }
    fclose(file);
    return limit;
}

// What a limit of the address space (ulimit -v) leaves; -1 if there is none.
static double address_space_left(void)
{
    struct rlimit limit;
    FILE *file = fopen("/proc/self/statm", "r");
    double left = -1.0;
    unsigned long long pages;
    if (file == NULL) {
        return -1.0;
    }
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && fscanf(file, "%llu", &pages) == 1) {
        double used = (double)pages * (double)sysconf(_SC_PAGESIZE);
        left = (double)limit.rlim_cur > used ? (double)limit.rlim_cur - used : 0;
    }
    fclose(file);
    return left;
}

double memory_available(void)
{
    return lower_limit(lower_limit(system_available(), groups_limit()), address_space_left());
}
