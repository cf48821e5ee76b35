// fuzz_json.c: any bytes as each of the JSON files of a model's folder: config.json, the tokenizer's, gptape's own and transformers',
// and the index of several files of weights.

#include "gpt/store/model_files.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void remove_file(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    unlink(path);
}

// What was read can be written, and is then read again as the same.
static void read_config(const char *path)
{
    GPTConfig config;
    GPTConfig again;
    ModelDropouts dropouts;
    Error error;
    char *settings;
    if (gpt_generation_settings(fuzz_folder(), 7, &settings, &error)) {
        free(settings);
    }
    if (!model_config_read(path, &config, &dropouts, &error)) {
        return;
    }
    ModelConfigFile file = {.config = &config, .dropouts = dropouts, .end_of_text = -1};
    FILE *stream = fopen(path, "w");
    model_config_write(&file, stream);
    fclose(stream);
    if (!model_config_read(path, &again, &dropouts, &error) || memcmp(&config, &again, sizeof config) != 0) {
        abort();
    }
}

static void read_tokenizer(const uint8_t *data, size_t n)
{
    static const char config[] = "{\"vocab_size\": 300}";
    Error error;
    fuzz_file("config.json", config, sizeof config - 1);
    fuzz_file("gptape_tokenizer.json", data, n);
    tokenizer_free(tokenizer_load(fuzz_folder(), &error));
    remove_file("gptape_tokenizer.json");
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        fuzz_file(names[i], data, n);
        tokenizer_free(tokenizer_load(fuzz_folder(), &error));
        remove_file(names[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[256];
    GPTConfig config = {.vocab_size = 19, .context_length = 8, .n_layer = 2, .n_head = 2, .n_embd = 8, .ff_mult = 4};
    Error error;
    snprintf(path, sizeof path, "%s/config.json", fuzz_folder());
    fuzz_file("config.json", data, n);
    read_config(path);
    read_tokenizer(data, n);
    fuzz_file("model.safetensors.index.json", data, n);
    gpt_free(model_weights_load(fuzz_folder(), &config, false, &error));
    return 0;
}
