// test_probes_double.c: test_probes.c in double.

#include "tests/gpt/lab/test_probes.c"
