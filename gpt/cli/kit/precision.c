// precision.c: --precision. bf16 is a switch of the kernels; f64 is another program, gptape64, the same sources in double.

#include "gpt/cli/kit/argv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM_64 "gptape64"

// Reads argv before it is parsed: later the process may have joined MPI, and must not exec.
static bool asks_for_64(char **argv)
{
    bool asks = false;
    for (int i = 1; argv[0] != NULL && argv[i] != NULL; i++) {
        if (strcmp(argv[i], "--precision") == 0 && argv[i + 1] != NULL) {
            i++;
            asks = strcmp(argv[i], "f64") == 0;
        } else if (strncmp(argv[i], "--precision=", 12) == 0) {
            asks = strcmp(argv[i] + 12, "f64") == 0;
        }
    }
    return asks;
}

bool precision_restart(char **argv)
{
    if (kernels_precision() == PRECISION_F64 || !asks_for_64(argv)) {
        return true;
    }
    AUTO_FREE char *folder = program_folder();
    if (folder == NULL) {
        command_error(NULL, "--precision: f64 needs the program " PROGRAM_64 " beside this one, whose folder is unknown");
        return false;
    }
    AUTO_FREE char *path = path_in(folder, PROGRAM_64); // never one found by PATH
    const char *own = argv[0];
    argv[0] = path;
    if (strcmp(own, path) == 0) {
        command_error(NULL, "--precision: %.400s is not " PROGRAM_64, path);
    } else {
        execv(path, argv); // returns only if it fails
        command_error(NULL, "--precision: f64 needs the program " PROGRAM_64 ", which did not start: %s", strerror(errno));
    }
    return false;
}

bool options_precision(const Options *options)
{
    int word = PRECISION_F32;
    if (!options_choice(options, "precision", &word)) {
        return false;
    }
    if (kernels_set_precision((Precision)word)) {
        return true;
    }
    option_error(options, "precision", "%s needs %s; leave it out", precision_name((Precision)word),
                 kernels_precision() == PRECISION_F64 ? "the program gptape"
                 : kernels_have_onednn()              ? "a processor with bf16 products, and the fast kernels"
                                                      : "a build with oneDNN");
    return command_stop(STATUS_FAILED);
}

void options_precision_note(const Options *options)
{
    double times;
    Error error;
    if (kernels_precision() == PRECISION_BF16 && bench_precision(&times, &error)) {
        command_note(options, "bf16: a matrix product takes %.2f times as long as in f32 on this machine%s", times,
                     times > 1 ? ", so --precision f32 is faster" : "");
    }
}
