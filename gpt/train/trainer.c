// trainer.c: one training step, in the order of the data: batches, loss, gradients, update; evaluation; the audit of gradients.

#include "gpt/base/base.h"
#include "gpt/train/train.h"
#include "nn/mode.h"
#include "tensor/unwind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Creating

void train_setup_free(TrainSetup *setup)
{
    REQUIRE(setup);
    tokenizer_free(setup->tokenizer);
    free(setup->data);
    free(setup->model);
    free(setup->ids);
    free(setup->targets);
    *setup = (TrainSetup){0};
}

static bool ids_check(const TrainSetup *setup, Error *error)
{
    int n = setup->train.accumulate * setup->train.batch * setup->train.length;
    return gpt_ids_check(&setup->gpt, setup->ids, n, error) && gpt_targets_check(&setup->gpt, setup->targets, n, error);
}

static bool setup_check(const TrainSetup *setup, const GPT *gpt, const Dataset *data, Error *error)
{
    const TrainConfig *config = &setup->train;
    if (!train_config_check(config, &setup->gpt, error)) {
        return false;
    }
    GPTCost cost = gpt_cost(&setup->gpt, config->batch, config->length);
    if (!memory_check(gpt_training_bytes(&cost, gpt->recompute) - cost.weight_bytes, "training", error)) {
        return false;
    }
    return data == NULL ? ids_check(setup, error) : dataset_check(data, config->length, error);
}

static void free_trainer(void *trainer)
{
    trainer_free(trainer);
}

Trainer *trainer_create(TrainSetup setup, GPT *gpt, Dataset *data, Error *error)
{
    Trainer *trainer = memory_allocate_zeroed(1, sizeof *trainer, "a trainer");
    *trainer = (Trainer){.setup = setup, .gpt = gpt, .data = data, .before = {.val_loss = NAN}, .folder_lock = -1};
    if (!setup_check(&setup, gpt, data, error)) {
        trainer_free(trainer);
        return NULL;
    }
    int frame = unwind_begin();
    unwind_add_on_failure(free_trainer, trainer);
    const TrainConfig *config = &setup.train;
    size_t n = (size_t)config->batch * (size_t)config->length;
    trainer->ids = memory_allocate(n * sizeof(int), "the batch");
    trainer->targets = memory_allocate(n * sizeof(int), "the batch");
    trainer->parameters = module_parameters(&gpt->module);
    AdamWConfig adamw = {config->lr, config->beta1, config->beta2, config->eps, config->weight_decay};
    trainer->adamw = adamw_create(&trainer->parameters, adamw);
    random_seed(&trainer->random, setup.seed + 1);
    unwind_end(frame);
    return trainer;
}

void trainer_free(Trainer *trainer)
{
    if (trainer == NULL) {
        return;
    }
    adamw_free(&trainer->adamw);
    parameter_list_free(&trainer->parameters);
    gpt_free(trainer->gpt);
    dataset_free(trainer->data);
    train_setup_free(&trainer->setup);
    free(trainer->ids);
    free(trainer->targets);
    folder_unlock(trainer->folder_lock);
    free(trainer);
}

// ------------------------------------------------------------------------------------------------------------
// One step

// The rows of one part of a step: new ones from the text, or that part of the fixed batch.
static void next_batch(Trainer *trainer, int part)
{
    const TrainConfig *config = &trainer->setup.train;
    size_t n = (size_t)config->batch * (size_t)config->length;
    if (trainer->data != NULL) {
        dataset_batch(trainer->data, SPLIT_TRAIN, &trainer->random, config->batch, config->length, trainer->ids, trainer->targets);
        return;
    }
    memcpy(trainer->ids, trainer->setup.ids + (size_t)part * n, n * sizeof(int));
    memcpy(trainer->targets, trainer->setup.targets + (size_t)part * n, n * sizeof(int));
}

static bool is_sound(const TrainRow *row, Error *error)
{
    if (!isfinite(row->loss)) {
        return error_set(error, "step %d: the loss is %g: training stops with the weights of the step before; a smaller lr may help",
                         row->step, row->loss);
    }
    if (!isfinite(row->grad_norm)) {
        return error_set(error, "step %d: the gradient's norm is %g, the loss %g: training stops with the weights of the step before; "
                         "a smaller lr may help", row->step, row->grad_norm, row->loss);
    }
    return true;
}

// The state that a failed step has changed: gradients, and random generators.
typedef struct StepState {
    Trainer *trainer;
    Random rows;
    Random dropout;
} StepState;

