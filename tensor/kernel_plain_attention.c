// kernel_plain_attention.c: attention as the textbook has it, position by position. The formulas stand in ops/attention.c.

#include "tensor/kernel_plain.h"

#include <string.h>
#include <tgmath.h>

// Where head h of position (b, t) starts in a tensor with rows of C (the output) or 3C (qkv: k and v lie C and 2C further).
static size_t output_at(const AttentionSizes *s, size_t b, size_t h, size_t t)
{
    return (b * s->T + t) * s->C + h * s->D;
}

static size_t qkv_at(const AttentionSizes *s, size_t b, size_t h, size_t t)
{
    return (b * s->T + t) * 3 * s->C + h * s->D;
}

static Real dot(const Real *a, const Real *b, size_t n)
{
    Real sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

// The number of positions that position t sees, itself included.
static size_t seen(const AttentionSizes *s, size_t t)
{
    return s->causal ? t + 1 : s->T;
}

// y of one query that sees n keys and values, each step values behind the one before; returns z. The running maximum keeps exp from
// overflowing: when a larger score comes, what has been summed so far is scaled down to it (the streaming softmax of Milakov and
// Gimelshein 2018). It begins with the smallest finite number, as a score may be minus infinity, and that minus itself is NaN.
static double attend(const AttentionSizes *s, const Real *q, const Real *k, const Real *v, size_t step, size_t n, Real *y)
{
    Real largest = nextafter((Real)-INFINITY, (Real)0);
    Real sum = 0;
    for (size_t d = 0; d < s->D; d++) {
        y[d] = 0;
    }
    for (size_t r = 0; r < n; r++) {
        const Real *k_r = k + r * step;
        const Real *v_r = v + r * step;
        Real score = dot(q, k_r, s->D) * s->scale;
        Real largest_before = largest;
        largest = score > largest ? score : largest;
        Real shrink = exp(largest_before - largest);           // 0 the first time
        Real weight = exp(score - largest);
        sum = sum * shrink + weight;
        for (size_t d = 0; d < s->D; d++) {
            y[d] = y[d] * shrink + weight * v_r[d];
        }
    }
    for (size_t d = 0; d < s->D; d++) {
        y[d] /= sum;
    }
    return (double)largest + log((double)sum);
}

// y_t of one head; returns z_t.
static double attention_position(const AttentionSizes *s, const Real *qkv, Real *out, size_t b, size_t h, size_t t)
{
    const Real *q_t = qkv + qkv_at(s, b, h, t);
    const Real *k = qkv + qkv_at(s, b, h, 0) + s->C;
    return attend(s, q_t, k, k + s->C, 3 * s->C, seen(s, t), out + output_at(s, b, h, t));
}

void plain_attention(const AttentionSizes *s, const Real *qkv, double *z, Real *y)
{
    for (size_t b = 0; b < s->B; b++) {
        for (size_t h = 0; h < s->n_head; h++) {
            for (size_t t = 0; t < s->T; t++) {
                z[(b * s->n_head + h) * s->T + t] = attention_position(s, qkv, y, b, h, t);
            }
        }
    }
}

void plain_attention_cached(const CachedSizes *s, const Real *qkv, const Real *keys, const Real *values, Real *y)
{
    const AttentionSizes *now = &s->now;
    for (size_t b = 0; b < now->B; b++) {
        for (size_t h = 0; h < now->n_head; h++) {
            size_t head = (b * now->n_head + h) * s->room * now->D;
            for (size_t t = 0; t < now->T; t++) {
                const Real *q_t = qkv + qkv_at(now, b, h, t);
                attend(now, q_t, keys + head, values + head, now->D, s->past + t + 1, y + output_at(now, b, h, t));
            }
        }
    }
}

typedef struct PositionBackward {
    const AttentionSizes *s;
    const Real *qkv, *y, *dy;
    Real *dqkv;
} PositionBackward;

static void attention_position_backward(const PositionBackward *c, double z_t, size_t b, size_t h, size_t t)
{
    const AttentionSizes *s = c->s;
    size_t q_at = qkv_at(s, b, h, t);
    const Real *q_t = c->qkv + q_at;
    Real *dq_t = c->dqkv + q_at;
    const Real *y_t = c->y + output_at(s, b, h, t);
    const Real *dy_t = c->dy + output_at(s, b, h, t);
    Real mean_dp = dot(dy_t, y_t, s->D);           // sum_r p_r dp_r

    for (size_t r = 0; r < seen(s, t); r++) {
        size_t k_at = qkv_at(s, b, h, r) + s->C;
        size_t v_at = k_at + s->C;
        const Real *k_r = c->qkv + k_at;
        const Real *v_r = c->qkv + v_at;
        Real *dk_r = c->dqkv + k_at;
        Real *dv_r = c->dqkv + v_at;
        Real score = dot(q_t, k_r, s->D) * s->scale;
        Real p = exp((Real)((double)score - z_t));
        Real dp = dot(dy_t, v_r, s->D);
        Real da = p * (dp - mean_dp) * s->scale;
        for (size_t d = 0; d < s->D; d++) {
            // forward was: y_t += p v_r, with p from q_t . k_r
            dv_r[d] += p * dy_t[d];
            dq_t[d] += da * k_r[d];
            dk_r[d] += da * q_t[d];
        }
    }
}

void plain_attention_backward(const AttentionSizes *s, const Real *qkv, const double *z, const Real *y, const Real *dy,
                              bool accumulate, Real *dqkv)
{
    PositionBackward call = {s, qkv, y, dy, dqkv};
    if (!accumulate) {
        memset(dqkv, 0, s->B * s->T * 3 * s->C * sizeof(Real));
    }
    for (size_t b = 0; b < s->B; b++) {
        for (size_t h = 0; h < s->n_head; h++) {
            for (size_t t = 0; t < s->T; t++) {
                attention_position_backward(&call, z[(b * s->n_head + h) * s->T + t], b, h, t);
            }
        }
    }
}
