// fuzz.h: what the fuzzing targets share. libFuzzer calls each target with bytes of its own making, again and again, and watches
// which code they reach; the sanitizers watch for everything that must not happen. A file that is refused is as good as one that is read.

#ifndef GPTAPE_TESTS_FUZZ_H
#define GPTAPE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

// The target: data is a file that came from anywhere. Returns 0.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

// The loaders read files, so bytes become a file in a folder of this process's own, in memory where there is such a place.
const char *fuzz_folder(void);
void fuzz_file(const char *name, const void *bytes, size_t n);

// The text of the runs that fuzz_training reads.
#define FUZZ_TEXT "one two three, one two three, one two three; one two three, one two three, one two three.\n"

#endif
