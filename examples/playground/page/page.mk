# page.mk: the page, one file with everything in it; included by the Makefile.

PAGE := examples/playground/page
PAGE_NEEDS := $(NEEDED) $(ENGINE_NEEDS) node-d3 katex
PAGE_TEST_NEEDS := $(PAGE_NEEDS) chromium chromium-driver python3-selenium python3-pip
PAGE_TESTS := $(sort $(wildcard tests/playground/test_*.py))

playground:
	@.ci/packages install $(PAGE_NEEDS)
	@$(MAKE) build/playground.html
	@echo 'The page: file://$(CURDIR)/build/playground.html'

check-playground:
	@.ci/packages install $(PAGE_TEST_NEEDS)
	@tests/playground/axe || echo 'Continuing without axe'
	@$(MAKE) build/playground.html $(BUILD)/gptape
	@GPTAPE_BIN='$(CURDIR)/$(BUILD)/gptape' tests/run $(PAGE_TESTS)

# D3 and KaTeX are Debian's; the worker goes in as text, the engine as bytes.
build/playground/page.js: $(wildcard $(PAGE)/*.js $(ENGINE)/*.js) build/playground/worker.js build/playground/engine.wasm $(PAGE)/page.mk
	@echo 'js $@'; cp build/playground/worker.js build/playground/worker.txt
	@NODE_PATH=/usr/share/nodejs esbuild --log-level=warning --bundle --minify --format=esm --loader:.wasm=binary --loader:.txt=text --outfile=$@ $(PAGE)/main.js

build/playground/page.css: $(PAGE)/style.css
	@esbuild --log-level=warning --minify --outfile=$@ $<

build/playground.html: $(PAGE)/index.html build/playground/page.css build/playground/page.js
	@echo 'page $@'; sed -e '/<!-- style -->/{r build/playground/page.css' -e 'd}' -e '/<!-- script -->/{r build/playground/page.js' -e 'd}' $< > $@

.PHONY: playground check-playground
