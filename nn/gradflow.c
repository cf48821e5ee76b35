// gradflow.c: what reached each layer, read off the tape and the module tree.
//
// Nothing in the modules helps. Before the backward pass the tape is asked to keep the gradients of named intermediates, and
// an observer is put beside the walk. Where a shortcut starts, at a tensor x that goes both into x + f(x) and into f, the
// observer sets x's gradient to zero before each node that adds to it and looks at it afterwards: so it holds just that
// node's part, exactly, and is then added to the parts before. The parts of the addition are the skip gradient, those of
// all other nodes the block gradient.

#include "nn/nn.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const KIND_NAMES[FLOW_KIND_COUNT] = {
    [FLOW_WEIGHT_GRAD] = "weight_grad",
    [FLOW_BIAS_GRAD] = "bias_grad",
    [FLOW_ACTIVATION] = "activation",
    [FLOW_ACTIVATION_GRAD] = "activation_grad",
    [FLOW_SKIP_GRAD] = "skip_grad",
    [FLOW_BLOCK_GRAD] = "block_grad",
};

static const char *const REACH_NAMES[] = {
    [FLOW_REACHED] = "reached",
    [FLOW_ALL_ZERO] = "all zero",
    [FLOW_NAN] = "not finite",
    [FLOW_NEVER] = "never on the tape",
};

const char *flow_kind_name(FlowKind kind)
{
    return KIND_NAMES[kind];
}

const char *flow_reach_name(FlowReach reach)
{
    return REACH_NAMES[reach];
}

// ------------------------------------------------------------------------------------------------------------
// Watching a backward pass

// The gradient at the start of a shortcut, in two parts.
typedef struct Split {
    Tensor *start;                                 // x, in x + f(x)
    const TapeNode *addition;
    int number;                                    // of the shortcut within its module, from 1
    Real *skip;                                    // both of x's shape
    Real *block;
    Real *before;                                  // x's gradient before the node that is running
    bool had_grad;
} Split;

struct GradFlowWatch {
    Tape *tape;
    Split *splits;                                 // one for each tensor at which a shortcut starts
    int n_splits;
    int n_shortcuts;
    int *split_of_node;                            // by index of the node that made the start; -1: no split
    const Tensor **reached;                        // parameters that the walk came to, sorted before they are looked up
    int n_reached;
};

static Split *find_split(const GradFlowWatch *watch, const Tensor *tensor)
{
    if (tensor->node != NULL) {
        int number = watch->split_of_node[tensor->node->index];
        return number < 0 ? NULL : &watch->splits[number];
    }
    for (int i = 0; i < watch->n_splits; i++) {
        if (watch->splits[i].start == tensor) {
            return &watch->splits[i];
        }
    }
    return NULL;
}

// A node that takes the same tensor twice adds to it once, in one go.
static bool first_time(const TapeNode *node, int i)
{
    for (int j = 0; j < i; j++) {
        if (node->inputs[j] == node->inputs[i]) {
            return false;
        }
    }
    return true;
}

static void before_node(TapeNode *node, void *context)
{
    GradFlowWatch *watch = context;
    for (int i = 0; i < node->n_inputs; i++) {
        Split *split = find_split(watch, node->inputs[i]);
        if (split == NULL || !first_time(node, i)) {
            continue;
        }
        Tensor *start = split->start;
        split->had_grad = start->grad != NULL;
        if (split->had_grad) {
            memcpy(split->before, start->grad, tensor_count(start) * sizeof(Real));
            tensor_zero_grad(start);
        }
    }
}

static void take_part(Split *split, const TapeNode *node)
{
    Tensor *start = split->start;
    if (start->grad == NULL) {
        return;
    }
    bool is_skip = node->op == OP_ADD && tape_shortcut_input(node) >= 0 && node->inputs[tape_shortcut_input(node)] == start;
    Real *part = is_skip ? split->skip : split->block;
    size_t n = tensor_count(start);
    for (size_t k = 0; k < n; k++) {
        part[k] += start->grad[k];
        if (split->had_grad) {
            start->grad[k] += split->before[k];
        }
    }
}

