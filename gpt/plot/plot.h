// plot.h: plots and drawings, by gnuplot and Graphviz.
//
// A path's ending chooses the format: .png, .svg, .pdf, or .gp for the gnuplot script itself with its data in it. A plot is
// written completely or not at all. All text is drawn literally: neither gnuplot nor Graphviz takes any of it for commands or markup.
// Functions return false (or NULL), and an error, if there is nothing to draw, the program is missing, or the file cannot be written.

#ifndef GPTAPE_PLOT_H
#define GPTAPE_PLOT_H

#include "gpt/lab/lab.h"
#include "gpt/train/train.h"

#include "tensor/public_begin.h"

bool plot_path_check(const char *path, Error *error); // does it end in one of these?

// ------------------------------------------------------------------------------------------------------------
// 1. Experiments

// The gradients of each layer in each arm, and with sweep, which may be NULL, those of the first layer by depth.
bool plot_experiment(const Experiment *experiment, const Sweep *sweep, const char *path, Error *error);
// The second plot of a training run: layer against step, a map per arm, color for log10 of mean |dL/dW|; and the loss.
bool plot_heatmap(const Experiment *experiment, const char *path, Error *error);
// The plot of a probe, at the last measured step. False and an error if it has no values.
bool plot_probe(const Experiment *experiment, const Probe *probe, const char *path, Error *error);
// The same experiment on several sizes of GPT: a panel of the gradients of each block for each size, all with one y axis.
enum { PLOT_SIZES_MOST = 6 };
typedef struct PlotSize {
    const char *name; // "70b"
    const Experiment *experiment;
} PlotSize;
bool plot_sizes(const PlotSize *sizes, int n, const char *path, Error *error);
// What the experiment shows, in a sentence: the titles of plot_experiment and of plot_heatmap, there with superscripts. sweep may be NULL. The
// caller frees the text.
char *plot_finding(const Experiment *experiment, const Sweep *sweep);
char *plot_training_finding(const Experiment *experiment);
char *plot_powers(char *text); // the same text with superscripts: "1.1·10⁻¹¹"; NULL: "". Frees text; the caller frees the result
// The network, its settings and its seeds, as in the caption.
void plot_write_network(FILE *out, const ExperimentConfig *config);
// The number of an arm's color in all plots: 0 without shortcuts, 1 with them or with the rules pre and plain. -1: it may have any.
int plot_arm_style(const Experiment *experiment, int arm);
// The chart for a terminal, as text of that many columns; the caller frees it.
char *plot_terminal(const Experiment *experiment, int columns, Error *error);

// ------------------------------------------------------------------------------------------------------------
// 2. Any numbers

// Up to CHART_LINES lines in one pair of axes. NaN and infinities, and 0 on a logarithmic axis, have rows of their own. The key counts the points
// that have no place: those whose x is not finite, and y below 0 on a logarithmic axis. Sizes must be between 1e-300 and 1e300.
enum { CHART_LINES = 8 };

typedef struct ChartLine {
    const char *label; // for the key; may be NULL
    const double *x;   // NULL: 0, 1, 2, ...
    const double *y;
    int n;
    const char *rule; // the residual rule whose color it has in all plots, "none"; may be NULL
    bool theory;      // thin, black, without points
} ChartLine;

typedef struct Chart {
    const char *title;             // the main statement
    const char *caption;           // the small print
    const char *x_label, *y_label; // these four may be NULL
    bool log_y;
    const ChartLine *lines;
    int n_lines;
    const Quartiles *const *quartiles; // [line][point]: a band around y, which is their median; NULL: none
    bool log_x;                        // every x is above 0
    const char *const *x_names;        // of x = 0, 1, 2, ..., n_x_names of them: points side by side, not joined; NULL: x is a number
    int n_x_names;
} Chart;

// A matrix as a map, row 0 at the top: more is lighter, values that are not finite are gray.
typedef struct MatrixMap {
    const char *title;
    const char *caption;
    const char *x_label, *y_label;                      // these four may be NULL
    const Real *values;                                 // (rows, columns)
    int rows, columns;                                  // up to 256
    const char *const *row_names, *const *column_names; // or NULL: numbers
    double low, high;                                   // the range of the colors; both 0: from the smallest value, or 0 if that is
} MatrixMap;                                            // smaller, to the largest

// To a file, and as text for a terminal, which the caller frees.
bool plot_chart(const Chart *chart, const char *path, Error *error);
char *plot_chart_terminal(const Chart *chart, int columns, Error *error);
bool plot_matrix(const MatrixMap *map, const char *path, Error *error);
char *plot_matrix_terminal(const MatrixMap *map, Error *error);

// One training step on several ranks: bars show what each rank computed and sent, and when.
typedef enum TimelineKind {
    TIMELINE_FORWARD,
    TIMELINE_BACKWARD,
    TIMELINE_WAITING, // for the sum of gradients
    TIMELINE_UPDATE,
    TIMELINE_TRANSFER, // of a part of the gradients
    TIMELINE_KINDS
} TimelineKind;

typedef struct TimelineBar {
    int rank;
    TimelineKind kind;
    double begin, end; // seconds, from 0 on
} TimelineBar;

typedef struct Timeline {
    const char *title, *caption;
    const TimelineBar *bars;
    int n, n_ranks;
} Timeline;

bool plot_timeline(const Timeline *timeline, const char *path, Error *error);

// The attention weights of a model over a text of T tokens: a map for each head, blocks along one side of the page and heads along the other.
typedef struct AttentionMaps {
    const double *weights; // (n_layer, n_head, T, T), as gpt_attention_weights gives them
    int n_layer, n_head, T;
    bool causal;               // future positions are gray
    const char *const *tokens; // (T) as text; they, or the list, may be NULL
    const char *caption;       // the model
} AttentionMaps;

bool plot_attention(const AttentionMaps *maps, const char *path, Error *error);
int plot_attention_tokens(int n_layer, int n_head); // most tokens that remain distinguishable on the page

// ------------------------------------------------------------------------------------------------------------
// 3. The tape

// The drawing of a step by Graphviz as .svg, .png or .pdf, or as .dot, the text that Graphviz reads. fault: see experiment_draw.
bool plot_step(const ExperimentConfig *config, const StepDrawing *drawing, const char *path, char fault[STEP_FAULT_TEXT], Error *error);
bool plot_step_path_check(const char *path, Error *error);

// ------------------------------------------------------------------------------------------------------------
// 4. Training

// Training and validation loss against step, of n >= 1 rows of a run's log. what is the caption; before is the validation loss at
// step 0, NaN if that was not measured. To a file, and for a terminal as above.
bool plot_loss(const TrainRow *rows, int n, double before, const char *what, const char *path, Error *error);
char *plot_loss_terminal(const TrainRow *rows, int n, double before, int columns, Error *error);
// The same with a line at the loss of a uniform guess, for tasks.
bool plot_loss_guess(const TrainRow *rows, int n, double before, double guess, const char *what, const char *path, Error *error);

#include "tensor/public_end.h"

#endif
