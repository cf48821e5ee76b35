// gradwatch.c: watching a backward pass without disturbing it.
//
// Modules contain nothing for this. Before the pass the tape is asked to keep the gradients of named intermediates, and an observer
// is added to it. Where a shortcut starts, at a tensor x that goes both into f and past it, the observer sets x's gradient to zero before
// each node that adds to it and looks at it afterwards: then it holds exactly that node's part, and is added to the parts before.
// In x + f(x), the part of the addition came by the shortcut, and the parts of all other nodes came by the branch.
//
// Within a sublayer of any other rule, a node's part came by the branch if the node leads to f only, and by the shortcut if it leads past f
// only. One that does both, such as n in n = norm(x); n + f(n), is split in the same way, and then walked once more with its branch
// part alone: backward functions are linear, so the result is the branch part of its input's gradient.

#include "nn/gradflow/gradwatch.h"

#include "tensor/kernel.h"
#include "tensor/unwind.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static ShortcutSplit *find_split(const GradFlowWatch *watch, const Tensor *tensor)
{
    if (tensor->node != NULL) {
        int index = tensor->node->index;
        int number = index < watch->n_marks ? watch->marks[index].split : -1;
        return number < 0 ? NULL : &watch->splits[number];
    }
    for (int i = 0; i < watch->n_leaf_splits; i++) {
        ShortcutSplit *split = &watch->splits[watch->leaf_splits[i]];
        if (split->start == tensor) {
            return split;
        }
    }
    return NULL;
}

static bool is_over(const GradFlowWatch *watch)
{
    return watch->tape->resets != watch->resets;
}

// Each backward pass is measured separately, like its gradients.
static void begin_pass(void *context)
{
    GradFlowWatch *watch = context;
    for (int i = 0; !is_over(watch) && i < watch->n_splits; i++) {
        ShortcutSplit *split = &watch->splits[i];
        memset(split->skip, 0, 2 * tensor_count(split->start) * sizeof(Real)); // both skip and block
    }
}

// A node that takes the same tensor twice adds to it once.
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
    for (int i = 0; !is_over(watch) && i < node->n_inputs; i++) {
        ShortcutSplit *split = find_split(watch, node->inputs[i]);
        if (split == NULL || !first_time(node, i)) {
            continue;
        }
        Tensor *start = split->start;
        split->had_grad = start->grad != NULL;
        if (split->had_grad) {
            memcpy(split->before, start->grad, tensor_count(start) * sizeof(Real));
            memset(start->grad, 0, tensor_count(start) * sizeof(Real));
        }
    }
}

// Runs the node's backward again on the branch part of its output's gradient alone. What start gets from it goes to split->block, the rest to skip.
static void take_both(TapeNode *node, const ShortcutSplit *output, ShortcutSplit *split)
{
    const Real *grad = split->start->grad;
    size_t n = tensor_count(split->start);
    int frame = unwind_begin();
    Real *by_branch = unwind_allocate(n, sizeof *by_branch, "a shortcut's gradient");
    tensor_vjp_node(node, output->block, split->start, by_branch);
    for (size_t k = 0; k < n; k++) {
        split->block[k] += by_branch[k];
        split->skip[k] += grad[k] - by_branch[k];
    }
    unwind_end(frame);
}

static bool is_skip(const GradFlowWatch *watch, const ShortcutSplit *split, const TapeNode *node)
{
    if (split->join->sublayer == 0) {
        int skip = tape_shortcut_input(node);
        return skip >= 0 && node->inputs[skip] == split->start;
    }
    bool inside = node->sublayer == split->join->sublayer;
    bool to_branch = node->branch || (node->index < watch->n_marks && watch->marks[node->index].flags & PATH_TO_BRANCH);
    return !inside || !to_branch;
}

static void take_part(GradFlowWatch *watch, ShortcutSplit *split, TapeNode *node)
{
    Tensor *start = split->start;
    if (start->grad == NULL) {
        return;
    }
    ShortcutSplit *output = node->sublayer == 0 || node->branch ? NULL : find_split(watch, node->output);
    size_t n = tensor_count(start);
    if (output != NULL && !output->is_start && node->sublayer == split->join->sublayer) {
        take_both(node, output, split);
    } else {
        kernels()->copy(start->grad, true, is_skip(watch, split, node) ? split->skip : split->block, n);
    }
    if (split->had_grad) {
        kernels()->copy(split->before, true, start->grad, n);
    }
}

static void after_node(TapeNode *node, void *context)
{
    GradFlowWatch *watch = context;
    for (int i = 0; !is_over(watch) && i < node->n_inputs; i++) {
        ShortcutSplit *split = find_split(watch, node->inputs[i]);
        if (split != NULL && first_time(node, i)) {
            take_part(watch, split, node);
        }
    }
}

static int number_in_module(const GradFlowWatch *watch, const TapeNode *join)
{
    int number = 1;
    for (int i = watch->n_splits - 1; i >= 0 && watch->splits[i].join->scope == join->scope; i--) {
        number += watch->splits[i].is_start;
    }
    return number;
}

