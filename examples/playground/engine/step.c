// step.c: the tape of one network, forward and backward, with every number, for the page's walk over it.

#include "examples/playground/engine/engine.h"
#include "gpt/lab/net.h"
#include "nn/gradflow/gradwatch.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_NODES = 400 }; // more could not be followed

// The gradient of a tensor after one node of the walk back.
typedef struct Arrival {
    int node;
    const Tensor *tensor;
    Real *grad; // a copy
} Arrival;

// The last step. The page copies its numbers; they are freed with the next call.
static struct {
    GradflowPlan plan;
    Net net;
    Tape *tape;
    const Tensor **tensors; // all that nodes read or make; their places are the page's numbers
    int n_tensors, tensors_capacity;
    Arrival *arrivals; // in the order of the walk
    int n_arrivals, arrivals_capacity;
    GradFlowWatch *watch;
} step;

static void forget_step(void)
{
    gradflow_unwatch(step.watch);
    for (int i = 0; i < step.n_arrivals; i++) {
        free(step.arrivals[i].grad);
    }
    free(step.arrivals);
    free(step.tensors);
    if (step.tape != NULL) {
        tape_free(step.tape);
    }
    net_free(&step.net);
    gradflow_plan_free(&step.plan);
    memset(&step, 0, sizeof step);
}

// ------------------------------------------------------------------------------------------------------------
// Forward and backward

static int find_tensor(const Tensor *tensor)
{
    int i = 0;
    while (i < step.n_tensors && step.tensors[i] != tensor) {
        i++;
    }
    return i;
}

static void add_tensor(const Tensor *tensor)
{
    if (find_tensor(tensor) == step.n_tensors) {
        *LIST_ADD(step.tensors, step.n_tensors, step.tensors_capacity, "the tensors") = tensor;
    }
}

static void after_node(TapeNode *node, void *context)
{
    (void)context;
    for (int i = 0; i < node->n_inputs; i++) {
        const Tensor *input = node->inputs[i];
        if (input->grad != NULL) {
            size_t bytes = tensor_count(input) * sizeof(Real);
            Real *grad = memcpy(memory_allocate(bytes, "a gradient"), input->grad, bytes);
            *LIST_ADD(step.arrivals, step.n_arrivals, step.arrivals_capacity, "the gradients") = (Arrival){node->index, input, grad};
        }
    }
}

static bool run_step(const StepDrawing *drawing, Error *error)
{
    const ExperimentConfig *config = &step.plan.experiment;
    int arm = config->n_rules == 0 && config->arms == ARMS_ON; // the one that is run: without shortcuts 0, with 1; of a rule 0
    if (!experiment_check(config, error) || !net_create(&step.net, config, arm, config->seed, error)) {
        return false;
    }
    for (int i = 0; drawing->stepwise && i < config->gpt.n_layer; i++) {
        step.net.gpt->h[i].attn.stepwise = true;
    }
    step.tape = tape_create();
    Tensor *end = net_loss(&step.net, net_forward(&step.net));
    if (step.tape->n_nodes > MOST_NODES) {
        return error_set(error, "%d operations are too many to walk through (expected at most %d: fewer layers)", step.tape->n_nodes, MOST_NODES);
    }
    step.watch = gradflow_watch(step.tape);
    tape_observer_add(step.tape, (TapeObserver){.after = after_node});
    tensor_backward(end);
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// JSON

static void put_tensor(const Tensor *tensor, const char *before)
{
    char name[NAME_TEXT];
    printf("%s{\"name\": \"%s\", \"shape\": [", before, tensor_name(tensor, name));
    for (int i = 0; i < tensor->shape.ndim; i++) {
        printf("%s%d", i == 0 ? "" : ", ", tensor->shape.size[i]);
    }
    printf("], \"node\": %d", tensor->node == NULL ? -1 : tensor->node->index);
    put_numbers(", ", "data", "f32", tensor->data, tensor_count(tensor));
    printf("}");
}

static void put_node(const TapeNode *node, const char *before)
{
    printf("%s{\"op\": \"%s\", \"module\": \"%s\", \"inputs\": [", before, node->op->name, node->scope == NULL ? "" : node->scope);
    for (int i = 0; i < node->n_inputs; i++) {
        printf("%s%d", i == 0 ? "" : ", ", find_tensor(node->inputs[i]));
    }
    printf("], \"output\": %d, \"shortcut\": %d}", find_tensor(node->output), tape_shortcut_input(node));
}

static void put_backward(void)
{
    for (int i = 0; i < step.n_arrivals; i++) {
        const Arrival *arrival = &step.arrivals[i];
        printf("%s{\"node\": %d, \"tensor\": %d", i == 0 ? "" : ", ", arrival->node, find_tensor(arrival->tensor));
        put_numbers(", ", "grad", "f32", arrival->grad, tensor_count(arrival->tensor));
        printf("}");
    }
}

static void put_splits(void)
{
    const char *before = "";
    for (int i = 0; i < step.watch->n_splits; i++) {
        const ShortcutSplit *split = &step.watch->splits[i];
        if (split->is_start) {
            size_t n = tensor_count(split->start);
            printf("%s{\"tensor\": %d", before, find_tensor(split->start));
            put_numbers(", ", "skip", "f32", split->skip, n);
            put_numbers(", ", "block", "f32", split->block, n);
            printf("}");
            before = ", ";
        }
    }
}

static void put_step(void)
{
    for (int i = 0; i < step.tape->n_nodes; i++) {
        const TapeNode *node = step.tape->nodes[i];
        for (int k = 0; k < node->n_inputs; k++) {
            add_tensor(node->inputs[k]);
        }
        add_tensor(node->output);
    }
    printf("{\"tensors\": [");
    for (int i = 0; i < step.n_tensors; i++) {
        put_tensor(step.tensors[i], i == 0 ? "" : ", ");
    }
    printf("], \"nodes\": [");
    for (int i = 0; i < step.tape->n_nodes; i++) {
        put_node(step.tape->nodes[i], i == 0 ? "" : ", ");
    }
    printf("], \"backward\": [");
    put_backward();
    printf("], \"splits\": [");
    put_splits();
    printf("]}\n");
}

EXPORT(engine_step) int engine_step(int n_arguments)
{
    Options options;
    StepDrawing drawing = {0};
    Error error;
    forget_step();
    bool done = engine_options(&options, &graph_help, n_arguments) && graph_step_read(&options, &step.plan, &drawing)
             && (run_step(&drawing, &error) || report_failure(&options, &error));
    options_free(&options);
    if (done) {
        put_step();
    }
    fflush(stdout);
    return command_status(done);
}
