// schedule.c: how a training run is set up: its numbers by name, whether they fit together, and the learning rate of each step.

#include "gpt/train/train.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>

// ------------------------------------------------------------------------------------------------------------
// The fields by name

const char *reduction_name(int reduction)
{
    static const char *const names[REDUCTION_COUNT] = {"plain", "exact", "fast"};
    return WORD_AT(names, reduction);
}

#define FIELD(member, type) .name = #member, .kind = (type), .offset = offsetof(TrainConfig, member)
#define COUNT(member, least) FIELD(member, FIELD_COUNT), .low = (least), .high = INT_MAX, .argument = "N"
#define NUMBER(member, least, most) FIELD(member, FIELD_NUMBER), .low = (least), .high = (most), .argument = "X"

const ConfigField train_fields[] = {
    {COUNT(steps, 1), .standard = "3500", .help = "optimizer steps (AdamW), in all"},
    {COUNT(batch, 1), .standard = "12", .help = "rows of a batch"},
    {COUNT(length, 1), .help = "tokens of a row (default: the context length, at most 256)"},
    {COUNT(accumulate, 1), .standard = "1", .help = "batches per step, whose gradients are averaged; under mpirun, of each rank"},
    {FIELD(reduce, FIELD_CHOICE), .word = reduction_name, .n_words = REDUCTION_COUNT, .argument = "NAME",
     .help = "how gradients are summed (default: plain; under mpirun exact, with the same bits on any number of ranks)"},
    {NUMBER(lr, 0, 1000), .help = "learning rate (default 0.003, above width 128 less in proportion; with --model 0.0001)"},
    {NUMBER(min_lr, 0, 1000), .help = "learning rate at the end of the cosine decay (default: lr / 10)"},
    {COUNT(warmup, 0), .help = "steps in which the learning rate rises from 0 (default: a tenth of --steps, at most 100)"},
    {COUNT(decay_steps, 0), .help = "step at which the decay ends (default: --steps)"},
    {NUMBER(beta1, 0, 0.999999), .standard = "0.9", .help = "AdamW: decay rate of the gradient's mean"},
    {NUMBER(beta2, 0, 0.999999), .standard = "0.99", .help = "AdamW: decay rate of the squared gradient's mean"},
    {NUMBER(eps, 1e-30, 1), .standard = "1e-8", .help = "AdamW: added to the root of that mean"},
    {NUMBER(weight_decay, 0, 1000), .standard = "0.1", .help = "weight decay, of matrices only"},
    {NUMBER(clip, 0, 1e30), .standard = "1", .help = "largest norm of the gradient; 0: no clipping"},
    {COUNT(eval_every, 0), .standard = "250", .help = "steps between evaluations; 0: only at the end"},
    {COUNT(eval_batches, 1), .standard = "20", .help = "batches per evaluation, always the same"},
    {COUNT(sample_every, 0), .standard = "0", .help = "steps between samples; 0: only at the end"},
    {COUNT(gradflow_every, 0), .standard = "0",
     .help = "steps between measurements of each layer's gradients, for gradflow.csv and .png; 0: never; not with --recompute on"},
    {COUNT(save_every, 0), .standard = "250", .help = "steps between checkpoints; 0: only at the end"},
};

const int train_field_count = sizeof train_fields / sizeof train_fields[0];

// ------------------------------------------------------------------------------------------------------------
// The check

bool train_config_check(const TrainConfig *config, const GPTConfig *gpt, Error *error)
{
    REQUIRE(config);
    for (int i = 0; i < train_field_count; i++) {
        if (!config_field_check(&train_fields[i], config, error)) {
            return false;
        }
    }
    if (config->min_lr > config->lr) {
        return error_set_field(error, "min_lr", "%g exceeds lr %g, from which it decays", config->min_lr, config->lr);
    }
    if (config->length > gpt->context_length) {
        return error_set_field(error, "length", "%d exceeds the context length %d", config->length, gpt->context_length);
    }
    if (config->batch > INT_MAX / config->length / config->accumulate) {
        return error_set_field(error, "batch", "%d times length %d and accumulate %d exceeds %d tokens", config->batch, config->length,
                               config->accumulate, INT_MAX);
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
        return config->lr * (step + 1.0) / (config->warmup + 1.0);
    }
    if (step >= config->decay_steps) {
        return config->min_lr;
    }
    double progress = (double)(step - config->warmup) / (config->decay_steps - config->warmup); // from 0 to 1
    double share = 0.5 * (1 + cos(pi * progress));                                              // from 1 to 0
    return config->min_lr + share * (config->lr - config->min_lr);
}
