// test_paths_double.c: test_paths.c in double.

#include "tests/gpt/lab/test_paths.c"
