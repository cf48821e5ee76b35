// plots.c: each plot that a cell draws is also reported as text, for viewers without pictures. The engine compiles this file after runtime.c.

#include "gpt/gptape.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { CELL_COLUMNS = 78 };

Error cell_ignored = {""};

// Takes ownership of the text. An error is printed, because few cells look at it.
bool cell_plotted(bool drawn, const char *path, char *text, const Error *error)
{
    if (!drawn) {
        fprintf(stderr, "%s\n", error->message);
    } else if (text != NULL) {
        cell_report_begin("chart");
        cell_report_text("path", path);
        cell_report_text("text", text);
        cell_report_end();
    }
    free(text);
    return drawn;
}

bool cell_plot_chart(const Chart *chart, const char *path, Error *error)
{
    bool drawn = plot_chart(chart, path, error);
    return cell_plotted(drawn, path, drawn ? plot_chart_terminal(chart, CELL_COLUMNS, &cell_ignored) : NULL, error);
}

bool cell_plot_matrix(const MatrixMap *map, const char *path, Error *error)
{
    bool drawn = plot_matrix(map, path, error);
    return cell_plotted(drawn, path, drawn ? plot_matrix_terminal(map, &cell_ignored) : NULL, error);
}

bool cell_plot_experiment(const Experiment *experiment, const Sweep *sweep, const char *path, Error *error)
{
    bool drawn = plot_experiment(experiment, sweep, path, error);
    return cell_plotted(drawn, path, drawn ? plot_terminal(experiment, CELL_COLUMNS, &cell_ignored) : NULL, error);
}

bool cell_plot_heatmap(const Experiment *experiment, const char *path, Error *error)
{
    return cell_plotted(plot_heatmap(experiment, path, error), path, NULL, error);
}

bool cell_plot_loss(const TrainRow *rows, int n, double before, const char *what, const char *path, Error *error)
{
    bool drawn = plot_loss(rows, n, before, what, path, error);
    return cell_plotted(drawn, path, drawn ? plot_loss_terminal(rows, n, before, CELL_COLUMNS, &cell_ignored) : NULL, error);
}

#define plot_chart cell_plot_chart
#define plot_matrix cell_plot_matrix
#define plot_experiment cell_plot_experiment
#define plot_heatmap cell_plot_heatmap
#define plot_loss cell_plot_loss
