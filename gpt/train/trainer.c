// trainer.c: one training step, in the order of the data: batches, loss, gradients, update; evaluation; the audit of gradients.

#include "gpt/base/base.h"
#include "gpt/base/hash.h"
#include "gpt/lab/net.h"
#include "gpt/train/run_files.h"
#include "gpt/train/reduce.h"
#include "nn/mode.h"
#include "tensor/unwind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Creating

bool train_memory_check(const TrainSetup *setup, bool recompute, bool has_weights, Error *error)
{
    REQUIRE(setup);
    const TrainConfig *config = &setup->train;
    GPTCost cost = gpt_cost(&setup->gpt, config->batch, config->length);
    double copies = config->accumulate == ranks_count() ? 0 : config->reduce == REDUCE_EXACT ? 1.0 / ranks_count() : 1; // of the gradients
    double bytes = gpt_training_bytes(&cost, recompute) + copies * cost.gradient_bytes - (has_weights ? cost.weight_bytes : 0);
    return memory_check(ranks_local_count() * bytes, "training", error); // ranks of a machine ask at the same time
}

static bool setup_check(const TrainSetup *setup, const GPT *gpt, const Dataset *data, Error *error)
{
    const TrainConfig *config = &setup->train;
    if (!train_config_check(config, &setup->gpt, error)) {
        return false;
    }
    if (config->accumulate % ranks_count() != 0) {
        return error_set(error, "%d ranks can't share the %d batch%s of a step (expected a number of ranks that divides it)", ranks_count(),
                         config->accumulate, config->accumulate == 1 ? "" : "es");
    }
    if (config->reduce == REDUCE_PLAIN && ranks_count() > 1) {
        return error_set_field(error, "reduce", "plain is for one rank (expected exact or fast)");
    }
    if (!train_memory_check(setup, gpt->recompute, true, error)) {
        return false;
    }
    if (data != NULL) {
        return dataset_check(data, config->length, error);
    }
    if (setup->task != NULL && !task_fit(setup->task, setup->gpt.vocab_size, config->length, error)) {
        return false;
    }
    if (setup->task == NULL && setup->batches.fill == NULL && setup->ids == NULL) {
        return error_set(error, "no data (expected a text, a fixed batch, a task or a function that makes batches)");
    }
    int n = setup->train.batch * setup->train.length;
    bool sound = true;
    for (int part = 0; setup->ids != NULL && sound && part < setup->train.accumulate; part++) { // each part has a mean of its own
        sound = gpt_ids_check(&setup->gpt, setup->ids + part * n, n, error) && gpt_targets_check(&setup->gpt, setup->targets + part * n, n, error);
    }
    return sound;
}

static void free_members(Trainer *trainer)
{
    adamw_free(&trainer->adamw);
    probe_results_free(&trainer->probed);
    reducer_free(trainer->reducer);
    parameter_list_free(&trainer->parameters);
    gpt_free(trainer->gpt);
    dataset_free(trainer->data);
    train_setup_free(&trainer->setup);
    free(trainer->ids);
    free(trainer->targets);
    folder_unlock(trainer->folder_lock);
}

void trainer_free(Trainer *trainer)
{
    if (trainer != NULL) {
        free_members(trainer);
        free(trainer);
    }
}

static void free_trainer(void *trainer)
{
    trainer_free(trainer);
}

