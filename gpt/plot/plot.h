// plot.h: plots and drawings, by gnuplot and Graphviz.

#ifndef GPTAPE_PLOT_H
#define GPTAPE_PLOT_H

#include "gpt/lab/lab.h"
#include "gpt/train/train.h"

// Writes a picture of the experiment to path, whose ending says what: .png, .svg, .pdf, or .gp for the gnuplot script itself
// with its data in it. sweep may be NULL. Written beside and renamed, so that there is a whole picture or none.
bool plot_experiment(const Experiment *experiment, const Sweep *sweep, const char *path, Error *error);
// The second picture of a training run: layer against step, one map an arm, colour for log10 of mean |dL/dW|.
bool plot_heatmap(const Experiment *experiment, const char *path, Error *error);
// The chart for the terminal, as text of that many columns; the caller frees it. NULL and an error without gnuplot.
char *plot_terminal(const Experiment *experiment, int columns, Error *error);
bool plot_path_check(const char *path, Error *error);          // is its ending one of those?

// Up to CHART_LINES lines in one pair of axes. Points that are not finite, or not above 0 on a logarithmic axis, are left out,
// and the key says how many.
enum { CHART_LINES = 6 };

typedef struct ChartLine {
    const char *label;                             // for the key
    const double *x;                               // NULL: 0, 1, 2, ...
    const double *y;
    int n;
} ChartLine;

typedef struct Chart {
    const char *title;                             // what the picture shows
    const char *caption;                           // the small print; may be NULL
    const char *x_label, *y_label;
    bool log_y;
    const ChartLine *lines;
    int n_lines;
} Chart;

// A matrix as a map, row 0 on top: more is lighter, what is not finite is grey.
typedef struct MatrixMap {
    const char *title;
    const char *caption;                           // may be NULL
    const char *x_label, *y_label;
    const Real *values;                            // (rows, columns)
    int rows, columns;                             // up to 256
    const char *const *row_names, *const *column_names;        // or NULL: numbers
    double low, high;                              // what the colours reach from and to; both 0: from the smallest value, or 0
} MatrixMap;                                       // if that is smaller, to the largest

// As a picture, and as text for the terminal, which the caller frees. False or NULL and an error if there is nothing to draw.
bool plot_chart(const Chart *chart, const char *path, Error *error);
char *plot_chart_terminal(const Chart *chart, int columns, Error *error);
bool plot_matrix(const MatrixMap *map, const char *path, Error *error);
char *plot_matrix_terminal(const MatrixMap *map, Error *error);

// The drawing of a step as a picture, .svg, .png or .pdf, by Graphviz, or as the text that it reads, .dot.
bool plot_step(const ExperimentConfig *config, const StepDrawing *drawing, const char *path, char fault[STEP_FAULT_TEXT],
               Error *error);
bool plot_step_path_check(const char *path, Error *error);

// The curve of a training run: training and validation loss against step, of n >= 1 rows of its log. what is said below it; before
// is the validation loss at step 0, NaN if that was not measured. To a file, and for the terminal as above.
bool plot_loss(const TrainRow *rows, int n, double before, const char *what, const char *path, Error *error);
char *plot_loss_terminal(const TrainRow *rows, int n, double before, int columns, Error *error);

#endif
