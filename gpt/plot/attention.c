// attention.c: a map of attention weights for each head, on one page.

#include "gpt/plot/draw.h"

#include <math.h>
#include <stdlib.h>

// The page is wider than high, so the longer of the two, blocks or heads, goes across.
typedef struct Grid {
    bool blocks_across;
    int across, down;
    double left, width, bottom, height; // of all maps, as fractions of the page
} Grid;

enum { PAGE_WIDTH = 1920, PAGE_HEIGHT = 1080, TOKENS_MOST = 256, GAP = 4 }; // pixels

static const double LEFT = 0.1, RIGHT = 0.92;

static Grid grid_of(int n_layer, int n_head, double bottom, double top)
{
    bool blocks_across = n_layer >= n_head;
    return (Grid){
        .blocks_across = blocks_across,
        .across = blocks_across ? n_layer : n_head,
        .down = blocks_across ? n_head : n_layer,
        .left = LEFT,
        .width = RIGHT - LEFT,
        .bottom = bottom,
        .height = top - bottom,
    };
}

static double map_height(const Grid *grid)
{
    return grid->height * PAGE_HEIGHT / grid->down - GAP;
}

static double map_width(const Grid *grid)
{
    return grid->width * PAGE_WIDTH / grid->across - GAP;
}

int plot_attention_tokens(int n_layer, int n_head)
{
    enum { PIXELS = 1 }; // of a cell, at least
    Grid grid = grid_of(n_layer, n_head, 0.15, 0.85);
    int most = (int)(fmin(map_height(&grid), map_width(&grid)) / PIXELS);
    return most > TOKENS_MOST ? TOKENS_MOST : most;
}

static const double *head_weights(const AttentionMaps *maps, int block, int head)
{
    return maps->weights + (size_t)(block * maps->n_head + head) * (size_t)maps->T * (size_t)maps->T;
}

// ------------------------------------------------------------------------------------------------------------
// The title: the least uniform head

typedef struct Look {
    const char *at;
    int block, head;
    double weight;  // mean
    double uniform; // of a head that attends to all positions equally
} Look;

// Positions from 2 on, for which first, before and itself are different ones.
static void look_at(const AttentionMaps *maps, int block, int head, int kind, Look *best)
{
    static const char *const at[] = {"the first token", "the token before", "itself"};
    const double *weights = head_weights(maps, block, head);
    int T = maps->T;
    double sum = 0;
    double uniform = 0;
    for (int t = 2; t < T; t++) {
        int s = kind == 0 ? 0 : kind == 1 ? t - 1 : t;
        sum += weights[(size_t)t * (size_t)T + (size_t)s] / (T - 2);
        uniform += 1.0 / (maps->causal ? t + 1 : T) / (T - 2);
    }
    if (sum > best->weight) {
        *best = (Look){at[kind], block, head, sum, uniform};
    }
}

static char *write_title(const AttentionMaps *maps)
{
    static const double ONE_SIDED = 1.2;
    Look best = {0};
    for (int i = 0; i < maps->n_layer * maps->n_head * 3 && maps->T > 2; i++) {
        look_at(maps, i / 3 / maps->n_head, i / 3 % maps->n_head, i % 3, &best);
    }
    Writer *text = writer_begin();
    if (best.at == NULL) {
        fprintf(text->stream, "The attention weights of every head");
    } else if (best.weight < ONE_SIDED * best.uniform) {
        fprintf(text->stream, "Every head attends to all tokens%s nearly evenly", maps->causal ? " up to its own" : "");
    } else {
        number_print(text->stream, "The least uniform head, %d of block %d, gives %s %.0f %% of its attention (uniform: %.0f %%)", best.head,
                     best.block, best.at, 100 * best.weight, 100 * best.uniform);
    }
    return writer_end(text);
}

static const char *token(const AttentionMaps *maps, int t)
{
    return maps->tokens == NULL || maps->tokens[t] == NULL ? "" : maps->tokens[t];
}

static char *write_caption(const AttentionMaps *maps)
{
    Writer *text = writer_begin();
    fprintf(text->stream, "Each row is a token, from top to bottom, and its colors show how much it attends to each token, from left to right. ");
    if (maps->causal) {
        fprintf(text->stream, "Gray: later tokens, which are masked. ");
    }
    fprintf(text->stream, "%s%s%s%d tokens: ", maps->caption == NULL ? "" : "Model ", maps->caption == NULL ? "" : maps->caption,
            maps->caption == NULL ? "" : ". ", maps->T);
    for (int t = 0; t < maps->T; t++) {
        fputs(token(maps, t), text->stream);
    }
    return writer_end(text);
}

// ------------------------------------------------------------------------------------------------------------
// The maps

enum { NAMES_HEIGHT = 10, NAME_MOST = 12 }; // pixels that a row needs for a token's text; its characters

static int longest_name(const AttentionMaps *maps)
{
    int longest = 1;
    for (int t = 0; t < maps->T; t++) {
        int length = plot_length(token(maps, t));
        longest = length > longest ? length : longest;
    }
    return longest < NAME_MOST ? longest : NAME_MOST;
}

