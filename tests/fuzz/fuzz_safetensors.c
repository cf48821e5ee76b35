// fuzz_safetensors.c: any bytes as model.safetensors: its header, each of its arrays, and the model that its sizes ask for.

#include "gpt/store/model_files.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

// Every value is read, both ways, into memory of just the size that the header promises.
static void read_array(const Safetensors *file, const StoredArray *array)
{
    Error error;
    void *bytes = memory_allocate(array->bytes + 1, "an array");
    if (!safetensors_read(file, array, 0, array->count, bytes, &error)) {
        abort(); // the header was believed: it must be true
    }
    free(bytes);
    if (dtype_is_float(array->dtype)) {
        float *floats = memory_allocate(array->count * sizeof *floats + 1, "an array");
        if (!safetensors_read_reals(file, array, 0, array->count, floats, &error)) {
            abort();
        }
        free(floats);
    }
}

static void read_all(const char *path)
{
    Safetensors file;
    Error error;
    if (!safetensors_open(&file, path, &error)) {
        return;
    }
    for (int i = 0; i < file.n_arrays; i++) {
        const StoredArray *array = &file.arrays[i];
        if (safetensors_find(&file, array->name) != array) {
            abort();
        }
        read_array(&file, array);
    }
    safetensors_text(&file, "format");
    safetensors_close(&file);
}

// The configuration of the models in tests/golden/huggingface, which the seeds come from, with the head that the bytes' number asks for.
static void load_model(size_t n)
{
    GPTConfig config = {.vocab_size = 19,
                        .context_length = 8,
                        .n_layer = 2,
                        .n_head = 2,
                        .n_embd = 8,
                        .ff_mult = 4,
                        .qkv_bias = n % 2 == 0,
                        .tied = n % 3 != 0,
                        .shortcut = true,
                        .causal = true,
                        .norm = (Norm)(n % NORM_COUNT)};
    Error error;
    GPT *gpt = model_weights_load(fuzz_folder(), &config, false, &error);
    gpt_free(gpt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[256];
    fuzz_file("model.safetensors", data, n);
    snprintf(path, sizeof path, "%s/model.safetensors", fuzz_folder());
    read_all(path);
    load_model(n);
    return 0;
}
