// draw.h: shared by the files that draw plots. A plot is a gnuplot script with its data in it:
//
//      Experiment, Chart, log -> Line (x, quartiles) -> Panel (axes) -> page (title, key, caption) -> script -> gnuplot -> file
//
// words.c: numbers and texts as people read them. run.c: running gnuplot and dot. page.c: the page. line.c: lines and their styles.
// panel.c: axes and their contents. map.c: maps. finding.c, caption.c: titles and captions. The plots: experiment.c, sizes.c, training.c,
// probe.c, loss.c, chart.c, matrix.c, attention.c, timeline.c, step.c; for the terminal: terminal.c.
//
// Text from outside reaches a script through quote_gnuplot (base.h) only, and numbers through number_print.

#ifndef GPTAPE_PLOT_DRAW_H
#define GPTAPE_PLOT_DRAW_H

#include "gpt/base/base.h"
#include "gpt/plot/plot.h"

// ------------------------------------------------------------------------------------------------------------
// Texts

void plot_write_number(FILE *out, double value); // two digits: "0.083", "1.1e-11"
int plot_length(const char *text);               // in characters
// Text as it is shown (utf8_show), of at most so many characters; what is longer ends in "…". The caller frees it.
char *plot_shorten(const char *text, int most);
void plot_write_label(FILE *script, const char *text, int most); // the same in gnuplot's quotes
// Labels of tics at 0, stride, 2 stride, ..., shortened: ("a" 0, "b" 1, ...)
void plot_write_names(FILE *script, const char *const *names, int n, int stride, int most);
// The same in lines of about one length, at most width, and at most so many; line feeds are kept. The caller frees it.
char *plot_wrap(const char *text, int width, int most_lines);
double plot_tic_distance(double range, int n); // 1, 2 or 5 times a power of ten: at most n of them in range
int plot_tic_step(int range, int n);           // the same for counts: at least 1

// ------------------------------------------------------------------------------------------------------------
// Running other programs

// A program that reads a script from standard input and writes an image to standard output.
typedef struct Filter {
    const char *arguments[4];                       // its name, then its arguments, then NULL
    const char *package;                            // what Debian calls it
    const char *(*complaint)(const char *messages); // the part of its standard error that says what is wrong
} Filter;

// The program's output is *bytes (n), which the caller frees.
bool filter_run(const Filter *filter, const char *script, char **bytes, size_t *n, Error *error);
bool gnuplot_run(const char *script, char **bytes, size_t *n, Error *error);
bool plot_save(const char *path, const char *bytes, size_t n, Error *error);

// ------------------------------------------------------------------------------------------------------------
// Lines

enum { STYLE_COUNT = ARMS_MOST, STYLE_SHORTCUT = 2, STYLE_BRANCH = 3 }; // any two styles differ in color, dash and marker

extern const char style_letters[STYLE_COUNT]; // of points on a terminal

// One arm of an experiment.
typedef struct PlotArm {
    int number;       // in the functions of lab.h
    const char *name; // "with shortcuts", "keel", or a rule's text
    int style;
} PlotArm;

typedef struct PlotArms {
    PlotArm arm[STYLE_COUNT];
    int n;
} PlotArms;

PlotArms plot_arms(const Experiment *experiment);
// The styles of n lines. rules[i]: the name or text of a residual rule, which has one style in all plots, unless a line before has it; or NULL.
void plot_styles(const char *const *rules, int n, int *styles);
void plot_write_arm(FILE *out, PlotArm arm); // in a sentence: "without shortcuts", "with keel"

typedef enum Spread { SPREAD_NONE, SPREAD_BAND, SPREAD_BARS } Spread; // how quartiles are drawn beside the median

typedef struct Line {
    char *label; // for the key; owned
    int style;
    Spread spread;
    bool theory; // thin, black, without points
    int n;
    double *x;
    Quartiles *y;
} Line;

Line line_create(const char *label, int style, int n);   // n points, to be filled
Quartiles line_point(double value);                      // a single value's
Spread line_spread(const Experiment *experiment, int n); // of a line of n points: none for one seed
// A metric of each layer that has it; relative: divided by the last layer's.
Line line_of_layers(const Experiment *experiment, PlotArm arm, LayerMetric metric, bool relative);
Line line_of_sweep(const Sweep *sweep, PlotArm arm);
Line line_of_losses(const Experiment *experiment, PlotArm arm, int stride); // at each stride-th step
void line_free(Line *line);

// ------------------------------------------------------------------------------------------------------------
// Panels

