// save_folder.c: several files of a folder that are saved together.

#include "gpt/base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FILES = 8 };

char *path_in(const char *folder, const char *name)
{
    size_t bytes = strlen(folder) + strlen(name) + 2;
    char *path = memory_allocate(bytes, "a file's name");
    snprintf(path, bytes, "%s/%s", folder, name);
    return path;
}

bool file_exists(const char *folder, const char *name)
{
    char *path = path_in(folder, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static bool make_one_folder(const char *folder, Error *error)
{
    struct stat status;
    if (mkdir(folder, 0777) == 0) {
        return true;
    }
    int why = errno;
    if (stat(folder, &status) == 0) {
        return S_ISDIR(status.st_mode) || error_set(error, "%s: is a file; name a folder", folder);
    }
    return error_set(error, "%s: can't be made: %s", folder, strerror(why));
}

// Each folder of the path, from the top.
bool folder_make(const char *folder, Error *error)
{
    char *path = memory_copy_text(folder);
    bool made = true;
    for (char *at = path + 1; made && path[0] != '\0' && *at != '\0'; at++) {
        if (*at == '/' && at[-1] != '/') {
            *at = '\0';
            made = make_one_folder(path, error);
            *at = '/';
        }
    }
    free(path);
    return made && make_one_folder(folder, error);
}

static bool write_file(SaveFile *save, const char *folder, const FolderFile *file, Error *error)
{
    char *path = path_in(folder, file->name);
    bool begun = save_begin(save, path, error);
    free(path);
    if (!begun) {
        return false;
    }
    file->write(file->what, save->stream);
    return save_sync(save, error);
}

bool folder_save(const char *folder, const FolderFile *files, int n, Error *error)
{
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
        if (saved) {
            saved = save_commit(&saves[i], error);
        } else {
            save_abandon(&saves[i]);
        }
    }
    return saved;
}
