// cost.h: what cost.c shares with the rest of gpt/.

#ifndef GPTAPE_COST_H
#define GPTAPE_COST_H

enum { BYTES_TEXT = 32 };

// "621.83 MiB", written to text and returned. Binary units: 1 MiB = 1024 x 1024 bytes.
const char *bytes_text(double bytes, char text[BYTES_TEXT]);

#endif
