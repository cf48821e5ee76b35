// reduce.c: the sum of gradients over parts and ranks, in buckets. A bucket is a piece of a large parameter's gradient, in place, or several
// small ones, copied side by side, since even a small transfer costs some microseconds. Buckets are in reverse order of the tree,
// about the order in which backward finishes them, and every rank sends them in this order.

#include "gpt/train/reduce.h"
#include "gpt/base/base.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20, SMALL = 1 << 14, PACK = 1 << 16 }; // values: of a piece; of parameters that are packed; of a pack, about
enum { IN_FLIGHT = 8 };                                    // MPI sums at a time: it has a copy of each

typedef struct Bucket {
    Tensor **parameters; // n of them
    int n;
    size_t start, count; // of a piece: its values. Of a pack: 0, and all values together
    Real *packed;        // copies; NULL: a piece
    size_t total_at;     // where its slice is in reducer->total
    RanksSum *sum;       // under way; NULL: not, or on one rank
    int final_at;        // the tape's node after which its gradients are final
    ReducerSpan span;
} Bucket;

struct Reducer {
    Reduction reduction;
    Tensor **order; // the parameters, in reverse order
    Bucket *buckets;
    int n_buckets, capacity;
    Real *total;      // exact: this rank's slices of the sum of the parts so far; NULL with one part a rank
    Real *scratch[2]; // exact, several ranks: two transfers at a time
    Tape *tape;       // fast: the watched tape, or NULL
    int observer;
    int n_sent;   // buckets, in this sum
    double bytes; // of all the buffers
    double seconds;
};

// ------------------------------------------------------------------------------------------------------------
// Creating

static void add_parameter(Reducer *reducer, Tensor **parameter)
{
    size_t n = tensor_count(*parameter);
    Bucket *last = reducer->n_buckets == 0 ? NULL : &reducer->buckets[reducer->n_buckets - 1];
    bool joins = n < SMALL && last != NULL && last->start == 0 && last->count < PACK && tensor_count(*last->parameters) < SMALL;
    if (joins) {
        last->n++;
        last->count += n;
        return;
    }
    for (size_t start = 0; start < n; start += PIECE) {
        *LIST_ADD(reducer->buckets, reducer->n_buckets, reducer->capacity,
                  "the buckets") = (Bucket){.parameters = parameter, .n = 1, .start = start, .count = n - start < PIECE ? n - start : PIECE};
    }
}

static Real *allocate(Reducer *reducer, size_t n, const char *what)
{
    reducer->bytes += (double)(n * sizeof(Real));
    return memory_allocate(n * sizeof(Real), what);
}

Reducer *reducer_create(const ParameterList *parameters, Reduction reduction, int parts)
{
    Reducer *reducer = memory_allocate_zeroed(1, sizeof *reducer, "a reducer");
    reducer->reduction = reduction;
    reducer->order = memory_allocate((size_t)parameters->count * sizeof(Tensor *), "the parameters");
    for (int i = 0; i < parameters->count; i++) {
        reducer->order[i] = parameters->parameters[parameters->count - 1 - i];
        add_parameter(reducer, &reducer->order[i]);
    }
    size_t total = 0;
    for (int i = 0; i < reducer->n_buckets; i++) {
        Bucket *bucket = &reducer->buckets[i];
        size_t start;
        bucket->total_at = total;
        total += ranks_slice(bucket->count, ranks_rank(), &start);
        bucket->packed = bucket->n == 1 ? NULL : allocate(reducer, bucket->count, "small gradients");
    }
    if (reduction == REDUCE_EXACT && parts > ranks_count()) {
        reducer->total = allocate(reducer, total, "the sum of gradients");
    }
    if (reduction == REDUCE_FAST) {
        reducer->bytes += (double)IN_FLIGHT * PIECE * sizeof(Real);
    }
    for (int i = 0; i < 2 && reduction == REDUCE_EXACT && ranks_count() > 1; i++) {
        reducer->scratch[i] = allocate(reducer, PIECE + (size_t)ranks_count(), "other ranks' gradients");
    }
    return reducer;
}

void reducer_free(Reducer *reducer)
{
    if (reducer == NULL) {
        return;
    }
    for (int i = 0; i < reducer->n_buckets; i++) {
        free(reducer->buckets[i].packed);
    }
    free(reducer->buckets);
    free(reducer->order);
    free(reducer->total);
    free(reducer->scratch[0]);
    free(reducer->scratch[1]);
    free(reducer);
}

double reducer_seconds(const Reducer *reducer)
{
    return reducer->seconds;
}

double reducer_bytes(const Reducer *reducer)
{
    return reducer->bytes;
}

int reducer_spans(const Reducer *reducer, ReducerSpan **spans)
{
    *spans = memory_allocate((size_t)reducer->n_buckets * sizeof **spans, "the transfers");
    for (int i = 0; i < reducer->n_buckets; i++) {
        (*spans)[i] = reducer->buckets[i].span;
    }
    return reducer->n_buckets;
}

// ------------------------------------------------------------------------------------------------------------
// Packing

// Between a pack and the gradients. A parameter without a gradient counts as zeros; its gradient stays NULL.
static void copy_pack(const Bucket *bucket, bool pack)
{
    Real *at = bucket->packed;
    for (int i = 0; at != NULL && i < bucket->n; i++) {
        Real *grad = bucket->parameters[i]->grad;
        size_t n = tensor_count(bucket->parameters[i]);
        if (grad == NULL) {
            memset(at, 0, n * sizeof *at);
        } else {
            memcpy(pack ? at : grad, pack ? grad : at, n * sizeof *at);
        }
        at += n;
    }
}

