// save.c: files that appear whole or not at all: written beside under another name, and renamed when complete. What is no file
// (a device, a pipe) can't be replaced and is written to as it is; a link stays, and the file it points at is replaced.

#define _XOPEN_SOURCE 700                          // for realpath

#include "gpt/gpt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool save_failed(SaveFile *save, Error *error)
{
    error_set(error, "%s: can't be written: %s", save->path, strerror(errno));
    save_abandon(save);
    return false;
}

static char *copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = memory_allocate(bytes, "a file's name");
    memcpy(copy, text, bytes);
    return copy;
}

// A name that nobody has in the folder of path; short, since path's own name may be as long as a name can be.
static char *name_beside(const char *path, int attempt)
{
    enum { OWN_PART = 64 };
    const char *slash = strrchr(path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - path) + 1;
    size_t bytes = (size_t)folder + OWN_PART;
    char *name = memory_allocate(bytes, "a file's name");
    snprintf(name, bytes, "%.*s.gptape-%ld-%d", folder, path, (long)getpid(), attempt);
    return name;
}

// The descriptor of a new file beside path, or -1; its name becomes the save's temporary.
static int create_beside(SaveFile *save)
{
    enum { ATTEMPTS = 100 };
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        char *name = name_beside(save->path, attempt);
        int descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor >= 0) {
            save->temporary = name;
            return descriptor;
        }
        free(name);
        if (errno != EEXIST) {
            return -1;
        }
    }
    return -1;
}

// Where a file at path really lies; path itself if there is none yet. The caller frees it.
static char *follow_links(const char *path)
{
    char *place = realpath(path, NULL);
    return place == NULL ? copy_text(path) : place;
}

static bool is_replaceable(const char *path)
{
    struct stat status;
    return stat(path, &status) != 0 || S_ISREG(status.st_mode);
}

bool save_begin(SaveFile *save, const char *path, Error *error)
{
    *save = (SaveFile){.path = follow_links(path)};
    int descriptor = is_replaceable(save->path) ? create_beside(save) : open(save->path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return save_failed(save, error);
    }
    save->stream = fdopen(descriptor, "w");
    if (save->stream == NULL) {
        close(descriptor);
        return save_failed(save, error);
    }
    return true;
}

bool save_commit(SaveFile *save, Error *error)
{
    bool written = !ferror(save->stream) && fflush(save->stream) == 0;
    bool closed = fclose(save->stream) == 0;
    save->stream = NULL;
    bool beside = save->temporary != NULL;
    if (!written || !closed || (beside && rename(save->temporary, save->path) != 0)) {
        return save_failed(save, error);
    }
    free(save->temporary);
    free(save->path);
    *save = (SaveFile){0};
    return true;
}

void save_abandon(SaveFile *save)
{
    if (save->stream != NULL) {
        fclose(save->stream);
    }
    if (save->temporary != NULL) {
        unlink(save->temporary);
    }
    free(save->temporary);
    free(save->path);
    *save = (SaveFile){0};
}

bool save_path_check(const char *path, Error *error)
{
    SaveFile save;
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        return error_set(error, "%s: is a folder; name a file in it", path);
    }
    if (!is_replaceable(path)) {
        return access(path, W_OK) == 0 || error_set(error, "%s: can't be written: %s", path, strerror(errno));
    }
    if (!save_begin(&save, path, error)) {
        return false;
    }
    save_abandon(&save);
    return true;
}
