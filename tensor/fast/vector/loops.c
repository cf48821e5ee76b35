// loops.c: see vector.h. The formulas and the plain loops are in ops/.
//
// Here are the loops over values, rows and columns; the headers below are parts of this file.
//
// "omp simd reduction" says that the order of a sum may change, which a sum in vectors needs.

#include "tensor/fast/vector/vector.h"

#include "tensor/fast/vector/layernorm.h"
#include "tensor/fast/vector/math.h"
#include "tensor/fast/vector/panel.h"
#include "tensor/fast/vector/row.h"
#include "tensor/fast/vector/scores.h"

#include <math.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Over values

static void add(const void *call, size_t start, size_t end)
{
    const ValuesCall *c = call;
    const float *restrict a = c->a;
    const float *restrict b = c->b;
    float *restrict out = c->out;
    for (size_t i = start; i < end; i++) {
        out[i] = a[i] + b[i];
    }
}

static void copy(const void *call, size_t start, size_t end)
{
    const ValuesCall *c = call;
    const float *restrict a = c->a;
    float *restrict out = c->out;
    if (!c->accumulate) {
        memcpy(out + start, a + start, (end - start) * sizeof(float));
        return;
    }
    for (size_t i = start; i < end; i++) {
        out[i] += a[i];
    }
}

static void tanh_loop(const void *call, size_t start, size_t end)
{
    const ValuesCall *c = call;
    const float *restrict x = c->a;
    float *restrict y = c->out;
    for (size_t i = start; i < end; i++) {
        y[i] = vector_tanh(x[i]);
    }
}

#define SQRT_2_OVER_PI 0.79788456080286535588f
#define GELU_CUBIC 0.044715f

static inline float gelu_tanh(float x)
{
    return vector_tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x));
}

static void gelu(const void *call, size_t start, size_t end)
{
    const ValuesCall *c = call;
    const float *restrict x = c->a;
    float *restrict y = c->out;
    for (size_t i = start; i < end; i++) {
        float gate = (1 + gelu_tanh(x[i])) * 0.5f;
        float product = x[i] * gate;
        y[i] = gate == 0 ? 0 : product;
    }
}

// Where tanh is 1 or -1 its slope is 0, whatever du/dx is; that may be infinite there.
static inline float gelu_slope(float x)
{
    float tanh_u = gelu_tanh(x);
    float bend = 1 - tanh_u * tanh_u;
    float du_dx = SQRT_2_OVER_PI * (1 + 3 * GELU_CUBIC * x * x);
    float through_tanh = x * bend * 0.5f * du_dx;
    through_tanh = bend == 0 ? 0 : through_tanh;
    return (1 + tanh_u) * 0.5f + through_tanh;
}

static void gelu_backward(const void *call, size_t start, size_t end)
{
    const ValuesCall *c = call;
    const float *restrict x = c->a;
    const float *restrict dy = c->b;
    float *restrict dx = c->out;
    if (c->accumulate) {
        for (size_t i = start; i < end; i++) {
            dx[i] += dy[i] * gelu_slope(x[i]);
        }
    } else {
        for (size_t i = start; i < end; i++) {
            dx[i] = dy[i] * gelu_slope(x[i]);
        }
    }
}

static void adamw(const void *call, size_t start, size_t end)
{
    const AdamWCall *c = call;
    AdamWFactors f = *c->factors;
    const float *restrict grad = c->grad;
    float *restrict m = c->m;
    float *restrict v = c->v;
    float *restrict p = c->p;
    for (size_t i = start; i < end; i++) {
        float dp = f.gradient * grad[i];
        m[i] = f.beta1 * m[i] + f.new1 * dp;
        v[i] = f.beta2 * v[i] + f.new2 * dp * dp;
        float denominator = sqrtf(v[i]) * f.inv_sqrt + f.eps;
        p[i] = f.decay * p[i] - f.step_size * m[i] / denominator;
    }
}

// The upper 16 bits of the nearest float that has no others, the even one of two as near. A NaN stays one.
static inline uint16_t to_bfloat16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t nearest = (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;
    uint32_t quiet = bits >> 16 | 0x40u;
    bool is_nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    return (uint16_t)(is_nan ? quiet : nearest);
}

static void round_values(const void *call, size_t start, size_t end)
{
    const RoundCall *c = call;
    const float *restrict x = c->x;
    uint16_t *restrict out = c->out;
    for (size_t i = start; i < end; i++) {
        out[i] = to_bfloat16(x[i]);
    }
}

static void squares(const void *call, size_t start, size_t end)
{
    const SquaresCall *c = call;
    for (size_t chunk = start; chunk < end; chunk++) {
        size_t first = chunk * SQUARES_CHUNK;
        size_t n = c->n - first < SQUARES_CHUNK ? c->n - first : SQUARES_CHUNK;
        const float *restrict x = c->x + first;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = 0; i < n; i++) {
            sum += (double)x[i] * (double)x[i];
        }
        c->partial[chunk] = sum;
    }
}

// ------------------------------------------------------------------------------------------------------------
// Over rows

static void put_sum(const MatvecCall *c, size_t row, float sum)
{
    float before = c->accumulate ? c->y[row] : 0;
    c->y[row] = before + sum;
}

