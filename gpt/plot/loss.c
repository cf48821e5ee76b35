// loss.c: the curve of a training run: training and validation loss against step, as a plot and for the terminal.

#include "gpt/plot/draw.h"

#include <math.h>

enum { STYLE_TRAINING = 1, STYLE_VALIDATION = 0, STYLE_GUESS = 2 };

// One batch's loss is noisy: many steps are drawn in groups, as median and quartiles.
static Line training_line(const TrainRow *rows, int n, int points_most)
{
    int stride = (n - 1) / points_most + 1;
    char label[80] = "training";
    if (stride > 1) {
        snprintf(label, sizeof label, "training (median of %d steps, quartiles)", stride);
    }
    Line line = line_create(label, STYLE_TRAINING, (n - 1) / stride + 1);
    AUTO_FREE double *losses = memory_allocate((size_t)stride * sizeof *losses, "a plot");
    line.spread = stride > 1 ? SPREAD_BAND : SPREAD_NONE;
    for (int i = 0; i < line.n; i++) {
        int first = i * stride;
        int count = first + stride <= n ? stride : n - first;
        for (int k = 0; k < count; k++) {
            losses[k] = rows[first + k].loss;
        }
        line.x[i] = 0.5 * ((double)rows[first].step + rows[first + count - 1].step);
        line.y[i] = quartiles_of(losses, count);
    }
    return line;
}

static void add_point(Line *line, double step, double value)
{
    if (isfinite(value)) {
        line->x[line->n] = step;
        line->y[line->n] = line_point(value);
        line->n++;
    }
}

// Where it was measured; step 0 is the untrained model.
static Line validation_line(const TrainRow *rows, int n, double before)
{
    Line line = line_create("validation", STYLE_VALIDATION, n + 1);
    line.n = 0;
    add_point(&line, 0, before);
    for (int i = 0; i < n; i++) {
        add_point(&line, rows[i].step, rows[i].val_loss);
    }
    return line;
}

// The loss of a uniform guess, at each step.
static Line guess_line(const TrainRow *rows, int n, double guess)
{
    char label[80];
    number_format(label, sizeof label, "guessing, %.4g", guess);
    Line line = line_create(label, STYLE_GUESS, 2);
    line.x[0] = 0;
    line.x[1] = rows[n - 1].step;
    line.y[0] = line_point(guess);
    line.y[1] = line_point(guess);
    return line;
}

// guess is not drawn if NaN.
static Panel loss_panel(const TrainRow *rows, int n, double before, double guess, int points_most)
{
    Panel panel =
        {.title = "Cross-entropy loss (nats per token)", .x_label = "step", .axis = AXIS_AUTO, .x_counts = true, .has_key = true, .has_rows = true};
    panel.lines[0] = training_line(rows, n, points_most);
    panel.lines[1] = validation_line(rows, n, before);
    panel.n_lines = 2;
    if (panel.lines[1].n == 0) {
        line_free(&panel.lines[1]);
        panel.n_lines = 1;
    }
    if (isfinite(guess)) {
        panel.lines[panel.n_lines] = guess_line(rows, n, guess);
        panel.n_lines++;
    }
    panel_fit(&panel);
    return panel;
}

// "In 2000 steps the validation loss falls from 4.18 to 1.86". The caller frees it.
static char *write_finding(const Panel *panel, int steps)
{
    const Line *line = &panel->lines[panel->lines[1].style == STYLE_VALIDATION && panel->n_lines > 1 ? 1 : 0];
    double first = line->y[0].median;
    double last = line->y[line->n - 1].median;
    int lowest = 0;
    for (int i = 1; i < line->n; i++) {
        lowest = line->y[i].median < line->y[lowest].median ? i : lowest;
    }
    Writer *text = writer_begin();
    number_print(text->stream, "In %d step%s the %s loss ", steps, plural(steps), line->label[0] == 'v' ? "validation" : "training");
    if (!isfinite(last)) {
        fprintf(text->stream, "becomes NaN or infinite");
    } else if (line->n == 1) {
        number_print(text->stream, "is %.4g", last);
    } else {
        number_print(text->stream, last < first ? "falls from %.4g to %.4g" : "does not fall: from %.4g to %.4g", first, last);
    }
    if (line->y[lowest].median < 0.99 * last) { // more than noise
        number_print(text->stream, "; it was lowest at step %d, %.4g", (int)line->x[lowest], line->y[lowest].median);
    }
    return writer_end(text);
}

bool plot_loss(const TrainRow *rows, int n, double before, const char *what, const char *path, Error *error)
{
    return plot_loss_guess(rows, n, before, NAN, what, path, error);
}

bool plot_loss_guess(const TrainRow *rows, int n, double before, double guess, const char *what, const char *path, Error *error)
{
    enum { POINTS_MOST = 150 };
    REQUIRE(rows, path);
    if (n < 1) {
        return error_set(error, "%s: nothing to draw (expected a run with steps)", path);
    }
    Panel panel = loss_panel(rows, n, before, guess, POINTS_MOST);
    return panel_draw(&panel, path, write_finding(&panel, rows[n - 1].step), what, error);
}

char *plot_loss_terminal(const TrainRow *rows, int n, double before, int columns, Error *error)
{
    REQUIRE(rows);
    if (n < 1) {
        error_set(error, "nothing to draw (expected a run with steps)");
        return NULL;
    }
    Panel panel = loss_panel(rows, n, before, NAN, columns);
    char *text = panel_terminal(&panel, ".o", columns, error);
    panel_free(&panel);
    return text;
}
