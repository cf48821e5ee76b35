// suite.h: what every test program does last.

#ifndef GPTAPE_TESTS_SUITE_H
#define GPTAPE_TESTS_SUITE_H

#include "tensor/tensor.h"

#include <check.h>
#include <stdbool.h>

// 1 under AddressSanitizer (make SAN=1) or ThreadSanitizer (make TSAN=1). Each has its own malloc, which does not refuse, and needs all addresses.
#ifdef __has_feature // clang
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#elif __has_feature(thread_sanitizer)
#define HAVE_TSAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define HAVE_TSAN 1
#endif
#ifndef HAVE_ASAN
#define HAVE_ASAN 0
#endif
#ifndef HAVE_TSAN
#define HAVE_TSAN 0
#endif
#define HAVE_SANITIZER (HAVE_ASAN || HAVE_TSAN)

// With a sanitizer or under valgrind (VALGRIND=1): memory cannot be limited, and long computations take far too long.
bool memory_is_watched(void);

// Check writes the line of every assertion that holds to a file, to say where a test crashed. In loops over millions of values that is most of
// their time, so only the first hundred times of each line are written.
void suite_mark_point(const char *file, int line);
#define _mark_point(file, line) suite_mark_point(file, line)

// Adds a test case to the suite. Its tests are ended after ten minutes: that ends those that hang; it judges no speed, valgrind's included.
TCase *case_create(Suite *suite, const char *name);

// The same, with a tape for each test, which is current when the test starts and freed after it.
TCase *case_with_tape(Suite *suite, const char *name);
extern Tape *tape;

// For suites of many tests that multiply matrices: oneDNN generates its code at the first product, which takes longer than most tests. The tests'
// processes inherit it.
void suite_prepare_products(void);

// Random numbers from this seed on.
Random seeded(uint64_t seed);

// Memory that lasts as long as the process of the running test, and which nobody frees.
void *test_memory(size_t bytes);

// Runs the suite, prints what failed and Check's own count, and frees it. Returns main's exit status.
int suite_run(Suite *suite);

// Says on stdout that a test does nothing here, and why: skip(__func__, "this build has no oneDNN").
void skip(const char *function, const char *why);

#endif
