// model_weights.c: the weights of a GPT as Hugging Face's GPT-2 names them and lays them out, from and to safetensors.
//
// The names are those of the module tree. Inside blocks transformers has Conv1D where we have Linear: y = x W + b with W
// (n_in, n_out), our weight's transpose. The output head is a Linear in both.

#include "gpt/store/folder.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHTS_FILE "model.safetensors"
#define INDEX_FILE "model.safetensors.index.json"
#define PREFIX "transformer."
#define HEAD_NAME "lm_head.weight"

enum { SHOWN = 80 };                               // of a name in messages

// Does the file have this parameter of a module transposed?
static bool is_transposed(const Module *module, const Tensor *parameter)
{
    return module->kind == &linear_kind && parameter->shape.ndim == 2 && strcmp(module->name, "lm_head") != 0;
}

// "h.3.attn.c_attn.bias", for a block that has no such bias here.
static void bias_name(const Block *block, char name[NAME_TEXT])
{
    snprintf(name, NAME_TEXT, "%.100s.c_attn.bias", block->attn.module.name);
}

// ------------------------------------------------------------------------------------------------------------
// Writing

static void add_parameter(SafetensorsWriter *writer, const Module *module, const Tensor *parameter)
{
    char name[NAME_TEXT];
    int64_t size[MAX_DIMS];
    tensor_name(parameter, name);
    if (is_transposed(module, parameter)) {
        safetensors_add_transposed(writer, name, parameter->shape.size[0], parameter->shape.size[1], parameter->data);
        return;
    }
    for (int i = 0; i < parameter->shape.ndim; i++) {
        size[i] = parameter->shape.size[i];
    }
    safetensors_add(writer, name, DTYPE_F32, parameter->shape.ndim, size, parameter->data);
}

SafetensorsWriter *model_weights_writer(const GPT *gpt, float **zeros)
{
    SafetensorsWriter *writer = safetensors_writer_create();
    int64_t n = 3 * (int64_t)gpt->config.n_embd;
    *zeros = memory_allocate_zeroed((size_t)n, sizeof **zeros, "a bias of zeros");
    safetensors_add_text(writer, "format", "pt");
    for (const Module *module = &gpt->module; module != NULL; module = module_next(&gpt->module, module)) {
        for (int i = 0; i < module->n_parameters; i++) {
            add_parameter(writer, module, module->parameters[i]);
        }
    }
    for (int i = 0; !gpt->config.qkv_bias && i < gpt->config.n_layer; i++) {
        char name[NAME_TEXT];
        bias_name(&gpt->h[i], name);
        safetensors_add(writer, name, DTYPE_F32, 1, &n, *zeros);
    }
    return writer;
}

// ------------------------------------------------------------------------------------------------------------
// The files of a folder

// An array, and the file that it is in.
typedef struct Found {
    const Safetensors *file;
    const StoredArray *array;
} Found;

typedef struct Weights {
    const char *folder;
    Safetensors *files;
    bool **used;                                   // for each file, which of its arrays the model has asked for
    int n_files;
} Weights;

static void weights_close(Weights *weights)
{
    for (int i = 0; i < weights->n_files; i++) {
        safetensors_close(&weights->files[i]);
        free(weights->used[i]);
    }
    free(weights->files);
    free(weights->used);
}

static bool open_file(Weights *weights, const char *name, Error *error)
{
    Safetensors *file = &weights->files[weights->n_files];
    char *path = path_in(weights->folder, name);
    bool opened = safetensors_open(file, path, error);
    free(path);
    if (opened) {
        weights->used[weights->n_files] = memory_allocate_zeroed((size_t)file->n_arrays + 1, sizeof(bool), "the tensors' names");
        weights->n_files++;
    }
    return opened;
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
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(json, "weight_map");
    const cJSON *entry;
    if (!cJSON_IsObject(map)) {
        return error_set(error, "%s: has no weight_map, which says which tensor is in which file", path);
    }
    make_room(weights, (size_t)cJSON_GetArraySize(map));
    cJSON_ArrayForEach(entry, map) {
        const char *name = cJSON_IsString(entry) ? entry->valuestring : "";
        if (name[0] == '\0' || strchr(name, '/') != NULL) {
            return error_set(error, "%s: tensor %.*s: is in no file of this folder", path, SHOWN, entry->string);
        }
        if (!is_open(weights, name) && !open_file(weights, name, error)) {
            return false;
        }
    }
    return true;
}