static void undo_step(void *object)
{
    StepState *state = object;
    module_zero_grad(&state->trainer->gpt->module);
    state->trainer->random = state->rows;
    state->trainer->gpt->random = state->dropout;
}

static void unwatch(void *watch)
{
    gradflow_unwatch(watch);
}

// Forward and backward of part number part, whose loss it returns.
static double step_part(Trainer *trainer, int part, GradFlow *flow)
{
    const TrainConfig *config = &trainer->setup.train;
    next_batch(trainer, part);                                             // ids, targets (B, T)
    Tensor *logits = gpt_forward(trainer->gpt, trainer->ids, config->batch, config->length);       // (B, T, V)
    Tensor *loss = tensor_cross_entropy(logits, trainer->targets);
    Tensor *share = tensor_scale(loss, 1.0 / config->accumulate);
    if (flow == NULL) {
        tensor_backward(share);
    } else {
        GradFlowWatch *watch = gradflow_watch(tape_current());
        int frame = unwind_begin();
        unwind_add_on_failure(unwatch, watch);
        tensor_backward(share);
        *flow = gradflow_read(watch, &trainer->gpt->module);
        unwind_end(frame);
    }
    double value = (double)tensor_item(share);
    tape_reset(tape_current());
    return value;
}

// The gradients of all parts are summed, each divided by their number, so that the sum is the gradient of one large batch.
bool trainer_step(Trainer *trainer, GradFlow *flow, TrainRow *row, Error *error)
{
    REQUIRE(trainer);
    REQUIRE(row);
    const TrainConfig *config = &trainer->setup.train;
    GPT *gpt = trainer->gpt;
    StepState before = {trainer, trainer->random, gpt->random};
    int frame = unwind_begin();
    unwind_add_on_failure(undo_step, &before);

    *row = (TrainRow){.step = trainer->adamw.step + 1, .val_loss = NAN};
    module_train_in_frame(&gpt->module, true);
    module_zero_grad(&gpt->module);
    for (int part = 0; part < config->accumulate; part++) {
        bool is_last = part == config->accumulate - 1;
        row->loss += step_part(trainer, part, is_last ? flow : NULL);
    }
    unwind_end(frame);
    row->grad_norm = grad_norm(&trainer->parameters);
    if (!is_sound(row, error)) {
        return false;
    }
    row->lr = train_lr(config, trainer->adamw.step);
    trainer->adamw.config.lr = row->lr;
    adamw_step_clipped(&trainer->adamw, row->grad_norm, config->clip > 0 ? config->clip : INFINITY);
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// Evaluation

static double batch_loss(Trainer *trainer)
{
    const TrainConfig *config = &trainer->setup.train;
    Tensor *logits = gpt_forward(trainer->gpt, trainer->ids, config->batch, config->length);       // (B, T, V)
    double loss = (double)tensor_item(tensor_cross_entropy(logits, trainer->targets));
    tape_reset(tape_current());
    return loss;
}

double trainer_evaluate(Trainer *trainer, DatasetSplit split)
{
    REQUIRE(trainer);
    const TrainConfig *config = &trainer->setup.train;
    int n = trainer->data == NULL ? config->accumulate : config->eval_batches;
    double sum = 0;
    int frame = unwind_begin();
    module_train_in_frame(&trainer->gpt->module, false);
    tape_no_grad_begin();
    for (int i = 0; i < n; i++) {
        if (trainer->data == NULL) {
            next_batch(trainer, i);
        } else {
            dataset_eval_batch(trainer->data, split, i, n, config->batch, config->length, trainer->ids, trainer->targets);
        }
        sum += batch_loss(trainer);
    }
    unwind_end(frame);
    return sum / n;
}

// ------------------------------------------------------------------------------------------------------------
// The audit

// Without a gradient, the loss does not depend on the parameter.
static FlowReach parameter_reach(const Tensor *parameter)
{
    if (parameter->grad == NULL) {
        return FLOW_NEVER;
    }
    return flow_reach(flow_stats(parameter->grad, tensor_count(parameter)));
}

TrainAudit trainer_audit(const Trainer *trainer)
{
    REQUIRE(trainer);
    TrainAudit audit = {.how = FLOW_REACHED};
    for (int i = 0; i < trainer->parameters.count; i++) {
        const Tensor *parameter = trainer->parameters.parameters[i];
        FlowReach reach = parameter_reach(parameter);
        audit.count[reach]++;
        if (reach != FLOW_REACHED && audit.how == FLOW_REACHED) {
            audit.how = reach;
            tensor_name(parameter, audit.lost);
        }
    }
    return audit;
}
