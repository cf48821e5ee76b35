// paths.c: the gradient by path length: see gradflow.h.

#include "nn/gradflow/gradflow.h"
#include "nn/gradflow/loops.h"

#include "tensor/unwind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Where a sublayer starts, and where its f ends.
typedef struct Sublayer {
    Tensor *start;
    Tensor *branch; // f's output; NULL: not on the tape
    Real *now;      // what the previous walk set aside there; all zero if !any_now
    Real *next;     // what this walk sets aside
    bool any_now, any_next;
    double *sum; // of all G_k at start
    double norm; // of this walk's
} Sublayer;

typedef struct Walk {
    Sublayer *sublayers;
    int n;
    bool ordinary; // measures the ordinary gradient instead
} Walk;

// The gradient at a start: its norm, and its part of the sum. In the ordinary walk, sum becomes the difference to it.
static void measure(Sublayer *sublayer, const Real *grad, bool ordinary)
{
    size_t n = tensor_count(sublayer->start);
    for (size_t i = 0; grad != NULL && i < n; i++) {
        sublayer->sum[i] += ordinary ? -(double)grad[i] : (double)grad[i];
    }
    sublayer->norm = grad == NULL ? 0 : l2_real(grad, n);
}

// Sets aside what has arrived at f's output, and puts there what the previous walk set aside.
static void exchange(Sublayer *sublayer)
{
    Tensor *output = sublayer->branch;
    size_t bytes = tensor_count(output) * sizeof(Real);
    sublayer->any_next = output->grad != NULL;
    if (sublayer->any_next) {
        memcpy(sublayer->next, output->grad, bytes);
    }
    tensor_zero_grad(output);
    if (sublayer->any_now) {
        memcpy(op_grad(output), sublayer->now, bytes);
    }
    Real *used = sublayer->now;
    sublayer->now = sublayer->next;
    sublayer->next = used;
}

static void visit(TapeNode *node, void *context)
{
    Walk *walk = context;
    for (int s = 1; s < walk->n; s++) {
        if (walk->sublayers[s].start->node == node) {
            measure(&walk->sublayers[s], node->output->grad, walk->ordinary);
        }
    }
    int s = node->branch ? node->sublayer - 1 : -1;
    if (!walk->ordinary && s >= 0 && s < walk->n && walk->sublayers[s].branch == node->output) {
        exchange(&walk->sublayers[s]);
    }
}

static void prepare_sublayers(Walk *walk, const Tape *tape)
{
    for (int s = 0; s < walk->n; s++) {
        Sublayer *sublayer = &walk->sublayers[s];
        sublayer->branch = flow_branch(tape, s);
        size_t n = sublayer->branch == NULL ? 0 : tensor_count(sublayer->branch);
        sublayer->now = unwind_allocate(n, sizeof(Real), "the gradient by path length");
        sublayer->next = unwind_allocate(n, sizeof(Real), "the gradient by path length");
        sublayer->sum = unwind_allocate(tensor_count(sublayer->start), sizeof(double), "the gradient by path length");
    }
}

static void run_walk(Walk *walk, Tensor *loss, bool from_loss, Real *dx)
{
    Real one = 1;
    for (int s = 0; s < walk->n; s++) {
        walk->sublayers[s].any_next = false;
        walk->sublayers[s].norm = 0;
    }
    tensor_vjp_visit(loss, from_loss ? &one : NULL, walk->sublayers[0].start, dx, visit, walk);
    measure(&walk->sublayers[0], dx, walk->ordinary);
}

// Walk k gives all G_k. Returns whether anything was set aside for another walk.
static bool run_length(Walk *walk, Tensor *loss, int k, Real *dx, PathLengths *paths)
{
    bool more = false;
    run_walk(walk, loss, k == 0, dx);
    for (int s = 0; s < walk->n; s++) {
        Sublayer *sublayer = &walk->sublayers[s];
        paths->norm[(size_t)s * (size_t)(walk->n + 1) + (size_t)k] = sublayer->norm;
        sublayer->any_now = sublayer->any_next;
        more = more || sublayer->any_next;
    }
    return more;
}

static void compare(Walk *walk, Tensor *loss, Real *dx, PathLengths *paths)
{
    walk->ordinary = true;
    for (int s = 0; s < walk->n; s++) {
        paths->sum[s] = l2(walk->sublayers[s].sum, tensor_count(walk->sublayers[s].start));
    }
    run_walk(walk, loss, true, dx);
    for (int s = 0; s < walk->n; s++) {
        const Sublayer *sublayer = &walk->sublayers[s];
        double error = l2(sublayer->sum, tensor_count(sublayer->start));
        if (error > 0 || isnan(error)) {
            paths->error = fmax(paths->error, error / sublayer->norm);
        }
    }
}

PathLengths path_lengths(Tensor *loss, Tensor *const *start, int n_sublayers)
{
    REQUIRE(loss, start);
    if (n_sublayers < 1) {
        fail_mistake(HERE, "path_lengths: %d sublayers (expected 1 or more)", n_sublayers);
    }
    size_t S = (size_t)n_sublayers;
    PathLengths paths = {.n_sublayers = n_sublayers};
    int frame = unwind_begin();
    paths.norm = memory_allocate_zeroed(S * (S + 1), sizeof(double), "the gradient by path length");
    unwind_add_on_failure(free, paths.norm);
    paths.sum = memory_allocate_zeroed(S, sizeof(double), "the gradient by path length");
    unwind_add_on_failure(free, paths.sum);
    Walk walk = {.n = n_sublayers, .sublayers = unwind_allocate(S, sizeof(Sublayer), "the gradient by path length")};
    for (int s = 0; s < n_sublayers; s++) {
        REQUIRE(start[s]);
        walk.sublayers[s].start = start[s];
    }
    prepare_sublayers(&walk, loss->tape);
    Real *dx = unwind_allocate(tensor_count(start[0]), sizeof *dx, "the gradient by path length");
    bool more = true;
    for (int k = 0; more && k <= n_sublayers; k++) {
        more = run_length(&walk, loss, k, dx, &paths);
    }
    compare(&walk, loss, dx, &paths);
    unwind_end(frame);
    return paths;
}

void path_lengths_free(PathLengths *paths)
{
    REQUIRE(paths);
    free(paths->norm);
    free(paths->sum);
    *paths = (PathLengths){0};
}

double path_share(const PathLengths *paths, int s, int k)
{
    REQUIRE(paths, paths->norm);
    size_t row = (size_t)s * (size_t)(paths->n_sublayers + 1);
    double total = 0;
    for (int i = 0; i <= paths->n_sublayers; i++) {
        total += paths->norm[row + (size_t)i];
    }
    return paths->norm[row + (size_t)k] / total;
}

double path_mean_length(const PathLengths *paths, int s)
{
    REQUIRE(paths);
    double mean = 0;
    for (int k = 0; k <= paths->n_sublayers; k++) {
        mean += k * path_share(paths, s, k);
    }
    return mean;
}
