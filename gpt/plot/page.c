// page.c: the page around the panels, and its file.

#include "gpt/plot/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// The page is 1920 x 1080, and as PDF a slide of 13.3 x 7.5 inches. Terminals do not agree on how large points, dashes and fonts
// of a given size are: so that all pages look alike, each has its own measure.
typedef struct PictureKind {
    const char *ending;
    const char *terminal;
    double point;      // what a point of size 1 must be, against pngcairo's,
    double dash;       // and a dash of length 1
    const char *image; // how cells of a map are drawn: png's pixels have seams, others blur an image
} PictureKind;

#define PNG_TERMINAL "pngcairo size 1920,1080 font \"DejaVu Sans,22\""
#define SVG_TERMINAL "svg size 1920,1080 dynamic background rgb \"white\" font \"DejaVu Sans,Verdana,sans-serif,22\" fontscale 1.333"
#define PDF_TERMINAL "pdfcairo size 13.333in,7.5in font \"DejaVu Sans,22\" fontscale 0.5 linewidth 1.2"

static const PictureKind kinds[] = {
    {".png", PNG_TERMINAL, 1, 1, "image"},
    {".svg", SVG_TERMINAL, 0.37, 0.5, "image pixels"},
    {".pdf", PDF_TERMINAL, 0.65, 0.9, "image pixels"},
    {".gp", PNG_TERMINAL, 1, 1, "image"},
};

// The file's ending with its dot; NULL without.
static const char *ending_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strrchr(slash == NULL ? path : slash + 1, '.');
}

