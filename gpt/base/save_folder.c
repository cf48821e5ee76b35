// save_folder.c: several files of a folder that are saved together.

#include "gpt/base/base.h"

#include <stdlib.h>

enum { MOST_FILES = 8 };

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
        if (saved) {
            saved = save_commit(&saves[i], error);
        } else {
            save_abandon(&saves[i]);
        }
    }
    return saved;
}
