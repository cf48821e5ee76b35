// task.c: synthetic tasks, whose batches are drawn from a seed.

#include "gpt/text/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COPIED_SYMBOLS = 64 }; // default vocabulary

int task_vocabulary(const Task *task)
{
    REQUIRE(task);
    return task->kind == TASK_MODULAR ? task->k + 1 : COPIED_SYMBOLS;
}

bool task_fit(Task *task, int vocab_size, int T, Error *error)
{
    REQUIRE(task);
    int least_vocabulary = task->kind == TASK_MODULAR ? task->k + 1 : 2;
    int least_length = task->kind == TASK_COPY ? 2 : task->kind == TASK_SHIFT ? task->k + 1 : 3;
    if (vocab_size < least_vocabulary) {
        return error_set(error, "%s needs a vocabulary of at least %d tokens, but the model has %d", task->name, least_vocabulary, vocab_size);
    }
    if (T < least_length) {
        return error_set(error, "%s needs rows of at least %d tokens, but they have %d", task->name, least_length, T);
    }
    task->n_symbols = task->kind == TASK_MODULAR ? task->k : vocab_size;
    return true;
}

static int draw(Random *random, int n)
{
    return (int)(random_bits(random) % (uint32_t)n);
}

// A text of T + 1 tokens whose second half repeats the first; each token of it is to be predicted from those before.
static void copy_row(const Task *task, Random *random, int T, int *ids, int *targets)
{
    int half = (T + 2) / 2;
    for (int t = 0; t < T; t++) {
        ids[t] = t < half ? draw(random, task->n_symbols) : ids[t - half];
        targets[t] = t + 1 < half ? TARGET_IGNORED : ids[t + 1 - half];
    }
}

static void shift_row(const Task *task, Random *random, int T, int *ids, int *targets)
{
    for (int t = 0; t < T; t++) {
        ids[t] = draw(random, task->n_symbols);
        targets[t] = t < task->k ? TARGET_IGNORED : ids[t - task->k];
    }
}

// a b = c, a b = c, ...: the sign is token k, and only c is to be predicted.
static void modular_row(const Task *task, Random *random, int T, int *ids, int *targets)
{
    enum { A, B, SIGN, SUM, TOKENS };
    int problem[TOKENS];
    for (int t = 0; t < T; t++) {
        if (t % TOKENS == A) {
            problem[A] = draw(random, task->k);
            problem[B] = draw(random, task->k);
            problem[SIGN] = task->k;
            problem[SUM] = (problem[A] + problem[B]) % task->k;
        }
        ids[t] = problem[t % TOKENS];
        targets[t] = t % TOKENS == SIGN ? problem[SUM] : TARGET_IGNORED;
    }
}

// Each kind's name, and the least K that follows it; 0: none.
static const struct {
    const char *name;
    int least;
    void (*row)(const Task *task, Random *random, int T, int *ids, int *targets);
} KINDS[TASK_COUNT] = {
    [TASK_COPY] = {"copy", 0, copy_row},
    [TASK_SHIFT] = {"shift", 1, shift_row},
    [TASK_MODULAR] = {"modular", 2, modular_row},
};

// ":3" -> 3. False if text is not a colon and an integer from least to TASK_MOST.
static bool read_number(const char *text, int least, int *number)
{
    size_t count = text[0] == ':' ? strspn(text + 1, "0123456789") : 0;
    long value = count > 0 && count < 8 && text[1 + count] == '\0' ? strtol(text + 1, NULL, 10) : -1;
    *number = (int)value;
    return value >= least && value <= TASK_MOST;
}

bool task_read(const char *text, Task *task, Error *error)
{
    REQUIRE(text, task);
    *task = (Task){0};
    for (int kind = 0; kind < TASK_COUNT; kind++) {
        size_t n = strlen(KINDS[kind].name);
        bool named = strncmp(text, KINDS[kind].name, n) == 0;
        if (named && (KINDS[kind].least == 0 ? text[n] == '\0' : read_number(text + n, KINDS[kind].least, &task->k))) {
            task->kind = (TaskKind)kind;
            snprintf(task->name, sizeof task->name, "%s", text);
            return true;
        }
    }
    return error_set(error, "'%.80s' is unknown (expected copy, shift:K or modular:K with K up to %d)", text, TASK_MOST);
}

static void fill_batch(void *context, Random *random, int B, int T, int *ids, int *targets)
{
    const Task *task = context;
    for (int b = 0; b < B; b++) {
        size_t row = (size_t)b * (size_t)T;
        KINDS[task->kind].row(task, random, T, ids + row, targets + row);
    }
}

BatchSource task_source(const Task *task)
{
    REQUIRE(task);
    if ((unsigned)task->kind >= TASK_COUNT || task->n_symbols < 1 || task->k < 0 || (task->kind == TASK_MODULAR && task->k < 1)) {
        fail_mistake(HERE, "task_source: the task does not fit any rows (expected one of task_read, after task_fit)");
    }
    return (BatchSource){.name = task->name, .fill = fill_batch, .context = (void *)task, .guess_loss = log(task->n_symbols)};
}

void batch_draw(const BatchSource *source, Random *random, int B, int T, int *ids, int *targets)
{
    REQUIRE(source, source->fill, random);
    Random own;
    random_seed(&own, random_bits(random));
    source->fill(source->context, &own, B, T, ids, targets);
    for (size_t i = 0, n = (size_t)B * (size_t)T; i < n; i++) {
        if (targets[i] != TARGET_IGNORED) {
            return;
        }
    }
    fail_mistake(HERE, "batch_draw: %.80s: every target is TARGET_IGNORED (expected one that is not, so that the batch has a loss)",
                 source->name != NULL ? source->name : "fill");
}
