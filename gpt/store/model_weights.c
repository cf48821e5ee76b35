// model_weights.c: the weights of a GPT as Hugging Face's GPT-2 names them and lays them out, from and to safetensors.
//
// The names are those of the module tree. Inside blocks transformers has Conv1D where we have Linear: y = x W + b with W
// (n_in, n_out), our weight's transpose. The output head is a Linear in both.

#include "gpt/store/model_files.h"
#include "gpt/stream.h"
#include "tensor/unwind.h"

#include <string.h>

#define HEAD_NAME "lm_head.weight"

// Is this parameter transposed in the file?
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
    const char *name = TENSOR_NAME(parameter);
    if (is_transposed(module, parameter)) {
        safetensors_add_transposed(writer, name, parameter->shape.size[0], parameter->shape.size[1], parameter->data);
    } else {
        safetensors_add(writer, name, DTYPE_REAL, parameter->shape, parameter->data);
    }
}

SafetensorsWriter *model_weights_writer(const GPT *gpt, Real **zeros)
{
    SafetensorsWriter *writer = safetensors_writer_create();
    int n = 3 * gpt->config.n_embd;
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
        safetensors_add(writer, name, DTYPE_REAL, SHAPE(n), *zeros);
    }
    return writer;
}

// ------------------------------------------------------------------------------------------------------------
// Comparing

// The sizes that determine memory are compared first, before the model is created: no config.json can claim more memory than its weights have.
static bool check_sizes(Weights *weights, const GPTConfig *config, Error *error)
{
    int C = config->n_embd;
    char attn[NAME_TEXT];
    char mlp[NAME_TEXT];
    Found found;
    snprintf(attn, sizeof attn, "h.%d.attn.c_attn.weight", config->n_layer - 1);
    snprintf(mlp, sizeof mlp, "h.%d.mlp.c_fc.weight", config->n_layer - 1);
    return weights_need(weights, "wte.weight", SHAPE(config->vocab_size, C), &found, error)
        && weights_need(weights, "wpe.weight", SHAPE(config->context_length, C), &found, error)
        && weights_need(weights, attn, SHAPE(C, 3 * C), &found, error) && weights_need(weights, mlp, SHAPE(C, config->ff_mult * C), &found, error);
}

static bool need_parameter(Weights *weights, const Module *module, const Tensor *parameter, Found *found, Error *error)
{
    Shape shape = parameter->shape;
    const char *name = TENSOR_NAME(parameter);
    if (is_transposed(module, parameter)) {
        shape = SHAPE(shape.size[1], shape.size[0]);
    }
    return weights_need(weights, name, shape, found, error);
}

// ------------------------------------------------------------------------------------------------------------
// Reading

// The file's rows (n_in, n_out) are our weight's columns. A few rows at a time.
static bool read_transposed(Found found, Tensor *weight, Error *error)
{
    enum { AT_ONCE = 16 };
    size_t n_out = (size_t)weight->shape.size[0];
    size_t n_in = (size_t)weight->shape.size[1];
    AUTO_FREE Real *rows = memory_allocate(AT_ONCE * n_out * sizeof *rows, "a matrix's rows"); // (AT_ONCE, n_out)
    bool read = true;
    for (size_t first = 0; read && first < n_in; first += AT_ONCE) {
        size_t n = n_in - first < AT_ONCE ? n_in - first : AT_ONCE;
        read = safetensors_read_reals(found.file, found.array, first * n_out, n * n_out, rows, error);
        for (size_t out = 0; read && out < n_out; out++) {
            for (size_t i = 0; i < n; i++) {
                weight->data[out * n_in + first + i] = rows[i * n_out + out];
            }
        }
    }
    return read;
}

static bool read_parameter(Weights *weights, const Module *module, Tensor *parameter, Error *error)
{
    Found found;
    if (!need_parameter(weights, module, parameter, &found, error)) {
        return false;
    }
    tensor_changed(parameter);
    if (is_transposed(module, parameter)) {
        return read_transposed(found, parameter, error);
    }
    return safetensors_read_reals(found.file, found.array, 0, found.array->count, parameter->data, error);
}

