// public_begin.h: declarations from here to public_end.h are public. C++ can call them, and the shared library exports them (everything else is
// compiled with -fvisibility=hidden). Included more than once, so without a guard.

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)