static const PictureKind *find_kind(const char *path)
{
    const char *ending = ending_of(path);
    for (size_t i = 0; ending != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcasecmp(ending, kinds[i].ending) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

bool plot_path_check(const char *path, Error *error)
{
    REQUIRE(path);
    return find_kind(path) != NULL || error_set(error, "%s: unknown kind of plot (expected a name that ends in .png, .svg, .pdf or .gp)", path);
}

// ------------------------------------------------------------------------------------------------------------
// Styles: colors of Okabe and Ito, and a gray. In grayscale print many look alike, so dashes and markers distinguish them.

typedef struct Style {
    const char *color;
    int dash[6]; // lengths of dashes and gaps; none: a solid line
    int point;   // gnuplot's pointtype
} Style;

static const Style styles[STYLE_COUNT] = {
    {"#D55E00", {12, 6}, 7},        {"#0072B2", {0}, 5},    {"#009E73", {20, 5}, 13},      {"#CC79A7", {6, 5}, 9},
    {"#E69F00", {14, 4, 3, 4}, 11}, {"#56B4E9", {3, 4}, 4}, {"#000000", {22, 4, 6, 4}, 6}, {"#777777", {12, 4, 3, 4, 3, 4}, 8},
};

static void write_styles(FILE *script, const PictureKind *kind)
{
    for (int i = 0; i < STYLE_COUNT; i++) {
        const Style *style = &styles[i];
        number_print(script, "set linetype %d lc rgb \"%s\" lw 5 pt %d ps %.9g dt ", i + 1, style->color, style->point, 2.4 * kind->point);
        for (int k = 0; k < 6 && style->dash[k] > 0; k++) {
            number_print(script, "%s%.9g", k == 0 ? "(" : ",", style->dash[k] * kind->dash);
        }
        number_print(script, "%s\n", style->dash[0] > 0 ? ")" : "solid");
    }
}

// ------------------------------------------------------------------------------------------------------------
// The page

enum { TITLE_WIDTH = 78, TITLE_LINES = 3, CAPTION_WIDTH = 142, CAPTION_LINES = 7, KEY_MOST = 32, MANY_KEY_MOST = 15 };

#define LEFT 0.022       // where title, key and caption begin
#define TITLE_LINE 0.052 // heights, as parts of the page's
#define KEY_LINE 0.034
#define CAPTION_LINE 0.027

static int count_lines(const char *text)
{
    int lines = 1;
    for (const char *c = text; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    return lines;
}

// Writes wrapped text, the first line at y; a title is bold, by gnuplot's markup, in which terminals draw a backslash in different
// ways, so that a line with one is not. Tears the text apart.
static void write_lines(FILE *script, char *text, double y, double line_height, bool title)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        bool bold = title && strchr(line, '\\') == NULL;
        fprintf(script, "set label ");
        if (bold) {
            fprintf(script, "\"{/:Bold \" . ");
            quote_gnuplot_enhanced(script, line);
            fprintf(script, " . \"}\"");
        } else {
            quote_gnuplot(script, line);
        }
        number_print(script, " at screen %.4f,%.4f left %senhanced %s\n", LEFT, y, bold ? "" : "no",
                     title ? "font \",31\"" : "font \",18\" tc rgb \"#444444\"");
        y -= line_height;
    }
}

int page_key_columns(int longest, double width)
{
    enum { PAGE = 88, SAMPLE = 7 }; // characters
    int columns = (int)(width * PAGE) / (longest + SAMPLE);
    return columns < 1 ? 1 : columns > 4 ? 4 : columns;
}

// Characters of an arm's name in the key: those of many arms must leave room for each other.
static int key_most(const PlotArms *arms)
{
    return arms->n > 4 ? MANY_KEY_MOST : KEY_MOST;
}

static int columns_of(const PlotArms *arms)
{
    int longest = 1;
    for (int i = 0; i < arms->n; i++) {
        longest = (int)fmax(longest, plot_length(arms->arm[i].name));
    }
    return page_key_columns((int)fmin(longest, key_most(arms)), 1);
}

// The key of all panels: entries without a plot.
static void write_key(FILE *script, const PlotArms *arms, double top)
{
    number_print(script, "set origin 0,0\nset size 1,1\nunset border\nunset tics\n");
    number_print(script,
                 "set key at screen %.4f,%.4f left top horizontal Left reverse noenhanced samplen 4 width 1 maxcols %d font "
                 "\",23\"\n",
                 LEFT, top - 0.008, columns_of(arms));
    fprintf(script, "plot [0:1] [0:1] ");
    for (int i = 0; i < arms->n; i++) {
        number_print(script, "keyentry with linespoints lt %d title ", arms->arm[i].style + 1);
        plot_write_label(script, arms->arm[i].name, key_most(arms));
        fprintf(script, ", ");
    }
    fprintf(script, "NaN notitle\nunset key\nunset label\nset border 3 lw 2\nset tics nomirror out\n");
}

void page_open(Page *page, const char *path, char *title, char *caption, const PlotArms *arms)
{
    const PictureKind *kind = find_kind(path) == NULL ? kinds : find_kind(path); // page_close reports an unknown one
    AUTO_FREE char *titles = plot_wrap(title, TITLE_WIDTH, TITLE_LINES);
    AUTO_FREE char *captions = plot_wrap(caption, CAPTION_WIDTH, CAPTION_LINES);
    int title_lines = count_lines(titles);
    int caption_lines = count_lines(captions);
    int key_lines = arms == NULL || arms->n == 0 ? 0 : (arms->n - 1) / columns_of(arms) + 1;
    *page = (Page){.writer = writer_begin(), .path = path, .image = kind->image};
    FILE *script = page->script = page->writer->stream;
    page->top = 0.935 - TITLE_LINE * (title_lines - 1);
    page->bottom = 0.028 + CAPTION_LINE * caption_lines;
    fprintf(script, "# Made by gptape %s, with its data in it. To draw it again:  gnuplot -d FILE.gp > FILE.png\n", GPTAPE_VERSION);
    fprintf(script, "# or, after \"set terminal\" is changed, as .svg (svg) or .pdf (pdfcairo).\n\n");
    fprintf(script, "reset\nset encoding utf8\nset terminal %s\n", kind->terminal);
    fprintf(script, "set zero 1e-300   # gradients are small, not nothing\n");
    write_styles(script, kind);
    fprintf(script, "set border 3 lw 2\nset tics nomirror out\nset xtics offset 0,0.3\nset ytics offset 0.4,0\nset mytics 1\nset "
                    "format x \"%%g\"\n");
    fprintf(script, "set grid ytics lt 2 lc rgb \"#DDDDDD\" lw 1.5\nunset key\nset multiplot\n\n");
    write_lines(script, titles, 0.962, TITLE_LINE, true);
    write_lines(script, captions, 0.026 + CAPTION_LINE * (caption_lines - 1), CAPTION_LINE, false);
    if (key_lines > 0) {
        write_key(script, arms, page->top);
        page->top -= 0.012 + KEY_LINE * key_lines;
    }
    free(title);
    free(caption);
}

// A label of an axis, or nothing.
static void write_axis_label(FILE *script, const char *axis, const char *text, int most, const char *look)
{
    fprintf(script, "set %slabel ", axis);
    plot_write_label(script, text, most);
    fprintf(script, " noenhanced %s\n", look);
}

void page_labels(FILE *script, const char *title, const char *x_label, const char *y_label)
{
    enum { X_MOST = 100, Y_MOST = 50 };
    write_axis_label(script, "x", x_label, X_MOST, "offset 0,0.4");
    write_axis_label(script, "y", y_label, Y_MOST, "offset -0.3,0");
    fprintf(script, title == NULL ? "un" : "");
    fprintf(script, "set label 99 ");
    if (title != NULL) {
        quote_gnuplot(script, title);
        fprintf(script, " at graph 0,1 left offset -5,1.1 noenhanced font \",24\"");
    }
    fprintf(script, "\n");
}

void page_place(FILE *script, double x, double y, double width, double height)
{
    number_print(script, "\nset origin %.4f,%.4f\nset size %.4f,%.4f\n", x, y, width, height);
}

bool page_close(Page *page, Error *error)
{
    fprintf(page->script, "\nunset multiplot\n");
    AUTO_FREE char *script = writer_end(page->writer);
    const PictureKind *kind = find_kind(page->path);
    bool is_script = kind != NULL && strcmp(kind->ending, ".gp") == 0;
    AUTO_FREE char *picture = NULL;
    size_t n = strlen(script);
    return plot_path_check(page->path, error) && (is_script || gnuplot_run(script, &picture, &n, error))
        && plot_save(page->path, is_script ? script : picture, n, error);
}
