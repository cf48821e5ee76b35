// load.c: restores a run from training.safetensors (save.c), so that it continues as if it had never stopped. The file is untrusted: every
// invalid part is an error that names it.

#include "gpt/base/base.h"
#include "gpt/store/model_files.h"
#include "gpt/train/run_files.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Opens folder's checkpoint and checks its checksum. The caller closes the file, even after a failure. A checkpoint without a checksum is
// refused: otherwise damage to the checksum's own name would hide all other damage.
static bool open_checkpoint(const char *folder, Safetensors *file, Error *error)
{
    AUTO_FREE char *path = path_in(folder, TRAINING_FILE);
    return safetensors_open(file, path, error) && safetensors_check(file, error);
}

// ------------------------------------------------------------------------------------------------------------
// The setup

static bool read_number(const Safetensors *file, const char *key, double *value, Error *error)
{
    const char *text = safetensors_text(file, key);
    char *end = NULL;
    if (text != NULL) {
        *value = number_read(text, &end);
    }
    return (text != NULL && end != text && *end == '\0')
        || error_set(error, "%s: %s is missing or not a number; not a gptape checkpoint", file->path, key);
}

static bool read_count(const Safetensors *file, const char *key, double most, double *value, Error *error)
{
    if (!read_number(file, key, value, error)) {
        return false;
    }
    return (*value >= 0 && *value <= most && *value == floor(*value))
        || error_set(error, "%s: %s is %g; not a gptape checkpoint", file->path, key, *value);
}

static bool read_fields(const Safetensors *file, const char *prefix, const ConfigField *fields, int n, void *object, Error *error)
{
    for (int i = 0; i < n; i++) {
        char key[NAME_TEXT];
        double value = 0;
        snprintf(key, sizeof key, "%s%s", prefix, fields[i].name);
        bool later = fields[i].kind == FIELD_CHOICE && safetensors_text(file, key) == NULL; // version 0.1.0 had no choices
        bool is_number = fields[i].kind == FIELD_NUMBER;
        if (!later && !(is_number ? read_number(file, key, &value, error) : read_count(file, key, INT_MAX, &value, error))) {
            return false;
        }
        config_field_set(&fields[i], object, value);
    }
    return true;
}

static bool read_gpt_config(const Safetensors *file, GPTConfig *config, ModelDropouts *dropouts, Error *error)
{
    const char *text = safetensors_text(file, "config");
    return text != NULL ? model_config_parse(text, strlen(text), file->path, config, dropouts, error)
                        : error_set(error, "%s: config is missing; not a gptape checkpoint", file->path);
}

static const StoredArray *find_array(const Safetensors *file, const char *name, Dtype dtype, Shape shape, Error *error)
{
    const StoredArray *array = safetensors_find(file, name);
    if (array == NULL) {
        error_set(error, "%s: %s is missing", file->path, name);
        return NULL;
    }
    if (array->dtype != dtype || !stored_has_shape(array, shape)) {
        error_set(error, "%s: %s is %s %s, not %s %s", file->path, name, dtype_name(array->dtype), STORED_SHAPE(array), dtype_name(dtype),
                  SHAPE_STRING(shape));
        return NULL;
    }
    return array;
}

static bool read_array(const Safetensors *file, const char *name, Dtype dtype, Shape shape, void *out, Error *error)
{
    const StoredArray *array = find_array(file, name, dtype, shape, error);
    return array != NULL && safetensors_read(file, array, 0, array->count, out, error);
}

static Tokenizer *read_alphabet(const Safetensors *file, Error *error)
{
    const StoredArray *array = safetensors_find(file, "alphabet");
    if (array == NULL || array->dtype != DTYPE_U8) {
        error_set(error, "%s: the alphabet is missing", file->path);
        return NULL;
    }
    AUTO_FREE char *text = memory_allocate(array->bytes + 1, "the alphabet");
    bool read = safetensors_read(file, array, 0, array->count, text, error);
    Error why;
    Tokenizer *tokenizer = read ? tokenizer_chars(text, array->bytes, &why) : NULL;
    if (read && tokenizer == NULL) {
        error_set(error, "%s: alphabet: %.300s", file->path, why.message);
    }
    return tokenizer;
}

