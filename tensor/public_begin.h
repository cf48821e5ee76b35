// public_begin.h: what follows is public, until public_end.h. C++ can call it, and the shared library exports it (everything else in it is
// compiled with -fvisibility=hidden). Included more than once, so without a guard.

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)
