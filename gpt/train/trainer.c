// trainer.c: one step of training, as data walks it, and what belongs to it: batches, evaluation, the audit of the gradients.

#include "gpt/train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Making one

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
    return gpt_ids_check(&setup->gpt, setup->ids, n, error) && gpt_ids_check(&setup->gpt, setup->targets, n, error);
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

Trainer *trainer_create(TrainSetup setup, GPT *gpt, Dataset *data, Error *error)
{
    Trainer *trainer = memory_allocate_zeroed(1, sizeof *trainer, "a trainer");
    *trainer = (Trainer){.setup = setup, .gpt = gpt, .data = data, .before = {.val_loss = NAN}};
    if (!setup_check(&setup, gpt, data, error)) {
        trainer_free(trainer);
        return NULL;
    }
    const TrainConfig *config = &setup.train;
    size_t n = (size_t)config->batch * (size_t)config->length;
    trainer->ids = memory_allocate(n * sizeof(int), "the batch");
    trainer->targets = memory_allocate(n * sizeof(int), "the batch");
    trainer->parameters = module_parameters(&gpt->module);
    AdamWConfig adamw = {config->lr, config->beta1, config->beta2, config->eps, config->weight_decay};
    trainer->adamw = adamw_create(&trainer->parameters, adamw);
    random_seed(&trainer->random, setup.seed + 1);
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
    free(trainer);
}

// ------------------------------------------------------------------------------------------------------------
// One step

// The rows of part number part of a step: new ones from the text, or that part of the fixed batch.
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
        return error_set(error, "step %d: the loss is %g: training stops, with the weights of the step before; a smaller lr may help",
                         row->step, row->loss);
    }
    if (!isfinite(row->grad_norm)) {
        return error_set(error, "step %d: the gradient's norm is %g, the loss %g: training stops, with the weights of the step before; "
                         "a smaller lr may help", row->step, row->grad_norm, row->loss);
    }
    return true;
}

// The gradients of all parts are added up; each part counts as much as its rows are of all rows, so that the sum is the
// gradient of one large batch.
bool trainer_step(Trainer *trainer, GradFlow *flow, TrainRow *row, Error *error)
{
    REQUIRE(trainer);
    REQUIRE(row);
    const TrainConfig *config = &trainer->setup.train;
    int B = config->batch;
    int T = config->length;
    GPT *gpt = trainer->gpt;
    Tape *tape = tape_current();

    *row = (TrainRow){.step = trainer->adamw.step + 1, .val_loss = NAN};
    module_train(&gpt->module, true);
    module_zero_grad(&gpt->module);
    for (int part = 0; part < config->accumulate; part++) {
        next_batch(trainer, part);                                             // ids, targets (B, T)
        Tensor *logits = gpt_forward(gpt, trainer->ids, B, T);                 // (B, T, V)
        Tensor *loss = tensor_cross_entropy(logits, trainer->targets);
        Tensor *share = tensor_scale(loss, 1.0 / config->accumulate);
        bool watched = flow != NULL && part == config->accumulate - 1;
        GradFlowWatch *watch = watched ? gradflow_watch(tape) : NULL;
        tensor_backward(share);
        if (watched) {
            *flow = gradflow_read(watch, &gpt->module);
        }
        row->loss += (double)tensor_item(share);
        tape_reset(tape);
    }
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
    module_train(&trainer->gpt->module, false);
    tape_no_grad_begin();
    for (int i = 0; i < n; i++) {
        if (trainer->data == NULL) {
            next_batch(trainer, i);
        } else {
            dataset_eval_batch(trainer->data, split, i, n, config->batch, config->length, trainer->ids, trainer->targets);
        }
        sum += batch_loss(trainer);
    }
    tape_no_grad_end();
    return sum / n;
}

// ------------------------------------------------------------------------------------------------------------
// The audit

// A gradient that backward never made was never asked for: the loss does not depend on the parameter.
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
