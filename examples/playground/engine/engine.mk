# engine.mk: the library as a WebAssembly module for the page (README.md), and its worker; included by the Makefile.

ENGINE := examples/playground/engine
ENGINE_NEEDS := clang-19 lld-19 libclang-rt-19-dev-wasm32 wasi-libc binaryen esbuild nodejs
# Sources that need files, a terminal, or cJSON.
ENGINE_WITHOUT := $(addprefix gpt/cli/gradflow/,cell.c json.c report.c saved.c) \
                  $(addprefix gpt/cli/kit/,help.c interrupt.c json.c manual.c paths.c precision.c progress.c streams.c table.c terminal.c \
                                           token_printer.c tokenizer_options.c)
ENGINE_SOURCES := $(filter-out tensor/fast/% tensor/inspect/gdb.c,$(filter tensor/% nn/%,$(LIBRARY_SOURCES))) \
                  tensor/fast/vector/random.c $(filter-out gpt/stream.c gpt/lab/streamed.c,$(wildcard gpt/*.c gpt/lab/*.c)) gpt/lab/probes/paths.c $(wildcard $(ENGINE)/*.c) \
                  $(addprefix gpt/,base/clock.c base/memory.c base/plural.c base/quote.c text/passage.c text/task.c) \
                  gpt/cli/graph.c $(filter-out $(ENGINE_WITHOUT),$(wildcard gpt/cli/kit/*.c gpt/cli/gradflow/*.c))
ENGINE_OBJECTS := $(ENGINE_SOURCES:%.c=build/playground/%.o)

# Only cJSON's header is used: the functions that make JSON are not in the module.
# The page may use 256 MB, of which JavaScript and the charts need some.
ENGINE_MEMORY := 201326592
ENGINE_CC := clang-19 --target=wasm32-wasi -flto -msimd128 -mbulk-memory
ENGINE_FLAGS := -nostdlibinc -I$(ENGINE)/include -isystem /usr/include/wasm32-wasi -idirafter /usr/include -std=c11 -D_POSIX_C_SOURCE=200809L \
                -D_WASI_EMULATED_SIGNAL -DGPTAPE_PLAIN -DENGINE_MEMORY=$(ENGINE_MEMORY) -fno-math-errno -ffp-contract=off \
                '-DOP_CASES(array)=.cases = 0 ? (array) : 0' '-DPROBES(ROW)=ROW(paths)' '-DREQUIRE(...)=((void)sizeof((_Bool[]){__VA_ARGS__}))' -Wall -Wextra -Wpedantic -I.
ENGINE_WASM_OPT := --low-memory-unused --zero-filled-memory -Oz --strip-debug --strip-producers --strip-target-features --enable-simd --enable-bulk-memory \
                   --enable-mutable-globals --enable-sign-ext --enable-nontrapping-float-to-int --flatten --rereloop -Oz -Oz

# The loops of products are compiled for speed, everything else for size, which is within 10 % as fast.
ENGINE_SPEED = $(if $(filter tensor/ops/matmul.c,$<),-O2,-Oz)
build/playground/%.o: %.c $(ENGINE)/engine.mk
	@echo 'cc $@'; mkdir -p $(@D); $(ENGINE_CC) $(ENGINE_FLAGS) $(ENGINE_SPEED) -MMD -MP -c -o $@ $<

build/playground/tensor/fast/vector/random.o: private ENGINE_FLAGS += -DVECTOR_RANDOM=random_baseline

# Without link-time optimization, because the C library also calls them.
build/playground/$(ENGINE)/stand_ins.o build/playground/$(ENGINE)/allocate.o: private ENGINE_FLAGS += -fno-lto
build/playground/$(ENGINE)/stand_ins.o: private ENGINE_FLAGS += -std=c23

build/playground/engine.wasm: $(ENGINE_OBJECTS)
	@echo 'ld $@'; $(ENGINE_CC) -mexec-model=reactor -O2 -fuse-ld=/usr/bin/wasm-ld-19 -o $@.raw $^ \
	    -Wl,--lto-O2,--wrap=plain_random_normal,--max-memory=$(ENGINE_MEMORY),-z,stack-size=1048576,--stack-first,--strip-all
	@wasm-opt $(ENGINE_WASM_OPT) -o $@ $@.raw

build/playground/worker.js: $(ENGINE)/worker.js $(ENGINE)/engine.js build/playground/engine.wasm
	@echo 'js $@'; esbuild --log-level=warning --bundle --minify --outfile=$@ $<

-include $(ENGINE_OBJECTS:.o=.d)
