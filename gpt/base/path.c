// path.c: names of files and folders, and whether two of them are the same file.

#define _GNU_SOURCE // realpath

#include "gpt/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_in(const char *folder, const char *name)
{
    REQUIRE(folder, name);
    return text_format("%s/%s", folder, name);
}

char *program_folder(void)
{
    AUTO_FREE char *path = realpath("/proc/self/exe", NULL);
    return path == NULL ? NULL : path_folder(path);
}

char *path_folder(const char *path)
{
    REQUIRE(path);
    const char *slash = strrchr(path, '/');
    return slash == NULL ? memory_copy_text(".") : text_format("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

// For a file that does not exist: where its link leads, or its name in the real path of its folder.
char *path_real(const char *path)
{
    REQUIRE(path);
    char target[PATH_MAX];
    char *place = realpath(path, NULL);
    bool missing = place == NULL && errno == ENOENT; // before another call changes errno
    AUTO_FREE char *folder = path_folder(path);
    if (!missing || strcmp(folder, path) == 0) {
        return place != NULL ? place : memory_copy_text(path);
    }
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n > 0) {
        target[n] = '\0';
        AUTO_FREE char *next = target[0] == '/' ? memory_copy_text(target) : path_in(folder, target);
        return path_real(next);
    }
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    AUTO_FREE char *real = path_real(folder);
    return name[0] == '\0' ? memory_copy_text(real) : path_in(strcmp(real, "/") == 0 ? "" : real, name);
}

bool path_same(const char *a, const char *b)
{
    REQUIRE(a, b);
    struct stat status_a;
    struct stat status_b;
    bool there_a = stat(a, &status_a) == 0;
    bool there_b = stat(b, &status_b) == 0;
    if (there_a && there_b) {
        return status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
    }
    if (there_a || there_b) {
        return false;
    }
    AUTO_FREE char *real_a = path_real(a);
    AUTO_FREE char *real_b = path_real(b);
    return strcmp(real_a, real_b) == 0;
}

bool file_exists(const char *folder, const char *name)
{
    AUTO_FREE char *path = path_in(folder, name);
    return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR); // reading it then says why it can't be
}

// ------------------------------------------------------------------------------------------------------------
// Folders

static bool make_one_folder(const char *folder, Error *error)
{
    struct stat status;
    if (mkdir(folder, 0777) == 0) {
        return true;
    }
    int why = errno;
    if (stat(folder, &status) == 0) {
        return S_ISDIR(status.st_mode) || error_set(error, "%s: is a file (expected a folder)", folder);
    }
    return error_set(error, "%s: can't be created: %s", folder, strerror(why));
}

// Each folder of the path, from the top.
bool folder_make(const char *folder, Error *error)
{
    REQUIRE(folder);
    AUTO_FREE char *path = memory_copy_text(folder);
    bool made = true;
    for (char *at = path + 1; made && path[0] != '\0' && *at != '\0'; at++) {
        if (*at == '/' && at[-1] != '/') {
            *at = '\0';
            made = make_one_folder(path, error);
            *at = '/';
        }
    }
    return made && make_one_folder(folder, error);
}

// A lock on the folder itself leaves no file behind. Some network file systems have no such locks; there nothing is locked.
int folder_lock(const char *folder, Error *error)
{
    REQUIRE(folder);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        error_set(error, "%s: can't be read: %s", folder, strerror(errno));
        return -1;
    }
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        close(descriptor);
        error_set(error, "%s: another run is writing to it; wait until it ends, or use another folder", folder);
        return -1;
    }
    return descriptor;
}

void folder_unlock(int lock)
{
    if (lock >= 0) {
        close(lock);
    }
}
