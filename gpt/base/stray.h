// stray.h: inside gpt/base/: the temporary files of saving, .gptape-PID-N, and those that killed programs left behind.

#ifndef GPTAPE_STRAY_H
#define GPTAPE_STRAY_H

char *stray_name(const char *folder, int attempt); // of a temporary file of this process. The caller frees it
void stray_hold(int descriptor);                   // marks the file as in use until it is closed

// Deletes the temporary files in path's folder whose process is gone, the first time that this process saves something there.
void stray_sweep(const char *path);

#endif