static bool open_index(Weights *weights, Error *error)
{
    char *path = path_in(weights->folder, INDEX_FILE);
    char *text;
    size_t n;
    bool opened = file_read(path, &text, &n, error);
    if (opened) {
        cJSON *json = json_parse(text, n, path, error);
        opened = json != NULL && open_indexed(weights, path, json, error);
        cJSON_Delete(json);
        free(text);
    }
    free(path);
    return opened;
}

static bool weights_open(Weights *weights, const char *folder, Error *error)
{
    *weights = (Weights){.folder = folder};
    if (file_exists(folder, WEIGHTS_FILE)) {
        make_room(weights, 1);
        return open_file(weights, WEIGHTS_FILE, error);
    }
    if (file_exists(folder, INDEX_FILE)) {
        return open_index(weights, error);
    }
    if (file_exists(folder, "pytorch_model.bin")) {
        return error_set(error, "%s: has its weights in pytorch_model.bin, a Python pickle, and no " WEIGHTS_FILE "; in Python, "
                         "GPT2LMHeadModel.from_pretrained(...).save_pretrained(...) writes one", folder);
    }
    return error_set(error, "%s: has no " WEIGHTS_FILE, folder);
}

// The array called name, or "transformer." and name; it counts as used from now on.
static bool find_array(Weights *weights, const char *name, Found *found)
{
    char longer[NAME_TEXT + sizeof PREFIX];
    snprintf(longer, sizeof longer, "%s%s", PREFIX, name);
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

// ------------------------------------------------------------------------------------------------------------
// What the model asks for, and what the files have

static bool check_array(Found found, int ndim, const int *size, Error *error)
{
    const StoredArray *array = found.array;
    char has[STORED_SHAPE_TEXT];
    char wants[SHAPE_TEXT];
    Shape shape = {.ndim = ndim};
    bool equal = array->ndim == ndim;
    for (int i = 0; i < ndim; i++) {
        shape.size[i] = size[i];
        equal = equal && array->size[i] == size[i];
    }
    if (!equal) {
        return error_set(error, "%s: tensor %.*s: has shape %s, but config.json asks for %s", found.file->path, SHOWN, array->name,
                         stored_shape_text(array, has), shape_text(shape, wants));
    }
    return dtype_is_float(array->dtype)
        || error_set(error, "%s: tensor %.*s: has dtype %s; F32, F16, BF16 or F64 can be loaded", found.file->path, SHOWN,
                     array->name, dtype_name(array->dtype));
}

static bool need_array(Weights *weights, const char *name, int ndim, const int *size, Found *found, Error *error)
{
    if (!find_array(weights, name, found)) {
        return error_set(error, "%s: tensor %s: is missing, and config.json asks for it",
                         weights->n_files == 1 ? weights->files[0].path : weights->folder, name);
    }
    return check_array(*found, ndim, size, error);
}

// The sizes that make a model large are compared first, before a model of that size is made: no config.json can ask for more
// memory than its weights do.
static bool check_sizes(Weights *weights, const GPTConfig *config, Error *error)
{
    int C = config->n_embd;
    char attn[NAME_TEXT];
    char mlp[NAME_TEXT];
    Found found;
    snprintf(attn, sizeof attn, "h.%d.attn.c_attn.weight", config->n_layer - 1);
    snprintf(mlp, sizeof mlp, "h.%d.mlp.c_fc.weight", config->n_layer - 1);
    return need_array(weights, "wte.weight", 2, (int[]){config->vocab_size, C}, &found, error)
        && need_array(weights, "wpe.weight", 2, (int[]){config->context_length, C}, &found, error)
        && need_array(weights, attn, 2, (int[]){C, 3 * C}, &found, error)
        && need_array(weights, mlp, 2, (int[]){C, config->ff_mult * C}, &found, error);
}

static bool need_parameter(Weights *weights, const Module *module, const Tensor *parameter, Found *found, Error *error)
{
    char name[NAME_TEXT];
    Shape shape = parameter->shape;
    tensor_name(parameter, name);
    if (is_transposed(module, parameter)) {
        shape = SHAPE(shape.size[1], shape.size[0]);
    }
    return need_array(weights, name, shape.ndim, shape.size, found, error);
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

static bool check_no_other(const Weights *weights, Error *error)
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
        return error_set(error, "%s: tensor %.*s and %d more: are not part of the model that config.json asks for", where->path, SHOWN,
                         first, others - 1);
    }
    return others == 0
        || error_set(error, "%s: tensor %.*s: is not part of the model that config.json asks for", where->path, SHOWN, first);
}

// ------------------------------------------------------------------------------------------------------------
// Reading

