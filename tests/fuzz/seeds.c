// seeds.c: what fuzzing starts from: sound files, of every kind that a target reads. seeds FOLDER writes a folder for each target. The
// models that transformers saved are added by the Makefile.

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
        safetensors_add(writer, dtype_name((Dtype)dtype), (Dtype)dtype, 2, (int64_t[]){1, 2}, values);
    }
    safetensors_add(writer, "none", DTYPE_F32, 3, (int64_t[]){0, 2, 3}, values);
    safetensors_add(writer, "one", DTYPE_F32, 0, NULL, values);
    safetensors_add_text(writer, "format", "pt");
    if (!safetensors_save(writer, "dtypes", &error)) {
        exit(EXIT_FAILURE);
    }
    safetensors_writer_free(writer);
    enter("..");
}

static const TrainConfig train_config = {
    .steps = 4, .batch = 2, .length = 4, .accumulate = 2, .lr = 1e-2, .min_lr = 1e-3, .warmup = 1, .decay_steps = 4,
    .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1, .clip = 1, .eval_every = 1, .eval_batches = 1, .save_every = 1,
};

// A run of one step, saved in this folder as name. Takes setup.
static void save_run(TrainSetup setup, const char *name)
{
    Error error = {.message = "a step failed"};
    TrainRow row;
    Tape *tape = tape_create();
    setup.train = train_config;
    setup.gpt = (GPTConfig){.vocab_size = setup.ids != NULL ? 7 : tokenizer_vocab_size(setup.tokenizer), .context_length = 4,
                            .n_layer = 1, .n_head = 2, .n_embd = 4, .ff_mult = 2, .tied = true, .shortcut = true, .causal = true};
    Dataset *data = setup.ids != NULL ? NULL : dataset_open(setup.data, setup.tokenizer, NULL, NULL, NULL, &error);
    Trainer *trainer = trainer_create(setup, gpt_create(&setup.gpt, 1, &error), data, &error);
    if (trainer == NULL || !trainer_step(trainer, NULL, &row, &error) || !trainer_save(trainer, ".", &error) ||
        rename(TRAINING_FILE, name) != 0) {
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
                          .targets = memory_allocate_zeroed(BATCH, sizeof(int), "a batch")}, "batch");
    unlink("text");
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
    return EXIT_SUCCESS;
}
