// dumb.c: what the charts for a terminal have in common: gnuplot's terminal called dumb, which draws with letters.

#include "gpt/plot/panel.h"

#include <stdlib.h>
#include <string.h>

int dumb_columns(int columns)
{
    enum { LEAST = 40, MOST = 200 };
    return columns < LEAST ? LEAST : columns > MOST ? MOST : columns;
}

void dumb_open(FILE *script, int columns, int left, int right)
{
    fprintf(script, "set terminal dumb size %d,%d noenhanced mono\nset encoding utf8\nset border 3\n", columns, DUMB_ROWS);
    fprintf(script, "set tics nomirror scale 0\nset key off\nset format \"%%g\"\n");
    fprintf(script, "set lmargin %d\nset rmargin %d\nset tmargin 0\nset bmargin 2\n", left, right);
}

void dumb_points(FILE *script, int n, const char *letters)
{
    fprintf(script, "plot ");
    for (int i = 0; i < n; i++) {
        fprintf(script, "%s$data_%d using 1:2 with points pt \"%c\"", i == 0 ? "" : ", ", i, letters[i]);
    }
    fprintf(script, "\n");
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

char *dumb_draw(PlotText *script, Error *error)
{
    plot_text_close(script);
    PlotText drawn;
    PlotText text = {0};
    if (gnuplot_run(script->bytes, script->n, &drawn, error)) {
        plot_text_open(&text);
        write_trimmed(text.stream, drawn.bytes);
        plot_text_close(&text);
        free(drawn.bytes);
    }
    free(script->bytes);
    return text.bytes;
}
