// test_folders.c: invalid model folders: each is a one-line error that names the file and the tensor.
// Each test runs in an empty folder with m, a copy of a model that transformers saved, which is then spoiled.

#include "gpt/store/safetensors.h"
#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVAL "eval --model m --ids 1 --targets 2"

static void shell(const char *command)
{
    Run run = run_shell(command);
    assert_succeeded(&run);
    run_free(&run);
}

static void enter(void)
{
    char path[1024];
    folder_enter();
    snprintf(path, sizeof path, "%s/tests/golden/huggingface", folder_home());
    ck_assert_int_eq(symlink(path, "hf"), 0);
    shell("cp -r hf/f32 m && chmod -R u+w m");
}

typedef struct Spoiled {
    const char *how;  // a shell command
    const char *line; // all of stderr, after "gptape eval: "
} Spoiled;

static void assert_refused(const char *arguments, const char *line)
{
    char expected[1024];
    Run run = run_gptape(arguments);
    snprintf(expected, sizeof expected, "gptape eval: %s\n", line);
    ck_assert_msg(run.status == 1, "%s: exited with %d: %s", line, run.status, run.err);
    ck_assert_str_eq(run.err, expected);
    ck_assert_str_eq(run.out, "");
    run_free(&run);
}

static const Spoiled folders[] = {
    {"rm -r m", "m: no such folder (expected a model: a folder with config.json)"},
    {"mv m n && mv n/model.safetensors m", "m: is a file (expected the folder that it is in)"},
    {"rm m/config.json", "m: has no config.json (expected it beside model.safetensors)"},
    {"rm m/model.safetensors", "m: has no model.safetensors"},
    {"mv m/model.safetensors m/pytorch_model.bin", "m: has its weights in pytorch_model.bin, a Python pickle, and no model.safetensors; in Python, "
                                                   "GPT2LMHeadModel.from_pretrained(...).save_pretrained(...) writes one"},
    {"rm m/model.safetensors && mkdir m/model.safetensors", "m/model.safetensors: is a folder (expected a file)"},
    {"rm -r m && cp -r hf/sharded m && chmod -R u+w m && rm m/model-00002-of-00003.safetensors",
     "m/model-00002-of-00003.safetensors: can't be read: No such file or directory"},
    {"rm m/model.safetensors && echo '{}' > m/model.safetensors.index.json",
     "m/model.safetensors.index.json: has no weight_map (expected the file of each tensor)"},
    {"rm m/model.safetensors && echo '{\"weight_map\": {\"w\": \"../w\"}}' > m/model.safetensors.index.json",
     "m/model.safetensors.index.json: tensor w: is in none of this folder's files"},
    {"rm m/model.safetensors && echo '[' > m/model.safetensors.index.json",
     "m/model.safetensors.index.json: its JSON of 2 bytes has no end; is the file truncated?"},
    {"printf . | dd of=m/model.safetensors bs=1 seek=7 conv=notrunc",
     "m/model.safetensors: its header of 3314649325744687544 bytes would go beyond the file's 10400; is it truncated, or not a "
     "safetensors file?"},
    {"head -c 5000 hf/f32/model.safetensors > m/model.safetensors",
     "m/model.safetensors: tensor transformer.h.0.mlp.c_proj.weight: ends at byte 3488 of the data, which has 2504; is the file truncated?"},
};

START_TEST(a_folder_without_its_files)
{
    shell(folders[_i].how);
    assert_refused(EVAL, folders[_i].line);
}
END_TEST

