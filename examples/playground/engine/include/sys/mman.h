// sys/mman.h: WebAssembly maps no memory; without MADV_HUGEPAGE nobody asks for it.