// The file's rows (n_in, n_out) are our weight's columns. A few rows at a time.
static bool read_transposed(Found found, Tensor *weight, Error *error)
{
    enum { AT_ONCE = 16 };
    size_t n_out = (size_t)weight->shape.size[0];
    size_t n_in = (size_t)weight->shape.size[1];
    float *rows = memory_allocate(AT_ONCE * n_out * sizeof *rows, "a matrix's rows");          // (AT_ONCE, n_out)
    bool read = true;
    for (size_t first = 0; read && first < n_in; first += AT_ONCE) {
        size_t n = n_in - first < AT_ONCE ? n_in - first : AT_ONCE;
        read = safetensors_read_floats(found.file, found.array, first * n_out, n * n_out, rows, error);
        for (size_t out = 0; read && out < n_out; out++) {
            for (size_t i = 0; i < n; i++) {
                weight->data[out * n_in + first + i] = rows[i * n_out + out];
            }
        }
    }
    free(rows);
    return read;
}

static bool read_parameter(Weights *weights, const Module *module, Tensor *parameter, Error *error)
{
    Found found;
    if (!need_parameter(weights, module, parameter, &found, error)) {
        return false;
    }
    if (is_transposed(module, parameter)) {
        return read_transposed(found, parameter, error);
    }
    return safetensors_read_floats(found.file, found.array, 0, found.array->count, parameter->data, error);
}

// Are all values of an array those expected (NULL: zeros)?
static bool has_values(Found found, const float *expected, bool *equal, Error *error)
{
    enum { PIECE = 4096 };
    float values[PIECE];
    *equal = true;
    for (size_t done = 0; *equal && done < found.array->count; ) {
        size_t left = found.array->count - done;
        size_t n = left < PIECE ? left : PIECE;
        if (!safetensors_read_floats(found.file, found.array, done, n, values, error)) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            *equal = *equal && values[i] == (expected == NULL ? 0 : expected[done + i]);
        }
        done += n;
    }
    return true;
}

// A tied head may be in the file, if it is tied there, too.
static bool check_head(Weights *weights, const GPT *gpt, Error *error)
{
    Found found;
    bool equal;
    if (!gpt->config.tied || !find_array(weights, HEAD_NAME, &found)) {
        return true;
    }
    if (!check_array(found, 2, gpt->wte.weight->shape.size, error) || !has_values(found, gpt->wte.weight->data, &equal, error)) {
        return false;
    }
    return equal || error_set(error, "%s: tensor %.*s: differs from wte.weight, but config.json says tie_word_embeddings",
                              found.file->path, SHOWN, found.array->name);
}

// A model without bias on query, key and value may have it in the file, as zeros.
static bool check_biases(Weights *weights, const GPT *gpt, Error *error)
{
    for (int i = 0; !gpt->config.qkv_bias && i < gpt->config.n_layer; i++) {
        char name[NAME_TEXT];
        Found found;
        bool zero;
        bias_name(&gpt->h[i], name);
        if (!find_array(weights, name, &found)) {
            continue;
        }
        if (!check_array(found, 1, (int[]){3 * gpt->config.n_embd}, error) || !has_values(found, NULL, &zero, error)) {
            return false;
        }
        if (!zero) {
            return error_set(error, "%s: tensor %.*s: is not zero, but config.json says that there is no qkv_bias", found.file->path,
                             SHOWN, found.array->name);
        }
    }
    return true;
}

// First all is compared, which is quick, then all is read.
static bool read_model(Weights *weights, GPT *gpt, Error *error)
{
    Found found;
    for (Module *module = &gpt->module; module != NULL; module = module_next(&gpt->module, module)) {
        for (int i = 0; i < module->n_parameters; i++) {
            if (!need_parameter(weights, module, module->parameters[i], &found, error)) {
                return false;
            }
        }
    }
    if (!check_biases(weights, gpt, error)) {
        return false;
    }
    bool has_head = find_array(weights, HEAD_NAME, &found);
    if (!check_no_other(weights, error)) {
        return false;
    }
    for (Module *module = &gpt->module; module != NULL; module = module_next(&gpt->module, module)) {
        for (int i = 0; i < module->n_parameters; i++) {
            if (!read_parameter(weights, module, module->parameters[i], error)) {
                return false;
            }
        }
    }
    return !has_head || check_head(weights, gpt, error);
}

GPT *model_weights_load(const char *folder, const GPTConfig *config, Error *error)
{
    Weights weights;
    GPT *gpt = NULL;
    if (weights_open(&weights, folder, error) && check_sizes(&weights, config, error)) {
        gpt = gpt_create_blank(config, error);
    }
    if (gpt != NULL && !read_model(&weights, gpt, error)) {
        gpt_free(gpt);
        gpt = NULL;
    }
    weights_close(&weights);
    return gpt;
}
