// save_file.c: files that appear complete or not at all: written under another name in the same folder, and renamed when complete. What is
// not a file (a device, a pipe) can't be replaced and is written to directly; a link stays, and the file it points to is replaced.
// A file is renamed only when its bytes are on the disk, and then its folder is synced, too: a file that was reported as saved
// survives a power failure.

#define _GNU_SOURCE // O_TMPFILE

#include "gpt/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h> // XATTR_SIZE_MAX
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// Temporary files are called .gptape-0, .gptape-1, ... With O_TMPFILE, files without a name, they exist only for a moment. A program holds a lock
// on its own until it is renamed, so one that can be locked was left by a program that was killed. A program writes a few at once: as many names are
// tried for such strays.

enum { ATTEMPTS = 1000, STRAYS = 8, SELF_TEXT = 64, READER_SECONDS = 3 };

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void delete_stray(const char *name)
{
    struct stat locked;
    struct stat named;
    int descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &locked) == 0 && lstat(name, &named) == 0
        && same_file(&locked, &named)) {
        unlink(name);
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
}

static bool save_failed(SaveFile *save, Error *error)
{
    error_set(error, "%s: can't be written: %s", save->path, strerror(errno));
    save_abandon(save);
    return false;
}

// Calls make with the names in the folder of path until it succeeds, and stores the name in the save. False, and errno, if it fails.
static bool with_free_name(SaveFile *save, bool (*make)(const char *name, void *context), void *context)
{
    AUTO_FREE char *folder = path_folder(save->path);
    for (int i = 0; i < STRAYS || (i < ATTEMPTS && save->temporary == NULL && errno == EEXIST); i++) {
        char *name = text_format("%s/.gptape-%d", folder, i);
        delete_stray(name);
        if (save->temporary == NULL && make(name, context)) {
            save->temporary = name;
        } else {
            free(name); // keeps errno
        }
    }
    return save->temporary != NULL;
}