// Each changes config.json by sed.
static const Spoiled configs[] = {
    {"s/\"n_embd\": 8/\"n_embd\": 16/", "m/model.safetensors: tensor transformer.wte.weight: has shape (19, 8) (expected (19, 16) by config.json)"},
    {"s/\"vocab_size\": 19/\"vocab_size\": 20/",
     "m/model.safetensors: tensor transformer.wte.weight: has shape (19, 8) (expected (20, 8) by config.json)"},
    {"s/\"n_positions\": 8/\"n_positions\": 1024/",
     "m/model.safetensors: tensor transformer.wpe.weight: has shape (8, 8) (expected (1024, 8) by config.json)"},
    {"s/\"n_layer\": 2/\"n_layer\": 3/", "m/model.safetensors: tensor h.2.attn.c_attn.weight: missing (expected by config.json)"},
    {"s/\"n_layer\": 2/\"n_layer\": 1/",
     "m/model.safetensors: tensor transformer.h.1.attn.c_attn.bias and 11 more: are not part of the model that config.json describes"},
    {"s/\"n_layer\": 2/\"n_layer\": 2000000000/", "m/model.safetensors: tensor h.1999999999.attn.c_attn.weight: missing (expected by config.json)"},
    {"s/\"n_inner\": null/\"n_inner\": 16/",
     "m/model.safetensors: tensor transformer.h.1.mlp.c_fc.weight: has shape (8, 32) (expected (8, 16) by config.json)"},
    {"s/\"n_inner\": null/\"n_inner\": 20/",
     "m/config.json: n_inner: 20 is not a multiple of n_embd 8; other feed-forward widths are not supported"},
    {"s/\"tie_word_embeddings\": true/\"tie_word_embeddings\": false/",
     "m/model.safetensors: tensor lm_head.weight: missing (expected by config.json)"},
    {"s/\"n_head\": 2/\"n_head\": 3/", "m/config.json: n_embd: 8 is not a multiple of n_head 3 (try 6 or 9)"},
    {"s/\"n_head\": 2/\"n_head\": 0/", "m/config.json: n_head: '0' is not an integer between 1 and 2147483647"},
    {"s/\"n_head\": 2/\"n_head\": 2.5/", "m/config.json: n_head: '2.5' is not an integer between 1 and 2147483647"},
    {"s/\"n_head\": 2/\"n_head\": \"2\"/", "m/config.json: n_head: wrong type (expected a number)"},
    {"s/\"n_embd\": 8/\"n_embd\": 2147483647/", "m/config.json: n_embd: 2147483647 is not a multiple of n_head 2 (try 2147483646 or 2147483648)"},
    {"s/\"resid_pdrop\": 0.1/\"resid_pdrop\": 1/", "m/config.json: resid_pdrop: '1' is not a number between 0 and 0.999999"},
    {"s/\"resid_pdrop\": 0.1/\"resid_pdrop\": true/", "m/config.json: resid_pdrop: wrong type (expected a number)"},
    {"s/\"gelu_new\"/\"quick_gelu\"/",
     "m/config.json: activation_function: 'quick_gelu' is not supported (expected gelu_new, gelu, relu, tanh, sigmoid or linear)"},
    {"s/\"gelu_new\"/1/", "m/config.json: activation_function: not a string"},
    {"s/\"model_type\": \"gpt2\"/\"model_type\": \"llama\"/", "m/config.json: model_type: \"llama\" is not supported (expected \"gpt2\")"},
    {"s/1e-05/1e-06/", "m/config.json: layer_norm_epsilon: 1e-06 is not supported (expected 1e-05)"},
    {"s/\"scale_attn_by_inverse_layer_idx\": false/\"scale_attn_by_inverse_layer_idx\": true/",
     "m/config.json: scale_attn_by_inverse_layer_idx: true is not supported (expected false)"},
    {"s/\"scale_attn_weights\": true/\"scale_attn_weights\": false/", "m/config.json: scale_attn_weights: false is not supported (expected true)"},
    {"s/\"add_cross_attention\": false/\"add_cross_attention\": true/",
     "m/config.json: add_cross_attention: true is not supported (expected false)"},
    {"s/\"use_cache\": true/\"is_encoder_decoder\": true/", "m/config.json: is_encoder_decoder: true is not supported (expected false)"},
    {"s/\"use_cache\": true/\"pruned_heads\": {\"0\": [1]}/", "m/config.json: pruned_heads: {\"0\":[1]} is not supported (expected {})"},
    {"s/\"use_cache\": true/\"quantization_config\": {\"bits\": 4}/",
     "m/config.json: quantization_config: {\"bits\":4} is not supported (expected {})"},
    {"s/\"use_cache\": true/\"quantization_config\": \"int4\"/", "m/config.json: quantization_config: \"int4\" is not supported (expected {})"},
    {"s/\"use_cache\": true/\"pruned_heads\": 1/", "m/config.json: pruned_heads: 1 is not supported (expected {})"},
    {"s/\"vocab_size\": 19/\"n_head\": 3, \"vocab_size\": 19, \"n_head\": 3/",
     "m/config.json: n_embd: 8 is not a multiple of n_head 3 (try 6 or 9)"},
    {"s/\"use_cache\": true/\"hidden_size\": 16/", "m/config.json: hidden_size: differs from n_embd, which means the same"},
    {"s/\"n_layer\": 2/\"num_hidden_layers\": 3/", "m/model.safetensors: tensor h.2.attn.c_attn.weight: missing (expected by config.json)"},
    {"s/\"embd_pdrop\": 0.1/\"embd_pdrop\": 1.5/", "m/config.json: embd_pdrop: '1.5' is not a number between 0 and 0.999999"},
    {"s/\"attn_pdrop\": 0.1/\"attn_pdrop\": \"0\"/", "m/config.json: attn_pdrop: wrong type (expected a number)"},
    {"s/\"tie_word_embeddings\": true/\"tie_word_embeddings\": 1/", "m/config.json: tie_word_embeddings: wrong type (expected true or false)"},
    {"s/\"use_cache\": true/\"gptape\": {\"shortcut\": \"off\"}/", "m/config.json: gptape: shortcut: wrong type (expected true or false)"},
    {"s/\"use_cache\": true/\"gptape\": {\"norm\": \"past\"}/", "m/config.json: gptape: norm: 'past' is unknown (expected pre, post or none)"},
    {"s/\"use_cache\": true/\"gptape\": {\"experts\": 8}/", "m/config.json: gptape: experts: unknown to this version of gptape"},
    {"s/\"use_cache\": true/\"gptape\": 1/", "m/config.json: gptape: not an object (expected one such as {\"shortcut\": false})"},
    {"s/\"use_cache\": true/\"gptape\": {\"norm\": \"none\"}/",
     "m/model.safetensors: tensor transformer.h.0.ln_1.bias and 9 more: are not part of the model that config.json describes"},
    {"s/\"use_cache\": true/\"gptape\": {\"qkv_bias\": false}/",
     "m/model.safetensors: tensor transformer.h.0.attn.c_attn.bias: has values other than 0, but qkv_bias is false in config.json"},
    {"s/,/;/", "m/config.json: can't be read as JSON from byte 38 of 820 on"},
    {"s/}//", "m/config.json: its JSON of 819 bytes has no end; is the file truncated?"},
    {"s/[^\\n]*//", "m/config.json: its JSON of 34 bytes has no end; is the file truncated?"},
    {"s/gelu_new/\\xff/", "m/config.json: byte 0xff after 28 bytes of JSON is not UTF-8 text"},
};

