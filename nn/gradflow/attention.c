// attention.c: attention weights, computed again from queries and keys: see gradflow.h.

#include "nn/gradflow/dot.h"
#include "nn/gradflow/gradflow.h"
#include "tensor/unwind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// One position of one head.
typedef struct AttentionRow {
    double log_sum;                                // log sum_s exp(a_s), a_s the scores relative to the largest
    double mean;                                   // sum_s p_s a_s
    double largest;                                // p_s
} AttentionRow;

// Writes p (T): the weights of position t. qkv: one sequence (T, 3C); channels first ... first + D - 1 are the head's.
static AttentionRow attend(const Real *qkv, size_t T, size_t C, size_t first, size_t D, size_t t, bool causal, double *p)
{
    AttentionRow row = {.mean = 0};
    size_t n = causal ? t + 1 : T;                 // positions that it sees
    const Real *q = qkv + t * 3 * C + first;
    double largest = -INFINITY;
    for (size_t s = 0; s < n; s++) {
        const Real *k = qkv + s * 3 * C + C + first;
        p[s] = dot_real(q, k, D) / sqrt((double)D);
        largest = p[s] > largest ? p[s] : largest;
    }
    double total = 0;
    for (size_t s = 0; s < n; s++) {
        double score = p[s] - largest;
        p[s] = exp(score);
        total += p[s];
        row.mean += p[s] * score;
    }
    for (size_t s = 0; s < T; s++) {
        p[s] = s < n ? p[s] / total : 0;
    }
    row.log_sum = log(total);
    row.mean /= total;
    row.largest = 1 / total;
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
                attend(qkv->data + b * T * 3 * C, T, C, head * D, D, t, causal, weights);
                weights += T;
            }
        }
    }
}

// One head of one sequence is added. p (T): room.
static void add_head(AttentionStats *stats, const Real *qkv, size_t T, size_t C, size_t first, size_t D, bool causal, double *p)
{
    for (size_t t = 0; t < T; t++) {
        AttentionRow row = attend(qkv, T, C, first, D, t, causal, p);
        stats->entropy += row.log_sum - row.mean;              // -sum p log p, with log p = a - log sum
        stats->largest += row.largest;
        stats->first += t > 0 ? p[0] : 0;
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
    double *p = memory_allocate(T * sizeof *p, "attention weights");
    for (size_t head = 0; head < (size_t)n_head; head++) {
        AttentionStats sum = {0, 0, 0};
        for (size_t b = 0; b < B; b++) {
            add_head(&sum, qkv->data + b * T * 3 * C, T, C, head * D, D, causal, p);
        }
        double rows = (double)B * (double)T;
        stats[head] = (AttentionStats){sum.entropy / rows, sum.largest / rows, sum.first / (rows - (double)B)};
    }
    free(p);
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
