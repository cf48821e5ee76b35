// vector.h: the loops of the fast kernels, compiled once for each kind of processor (the Makefile's VECTOR_KINDS).
//
// The loops are written value by value, and the compiler makes vectors of them: 16 values at a time with AVX-512, 8 with AVX2,
// 4 in the baseline, which every x86-64 has. One program contains all three and uses the best that the processor
// supports; GPTAPE_ISA=avx512|avx2|baseline selects another. This folder knows nothing about threads: a LoopPart does
// the part of a loop that it is given.

#ifndef GPTAPE_VECTOR_H
#define GPTAPE_VECTOR_H

#include "tensor/kernel.h"
#include "tensor/fast/parallel.h"

// What the loops' calls point to: kernel.h's arguments.

typedef struct ValuesCall {
    const Real *a, *b;
    Real *out;
    bool accumulate;
} ValuesCall;

typedef struct AdamWCall {
    const AdamWFactors *factors;
    const Real *grad;
    Real *m, *v, *p;
} AdamWCall;

enum { SQUARES_CHUNK = 1 << 15 }; // values whose squares are summed up into one partial sum

typedef struct SquaresCall {
    const Real *x;
    size_t n;
    double *partial; // one for each chunk: the order of the sum does not depend on the threads
} SquaresCall;

typedef struct RowsCall {
    const Real *x, *y;
    size_t rows, columns;
    bool accumulate;
    Real *out;
} RowsCall;

typedef struct MatvecCall {
    const Real *matrix; // rows of K values
    size_t K;
    const Real *x; // (K)
    bool accumulate;
    Real *y; // one for each row
} MatvecCall;

enum { MATVEC_ROWS = 4 }; // that are done together

typedef struct LayernormCall {
    const LayernormRows *r;
    const Real *bias;
    double eps;
    RowStats *stats;
    Real *out;
} LayernormCall;

enum { LAYERNORM_CHUNK = 32 }; // rows whose parts of dL/dweight and dL/dbias are summed up into one of each

typedef struct LayernormBackwardCall {
    const LayernormRows *r;
    const RowStats *stats;
    const Real *dy;
    GradTarget dx;
    Real *sums; // (chunks, 2, C): of dL/dweight, of dL/dbias
} LayernormBackwardCall;

typedef struct LogitsCall {
    const LogitRows *r;
    Real dy;
    bool accumulate;
    Real *dlogits;
} LogitsCall;

typedef struct RoundCall {
    const Real *x;
    uint16_t *out;
} RoundCall;

typedef struct RandomCall {
    const uint32_t *words;
    float a, b; // from and range; mean and deviation
    Real *out;
} RandomCall;

enum { SCORES_WHOLE = 16 }; // a row of a tile has room for a multiple of this

// A part of a head's scores.
typedef struct ScoreTile {
    Real *scores; // (rows, columns), rows ld apart
    size_t rows, columns, ld;
    bool causal;
    size_t first_seen; // if causal: columns that the first row sees; the next sees one more, up to all
    Real scale;
} ScoreTile;

// Which of a product's rows, columns and steps along K see which: all, or row (or step) 0 sees the first `first` of the second kind,
// and each further one sees one more. Attention: y = weights v: queries are rows and see keys, which are steps.
typedef enum PanelSees {
    ALL_SEE_ALL,
    ROWS_SEE_COLUMNS, // the other columns' values are undefined
    ROWS_SEE_STEPS,
    STEPS_SEE_ROWS
} PanelSees;

// C (M, N) = or += op(A) B. B is packed in panels of panel_columns columns, in which rows are contiguous.
typedef struct PanelProduct {
    size_t M, N, K;
    const Real *A; // op(A)(i, p) = A[i a_row + p a_column]
    size_t a_row, a_column;
    const Real *B; // the panel from column j on begins at B + j b_across
    size_t b_across;
    Real *C;
    size_t ldc;
    bool accumulate;
    PanelSees sees;
    size_t first;
} PanelProduct;

// Random numbers, the same bits on every processor (random.c).
typedef struct RandomLoops {
    void (*words)(uint32_t *x, size_t n);
    LoopPart *uniform; // over values
    LoopPart *normal;  // over blocks of RANDOM_NORMALS
} RandomLoops;

extern const RandomLoops random_baseline, random_avx2, random_avx512;

typedef struct VectorLoops {
    const char *name; // "avx512"

    // Over values
    LoopPart *add;           // out = a + b
    LoopPart *copy;          // out = a
    LoopPart *tanh;          // out = tanh(a)
    LoopPart *gelu;          // out = gelu(a)
    LoopPart *gelu_backward; // out = b gelu'(a)
    LoopPart *adamw;
    LoopPart *round; // to bfloat16

    // Over chunks
    LoopPart *squares;
    LoopPart *layernorm_backward;

    // Over rows
    LoopPart *softmax;
    LoopPart *softmax_backward; // y, and dy in x
    LoopPart *layernorm;
    LoopPart *matvec;        // y = matrix x; in parts of a multiple of MATVEC_ROWS no thread changes a bit
    LoopPart *cross_entropy; // z only
    LoopPart *cross_entropy_backward;

    // Over columns
    LoopPart *sum_rows;

    // Attention. scores_soften turns scores x into weights exp(scale x - largest), of the largest in a row so far; it adds them to the
    // row's sum, after what was summed up relative to a smaller one was multiplied by shrink. scores_slopes turns scores x
    // into weights p = exp(scale x - z), and dp = dL/dp in slopes into dL/dx = p (dp - mean_dp) scale.
    void (*scores_soften)(const ScoreTile *tile, Real *largest, double *sum, Real *shrink);
    void (*scores_slopes)(const ScoreTile *tile, Real *slopes, const double *z, const Real *mean_dp);
    Real (*dot)(const Real *a, const Real *b, size_t n);
    void (*add_rows)(const Real *weights, const Real *rows, size_t n, size_t D, Real *y); // y (D) += weights (n) rows (n, D)

    // Products of matrices. pack_rows makes panels of B = x (rows, columns), pack_columns of B = x^T; the last is filled up with 0.
    size_t panel_columns;
    void (*pack_rows)(const Real *x, size_t ld, size_t rows, size_t columns, Real *panels);
    void (*pack_columns)(const Real *x, size_t ld, size_t rows, size_t columns, Real *panels);
    void (*panel_product)(const PanelProduct *p);

    const RandomLoops *random;
} VectorLoops;

extern const VectorLoops vector_baseline, vector_avx2, vector_avx512;

// The best for this processor, or the one that GPTAPE_ISA names.
const VectorLoops *vector_loops(void);

// For the tests: false if the processor can't do that, or there is no such kind.
bool vector_choose(const char *name);

#endif
