// gdb.c: embeds gptape-gdb.py (tensor/inspect/gdb/), gdb's view of tensors, tapes and modules, in every program.
//
// gdb reads it from this section, which is not loaded when the program runs, once it has been told to trust the file
// (add-auto-load-safe-path). tape.c refers to debugger_script: an object that nothing refers to would stay in the archive.

#include "tensor/op.h"

const char debugger_script = 0;

#ifdef __ELF__
__asm__(".pushsection \".debug_gdb_scripts\", \"MS\", %progbits, 1\n"
        ".byte 4\n" // SECTION_SCRIPT_ID_PYTHON_TEXT: a name, a newline, the script, '\0'
        ".ascii \"gptape-gdb.py\\n\"\n"
        ".incbin \"" GPTAPE_GDB_SCRIPT "\"\n"
        ".byte 0\n"
        ".popsection");
#endif
