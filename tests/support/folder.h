// folder.h: a test in its own empty folder, so that leftover files are detected.

#ifndef GPTAPE_TESTS_FOLDER_H
#define GPTAPE_TESTS_FOLDER_H

#include <stddef.h>

// Use the two as a checked fixture.
void folder_enter(void); // makes it and goes there; GPTAPE_BIN is set, and absolute
void folder_leave(void); // goes back and removes it with all that is in it
const char *folder_path(void);
const char *folder_home(void); // where the tests were started: the repository

// Simulates a full disk: files longer than this cannot be written. SIZE_MAX: no limit.
void files_limit(size_t bytes);

void file_write(const char *path, const char *bytes, size_t n); // the whole file

#endif
