// streamed.c: the measurement of a GPT that is larger than memory, part by part.
//
//      forward     embeddings, h.0, h.1, ..., h.L-1, head         keeps only the input of each block
//      backward    head, h.L-1, ..., h.1, h.0, embeddings         loads each block's weights again, runs it, walks back from the gradient of its
//                                                                 output, and measures its gradients before the next block reuses their memory
//
// The values and gradients are those of one tape over all parts, bit for bit: each part has the same operations in the same order.

#include "gpt/base/base.h"
#include "gpt/lab/probe.h"
#include "gpt/stream.h"
#include "tensor/unwind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Pass {
    GPT *gpt;
    int L;           // blocks
    Shape shape;     // (B, T, C), of the stream
    size_t n;        // its values
    Real *streams;   // (L + 1, n): the input of each block, and of the head
    Real *dy;        // (2, n): of the part's output; of x0, summed over the later blocks
    bool reached;    // does a gradient arrive at the part's output?
    GradFlow *flows; // (L + 2) of each part
} Pass;

static void free_pass(void *object)
{
    Pass *pass = object;
    for (int i = 0; pass->flows != NULL && i < pass->L + 2; i++) {
        gradflow_free(&pass->flows[i]);
    }
    free(pass->flows);
    free(pass->streams);
    free(pass->dy);
}

static void begin_pass(Pass *pass, const Net *net)
{
    GPT *gpt = net->gpt;
    *pass = (Pass){.gpt = gpt, .L = gpt->config.n_layer, .shape = SHAPE(net->config->B, net->config->T, gpt->config.n_embd)};
    unwind_add(free_pass, pass);
    pass->n = shape_count(pass->shape);
    pass->streams = memory_allocate(((size_t)pass->L + 1) * pass->n * sizeof(Real), "the inputs of the blocks");
    pass->dy = memory_allocate_zeroed(2 * pass->n, sizeof(Real), "a gradient");
    pass->flows = memory_allocate_zeroed((size_t)pass->L + 2, sizeof(GradFlow), "gradient flow");
}

// The input of block i, or of the head (i = L), as a leaf of the current tape.
static Tensor *stream_leaf(const Pass *pass, int i)
{
    Tensor *x = tensor_full(pass->shape, 0);
    memcpy(x->data, pass->streams + (size_t)i * pass->n, pass->n * sizeof(Real));
    return x;
}

// Walks back from y, whose gradient is dy (NULL: 1), and reads the part's gradients.
static void measure_part(Pass *pass, int part, Tape *tape, Tensor *y, const Real *dy)
{
    const Module *roots[4];
    int n = 0;
    for (Module *root = gpt_part_first(pass->gpt, part); root != NULL; root = gpt_part_next(pass->gpt, root)) {
        roots[n] = root;
        n++;
    }
    GradFlowWatch *watch = gradflow_watch(tape);
    int frame = unwind_begin();
    unwind_add_on_failure(gradflow_unwatch_undo, watch);
    if (pass->reached && dy == NULL) {
        tensor_backward(y);
    } else if (pass->reached) {
        tensor_backward_from(y, dy);
    }
    pass->flows[part] = gradflow_read_trees(watch, roots, n);
    unwind_end(frame);
}

// The gradient that reached x is that of the output of the part before.
static void hand_on(Pass *pass, const Tensor *x)
{
    pass->reached = x->grad != NULL;
    if (pass->reached) {
        memcpy(pass->dy, x->grad, pass->n * sizeof(Real));
    }
}

static void measure_head(Pass *pass, const Net *net, Tape *tape, Measurement *measurement)
{
    Tensor *x = tensor_require_grad(stream_leaf(pass, pass->L));
    int outer = tape_enter(pass->gpt->module.name, HERE);
    Tensor *logits = tensor_label(gpt_head(pass->gpt, x), "logits");
    tape_leave(outer);
    Tensor *start = net_start(net, logits, measurement);
    pass->reached = true;
    measure_part(pass, pass->L + 1, tape, start, NULL);
    hand_on(pass, x);
    tape_reset(tape);
}

// A rule may use x0 in every block: the gradients of all add up in it, from the last block to the first.
static void measure_block(Pass *pass, int i, Tape *tape, Net *net, Measurement *measurement)
{
    Block *block = &pass->gpt->h[i];
    bool uses_x0 = residual_uses_x0(block->residual[0].rule);
    Tensor *x = tensor_require_grad(stream_leaf(pass, i));
    Tensor *x0 = i == 0 || !uses_x0 ? x : tensor_require_grad(stream_leaf(pass, 0));
    Tensor *y = block_forward(block, x, x0);
    if (uses_x0) {
        y = tensor_concat((Tensor *[]){y, x0}, 2, 0); // whose gradient is all of dy
    }
    measure_part(pass, i + 1, tape, y, pass->dy);
    hand_on(pass, x);
    if (uses_x0 && x0->grad != NULL) {
        memcpy(pass->dy + pass->n, x0->grad, pass->n * sizeof(Real));
    }
    probes_run(
        &(ProbeRun){.config = net->config, .net = net, .seed = measurement->seed, .tape = tape, .block = i, .results = &measurement->probes});
    tape_reset(tape);
}

