// weight_files.c: the weight files of a folder, and finding tensors in them.

#include "gpt/base/base.h"
#include "gpt/store/model_files.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHTS_FILE "model.safetensors"
#define INDEX_FILE "model.safetensors.index.json"
#define PREFIX "transformer."

void weights_close(void *object)
{
    Weights *weights = object;
    for (int i = 0; i < weights->n_files; i++) {
        safetensors_close(&weights->files[i]);
        free(weights->used[i]);
    }
    free(weights->files);
    free(weights->used);
    free(weights->folder);
    free(weights);
}

static bool open_file(Weights *weights, const char *name, Error *error)
{
    Safetensors *file = &weights->files[weights->n_files];
    AUTO_FREE char *path = path_in(weights->folder, name);
    if (!safetensors_open(file, path, error)) {
        return false;
    }
    weights->used[weights->n_files] = memory_allocate_zeroed((size_t)file->n_arrays + 1, sizeof(bool), "the tensors' names");
    weights->n_files++;
    return true;
}

static void make_room(Weights *weights, size_t n)
{
    weights->files = memory_allocate_zeroed(n + 1, sizeof *weights->files, "the weights' files");
    weights->used = memory_allocate_zeroed(n + 1, sizeof *weights->used, "the weights' files");
}

static bool is_open(const Weights *weights, const char *name)
{
    for (int i = 0; i < weights->n_files; i++) {
        const char *path = weights->files[i].path;
        if (strcmp(path + strlen(weights->folder) + 1, name) == 0) {
            return true;
        }
    }
    return false;
}

// {"weight_map": {"wte.weight": "model-00001-of-00002.safetensors", ...}}: opens each file once.
static bool open_indexed(Weights *weights, const char *path, const cJSON *json, Error *error)
{
    const cJSON *map = json_member(json, "weight_map");
    const cJSON *entry;
    if (!cJSON_IsObject(map)) {
        return error_set(error, "%s: has no weight_map (expected the file of each tensor)", path);
    }
    make_room(weights, (size_t)cJSON_GetArraySize(map));
    cJSON_ArrayForEach(entry, map) {
        const char *name = cJSON_IsString(entry) ? entry->valuestring : "";
        if (name[0] == '\0' || strchr(name, '/') != NULL) {
            return error_set(error, "%s: tensor %.*s: is in none of this folder's files", path, NAME_SHOWN, entry->string);
        }
        if (!is_open(weights, name) && !open_file(weights, name, error)) {
            return false;
        }
    }
    return true;
}

static bool open_index(Weights *weights, Error *error)
{
    AUTO_FREE char *path = path_in(weights->folder, INDEX_FILE);
    AUTO_JSON cJSON *json = json_read(path, error);
    return json != NULL && open_indexed(weights, path, json, error);
}

static bool open_files(Weights *weights, Error *error)
{
    const char *folder = weights->folder;
    if (file_exists(folder, WEIGHTS_FILE)) {
        make_room(weights, 1);
        return open_file(weights, WEIGHTS_FILE, error);
    }
    if (file_exists(folder, INDEX_FILE)) {
        return open_index(weights, error);
    }
    if (file_exists(folder, "pytorch_model.bin")) {
        return error_set(error,
                         "%s: has its weights in pytorch_model.bin, a Python pickle, and no " WEIGHTS_FILE "; in Python, "
                         "GPT2LMHeadModel.from_pretrained(...).save_pretrained(...) writes one",
                         folder);
    }
    return error_set(error, "%s: has no " WEIGHTS_FILE, folder);
}

Weights *weights_open(const char *folder, Error *error)
{
    Weights *weights = memory_allocate_zeroed(1, sizeof *weights, "a model's files");
    weights->folder = memory_copy_text(folder);
    if (!open_files(weights, error)) {
        weights_close(weights);
        return NULL;
    }
    return weights;
}

bool weights_find(Weights *weights, const char *name, Found *found)
{
    char longer[NAME_TEXT + sizeof PREFIX];
    snprintf(longer, sizeof longer, PREFIX "%s", name);
    for (int i = 0; i < weights->n_files; i++) {
        const Safetensors *file = &weights->files[i];
        const StoredArray *array = safetensors_find(file, name);
        array = array == NULL ? safetensors_find(file, longer) : array;
        if (array != NULL) {
            weights->used[i][array - file->arrays] = true;
            *found = (Found){file, array};
            return true;
        }
    }
    return false;
}

bool weights_check(Found found, Shape shape, Error *error)
{
    const StoredArray *array = found.array;
    if (!stored_has_shape(array, shape)) {
        return error_set(error, "%s: tensor %.*s: has shape %s (expected %s by config.json)", found.file->path, NAME_SHOWN, array->name,
                         STORED_SHAPE(array), SHAPE_STRING(shape));
    }
    return dtype_is_float(array->dtype)
        || error_set(error, "%s: tensor %.*s: has dtype %s; F32, F16, BF16 or F64 can be loaded", found.file->path, NAME_SHOWN, array->name,
                     dtype_name(array->dtype));
}

bool weights_need(Weights *weights, const char *name, Shape shape, Found *found, Error *error)
{
    if (!weights_find(weights, name, found)) {
        return error_set(error, "%s: tensor %s: missing (expected by config.json)",
                         weights->n_files == 1 ? weights->files[0].path : weights->folder, name);
    }
    return weights_check(*found, shape, error);
}

// GPT-2's attention masks, which old files have: "h.3.attn.bias", "h.3.attn.masked_bias".
static bool is_mask(const char *name)
{
    const char *const ends[] = {".attn.bias", ".attn.masked_bias"};
    size_t length = strlen(name);
    for (int i = 0; i < 2; i++) {
        size_t end = strlen(ends[i]);
        if (length > end && strcmp(name + length - end, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool weights_check_no_other(const Weights *weights, Error *error)
{
    const Safetensors *where = NULL;
    const char *first = NULL;
    int others = 0;
    for (int f = 0; f < weights->n_files; f++) {
        const Safetensors *file = &weights->files[f];
        for (int i = 0; i < file->n_arrays; i++) {
            if (!weights->used[f][i] && !is_mask(file->arrays[i].name)) {
                where = others == 0 ? file : where;
                first = others == 0 ? file->arrays[i].name : first;
                others++;
            }
        }
    }
    if (others > 1) {
        return error_set(error, "%s: tensor %.*s and %d more: are not part of the model that config.json describes", where->path, NAME_SHOWN, first,
                         others - 1);
    }
    return others == 0 || error_set(error, "%s: tensor %.*s: is not part of the model that config.json describes", where->path, NAME_SHOWN, first);
}