static void after_node(TapeNode *node, void *context)
{
    GradFlowWatch *watch = context;
    for (int i = 0; i < node->n_inputs; i++) {
        const Tensor *input = node->inputs[i];
        Split *split = find_split(watch, input);
        if (split != NULL && first_time(node, i)) {
            take_part(split, node);
        }
        if (input->tape == NULL) {
            watch->reached[watch->n_reached] = input;
            watch->n_reached++;
        }
    }
}

static int number_in_module(const GradFlowWatch *watch, const TapeNode *addition)
{
    int number = 1;
    for (int i = watch->n_splits - 1; i >= 0 && watch->splits[i].addition->scope == addition->scope; i--) {
        number++;
    }
    return number;
}

static void add_split(GradFlowWatch *watch, const TapeNode *addition, Tensor *start)
{
    size_t n = tensor_count(start);
    Split *split = &watch->splits[watch->n_splits];
    *split = (Split){.start = start, .addition = addition, .number = number_in_module(watch, addition)};
    split->skip = memory_allocate_zeroed(n, sizeof(Real), "a shortcut's gradient");
    split->block = memory_allocate_zeroed(n, sizeof(Real), "a shortcut's gradient");
    split->before = memory_allocate_zeroed(n, sizeof(Real), "a shortcut's gradient");
    if (start->node != NULL) {
        watch->split_of_node[start->node->index] = watch->n_splits;
    }
    watch->n_splits++;
}

GradFlowWatch *gradflow_watch(Tape *tape)
{
    size_t n_nodes = (size_t)tape->n_nodes;
    size_t n_inputs = 0;
    for (int i = 0; i < tape->n_nodes; i++) {
        n_inputs += (size_t)tape->nodes[i]->n_inputs;
    }
    GradFlowWatch *watch = memory_allocate_zeroed(1, sizeof *watch, "a gradient-flow watch");
    watch->tape = tape;
    watch->splits = memory_allocate_zeroed(n_nodes + 1, sizeof(Split), "a gradient-flow watch");
    watch->split_of_node = memory_allocate((n_nodes + 1) * sizeof(int), "a gradient-flow watch");
    watch->reached = memory_allocate_zeroed(n_inputs + 1, sizeof(Tensor *), "a gradient-flow watch");
    for (int i = 0; i < tape->n_nodes; i++) {
        watch->split_of_node[i] = -1;
    }
    for (int i = 0; i < tape->n_nodes; i++) {
        TapeNode *node = tape->nodes[i];
        if (node->output->label != NULL) {
            tensor_retain_grad(node->output);
        }
        int skip = tape_shortcut_input(node);
        watch->n_shortcuts += skip >= 0;
        if (skip >= 0 && node->inputs[skip]->requires_grad && find_split(watch, node->inputs[skip]) == NULL) {
            add_split(watch, node, node->inputs[skip]);
        }
    }
    tape_observe(tape, (TapeObserver){.before = before_node, .after = after_node, .context = watch});
    return watch;
}

static void watch_free(GradFlowWatch *watch)
{
    tape_observe(watch->tape, (TapeObserver){0});
    for (int i = 0; i < watch->n_splits; i++) {
        free(watch->splits[i].skip);
        free(watch->splits[i].block);
        free(watch->splits[i].before);
    }
    free(watch->splits);
    free(watch->split_of_node);
    free(watch->reached);
    free(watch);
}

// ------------------------------------------------------------------------------------------------------------
// Reading

// The first part of a dotted name that is a number: 3 of "h.3.attn.c_attn"; -1 if there is none.
static int layer_in_name(const char *name)
{
    const char *part = name;
    while (part != NULL && *part != '\0') {
        const char *dot = strchr(part, '.');
        size_t length = dot == NULL ? strlen(part) : (size_t)(dot - part);
        size_t digits = strspn(part, "0123456789");
        if (digits == length) {
            return atoi(part);
        }
        part = dot == NULL ? NULL : dot + 1;
    }
    return -1;
}