// Forward from embd, the embeddings' sum, and back to it.
static void run_blocks(Pass *pass, Net *net, const Tensor *embd, Measurement *measurement)
{
    GPT *gpt = pass->gpt;
    int frame = unwind_begin();
    Tape *tape = unwind_add_tape();
    memcpy(pass->streams, embd->data, pass->n * sizeof(Real));
    tape_no_grad_begin();
    for (int i = 0; i < pass->L; i++) {
        gpt_stream_part(gpt, i + 1);
        const Tensor *y = block_forward(&gpt->h[i], stream_leaf(pass, i), stream_leaf(pass, 0));
        memcpy(pass->streams + ((size_t)i + 1) * pass->n, y->data, pass->n * sizeof(Real));
        tape_reset(tape);
    }
    tape_no_grad_end();
    gpt_stream_part(gpt, pass->L + 1);
    measure_head(pass, net, tape, measurement);
    gpt_stream_drop(gpt, 0, true); // a tied head adds to its gradient later
    gpt_stream_drop(gpt, pass->L + 1, false);
    for (int i = pass->L - 1; i >= 0; i--) {
        gpt_stream_part(gpt, i + 1);
        measure_block(pass, i, tape, net, measurement);
    }
    gpt_stream_drop(gpt, 1, false);
    unwind_end(frame);
}

// Probe after probe and then from the first layer to the last, instead of from the last block to the first; else as they are.
static void sort_probe_rows(ProbeResults *results, int L)
{
    int n = results->n_rows;
    ProbeRow *sorted = memory_allocate((size_t)n * sizeof *sorted + 1, "a probe's numbers");
    int done = 0;
    for (int p = 0; p < probe_count; p++) {
        for (int layer = -1; layer <= L; layer++) { // -1: the whole network; L: after the last
            for (int i = 0; i < n; i++) {
                const Probe *probe;
                if (results->rows[i].layer == layer && probe_kind(results->rows[i].kind, &probe) != NULL && probe == probe_table[p]) {
                    sorted[done] = results->rows[i];
                    done++;
                }
            }
        }
    }
    free(results->rows);
    results->rows = sorted;
    results->rows_capacity = n;
}

void net_measure_streamed(Net *net, Tape *tape, Measurement *measurement)
{
    GPT *gpt = net->gpt;
    Pass pass;
    int frame = unwind_begin();
    begin_pass(&pass, net);
    Tensor *embd = gpt_embed(gpt, net->config->ids, net->config->B, net->config->T);
    if (!gpt->config.tied) {
        gpt_stream_drop(gpt, 0, true); // looked up; backward reads no values of it
    }
    run_blocks(&pass, net, embd, measurement);
    measure_part(&pass, 0, tape, embd, pass.dy);
    for (int part = 0; part < pass.L + 2; part++) {
        gradflow_append(&measurement->flow, &pass.flows[part]);
    }
    sort_probe_rows(&measurement->probes, pass.L);
    unwind_end(frame);
    tape_reset(tape);
}

// ------------------------------------------------------------------------------------------------------------

int streamed_parts(const ExperimentConfig *config)
{
    return 2 * config->gpt.n_layer; // the last block and the head once, all others twice; the embeddings before that
}

// Backward in a block (its weights and gradients, and a tied head's) or in the head (its weights and gradients, and one block's weights).
double experiment_streamed_bytes(const GPTConfig *config, int B, int T)
{
    REQUIRE(config);
    GPTConfig one = *config;
    one.n_layer = 1;
    GPTCost cost = gpt_cost(&one, B, T);
    double stream = 4.0 * B * T * config->n_embd;
    double block = 4.0 * (double)cost.block;
    double head = 4.0 * (double)(config->tied ? cost.wte : cost.lm_head);
    double logits = 4.0 * B * T * config->vocab_size;
    double in_block = 2 * block + (config->tied ? head : 0) + cost.activation_bytes - logits + cost.recompute_peak_bytes;
    double in_head = block + 2 * head + 3 * logits;
    return PROGRAM_BYTES + 4.0 * (double)cost.wpe + (config->n_layer + 3) * stream + fmax(in_block, in_head);
}

bool streamed_check(const ExperimentConfig *config, Error *error)
{
    if (config->n_steps > 0) {
        return error_set(error, "--steps: training needs all weights in memory, but the model is streamed (expected 0)");
    }
    for (int i = 0; i < config->n_probes; i++) {
        if (!config->probes[i]->by_block) {
            return error_set(error, "--probe %s: needs all blocks at once, but the model is streamed", config->probes[i]->name);
        }
    }
    if (config->saved != NULL && config->saved->stream == NULL) {
        return error_set(error, "the saved model is in memory (expected a streamed one, as the experiment is)");
    }
    return memory_check(experiment_streamed_bytes(&config->gpt, config->B, config->T), "one block of the experiment", error);
}
