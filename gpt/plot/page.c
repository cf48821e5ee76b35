// page.c: the page around the panels, and the file it becomes.

#include "gpt/plot/panel.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

// ------------------------------------------------------------------------------------------------------------
// Kinds of picture

// The page is 1920 x 1080, and as PDF a slide of 13.3 x 7.5 inches. Terminals do not agree on how large a point or a font of a
// given size is: so that all pages look alike, each has its own measure.
typedef struct PictureKind {
    const char *ending;
    const char *terminal;
    double point;                                  // what a point of size 1 must be, against pngcairo's,
    double dash;                                   // and a dash of length 1
    const char *image;                             // how cells of a map are drawn: png's pixels have seams, others blur an image
} PictureKind;

#define PNG_TERMINAL "pngcairo size 1920,1080 font \"DejaVu Sans,24\""
#define SVG_TERMINAL "svg size 1920,1080 dynamic background rgb \"white\" font \"DejaVu Sans,Verdana,sans-serif,24\" " \
                     "fontscale 1.333"
#define PDF_TERMINAL "pdfcairo size 13.333in,7.5in font \"DejaVu Sans,24\" fontscale 0.5 linewidth 1.2"

static const PictureKind kinds[] = {
    {".png", PNG_TERMINAL, 1, 1, "image"},
    {".svg", SVG_TERMINAL, 0.37, 0.5, "image pixels"},
    {".pdf", PDF_TERMINAL, 0.65, 0.9, "image pixels"},
    {".gp", PNG_TERMINAL, 1, 1, "image"},
};

static const PictureKind *find_kind(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcasecmp(ending, kinds[i].ending) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *page_image(const char *path)
{
    return find_kind(path)->image;
}

bool plot_path_check(const char *path, Error *error)
{
    REQUIRE(path);
    if (find_kind(path) != NULL) {
        return true;
    }
    const char *slash = strrchr(path, '/');
    const char *ending = strrchr(slash == NULL ? path : slash, '.');
    if (ending == NULL || ending[1] == '\0') {
        return error_set(error, "%s: can't tell what to draw; end its name in .png, .svg, .pdf or .gp", path);
    }
    return error_set(error, "%s: can't draw %s; use .png, .svg, .pdf or .gp", path, ending);
}

// Viridis: as dark print and to any eye, more is lighter.
const char plot_palette[] =
    "set palette defined (0 \"#440154\", 1 \"#472D7B\", 2 \"#3B528B\", 3 \"#2C728E\", 4 \"#21918C\", "
    "5 \"#28AE80\", 6 \"#5EC962\", 7 \"#ADDC30\", 8 \"#FDE725\")\n";

// ------------------------------------------------------------------------------------------------------------
// The page

enum { TITLE_WIDTH = 80, CAPTION_WIDTH = 142 };    // in characters

// Text between double quotes, where gnuplot would read a quote, a backslash and, where text is enhanced, its markup.
void plot_quote(FILE *script, const char *text, bool enhanced)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"') {
            fputs("\\\"", script);
        } else if (*c == '\\') {
            fputs(enhanced ? "\\\\\\\\" : "\\\\", script);
        } else if (enhanced && strchr("{}^_@&~", *c) != NULL) {
            fprintf(script, "\\\\%c", *c);
        } else {
            fputc(*c == '\n' ? ' ' : *c, script);
        }
    }
}

// Writes the lines of text one below the other; returns how many there are.
static int write_lines(FILE *script, const char *text, int width, double y, double line_height, const char *look, bool bold)
{
    char *wrapped = plot_wrap(text, width);
    int lines = 0;
    char *rest = NULL;
    for (char *line = strtok_r(wrapped, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        fprintf(script, bold ? "set label \"{/:Bold " : "set label \"");
        plot_quote(script, line, bold);
        fprintf(script, bold ? "}\"" : "\"");
        fprintf(script, " at screen %.4f,%.4f left %s\n", TEXT_LEFT, y - lines * line_height, look);
        lines++;
    }
    free(wrapped);
    return lines;
}

static int count_lines(const char *text, int width)
{
    char *wrapped = plot_wrap(text, width);
    int lines = 1;
    for (const char *c = wrapped; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    free(wrapped);
    return lines;
}

void page_open(FILE *script, const char *path, const char *title, const char *caption, double *top, double *bottom)
{
    fprintf(script, "# %.*s\n#\n", (int)strcspn(title, "\n"), title);
    fprintf(script, "# Made by gptape %s, with its data in it. To draw it again:  gnuplot FILE.gp > FILE.png\n", GPTAPE_VERSION);
    fprintf(script, "# or, after \"set terminal\" is changed, as .svg (svg) or .pdf (pdfcairo).\n\n");
    const PictureKind *kind = find_kind(path);
    fprintf(script, "reset\nset encoding utf8\nset terminal %s\n", kind->terminal);
    fprintf(script, "point = %.9g   # points and dashes are to this terminal's measure\n", kind->point);
    fprintf(script, "set dashtype %s (%.9g,%.9g)\n", DASH_LONG, 12 * kind->dash, 6 * kind->dash);
    fprintf(script, "set dashtype %s (%.9g,%.9g)\n", DASH_SHORT, 6 * kind->dash, 5 * kind->dash);
    fprintf(script, "set dashtype %s (%.9g,%.9g,%.9g,%.9g)\n", DASH_DOT, 12 * kind->dash, 5 * kind->dash, 3 * kind->dash, 5 * kind->dash);
    fprintf(script, "set zero 1e-300   # gradients are small, not nothing\n");
    fprintf(script, "set border 3 lw 2\nset tics nomirror out font \",24\"\n");
    fprintf(script, "set xtics offset 0,0.3\nset ytics offset 0.5,0\nset format x \"%%g\"\n");
    fprintf(script, "set grid ytics lt 1 lc rgb \"#DDDDDD\" lw 1.5\nset xlabel font \",24\" offset 0,0.8\n");
    fprintf(script, "set multiplot\n\n");
    int title_lines = write_lines(script, title, TITLE_WIDTH, 0.962, 0.052, "font \",31\"", true);
    double line_height = 0.027;
    int caption_lines = count_lines(caption, CAPTION_WIDTH);
    write_lines(script, caption, CAPTION_WIDTH, 0.018 + line_height * (caption_lines - 1), line_height,
                "noenhanced font \",18\" tc rgb \"#444444\"", false);
    *top = 0.925 - 0.052 * (title_lines - 1);
    *bottom = 0.03 + line_height * caption_lines;
}

void page_labels(FILE *script, const char *x_label, const char *y_label)
{
    fprintf(script, "set xlabel \"");
    plot_quote(script, x_label, false);
    fprintf(script, "\" noenhanced\nset ylabel \"");
    plot_quote(script, y_label, false);
    fprintf(script, "\" noenhanced font \",24\"\n");
}

void page_close(FILE *script)
{
    fprintf(script, "\nunset multiplot\n");
}

bool page_draw(PlotText *script, const char *path, Error *error)
{
    plot_text_close(script);
    bool done;
    if (strcmp(find_kind(path)->ending, ".gp") == 0) {
        done = plot_save(path, script->bytes, script->n, error);
    } else {
        PlotText picture;
        done = gnuplot_run(script->bytes, script->n, &picture, error);
        done = done && plot_save(path, picture.bytes, picture.n, error);
        free(picture.bytes);
    }
    free(script->bytes);
    return done;
}
