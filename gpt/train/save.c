// save.c: writes a checkpoint: everything needed to resume a run bit for bit, in one file, so that its parts always belong together:
//
//      wte.weight, ...                                  F32     the weights, as the module tree names them and lays them out
//      adamw.m.wte.weight, adamw.v.wte.weight, ...      F32     AdamW's running means
//      random.model, random.batches                     U32     two generators: of dropout, and of the rows
//      alphabet                                         U8      of a tokenizer of characters
//      data, model                                      U8      paths, if they are not UTF-8 (else they are texts)
//      ids, targets                                     I32     of a fixed batch
//      texts                                                    step, seed, data and its fingerprint or the task, the model's config.json,
//                                                               and every number of TrainConfig: train.lr, ...; and the
//                                                               checksum of all that is above
// load.c reads it.

#include "gpt/base/base.h"
#include "gpt/store/model_files.h"
#include "gpt/text/encoding.h"
#include "gpt/train/run_files.h"

#include <string.h>

const ConfigField train_state[] = {
    {.name = "step", .kind = FIELD_COUNT, .offset = offsetof(Trainer, adamw.step)},
    {.name = "before.val_loss", .kind = FIELD_NUMBER, .offset = offsetof(Trainer, before.val_loss)},
    {.name = "before.sentences", .kind = FIELD_COUNT, .offset = offsetof(Trainer, before.sentences)},
    {.name = "before.well_formed", .kind = FIELD_COUNT, .offset = offsetof(Trainer, before.well_formed)},
};

const int train_state_count = sizeof train_state / sizeof train_state[0];

static void random_to_words(const Random *random, uint32_t words[RANDOM_WORDS])
{
    memcpy(words, random->state, sizeof random->state);
    words[STATE_WORDS] = (uint32_t)random->next;
    words[STATE_WORDS + 1] = random->has_normal;
    memcpy(&words[STATE_WORDS + 2], &random->normal, sizeof random->normal);
}

static void add_number(SafetensorsWriter *writer, const char *key, double value)
{
    char text[64];
    number_format(text, sizeof text, "%.17g", value); // 17 digits hold a double exactly
    safetensors_add_text(writer, key, text);
}

static void add_fields(SafetensorsWriter *writer, const char *prefix, const ConfigField *fields, int n, const void *object)
{
    for (int i = 0; i < n; i++) {
        char key[NAME_TEXT];
        snprintf(key, sizeof key, "%s%s", prefix, fields[i].name);
        add_number(writer, key, config_field_number(&fields[i], object));
    }
}

static void add_config(SafetensorsWriter *writer, const GPT *gpt)
{
    ModelConfigFile file = {.config = &gpt->config, .dropouts = model_dropouts(gpt), .end_of_text = -1};
    Writer *config = writer_begin();
    model_config_write(&file, config->stream);
    AUTO_FREE char *text = writer_end(config);
    safetensors_add_text(writer, "config", text);
}

// A path: a text, or an array of bytes if it is not UTF-8, since texts are JSON.
static void add_path(SafetensorsWriter *writer, const char *key, const char *path)
{
    size_t n = path == NULL ? 0 : strlen(path);
    if (path != NULL && utf8_valid(path, n) == n) {
        safetensors_add_text(writer, key, path);
    } else if (path != NULL) {
        safetensors_add(writer, key, DTYPE_U8, SHAPE((int)n), path);
    }
}

static void add_texts(SafetensorsWriter *writer, const Trainer *trainer)
{
    const TrainSetup *setup = &trainer->setup;
    add_config(writer, trainer->gpt);
    add_number(writer, "seed", (double)setup->seed);
    add_fields(writer, "", train_state, train_state_count, trainer);
    add_fields(writer, "train.", train_fields, train_field_count, &setup->train);
    add_path(writer, "data", setup->data);
    add_path(writer, "model", setup->model);
    if (setup->task != NULL) {
        safetensors_add_text(writer, "task", setup->task->name);
    }
    if (trainer->data != NULL) {
        AUTO_FREE char *text = text_format("%016llx", (unsigned long long)trainer->data->fingerprint);
        safetensors_add_text(writer, "data_fingerprint", text);
        safetensors_add_text(writer, "tokenizer", tokenizer_name(tokenizer_kind(setup->tokenizer)));
    }
}

static void add_values(SafetensorsWriter *writer, const char *prefix, const Tensor *parameter, const Real *values)
{
    char name[2 * NAME_TEXT];
    snprintf(name, sizeof name, "%s%s", prefix, TENSOR_NAME(parameter));
    safetensors_add(writer, name, DTYPE_REAL, parameter->shape, values);
}

static void add_parameters(SafetensorsWriter *writer, const Trainer *trainer)
{
    size_t at = 0;
    for (int i = 0; i < trainer->parameters.count; i++) {
        const Tensor *parameter = trainer->parameters.parameters[i];
        add_values(writer, "", parameter, parameter->data);
        add_values(writer, "adamw.m.", parameter, trainer->adamw.m + at);
        add_values(writer, "adamw.v.", parameter, trainer->adamw.v + at);
        at += tensor_count(parameter);
    }
}

// The tokens of a tokenizer of characters, one after the other.
static void add_alphabet(SafetensorsWriter *writer, const Tokenizer *tokenizer)
{
    if (tokenizer != NULL && tokenizer->kind == TOKENIZER_CHARS) {
        const Tokens *tokens = &tokenizer->tokens;
        safetensors_add(writer, "alphabet", DTYPE_U8, SHAPE((int)tokens->start[tokens->n]), tokens->bytes);
    }
}

static void add_fixed_batch(SafetensorsWriter *writer, const TrainSetup *setup)
{
    if (setup->ids != NULL) {
        Shape shape = SHAPE(setup->train.accumulate * setup->train.batch, setup->train.length);
        safetensors_add(writer, "ids", DTYPE_I32, shape, setup->ids);
        safetensors_add(writer, "targets", DTYPE_I32, shape, setup->targets);
    }
}

bool trainer_save(const Trainer *trainer, const char *folder, Error *error)
{
    REQUIRE(trainer, folder);
    AUTO_FREE char *path = path_in(folder, TRAINING_FILE);
    uint32_t model[RANDOM_WORDS];
    uint32_t batches[RANDOM_WORDS];
    SafetensorsWriter *writer = safetensors_writer_create();
    random_to_words(&trainer->gpt->random, model);
    random_to_words(&trainer->random, batches);
    add_texts(writer, trainer);
    add_parameters(writer, trainer);
    safetensors_add(writer, "random.model", DTYPE_U32, SHAPE(RANDOM_WORDS), model);
    safetensors_add(writer, "random.batches", DTYPE_U32, SHAPE(RANDOM_WORDS), batches);
    add_alphabet(writer, trainer->setup.tokenizer);
    add_fixed_batch(writer, &trainer->setup);
    safetensors_add_checksum(writer);
    bool saved = safetensors_save(writer, path, error);
    safetensors_writer_free(writer);
    return saved;
}