static bool has_names(const AttentionMaps *maps, const Grid *grid)
{
    return maps->tokens != NULL && fmin(map_height(grid), map_width(grid)) >= NAMES_HEIGHT * maps->T;
}

// A multiple of 0.1, at least as high as all weights but those of the first two rows, which cannot be small.
static double highest(const AttentionMaps *maps)
{
    double high = 0;
    int T = maps->T;
    for (int i = 0; i < maps->n_layer * maps->n_head; i++) {
        for (int k = T > 2 ? 2 * T : 0; k < T * T; k++) {
            high = fmax(high, head_weights(maps, 0, i)[k]);
        }
    }
    return high > 0 ? fmin(ceil(high * 10 - 1e-6) / 10, 1) : 1;
}

static void write_names(const AttentionMaps *maps, FILE *script, const char *axis, double pixels)
{
    int size = (int)fmin(0.8 * pixels, 18);
    fprintf(script, "set %stics scale 0 enhanced font \",%d\" %s", axis, size, axis[0] == 'x' && longest_name(maps) > 1 ? "rotate by -60 " : "");
    plot_write_names(script, maps->tokens, maps->T, 1, NAME_MOST);
    fprintf(script, "\n");
}

// "head 3" at the left of a row, "block 0" above a column; only the number where there is no room for the word.
static void write_label(FILE *script, const char *word, int number, double x, double y, double pixels, const char *side, int tag)
{
    enum { WORD = 90 }; // pixels
    number_print(script, "set label %d \"%s%s%d\" at screen %.4f,%.4f %s noenhanced font \",16\"\n", tag, pixels < WORD ? "" : word,
                 pixels < WORD ? "" : " ", number, x, y, side);
}

static void write_map(const AttentionMaps *maps, const Grid *grid, int row, int column, Page *page)
{
    FILE *script = page->script;
    int T = maps->T;
    Cells cells = cells_create(T, T, 1, 1);
    cells.down = true;
    double width = grid->width / grid->across;
    double height = grid->height / grid->down;
    double x = grid->left + column * width;
    double y = grid->bottom + (grid->down - 1 - row) * height;
    number_print(script, "\nset lmargin at screen %.4f\nset rmargin at screen %.4f\n", x, x + width - (double)GAP / PAGE_WIDTH);
    number_print(script, "set bmargin at screen %.4f\nset tmargin at screen %.4f\n", y, y + height - (double)GAP / PAGE_HEIGHT);
    map_write_axes(script, &cells, 1, 1);
    fprintf(script, "unset xtics\nunset ytics\n");
    if (column == 0 && has_names(maps, grid)) {
        write_names(maps, script, "y", map_height(grid) / T);
    }
    if (row == grid->down - 1 && has_names(maps, grid)) {
        write_names(maps, script, "x", map_width(grid) / T);
    }
    if (row == 0) {
        write_label(script, grid->blocks_across ? "block" : "head", column, x + width / 2, grid->bottom + grid->height + 0.012, width * PAGE_WIDTH,
                    "center", 98);
    }
    if (column == 0) {
        write_label(script, grid->blocks_across ? "head" : "block", row, 0.022, y + height / 2, PAGE_WIDTH, "left", 97);
    }
    int block = grid->blocks_across ? column : row;
    int head = grid->blocks_across ? row : column;
    const double *weights = head_weights(maps, block, head);
    for (int i = 0; i < T * T; i++) {
        double value = weights[i];
        cells.values[i] = maps->causal && i % T > i / T ? NAN : isfinite(value) ? value : INFINITY;
    }
    map_write(page, &cells);
    fprintf(script, "unset colorbox\nunset label\n");
    free(cells.values);
}

static bool check(const AttentionMaps *maps, Error *error)
{
    int most = plot_attention_tokens(maps->n_layer, maps->n_head);
    if (maps->T < 1 || maps->T > most) {
        return error_set(error, "%d tokens: %d x %d maps have room for 1 to %d", maps->T, maps->n_layer, maps->n_head, most);
    }
    return true;
}

bool plot_attention(const AttentionMaps *maps, const char *path, Error *error)
{
    REQUIRE(maps, path);
    if (!check(maps, error)) {
        return false;
    }
    Page page;
    page_open(&page, path, write_title(maps), write_caption(maps), NULL);
    Grid grid = grid_of(maps->n_layer, maps->n_head, page.bottom + 0.03 + 0.008 * longest_name(maps), page.top - 0.05);
    if (!has_names(maps, &grid)) {
        grid = grid_of(maps->n_layer, maps->n_head, page.bottom + 0.02, page.top - 0.05);
    }
    FILE *script = page.script;
    map_write_colors(script, 0, highest(maps));
    map_write_color_box(script, 0.935, grid.bottom, grid.height);
    for (int i = 0; i < grid.across * grid.down; i++) {
        write_map(maps, &grid, i / grid.across, i % grid.across, &page);
    }
    return page_close(&page, error);
}
