// tile.h: the product that every larger product is made of, in registers (Goto and van de Geijn 2008).
//
// A panel holds TILE_ROWS rows of A (or TILE_COLUMNS columns of B) column after column (row after row): the values that one
// step along K needs lie together. Each step multiplies a column by a row and adds that to the tile, which stays in registers:
// for every two loads there are many multiplications, and the memory can keep up.

#ifndef GPTAPE_VECTOR_TILE_H
#define GPTAPE_VECTOR_TILE_H

// The registers of a kind: 32 of 16 floats (AVX-512), 16 of 8 (AVX2), 16 of 4. Two vectors wide, the tile takes 2 TILE_ROWS.
#if defined __AVX512F__
enum { LANES = 16, TILE_ROWS = 12, TILE_COLUMNS = 2 * LANES };
#elif defined __AVX2__
enum { LANES = 8, TILE_ROWS = 6, TILE_COLUMNS = 2 * LANES };
#else
enum { LANES = 4, TILE_ROWS = 6, TILE_COLUMNS = 2 * LANES };
#endif

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

static void tile_product(int K, const float *restrict a, const float *restrict b, float *restrict c)
{
    Lanes left[TILE_ROWS];
    Lanes right[TILE_ROWS];
    for (int i = 0; i < TILE_ROWS; i++) {
        left[i] = (Lanes){0};
        right[i] = (Lanes){0};
    }
    for (int p = 0; p < K; p++) {
        Lanes b_left = *(const Lanes *)(b + p * TILE_COLUMNS);
        Lanes b_right = *(const Lanes *)(b + p * TILE_COLUMNS + LANES);
#pragma GCC unroll 12
        for (int i = 0; i < TILE_ROWS; i++) {
            float a_i = a[p * TILE_ROWS + i];
            left[i] += a_i * b_left;
            right[i] += a_i * b_right;
        }
    }
    for (int i = 0; i < TILE_ROWS; i++) {
        *(Lanes *)(c + i * TILE_COLUMNS) = left[i];
        *(Lanes *)(c + i * TILE_COLUMNS + LANES) = right[i];
    }
}

#endif
