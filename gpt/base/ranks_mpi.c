// ranks_mpi.c: ranks over MPI. A plugin (see ranks.h), the only file that includes mpi.h. Everything is started without waiting and tested
// until it is done, so that ranks.c decides how to wait. Errors are returned, not fatal: a broken job ends the process in ranks.c.

#include "gpt/base/ranks_mpi.h"

#include <mpi.h>
#include <stdlib.h>

struct RanksJob {
    MPI_Request request;
};

static bool begin(int *rank, int *count)
{
    int provided;
    return MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) == MPI_SUCCESS
        && MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN) == MPI_SUCCESS && MPI_Comm_rank(MPI_COMM_WORLD, rank) == MPI_SUCCESS
        && MPI_Comm_size(MPI_COMM_WORLD, count) == MPI_SUCCESS;
}

static void end(void)
{
    MPI_Finalize();
}

static void abort_all(int status)
{
    MPI_Abort(MPI_COMM_WORLD, status);
}

// A job for a request just started; code is what MPI returned.
static RanksJob *started(int code, const MPI_Request *request)
{
    RanksJob *job = code == MPI_SUCCESS ? malloc(sizeof *job) : NULL;
    if (job != NULL) {
        job->request = *request;
    }
    return job;
}

static RanksJob *barrier(void)
{
    MPI_Request request;
    return started(MPI_Ibarrier(MPI_COMM_WORLD, &request), &request);
}

static RanksJob *broadcast(void *bytes, int n)
{
    MPI_Request request;
    return started(MPI_Ibcast(bytes, n, MPI_BYTE, 0, MPI_COMM_WORLD, &request), &request);
}

static RanksJob *gather(const void *own, void *all, int n)
{
    MPI_Request request;
    return started(MPI_Iallgather(own, n, MPI_BYTE, all, n, MPI_BYTE, MPI_COMM_WORLD, &request), &request);
}

static RanksJob *exchange(const void *out, const int *n_out, const int *out_at, void *in, const int *n_in, const int *in_at)
{
    MPI_Request request;
    return started(MPI_Ialltoallv(out, n_out, out_at, MPI_BYTE, in, n_in, in_at, MPI_BYTE, MPI_COMM_WORLD, &request), &request);
}

static RanksJob *share(void *all, const int *n, const int *at)
{
    MPI_Request request;
    return started(MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, n, at, MPI_BYTE, MPI_COMM_WORLD, &request), &request);
}

static RanksJob *sum(void *values, int n, bool wide)
{
    MPI_Request request;
    return started(MPI_Iallreduce(MPI_IN_PLACE, values, n, wide ? MPI_DOUBLE : MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request), &request);
}

static RanksJob *send(int to, const void *bytes, int n)
{
    MPI_Request request;
    return started(MPI_Isend(bytes, n, MPI_BYTE, to, 0, MPI_COMM_WORLD, &request), &request);
}

static bool probe(int *from, int *n)
{
    int there;
    MPI_Status status;
    if (MPI_Iprobe(*from < 0 ? MPI_ANY_SOURCE : *from, 0, MPI_COMM_WORLD, &there, &status) != MPI_SUCCESS || !there) {
        return false;
    }
    *from = status.MPI_SOURCE;
    return MPI_Get_count(&status, MPI_BYTE, n) == MPI_SUCCESS;
}

static RanksJob *receive(int from, void *bytes, int n)
{
    MPI_Request request;
    return started(MPI_Irecv(bytes, n, MPI_BYTE, from, 0, MPI_COMM_WORLD, &request), &request);
}

static RanksState test(RanksJob *job)
{
    int done = 0;
    int code = job == NULL ? MPI_ERR_OTHER : MPI_Test(&job->request, &done, MPI_STATUS_IGNORE);
    if (code == MPI_SUCCESS && !done) {
        return RANKS_UNDER_WAY;
    }
    free(job);
    return code == MPI_SUCCESS ? RANKS_DONE : RANKS_BROKEN;
}

__attribute__((visibility("default"))) const RanksMpi gptape_ranks_mpi = {
    .begin = begin,
    .end = end,
    .abort = abort_all,
    .barrier = barrier,
    .broadcast = broadcast,
    .gather = gather,
    .exchange = exchange,
    .share = share,
    .sum = sum,
    .send = send,
    .probe = probe,
    .receive = receive,
    .test = test,
};
