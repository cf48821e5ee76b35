// seeds.c: what fuzzing starts from: sound files, of every kind that a target reads. seeds FOLDER writes a folder for each target. The
// models that transformers saved are added by the Makefile.

#include "gpt/cli/kit/kit.h"
#include "gpt/stories/stories.h"
#include "gpt/train/run_files.h"
#include "gpt/text/encoding.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_file(const char *path, const char *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static void enter(const char *folder)
{
    mkdir(folder, 0777);
    if (chdir(folder) != 0) {
        perror(folder);
        exit(EXIT_FAILURE);
    }
}

// {"!": 0, ...}: the bytes, what four merges make of some, and one that no text becomes.
static void write_encoder(FILE *file)
{
    static const char *const made[] = {"he", "ll", "hell", "hello", "<|endoftext|>"};
    for (int byte = 0; byte < 256; byte++) {
        char letter[5] = "";
        utf8_write(letter_of_byte(byte), letter);
        fprintf(file, "%s\"%s%s\": %d", byte == 0 ? "{" : ", ", byte == '"' || byte == '\\' ? "\\" : "", letter, byte);
    }
    for (int i = 0; i < 5; i++) {
        fprintf(file, ", \"%s\": %d", made[i], 256 + i);
    }
    putc('}', file);
}

// encoder.json and vocab.bpe in one file, with a NUL between; and both in the form of tokenizer.json.
static void seed_vocabulary(void)
{
    enter("vocabulary");
    FILE *file = fopen("small", "wb");
    write_encoder(file);
    fprintf(file, "%c#version: 0.2\nh e\nl l\nhe ll\nhell o\n", '\0');
    fclose(file);
    enter("../json");
    file = fopen("tokenizer", "wb");
    fputs("{\"pre_tokenizer\": {\"type\": \"ByteLevel\"}, \"model\": {\"type\": \"BPE\", \"vocab\": ", file);
    write_encoder(file);
    fputs(", \"merges\": [[\"h\", \"e\"], \"l l\", [\"he\", \"ll\"], [\"hell\", \"o\"]]}}", file);
    fclose(file);
    enter("..");
}

static void seed_json(void)
{
    static const char *const texts[] = {
        "{\"tokenizer\": \"bytes\"}",
        "{\"tokenizer\": \"chars\", \"alphabet\": [10, 32, 65, 233, 128512]}",
        "{\"metadata\": {\"total_size\": 9}, \"weight_map\": {\"wte.weight\": \"a.safetensors\", \"wpe.weight\": \"b.safetensors\"}}",
        "{\"n_embd\": 8, \"n_head\": 2, \"gptape\": {\"shortcut\": false, \"norm\": \"post\", \"causal\": false, \"init\": \"xavier\"}}",
        "{\"n_inner\": 768, \"activation_function\": \"relu\", \"gptape\": {\"qkv_bias\": false}}",
    };
    enter("json");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", i);
        write_file(name, texts[i], strlen(texts[i]));
    }
    enter("..");
}

// One of each dtype, and an array of none.
static void seed_safetensors(void)
{
    static const double values[2] = {1, 2};
    Error error;
    SafetensorsWriter *writer = safetensors_writer_create();
    enter("safetensors");
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        safetensors_add(writer, dtype_name((Dtype)dtype), (Dtype)dtype, SHAPE(1, 2), values);
    }
    safetensors_add(writer, "none", DTYPE_F32, SHAPE(0, 2, 3), values);
    safetensors_add(writer, "one", DTYPE_F32, SHAPE_SCALAR, values);
    safetensors_add_text(writer, "format", "pt");
    if (!safetensors_save(writer, "dtypes", &error)) {
        exit(EXIT_FAILURE);
    }
    safetensors_writer_free(writer);
    enter("..");
}

static const TrainConfig train_config = {
    .steps = 4,
    .batch = 2,
    .length = 4,
    .accumulate = 2,
    .lr = 1e-2,
    .min_lr = 1e-3,
    .warmup = 1,
    .decay_steps = 4,
    .beta1 = 0.9,
    .beta2 = 0.99,
    .eps = 1e-8,
    .weight_decay = 0.1,
    .clip = 1,
    .eval_every = 1,
    .eval_batches = 1,
    .save_every = 1,
};

// A run of one step, saved in this folder as name. Takes setup.
static void save_run(TrainSetup setup, const char *name)
{
    Error error = {.message = "a step failed"};
    TrainRow row;
    Tape *tape = tape_create();
    setup.train = train_config;
    setup.gpt = (GPTConfig){.vocab_size = setup.ids != NULL ? 7 : tokenizer_vocab_size(setup.tokenizer),
                            .context_length = 4,
                            .n_layer = 1,
                            .n_head = 2,
                            .n_embd = 4,
                            .ff_mult = 2,
                            .tied = true,
                            .shortcut = true,
                            .causal = true};
    Dataset *data = setup.ids != NULL ? NULL : dataset_open(setup.data, setup.tokenizer, NULL, NULL, NULL, &error);
    Trainer *trainer = trainer_create(setup, gpt_create(&setup.gpt, 1, &error), data, &error);
    if (trainer == NULL || !trainer_step(trainer, NULL, &row, &error) || !trainer_save(trainer, ".", &error) || rename(TRAINING_FILE, name) != 0) {
        fprintf(stderr, "%s\n", error.message);
        exit(EXIT_FAILURE);
    }
    trainer_free(trainer);
    tape_free(tape);
}

