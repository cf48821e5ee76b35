// test_jacobians_double.c: test_jacobians.c in double.

#include "tests/gpt/lab/test_jacobians.c"