// GPT-2's vocabulary is beside the checkpoint, unless the run ended before the model was saved.
static Tokenizer *read_gpt2(const char *folder, Error *error)
{
    AUTO_FREE char *usual = vocabulary_folder(NULL);
    return tokenizer_gpt2(vocabulary_found(folder) ? folder : usual, error);
}

static bool read_tokenizer(const Safetensors *file, const char *folder, Tokenizer **tokenizer, Error *error)
{
    const char *name = safetensors_text(file, "tokenizer");
    *tokenizer = NULL;
    if (name == NULL) {
        return true;
    }
    if (strcmp(name, tokenizer_name(TOKENIZER_CHARS)) == 0) {
        *tokenizer = read_alphabet(file, error);
    } else if (strcmp(name, tokenizer_name(TOKENIZER_BYTES)) == 0) {
        *tokenizer = tokenizer_bytes();
    } else if (strcmp(name, tokenizer_name(TOKENIZER_GPT2)) == 0) {
        *tokenizer = read_gpt2(folder, error);
    } else {
        error_set(error, "%s: unknown tokenizer %s", file->path, name);
    }
    return *tokenizer != NULL;
}

static bool read_fixed_batch(const Safetensors *file, TrainSetup *setup, Error *error)
{
    const TrainConfig *config = &setup->train;
    if (safetensors_find(file, "ids") == NULL) {
        return true;
    }
    Shape shape = SHAPE(config->accumulate * config->batch, config->length);
    if (find_array(file, "ids", DTYPE_I32, shape, error) == NULL || find_array(file, "targets", DTYPE_I32, shape, error) == NULL) {
        return false;
    }
    setup->ids = memory_allocate(shape_count(shape) * sizeof(int), "the batch");
    setup->targets = memory_allocate(shape_count(shape) * sizeof(int), "the batch");
    return read_array(file, "ids", DTYPE_I32, shape, setup->ids, error) && read_array(file, "targets", DTYPE_I32, shape, setup->targets, error);
}

static bool read_task(const Safetensors *file, TrainSetup *setup, Error *error)
{
    const char *text = safetensors_text(file, "task");
    Error why;
    if (text == NULL) {
        return true;
    }
    setup->task = memory_allocate(sizeof *setup->task, "a task");
    return task_read(text, setup->task, &why) || error_set(error, "%s: task: %.300s", file->path, why.message);
}

// The text called key, or the array of bytes; *text is NULL if there is neither. The caller frees it.
static bool read_path(const Safetensors *file, const char *key, char **text, Error *error)
{
    const char *saved = safetensors_text(file, key);
    const StoredArray *array = safetensors_find(file, key);
    *text = saved == NULL ? NULL : memory_copy_text(saved);
    if (saved != NULL || array == NULL) {
        return true;
    }
    if (array->dtype != DTYPE_U8 || array->bytes > PATH_MAX) {
        return error_set(error, "%s: tensor %s: is not a path (expected at most %d bytes, U8)", file->path, key, PATH_MAX);
    }
    *text = memory_allocate_zeroed(array->bytes + 1, 1, "a path");
    return safetensors_read(file, array, 0, array->count, *text, error);
}

static bool read_setup(const Safetensors *file, const char *folder, TrainSetup *setup, Error *error)
{
    double seed = 0;
    if (!read_fields(file, "train.", train_fields, train_field_count, &setup->train, error) || !read_gpt_config(file, &setup->gpt, NULL, error)
        || !train_config_check(&setup->train, &setup->gpt, error) || !read_count(file, "seed", UINT32_MAX, &seed, error)) {
        return false;
    }
    setup->seed = (uint64_t)seed;
    return read_path(file, "data", &setup->data, error) && read_path(file, "model", &setup->model, error)
        && read_tokenizer(file, folder, &setup->tokenizer, error) && read_task(file, setup, error) && read_fixed_batch(file, setup, error);
}

