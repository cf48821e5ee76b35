// panel.h: the basic matrix product, of which all our products are made (Goto and van de Geijn 2008). For loops.c.
//
// A tile of C, TILE_ROWS by TILE_COLUMNS values, stays in registers. Each step along K multiplies a column of A's rows by a row of B's
// columns and adds that to the tile: for every two vectors loaded there are two multiplications a row, and the memory can
// keep up. B is packed first: a panel holds TILE_COLUMNS columns of it, row after row, so that what a step needs lies together.
// A is not packed.
//
// Rows of C may leave out steps along K, as attention does with what is masked. Such a step is not multiplied by 0: it is not
// done, as 0 times a NaN or an infinity is not 0, and what a position does not see must not reach it.

#ifndef GPTAPE_VECTOR_PANEL_H
#define GPTAPE_VECTOR_PANEL_H

#include <stddef.h>

// The registers of a kind: 32 of 16 floats (AVX-512), 16 of 8 (AVX2), 16 of 4. Two vectors wide, the tile takes 2 TILE_ROWS.
#if defined __AVX512F__
enum { LANES = 16, TILE_ROWS = 12, TILE_COLUMNS = 2 * LANES };
#elif defined __AVX2__
enum { LANES = 8, TILE_ROWS = 6, TILE_COLUMNS = 2 * LANES };
#else
enum { LANES = 4, TILE_ROWS = 6, TILE_COLUMNS = 2 * LANES };
#endif

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef float Four __attribute__((vector_size(4 * sizeof(float)), aligned(4), may_alias));

// ------------------------------------------------------------------------------------------------------------
// Packing

// A panel of B, row by row: `width` values of the TILE_COLUMNS that it has, the others 0.
static inline void pack_panel(const float *restrict x, size_t rows, size_t row_step, size_t width, size_t column_step, float *restrict panel)
{
    for (size_t p = 0; p < rows; p++) {
        for (size_t k = 0; k < width; k++) {
            panel[p * TILE_COLUMNS + k] = x[p * row_step + k * column_step];
        }
        for (size_t k = width; k < TILE_COLUMNS; k++) {
            panel[p * TILE_COLUMNS + k] = 0;
        }
    }
}

static void pack_rows(const float *restrict x, size_t ld, size_t rows, size_t columns, float *restrict panels)
{
    size_t j = 0;
    for (; j + TILE_COLUMNS <= columns; j += TILE_COLUMNS) {
        pack_panel(x + j, rows, ld, TILE_COLUMNS, 1, panels + j * rows);
    }
    if (j < columns) {
        pack_panel(x + j, rows, ld, columns - j, 1, panels + j * rows);
    }
}

// Four values of each of four rows, as columns.
static inline void transpose_four(const float *restrict x, size_t row_step, float *restrict to)
{
    Four rows[4];
    for (size_t i = 0; i < 4; i++) {
        rows[i] = *(const Four *)(x + i * row_step);
    }
    for (int i = 0; i < 4; i++) {
        Four column = {rows[0][i], rows[1][i], rows[2][i], rows[3][i]};
        *(Four *)(to + i * TILE_COLUMNS) = column;
    }
}

static void pack_columns(const float *restrict x, size_t ld, size_t rows, size_t columns, float *restrict panels)
{
    size_t fours = columns / 4 * 4;
    size_t j = 0;
    for (; j + TILE_COLUMNS <= rows; j += TILE_COLUMNS) {
        for (size_t p = 0; p < fours; p += 4) {
            for (size_t k = 0; k < TILE_COLUMNS; k += 4) {
                transpose_four(x + (j + k) * ld + p, ld, panels + j * columns + p * TILE_COLUMNS + k);
            }
        }
        pack_panel(x + j * ld + fours, columns - fours, 1, TILE_COLUMNS, ld, panels + j * columns + fours * TILE_COLUMNS);
    }
    if (j < rows) {
        pack_panel(x + j * ld, columns, 1, rows - j, ld, panels + j * columns);
    }
}

// ------------------------------------------------------------------------------------------------------------
// Multiplying

typedef struct PanelRow {
    Lanes left, right;
} PanelRow;

// Stores the first n values of a row of a tile, or adds them to what is there.
static inline void put_panel_row(PanelRow row, size_t n, bool add, float *c)
{
    if (n >= TILE_COLUMNS) {
        Lanes left = row.left;
        Lanes right = row.right;
        if (add) {
            left += *(const Lanes *)c;
            right += *(const Lanes *)(c + LANES);
        }
        *(Lanes *)c = left;
        *(Lanes *)(c + LANES) = right;
        return;
    }
    float values[TILE_COLUMNS];
    *(Lanes *)values = row.left;
    *(Lanes *)(values + LANES) = row.right;
    for (size_t k = 0; k < n; k++) {
        float before = add ? c[k] : 0;
        c[k] = before + values[k];
    }
}