static int count_layers(const Module *root)
{
    int n_layer = 0;
    for (const Module *module = root; module != NULL; module = module_next(root, module)) {
        int layer = layer_in_name(module->name);
        n_layer = layer >= n_layer ? layer + 1 : n_layer;
    }
    return n_layer;
}

// Numbers the rows from first on, which are in the order of the network: what has no number in its name comes before the
// first layer or after the last.
static void set_layers(GradFlow *flow, int first)
{
    bool before = true;
    for (int i = first; i < flow->n_rows; i++) {
        FlowRow *row = &flow->rows[i];
        row->layer = layer_in_name(row->name);
        if (row->layer >= 0) {
            before = false;
        } else if (!before) {
            row->layer = flow->n_layer;
        }
    }
}

static FlowRow *add_row(GradFlow *flow, FlowKind kind, const Real *values, size_t n, int ndim)
{
    if (flow->n_rows == flow->capacity) {
        int capacity = flow->capacity == 0 ? 64 : 2 * flow->capacity;
        FlowRow *rows = memory_allocate((size_t)capacity * sizeof *rows, "gradient flow");
        if (flow->n_rows > 0) {
            memcpy(rows, flow->rows, (size_t)flow->n_rows * sizeof *rows);
        }
        free(flow->rows);
        flow->rows = rows;
        flow->capacity = capacity;
    }
    FlowRow *row = &flow->rows[flow->n_rows];
    flow->n_rows++;
    *row = (FlowRow){.kind = kind, .ndim = ndim, .part = -1, .stats = flow_stats(values, n)};
    return row;
}

static int compare_pointers(const void *a, const void *b)
{
    const Tensor *first = *(const Tensor *const *)a;
    const Tensor *second = *(const Tensor *const *)b;
    return (first > second) - (first < second);
}

static FlowReach reach_of(const GradFlowWatch *watch, const Tensor *parameter, FlowStats stats)
{
    const void *found = bsearch(&parameter, watch->reached, (size_t)watch->n_reached, sizeof(Tensor *), compare_pointers);
    if (found == NULL || parameter->grad == NULL) {
        return FLOW_NEVER;
    }
    if (!isfinite(stats.l2) || !isfinite(stats.max_abs)) {
        return FLOW_NAN;
    }
    return stats.max_abs == 0 ? FLOW_ALL_ZERO : FLOW_REACHED;
}

static void read_parts(GradFlow *flow, const Module *module, const Tensor *parameter, FlowKind kind, FlowReach reach)
{
    if (module->kind != &linear_kind) {
        return;
    }
    const Linear *linear = (const Linear *)module;
    size_t n = tensor_count(parameter) / (size_t)linear->n_parts;
    for (int part = 0; part < linear->n_parts && linear->n_parts > 1; part++) {
        FlowRow *row = add_row(flow, kind, parameter->grad + (size_t)part * n, n, parameter->shape.ndim);
        row->reach = reach;
        row->part = part;
        snprintf(row->name, sizeof row->name, "%s.%s.%s", module->name, parameter->label, linear->part_names[part]);
    }
}

static void read_parameter(GradFlow *flow, const GradFlowWatch *watch, const Module *module, const Tensor *parameter)
{
    FlowKind kind = strcmp(parameter->label, "bias") == 0 ? FLOW_BIAS_GRAD : FLOW_WEIGHT_GRAD;
    size_t n = parameter->grad == NULL ? 0 : tensor_count(parameter);
    FlowRow *row = add_row(flow, kind, parameter->grad, n, parameter->shape.ndim);
    FlowReach reach = reach_of(watch, parameter, row->stats);
    row->reach = reach;
    tensor_name(parameter, row->name);
    flow->reach_count[reach]++;
    if (parameter->grad != NULL) {
        read_parts(flow, module, parameter, kind, reach);
    }
}

