// gradflow.c: what reached each layer, as read from the tape and the module tree after a watched backward pass.

#include "nn/gradflow/gradwatch.h"
#include "tensor/unwind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const KIND_NAMES[FLOW_KIND_COUNT] = {
    [FLOW_WEIGHT_GRAD] = "weight_grad",         [FLOW_BIAS_GRAD] = "bias_grad", [FLOW_ACTIVATION] = "activation",
    [FLOW_ACTIVATION_GRAD] = "activation_grad", [FLOW_SKIP_GRAD] = "skip_grad", [FLOW_BLOCK_GRAD] = "block_grad",
};

static const char *const REACH_NAMES[FLOW_REACH_COUNT] = {
    [FLOW_REACHED] = "reached",
    [FLOW_ALL_ZERO] = "all zero",
    [FLOW_NAN] = "not finite",
    [FLOW_NEVER] = "never on the tape",
};

const char *flow_kind_name(FlowKind kind)
{
    return WORD_AT(KIND_NAMES, (int)kind);
}

const char *flow_reach_name(FlowReach reach)
{
    return WORD_AT(REACH_NAMES, (int)reach);
}

enum { LAYER_DIGITS = 6 }; // a longer number is not a layer's

// The first part of a module's name that is a number: 3 of "h.3.attn.c_attn"; -1 if there is none.
static int layer_in_scope(const char *scope)
{
    const char *part = scope;
    while (part != NULL) {
        size_t length = strcspn(part, ".");
        if (length > 0 && length <= LAYER_DIGITS && strspn(part, "0123456789") == length) {
            return atoi(part);
        }
        part = part[length] == '.' ? part + length + 1 : NULL;
    }
    return -1;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static int count_layers(const Module *const *roots, int n_roots, const Tape *tape)
{
    int last = -1;
    for (int i = 0; i < n_roots; i++) {
        for (const Module *module = roots[i]; module != NULL; module = module_next(roots[i], module)) {
            last = larger(last, layer_in_scope(module->name));
        }
    }
    for (int i = 0; i < tape->n_nodes; i++) {
        last = larger(last, layer_in_scope(tape->nodes[i]->scope));
        last = larger(last, layer_in_scope(tape->nodes[i]->output->scope));
    }
    return last + 1;
}

// Of the rows from first on, in the order of the network: rows without a layer that follow a layer's come after the last layer.
static void place_outsiders(GradFlow *flow, int first)
{
    bool before = true;
    for (int i = first; i < flow->n_rows; i++) {
        FlowRow *row = &flow->rows[i];
        before = before && row->layer < 0;
        if (row->layer < 0 && !before) {
            row->layer = flow->n_layer;
        }
    }
}

static FlowRow *add_row(GradFlow *flow, FlowKind kind, const char *scope, const Real *values, size_t n, int ndim)
{
    FlowRow *row = LIST_ADD(flow->rows, flow->n_rows, flow->capacity, "gradient flow");
    *row = (FlowRow){.layer = layer_in_scope(scope), .kind = kind, .ndim = ndim, .part = -1, .stats = flow_stats(values, n)};
    return row;
}

static void read_parts(GradFlow *flow, const Module *module, const Tensor *parameter, FlowKind kind, FlowReach reach)
{
    const Linear *linear = module->kind == &linear_kind ? (const Linear *)module : NULL;
    if (linear == NULL || linear->n_parts == 1) {
        return;
    }
    size_t n = tensor_count(parameter) / (size_t)linear->n_parts;
    for (int part = 0; part < linear->n_parts; part++) {
        FlowRow *row = add_row(flow, kind, module->name, parameter->grad + (size_t)part * n, n, parameter->shape.ndim);
        row->reach = reach;
        row->part = part;
        snprintf(row->name, sizeof row->name, "%s.%s.%s", module->name, parameter->label, linear->part_names[part]);
    }
}

static void read_parameter(GradFlow *flow, const Module *module, const Tensor *parameter)
{
    FlowKind kind = strcmp(parameter->label, "bias") == 0 ? FLOW_BIAS_GRAD : FLOW_WEIGHT_GRAD;
    size_t n = parameter->grad == NULL ? 0 : tensor_count(parameter);
    FlowRow *row = add_row(flow, kind, module->name, parameter->grad, n, parameter->shape.ndim);
    FlowReach reach = parameter->grad == NULL ? FLOW_NEVER : flow_reach(row->stats); // it was NULL before the pass
    row->reach = reach;
    tensor_name(parameter, row->name);
    flow->reach_count[reach]++;
    if (parameter->grad != NULL) {
        read_parts(flow, module, parameter, kind, reach);
    }
}

// A tied parameter is read at its first place.
static void read_parameters(GradFlow *flow, const Module *root)
{
    int n_read = 0;
    int frame = unwind_begin();
    ParameterList all = module_parameters(root);
    unwind_add(free, all.parameters);
    for (const Module *module = root; module != NULL; module = module_next(root, module)) {
        for (int i = 0; i < module->n_parameters; i++) {
            if (n_read < all.count && all.parameters[n_read] == module->parameters[i]) {
                read_parameter(flow, module, module->parameters[i]);
                n_read++;
            }
        }
    }
    unwind_end(frame);
}

static void read_trees(GradFlow *flow, const Module *const *roots, int n_roots)
{
    int first = flow->n_rows;
    for (int i = 0; i < n_roots; i++) {
        read_parameters(flow, roots[i]);
    }
    place_outsiders(flow, first);
}

static void read_splits(GradFlow *flow, const GradFlowWatch *watch)
{
    int first = flow->n_rows;
    for (int i = 0; i < watch->n_splits; i++) {
        const ShortcutSplit *split = &watch->splits[i];
        if (!split->is_start) {
            continue;
        }
        const char *scope = split->join->scope == NULL ? "" : split->join->scope;
        const char *dot = scope[0] == '\0' ? "" : ".";
        size_t n = tensor_count(split->start);
        int ndim = split->start->shape.ndim;
        FlowRow *skip = add_row(flow, FLOW_SKIP_GRAD, scope, split->skip, n, ndim);
        snprintf(skip->name, sizeof skip->name, "%s%sshortcut.%d", scope, dot, split->number);
        char name[NAME_TEXT];
        memcpy(name, skip->name, sizeof name); // add_row may move the rows
        memcpy(add_row(flow, FLOW_BLOCK_GRAD, scope, split->block, n, ndim)->name, name, sizeof name);
    }
    place_outsiders(flow, first);
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
        FlowRow *row = add_row(flow, FLOW_ACTIVATION, output->scope, output->data, n, output->shape.ndim);
        tensor_name(output, row->name);
        row->stats.token_cosine = flow_token_cosine(output);
        if (output->grad != NULL) {
            row = add_row(flow, FLOW_ACTIVATION_GRAD, output->scope, output->grad, n, output->shape.ndim);
            tensor_name(output, row->name);
        }
    }
    place_outsiders(flow, first);
}

