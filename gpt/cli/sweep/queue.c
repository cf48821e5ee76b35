// queue.c: running the cells, on one rank or many.
//
//      rank 0: cell 0, 3, 5 ...        rank 1: cell 1, 4, ...        rank 2: cell 2, 6, ...
//                   '<------ result ----------'      |                      |
//                   '------- next cell number ------>'                      |
//
// Rank 0 checks for results between its own cells, so each other rank has spare cells to work on meanwhile; near the end it has none, so that all
// ranks end at about the same time.

#include "gpt/cli/gradflow/gradflow.h"
#include "gpt/cli/sweep/sweep.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { AHEAD = 4, NO_CELL = -1 }; // the most cells that a rank has at a time; the end of the work

typedef struct Result {
    int cell;
    bool failed;
    double seconds;
    char *rows, *figures; // texts; "" after a failure
} Result;

static char *figures_of(const Cell *cell, const char *csv)
{
    Writer *writer = writer_begin();
    for (const char *line = csv; *line != '\0'; line = strchr(line, '\n') + 1) {
        quote_csv(writer->stream, cell->keys[0]);
        fprintf(writer->stream, ",%.*s\n", (int)strcspn(line, "\n"), line);
    }
    return writer_end(writer);
}

static Result run_cell(const Queue *queue, int number)
{
    const Cell *cell = &queue->cells[number];
    double start = clock_seconds();
    double values[CELL_STATISTICS];
    GradflowCell network = {0};
    bool done = gradflow_cell(queue->options->help->name, cell->settings, cell->seed, &network);
    for (int i = 0; done && i < cell->n_statistics; i++) {
        values[i] = statistic_value(cell->statistics[i], network.rows, network.loss);
    }
    double seconds = clock_seconds() - start;
    Result result = {.cell = number,
                     .failed = !done,
                     .seconds = seconds,
                     .rows = done ? store_rows(queue->sweep, cell, network.loss, values, seconds) : memory_copy_text(""),
                     .figures = done && queue->figures ? figures_of(cell, network.rows) : memory_copy_text("")};
    free(network.rows);
    return result;
}

static void free_result(Result *result)
{
    free(result->rows);
    free(result->figures);
}

// ------------------------------------------------------------------------------------------------------------
// Other ranks

// A message: the result, then both texts with their '\0'.
static void send_result(const Result *result)
{
    size_t n_rows = strlen(result->rows) + 1;
    size_t n_figures = strlen(result->figures) + 1;
    AUTO_FREE char *bytes = memory_allocate(sizeof *result + n_rows + n_figures, "a message");
    memcpy(bytes, result, sizeof *result);
    memcpy(bytes + sizeof *result, result->rows, n_rows);
    memcpy(bytes + sizeof *result + n_rows, result->figures, n_figures);
    ranks_send(0, bytes, sizeof *result + n_rows + n_figures);
}

static Result receive_result(int *from)
{
    AUTO_FREE void *bytes = NULL;
    Result result;
    *from = 0;
    ranks_receive(from, &bytes);
    memcpy(&result, bytes, sizeof result);
    const char *rows = (const char *)bytes + sizeof result;
    result.rows = memory_copy_text(rows);
    result.figures = memory_copy_text(rows + strlen(rows) + 1);
    return result;
}

static QueueEnd serve(const Queue *queue)
{
    QueueEnd end = QUEUE_DONE;
    while (true) {
        AUTO_FREE void *bytes = NULL;
        int cell;
        ranks_receive(NULL, &bytes);
        memcpy(&cell, bytes, sizeof cell);
        if (cell == NO_CELL) {
            return end;
        }
        Result result = run_cell(queue, cell);
        end = result.failed ? QUEUE_FAILED : end;
        send_result(&result);
        free_result(&result);
    }
}

// ------------------------------------------------------------------------------------------------------------
// Rank 0

enum { ENDED = AHEAD + 1 };

typedef struct Work {
    const Queue *queue;
    Progress progress;
    int next;       // the first cell that is not assigned
    int done, n;    // cells missing from the store
    double seconds; // sum over the finished cells
    int ranks;
    int *held;              // cells that each rank has; ENDED: it was told that there are no more
    int away;               // sum of held
    bool failed, elsewhere; // elsewhere: another rank failed first
} Work;

static int next_cell(Work *work)
{
    const Queue *queue = work->queue;
    while (work->next < queue->n && store_has(queue->store, &queue->cells[work->next])) {
        work->next++;
    }
    bool stop = work->failed || interrupted() || work->next == queue->n;
    return stop ? NO_CELL : work->next++;
}

// Assigns cells to a rank until it has its share, or tells it that there are none.
static void assign(Work *work, int rank)
{
    int left = (work->n - work->done - work->away) / (2 * work->ranks);
    int share = left < 1 ? 1 : left < AHEAD ? left : AHEAD;
    while (work->held[rank] < share) {
        int cell = next_cell(work);
        ranks_send(rank, &cell, sizeof cell);
        work->away += cell != NO_CELL;
        work->held[rank] = cell == NO_CELL ? ENDED : work->held[rank] + 1;
    }
}

static void take(Work *work, Result *result)
{
    Error error;
    bool stored = !result->failed && !work->failed && store_add(work->queue->store, result->rows, result->figures, &error);
    if (!stored && !result->failed && !work->failed) {
        report_error(work->queue->options, &error);
    }
    work->failed = work->failed || !stored;
    work->done += stored;
    work->seconds += result->seconds;
    if (stored && work->queue->done != NULL) {
        work->queue->done(result->cell, work->queue->context);
    }
    progress_update(work->done, work->n, &work->progress);
    free_result(result);
}

static void take_from_rank(Work *work)
{
    int from;
    Result result = receive_result(&from);
    work->away--;
    work->held[from] -= work->held[from] != ENDED;
    work->elsewhere = work->elsewhere || (result.failed && !work->failed);
    take(work, &result);
    assign(work, from);
}

static QueueEnd lead(const Queue *queue)
{
    Work work = {.queue = queue, .progress = progress_begin(queue->options, "networks"), .ranks = queue->alone ? 1 : ranks_count()};
    work.progress.quiet = work.progress.quiet || queue->silent;
    work.held = memory_allocate_zeroed((size_t)work.ranks, sizeof *work.held, "the ranks");
    for (int i = 0; i < queue->n; i++) {
        work.n += !store_has(queue->store, &queue->cells[i]);
    }
    for (int rank = 1; rank < work.ranks; rank++) {
        assign(&work, rank);
    }
    int cell = next_cell(&work);
    while (cell != NO_CELL || work.away > 0) {
        while (work.away > 0 && (cell == NO_CELL || ranks_has_message())) {
            take_from_rank(&work);
        }
        if (cell != NO_CELL) {
            Result result = run_cell(queue, cell);
            take(&work, &result);
        }
        cell = next_cell(&work);
    }
    free(work.held);
    if (work.ranks > 1 && work.done > 0 && !queue->silent) {
        double wall = clock_seconds() - work.progress.started;
        command_note(queue->options, "%d networks on %d ranks in %.1f s, %.2f times as fast as in sequence", work.done, work.ranks, wall,
                     work.seconds / wall);
    }
    return work.elsewhere ? QUEUE_ELSEWHERE : work.failed ? QUEUE_FAILED : QUEUE_DONE;
}

// The next cell takes the memory that the last one returned: asking the system for it again costs a tenth of a sweep.
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

QueueEnd queue_run(const Queue *queue)
{
    kernels_set_threads(1);
    keep_memory();
    return ranks_rank() > 0 ? serve(queue) : lead(queue);
}