// Are all values of an array as expected (NULL: zero)?
static bool has_values(Found found, const Real *expected, bool *equal, Error *error)
{
    enum { PIECE = 4096 };
    Real values[PIECE];
    *equal = true;
    for (size_t done = 0; *equal && done < found.array->count;) {
        size_t left = found.array->count - done;
        size_t n = left < PIECE ? left : PIECE;
        if (!safetensors_read_reals(found.file, found.array, done, n, values, error)) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            *equal = *equal && values[i] == (expected == NULL ? 0 : expected[done + i]);
        }
        done += n;
    }
    return true;
}

// The file may have an array that the model lacks, if it has these values (NULL: zeros).
static bool check_values(Weights *weights, const char *name, Shape shape, const Real *expected, const char *wrong, Error *error)
{
    Found found;
    bool equal;
    if (!weights_find(weights, name, &found)) {
        return true;
    }
    if (!weights_check(found, shape, error) || !has_values(found, expected, &equal, error)) {
        return false;
    }
    return equal || error_set(error, "%s: tensor %.*s: %s", found.file->path, NAME_SHOWN, found.array->name, wrong);
}

static bool check_head(Weights *weights, const GPT *gpt, Error *error)
{
    const Tensor *weight = gpt->wte.weight;
    return !gpt->config.tied
        || check_values(weights, HEAD_NAME, weight->shape, weight->data, "differs from wte.weight, but tie_word_embeddings is true in config.json",
                        error);
}

static bool check_biases(Weights *weights, const GPT *gpt, Error *error)
{
    bool right = true;
    for (int i = 0; right && !gpt->config.qkv_bias && i < gpt->config.n_layer; i++) {
        char name[NAME_TEXT];
        bias_name(&gpt->h[i], name);
        right = check_values(weights, name, SHAPE(3 * gpt->config.n_embd), NULL, "has values other than 0, but qkv_bias is false in config.json",
                             error);
    }
    return right;
}

// Reads all parameters, or only compares their shapes, which is fast.
static bool visit_parameters(Weights *weights, GPT *gpt, bool read, Error *error)
{
    Found found;
    for (Module *module = &gpt->module; module != NULL; module = module_next(&gpt->module, module)) {
        for (int i = 0; i < module->n_parameters; i++) {
            Tensor *parameter = module->parameters[i];
            if (read ? !read_parameter(weights, module, parameter, error) : !need_parameter(weights, module, parameter, &found, error)) {
                return false;
            }
        }
    }
    return true;
}

static bool check_model(Weights *weights, GPT *gpt, Error *error)
{
    Found found;
    if (!visit_parameters(weights, gpt, false, error) || !check_biases(weights, gpt, error)) {
        return false;
    }
    weights_find(weights, HEAD_NAME, &found); // compared when the embedding has been read
    return weights_check_no_other(weights, error);
}

// ------------------------------------------------------------------------------------------------------------
// Streaming

// Files are read, not mapped: if a mapped file were truncated meanwhile, SIGBUS would end the program.
static bool read_streamed(void *context, const Module *module, Tensor *parameter)
{
    Error error;
    Found found;
    const char *name = TENSOR_NAME(parameter);
    if (!weights_find(context, name, &found) || !need_parameter(context, module, parameter, &found, &error)) {
        return false;
    }
    if (!read_parameter(context, module, parameter, &error)) {
        fail_file("%s", error.message);
    }
    return true;
}

GPT *model_weights_load(const char *folder, const GPTConfig *config, bool streamed, Error *error)
{
    Weights *weights = weights_open(folder, error);
    GPT *gpt = NULL;
    if (weights == NULL) {
        return NULL;
    }
    int frame = unwind_begin();
    bool fits = check_sizes(weights, config, error);
    if (fits && streamed) { // the model owns them
        gpt = gpt_create_streamed_from(config, 0, (StreamSource){read_streamed, weights, weights_close}, error);
    } else {
        unwind_add(weights_close, weights);
        gpt = fits ? gpt_create_blank(config, error) : NULL;
    }
    if (gpt != NULL
        && !(check_model(weights, gpt, error) && (streamed || visit_parameters(weights, gpt, true, error)) && check_head(weights, gpt, error))) {
        gpt_free(gpt);
        gpt = NULL;
    }
    unwind_end(frame);
    return gpt;
}