// Each value of the matrix is read once and used once, so memory is the limit. Reading four rows at once is faster.
static void matvec(const void *call, size_t start, size_t end)
{
    const MatvecCall *c = call;
    const float *restrict x = c->x;
    size_t row = start;
    for (; row + MATVEC_ROWS <= end; row += MATVEC_ROWS) {
        const float *restrict row_0 = c->matrix + row * c->K;
        const float *restrict row_1 = row_0 + c->K;
        const float *restrict row_2 = row_1 + c->K;
        const float *restrict row_3 = row_2 + c->K;
        float sum_0 = 0;
        float sum_1 = 0;
        float sum_2 = 0;
        float sum_3 = 0;
#pragma omp simd reduction(+ : sum_0, sum_1, sum_2, sum_3)
        for (size_t k = 0; k < c->K; k++) {
            sum_0 += row_0[k] * x[k];
            sum_1 += row_1[k] * x[k];
            sum_2 += row_2[k] * x[k];
            sum_3 += row_3[k] * x[k];
        }
        put_sum(c, row, sum_0);
        put_sum(c, row + 1, sum_1);
        put_sum(c, row + 2, sum_2);
        put_sum(c, row + 3, sum_3);
    }
    for (; row < end; row++) {
        put_sum(c, row, dot(c->matrix + row * c->K, x, c->K));
    }
}

static void softmax(const void *call, size_t start, size_t end)
{
    const RowsCall *c = call;
    size_t n = c->columns;
    for (size_t row = start; row < end; row++) {
        float *restrict y = c->out + row * n;
        memcpy(y, c->x + row * n, n * sizeof(float));
        row_exp(1, row_max(y, n), y, n);
        float factor = (float)(1 / row_sum(y, n));
        for (size_t i = 0; i < n; i++) {
            y[i] *= factor;
        }
    }
}

static void softmax_backward(const void *call, size_t start, size_t end)
{
    const RowsCall *c = call;
    size_t n = c->columns;
    for (size_t row = start; row < end; row++) {
        const float *restrict y = c->y + row * n;
        const float *restrict dy = c->x + row * n;
        float *restrict dx = c->out + row * n;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = 0; i < n; i++) {
            sum += (double)(dy[i] * y[i]);
        }
        float mean = (float)sum;
        for (size_t i = 0; i < n; i++) {
            float before = c->accumulate ? dx[i] : 0;
            dx[i] = before + y[i] * (dy[i] - mean);
        }
    }
}

static void cross_entropy(const void *call, size_t start, size_t end)
{
    const LogitsCall *c = call;
    size_t V = c->r->V;
    for (size_t row = start; row < end; row++) {
        const float *x = c->r->logits + row * V;
        if (c->r->targets[row] == TARGET_IGNORED) {
            continue;
        }
        float largest = row_max(x, V);
        c->r->z[row] = (double)largest + log(row_sum_exp(largest, x, V));
    }
}

static void cross_entropy_backward(const void *call, size_t start, size_t end)
{
    const LogitsCall *c = call;
    size_t V = c->r->V;
    float dy = c->dy;
    for (size_t row = start; row < end; row++) {
        const float *restrict x = c->r->logits + row * V;
        float *restrict dx = c->dlogits + row * V;
        if (c->r->targets[row] == TARGET_IGNORED) {
            if (!c->accumulate) {
                memset(dx, 0, V * sizeof *dx);
            }
            continue;
        }
        float z_high = (float)c->r->z[row];
        float z_low = (float)(c->r->z[row] - (double)z_high);
        if (c->accumulate) {
            for (size_t j = 0; j < V; j++) {
                dx[j] += dy * vector_exp((x[j] - z_high) - z_low);
            }
        } else {
            for (size_t j = 0; j < V; j++) {
                dx[j] = dy * vector_exp((x[j] - z_high) - z_low);
            }
        }
        dx[c->r->targets[row]] -= dy;
    }
}

// ------------------------------------------------------------------------------------------------------------
// Over columns: sums are in the order of the rows, on any thread

static void sum_rows(const void *call, size_t start, size_t end)
{
    const RowsCall *c = call;
    float *restrict sum = c->out;
    for (size_t j = start; !c->accumulate && j < end; j++) {
        sum[j] = 0;
    }
    size_t row = 0;
    for (; row + 4 <= c->rows; row += 4) {
        const float *restrict y_0 = c->x + row * c->columns;
        const float *restrict y_1 = y_0 + c->columns;
        const float *restrict y_2 = y_1 + c->columns;
        const float *restrict y_3 = y_2 + c->columns;
        for (size_t j = start; j < end; j++) {
            sum[j] = sum[j] + y_0[j] + y_1[j] + y_2[j] + y_3[j];
        }
    }
    for (; row < c->rows; row++) {
        const float *restrict y = c->x + row * c->columns;
        for (size_t j = start; j < end; j++) {
            sum[j] += y[j];
        }
    }
}

const VectorLoops VECTOR_TABLE = {
    .name = VECTOR_NAME,
    .add = add,
    .copy = copy,
    .tanh = tanh_loop,
    .gelu = gelu,
    .gelu_backward = gelu_backward,
    .adamw = adamw,
    .round = round_values,
    .squares = squares,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .layernorm = layernorm,
    .layernorm_backward = layernorm_backward,
    .cross_entropy = cross_entropy,
    .cross_entropy_backward = cross_entropy_backward,
    .sum_rows = sum_rows,
    .scores_soften = scores_soften,
    .scores_slopes = scores_slopes,
    .dot = dot,
    .add_rows = add_rows,
    .matvec = matvec,
    .panel_columns = TILE_COLUMNS,
    .pack_rows = pack_rows,
    .pack_columns = pack_columns,
    .panel_product = panel_product,
    .random = &VECTOR_RANDOM,
};