// Runs of each tokenizer that needs no vocabulary, and one of a batch.
static void seed_training(void)
{
    enum { BATCH = 2 * 2 * 4 };
    Error error;
    enter("training");
    write_file("text", FUZZ_TEXT, sizeof FUZZ_TEXT - 1);
    save_run((TrainSetup){.data = memory_copy_text("text"), .tokenizer = tokenizer_chars_of("text", &error)}, "chars");
    save_run((TrainSetup){.data = memory_copy_text("text"), .tokenizer = tokenizer_bytes()}, "bytes");
    save_run((TrainSetup){.ids = memory_allocate_zeroed(BATCH, sizeof(int), "a batch"),
                          .targets = memory_allocate_zeroed(BATCH, sizeof(int), "a batch")},
             "batch");
    unlink("text");
    enter("..");
}

// A file of tokens, and one that is cut off.
static void seed_tokens(void)
{
    int ids[] = {1, 2, 3, 255};
    Tokenizer *tokenizer = tokenizer_bytes();
    CacheHeader header = cache_header(tokenizer, 7);
    enter("tokens");
    FILE *file = fopen("sound", "wb");
    if (file == NULL || !cache_begin(file) || !cache_add(file, &header, ids, 4) || !cache_end(file, &header) || fclose(file) != 0) {
        exit(EXIT_FAILURE);
    }
    write_file("short", (const char *)&header, sizeof header);
    tokenizer_free(tokenizer);
    enter("..");
}

static void seed_tables(void)
{
    static const char log[] = "1,3.8,,0.003,2.9,39260,0.8\n2,3.7,3.6,0.002,2.2,1e5,0.2\n3,3.6,,0.0023,1.7,83400.8793,0.38";
    static const char flow[] = "0,on,pre,gelu,0,-1,wte.weight,weight_grad,0.02,1.4,0.03,0.27,0,0,\n"
                               "0,on,pre,gelu,0,0,h.0.attn.c_attn.weight.q,weight_grad,0.02,1.4,0.03,0.27,0,0,\n"
                               "0,on,pre,gelu,0,0,h.0.out,activation,0.02,1.4,0.03,0.27,0,0,0.5\n"
                               "0,on,pre,gelu,2,-1,wte.weight,weight_grad,0.02,nan,0.03,inf,0,0,\n"
                               "0,on,pre,gelu,2,2,ln_f.bias,bias_grad,0.02,1.4,0.03,0.27,0,0,\n";
    enter("tables");
    write_file("log", log, sizeof log - 1);
    write_file("flow", flow, sizeof flow - 1);
    enter("..");
}

static void seed_result_rows(void)
{
    static const char numbers[] = "1,-0.5,2e3,.25,7\n\n 3 ,\t4,5, 6,-7\r\n";
    enter("rows");
    write_file("numbers", numbers, sizeof numbers - 1);
    write_file("column", "1\n2\n-3\n", 8);
    write_file("copy", "copy", 4);
    write_file("shift", "shift:3", 7);
    write_file("modular", "modular:97", 10);
    enter("..");
}

static void seed_text(void)
{
    char *stories = stories_text(1, 2000);
    enter("text");
    write_file("stories", stories, strlen(stories));
    write_file("utf8",
               "\xef\xbb\xbf"
               "aé€😀 b\r\n\r\n",
               19);
    enter("..");
    free(stories);
}

#define COMMAND_NUMBER(name) COMMAND_##name,
enum { COMMANDS(COMMAND_NUMBER) };

static void seed_options(void)
{
    // Words end with a NUL, written as | here; the first character is replaced by the command's number, and stdin is behind an empty word.
    static const struct {
        char command;
        const char *words;
    } lines[] = {
        {COMMAND_tokenize, ".--decode|--tokenizer|bytes||72 101, 108\n"},
        {COMMAND_tokenize, ".--tokenizer|chars|--json||text"},
        {COMMAND_stories, ".--check||The dog ran. \"No!\"\n\n"},
        {COMMAND_info, ".--config|tiny|--n-layer|3|--dropout|0.5|--json|"},
        {COMMAND_info, ".--residual|h + 0.5 * f(norm(h))|--tied|off|"},
        {COMMAND_eval, ".--ids|1,2,3;4,5,6|--targets|2,3,4;5,6,7|"},
        {COMMAND_gradflow, ".--depth=20|--seed|7|"},
        {COMMAND_train, ".--lr|1e-3|--steps|7|"},
    };
    enter("options");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char name[16];
        char text[128];
        size_t n = strlen(lines[i].words);
        snprintf(name, sizeof name, "%zu", i);
        snprintf(text, sizeof text, "%s", lines[i].words);
        text[0] = lines[i].command;
        for (size_t at = 0; at < n; at++) {
            text[at] = text[at] == '|' ? '\0' : text[at];
        }
        write_file(name, text, n);
    }
    enter("..");
}

// A file for each row of the table of residual rules.
static void seed_rules(void)
{
    enter("rule");
    for (int i = 0; i < residual_table_count; i++) {
        write_file(residual_table[i].name, residual_table[i].text, strlen(residual_table[i].text));
    }
    enter("..");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: seeds FOLDER\n");
        return EXIT_FAILURE;
    }
    enter(argv[1]);
    seed_vocabulary();
    seed_json();
    seed_safetensors();
    seed_training();
    seed_tokens();
    seed_tables();
    seed_result_rows();
    seed_text();
    seed_options();
    seed_rules();
    return EXIT_SUCCESS;
}
