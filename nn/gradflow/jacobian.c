// jacobian.c: the Jacobian between two tensors of a tape, row by row: see gradflow.h.

#include "nn/gradflow/gradflow.h"
#include "nn/gradflow/loops.h"

#include "tensor/unwind.h"

#include <math.h>
#include <string.h>

typedef struct Walk {
    Tensor *const *x;
    int n;
    int next;        // the last x that the walk has not passed yet
    bool *visited;   // (n) was x[i] on a path to x[0]?
    double *squares; // (n) || J_i^T dy ||^2 of this walk
} Walk;

// The nodes come last first, and so do those that made x.
static void visit(TapeNode *node, void *context)
{
    Walk *walk = context;
    while (walk->next > 0 && (walk->x[walk->next]->node == NULL || walk->x[walk->next]->node->index > node->index)) {
        walk->next--;
    }
    for (; walk->next > 0 && walk->x[walk->next]->node == node; walk->next--) {
        const Tensor *x = walk->x[walk->next];
        walk->visited[walk->next] = true;
        walk->squares[walk->next] = x->grad == NULL ? 0 : dot_real(x->grad, x->grad, tensor_count(x));
    }
}

// One walk, from y to x[0], passes the others; those that it misses (x[0] does not lead to them, or they are not in order) get a walk of their own.
static void walk_row(Walk *walk, Tensor *y, const Real *dy, Real *dx)
{
    walk->next = walk->n - 1;
    memset(walk->visited, 0, (size_t)walk->n * sizeof(bool));
    tensor_vjp_visit(y, dy, walk->x[0], dx, visit, walk);
    walk->squares[0] = dot_real(dx, dx, tensor_count(walk->x[0]));
    for (int i = 1; i < walk->n; i++) {
        if (!walk->visited[i]) {
            tensor_vjp(y, dy, walk->x[i], dx);
            walk->squares[i] = dot_real(dx, dx, tensor_count(walk->x[i]));
        }
    }
}

// dy of walk r: the unit vector that gives row r of J, or random signs.
static void set_dy(Real *dy, size_t n, int r, Random *random)
{
    for (size_t i = 0; i < n; i++) {
        if (random == NULL) {
            dy[i] = i == (size_t)r ? 1 : 0;
        } else {
            dy[i] = (random_bits(random) & 1) != 0 ? 1 : -1;
        }
    }
}

void jacobian_norms(Tensor *y, Tensor *const *x, int n, int n_probes, Random *random, JacobianNorm *norms)
{
    REQUIRE(y, x, norms);
    size_t most = 0;
    if (n_probes < 0 || n_probes == 1) {
        fail_mistake(HERE, "jacobian_norms: %d probes (expected 0 or at least 2)", n_probes);
    }
    if (n < 1) {
        fail_mistake(HERE, "jacobian_norms: %d tensors (expected 1 or more)", n);
    }
    for (int i = 0; i < n; i++) {
        REQUIRE(x[i]);
        most = tensor_count(x[i]) > most ? tensor_count(x[i]) : most;
    }
    int frame = unwind_begin();
    Walk walk = {.x = x,
                 .n = n,
                 .visited = unwind_allocate((size_t)n, sizeof(bool), "a Jacobian"),
                 .squares = unwind_allocate((size_t)n, sizeof(double), "a Jacobian")};
    size_t n_y = tensor_count(y);
    bool exact = n_probes == 0;
    int n_walks = exact ? (int)n_y : n_probes;
    Real *dy = unwind_allocate(n_y, sizeof *dy, "a Jacobian");
    Real *dx = unwind_allocate(most, sizeof *dx, "a Jacobian");
    double *sum = unwind_allocate((size_t)n, sizeof *sum, "a Jacobian");
    double *sum_squares = unwind_allocate((size_t)n, sizeof *sum_squares, "a Jacobian");
    for (int r = 0; r < n_walks; r++) {
        set_dy(dy, n_y, r, exact ? NULL : random);
        walk_row(&walk, y, dy, dx);
        for (int i = 0; i < n; i++) {
            sum[i] += walk.squares[i];
            sum_squares[i] += walk.squares[i] * walk.squares[i];
        }
    }
    for (int i = 0; i < n; i++) {
        double number = (double)(n_y < tensor_count(x[i]) ? n_y : tensor_count(x[i])); // of singular values
        double mean = sum[i] / n_walks;
        double variance = fmax(sum_squares[i] / n_walks - mean * mean, 0) * n_walks / (n_walks - 1);
        norms[i].mean_square = exact ? sum[i] / number : mean / number;
        norms[i].std_error = exact ? 0 : sqrt(variance / n_walks) / number;
        norms[i].n_probes = n_probes;
    }
    unwind_end(frame);
}

JacobianNorm jacobian_norm(Tensor *y, Tensor *x)
{
    REQUIRE(y);
    JacobianNorm norm;
    Random random;
    random_seed(&random, 1);
    jacobian_norms(y, &x, 1, tensor_count(y) <= JACOBIAN_EXACT ? 0 : JACOBIAN_WALKS, &random, &norm);
    return norm;
}

void jacobian_matrix(Tensor *y, Tensor *x, double *J)
{
    REQUIRE(y, x, J);
    size_t n_y = tensor_count(y);
    size_t n_x = tensor_count(x);
    int frame = unwind_begin();
    Real *dy = unwind_allocate(n_y, sizeof *dy, "a Jacobian");
    Real *dx = unwind_allocate(n_x, sizeof *dx, "a Jacobian");
    for (size_t r = 0; r < n_y; r++) {
        set_dy(dy, n_y, (int)r, NULL);
        tensor_vjp(y, dy, x, dx);
        for (size_t i = 0; i < n_x; i++) {
            J[r * n_x + i] = (double)dx[i];
        }
    }
    unwind_end(frame);
}
