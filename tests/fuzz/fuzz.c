// fuzz.c: see fuzz.h.

#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) {
        fprintf(stderr, "%s is left\n", folder);
    }
}

const char *fuzz_folder(void)
{
    if (folder[0] == '\0') {
        bool in_memory = access("/dev/shm", W_OK) == 0;
        snprintf(folder, sizeof folder, "%s/gptape-fuzz-XXXXXX", in_memory ? "/dev/shm" : "/tmp");
        if (mkdtemp(folder) == NULL) {
            perror(folder);
            exit(EXIT_FAILURE);
        }
        atexit(remove_folder);
    }
    return folder;
}

void fuzz_file(const char *name, const void *bytes, size_t n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}
