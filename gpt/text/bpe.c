// bpe.c: byte-pair encoding of one piece of text.
//
// Of all neighbors that can merge, the leftmost pair of the lowest rank becomes one token; this repeats until no two neighbors can merge. The
// tokens are a linked list, and a heap holds its pairs, so n bytes take n log n steps even if the whole text is a single word:
//
//      l o w e r       pairs: lo 5, ow 2, we -, er 1        er has the lowest rank
//      l o w er        pairs: lo 5, ow 2, wer -             then ow
//      l ow er         pairs: low 7, ower -                 then low
//      low er          pairs: lower -                       done
//
// A pair in the heap is stale if one of its tokens has merged since: then its left token has another rank.

#include "gpt/text/encoding.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// The merges

void bpe_init(Bpe *bpe, int capacity)
{
    int bits = 1;
    while (((size_t)1 << bits) < 2 * (size_t)capacity) {
        bits++;
    }
    *bpe = (Bpe){.bits = bits};
    size_t n_slots = (size_t)1 << bits;
    bpe->merges = memory_allocate(n_slots * sizeof *bpe->merges, "the merges");
    for (size_t i = 0; i < n_slots; i++) {
        bpe->merges[i] = (Merge){.left = -1};
    }
}

void bpe_free(Bpe *bpe)
{
    free(bpe->merges);
    *bpe = (Bpe){0};
}

// The slot of this pair, or the empty slot where it belongs. The upper bits of the product depend on all bits of both ids.
static Merge *find_slot(const Bpe *bpe, int left, int right)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t slot = (size_t)(pair * 0x9e3779b97f4a7c15 >> (64 - bpe->bits));
    size_t mask = ((size_t)1 << bpe->bits) - 1;
    Merge *merge = &bpe->merges[slot];

    while (merge->left >= 0 && (merge->left != left || merge->right != right)) {
        slot = (slot + 1) & mask;
        merge = &bpe->merges[slot];
    }
    return merge;
}

bool bpe_add(Bpe *bpe, int left, int right, int id)
{
    Merge *merge = find_slot(bpe, left, right);
    if (merge->left >= 0) {
        return false;
    }
    *merge = (Merge){.left = left, .right = right, .rank = bpe->n, .id = id};
    bpe->n++;
    return true;
}

const Merge *bpe_find(const Bpe *bpe, int left, int right)
{
    const Merge *merge = find_slot(bpe, left, right);
    return merge->left >= 0 ? merge : NULL;
}

// ------------------------------------------------------------------------------------------------------------
// The work: a list of tokens, and a heap of pairs

enum { NO_MERGE = INT_MAX }; // a rank after all others

// A token of the piece, stored at the index of its first byte.
typedef struct Node {
    int id;
    int rank;              // of the merge with the next token, or NO_MERGE
    int merged;            // what that merge makes
    size_t previous, next; // indices; n at both ends
} Node;

typedef struct Pair {
    int rank;
    size_t left; // the index of its left token
} Pair;

struct BpeWork {
    Node *nodes; // (capacity)
    Pair *heap;  // (2 capacity) each pair comes before the two below it, 2 i + 1 and 2 i + 2
    size_t n_heap;
    size_t capacity; // the longest piece so far
    size_t steps;
};

BpeWork *bpe_work_create(void)
{
    return memory_allocate_zeroed(1, sizeof(BpeWork), "encoding");
}

void bpe_work_free(BpeWork *work)
{
    free(work->nodes);
    free(work->heap);
    free(work);
}

size_t bpe_work_steps(const BpeWork *work)
{
    return work->steps;
}

// It starts with n - 1 pairs; a merge removes one and adds at most two, so there are never 2 n.
static void work_reserve(BpeWork *work, size_t n)
{
    if (n <= work->capacity) {
        return;
    }
    size_t capacity = work->capacity < 32 ? 64 : 2 * work->capacity;
    capacity = capacity < n ? n : capacity;
    free(work->nodes);
    free(work->heap);
    work->nodes = memory_allocate(capacity * sizeof *work->nodes, "encoding");
    work->heap = memory_allocate(2 * capacity * sizeof *work->heap, "encoding");
    work->capacity = capacity;
}

static bool comes_before(Pair a, Pair b)
{
    return a.rank < b.rank || (a.rank == b.rank && a.left < b.left);
}

static void heap_push(BpeWork *work, Pair pair)
{
    Pair *heap = work->heap;
    size_t at = work->n_heap;
    work->n_heap++;
    while (at > 0 && comes_before(pair, heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
        work->steps++;
    }
    heap[at] = pair;
}

static Pair heap_pop(BpeWork *work)
{
    Pair *heap = work->heap;
    Pair first = heap[0];
    work->n_heap--;
    Pair moved = heap[work->n_heap]; // the last one moves to the front and sinks
    size_t at = 0;
    size_t below = 1;
    while (below < work->n_heap) {
        if (below + 1 < work->n_heap && comes_before(heap[below + 1], heap[below])) {
            below++;
        }
        if (!comes_before(heap[below], moved)) {
            break;
        }
        heap[at] = heap[below];
        at = below;
        below = 2 * at + 1;
        work->steps++;
    }
    heap[at] = moved;
    return first;
}

// Looks up the merge of the token at place with the next one, and pushes it to the heap if there is one.
static void pair_up(const Bpe *bpe, BpeWork *work, size_t place, size_t n)
{
    Node *node = &work->nodes[place];
    const Merge *merge = node->next < n ? bpe_find(bpe, node->id, work->nodes[node->next].id) : NULL;

    work->steps++;
    if (merge == NULL) {
        node->rank = NO_MERGE;
        return;
    }
    node->rank = merge->rank;
    node->merged = merge->id;
    heap_push(work, (Pair){.rank = merge->rank, .left = place});
}

// Merges the token at place with the next one.
static void merge_at(const Bpe *bpe, BpeWork *work, size_t place, size_t n)
{
    Node *node = &work->nodes[place];
    Node *gone = &work->nodes[node->next];

    node->id = node->merged;
    node->next = gone->next;
    gone->rank = NO_MERGE;
    if (node->next < n) {
        work->nodes[node->next].previous = place;
    }
    pair_up(bpe, work, place, n);
    if (node->previous < n) {
        pair_up(bpe, work, node->previous, n);
    }
}

size_t bpe_encode(const Bpe *bpe, BpeWork *work, const char *piece, size_t n, int *ids)
{
    work_reserve(work, n);
    work->n_heap = 0;
    for (size_t i = 0; i < n; i++) {
        int id = bpe->byte_id[(unsigned char)piece[i]];
        work->nodes[i] = (Node){.id = id, .previous = i == 0 ? n : i - 1, .next = i + 1};
    }
    for (size_t i = 0; i < n; i++) {
        pair_up(bpe, work, i, n);
    }
    while (work->n_heap > 0) {
        Pair pair = heap_pop(work);
        if (work->nodes[pair.left].rank == pair.rank) {
            merge_at(bpe, work, pair.left, n);
        }
    }
    size_t n_ids = 0;
    for (size_t place = 0; place < n; place = work->nodes[place].next) {
        ids[n_ids] = work->nodes[place].id;
        n_ids++;
    }
    return n_ids;
}
