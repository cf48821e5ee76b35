// attention.c: attention weights, recomputed from queries and keys: see gradflow.h.

#include "nn/gradflow/dot.h"
#include "nn/gradflow/gradflow.h"
#include "tensor/unwind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// One position of one head.
typedef struct AttentionRow {
    size_t n;                                      // positions it attends to
    double sum;                                    // sum_s exp(a_s), a_s the scores relative to the largest
    double mean;                                   // sum_s p_s a_s
} AttentionRow;

// Writes e (n): exp(a_s) of position t, p_s = e_s / sum. qkv: one sequence (T, 3C); channels first ... first + D - 1 are the head's.
static AttentionRow attend(const Real *qkv, size_t T, size_t C, size_t first, size_t D, size_t t, bool causal, double *e)
{
    AttentionRow row = {.n = causal ? t + 1 : T};
    const Real *q = qkv + t * 3 * C + first;
    double scale = 1 / sqrt((double)D);
    double largest = -INFINITY;
    for (size_t s = 0; s < row.n; s++) {
        e[s] = scale * dot_real(q, qkv + s * 3 * C + C + first, D);
        largest = e[s] > largest ? e[s] : largest;
    }
    for (size_t s = 0; s < row.n; s++) {
        double score = e[s] - largest;
        e[s] = exp(score);
        row.sum += e[s];
        row.mean += e[s] * score;
    }
    row.mean /= row.sum;
    return row;
}

static void check(const char *function, const Tensor *qkv, int n_head)
{
    char text[SHAPE_TEXT];
    bool fits = qkv->shape.ndim == 3 && n_head > 0 && shape_last(qkv->shape) % (3 * n_head) == 0;
    if (!fits) {
        fail_mistake(HERE, "%s: qkv %s: must be (B, T, 3C), C a multiple of the %d heads", function, shape_text(qkv->shape, text), n_head);
    }
}

void attention_weights(const Tensor *qkv, int n_head, bool causal, double *weights)
{
    REQUIRE(qkv);
    REQUIRE(weights);
    check("attention_weights", qkv, n_head);
    size_t B = (size_t)qkv->shape.size[0];
    size_t T = (size_t)qkv->shape.size[1];
    size_t C = (size_t)qkv->shape.size[2] / 3;
    size_t D = C / (size_t)n_head;
    for (size_t b = 0; b < B; b++) {
        for (size_t head = 0; head < (size_t)n_head; head++) {
            for (size_t t = 0; t < T; t++) {
                AttentionRow row = attend(qkv->data + b * T * 3 * C, T, C, head * D, D, t, causal, weights);
                for (size_t s = 0; s < T; s++) {
                    weights[s] = s < row.n ? weights[s] / row.sum : 0;
                }
                weights += T;
            }
        }
    }
}

// Adds one head of one sequence. e (T): scratch.
static void add_head(AttentionStats *stats, const Real *qkv, size_t T, size_t C, size_t first, size_t D, bool causal, double *e)
{
    for (size_t t = 0; t < T; t++) {
        AttentionRow row = attend(qkv, T, C, first, D, t, causal, e);
        stats->entropy += log(row.sum) - row.mean;             // -sum p log p, with log p = a - log sum
        stats->largest += 1 / row.sum;
        stats->first += t > 0 ? e[0] / row.sum : 0;
    }
}

void attention_stats(const Tensor *qkv, int n_head, bool causal, AttentionStats *stats)
{
    REQUIRE(qkv);
    REQUIRE(stats);
    check("attention_stats", qkv, n_head);
    size_t B = (size_t)qkv->shape.size[0];
    size_t T = (size_t)qkv->shape.size[1];
    size_t C = (size_t)qkv->shape.size[2] / 3;
    size_t D = C / (size_t)n_head;
    double *e = memory_allocate(T * sizeof *e, "attention weights");
    for (size_t head = 0; head < (size_t)n_head; head++) {
        AttentionStats sum = {0, 0, 0};
        for (size_t b = 0; b < B; b++) {
            add_head(&sum, qkv->data + b * T * 3 * C, T, C, head * D, D, causal, e);
        }
        double rows = (double)B * (double)T;
        stats[head] = (AttentionStats){sum.entropy / rows, sum.largest / rows, sum.first / (rows - (double)B)};
    }
    free(e);
}

Tensor *attention_qkv(const Tape *tape, const Attention *attention)
{
    REQUIRE(tape);
    REQUIRE(attention);
    for (int i = tape->n_nodes - 1; i >= 0; i--) {
        const TapeNode *node = tape->nodes[i];
        for (int k = 0; k < node->n_inputs; k++) {
            if (node->inputs[k] == attention->c_attn.weight) {
                return node->output;
            }
        }
    }
    return NULL;
}