typedef enum Axis {
    AXIS_LOG,
    AXIS_DATA, // linear, the range of the data
    AXIS_ZERO, // linear, from 0, or from near the data if they lie far above it
    AXIS_UNIT, // linear, from 0 to 1 at least
    AXIS_AUTO, // AXIS_LOG if the values span more than a power of ten, else AXIS_ZERO
} Axis;

typedef struct Panel {
    const char *title, *x_label, *y_label; // may be NULL
    Axis axis;
    bool x_counts;              // x counts something: tics at integers
    bool log_x;                 // tics at the points
    const char *const *x_names; // of x = 0, 1, ...: points are not joined; NULL: x is a number
    int n_x_names;
    bool has_key; // of its own
    bool bars;    // instead of lines: side by side, in the order of the page's key
    Line lines[STYLE_COUNT];
    int n_lines;
    double x_low, x_high;       // of the x axis; both 0: from the lines
    double low, high;           // of the y axis; powers of ten if logarithmic
    bool has_rows;              // for what is not finite, and for zeros if the axis is logarithmic, if there are any
    bool zeros, not_finite;     // are there any?
    double x, y, width, height; // on the page, whose lower left corner is 0, 0 and upper right corner 1, 1
} Panel;

enum { LABEL_MARGIN = 11 }; // at the left of axes with a label, in characters
// Can gnuplot draw this number? Its own arithmetic overflows before double does.
bool panel_can_draw(double value);
void panel_fit(Panel *panel); // sets the y axis from the lines
void panel_place(Panel *panel, double x, double y, double width, double height);
void panel_share(Panel *a, Panel *b); // gives both the same y axis
void panel_free(Panel *panel);
// The panel for a terminal; the caller frees it. NULL and an error without gnuplot. letters: of the lines; NULL: of their styles.
char *panel_terminal(const Panel *panel, const char *letters, int columns, Error *error);
void panel_write_axes(const Panel *panel, FILE *script);
void panel_write_data(const Panel *panel, FILE *script, int number); // $data_NUMBER_LINE

// ------------------------------------------------------------------------------------------------------------
// The page

// A picture in progress. bottom and top: the room for panels.
typedef struct Page {
    Writer *writer;
    FILE *script;
    const char *path;
    const char *image; // how maps are drawn in this format
    double bottom, top;
    int blocks; // of data
} Page;

// Writes the terminal, title, key of the arms if there are any, and caption. Frees title and caption. page_close reports an unknown ending.
void page_open(Page *page, const char *path, char *title, char *caption, const PlotArms *arms);
void page_labels(FILE *script, const char *title, const char *x_label, const char *y_label); // of the next panel; may be NULL
void page_place(FILE *script, double x, double y, double width, double height);              // of the next panel
bool page_close(Page *page, Error *error);                                                   // draws it to the path
int page_key_columns(int longest, double width); // how many labels of at most so many characters fit side by side, as gnuplot estimates it

void panel_write(const Panel *panel, Page *page);
// Fills the room for panels row by row, in at most so many columns, and frees the panels. Where a cell would be left over, the first panel is
// twice as high (tall), or the last one fills its row.
void page_panels(Page *page, Panel *panels, int n, int columns, bool tall);
bool panel_draw(Panel *panel, const char *path, char *title, const char *caption, Error *error); // alone on a page; frees panel and title

// ------------------------------------------------------------------------------------------------------------
// Maps

// A matrix as cells of color, dx and dy apart; cell (0, 0) is at 0, 0, at the bottom or the top. NaN is gray, infinity black.
typedef struct Cells {
    double *values; // (rows, columns)
    int rows, columns;
    double dx, dy;
    bool down; // row 0 is at the top
} Cells;

Cells cells_create(int rows, int columns, double dx, double dy);        // to be filled; the caller frees the values
void cells_extend_range(const Cells *cells, double *low, double *high); // to their finite values
void map_write_colors(FILE *script, double low, double high);           // the palette and what it spans
void map_write_color_box(FILE *script, double x, double bottom, double height);
void map_write_axes(FILE *script, const Cells *cells, int x_tics, int y_tics); // with at most so many tics
void map_write(Page *page, const Cells *cells);                                // plots the cells in these axes

// ------------------------------------------------------------------------------------------------------------
// Titles and captions, computed from the data. The caller frees them.

void plot_write_seeds(FILE *out, const ExperimentConfig *config);  // "seed 123", "medians of 5 seeds, 1 to 5", "saved weights"
void plot_write_settings(FILE *out, const Experiment *experiment); // what was run, for a caption
char *plot_sizes_finding(const PlotSize *sizes, int n);
char *plot_caption(const Experiment *experiment, const Sweep *sweep);
char *plot_training_caption(const Experiment *experiment, const char *note);
bool plot_experiment_check(const Experiment *experiment, Error *error); // does it have anything to draw?

#endif
