// test_streams_double.c: test_streams.c in double.

#include "tests/gpt/lab/test_streams.c"
