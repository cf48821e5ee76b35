// test_measure_probes_double.c: test_measure_probes.c in double.

#include "tests/gpt/lab/test_measure_probes.c"