START_TEST(a_config_that_disagrees_or_is_none)
{
    char command[256];
    snprintf(command, sizeof command, "sed -i '%s' m/config.json && ! cmp -s m/config.json hf/f32/config.json", configs[_i].how);
    shell(command);
    assert_refused(EVAL, configs[_i].line);
}
END_TEST

START_TEST(a_config_must_be_an_object)
{
    shell("echo '[1]' > m/config.json");
    assert_refused(EVAL, "m/config.json: not a JSON object (expected one such as {\"model_type\": \"gpt2\"})");
    shell("head -c 100000 /dev/zero | tr '\\0' '[' > m/config.json");
    assert_refused(EVAL, "m/config.json: can't be read as JSON from byte 1001 of 100000 on");
    shell("rm m/config.json && mkdir m/config.json");
    assert_refused(EVAL, "m/config.json: is a folder (expected a file)");
}
END_TEST

// What transformers would generate with, and gptape takes from options, is named; what is neutral is not.
START_TEST(settings_for_generating_are_named)
{
    shell("echo '{\"do_sample\": true, \"temperature\": 0.7, \"top_k\": 0, \"top_p\": 1.0, \"eos_token_id\": [5, 6], \"bad_words_ids\": [], "
          "\"transformers_version\": \"5\"}' > m/generation_config.json");
    Run run = run_gptape("generate --model m --prompt-ids 1 --tokens 1 --ids");
    ck_assert_int_eq(run.status, 0);
    assert_has(&run, run.err,
               "gptape generate: m: its generation settings are ignored (only options apply): temperature 0.7, eos_token_id [5,6]\n");
    run_free(&run);
    shell("echo '{\"do_sample\": true, \"temperature\": 1.0}' > m/generation_config.json");
    run = run_gptape("generate --model m --prompt-ids 1 --tokens 1 --ids");
    ck_assert_ptr_null(strstr(run.err, "settings"));
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Tensors

enum { V = 3, T = 4, C = 2 };

static float values[8 * C * C];

static Shape shape_of(int rows, int columns) // a vector if columns is 0
{
    return columns == 0 ? SHAPE(rows) : SHAPE(rows, columns);
}

static void add(SafetensorsWriter *writer, const char *name, int rows, int columns)
{
    safetensors_add(writer, name, DTYPE_F32, shape_of(rows, columns), values);
}

// A model of one block, one head, whose weights are 0, 1, 2, ...; the caller adds what is wrong, and saves.
static SafetensorsWriter *small_model(void)
{
    SafetensorsWriter *writer = safetensors_writer_create();
    for (int i = 0; i < 8 * C * C; i++) {
        values[i] = (float)i;
    }
    add(writer, "wte.weight", V, C);
    add(writer, "wpe.weight", T, C);
    add(writer, "h.0.ln_1.weight", C, 0);
    add(writer, "h.0.ln_1.bias", C, 0);
    add(writer, "h.0.attn.c_attn.weight", C, 3 * C);
    add(writer, "h.0.attn.c_attn.bias", 3 * C, 0);
    add(writer, "h.0.attn.c_proj.weight", C, C);
    add(writer, "h.0.attn.c_proj.bias", C, 0);
    add(writer, "h.0.ln_2.weight", C, 0);
    add(writer, "h.0.ln_2.bias", C, 0);
    add(writer, "h.0.mlp.c_fc.weight", C, 4 * C);
    add(writer, "h.0.mlp.c_fc.bias", 4 * C, 0);
    add(writer, "h.0.mlp.c_proj.weight", 4 * C, C);
    add(writer, "h.0.mlp.c_proj.bias", C, 0);
    add(writer, "ln_f.weight", C, 0);
    shell("echo '{\"vocab_size\": 3, \"n_positions\": 4, \"n_embd\": 2, \"n_layer\": 1, \"n_head\": 1}' > m/config.json");
    return writer;
}

static void save(SafetensorsWriter *writer)
{
    Error error = {0};
    ck_assert_msg(safetensors_save(writer, "m/model.safetensors", &error), "%s", error.message);
    safetensors_writer_free(writer);
}

START_TEST(a_tensor_that_is_missing)
{
    save(small_model());
    assert_refused(EVAL, "m/model.safetensors: tensor ln_f.bias: missing (expected by config.json)");
}
END_TEST

// Keys that config.json doesn't have are GPT2Config's defaults: tied, gelu_new.
START_TEST(a_head_may_be_there_if_it_is_the_embedding)
{
    SafetensorsWriter *writer = small_model();
    add(writer, "ln_f.bias", C, 0);
    add(writer, "lm_head.weight", V, C);
    save(writer);
    succeed(EVAL);
}
END_TEST

typedef struct OneMore {
    const char *name;
    Dtype dtype;
    int rows, columns;
    const char *line;
} OneMore;

static const OneMore one_mores[] = {
    {"ln_f.bias", DTYPE_I32, C, 0, "tensor ln_f.bias: has dtype I32; F32, F16, BF16 or F64 can be loaded"},
    {"ln_f.bias", DTYPE_F8_E4M3, C, 0, "tensor ln_f.bias: has dtype F8_E4M3; F32, F16, BF16 or F64 can be loaded"},
    {"ln_f.bias", DTYPE_F32, 1, C, "tensor ln_f.bias: has shape (1, 2) (expected (2) by config.json)"},
    {"ln_f.bias", DTYPE_F32, V, 0, "tensor ln_f.bias: has shape (3) (expected (2) by config.json)"},
};

START_TEST(a_tensor_of_another_kind)
{
    const OneMore *more = &one_mores[_i];
    char line[256];
    SafetensorsWriter *writer = small_model();
    safetensors_add(writer, more->name, more->dtype, shape_of(more->rows, more->columns), values);
    save(writer);
    snprintf(line, sizeof line, "m/model.safetensors: %s", more->line);
    assert_refused(EVAL, line);
}
END_TEST

static const OneMore too_manys[] = {
    {"score.weight", DTYPE_F32, 2, C, "tensor score.weight: is not part of the model that config.json describes"},
    {"transformer.wte.weight", DTYPE_F32, V, C, "tensor transformer.wte.weight: is not part of the model that config.json describes"},
    {"lm_head.weight", DTYPE_F32, T, C, "tensor lm_head.weight: has shape (4, 2) (expected (3, 2) by config.json)"},
    {"lm_head.weight", DTYPE_F16, V, C, "tensor lm_head.weight: differs from wte.weight, but tie_word_embeddings is true in config.json"},
    {"a\nb", DTYPE_F32, 1, 0, "tensor a\\nb: is not part of the model that config.json describes"},
};

START_TEST(a_tensor_too_many)
{
    const OneMore *more = &too_manys[_i];
    char line[256];
    SafetensorsWriter *writer = small_model();
    add(writer, "ln_f.bias", C, 0);
    safetensors_add(writer, more->name, more->dtype, shape_of(more->rows, more->columns), values);
    save(writer);
    snprintf(line, sizeof line, "m/model.safetensors: %s", more->line);
    assert_refused(EVAL, line);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Tokenizers

static const Spoiled tokenizers[] = {
    {"echo '{\"tokenizer\": \"words\"}' > m/gptape_tokenizer.json",
     "m/gptape_tokenizer.json: unknown tokenizer (expected {\"tokenizer\": \"gpt2\"}, \"bytes\" or \"chars\")"},
    {"echo '[]' > m/gptape_tokenizer.json",
     "m/gptape_tokenizer.json: unknown tokenizer (expected {\"tokenizer\": \"gpt2\"}, \"bytes\" or \"chars\")"},
    {"echo '{' > m/gptape_tokenizer.json", "m/gptape_tokenizer.json: its JSON of 2 bytes has no end; is the file truncated?"},
    {"echo '{\"tokenizer\": \"bytes\"}' > m/gptape_tokenizer.json", "m: its tokenizer has 256 tokens, but config.json's vocab_size is 19"},
    {"echo '{\"tokenizer\": \"chars\"}' > m/gptape_tokenizer.json",
     "m/gptape_tokenizer.json: missing alphabet (expected code points such as [10, 32, 65])"},
    {"echo '{\"tokenizer\": \"chars\", \"alphabet\": []}' > m/gptape_tokenizer.json",
     "m/gptape_tokenizer.json: missing alphabet (expected code points such as [10, 32, 65])"},
    {"echo '{\"tokenizer\": \"chars\", \"alphabet\": [66, 65]}' > m/gptape_tokenizer.json",
     "m/gptape_tokenizer.json: the alphabet's items must be code points, each larger than the one before"},
    {"echo '{\"tokenizer\": \"chars\", \"alphabet\": [65, 65]}' > m/gptape_tokenizer.json",
     "m/gptape_tokenizer.json: the alphabet's items must be code points, each larger than the one before"},
    {"echo '{\"tokenizer\": \"chars\", \"alphabet\": [1114112]}' > m/gptape_tokenizer.json",
     "m/gptape_tokenizer.json: the alphabet's items must be code points, each larger than the one before"},
    {"echo '{\"tokenizer\": \"chars\", \"alphabet\": [55296]}' > m/gptape_tokenizer.json",
     "m/gptape_tokenizer.json: the alphabet's items must be code points, each larger than the one before"},
    {"echo '{\"tokenizer\": \"chars\", \"alphabet\": [65.5]}' > m/gptape_tokenizer.json",
     "m/gptape_tokenizer.json: the alphabet's items must be code points, each larger than the one before"},
    {"echo '{\"tokenizer\": \"gpt2\"}' > m/gptape_tokenizer.json", "m/encoder.json: can't be read: No such file or directory"},
    {"echo '{}' > m/vocab.json", "m/merges.txt: can't be read: No such file or directory"},
};

START_TEST(a_tokenizer_that_is_none)
{
    shell(tokenizers[_i].how);
    shell("echo text > text.txt");
    assert_refused("eval --model m --data text.txt --quiet", tokenizers[_i].line);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli/folders");
    TCase *tcase = case_create(suite, "folders");
    tcase_add_checked_fixture(tcase, enter, folder_leave);
    tcase_add_loop_test(tcase, a_folder_without_its_files, 0, sizeof folders / sizeof folders[0]);
    tcase_add_loop_test(tcase, a_config_that_disagrees_or_is_none, 0, sizeof configs / sizeof configs[0]);
    tcase_add_test(tcase, a_config_must_be_an_object);
    tcase_add_test(tcase, settings_for_generating_are_named);
    tcase_add_test(tcase, a_tensor_that_is_missing);
    tcase_add_test(tcase, a_head_may_be_there_if_it_is_the_embedding);
    tcase_add_loop_test(tcase, a_tensor_of_another_kind, 0, sizeof one_mores / sizeof one_mores[0]);
    tcase_add_loop_test(tcase, a_tensor_too_many, 0, sizeof too_manys / sizeof too_manys[0]);
    tcase_add_loop_test(tcase, a_tokenizer_that_is_none, 0, sizeof tokenizers / sizeof tokenizers[0]);
    return suite_run(suite);
}