// By layer, otherwise as they are.
static void sort_by_layer(GradFlow *flow)
{
    FlowRow *sorted = memory_allocate((size_t)flow->n_rows * sizeof *sorted + 1, "gradient flow");
    int frame = unwind_begin();
    unwind_add_on_failure(free, sorted);
    size_t *next = unwind_allocate((size_t)flow->n_layer + 3, sizeof *next, "gradient flow");
    for (int i = 0; i < flow->n_rows; i++) {
        next[flow->rows[i].layer + 2]++; // how many there are of each; from -1 on, and one place further
    }
    for (int layer = 1; layer < flow->n_layer + 3; layer++) {
        next[layer] += next[layer - 1]; // where the first of each goes
    }
    for (int i = 0; i < flow->n_rows; i++) {
        size_t *place = &next[flow->rows[i].layer + 1];
        sorted[*place] = flow->rows[i];
        (*place)++;
    }
    unwind_end(frame);
    free(flow->rows);
    flow->rows = sorted;
    flow->capacity = flow->n_rows;
}

static void free_flow(void *flow)
{
    gradflow_free(flow);
}

GradFlow gradflow_read_trees(GradFlowWatch *watch, const Module *const *roots, int n_roots)
{
    REQUIRE(watch, roots);
    GradFlow flow = {.n_layer = count_layers(roots, n_roots, watch->tape), .n_shortcuts = watch->n_shortcuts};
    int frame = unwind_begin();
    unwind_add_on_failure(free_flow, &flow);
    read_trees(&flow, roots, n_roots);
    read_splits(&flow, watch);
    read_activations(&flow, watch->tape);
    sort_by_layer(&flow);
    unwind_end(frame);
    gradflow_unwatch(watch);
    return flow;
}

GradFlow gradflow_read(GradFlowWatch *watch, const Module *root)
{
    REQUIRE(watch, root);
    return gradflow_read_trees(watch, &root, 1);
}

void gradflow_append(GradFlow *flow, GradFlow *part)
{
    REQUIRE(flow, part);
    for (int i = 0; i < part->n_rows; i++) {
        FlowRow *row = &part->rows[i];
        row->layer = row->layer < 0 && flow->n_layer > 0 ? flow->n_layer : row->layer; // after the last
        *LIST_ADD(flow->rows, flow->n_rows, flow->capacity, "gradient flow") = *row;
    }
    for (int i = 0; i < FLOW_REACH_COUNT; i++) {
        flow->reach_count[i] += part->reach_count[i];
    }
    flow->n_layer = larger(flow->n_layer, part->n_layer);
    flow->n_shortcuts += part->n_shortcuts;
    gradflow_free(part);
}

const FlowRow *gradflow_find(const GradFlow *flow, FlowKind kind, const char *name)
{
    REQUIRE(flow, name);
    for (int i = 0; i < flow->n_rows; i++) {
        if (flow->rows[i].kind == kind && strcmp(flow->rows[i].name, name) == 0) {
            return &flow->rows[i];
        }
    }
    return NULL;
}

void gradflow_free(GradFlow *flow)
{
    REQUIRE(flow);
    free(flow->rows);
    *flow = (GradFlow){0};
}
