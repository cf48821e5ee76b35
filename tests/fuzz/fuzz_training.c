// fuzz_training.c: any bytes as training.safetensors, the checkpoint of a run: how the run was set up, its trainer, and one step of it.
// The checksum would reject most mutated files before they are parsed, so a file that is valid except for it is saved again with the
// checksum that fits.

#include "gpt/train/run_files.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void copy_array(const Safetensors *file, const StoredArray *array, SafetensorsWriter *writer, void *bytes)
{
    Error error;
    Shape shape = {.ndim = array->ndim < MAX_DIMS ? array->ndim : MAX_DIMS};
    if (!safetensors_read(file, array, 0, array->count, bytes, &error)) {
        abort();
    }
    for (int i = 0; i < shape.ndim; i++) {
        shape.size[i] = (int)array->size[i];
    }
    if (array->ndim <= MAX_DIMS) {
        safetensors_add(writer, array->name, array->dtype, shape, bytes);
    }
}

// Other bytes with the same arrays and texts, and a checksum.
static void write_with_checksum(const Safetensors *file, const char *path)
{
    Error error;
    SafetensorsWriter *writer = safetensors_writer_create();
    void **bytes = memory_allocate_zeroed((size_t)file->n_arrays + 1, sizeof *bytes, "the arrays");
    for (int i = 0; i < file->n_texts; i++) {
        if (strcmp(file->texts[2 * i], CHECKSUM_KEY) != 0) {
            safetensors_add_text(writer, file->texts[2 * i], file->texts[2 * i + 1]);
        }
    }
    for (int i = 0; i < file->n_arrays; i++) {
        bytes[i] = memory_allocate(file->arrays[i].bytes + 1, "an array");
        copy_array(file, &file->arrays[i], writer, bytes[i]);
    }
    safetensors_add_checksum(writer);
    if (!safetensors_save(writer, path, &error)) {
        abort();
    }
    for (int i = 0; i < file->n_arrays; i++) {
        free(bytes[i]);
    }
    free(bytes);
    safetensors_writer_free(writer);
}

// The file's text is always this one: its path would be any file of this machine. Takes setup.
static Trainer *create_trainer(TrainSetup *setup)
{
    Error error;
    char path[256];
    Dataset *data = NULL;
    snprintf(path, sizeof path, "%s/text", fuzz_folder());
    if (setup->ids == NULL && setup->tokenizer != NULL) {
        data = dataset_open(path, setup->tokenizer, NULL, NULL, NULL, &error);
    }
    GPT *gpt = data == NULL && setup->ids == NULL ? NULL : gpt_create_blank(&setup->gpt, &error);
    if (gpt == NULL) {
        dataset_free(data);
        train_setup_free(setup);
        return NULL;
    }
    return trainer_create(*setup, gpt, data, &error);
}

static void load_run(void)
{
    enum { MOST_BYTES = 64 << 20 };
    TrainSetup setup;
    Error error;
    TrainRow row;
    if (!train_setup_load(fuzz_folder(), &setup, &error)) {
        return;
    }
    GPTCost cost = gpt_cost(&setup.gpt, setup.train.batch, setup.train.length);
    bool small = gpt_training_bytes(&cost, false) < MOST_BYTES && setup.train.accumulate < 10;
    Trainer *trainer = small ? create_trainer(&setup) : NULL;
    if (!small) {
        train_setup_free(&setup);
    }
    if (trainer != NULL && trainer_load(trainer, fuzz_folder(), &error)) {
        trainer_step(trainer, NULL, &row, &error);
    }
    trainer_free(trainer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[256];
    Safetensors file;
    Error error;
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), TRAINING_FILE);
    fuzz_file(TRAINING_FILE, data, n);
    fuzz_file("text", FUZZ_TEXT, sizeof FUZZ_TEXT - 1);
    setenv("GPTAPE_DATA", fuzz_folder(), 1); // no vocabulary of this machine, which takes long to read
    if (!safetensors_open(&file, path, &error)) {
        return 0;
    }
    Tape *tape = tape_create();
    load_run();
    write_with_checksum(&file, path);
    load_run();
    tape_free(tape);
    safetensors_close(&file);
    return 0;
}
