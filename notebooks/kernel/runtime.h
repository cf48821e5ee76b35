// runtime.h: how runtime.c and show.c report to the kernel: one JSON object per line, begun, filled and ended.

#ifndef GPTAPE_NOTEBOOKS_RUNTIME_H
#define GPTAPE_NOTEBOOKS_RUNTIME_H

#include <stdio.h>

extern FILE *cell_reports;

void cell_report_begin(const char *kind);          // {"report": "text"
void cell_report_text(const char *key, const char *text);      // , "text": "1.5"
void cell_report_end(void);                        // }

#endif