void train_setup_free(TrainSetup *setup)
{
    REQUIRE(setup);
    tokenizer_free(setup->tokenizer);
    free(setup->data);
    free(setup->model);
    free(setup->ids);
    free(setup->targets);
    free(setup->task);
    *setup = (TrainSetup){0};
}

bool train_setup_load(const char *folder, TrainSetup *setup, Error *error)
{
    REQUIRE(folder, setup);
    AUTO(safetensors_close) Safetensors file;
    *setup = (TrainSetup){0};
    bool read = open_checkpoint(folder, &file, error) && read_setup(&file, folder, setup, error);
    if (!read) {
        train_setup_free(setup);
    }
    return read;
}

// ------------------------------------------------------------------------------------------------------------
// The state

static bool read_values(const Safetensors *file, const char *prefix, const Tensor *parameter, Real *values, Error *error)
{
    char name[2 * NAME_TEXT];
    snprintf(name, sizeof name, "%s%s", prefix, TENSOR_NAME(parameter));
    return read_array(file, name, DTYPE_REAL, parameter->shape, values, error);
}

static bool read_parameters(const Safetensors *file, Trainer *trainer, Error *error)
{
    size_t at = 0;
    for (int i = 0; i < trainer->parameters.count; i++) {
        Tensor *parameter = trainer->parameters.parameters[i];
        tensor_changed(parameter);
        if (!read_values(file, "", parameter, parameter->data, error) || !read_values(file, "adamw.m.", parameter, trainer->adamw.m + at, error)
            || !read_values(file, "adamw.v.", parameter, trainer->adamw.v + at, error)) {
            return false;
        }
        at += tensor_count(parameter);
    }
    return true;
}

static bool random_from_words(Random *random, const uint32_t words[RANDOM_WORDS])
{
    memcpy(random->state, words, sizeof random->state);
    random->next = (int)words[STATE_WORDS];
    random->has_normal = words[STATE_WORDS + 1] != 0;
    memcpy(&random->normal, &words[STATE_WORDS + 2], sizeof random->normal);
    return words[STATE_WORDS] <= STATE_WORDS && words[STATE_WORDS + 1] <= 1;
}

static bool read_random(const Safetensors *file, const char *name, Random *random, Error *error)
{
    uint32_t words[RANDOM_WORDS];
    if (!read_array(file, name, DTYPE_U32, SHAPE(RANDOM_WORDS), words, error)) {
        return false;
    }
    return random_from_words(random, words) || error_set(error, "%s: %s is not a state of the random number generator", file->path, name);
}

// Checks that the text has not changed since the run began.
static bool check_data(const Safetensors *file, const Trainer *trainer, Error *error)
{
    const char *text = safetensors_text(file, "data_fingerprint");
    if (trainer->data == NULL) {
        return true;
    }
    return (text != NULL && strtoull(text, NULL, 16) == trainer->data->fingerprint)
        || error_set(error, "%s: has changed since this run began; put the old text back, or begin a new run", trainer->data->name);
}

static bool read_state(const Safetensors *file, Trainer *trainer, Error *error)
{
    GPTConfig config;
    ModelDropouts dropouts;
    if (!check_data(file, trainer, error) || !read_fields(file, "", train_state, train_state_count, trainer, error)
        || !read_gpt_config(file, &config, &dropouts, error)) {
        return false;
    }
    model_dropouts_set(trainer->gpt, dropouts);
    return read_random(file, "random.model", &trainer->gpt->random, error) && read_random(file, "random.batches", &trainer->random, error)
        && read_parameters(file, trainer, error);
}

bool trainer_load(Trainer *trainer, const char *folder, Error *error)
{
    REQUIRE(folder);
    AUTO(safetensors_close) Safetensors file;
    return open_checkpoint(folder, &file, error) && read_state(&file, trainer, error);
}
