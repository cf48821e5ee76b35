// save.c: files that appear whole or not at all: written beside under another name, and renamed when complete.

#include "gpt/gpt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The permissions of a new file; mkstemp's are the owner's only.
static mode_t usual_permissions(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static bool save_failed(SaveFile *save, Error *error)
{
    error_set(error, "%s: can't be written: %s", save->path, strerror(errno));
    save_abandon(save);
    return false;
}

bool save_begin(SaveFile *save, const char *path, Error *error)
{
    static const char suffix[] = ".XXXXXX";
    size_t length = strlen(path);
    *save = (SaveFile){0};
    save->path = memory_allocate(length + 1, "a file's name");
    memcpy(save->path, path, length + 1);
    char *temporary = memory_allocate(length + sizeof suffix, "a file's name");
    memcpy(temporary, path, length);
    memcpy(temporary + length, suffix, sizeof suffix);

    int descriptor = mkstemp(temporary);
    if (descriptor < 0) {
        free(temporary);
        return save_failed(save, error);
    }
    save->temporary = temporary;
    fchmod(descriptor, usual_permissions());
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
    if (!written || !closed || rename(save->temporary, save->path) != 0) {
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
    if (!save_begin(&save, path, error)) {
        return false;
    }
    save_abandon(&save);
    return true;
}
