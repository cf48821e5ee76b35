// same.c: checks that all ranks are about to make the same run; otherwise the result would be undefined.

#include "gpt/base/base.h"
#include "gpt/base/hash.h"
#include "gpt/train/train.h"
#include "tensor/fast/fast.h"

#include <math.h>
#include <string.h>

enum { BUILD, KERNELS, SETTINGS, TEXT, WEIGHTS, FINGERPRINTS };

static const char *const differs[FINGERPRINTS] = {
    [BUILD] = "a different program from rank 0's (expected the same build on every machine)",
    [KERNELS] = "different kernels from rank 0's (expected the same kind of processor, and the same --precision and GPTAPE_KERNELS)",
    [SETTINGS] = "different settings from rank 0's (expected the same options, also the same seed)",
    [TEXT] = "a different text or ids from rank 0's (expected the same data on every machine)",
    [WEIGHTS] = "different weights from rank 0's (expected the same model, or the same checkpoint)",
};

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

static uint64_t hash_long(uint64_t hash, const void *bytes, size_t n)
{
    LongHash sum = long_hash_begin(hash);
    long_hash_add(&sum, bytes, n);
    return long_hash_end(&sum);
}

// The program file, which contains the library.
static uint64_t hash_build(void)
{
    Error none;
    AUTO_FREE char *bytes = NULL;
    size_t n;
    uint64_t hash = hash_text(HASH_START, GPTAPE_VERSION);
    return file_read("/proc/self/exe", INFINITY, &bytes, &n, &none) ? hash_long(hash, bytes, n) : hash;
}

static uint64_t hash_fields(uint64_t hash, const ConfigField *fields, int n, const void *config)
{
    for (int i = 0; i < n; i++) {
        hash = hash_text(hash, config_field_text(&fields[i], config, (char[FIELD_BUFFER]){""}));
    }
    return hash;
}

static uint64_t hash_settings(const Trainer *trainer)
{
    const TrainSetup *setup = &trainer->setup;
    uint64_t hash = hash_fields(HASH_START, train_fields, train_field_count, &setup->train);
    hash = hash_fields(hash, gpt_fields, gpt_field_count, &setup->gpt);
    hash = hash_add(hash, (uint64_t)trainer->gpt->recompute);
    hash = hash_add(hash, (uint64_t)trainer->adamw.step);
    hash = hash_add(hash, setup->tokenizer == NULL ? 0 : tokenizer_fingerprint(setup->tokenizer));
    return hash_add(hash, setup->seed);
}

// The tokens, not the file's date or inode: machines may have copies.
static uint64_t hash_data(const Trainer *trainer)
{
    enum { PART = 1 << 16 };
    const TrainSetup *setup = &trainer->setup;
    if (trainer->data == NULL && setup->ids == NULL) {
        return hash_text(HASH_START, setup->batches.name == NULL ? "" : setup->batches.name);
    }
    if (trainer->data == NULL) {
        size_t bytes = (size_t)setup->train.accumulate * (size_t)setup->train.batch * (size_t)setup->train.length * sizeof(int);
        return hash_long(hash_long(HASH_START, setup->ids, bytes), setup->targets, bytes);
    }
    AUTO_FREE int *ids = memory_allocate(PART * sizeof *ids, "tokens");
    size_t n = trainer->data->n_tokens;
    uint64_t hash = hash_add(HASH_START, n);
    for (size_t at = 0; at < n; at += PART) {
        size_t part = n - at < PART ? n - at : PART;
        dataset_ids(trainer->data, at, part, ids);
        hash = hash_long(hash, ids, part * sizeof *ids);
    }
    return hash;
}

static uint64_t hash_weights(const Trainer *trainer)
{
    uint64_t hash = HASH_START;
    for (int i = 0; i < trainer->parameters.count; i++) {
        const Tensor *parameter = trainer->parameters.parameters[i];
        hash = hash_long(hash, parameter->data, tensor_count(parameter) * sizeof(Real));
    }
    return hash_long(hash, trainer->adamw.m, trainer->parameters.values * sizeof(Real));
}

bool trainer_check_ranks(const Trainer *trainer, Error *error)
{
    REQUIRE(trainer);
    if (ranks_count() == 1) {
        return true;
    }
    uint64_t own[FINGERPRINTS] = {
        [BUILD] = hash_build(),
        [KERNELS] = hash_text(hash_text(hash_text(HASH_START, kernels_name()), machine_vectors()), precision_name(kernels_precision())),
        [SETTINGS] = hash_settings(trainer),
        [TEXT] = hash_data(trainer),
        [WEIGHTS] = hash_weights(trainer),
    };
    bool same = true;
    AUTO_FREE uint64_t *all = ranks_gather(own, sizeof own);
    for (int i = 0; same && i < FINGERPRINTS * ranks_count(); i++) {
        same = all[i] == all[i % FINGERPRINTS] || error_set(error, "rank %d has %s", i / FINGERPRINTS, differs[i % FINGERPRINTS]);
    }
    return same;
}