Trainer *trainer_create(TrainSetup setup, GPT *gpt, Dataset *data, Error *error)
{
    Trainer taken = {.setup = setup, .gpt = gpt, .data = data, .before = {.val_loss = NAN}, .folder_lock = -1};
    Trainer *trainer = memory_try(sizeof *trainer);
    if (trainer == NULL) {
        free_members(&taken);
        fail_memory(sizeof *trainer, "a trainer");
    }
    *trainer = taken;
    if (!setup_check(&setup, gpt, data, error)) {
        trainer_free(trainer);
        return NULL;
    }
    if (setup.task != NULL) {
        trainer->setup.batches = task_source(setup.task);
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
    if (config->reduce == REDUCE_EXACT || ranks_count() > 1) {
        trainer->reducer = reducer_create(&trainer->parameters, config->reduce, config->accumulate);
    }
    random_seed(&trainer->random, setup.seed + 1);
    unwind_end(frame);
    return trainer;
}

// ------------------------------------------------------------------------------------------------------------
// One step

static void fixed_batch(Trainer *trainer, int part)
{
    const TrainConfig *config = &trainer->setup.train;
    size_t n = (size_t)config->batch * (size_t)config->length;
    memcpy(trainer->ids, trainer->setup.ids + (size_t)part * n, n * sizeof(int));
    memcpy(trainer->targets, trainer->setup.targets + (size_t)part * n, n * sizeof(int));
}

// The rows of this rank's part of a round: new ones from the text, of which every rank draws those of all ranks, or those of the fixed batch.
static void next_batch(Trainer *trainer, int round)
{
    const TrainConfig *config = &trainer->setup.train;
    const BatchSource *source = &trainer->setup.batches;
    if (trainer->data == NULL && source->fill == NULL) {
        fixed_batch(trainer, round * ranks_count() + ranks_rank());
        return;
    }
    for (int rank = 0; rank < ranks_count(); rank++) {
        if (source->fill != NULL && rank == ranks_rank()) {
            batch_draw(source, &trainer->random, config->batch, config->length, trainer->ids, trainer->targets);
        } else if (source->fill != NULL) {
            random_bits(&trainer->random);
        } else if (rank == ranks_rank()) {
            dataset_batch(trainer->data, SPLIT_TRAIN, &trainer->random, config->batch, config->length, trainer->ids, trainer->targets);
        } else {
            dataset_skip_batch(&trainer->random, config->batch);
        }
    }
}

static bool is_sound(const TrainRow *row, Error *error)
{
    if (!isfinite(row->loss)) {
        return error_set(error, "step %d: the loss is %g: training stops with the weights of the step before; a smaller lr may help", row->step,
                         row->loss);
    }
    if (!isfinite(row->grad_norm)) {
        return error_set(error,
                         "step %d: the gradient's norm is %g, the loss %g: training stops with the weights of the step before; "
                         "a smaller lr may help",
                         row->step, row->grad_norm, row->loss);
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

// Seeds a separate generator for draw i of this kind.
static void seed_own(Random *random, const Trainer *trainer, int kind, int i)
{
    uint64_t hash = hash_add(hash_add(hash_add(HASH_START, trainer->setup.seed), (uint64_t)kind), (uint64_t)i);
    random_seed(random, (uint32_t)(hash ^ hash >> 32));
}

// The part of round number round that this rank computes: forward, backward, and the sum over ranks. Returns its loss. flow, if not NULL, gets
// the gradients of each layer.
static double step_part(Trainer *trainer, int round, GradFlow *flow)
{
    const TrainConfig *config = &trainer->setup.train;
    int part = round * ranks_count() + ranks_rank();
    bool last = (round + 1) * ranks_count() == config->accumulate;
    Reducer *exact = config->reduce == REDUCE_EXACT ? trainer->reducer : NULL;
    Reducer *fast = config->reduce == REDUCE_FAST && last ? trainer->reducer : NULL;
    next_batch(trainer, round);     // ids, targets (B, T)
    if (trainer->reducer != NULL) { // any rank may compute a part: dropout is seeded per part
        seed_own(&trainer->gpt->random, trainer, trainer->adamw.step, part);
    }
    if (exact != NULL) {
        module_zero_grad(&trainer->gpt->module);
    }
    trainer->times.forward = clock_seconds();
    Tensor *logits = gpt_forward(trainer->gpt, trainer->ids, config->batch, config->length); // (B, T, V)
    Tensor *loss = tensor_cross_entropy(logits, trainer->targets);
    Tensor *share = tensor_scale(loss, 1.0 / config->accumulate);
    trainer->times.backward = clock_seconds();
    int frame = unwind_begin();
    GradFlowWatch *watch = flow == NULL ? NULL : gradflow_watch(tape_current());
    if (watch != NULL) {
        unwind_add_on_failure(gradflow_unwatch_undo, watch);
    }
    if (fast != NULL && !trainer->gpt->recompute) { // with recompute, blocks read parameters on inner tapes
        reducer_watch(fast, tape_current());
        unwind_add(reducer_unwatch, fast);
    }
    tensor_backward(share);
    trainer->times.backward_end = clock_seconds();
    if (exact != NULL) {
        reducer_add(exact, round == 0, last);
    } else if (fast != NULL) {
        reducer_finish(fast);
    }
    if (watch != NULL) {
        *flow = gradflow_read(watch, &trainer->gpt->module);
        train_probe(trainer, logits, share);
    }
    unwind_end(frame);
    Real value = tensor_item(share);
    tape_reset(tape_current());
    return (double)value;
}

// The sum of the ranks' losses, in rank order.
static double sum_of_losses(double own)
{
    double sum = 0;
    AUTO_FREE double *all = ranks_gather(&own, sizeof own);
    for (int i = 0; i < ranks_count(); i++) {
        sum += all[i];
    }
    return sum;
}

// From the rank that computed the last part to rank 0.
static void move_flow(GradFlow *flow)
{
    int last = ranks_count() - 1;
    if (ranks_rank() == 0 && last > 0) {
        void *header;
        void *rows;
        ranks_receive(&last, &header);
        ranks_receive(&last, &rows);
        *flow = *(GradFlow *)header;
        flow->rows = rows;
        flow->capacity = flow->n_rows;
        free(header);
    } else if (ranks_rank() == last && last > 0) {
        ranks_send(0, flow, sizeof *flow);
        ranks_send(0, flow->rows, (size_t)flow->n_rows * sizeof *flow->rows);
    }
}

// All parts of a step, each divided by their number, so that the sum is the gradient of one large batch.
static double step_parts(Trainer *trainer, GradFlow *flow)
{
    int rounds = trainer->setup.train.accumulate / ranks_count();
    bool measures = flow != NULL && ranks_rank() == ranks_count() - 1;
    double loss = 0;
    for (int round = 0; round < rounds; round++) {
        double value = step_part(trainer, round, measures && round == rounds - 1 ? flow : NULL);
        loss += trainer->reducer == NULL ? value : sum_of_losses(value);
    }
    if (flow != NULL) {
        move_flow(flow);
    }
    return loss;
}

bool trainer_step(Trainer *trainer, GradFlow *flow, TrainRow *row, Error *error)
{
    REQUIRE(trainer, row);
    const TrainConfig *config = &trainer->setup.train;
    GPT *gpt = trainer->gpt;
    StepState before = {trainer, trainer->random, gpt->random};
    int frame = unwind_begin();
    unwind_add_on_failure(undo_step, &before);

    *row = (TrainRow){.step = trainer->adamw.step + 1, .val_loss = NAN};
    module_train_in_frame(&gpt->module, true);
    module_zero_grad(&gpt->module);
    row->loss = step_parts(trainer, flow);
    unwind_end(frame);
    if (trainer->reducer != NULL) {
        gpt->random = before.dropout; // not the state after this rank's last part
    }
    row->grad_norm = grad_norm(&trainer->parameters);
    if (!is_sound(row, error)) {
        return false;
    }
    row->lr = train_lr(config, trainer->adamw.step);
    trainer->adamw.config.lr = row->lr;
    trainer->times.update = clock_seconds();
    adamw_step_clipped(&trainer->adamw, row->grad_norm, config->clip > 0 ? config->clip : INFINITY);
    trainer->times.end = clock_seconds();
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// Evaluation

bool trainer_validates(const Trainer *trainer)
{
    REQUIRE(trainer);
    return trainer->data != NULL || trainer->setup.batches.fill != NULL;
}

// Batch i of n of a split, drawn by its own generator.
static void eval_batch(Trainer *trainer, DatasetSplit split, int i, int n)
{
    const TrainConfig *config = &trainer->setup.train;
    if (trainer->setup.batches.fill != NULL) {
        Random random;
        seed_own(&random, trainer, (int)split + 1, i);
        batch_draw(&trainer->setup.batches, &random, config->batch, config->length, trainer->ids, trainer->targets);
    } else if (trainer->data != NULL) {
        dataset_eval_batch(trainer->data, split, i, n, config->batch, config->length, trainer->ids, trainer->targets);
    } else {
        fixed_batch(trainer, i);
    }
}

double trainer_evaluate(Trainer *trainer, DatasetSplit split)
{
    REQUIRE(trainer);
    const TrainConfig *config = &trainer->setup.train;
    int n = trainer_validates(trainer) ? config->eval_batches : config->accumulate;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        eval_batch(trainer, split, i, n);
        sum += gpt_batch_loss(trainer->gpt, trainer->ids, trainer->targets, config->batch, config->length, NULL);
    }
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
