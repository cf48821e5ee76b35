// ranks_sum.c: sums over ranks: MPI's, and the exact sum, of which each rank computes a slice.

#include "gpt/base/base.h"
#include "gpt/base/ranks_mpi.h"

#include <stdlib.h>

struct RanksSum {
    RanksJob *job;
    int *sizes; // read by the job, freed with it; NULL: none
};

// The sizes of all slices in bytes, and where they start.
static int *slices_of(size_t n)
{
    int *sizes = memory_allocate(4 * (size_t)ranks_count() * sizeof *sizes, "the slices of a sum");
    for (int r = 0; r < ranks_count(); r++) {
        size_t start;
        sizes[r] = ranks_int(ranks_slice(n, r, &start) * sizeof(Real));
        sizes[ranks_count() + r] = ranks_int(start * sizeof(Real));
    }
    return sizes;
}

static RanksSum *sum_of(RanksJob *job, int *sizes)
{
    RanksSum *sum = memory_allocate(sizeof *sum, "a sum over ranks");
    *sum = (RanksSum){job, sizes};
    if (job == NULL) {
        ranks_broken();
    }
    return sum;
}

RanksSum *ranks_sum_begin(Real *values, size_t n)
{
    return ranks_mpi == NULL ? NULL : sum_of(ranks_mpi->sum(values, ranks_int(n), sizeof *values == sizeof(double)), NULL);
}

bool ranks_is_done(RanksSum *sum)
{
    if (sum == NULL || sum->job == NULL) {
        return true;
    }
    RanksState state = ranks_mpi->test(sum->job);
    if (state == RANKS_BROKEN) {
        ranks_broken();
    }
    sum->job = state == RANKS_DONE ? NULL : sum->job;
    return state == RANKS_DONE;
}

void ranks_wait(RanksSum *sum)
{
    if (sum != NULL) {
        if (sum->job != NULL) {
            ranks_await(sum->job);
        }
        free(sum->sizes);
        free(sum);
    }
}

size_t ranks_slice(size_t n, int of_rank, size_t *start)
{
    REQUIRE(start);
    size_t each = (n + (size_t)ranks_count() - 1) / (size_t)ranks_count();
    *start = (size_t)of_rank * each < n ? (size_t)of_rank * each : n;
    return *start + each < n ? each : n - *start;
}

RanksSum *ranks_exchange_begin(const Real *values, size_t n, Real *scratch)
{
    if (ranks_mpi == NULL) {
        return NULL;
    }
    int *sizes = slices_of(n);
    int *own_sizes = sizes + 2 * ranks_count(); // of the incoming data: this rank's slice from each rank
    for (int r = 0; r < ranks_count(); r++) {
        own_sizes[r] = sizes[ranks_rank()];
        own_sizes[ranks_count() + r] = r * sizes[ranks_rank()];
    }
    return sum_of(ranks_mpi->exchange(values, sizes, sizes + ranks_count(), scratch, own_sizes, own_sizes + ranks_count()), sizes);
}

// In blocks that stay in the L1 cache.
void ranks_exchange_end(RanksSum *sum, const Real *values, size_t n, const Real *scratch, const Real *before, Real *out)
{
    REQUIRE(values, out);
    enum { BLOCK = 4096 };
    size_t start;
    size_t own = ranks_slice(n, ranks_rank(), &start);
    ranks_wait(sum);
    for (size_t at = 0; at < own; at += BLOCK) {
        size_t end = at + BLOCK < own ? at + BLOCK : own;
        for (int r = 0; r < ranks_count(); r++) {
            const Real *of_rank = ranks_mpi == NULL ? values : scratch + (size_t)r * own;
            const Real *so_far = r == 0 ? before : out;
            for (size_t i = at; i < end; i++) {
                out[i] = so_far == NULL ? of_rank[i] : so_far[i] + of_rank[i];
            }
        }
    }
}

RanksSum *ranks_share_begin(Real *values, size_t n)
{
    if (ranks_mpi == NULL) {
        return NULL;
    }
    int *sizes = slices_of(n);
    return sum_of(ranks_mpi->share(values, sizes, sizes + ranks_count()), sizes);
}
