// sample.c: one token, chosen by the logits l (V) of a position.
//
//   temperature   p_v = exp((l_v - max l) / temperature) / sum        softmax of l / temperature, in double
//   top_k         the top_k likeliest stay, the others' p becomes 0
//   top_p         of the rest, the fewest likeliest that together have top_p of it stay: a token stays if those before it have less
//   draw          u uniform in [0, 1): the first v, in the order of ids, with p_0 + ... + p_v > u
//
// In this order, as Hugging Face's generate does; the last line is the inverse of the distribution function. Of equal logits
// the smaller id counts as the likelier, so that exactly top_k are left and one seed gives one text.
//
// Nothing is sorted: a heap gives the likeliest, then the next, and is asked only as often as tokens stay. With V = 50257 and
// 40 that stay, that is a few steps in place of a million.

#include "gpt/gpt.h"

#include <math.h>
#include <stdlib.h>

Sampler sampler_create(int V)
{
    double *p = memory_allocate((size_t)V * (sizeof(double) + sizeof(int)), "the probabilities"); // followed by the order of tokens
    return (Sampler){.V = V, .p = p, .order = (int *)(p + V)};
}

void sampler_free(Sampler *sampler)
{
    REQUIRE(sampler);
    free(sampler->p);
    *sampler = (Sampler){0};
}

// ------------------------------------------------------------------------------------------------------------
// The likeliest ones. order[0 ... V - n_ranked - 1] is a heap: order[i] is likelier than order[2i + 1] and order[2i + 2], so
// order[0] is the likeliest. Behind it lie those that were taken, the first one last, as in heapsort.

static bool likelier(const Real *logits, int a, int b)
{
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

static void swap(int *a, int *b)
{
    int held = *a;
    *a = *b;
    *b = held;
}

// Makes a heap of order[at] and the two heaps below it.
static void sift_down(int *order, int n, int at, const Real *logits)
{
    int child = 2 * at + 1;
    while (child < n) {
        if (child + 1 < n && likelier(logits, order[child + 1], order[child])) {
            child++;
        }
        if (!likelier(logits, order[child], order[at])) {
            return;
        }
        swap(&order[child], &order[at]);
        at = child;
        child = 2 * at + 1;
    }
}

static void rank_none(Sampler *sampler, const Real *logits)
{
    int V = sampler->V;
    for (int v = 0; v < V; v++) {
        sampler->order[v] = v;
    }
    for (int at = V / 2 - 1; at >= 0; at--) {
        sift_down(sampler->order, V, at, logits);
    }
    sampler->n_ranked = 0;
}

// The token with this rank in likelihood.
static int ranked(Sampler *sampler, const Real *logits, int rank)
{
    int *order = sampler->order;
    while (sampler->n_ranked <= rank) {
        sampler->n_ranked++;
        int last = sampler->V - sampler->n_ranked;
        swap(&order[0], &order[last]);
        sift_down(order, last, 0, logits);
    }
    return order[sampler->V - 1 - rank];
}

// ------------------------------------------------------------------------------------------------------------
// Probabilities, before they are divided by their sum

static double weight(Real logit, Real largest, double temperature)
{
    return exp(((double)logit - (double)largest) / temperature);
}

static void weigh_all(Sampler *sampler, const Real *logits, Real largest, double temperature)
{
    for (int v = 0; v < sampler->V; v++) {
        sampler->p[v] = weight(logits[v], largest, temperature);
    }
}

static void weigh_top_k(Sampler *sampler, const Real *logits, Real largest, double temperature, int k)
{
    for (int v = 0; v < sampler->V; v++) {
        sampler->p[v] = 0;
    }
    for (int rank = 0; rank < k; rank++) {
        int v = ranked(sampler, logits, rank);
        sampler->p[v] = weight(logits[v], largest, temperature);
    }
}

static double sum_of(const double *p, int V)
{
    double sum = 0;
    for (int v = 0; v < V; v++) {
        sum += p[v];
    }
    return sum;
}

static void keep_top_p(Sampler *sampler, const Real *logits, double top_p)
{
    double enough = top_p * sum_of(sampler->p, sampler->V);
    double sum = 0;
    int n_kept = 0;
    while (sum < enough && n_kept < sampler->V) {
        sum += sampler->p[ranked(sampler, logits, n_kept)];
        n_kept++;
    }
    for (int i = 0; i < sampler->V - n_kept; i++) {
        sampler->p[sampler->order[i]] = 0;
    }
}

void sampler_weigh(Sampler *sampler, const Real *logits, const GenerateConfig *config)
{
    REQUIRE(sampler, logits, config);
    int V = sampler->V;
    bool some = config->top_k > 0 && config->top_k < V;
    Real largest = logits[0];
    for (int v = 1; v < V; v++) {
        largest = logits[v] > largest ? logits[v] : largest;
    }
    if (some || config->top_p < 1) {
        rank_none(sampler, logits);
    }
    if (some) {
        weigh_top_k(sampler, logits, largest, config->temperature, config->top_k);
    } else {
        weigh_all(sampler, logits, largest, config->temperature);
    }
    if (config->top_p < 1) {
        keep_top_p(sampler, logits, config->top_p);
    }
    double sum = sum_of(sampler->p, V);
    for (int v = 0; v < V; v++) {
        sampler->p[v] /= sum;
    }
}

// ------------------------------------------------------------------------------------------------------------
// The choice

// The index of the largest; -1 if one is NaN or plus infinity, or all are minus infinity.
static int likeliest(const Real *logits, int V)
{
    int best = 0;
    for (int v = 0; v < V; v++) {
        if (isnan(logits[v])) {
            return -1;
        }
        best = logits[v] > logits[best] ? v : best;
    }
    return isinf(logits[best]) ? -1 : best;
}

// Rounding may leave the sum of all a little below 1, and u above it: then it is the last that can be drawn.
static int draw(const double *p, int V, double u)
{
    double sum = 0;
    int last = 0;
    for (int v = 0; v < V; v++) {
        sum += p[v];
        if (sum > u) {
            return v;
        }
        last = p[v] > 0 ? v : last;
    }
    return last;
}

int sampler_choose(Sampler *sampler, const Real *logits, const GenerateConfig *config, Random *random)
{
    REQUIRE(sampler, logits, config);
    int best = likeliest(logits, sampler->V);
    if (best == -1 || config->greedy) {
        return best;
    }
    sampler_weigh(sampler, logits, config);
    return draw(sampler->p, sampler->V, random_double(random));
}
