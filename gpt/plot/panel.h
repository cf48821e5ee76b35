// panel.h: what the files that draw pictures share. A picture is a gnuplot script with its data in it:
//
//      Experiment -> Series (quartiles at each layer) -> Panel (axes, a key) -> script -> gnuplot -> file
//
// Series: plot_series.c. Panels: plot_panel.c, plot_axis.c. Titles, made from the data: plot_finding.c. Captions: plot_text.c.
// The page: plot_page.c; in a terminal: plot_dumb.c. Running gnuplot: gnuplot.c, filter.c. The pictures themselves: plot.c, plot_heatmap.c, plot_loss.c,
// plot_terminal.c; of numbers of any origin: plot_chart.c, plot_matrix.c; of a tape: plot_step.c.

#ifndef GPTAPE_PLOT_PANEL_H
#define GPTAPE_PLOT_PANEL_H

#include "gpt/plot/plot.h"

// ------------------------------------------------------------------------------------------------------------
// Text

enum { NUMBER_PLOT_TEXT = 32, LABEL_TEXT = 160 };

// "0.083", "1.1·10⁻¹¹": two digits, as people read them.
const char *plot_number(double value, char text[NUMBER_PLOT_TEXT]);
int plot_length(const char *text);                             // in characters: UTF-8's continuation bytes don't count
char *plot_wrap(const char *text, int width);                  // breaks at spaces into lines of about one length; caller frees

// What the picture shows, in a sentence whose every word and number is computed. The caller frees it.
char *plot_finding(const Experiment *experiment, const Sweep *sweep);
char *plot_training_finding(const Experiment *experiment);
// The small print: statistic, network, seeds, initialisation, number type, loss, and whatever must not be left out.
char *plot_caption(const Experiment *experiment, const Sweep *sweep);
char *plot_training_caption(const Experiment *experiment, const char *note);

// ------------------------------------------------------------------------------------------------------------
// Series and panels

// Two series must differ in colour, in dashes and in points, so that grey print and any eye tell them apart.
typedef struct SeriesStyle {
    const char *color;
    const char *dash;                              // gnuplot's dashtype
    int point;                                     // gnuplot's pointtype
} SeriesStyle;

#define DASH_NONE "solid"
#define DASH_LONG "11"                             // numbers that the page gives a meaning
#define DASH_SHORT "12"

#define DASH_DOT "13"

extern const SeriesStyle style_arm[ARMS_MOST];     // the first two: without shortcuts, with
extern const SeriesStyle style_skip;
extern const SeriesStyle style_block;

// How the quartiles are drawn beside the median.
typedef enum Spread { SPREAD_BAND, SPREAD_BARS, SPREAD_NONE } Spread;

typedef struct Series {
    const SeriesStyle *style;
    char label[LABEL_TEXT];                        // for the key
    int n;
    double *x;
    Quartiles *y;
    bool *absent;                                  // no such figure here, and none to be expected
    Spread spread;
    const char *missing;                           // what a figure that is not finite is called: "NaN"
} Series;

enum { PANEL_SERIES = ARMS_MOST };

typedef enum Axis { AXIS_LOGARITHMIC, AXIS_LINEAR, AXIS_UNIT } Axis;           // AXIS_UNIT: from 0 to 1, or more if need be

typedef struct Panel {
    const char *title;                             // the quantity
    const char *x_label;
    Axis axis;
    bool x_is_data;                                // tics at the x values themselves
    Series series[PANEL_SERIES];
    int n_series;
    double low, high;                              // the y axis; powers of ten if logarithmic
    bool zeros, not_finite;                        // are there any? Each gets a row of its own, below and above the axis
    double x0, x1, y0, y1;                         // the part of the page it has, 0 to 1 from the lower left corner
} Panel;

typedef enum FigureScale { SCALE_ABSOLUTE, SCALE_RELATIVE } FigureScale;

enum { ARM_TEXT = 64 };
const char *plot_arm_name(const Experiment *experiment, int arm, char text[ARM_TEXT]);         // "with shortcuts", "keel"
const char *plot_with_arm(const Experiment *experiment, int arm, char text[ARM_TEXT]);         // in a sentence: "with keel"
bool plot_is_familiar(const Experiment *experiment);           // are both familiar arms run, without shortcuts and with?
const char *plot_layer_word(const Experiment *experiment);     // "layer"; a GPT's is a "block"
Series series_create(int n);                                   // of n points, to be filled
Series series_of_layers(const Experiment *experiment, int arm, int step, LayerMetric figure, FigureScale scale);
Series series_of_sweep(const Sweep *sweep, int arm);
Series series_of_losses(const Experiment *experiment, int arm, int stride);             // at each stride-th step

