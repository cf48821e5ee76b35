// public_end.h: the end of what public_begin.h began.

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
