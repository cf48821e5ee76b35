// test_measures_double.c: test_measures.c in double.

#include "tests/gpt/lab/test_measures.c"