// What is drawn at one x.
typedef enum Mark { MARK_VALUE, MARK_ZERO, MARK_NOT_FINITE, MARK_ABSENT } Mark;

Mark series_mark(const Series *series, int i);
int series_count(const Series *series, Mark mark);
bool series_has_data(const Series *series);                    // is there any x where the figure was to be expected?
void series_label(Series *series, const char *name, const char *what);         // the name, and how many are 0 or not finite
void series_free(Series *series);

// Lengths on the page, as parts of its width and height.
#define TEXT_LEFT 0.022                            // where titles and keys begin, from a panel's left
#define PLOT_LEFT 0.072                            // where the plot does: room for the y axis' numbers
#define PLOT_SIDES (PLOT_LEFT + 0.012)
#define TITLE_LINE 0.045
#define TITLE_LETTER 0.0089                        // a letter's mean width
#define KEY_LINE 0.038
#define KEY_SAMPLE 0.035
#define KEY_GAP 0.007
#define KEY_BETWEEN 0.022
#define KEY_LETTER 0.0083

double panel_plot_top(const Panel *panel);
double panel_plot_bottom(const Panel *panel);
double panel_key_width(const Series *series);
int panel_key_rows(const Panel *panel);
bool panel_key_wraps(const Panel *panel, int series);          // does this series begin a new row of the key?
double panel_zero_row(const Panel *panel);                     // the rows for zeros and for what is not finite, as powers of ten
double panel_not_finite_row(const Panel *panel);
void panel_write_axes(const Panel *panel, FILE *script);
void panel_fit(Panel *panel);                                  // sets the y axis from the series
void panel_share(Panel *a, Panel *b);                          // gives both the same y axis
void panel_write(const Panel *panel, FILE *script, int number);
void panel_free(Panel *panel);
void plot_power(FILE *script, int power);                      // "10^{−4}", a tic's name in quotes
int plot_tic_step(int range, int n);                           // 1, 2, 5, 10, ...: at most n of them in range

// ------------------------------------------------------------------------------------------------------------
// Scripts and files

// An output of open_memstream, which is text and its length.
typedef struct PlotText {
    FILE *stream;
    char *bytes;
    size_t n;
} PlotText;

void plot_text_open(PlotText *text);
void plot_text_close(PlotText *text);                       // bytes and n are valid from here on; the caller frees bytes

// The page: terminal, title and caption, and what all panels have in common. top and bottom are where they leave room.
void page_open(FILE *script, const char *path, const char *title, const char *caption, double *top, double *bottom);
void page_labels(FILE *script, const char *x_label, const char *y_label);     // of the axes to come
void page_close(FILE *script);
void plot_quote(FILE *script, const char *text, bool enhanced);        // what stands between a gnuplot string's double quotes
extern const char plot_palette[];                  // of all maps: a gnuplot command
const char *page_image(const char *path);          // how a map is to be drawn in this kind of picture
bool page_draw(PlotText *script, const char *path, Error *error);  // closes and frees the script

// Another program, that makes a picture of a script.
typedef struct Filter {
    const char *arguments[4];                      // its name, then its arguments, then NULL
    const char *package;                           // what Debian calls it
    const char *(*complaint)(const char *messages);            // where, in what it said on standard error, the reason begins
} Filter;

// Gives the program the script and returns what it writes to its standard output; the caller frees output->bytes.
bool filter_run(const Filter *filter, const char *script, size_t n, PlotText *output, Error *error);

// The same with gnuplot.
bool gnuplot_run(const char *script, size_t n, PlotText *output, Error *error);
bool plot_save(const char *path, const char *bytes, size_t n, Error *error);

// A chart for the terminal: between dumb_open and dumb_points the script gets its axes and its data, $data_0, $data_1, ...
enum { DUMB_ROWS = 17 };
int dumb_columns(int columns);                     // the width asked for, as far as a chart can be drawn in it
void dumb_open(FILE *script, int columns, int left, int right);        // the margins, in columns
void dumb_points(FILE *script, int n, const char *letters);            // a letter for the points of each
char *dumb_draw(PlotText *script, Error *error);   // closes and frees the script. Returns lines of text for the caller to free, or NULL

#endif
