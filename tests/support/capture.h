// capture.h: what is written to a file descriptor, kept as text.

#ifndef GPTAPE_TESTS_CAPTURE_H
#define GPTAPE_TESTS_CAPTURE_H

#include <stdio.h>

typedef struct Capture {
    int fd;     // whose output is kept: STDOUT_FILENO or STDERR_FILENO
    int saved;  // where it went before
    FILE *file; // where it goes now
} Capture;

Capture capture_start(int fd);
char *capture_end(Capture *capture); // all that came, with a '\0' behind it; the caller frees it

#endif