// Step p, of those rows of a tile from `from` up to `to`. a and b are where its rows of op(A) and its panel of B begin. (clang unrolls
// only loops whose bounds it knows beforehand.)
static inline __attribute__((always_inline)) void panel_step(const PanelProduct *c, const float *a, const float *b, size_t p, const int rows,
                                                             const int from, const int to, PanelRow *tile)
{
    Lanes left = *(const Lanes *)(b + p * TILE_COLUMNS);
    Lanes right = *(const Lanes *)(b + p * TILE_COLUMNS + LANES);
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        if (r >= from && r < to) {
            float a_r = a[(size_t)r * c->a_row + p * c->a_column];
            tile[r].left += a_r * left;
            tile[r].right += a_r * right;
        }
    }
}

// Rows i ... i + rows - 1 of C, in the panel from column j on: the steps that all rows see, and then the others, of which each row
// sees another number. Always inlined with numbers for rows and sees: loops over rows are unrolled then, and the tile is in registers.
static inline __attribute__((always_inline)) void panel_tile(const PanelProduct *c, const int rows, const PanelSees sees, size_t i, size_t j)
{
    const bool rows_see = sees == ROWS_SEE_STEPS;
    const bool steps_see = sees == STEPS_SEE_ROWS;
    const float *a = c->A + i * c->a_row;
    const float *b = c->B + j * c->b_across;
    PanelRow tile[TILE_ROWS];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        tile[r] = (PanelRow){{0}, {0}};
    }

    ptrdiff_t K = (ptrdiff_t)c->K;
    ptrdiff_t first = (ptrdiff_t)c->first;
    ptrdiff_t edge = rows_see ? first + (ptrdiff_t)i : (ptrdiff_t)i + 1 - first; // the first step that not all rows see
    ptrdiff_t begin = steps_see && edge + rows - 1 > 0 ? edge + rows - 1 : 0;
    ptrdiff_t end = rows_see && edge < K ? edge : K;
    for (ptrdiff_t p = begin; p < end; p++) {
        panel_step(c, a, b, (size_t)p, rows, 0, rows, tile);
    }
    const int others = rows_see || steps_see ? rows - 1 : 0;
#pragma GCC unroll 12
    for (int s = 0; s < others; s++) {
        if (edge + s >= 0 && edge + s < K) {
            panel_step(c, a, b, (size_t)(edge + s), rows, rows_see ? s + 1 : 0, rows_see ? rows : s + 1, tile);
        }
    }

#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        put_panel_row(tile[r], c->N - j, c->accumulate, c->C + (i + (size_t)r) * c->ldc + j);
    }
}

// All columns of some rows: these rows of A stay in the first cache meanwhile, and B comes from the second, panel by panel.
static inline __attribute__((always_inline)) void panel_row_block(const PanelProduct *c, const int rows, const PanelSees sees, size_t i)
{
    size_t end = c->N;
    if (sees == ROWS_SEE_COLUMNS && c->first + i + (size_t)rows - 1 < end) {
        end = c->first + i + (size_t)rows - 1;
    }
    for (size_t j = 0; j < end; j += TILE_COLUMNS) {
        panel_tile(c, rows, sees, i, j);
    }
}

static inline __attribute__((always_inline)) void panel_rows(const PanelProduct *c, const PanelSees sees)
{
    size_t i = 0;
    for (; i + TILE_ROWS <= c->M; i += TILE_ROWS) {
        panel_row_block(c, TILE_ROWS, sees, i);
    }
    for (; i + 4 <= c->M; i += 4) {
        panel_row_block(c, 4, sees, i);
    }
    for (; i < c->M; i++) {
        panel_row_block(c, 1, sees, i);
    }
}

static void panel_product(const PanelProduct *c)
{
    switch (c->sees) {
    case ALL_SEE_ALL: panel_rows(c, ALL_SEE_ALL); break;
    case ROWS_SEE_COLUMNS: panel_rows(c, ROWS_SEE_COLUMNS); break;
    case ROWS_SEE_STEPS: panel_rows(c, ROWS_SEE_STEPS); break;
    case STEPS_SEE_ROWS: panel_rows(c, STEPS_SEE_ROWS); break;
    }
}

#endif
