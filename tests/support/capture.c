// capture.c: see capture.h.

#include "tests/support/capture.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

Capture capture_start(int fd)
{
    Capture capture = {.fd = fd};
    fflush(NULL);
    capture.saved = dup(fd);
    capture.file = tmpfile();
    ck_assert_ptr_nonnull(capture.file);
    ck_assert_int_ge(capture.saved, 0);
    ck_assert_int_eq(dup2(fileno(capture.file), fd), fd);
    return capture;
}

char *capture_end(Capture *capture)
{
    fflush(NULL);
    dup2(capture->saved, capture->fd);
    close(capture->saved);

    fseek(capture->file, 0, SEEK_END);
    long bytes = ftell(capture->file);
    rewind(capture->file);
    char *text = malloc((size_t)bytes + 1);
    ck_assert_ptr_nonnull(text);
    size_t read = fread(text, 1, (size_t)bytes, capture->file);
    text[read] = '\0';
    fclose(capture->file);
    return text;
}
