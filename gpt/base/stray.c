// stray.c: temporary files of programs that were killed. Where files without a name exist (O_TMPFILE) there are hardly any.

#include "gpt/base/stray.h"

#include "gpt/base/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX ".gptape-"

char *stray_name(const char *folder, int attempt)
{
    char name[64];
    snprintf(name, sizeof name, PREFIX "%ld-%d", (long)getpid(), attempt);
    return path_in(folder, name);
}

void stray_hold(int descriptor)
{
    flock(descriptor, LOCK_EX | LOCK_NB);
}

// The process ID may belong to another machine that shares the folder, so check the lock.
static void delete_stray(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
        unlink(path);
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
}

static bool is_stray(const char *name)
{
    long process;
    int attempt;
    int end = 0;
    bool named = sscanf(name, PREFIX "%ld-%d%n", &process, &attempt, &end) == 2 && name[end] == '\0';
    return named && process > 0 && kill((pid_t)process, 0) != 0 && errno == ESRCH;
}

static void sweep_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (is_stray(entry->d_name)) {
            char *path = path_in(folder, entry->d_name);
            delete_stray(path);
            free(path);
        }
    }
    closedir(entries);
}

// Is this a different folder from the last one cleaned?
static bool is_new_folder(const char *folder)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static dev_t last_device;
    static ino_t last_file;
    struct stat status;
    if (stat(folder, &status) != 0) {
        return false;
    }
    pthread_mutex_lock(&mutex);
    bool is_new = status.st_dev != last_device || status.st_ino != last_file;
    last_device = status.st_dev;
    last_file = status.st_ino;
    pthread_mutex_unlock(&mutex);
    return is_new;
}

void stray_sweep(const char *path)
{
    char *folder = path_folder(path);
    if (is_new_folder(folder)) {
        sweep_folder(folder);
    }
    free(folder);
}
