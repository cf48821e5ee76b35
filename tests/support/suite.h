// suite.h: what every test program does last.

#ifndef GPTAPE_TESTS_SUITE_H
#define GPTAPE_TESTS_SUITE_H

#include <check.h>

// 1 where the address sanitizer watches memory: its own malloc reports failures.
#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifndef HAVE_ASAN
#define HAVE_ASAN 0
#endif

// A test case whose tests are ended after five minutes. That ends those that hang; it judges no speed, valgrind's included.
TCase *case_create(const char *name);

// Runs the suite, prints what failed and Check's own count, and frees it. Returns main's exit status.
int suite_run(Suite *suite);

// Says on stdout that a test does nothing here, and why: skip(__func__, "this build has no oneDNN").
void skip(const char *function, const char *why);

#endif
