// test_huggingface.c: models that transformers saved, and files as transformers writes them.

#include "tests/golden/huggingface.h"
#include "gpt/store/safetensors.h"
#include "tests/gpt/store/store_test.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------------------------------
// What transformers saved

// float32 sums in another order: 1e-5 of the largest logit, and of each norm.
static const double ROUNDING = 1e-5;

static GPT *load_golden(const HuggingFaceModel *golden)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/huggingface/%s", folder_home(), golden->folder);
    return load(path);
}

// The sizes of the golden models.
static GPTConfig huggingface_config(void)
{
    GPTConfig config = small_config();
    config.vocab_size = HUGGINGFACE_V;
    config.context_length = 8;
    config.n_embd = 8;
    config.n_layer = 2;
    config.init = INIT_GPT2;
    config.dropout = 0.1;
    return config;
}

static void open_weights(const char *folder, Safetensors *file)
{
    Error error = {0};
    char path[2048];
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    ck_assert_msg(safetensors_open(file, path, &error), "%s", error.message);
}

// Names, shapes and dtype are those that transformers writes, and no tensor is missing or too many: query, key and value without a
// bias, which no GPT-2 has, are saved with one of zeros.
START_TEST(tensors_are_saved_as_transformers_saves_them)
{
    char path[1024];
    Safetensors ours;
    Safetensors theirs;
    float bias[24];
    Error error;
    GPTConfig config = huggingface_config();
    config.qkv_bias = false;
    GPT *gpt = create_uneven(config);
    save(gpt, NULL, "model");
    gpt_free(gpt);
    snprintf(path, sizeof path, "%s/tests/golden/huggingface/f32", folder_home());
    open_weights("model", &ours);
    open_weights(path, &theirs);
    ck_assert_int_eq(ours.n_arrays, theirs.n_arrays);
    for (int i = 0; i < theirs.n_arrays; i++) {
        const StoredArray *their = &theirs.arrays[i];
        const StoredArray *our = safetensors_find(&ours, their->name + strlen("transformer."));
        ck_assert_msg(our != NULL, "%s is not there", their->name);
        ck_assert_int_eq(our->dtype, their->dtype);
        ck_assert_int_eq(our->ndim, their->ndim);
        ck_assert_mem_eq(our->size, their->size, sizeof our->size);
    }
    ck_assert_str_eq(safetensors_text(&ours, "format"), safetensors_text(&theirs, "format"));
    ck_assert(safetensors_read_reals(&ours, safetensors_find(&ours, "h.1.attn.c_attn.bias"), 0, 24, bias, &error));
    for (int i = 0; i < 24; i++) {
        ck_assert(bias[i] == 0);
    }
    safetensors_close(&ours);
    safetensors_close(&theirs);
}
END_TEST

static cJSON *read_config(const char *folder)
{
    char path[2048];
    char *text;
    size_t n;
    Error error = {0};
    snprintf(path, sizeof path, "%s/config.json", folder);
    ck_assert_msg(file_read(path, MOST_TEXT_BYTES, &text, &n, &error), "%s", error.message);
    cJSON *json = cJSON_Parse(text);
    ck_assert_ptr_nonnull(json);
    free(text);
    return json;
}

// Each key that both write has the same value. n_ctx and torch_dtype are older names, which transformers still reads.
START_TEST(config_json_is_as_transformers_writes_it)
{
    char path[1024];
    int same = 0;
    GPT *gpt = create_gpt(huggingface_config(), 1);
    save(gpt, NULL, "model");
    gpt_free(gpt);
    snprintf(path, sizeof path, "%s/tests/golden/huggingface/f32", folder_home());
    cJSON *ours = read_config("model");
    cJSON *theirs = read_config(path);
    const cJSON *our;
    cJSON_ArrayForEach(our, ours) {
        const cJSON *their = cJSON_GetObjectItemCaseSensitive(theirs, our->string);
        bool older = strcmp(our->string, "n_ctx") == 0 || strcmp(our->string, "torch_dtype") == 0;
        ck_assert_msg(older || cJSON_Compare(our, their, true), "%s is not the same", our->string);
        same += !older;
    }
    ck_assert_int_eq(same, 17);
    cJSON_Delete(ours);
    cJSON_Delete(theirs);
}
END_TEST

