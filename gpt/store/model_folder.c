// model_folder.c: saves a model and its tokenizer to a folder, and loads them.

#include "gpt/base/base.h"
#include "gpt/store/model_files.h"
#include "gpt/text/encoding.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

// ------------------------------------------------------------------------------------------------------------
// The three dropout probabilities of GPT2Config, which may differ. GPTConfig has one; a model that was loaded has all three in its Dropout
// modules, and keeps them when it is saved.

// Which of the three a Dropout module has: "drop", "h.0.attn.attn_dropout", "h.0.attn.resid_dropout", "h.0.mlp.dropout".
static double *probability_of(ModelDropouts *dropouts, const GPT *gpt, const Module *module)
{
    if (module == &gpt->drop.module) {
        return &dropouts->embd;
    }
    return strstr(module->name, ".attn_dropout") != NULL ? &dropouts->attn : &dropouts->resid;
}

void model_dropouts_set(GPT *gpt, ModelDropouts dropouts)
{
    gpt->config.dropout = dropouts.resid;
    for (Module *module = &gpt->module; module != NULL; module = module_next(&gpt->module, module)) {
        if (module->kind == &dropout_kind) {
            ((Dropout *)module)->p = *probability_of(&dropouts, gpt, module);
        }
    }
}

ModelDropouts model_dropouts(const GPT *gpt)
{
    ModelDropouts dropouts = {0};
    for (const Module *module = &gpt->module; module != NULL; module = module_next(&gpt->module, module)) {
        if (module->kind == &dropout_kind) {
            *probability_of(&dropouts, gpt, module) = ((const Dropout *)module)->p;
        }
    }
    return dropouts;
}

// ------------------------------------------------------------------------------------------------------------
// The folder

// The weights last: a folder that has them has the rest.
bool gpt_save(const GPT *gpt, const Tokenizer *tokenizer, const char *folder, Error *error)
{
    REQUIRE(gpt, folder);
    FolderFile files[TOKENIZER_FILES + 2];
    AUTO_FREE Real *zeros = NULL;
    int end_of_text = tokenizer == NULL ? -1 : tokenizer_end_of_text(tokenizer);
    ModelConfigFile config = {.config = &gpt->config, .dropouts = model_dropouts(gpt), .end_of_text = end_of_text};
    SafetensorsWriter *writer = model_weights_writer(gpt, &zeros);
    int n = tokenizer == NULL ? 0 : tokenizer_files(tokenizer, files);
    files[n] = (FolderFile){"config.json", model_config_write, &config};
    files[n + 1] = (FolderFile){"model.safetensors", safetensors_write, writer};
    bool saved = folder_save(folder, files, n + 2, error);
    safetensors_writer_free(writer);
    return saved;
}

static bool check_folder(const char *folder, Error *error)
{
    struct stat status;
    if (stat(folder, &status) != 0) {
        return errno == ENOENT ? error_set(error, "%s: no such folder (expected a model: a folder with config.json)", folder)
                               : error_set(error, "%s: can't be read: %s", folder, strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) {
        return error_set(error, "%s: is a file (expected the folder that it is in)", folder);
    }
    return file_exists(folder, "config.json") || error_set(error, "%s: has no config.json (expected it beside model.safetensors)", folder);
}

static bool load_config(const char *folder, GPTConfig *config, ModelDropouts *dropouts, Error *error)
{
    AUTO_FREE char *path = path_in(folder, "config.json");
    return check_folder(folder, error) && model_config_read(path, config, dropouts, error);
}

bool gpt_load_config(const char *folder, GPTConfig *config, Error *error)
{
    REQUIRE(folder, config);
    return load_config(folder, config, NULL, error);
}

static GPT *load(const char *folder, bool streamed, Error *error)
{
    GPTConfig config;
    ModelDropouts dropouts;
    GPT *gpt = load_config(folder, &config, &dropouts, error) ? model_weights_load(folder, &config, streamed, error) : NULL;
    if (gpt != NULL) {
        model_dropouts_set(gpt, dropouts);
    }
    return gpt;
}

GPT *gpt_load(const char *folder, Error *error)
{
    REQUIRE(folder);
    return load(folder, false, error);
}

GPT *gpt_load_streamed(const char *folder, Error *error)
{
    REQUIRE(folder);
    return load(folder, true, error);
}

Tokenizer *tokenizer_load(const char *folder, Error *error)
{
    REQUIRE(folder);
    GPTConfig config;
    return gpt_load_config(folder, &config, error) ? tokenizer_from_folder(folder, config.vocab_size, error) : NULL;
}
