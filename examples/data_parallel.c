// data_parallel.c: several processes share one training step; their gradient equals that of a single process, bit for bit.
//
// You learn that data parallelism is one sum: each rank computes the gradients of its rows (mpirun -n 3, or 1, 2, 6), and the gradients are summed.
// Float addition rounds, so the bits are equal only if both add whole gradients in the same order: row 0, row 1, ...
// Breakpoint: ranks_exchange_end. finish, then print sum[0] shows the first value of the sum grow, row by row.

#include "gpt/gptape.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 6, T = 12, SEED = 123, LINE = 80 };
static const char text[] = "Each rank takes its rows, all ranks add up their gradients, and all make the same step.";

// The gradient of one row's loss, divided by the number of rows, as one list of values. Returns its norm.
static double row_gradient(GPT *gpt, const ParameterList *parameters, int row, Real *gradient)
{
    int ids[T + 1]; // (1, T) and one more: a token is a byte, its target the next one
    for (int t = 0; t <= T; t++) {
        ids[t] = text[row * T + t];
    }
    module_zero_grad(&gpt->module);
    Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, ids, 1, T), ids + 1);
    tensor_backward(tensor_scale(loss, 1.0 / ROWS));
    for (int i = 0; i < parameters->count; i++) {
        size_t n = tensor_count(parameters->parameters[i]);
        memcpy(gradient, parameters->parameters[i]->grad, n * sizeof(Real));
        gradient += n;
    }
    tape_reset(tape_current());
    return grad_norm(parameters);
}

int main(void)
{
    Error error;
    GPT *gpt = ranks_begin(&error) ? gpt_create(&gpt_preset_find("tiny")->config, SEED, &error) : NULL;
    int ranks = ranks_count();
    if (gpt == NULL || ROWS % ranks != 0) {
        fprintf(stderr, "data_parallel: %s\n", gpt == NULL ? error.message : "six rows need 1, 2, 3 or 6 ranks");
        return 1;
    }
    Tape *tape = tape_create();
    ParameterList parameters = module_parameters(&gpt->module);
    size_t n = parameters.values;
    Real *alone = calloc(4 * n + (size_t)ranks, sizeof(Real));
    Real *own = alone + n;
    Real *sum = alone + 2 * n, *others = alone + 3 * n;
    for (int row = 0; row < ROWS; row++) { // the baseline: one process computes all rows
        row_gradient(gpt, &parameters, row, own);
        for (size_t i = 0; i < n; i++) {
            alone[i] += own[i];
        }
    }
    char line[LINE] = "";
    size_t start; // this rank sums a slice of the values, from start on
    ranks_slice(n, ranks_rank(), &start);
    for (int row = ranks_rank(); row < ROWS; row += ranks) { // in parallel: each rank computes its rows
        double norm = row_gradient(gpt, &parameters, row, own);
        snprintf(line + strlen(line), LINE - strlen(line), "  %d: %.3f", row, norm);
        ranks_exchange_end(ranks_exchange_begin(own, n, others), own, n, others, sum + start, sum + start);
    }
    ranks_wait(ranks_share_begin(sum, n)); // every rank gets every slice
    bool equal = ranks_agree(memcmp(sum, alone, n * sizeof(Real)) == 0, &error);
    char *lines = ranks_gather(line, LINE);
    if (ranks_rank() == 0) {
        for (int rank = 0; rank < ranks; rank++) {
            printf("rank %d of %d, |gradient| of row%s\n", rank, ranks, lines + rank * LINE);
        }
        printf("-> The sum on %d rank(s) %s that of one process\n", ranks, equal ? "has the same bits as" : "DIFFERS from");
    }
    ranks_end();
    free(lines);
    free(alone);
    parameter_list_free(&parameters);
    gpt_free(gpt);
    tape_free(tape);
    return equal ? 0 : 1;
}