static void assert_golden_logits(const HuggingFaceModel *golden, const Tensor *logits)
{
    double largest = 0;
    ck_assert_uint_eq(tensor_count(logits), HUGGINGFACE_LOGITS);
    for (int i = 0; i < HUGGINGFACE_LOGITS; i++) {
        largest = fmax(largest, fabs((double)golden->logits[i]));
    }
    for (int i = 0; i < HUGGINGFACE_LOGITS; i++) {
        ck_assert_msg(fabs((double)logits->data[i] - (double)golden->logits[i]) <= ROUNDING * largest, "%s: logit %d is %.9g, not %.9g",
                      golden->folder, i, (double)logits->data[i], (double)golden->logits[i]);
    }
}

static void assert_golden_gradients(const HuggingFaceModel *golden, const GPT *gpt)
{
    ParameterList list = module_parameters(&gpt->module);
    int n = 0;
    for (; golden->grads[n].name != NULL; n++) {
        const HuggingFaceGrad *grad = &golden->grads[n];
        const Tensor *parameter = NULL;
        for (int i = 0; i < list.count; i++) {
            char name[NAME_TEXT];
            parameter = strcmp(tensor_name(list.parameters[i], name), grad->name) == 0 ? list.parameters[i] : parameter;
        }
        ck_assert_msg(parameter != NULL, "%s: there is no %s", golden->folder, grad->name);
        double l2 = flow_stats(parameter->grad, tensor_count(parameter)).l2;
        ck_assert_msg(fabs(l2 - grad->l2) <= ROUNDING * grad->l2, "%s: the gradient of %s has size %.9g, not %.9g", golden->folder, grad->name, l2,
                      grad->l2);
    }
    ck_assert_int_eq(n, list.count);
    parameter_list_free(&list);
}

// One file and several, float32 and its halves, with the prefix and without it, masks among the tensors, a head of its own.
START_TEST(transformers_models_compute_what_they_compute_there)
{
    const HuggingFaceModel *golden = &HUGGINGFACE_MODELS[_i];
    GPT *gpt = load_golden(golden);
    Tape *tape = tape_create();
    Tensor *logits = gpt_forward(gpt, HUGGINGFACE_IDS, HUGGINGFACE_B, HUGGINGFACE_T);
    assert_golden_logits(golden, logits);
    Tensor *loss = tensor_cross_entropy(logits, HUGGINGFACE_TARGETS);
    ck_assert_double_le(fabs((double)tensor_item(loss) - golden->loss), ROUNDING * golden->loss);
    tensor_backward(loss);
    assert_golden_gradients(golden, gpt);
    tape_free(tape);
    gpt_free(gpt);
}
END_TEST

START_TEST(one_model_in_three_forms_is_one_model)
{
    static const char *const same[] = {"f32", "masks", "sharded"};
    GPT *models[3];
    for (int i = 0; i < 3; i++) {
        HuggingFaceModel named = {.folder = same[i]};
        models[i] = load_golden(&named);
    }
    assert_same_weights(models[0], models[1]);
    assert_same_weights(models[0], models[2]);
    for (int i = 0; i < 3; i++) {
        gpt_free(models[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("huggingface");
    TCase *theirs = case_create(suite, "transformers");
    tcase_add_checked_fixture(theirs, folder_enter, folder_leave);
    tcase_add_loop_test(theirs, transformers_models_compute_what_they_compute_there, 0, HUGGINGFACE_MODEL_COUNT);
    tcase_add_test(theirs, tensors_are_saved_as_transformers_saves_them);
    tcase_add_test(theirs, config_json_is_as_transformers_writes_it);
    tcase_add_test(theirs, one_model_in_three_forms_is_one_model);
    return suite_run(suite);
}
