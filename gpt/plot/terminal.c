// terminal.c: panels for the terminal: gnuplot's terminal called dumb draws axes and points with letters, the points of each line on a page of
// their own; here the pages are put on top of each other. The lines above and below are written here, where it is known how wide they may be.

#include "gpt/plot/draw.h"

#include <math.h>
#include <string.h>

enum { COLUMNS_LEAST = 40, COLUMNS_MOST = 200, ROWS = 17, MARGIN = 8, LINES_MOST = 4 };

static const char SHARED = '='; // where points of several lines fall on one place

// Pages of one size, each behind a form feed: the first has only axes, the others the points of a line. Puts all of them on the first. Returns
// whether lines share a place.
static bool merge_pages(char *pages)
{
    bool shared = false;
    char *rest = NULL;
    char *merged = strtok_r(pages, "\f", &rest);
    AUTO_FREE char *axes = memory_copy_text(merged);
    for (const char *page = strtok_r(NULL, "\f", &rest); page != NULL; page = strtok_r(NULL, "\f", &rest)) {
        for (size_t i = 0; axes[i] != '\0' && page[i] != '\0'; i++) {
            if (page[i] != axes[i]) {
                bool taken = merged[i] != axes[i];
                merged[i] = taken ? SHARED : page[i];
                shared = shared || taken;
            }
        }
    }
    return shared;
}

// Without blanks at the ends of lines, empty lines, and the form feed.
static void write_trimmed(FILE *out, char *chart)
{
    char *rest = NULL;
    for (char *line = strtok_r(chart, "\n\f", &rest); line != NULL; line = strtok_r(NULL, "\n\f", &rest)) {
        size_t length = strlen(line);
        while (length > 0 && line[length - 1] == ' ') {
            length--;
        }
        if (length > 0) {
            fprintf(out, "%.*s\n", (int)length, line);
        }
    }
}

// Does the line have a point on the axis or, if not finite, in the row for values that are not finite? gnuplot 5.4 crashes on a plot that has no
// points and uses letters as markers.
static bool has_points(const Panel *panel, const Line *line, bool finite)
{
    bool has = false;
    for (int i = 0; i < line->n; i++) {
        double y = line->y[i].median;
        has = has || (isfinite(y) ? finite && (panel->axis != AXIS_LOG || y >= 0) : !finite && panel->not_finite);
    }
    return has;
}

static void write_script(FILE *script, const Panel *panel, const char *letters, int columns)
{
    Panel small = *panel; // in which tics are as far apart as on a page of this size
    small.height = 0.37;
    small.title = small.x_label = NULL;
    small.has_key = false;
    small.width = columns / 160.0;
    number_print(script, "set terminal dumb size %d,%d noenhanced mono\nset encoding utf8\nset zero 1e-300\nset border 3 back\n", columns, ROWS);
    fprintf(script, "set tics nomirror scale 0\nset mytics 1\nset key off\n");
    fprintf(script, "set lmargin %d\nset rmargin 3\nset tmargin 0\nset bmargin 2\n", MARGIN);
    panel_write_data(panel, script, 0);
    panel_write_axes(&small, script);
    fprintf(script, "%splot NaN\n", panel->axis == AXIS_LOG ? "set format y \"1e%T\"\n" : "");
    for (int s = 0; s < panel->n_lines; s++) {
        fprintf(script, "plot NaN");
        if (has_points(panel, &panel->lines[s], true)) {
            number_print(script, ", $data_0_%d using 1:(on_axis($2)) with points pt \"%c\"", s, letters[s]);
        }
        if (has_points(panel, &panel->lines[s], false)) {
            number_print(script, ", $data_0_%d using 1:(not_finite(strcol(2))) with points pt \"%c\"", s, letters[s]);
        }
        fprintf(script, "\n");
    }
}

static void write_wrapped(FILE *out, const char *text, int columns)
{
    AUTO_FREE char *wrapped = plot_wrap(text, columns, LINES_MOST);
    fprintf(out, "%s\n", wrapped);
}

static void write_key(FILE *out, const Panel *panel, const char *letters, bool shared, int columns)
{
    for (int s = 0; s < panel->n_lines; s++) {
        AUTO_FREE char *entry = text_format("%c %s", letters[s], panel->lines[s].label);
        write_wrapped(out, entry, columns);
    }
    if (shared) {
        fprintf(out, "%c %s\n", SHARED, panel->n_lines == 2 ? "both" : "several of them");
    }
}

char *panel_terminal(const Panel *panel, const char *letters, int columns, Error *error)
{
    char own[STYLE_COUNT];
    for (int s = 0; s < panel->n_lines; s++) {
        own[s] = letters == NULL ? style_letters[panel->lines[s].style] : letters[s];
    }
    columns = columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns > COLUMNS_MOST ? COLUMNS_MOST : columns;
    Writer *writer = writer_begin();
    write_script(writer->stream, panel, own, columns);
    AUTO_FREE char *script = writer_end(writer);
    AUTO_FREE char *drawn = NULL;
    size_t n;
    if (!gnuplot_run(script, &drawn, &n, error)) {
        return NULL;
    }
    Writer *text = writer_begin();
    write_wrapped(text->stream, panel->title, columns);
    write_key(text->stream, panel, own, merge_pages(drawn), columns);
    fprintf(text->stream, "\n");
    if (panel->y_label != NULL && panel->y_label[0] != '\0') {
        write_wrapped(text->stream, panel->y_label, columns);
    }
    write_trimmed(text->stream, drawn);
    AUTO_FREE char *label = plot_shorten(panel->x_label, columns - MARGIN);
    if (label[0] != '\0') {
        fprintf(text->stream, "%*s%s\n", MARGIN, "", label);
    }
    return writer_end(text);
}
