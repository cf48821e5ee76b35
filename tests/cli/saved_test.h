// saved_test.h: models in folders. Each test runs in an empty folder in which model/ is a small
// model of bytes, text.txt a text, and hf a link to what transformers saved.

#ifndef GPTAPE_TESTS_SAVED_TEST_H
#define GPTAPE_TESTS_SAVED_TEST_H

#include "tests/cli/run.h"
#include "tests/gpt/gpt_test.h"
#include "tests/support/folder.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <unistd.h>

static const char TEXT[] = "Every effort moves you, and every one of them is a byte.\n";

static inline void save_model(const char *folder, GPTConfig config, const Tokenizer *tokenizer)
{
    Error error = {0};
    GPT *gpt = create_gpt(config, 9);
    ck_assert_msg(gpt_save(gpt, tokenizer, folder, &error), "%s", error.message);
    gpt_free(gpt);
}

static inline GPTConfig byte_config(void)
{
    GPTConfig config = small_config();
    config.vocab_size = 256;
    return config;
}

static inline void enter(void)
{
    char path[1024];
    folder_enter();
    Tokenizer *bytes = tokenizer_bytes();
    save_model("model", byte_config(), bytes);
    tokenizer_free(bytes);
    file_write("text.txt", TEXT, sizeof TEXT - 1);
    snprintf(path, sizeof path, "%s/tests/golden/huggingface", folder_home());
    ck_assert_int_eq(symlink(path, "hf"), 0);
}

static inline cJSON *json_of(const char *arguments)
{
    Run run = run_gptape(arguments);
    assert_succeeded(&run);
    cJSON *json = run_json(&run);
    run_free(&run);
    return json;
}

// ------------------------------------------------------------------------------------------------------------
// Figures

#define GOLDEN_BATCH "--ids '3,1,4,1,5,9;2,6,5,3,5,8' --targets '1,4,1,5,9,2;6,5,3,5,8,9'"

#endif
