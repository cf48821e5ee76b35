// sizes.c: the plot of one experiment on several sizes of GPT: a panel for each, with one y axis for all.

#include "gpt/plot/draw.h"

static Panel panel_of_size(const PlotSize *size, const PlotArms *arms)
{
    Panel panel = {.title = size->name, .x_label = "block", .axis = AXIS_LOG, .x_counts = true, .has_rows = true, .n_lines = arms->n};
    for (int i = 0; i < arms->n; i++) {
        panel.lines[i] = line_of_layers(size->experiment, arms->arm[i], METRIC_WEIGHT, false);
    }
    panel_fit(&panel);
    return panel;
}

static char *caption_of(const PlotSize *sizes)
{
    const ExperimentConfig *config = &sizes[0].experiment->config;
    Writer *text = writer_begin();
    fprintf(text->stream, "Mean |dL/dW| of each block; the gradient comes from the right. GPT, batch %d×%d, init %s, ", config->B, config->T,
            init_name(config->gpt.init));
    plot_write_seeds(text->stream, config);
    fprintf(text->stream, ".");
    return writer_end(text);
}

bool plot_sizes(const PlotSize *sizes, int n, const char *path, Error *error)
{
    REQUIRE(sizes, path);
    if (n < 1 || n > PLOT_SIZES_MOST) {
        return error_set(error, "%d sizes (expected 1 to %d)", n, PLOT_SIZES_MOST);
    }
    PlotArms arms = plot_arms(sizes[0].experiment);
    Panel panels[PLOT_SIZES_MOST];
    for (int i = 0; i < n; i++) {
        panels[i] = panel_of_size(&sizes[i], &arms);
    }
    for (int i = 1; i < 2 * n; i++) { // twice: the first panels need the range of the last
        panel_share(&panels[(i - 1) % n], &panels[i % n]);
    }
    Page page;
    page_open(&page, path, plot_sizes_finding(sizes, n), caption_of(sizes), &arms);
    page_panels(&page, panels, n, n < 4 ? n : (n + 1) / 2, false);
    return page_close(&page, error);
}
