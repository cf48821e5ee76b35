// save_file.c: files that appear whole or not at all: written beside under another name, and renamed when complete. What is no file
// (a device, a pipe) can't be replaced and is written to as it is; a link stays, and the file it points at is replaced.
// A file is renamed only when its bytes are on the disk, and its folder's entry is brought there, too: whoever was told that it is
// saved may pull the plug.

#define _GNU_SOURCE                                // for O_TMPFILE, and realpath

#include "gpt/base/base.h"

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

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = memory_copy_text(slash == NULL ? "." : path);
    if (slash != NULL) {
        folder[slash == path ? 1 : slash - path] = '\0';
    }
    return folder;
}

// A file in path's folder that has no name yet, so that a program that is killed leaves nothing; -1 if the file system has none.
static int create_nameless(const char *path)
{
    char *folder = folder_of(path);
    int descriptor = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    free(folder);
    return descriptor;
}

// The same with a name at once, which is kept in the save.
static int create_named(SaveFile *save)
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

static int create_beside(SaveFile *save)
{
    int descriptor = create_nameless(save->path);
    return descriptor >= 0 ? descriptor : create_named(save);
}

// Gives a nameless file a name beside path, just before it is renamed: a link can't replace a file, a rename can.
static bool give_name(SaveFile *save)
{
    enum { ATTEMPTS = 100 };
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fileno(save->stream));
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        char *name = name_beside(save->path, attempt);
        if (linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0) {
            save->temporary = name;
            return true;
        }
        free(name);
        if (errno != EEXIST) {
            return false;
        }
    }
    return false;
}

char *path_real(const char *path)
{
    REQUIRE(path);
    char *place = realpath(path, NULL);
    return place == NULL ? memory_copy_text(path) : place;
}

static bool is_replaceable(const char *path)
{
    struct stat status;
    return stat(path, &status) != 0 || S_ISREG(status.st_mode);
}

bool save_begin(SaveFile *save, const char *path, Error *error)
{
    REQUIRE(save);
    REQUIRE(path);
    *save = (SaveFile){.path = path_real(path)};
    save->replaces = is_replaceable(save->path);
    int descriptor = save->replaces ? create_beside(save) : open(save->path, O_WRONLY | O_CLOEXEC);
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

bool save_sync(SaveFile *save, Error *error)
{
    REQUIRE(save);
    bool written = !ferror(save->stream) && fflush(save->stream) == 0;
    if (written && (!save->replaces || fsync(fileno(save->stream)) == 0)) {
        return true;
    }
    return save_failed(save, error);
}

// A folder whose file system can't sync folders is left as it is: there is nothing that could be done about it.
static void sync_folder(const char *path)
{
    char *folder = folder_of(path);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
    free(folder);
}

bool save_commit(SaveFile *save, Error *error)
{
    REQUIRE(save);
    if (!save_sync(save, error)) {
        return false;
    }
    bool named = !save->replaces || save->temporary != NULL || give_name(save);
    bool closed = fclose(save->stream) == 0;
    save->stream = NULL;
    if (!named || !closed || (save->replaces && rename(save->temporary, save->path) != 0)) {
        return save_failed(save, error);
    }
    if (save->replaces) {
        sync_folder(save->path);
    }
    free(save->temporary);
    free(save->path);
    *save = (SaveFile){0};
    return true;
}

void save_abandon(SaveFile *save)
{
    REQUIRE(save);
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
    REQUIRE(path);
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
