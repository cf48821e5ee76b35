// sweep.c: a sweep on several ranks and on one, each with one thread. What is timed is the queue (gpt/cli/sweep/queue.c), without the start of MPI.

#include "gpt/base/base.h"
#include "gpt/cli/bench/bench.h"
#include "gpt/cli/sweep/store.h"

enum { FEWEST = 3, MOST = 200 }; // repetitions; with --seconds 0 there is one

static bool run_once(Queue *queue, double *ms, Error *error)
{
    bool first = ranks_rank() == 0;
    queue->store = first ? store_open(NULL, NULL, queue->sweep, error) : NULL;
    double start = clock_seconds();
    bool done = (queue->alone && !first) || queue_run(queue) == QUEUE_DONE;
    *ms = 1e3 * (clock_seconds() - start);
    store_close(queue->store, error);
    done = done || error_set(error, "%s: a network can't be run", queue->sweep);
    return ranks_agree(done, error);
}

// Rank 0 decides how many repetitions there are.
static bool time_queue(Queue *queue, double seconds, Quartiles *ms, Error *error)
{
    double times[MOST];
    int n = 0;
    bool more = true;
    double end = clock_seconds() + seconds;
    while (more) {
        if (!run_once(queue, &times[n], error)) {
            return false;
        }
        n++;
        more = seconds > 0 && (n < FEWEST || (n < MOST && clock_seconds() < end));
        ranks_broadcast(&more, sizeof more);
    }
    *ms = quartiles_of(times, n);
    return true;
}

bool bench_sweep(const Options *options, const BenchCase *which, double seconds, BenchScaling *scaling, Error *error)
{
    int n = which->sizes[0];
    AUTO_FREE Cell *cells = memory_allocate((size_t)n * sizeof *cells, "the networks");
    int threads = kernels_threads();
    for (int i = 0; i < n; i++) {
        cells[i] = (Cell){.settings = "--net gpt --n-layer 8 --n-embd 192 --n-head 4 --context-length 64 --batch 1 --residual pre",
                          .seed = (uint64_t)i,
                          .keys = {"network"},
                          .statistics = {"loss"},
                          .n_statistics = 1};
    }
    Queue queue = {.options = options, .sweep = which->name, .cells = cells, .n = n, .silent = true};
    *scaling = (BenchScaling){.threads = 1};
    bool done = time_queue(&queue, seconds, &scaling->ranks, error);
    queue.alone = true;
    done = done && time_queue(&queue, seconds, &scaling->one, error);
    kernels_set_threads(threads);
    return done;
}