// Another program may take the new file for a stray until it is locked.
static bool create_file(const char *name, void *descriptor)
{
    int *result = descriptor;
    struct stat status;
    *result = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (*result < 0) {
        return false;
    }
    bool taken = flock(*result, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (taken || fstat(*result, &status) != 0 || status.st_nlink == 0) {
        close(*result);
        *result = -1;
        errno = EEXIST;
    }
    return *result >= 0;
}

static bool link_file(const char *name, void *self)
{
    return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
}

static const char *self_path(int descriptor, char text[SELF_TEXT])
{
    snprintf(text, SELF_TEXT, "/proc/self/fd/%d", descriptor);
    return text;
}

// A file in path's folder that has no name yet, so that a program that is killed leaves nothing; -1 if the file system has no such files, or
// if there is no /proc, through which it gets its name.
static int create_nameless(const char *path)
{
    char self[SELF_TEXT];
    AUTO_FREE char *folder = path_folder(path);
    int descriptor = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (descriptor >= 0 && access(self_path(descriptor, self), F_OK) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static int create_beside(SaveFile *save)
{
    int descriptor = create_nameless(save->path);
    if (descriptor >= 0) {
        flock(descriptor, LOCK_EX | LOCK_NB);
    } else {
        with_free_name(save, create_file, &descriptor);
    }
    return descriptor;
}

// Gives the new file the owner, mode and access list of the one that it replaces, which this user must be able to write to: who may do what with
// it stays the same.
static bool keep_rights(const SaveFile *save, int descriptor, const struct stat *old, Error *error)
{
    static const char name[] = "system.posix_acl_access";
    char list[XATTR_SIZE_MAX];
    struct stat own;
    int writable = open(save->path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (writable < 0 || fstat(descriptor, &own) != 0) {
        return error_set(error, "%s: can't be written: %s", save->path, strerror(errno));
    }
    ssize_t length = fgetxattr(writable, name, list, sizeof list);
    close(writable);
    bool same = own.st_uid == old->st_uid && own.st_gid == old->st_gid;
    mode_t mode = old->st_mode & 07777;
    if (!same && fchown(descriptor, old->st_uid, old->st_gid) != 0) {
        if (own.st_uid != old->st_uid || length > 0) {
            return error_set(error, "%s: belongs to another user or group, which a new file can't keep (expected a file of yours)", save->path);
        }
        mode &= 0707; // the new file's group gets none of the old one's rights
    }
    (void)!fchmod(descriptor, mode); // a file system without modes has none to keep
    bool kept = length > 0 ? fsetxattr(descriptor, name, list, (size_t)length, 0) == 0
                           : fremovexattr(descriptor, name) == 0 || errno == ENODATA || errno == ENOTSUP;
    return kept || error_set(error, "%s: its access list can't be kept: %s", save->path, strerror(errno));
}

// A device or a pipe. Without O_NONBLOCK, opening a pipe that nobody reads would wait forever; its reader gets some seconds to start.
static int open_other(const char *path)
{
    double until = clock_seconds() + READER_SECONDS;
    struct timespec pause = {0, 10000000};
    int descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    while (descriptor < 0 && errno == ENXIO && clock_seconds() < until) {
        nanosleep(&pause, NULL);
        descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    }
    if (descriptor >= 0) {
        (void)!fcntl(descriptor, F_SETFL, 0); // from here on, writing waits
    }
    return descriptor;
}

bool save_begin(SaveFile *save, const char *path, Error *error)
{
    REQUIRE(save, path);
    struct stat status;
    bool link = lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
    *save = (SaveFile){.path = link ? path_real(path) : memory_copy_text(path)};
    bool exists = stat(save->path, &status) == 0;
    if (!exists && errno != ENOENT) {
        return save_failed(save, error); // a name that is too long, or a loop of links
    }
    save->replaces = !exists || S_ISREG(status.st_mode);
    int descriptor = save->replaces ? create_beside(save) : open_other(save->path);
    if (descriptor < 0) {
        return save_failed(save, error);
    }
    if (exists && save->replaces && !keep_rights(save, descriptor, &status, error)) {
        close(descriptor);
        save_abandon(save);
        return false;
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

// Some file systems can't sync folders; that is ignored.
static void sync_folder(const char *path)
{
    AUTO_FREE char *folder = path_folder(path);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
}

// A nameless file gets a name just before it is renamed: a link can't replace a file, a rename can. It is closed, which ends its lock, afterwards.
bool save_commit(SaveFile *save, Error *error)
{
    REQUIRE(save);
    char self[SELF_TEXT];
    if (!save_sync(save, error)) {
        return false;
    }
    bool nameless = save->replaces && save->temporary == NULL;
    bool named = !nameless || with_free_name(save, link_file, (void *)self_path(fileno(save->stream), self));
    if (!named || (save->replaces && rename(save->temporary, save->path) != 0)) {
        return save_failed(save, error);
    }
    if (save->replaces) {
        sync_folder(save->path);
    }
    free(save->temporary);
    save->temporary = NULL; // it is path now
    save_abandon(save);
    return true;
}

void save_abandon(SaveFile *save)
{
    REQUIRE(save);
    if (save->temporary != NULL) {
        unlink(save->temporary); // while it is locked: afterwards another program may have a file of this name
    }
    if (save->stream != NULL) {
        fclose(save->stream);
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
    bool exists = stat(path, &status) == 0;
    if (exists && S_ISDIR(status.st_mode)) {
        return error_set(error, "%s: is a folder (expected a file)", path);
    }
    if (exists && !S_ISREG(status.st_mode)) {
        return access(path, W_OK) == 0 || error_set(error, "%s: can't be written: %s", path, strerror(errno));
    }
    if (!save_begin(&save, path, error)) {
        return false;
    }
    save_abandon(&save);
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// Several files of a folder that are saved together

enum { MOST_FILES = 8 };

static bool write_file(SaveFile *save, const char *folder, const FolderFile *file, Error *error)
{
    AUTO_FREE char *path = path_in(folder, file->name);
    if (!save_begin(save, path, error)) {
        return false;
    }
    file->write(file->what, save->stream);
    return save_sync(save, error);
}

bool folder_save(const char *folder, const FolderFile *files, int n, Error *error)
{
    REQUIRE(files);
    SaveFile saves[MOST_FILES];
    int written = 0;
    if (n > MOST_FILES) {
        fail_mistake(HERE, "folder_save: %d files; at most %d are saved together", n, MOST_FILES);
    }
    if (!folder_make(folder, error)) {
        return false;
    }
    while (written < n && write_file(&saves[written], folder, &files[written], error)) {
        written++;
    }
    bool saved = written == n;
    for (int i = 0; i < written; i++) {
        saved = saved && save_commit(&saves[i], error);
        save_abandon(&saves[i]); // nothing, if it is committed
    }
    return saved;
}
