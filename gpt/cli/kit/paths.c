// paths.c: no command writes to a file that it reads, under any name or through any link.

#include "gpt/cli/kit/kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The files of a model's or a run's folder that are read or written by name.
static bool is_model_file(const char *name)
{
    static const char *const names[] = {"config.json",
                                        "generation_config.json",
                                        "model.safetensors.index.json", // the model
                                        "gptape_tokenizer.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "added_tokens.json", // its tokenizer
                                        "vocab.json",
                                        "merges.txt",
                                        "encoder.json",
                                        "vocab.bpe", // GPT-2's vocabulary
                                        "data.bin",
                                        "log.csv",
                                        "gradflow.csv",
                                        "loss.png",
                                        "gradflow.png",
                                        NULL}; // the run
    const char *ending = strrchr(name, '.');
    return word_in(name, names) || strncmp(name, "gradflow-", strlen("gradflow-")) == 0 // a probe's plot
        || (ending != NULL && ending > name && strcmp(ending, ".safetensors") == 0);
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
            AUTO_FREE char *file = path_in(folder, entry->d_name);
            found = is_folder(path) ? is_in(file, path) : path_same(path, file);
        }
    }
    if (entries != NULL) {
        closedir(entries);
    }
    return found;
}

// The same for a file or a folder that does not exist yet.
static bool belongs_in(const char *path, const char *folder)
{
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *own = path_folder(path);
    return is_model_file(slash == NULL ? path : slash + 1) && path_same(own, folder);
}

static bool overlap(const char *a, const char *b)
{
    if (is_folder(b)) {
        return is_in(a, b);
    }
    return is_folder(a) ? is_in(b, a) : path_same(a, b);
}

// The folder of GPT-2's vocabulary, if the command reads it although no option names it; else NULL. The caller frees it.
static char *usual_vocabulary(const Options *options)
{
    return options_has(options, "vocab") && !options_given(options, "vocab") ? vocabulary_folder(NULL) : NULL;
}

// ------------------------------------------------------------------------------------------------------------
// Files that stdout or stderr go to

static const char *const stream_names[] = {"stdout", "stderr"};
static const char *const stream_files[] = {"/dev/stdout", "/dev/stderr"};

static bool is_file(int stream)
{
    struct stat status;
    return fstat(STDOUT_FILENO + stream, &status) == 0 && S_ISREG(status.st_mode);
}

// The stream that goes to this file, or to a file in this folder; NULL: none. If it is stderr, a message would damage the file: from then on stderr
// goes where stdout goes, or nowhere if that is the same file.
static const char *stream_to(const char *path)
{
    bool goes[2];
    for (int i = 0; i < 2; i++) {
        goes[i] = is_file(i) && overlap(stream_files[i], path);
    }
    if (goes[1]) {
        int other = goes[0] ? open("/dev/null", O_WRONLY) : STDOUT_FILENO;
        dup2(other, STDERR_FILENO);
    }
    return goes[0] ? stream_names[0] : goes[1] ? stream_names[1] : NULL;
}

bool options_stream_elsewhere(const Options *options, const char *name, const char *path)
{
    const char *stream = stream_to(path);
    return stream == NULL
        || option_error(options, name, "'%.80s' is also where %s goes (expected another %s)", path, stream, is_folder(path) ? "folder" : "file");
}

bool options_streams(const Options *options)
{
    for (int i = 0; i < options->count; i++) {
        const Option *option = &options->list[i];
        if (option_takes_path(option) && option->value != NULL && !options_stream_elsewhere(options, option->name, option->value)) {
            return false;
        }
    }
    AUTO_FREE char *vocabulary = usual_vocabulary(options);
    if (vocabulary != NULL && !options_stream_elsewhere(options, "vocab", vocabulary)) {
        return false;
    }
    bool files = options->help->operand != NULL && strcmp(options->help->operand, "[FILE...]") == 0;
    for (int i = 0; files && i < options->n_operands; i++) {
        const char *stream = stream_to(options->operands[i]);
        if (stream != NULL) {
            return option_error(options, NULL, "'%.80s' is also where %s goes (expected another file)", options->operands[i], stream);
        }
    }
    return true;
}

bool stdin_read(char **text, size_t *n, Error *error)
{
    const char *stream = stream_to("/dev/stdin");
    return stream != NULL ? error_set(error, "stdin: %s goes to the same file (expected another file)", stream)
                          : stream_read(stdin, "stdin", MOST_TEXT_BYTES, text, n, error);
}

// ------------------------------------------------------------------------------------------------------------
// Files that a command writes

static bool takes_folder(const Options *options, const char *name)
{
    const Option *option = options_find(options, name);
    return option->argument != NULL && strcmp(option->argument, "DIR") == 0;
}

bool options_apart(const Options *options, const char *name, const char *path, const char *other, const char *value)
{
    bool folder = takes_folder(options, other);
    bool apart = !option_takes_path(options_find(options, other))
              || !(overlap(path, value) || (folder && belongs_in(path, value)) || (takes_folder(options, name) && belongs_in(value, path)));
    return apart || option_error(options, name, "'%.80s' is --%s's %s, too (expected another)", path, other, folder ? "folder or in it" : "file");
}

bool options_output(const Options *options, const char *name, const char *path)
{
    for (int i = 0; i < options->count; i++) {
        const Option *other = &options->list[i];
        if (strcmp(other->name, name) != 0 && other->value != NULL && !options_apart(options, name, path, other->name, other->value)) {
            return false;
        }
    }
    AUTO_FREE char *vocabulary = usual_vocabulary(options);
    if (vocabulary != NULL && overlap(path, vocabulary)) {
        return option_error(options, name, "'%.80s' is part of GPT-2's vocabulary (expected another)", path);
    }
    return options_stream_elsewhere(options, name, path);
}

bool options_output_file(const Options *options, const char *name, const char *path, bool (*kind)(const char *path, Error *error))
{
    Error error;
    return path == NULL
        || (options_output(options, name, path) && (kind == NULL || kind(path, &error) || report_error(options, &error))
            && (save_path_check(path, &error) || report_failure(options, &error)));
}
