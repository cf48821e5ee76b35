// ranks_mpi.h: inside ranks.h's sources: ranks.c, ranks_sum.c, and the plugin ranks_mpi.c, which alone knows MPI and is compiled once for each MPI.

#ifndef GPTAPE_RANKS_MPI_H
#define GPTAPE_RANKS_MPI_H

#include <stdbool.h>
#include <stddef.h>

// Starts a transfer; returns NULL on failure.
typedef struct RanksJob RanksJob;

typedef enum RanksState { RANKS_UNDER_WAY, RANKS_DONE, RANKS_BROKEN } RanksState;

// Sizes and offsets are in bytes; those of sum are in numbers.
typedef struct RanksMpi {
    bool (*begin)(int *rank, int *count); // MPI_Init
    void (*end)(void);
    void (*abort)(int status);
    RanksJob *(*barrier)(void);
    RanksJob *(*broadcast)(void *bytes, int n);
    RanksJob *(*gather)(const void *own, void *all, int n);
    // Sends n_out[r] bytes at out + out_at[r] to each rank r, and receives n_in bytes from each, in rank order.
    RanksJob *(*exchange)(const void *out, const int *n_out, const int *out_at, void *in, const int *n_in, const int *in_at);
    RanksJob *(*share)(void *all, const int *n, const int *at); // each rank's part of all, to all ranks
    RanksJob *(*sum)(void *values, int n, bool wide);           // wide: doubles
    RanksJob *(*send)(int to, const void *bytes, int n);
    bool (*probe)(int *from, int *n); // is a message waiting? *from: its sender; -1: any
    RanksJob *(*receive)(int from, void *bytes, int n);
    RanksState (*test)(RanksJob *job); // frees it unless it is under way
} RanksMpi;

// Between ranks.c and ranks_sum.c: the plugin in use, NULL on one rank; waits for a job; ends the process if one is broken; n as an int.
extern const RanksMpi *ranks_mpi;
void ranks_await(RanksJob *job);
void ranks_broken(void);
int ranks_int(size_t n);

// What the plugin exports.
#define RANKS_MPI_SYMBOL "gptape_ranks_mpi"
extern const RanksMpi gptape_ranks_mpi;

#endif
