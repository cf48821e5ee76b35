// engine.h: shared by the module's files.

#ifndef GPTAPE_ENGINE_H
#define GPTAPE_ENGINE_H

#include "gpt/cli/gradflow/gradflow.h"

#define EXPORT(name) __attribute__((export_name(#name)))
#define IMPORT(name) __attribute__((import_module("page"), import_name(#name)))

// The n arguments that the page has written, as options of a command. False after one line on stderr. Free with options_free either way.
bool engine_options(Options *options, const CommandHelp *help, int n);

// JSON on stdout; no text of the library needs an escape. Numbers that stay in memory are {"f32": address, "count": n} (or f64), which
// engine.js replaces with an array.
void put_numbers(const char *before, const char *key, const char *type, const void *values, size_t n);

#endif