static void add_split(GradFlowWatch *watch, const TapeNode *join, Tensor *start, bool is_start)
{
    size_t n = tensor_count(start);
    int number = number_in_module(watch, join);
    ShortcutSplit *split = &watch->splits[watch->n_splits];
    if (start->node != NULL) {
        watch->marks[start->node->index].split = watch->n_splits;
    } else {
        watch->leaf_splits[watch->n_leaf_splits] = watch->n_splits;
        watch->n_leaf_splits++;
    }
    watch->n_splits++;
    *split = (ShortcutSplit){.start = start, .join = join, .number = number, .is_start = is_start};
    split->skip = memory_allocate_zeroed(3 * n, sizeof(Real), "a shortcut's gradient");
    split->block = split->skip + n;
    split->before = split->block + n;
}

// A sublayer is examined once, at its last node.
static void look_at_sublayer(GradFlowWatch *watch, int last)
{
    TapeSublayer sublayer = tape_sublayer(watch->tape, last);
    int frame = unwind_begin();
    unwind_add(free, sublayer.flags);
    watch->n_shortcuts = sublayer.shortcuts > INT_MAX - watch->n_shortcuts ? INT_MAX : watch->n_shortcuts + sublayer.shortcuts;
    bool split = sublayer.join != NULL && sublayer.stream->requires_grad;
    if (split && find_split(watch, sublayer.stream) == NULL) {
        add_split(watch, sublayer.join, sublayer.stream, true);
    }
    for (int i = sublayer.first; split && i <= sublayer.last; i++) {
        const TapeNode *node = watch->tape->nodes[i];
        unsigned flags = sublayer.flags[i - sublayer.first];
        bool both = !node->branch && (flags & PATH_TO_RESULT) && (flags & PATH_TO_BRANCH);
        watch->marks[i].flags = (unsigned char)flags;
        if (both && node->output->requires_grad) {
            add_split(watch, sublayer.join, node->output, false);
        }
    }
    unwind_end(frame);
}

static void look_at_node(GradFlowWatch *watch, TapeNode *node)
{
    const Tape *tape = watch->tape;
    if (node->output->label != NULL && !node->output->retain_grad) {
        tensor_retain_grad(node->output);
        watch->marks[node->index].retained = true;
    }
    bool is_last = node->index + 1 == tape->n_nodes || tape->nodes[node->index + 1]->sublayer != node->sublayer;
    if (node->sublayer > 0 && is_last) {
        look_at_sublayer(watch, node->index);
    }
    int skip = node->sublayer > 0 ? -1 : tape_shortcut_input(node);
    watch->n_shortcuts += skip >= 0;
    if (skip >= 0 && node->inputs[skip]->requires_grad && find_split(watch, node->inputs[skip]) == NULL) {
        add_split(watch, node, node->inputs[skip], true);
    }
}

static void unwatch(void *watch)
{
    gradflow_unwatch(watch);
}

GradFlowWatch *gradflow_watch(Tape *tape)
{
    REQUIRE(tape);
    size_t room = (size_t)tape->n_nodes + 1;
    GradFlowWatch *watch = memory_allocate_zeroed(1, sizeof *watch, "a gradient-flow watch");
    int frame = unwind_begin();
    unwind_add_on_failure(unwatch, watch);
    watch->tape = tape;
    watch->resets = tape->resets;
    watch->splits = memory_allocate_zeroed(room, sizeof(ShortcutSplit), "a gradient-flow watch");
    watch->leaf_splits = memory_allocate(room * sizeof(int), "a gradient-flow watch");
    watch->marks = memory_allocate(room * sizeof *watch->marks, "a gradient-flow watch");
    watch->n_marks = tape->n_nodes;
    for (int i = 0; i < tape->n_nodes; i++) {
        watch->marks[i] = (NodeMark){.split = -1};
    }
    for (int i = 0; i < tape->n_nodes; i++) {
        look_at_node(watch, tape->nodes[i]);
    }
    watch->observer = tape_observer_add(tape, (TapeObserver){.begin = begin_pass,
                                                             .before = before_node,
                                                             .after = after_node,
                                                             .context = watch,
                                                             .changes_gradients = true});
    unwind_end(frame);
    return watch;
}

// Intermediates whose gradient only the watch wanted no longer retain it.
static void release_gradients(const GradFlowWatch *watch)
{
    for (int i = 0; !is_over(watch) && i < watch->n_marks; i++) {
        if (watch->marks[i].retained) {
            watch->tape->nodes[i]->output->retain_grad = false;
        }
    }
}

void gradflow_unwatch(GradFlowWatch *watch)
{
    if (watch == NULL) {
        return;
    }
    if (watch->observer != 0) {
        tape_observer_remove(watch->tape, watch->observer);
    }
    release_gradients(watch);
    for (int i = 0; i < watch->n_splits; i++) {
        free(watch->splits[i].skip);
    }
    free(watch->splits);
    free(watch->leaf_splits);
    free(watch->marks);
    free(watch);
}
