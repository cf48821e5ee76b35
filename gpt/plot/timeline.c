// timeline.c: one training step on several ranks: what each computes and sends, and when, one lane of bars per rank.

#include "gpt/plot/draw.h"

#include <math.h>

static const char *const names[TIMELINE_KINDS] = {"forward", "backward", "waiting for the sum", "AdamW", "transfer of gradients"};
static const char *const colors[TIMELINE_KINDS] = {"#56b4e9", "#0072b2", "#bbbbbb", "#009e73", "#d55e00"};

enum { TRANSFER_ROWS = 6 }; // transfers at the same time are drawn above each other

// Each rank has a lane of height 1, the upper 0.4 of which is what it computes. Rank 0 is at the top.
static void write_bar(FILE *script, const Timeline *timeline, const TimelineBar *bar, int place)
{
    double bottom = timeline->n_ranks - 1 - bar->rank;
    double low = bottom + 0.52;
    double high = bottom + 0.92;
    if (bar->kind == TIMELINE_TRANSFER) {
        low = bottom + 0.08 + 0.38 / TRANSFER_ROWS * (place % TRANSFER_ROWS);
        high = low + 0.38 / TRANSFER_ROWS;
    }
    number_print(script, "%.9g %.9g %.9g %.9g %.9g %.9g\n", 1e3 * bar->begin, low, 1e3 * bar->begin, 1e3 * bar->end, low, high);
}

static void write_bars(FILE *script, const Timeline *timeline)
{
    for (int kind = 0; kind < TIMELINE_KINDS; kind++) {
        int place = 0;
        fprintf(script, "$bars_%d << EOD\nNaN NaN NaN NaN NaN NaN\n", kind); // keeps the block from being empty
        for (int i = 0; i < timeline->n; i++) {
            if (timeline->bars[i].kind == (TimelineKind)kind) {
                write_bar(script, timeline, &timeline->bars[i], place);
                place++;
            }
        }
        fprintf(script, "EOD\n");
    }
}

static void write_axes(FILE *script, const Timeline *timeline, const Page *page)
{
    double end = 0;
    for (int i = 0; i < timeline->n; i++) {
        end = fmax(end, timeline->bars[i].end);
    }
    page_place(script, 0, page->bottom, 1, page->top - page->bottom);
    fprintf(script, "set lmargin 10\nset rmargin 3\n");
    page_labels(script, NULL, "milliseconds since the last part of the step began", NULL);
    number_print(script, "set xrange [0:%.9g]\nset yrange [0:%d]\nset xtics nomirror\nset ytics nomirror (", 1e3 * end, timeline->n_ranks);
    for (int rank = 0; rank < timeline->n_ranks; rank++) {
        number_print(script, "%s\"rank %d\" %.1f", rank == 0 ? "" : ", ", rank, timeline->n_ranks - 0.5 - rank);
    }
    fprintf(script, ")\nset key outside top center horizontal Left reverse\nset style fill solid 1 border lc rgb \"white\"\n");
}

bool plot_timeline(const Timeline *timeline, const char *path, Error *error)
{
    REQUIRE(timeline, path);
    Page page;
    page_open(&page, path, memory_copy_text(timeline->title), memory_copy_text(timeline->caption), NULL);
    FILE *script = page.script;
    write_bars(script, timeline);
    write_axes(script, timeline, &page);
    for (int kind = 0; kind < TIMELINE_KINDS; kind++) {
        fprintf(script, "%s$bars_%d using 1:2:3:4:5:6 with boxxyerror dt solid lc rgb \"%s\" title \"%s\"", kind == 0 ? "plot " : ", ", kind,
                colors[kind], names[kind]);
    }
    fprintf(script, "\n");
    return page_close(&page, error);
}
