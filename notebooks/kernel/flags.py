"""How cells are compiled, by libclang and in the engine alike."""

STANDARD_HEADERS = ["stdbool.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "math.h", "assert.h", "time.h", "unistd.h"]
OTHER_HEADERS = ["ctype.h", "errno.h", "limits.h", "float.h", "locale.h", "signal.h", "setjmp.h", "stdarg.h", "complex.h", "fenv.h", "inttypes.h",
                 "wchar.h", "wctype.h", "pthread.h", "fcntl.h", "sys/stat.h", "sys/time.h", "sys/wait.h", "dirent.h"]      # suggested if missing
INCLUDES = "".join(f"#include <{header}>\n" for header in STANDARD_HEADERS) + '#include "gpt/gptape.h"\n'
COMPILER_FLAGS = ["-xc", "-std=gnu11", "-D_GNU_SOURCE", "-ffp-contract=off"]
# What C leaves undefined calls a function of runtime.c, and does not show an arbitrary value.
CHECKS = [*(f"-fsanitize={check}" for check in ("integer-divide-by-zero", "signed-integer-overflow", "shift-exponent",
                                                "float-cast-overflow", "bounds")),
          "-fsanitize-minimal-runtime", "-fno-sanitize-recover=all"]
WARNINGS = ["-Wall", "-Wno-unused-function", "-Wno-unused-variable", "-Wno-unused-but-set-variable", "-Wno-missing-braces",
            "-Wno-main-return-type", "-Wno-gnu-folding-constant", "-Wno-predefined-identifier-outside-function",
            "-Werror=implicit-function-declaration", "-Werror=int-conversion", "-Werror=incompatible-pointer-types",
            "-Werror=return-type", "-ferror-limit=0"]
