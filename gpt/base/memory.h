// memory.h: what memory.c asks the system. Internal to gpt/base/; the browser's module has an answer of its own.

#ifndef GPTAPE_BASE_MEMORY_H
#define GPTAPE_BASE_MEMORY_H

double memory_available(void);                     // in bytes; -1 if unknown

#endif
