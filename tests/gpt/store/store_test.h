// store_test.h: models whose weights no initialization makes, saved and loaded.

#ifndef GPTAPE_TESTS_STORE_TEST_H
#define GPTAPE_TESTS_STORE_TEST_H

#include "gpt/base/base.h"
#include "tests/gpt/gpt_test.h"

#include <string.h>

static inline void assert_same_weights(const GPT *a, const GPT *b)
{
    ParameterList one = module_parameters(&a->module);
    ParameterList other = module_parameters(&b->module);
    ck_assert_int_eq(one.count, other.count);
    for (int i = 0; i < one.count; i++) {
        char name[NAME_TEXT];
        size_t bytes = tensor_count(one.parameters[i]) * sizeof(Real);
        ck_assert(shape_equal(one.parameters[i]->shape, other.parameters[i]->shape));
        ck_assert_msg(memcmp(one.parameters[i]->data, other.parameters[i]->data, bytes) == 0, "%s differs", tensor_name(one.parameters[i], name));
    }
    parameter_list_free(&one);
    parameter_list_free(&other);
}

static inline GPT *load(const char *folder)
{
    Error error = {0};
    GPT *gpt = gpt_load(folder, &error);
    ck_assert_msg(gpt != NULL, "%s", error.message);
    return gpt;
}

static inline void save(const GPT *gpt, const Tokenizer *tokenizer, const char *folder)
{
    Error error = {0};
    ck_assert_msg(gpt_save(gpt, tokenizer, folder, &error), "%s", error.message);
}

// Weights that no initialization makes: biases that are not 0, layer norms that are not 1.
static inline GPT *create_uneven(GPTConfig config)
{
    GPT *gpt = create_gpt(config, 1);
    ParameterList list = module_parameters(&gpt->module);
    for (int i = 0; i < list.count; i++) {
        random_normal(&gpt->random, list.parameters[i]->data, tensor_count(list.parameters[i]), 0, 1);
    }
    parameter_list_free(&list);
    return gpt;
}

#endif