// The values to be summed; NULL: a parameter without a gradient.
static Real *bucket_values(const Bucket *bucket)
{
    Real *grad = bucket->parameters[0]->grad;
    return bucket->packed != NULL ? bucket->packed : grad == NULL ? NULL : grad + bucket->start;
}

// ------------------------------------------------------------------------------------------------------------
// The exact sum

static void begin_exchange(Reducer *reducer, int i)
{
    Bucket *bucket = i < reducer->n_buckets ? &reducer->buckets[i] : NULL;
    if (bucket != NULL && bucket_values(bucket) != NULL) {
        copy_pack(bucket, true);
        bucket->span = (ReducerSpan){.begin = clock_seconds(), .values = bucket->count};
        bucket->sum = ranks_exchange_begin(bucket_values(bucket), bucket->count, reducer->scratch[i % 2]);
    }
}

// Adds the exchanged values to those of earlier parts. The last sum goes to the gradients, and to the other ranks.
static void end_exchange(Reducer *reducer, int i, bool first, bool last)
{
    Bucket *bucket = &reducer->buckets[i];
    Real *values = bucket_values(bucket);
    Real *total = reducer->total == NULL ? NULL : reducer->total + bucket->total_at;
    size_t start;
    if (values == NULL) {
        return;
    }
    ranks_slice(bucket->count, ranks_rank(), &start);
    ranks_exchange_end(bucket->sum, values, bucket->count, reducer->scratch[i % 2], first ? NULL : total, last ? values + start : total);
    bucket->sum = last ? ranks_share_begin(values, bucket->count) : NULL;
}

static void note_end(Bucket *bucket)
{
    bucket->span.end = bucket->span.end == 0 ? clock_seconds() : bucket->span.end;
}

// Waits for a bucket, whose gradients are then the sums.
static void end_bucket(Bucket *bucket)
{
    if (bucket_values(bucket) != NULL) {
        ranks_wait(bucket->sum);
        bucket->sum = NULL;
        copy_pack(bucket, false);
        note_end(bucket);
    }
}

void reducer_add(Reducer *reducer, bool first, bool last)
{
    double start = clock_seconds();
    begin_exchange(reducer, 0);
    for (int i = 0; i < reducer->n_buckets; i++) {
        begin_exchange(reducer, i + 1);
        end_exchange(reducer, i, first, last);
    }
    for (int i = 0; last && i < reducer->n_buckets; i++) {
        end_bucket(&reducer->buckets[i]);
    }
    reducer->seconds += clock_seconds() - start;
}

// ------------------------------------------------------------------------------------------------------------
// The fast sum, during the backward pass

// Backward last adds to a parameter's gradient at the first node that reads it.
static void find_final_nodes(void *context)
{
    Reducer *reducer = context;
    const Tape *tape = reducer->tape;
    for (int i = 0; i < reducer->n_buckets; i++) {
        reducer->buckets[i].final_at = INT_MAX;
    }
    for (int at = 0; at < tape->n_nodes; at++) {
        const TapeNode *node = tape->nodes[at];
        for (int k = 0; k < node->n_inputs; k++) {
            for (int i = 0; node->inputs[k]->node == NULL && i < reducer->n_buckets; i++) {
                Bucket *bucket = &reducer->buckets[i];
                for (int p = 0; p < bucket->n; p++) {
                    if (bucket->parameters[p] == node->inputs[k] && bucket->final_at > at) {
                        bucket->final_at = at;
                    }
                }
            }
        }
    }
}

static void send_next(Reducer *reducer)
{
    Bucket *bucket = &reducer->buckets[reducer->n_sent];
    if (reducer->n_sent >= IN_FLIGHT) {
        end_bucket(bucket - IN_FLIGHT);
    }
    reducer->n_sent++;
    if (bucket_values(bucket) != NULL) {
        copy_pack(bucket, true);
        bucket->span = (ReducerSpan){.begin = clock_seconds(), .values = bucket->count};
        bucket->sum = ranks_sum_begin(bucket_values(bucket), bucket->count);
    }
}

static void send_final(TapeNode *node, void *context)
{
    Reducer *reducer = context;
    double start = clock_seconds();
    while (reducer->n_sent < reducer->n_buckets && reducer->buckets[reducer->n_sent].final_at >= node->index) {
        send_next(reducer);
    }
    for (int i = 0; i < reducer->n_sent; i++) {
        if (ranks_is_done(reducer->buckets[i].sum)) {
            note_end(&reducer->buckets[i]);
        }
    }
    reducer->seconds += clock_seconds() - start;
}

void reducer_watch(Reducer *reducer, Tape *tape)
{
    reducer->tape = tape;
    reducer->observer = tape_observer_add(tape, (TapeObserver){.begin = find_final_nodes, .after = send_final, .context = reducer});
}

void reducer_unwatch(void *object)
{
    Reducer *reducer = object;
    if (reducer->tape != NULL) {
        tape_observer_remove(reducer->tape, reducer->observer);
        reducer->tape = NULL;
    }
}

void reducer_finish(Reducer *reducer)
{
    double start = clock_seconds();
    while (reducer->n_sent < reducer->n_buckets) {
        send_next(reducer);
    }
    for (int i = 0; i < reducer->n_buckets; i++) {
        end_bucket(&reducer->buckets[i]);
    }
    reducer->n_sent = 0;
    reducer->seconds += clock_seconds() - start;
}