// A tied parameter is read where it comes first.
static void read_parameters(GradFlow *flow, const GradFlowWatch *watch, const Module *root)
{
    int first = flow->n_rows;
    int n_read = 0;
    ParameterList all = module_parameters(root);
    for (const Module *module = root; module != NULL; module = module_next(root, module)) {
        for (int i = 0; i < module->n_parameters; i++) {
            if (n_read < all.count && all.parameters[n_read] == module->parameters[i]) {
                read_parameter(flow, watch, module, module->parameters[i]);
                n_read++;
            }
        }
    }
    parameter_list_free(&all);
    set_layers(flow, first);
}

static void read_splits(GradFlow *flow, const GradFlowWatch *watch)
{
    int first = flow->n_rows;
    for (int i = 0; i < watch->n_splits; i++) {
        const Split *split = &watch->splits[i];
        const char *scope = split->addition->scope == NULL ? "" : split->addition->scope;
        size_t n = tensor_count(split->start);
        int ndim = split->start->shape.ndim;
        FlowRow *skip = add_row(flow, FLOW_SKIP_GRAD, split->skip, n, ndim);
        snprintf(skip->name, sizeof skip->name, "%s.shortcut.%d", scope, split->number);
        FlowRow *block = add_row(flow, FLOW_BLOCK_GRAD, split->block, n, ndim);
        snprintf(block->name, sizeof block->name, "%s.shortcut.%d", scope, split->number);
    }
    set_layers(flow, first);
}

static void read_activations(GradFlow *flow, const Tape *tape)
{
    int first = flow->n_rows;
    for (int i = 0; i < tape->n_nodes; i++) {
        const Tensor *output = tape->nodes[i]->output;
        if (output->label == NULL) {
            continue;
        }
        size_t n = tensor_count(output);
        FlowRow *row = add_row(flow, FLOW_ACTIVATION, output->data, n, output->shape.ndim);
        tensor_name(output, row->name);
        row->stats.token_cosine = flow_token_cosine(output);
        if (output->grad != NULL) {
            row = add_row(flow, FLOW_ACTIVATION_GRAD, output->grad, n, output->shape.ndim);
            tensor_name(output, row->name);
        }
    }
    set_layers(flow, first);
}

// By layer, otherwise as they are.
static void sort_by_layer(GradFlow *flow)
{
    FlowRow *sorted = memory_allocate((size_t)flow->n_rows * sizeof *sorted + 1, "gradient flow");
    size_t *next = memory_allocate_zeroed((size_t)flow->n_layer + 3, sizeof *next, "gradient flow");
    for (int i = 0; i < flow->n_rows; i++) {
        next[flow->rows[i].layer + 2]++;           // how many there are of each; from -1 on, and one place further
    }
    for (int layer = 1; layer < flow->n_layer + 3; layer++) {
        next[layer] += next[layer - 1];            // where the first of each goes
    }
    for (int i = 0; i < flow->n_rows; i++) {
        size_t *place = &next[flow->rows[i].layer + 1];
        sorted[*place] = flow->rows[i];
        (*place)++;
    }
    free(next);
    free(flow->rows);
    flow->rows = sorted;
    flow->capacity = flow->n_rows;
}

GradFlow gradflow_read(GradFlowWatch *watch, const Module *root)
{
    GradFlow flow = {.n_layer = count_layers(root), .n_shortcuts = watch->n_shortcuts};
    qsort(watch->reached, (size_t)watch->n_reached, sizeof(Tensor *), compare_pointers);
    read_parameters(&flow, watch, root);
    read_splits(&flow, watch);
    read_activations(&flow, watch->tape);
    sort_by_layer(&flow);
    watch_free(watch);
    return flow;
}

const FlowRow *gradflow_find(const GradFlow *flow, FlowKind kind, const char *name)
{
    for (int i = 0; i < flow->n_rows; i++) {
        if (flow->rows[i].kind == kind && strcmp(flow->rows[i].name, name) == 0) {
            return &flow->rows[i];
        }
    }
    return NULL;
}

void gradflow_free(GradFlow *flow)
{
    free(flow->rows);
    *flow = (GradFlow){0};
}
