// ranks.h: one program as several processes, the ranks, on one machine or many, launched by mpirun (or mpiexec, srun).
//
//      mpirun -n 3 program         rank 0    rank 1    rank 2      each runs the whole program, with its share of the work
//                                     '---------+---------'        and calls the functions below at the same places
//
// MPI is optional. Its code is a plugin for each MPI that the build found (libgptape-openmpi.so, libgptape-mpich.so), loaded only if the
// program was launched as more than one rank. Otherwise there is one rank, number 0, and every function works on it alone.
//
// If a rank dies, the others can't continue: the first function that waits for it prints one line and ends the process with status 1
// (ranks_end_if_lost). All functions are for the main thread.

#ifndef GPTAPE_RANKS_H
#define GPTAPE_RANKS_H

#include "tensor/tensor.h"

#include "tensor/public_begin.h"

// Joins the other ranks; a second call does nothing. Returns false and an error if the program was launched as several ranks, but the build has no
// plugin for that MPI, or MPI reports a different number of ranks.
bool ranks_begin(Error *error);
// Leaves MPI once all ranks have called it; no rank function may be called after it. Does nothing if ranks_begin was not called.
void ranks_end(void);
// Ends all ranks at once, without waiting for them.
void ranks_abort(int status) __attribute__((noreturn));

bool ranks_launched(void);   // by mpirun, also as a single rank. Known before ranks_begin
int ranks_rank(void);        // 0 ... ranks_count() - 1; after a ranks_begin that failed, as launched
int ranks_count(void);       // 1 before ranks_begin
int ranks_local_count(void); // ranks on this machine
int ranks_threads(void);     // threads per rank, so that the ranks share this machine's processors; 0 before ranks_begin
void ranks_unbind(void);     // lets this process use all processors of this machine's ranks, not only those it is bound to

// Waits until all ranks have arrived.
void ranks_barrier(void);
// Copies n bytes of rank 0 to all ranks.
void ranks_broadcast(void *bytes, size_t n);
// Copies n bytes of each rank to all ranks: ranks_count() n bytes, in rank order, which the caller frees.
void *ranks_gather(const void *own, size_t n);

// Can all ranks continue? Each rank passes whether it can, and if not, why. True on all ranks if all can. On rank 0, the error then has the
// first failed rank's reason, "rank 2: ...", or that of rank 0 as it is; other ranks' error is their own or empty.
bool ranks_agree(bool ok, Error *error);
bool ranks_agreed(void); // false after a ranks_agree that was false: all ranks are about to end

// Sends n bytes to another rank, and returns when they may be changed. ranks_receive waits for a message of any rank, *from, or with
// from == NULL of rank 0; the caller frees *bytes.
void ranks_send(int to, const void *bytes, size_t n);
size_t ranks_receive(int *from, void **bytes);
bool ranks_has_message(void); // is a message from any rank waiting?

// Sums that start now and are finished by ranks_wait, so that the caller can compute meanwhile. The values belong to the sum until then.
// ranks_is_done does some of their work without waiting. Sums start and are waited for in the same order on all ranks.
typedef struct RanksSum RanksSum;
// values[i] = the sum over all ranks, in an order that MPI chooses.
RanksSum *ranks_sum_begin(Real *values, size_t n);
bool ranks_is_done(RanksSum *sum); // does some of the work; the caller still calls ranks_wait
void ranks_wait(RanksSum *sum);

// The exact sum: added up in rank order, so that the result does not depend on how many ranks share the work. Rank r adds up its slice of the
// n values, ranks_slice(n, r, &start), only:
//      out[i] = ((before[i] + values[start + i] of rank 0) + values[start + i] of rank 1) + ...; before may be NULL, and out be values + start.
// Between begin and end, the transfer is under way; scratch has room for ranks_count() slices, and is unused on one rank.
size_t ranks_slice(size_t n, int rank, size_t *start);
RanksSum *ranks_exchange_begin(const Real *values, size_t n, Real *scratch);
void ranks_exchange_end(RanksSum *sum, const Real *values, size_t n, const Real *scratch, const Real *before, Real *out);
// Copies each rank's slice of values to all ranks.
RanksSum *ranks_share_begin(Real *values, size_t n);

// Ends the process with one line if a rank of this machine is gone. Called by whatever waits; also for signal handlers, since mpirun ends
// the other ranks by a signal. note, "; resume with ...", completes the line; it is kept, not copied. NULL: nothing.
void ranks_end_if_lost(void);
void ranks_loss_note(const char *note);

#include "tensor/public_end.h"

#endif
