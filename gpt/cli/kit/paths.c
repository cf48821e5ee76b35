// paths.c: no command writes to a file that it reads, under any name or through any link.

#include "gpt/base/base.h"
#include "gpt/cli/kit/kit.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The files of a model's or a run's folder that are read or written by name.
static bool is_model_file(const char *name)
{
    static const char *const names[] = {
        "config.json", "generation_config.json", "gptape_tokenizer.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "merges.txt", "encoder.json", "vocab.bpe", "model.safetensors.index.json", "data.bin", "log.csv",
        "gradflow.csv", "loss.png", "gradflow.png",
    };
    static const char weights[] = ".safetensors";
    size_t length = strlen(name);
    bool is = length > strlen(weights) && strcmp(name + length - strlen(weights), weights) == 0;
    for (size_t i = 0; !is && i < sizeof names / sizeof names[0]; i++) {
        is = strcmp(name, names[i]) == 0;
    }
    return is;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

// Is path one of the folder's files, or, if path is a folder, too, is one of its files?
static bool is_in(const char *path, const char *folder)
{
    bool found = false;
    DIR *entries = opendir(folder);
    struct dirent *entry = entries == NULL ? NULL : readdir(entries);
    for (; entry != NULL && !found; entry = readdir(entries)) {
        if (is_model_file(entry->d_name)) {
            char *file = path_in(folder, entry->d_name);
            found = is_folder(path) ? is_in(file, path) : path_same(path, file);
            free(file);
        }
    }
    if (entries != NULL) {
        closedir(entries);
    }
    return found;
}

static bool overlap(const char *a, const char *b)
{
    if (is_folder(b)) {
        return is_in(a, b);
    }
    return is_folder(a) ? is_in(b, a) : path_same(a, b);
}

static bool takes_path(const Option *option)
{
    return option->argument != NULL && (strcmp(option->argument, "FILE") == 0 || strcmp(option->argument, "DIR") == 0);
}

bool options_output(const Options *options, const char *name, const char *path)
{
    for (int i = 0; i < options->count; i++) {
        const Option *other = &options->list[i];
        if (takes_path(other) && strcmp(other->name, name) != 0 && other->value != NULL && overlap(path, other->value)) {
            return option_error(options, name, "'%.80s' is --%s's %s, too (expected another)", path, other->name,
                                is_folder(other->value) ? "folder or in it" : "file");
        }
    }
    if (options_has(options, "vocab") && !options_given(options, "vocab")) {
        char *usual = vocabulary_folder(NULL);
        bool overlaps = overlap(path, usual);
        free(usual);
        return !overlaps || option_error(options, name, "'%.80s' is part of GPT-2's vocabulary (expected another)", path);
    }
    return true;
}

// Does stdout go to this file, or to one of this folder's files?
static bool stdout_is(const char *path)
{
    struct stat status;
    return fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode) && overlap("/dev/stdout", path);
}

bool options_stdout(const Options *options)
{
    for (int i = 0; i < options->count; i++) {
        const Option *option = &options->list[i];
        if (takes_path(option) && option->value != NULL && stdout_is(option->value)) {
            return option_error(options, option->name, "'%.80s' is where stdout goes, too (expected another %s)", option->value,
                                is_folder(option->value) ? "folder" : "file");
        }
    }
    return true;
}

bool stdin_read(char **text, size_t *n, Error *error)
{
    return stdout_is("/dev/stdin") ? error_set(error, "stdin: is where stdout goes, too (expected another file)")
                                   : stream_read(stdin, "stdin", MOST_TEXT_BYTES, text, n, error);
}
