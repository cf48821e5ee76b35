// schedule.c: how a training run is set up: its numbers by name, whether they fit together, and the learning rate of each step.

#include "gpt/train/train.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// The fields by name

#define COUNT_FIELD(name, field, low) {name, TRAIN_COUNT, offsetof(TrainConfig, field), low, INT_MAX}
#define NUMBER_FIELD(name, field, low, high) {name, TRAIN_NUMBER, offsetof(TrainConfig, field), low, high}

const TrainField train_fields[] = {
    COUNT_FIELD("steps", steps, 1),
    COUNT_FIELD("batch", batch, 1),
    COUNT_FIELD("length", length, 1),
    COUNT_FIELD("accumulate", accumulate, 1),
    NUMBER_FIELD("lr", lr, 0, 1000),
    NUMBER_FIELD("min_lr", min_lr, 0, 1000),
    COUNT_FIELD("warmup", warmup, 0),
    COUNT_FIELD("decay_steps", decay_steps, 0),
    NUMBER_FIELD("beta1", beta1, 0, 0.999999),
    NUMBER_FIELD("beta2", beta2, 0, 0.999999),
    NUMBER_FIELD("eps", eps, 1e-30, 1),
    NUMBER_FIELD("weight_decay", weight_decay, 0, 1000),
    NUMBER_FIELD("clip", clip, 0, 1e30),
    COUNT_FIELD("eval_every", eval_every, 0),
    COUNT_FIELD("eval_batches", eval_batches, 1),
    COUNT_FIELD("sample_every", sample_every, 0),
    COUNT_FIELD("gradflow_every", gradflow_every, 0),
    COUNT_FIELD("save_every", save_every, 0),
};

const int train_field_count = sizeof train_fields / sizeof train_fields[0];

double train_field_get(const TrainConfig *config, const TrainField *field)
{
    REQUIRE(config);
    REQUIRE(field);
    const char *at = (const char *)config + field->offset;
    return field->kind == TRAIN_COUNT ? (double)*(const int *)(const void *)at : *(const double *)(const void *)at;
}

void train_field_set(TrainConfig *config, const TrainField *field, double value)
{
    REQUIRE(config);
    REQUIRE(field);
    char *at = (char *)config + field->offset;
    if (field->kind == TRAIN_COUNT) {
        *(int *)(void *)at = (int)value;
    } else {
        *(double *)(void *)at = value;
    }
}

const TrainField *train_field_find(const char *name)
{
    REQUIRE(name);
    for (int i = 0; i < train_field_count; i++) {
        if (strcmp(train_fields[i].name, name) == 0) {
            return &train_fields[i];
        }
    }
    return NULL;
}

// ------------------------------------------------------------------------------------------------------------
// The check

static bool check_ranges(const TrainConfig *config, Error *error)
{
    for (int i = 0; i < train_field_count; i++) {
        const TrainField *field = &train_fields[i];
        double value = train_field_get(config, field);
        if (!(value >= field->low && value <= field->high)) {          // also refuses NaN
            return error_set(error, "%s %.9g: is out of range; take %g to %g", field->name, value, field->low, field->high);
        }
    }
    return true;
}

bool train_config_check(const TrainConfig *config, const GPTConfig *gpt, Error *error)
{
    REQUIRE(config);
    if (!check_ranges(config, error)) {
        return false;
    }
    if (config->min_lr > config->lr) {
        return error_set(error, "min_lr %g: is more than lr, %g, from which it decays", config->min_lr, config->lr);
    }
    if (config->length > gpt->context_length) {
        return error_set(error, "length %d: is more than the context length, %d", config->length, gpt->context_length);
    }
    if (config->batch > INT_MAX / config->length / config->accumulate) {
        return error_set(error, "batch %d: times length %d and accumulate %d are more tokens than can be counted", config->batch,
                         config->length, config->accumulate);
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// The learning rate

double train_lr(const TrainConfig *config, int step)
{
    REQUIRE(config);
    const double pi = 3.14159265358979323846;
    if (step < config->warmup) {
        return config->lr * (step + 1) / (config->warmup + 1);
    }
    if (step >= config->decay_steps) {
        return config->min_lr;
    }
    double progress = (double)(step - config->warmup) / (config->decay_steps - config->warmup);    // from 0 to 1
    double share = 0.5 * (1 + cos(pi * progress));                                                 // from 1 to 0
    return config->min_lr + share * (config->lr - config->min_lr);
}
