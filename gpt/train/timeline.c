// timeline.c: the last step of a run on all its ranks, drawn.

#include "gpt/base/base.h"
#include "gpt/plot/plot.h"
#include "gpt/train/reduce.h"
#include "tensor/fast/fast.h"

#include <string.h>

// This rank's bars; the caller frees them. The machines' clocks differ, so times are relative to a barrier of all ranks.
static TimelineBar *own_bars(const Trainer *trainer, int *n)
{
    const StepTimes *times = &trainer->times;
    AUTO_FREE ReducerSpan *spans = NULL;
    int n_spans = trainer->reducer == NULL ? 0 : reducer_spans(trainer->reducer, &spans);
    ranks_barrier();
    double now = clock_seconds();
    int rank = ranks_rank();
    const TimelineBar computed[] = {
        {rank, TIMELINE_FORWARD, times->forward - now, times->backward - now},
        {rank, TIMELINE_BACKWARD, times->backward - now, times->backward_end - now},
        {rank, TIMELINE_WAITING, times->backward_end - now, times->update - now},
        {rank, TIMELINE_UPDATE, times->update - now, times->end - now},
    };
    enum { COMPUTED = sizeof computed / sizeof computed[0] };
    TimelineBar *bars = memory_allocate(sizeof computed + (size_t)n_spans * sizeof *bars, "a timeline");
    memcpy(bars, computed, sizeof computed);
    for (int i = 0; i < n_spans; i++) {
        bars[COMPUTED + i] = (TimelineBar){rank, TIMELINE_TRANSFER, spans[i].begin - now, spans[i].end - now};
    }
    *n = COMPUTED + n_spans;
    return bars;
}

static bool draw(const Trainer *trainer, TimelineBar *bars, int n, const char *path, Error *error)
{
    const TrainConfig *config = &trainer->setup.train;
    const GPTConfig *gpt = &trainer->setup.gpt;
    const StepTimes *times = &trainer->times;
    char title[160];
    char caption[400];
    double start = bars[0].begin;
    for (int i = 0; i < n; i++) {
        start = bars[i].kind == TIMELINE_FORWARD && bars[i].begin < start ? bars[i].begin : start;
    }
    for (int i = 0; i < n; i++) {
        bars[i].begin -= start;
        bars[i].end -= start;
    }
    number_format(title, sizeof title, "Of %.3g ms, a step on %d rank%s waits %.3g ms for the sum of gradients",
                  1e3 * (times->end - times->forward), ranks_count(), plural(ranks_count()), 1e3 * (times->update - times->backward_end));
    number_format(caption, sizeof caption,
                  "The last step of a run, its last part. Gradients are summed by --reduce %s. GPT, %d block%s, width %d; "
                  "each rank computes %d row%s of %d tokens at a time, with %d thread%s. Times of rank 0 in the title.",
                  reduction_name(config->reduce), gpt->n_layer, plural(gpt->n_layer), gpt->n_embd, config->batch, plural(config->batch),
                  config->length, kernels_threads(), plural(kernels_threads()));
    Timeline timeline = {.title = title, .caption = caption, .bars = bars, .n = n, .n_ranks = ranks_count()};
    return plot_timeline(&timeline, path, error);
}

bool train_draw_timeline(const Trainer *trainer, const char *path, Error *error)
{
    REQUIRE(trainer, path);
    int n;
    AUTO_FREE TimelineBar *own = own_bars(trainer, &n);
    AUTO_FREE TimelineBar *all = ranks_gather(own, (size_t)n * sizeof *own);
    return ranks_rank() > 0 || draw(trainer, all, n * ranks_count(), path, error);
}
