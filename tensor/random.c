// random.c: the random numbers of PyTorch's CPU generator.
//
// The raw stream is the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998). What turns its 32-bit words into
// uniform and normal numbers follows torch's DistributionsHelper.h and DistributionTemplates.h (plain C++ kernels), so
// that one seed gives one network in both systems. Numbers are made as float32 and widened in a double build.
//
// Large counts are made in batches: first the words of a batch in sequence, since each depends on earlier ones, then the
// numbers, each from its own words, in any order. These are the plain loops; fast/ has them for vectors and threads, with the same bits.

#include "tensor/kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = RANDOM_WORDS, SHIFT = 397, NORMAL_BLOCK = RANDOM_NORMALS };

static const double PI = 3.14159265358979323846;

void random_seed(Random *random, uint64_t seed)
{
    REQUIRE(random);
    random->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < WORDS; i++) {
        uint32_t before = random->state[i - 1];
        random->state[i] = 1812433253u * (before ^ (before >> 30)) + i;
    }
    random->next = WORDS;
    random->has_normal = false;
    random->normal = 0.0;
}

void plain_random_words(uint32_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t joined = (x[i] & 0x80000000u) | (x[i + 1] & 0x7fffffffu);
        uint32_t twisted = joined >> 1;
        if (joined & 1u) {
            twisted ^= 0x9908b0dfu;
        }
        x[i + WORDS] = x[i + SHIFT] ^ twisted;
    }
}

static uint32_t temper(uint32_t y)
{
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    y ^= y >> 18;
    return y;
}

// Makes the generator's next n words, before tempering: words[*start] ... words[*start + n - 1]. words has room for n + 2 WORDS.
static void take_words(Random *random, uint32_t *words, size_t n, size_t *start)
{
    size_t first = (size_t)random->next;
    size_t end = first + n;
    size_t made = end > WORDS ? (end - 1) / WORDS * WORDS : 0; // whole states
    memcpy(words, random->state, sizeof random->state);
    kernels()->random_words(words, made);
    memcpy(random->state, words + made, sizeof random->state);
    random->next = (int)(end - made);
    *start = first;
}

uint32_t random_bits(Random *random)
{
    REQUIRE(random);
    if (random->next == WORDS) {
        uint32_t words[2 * WORDS];
        memcpy(words, random->state, sizeof random->state);
        plain_random_words(words, WORDS);
        memcpy(random->state, words + WORDS, sizeof random->state);
        random->next = 0;
    }
    uint32_t y = random->state[random->next];
    random->next++;
    return temper(y);
}

double random_double(Random *random)
{
    uint64_t high = random_bits(random);
    uint64_t low = random_bits(random);
    uint64_t bits = (high << 32 | low) & ((1ull << 53) - 1);
    return (double)bits / (double)(1ull << 53);
}

// Uniform in [0, 1): 24 bits, as many as a float32 has.
static float float_of(uint32_t word)
{
    uint32_t bits = temper(word) & ((1u << 24) - 1);
    return (float)bits / (float)(1u << 24);
}

void plain_random_uniform(const uint32_t *words, float from, float range, Real *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float scaled = float_of(words[i]) * range;
        out[i] = scaled + from;
    }
}

// The Box-Muller transform (Box and Muller 1958) in double: two uniforms make two normals, of which one waits for the next call.
static double random_normal_single(Random *random)
{
    if (random->has_normal) {
        random->has_normal = false;
        return random->normal;
    }
    double u1 = random_double(random);
    double u2 = random_double(random);
    double radius = sqrt(-2.0 * log1p(-u2));
    double angle = 2.0 * PI * u1;
    random->normal = radius * sin(angle);
    random->has_normal = true;
    return radius * cos(angle);
}

// 16 uniforms make 16 normals: number j and number j + 8 are the two of a pair.
void plain_random_normal(const uint32_t *words, float mean, float std, Real *out, size_t n)
{
    for (size_t i = 0; i < n; i += NORMAL_BLOCK) {
        for (size_t j = i; j < i + NORMAL_BLOCK / 2; j++) {
            float u1 = 1.0f - float_of(words[j]); // in (0, 1], so that the logarithm is finite
            float u2 = float_of(words[j + NORMAL_BLOCK / 2]);
            float radius = sqrtf(-2.0f * logf(u1));
            float angle = (float)(2.0 * PI * (double)u2);
            out[j] = radius * cosf(angle) * std + mean;
            out[j + NORMAL_BLOCK / 2] = radius * sinf(angle) * std + mean;
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// Batches

enum { BATCH = 1 << 18 }; // numbers: enough to amortize thread synchronization, few enough to stay in cache

typedef void WordsTransform(const uint32_t *words, float a, float b, Real *out, size_t n);

static void make_numbers(Random *random, WordsTransform *transform, float a, float b, Real *out, size_t n)
{
    size_t most = n < BATCH ? n : BATCH;
    uint32_t *words = memory_allocate((most + 2 * WORDS) * sizeof *words, "random numbers");
    for (size_t done = 0; done < n;) {
        size_t at_once = n - done < most ? n - done : most;
        size_t start;
        take_words(random, words, at_once, &start);
        transform(words + start, a, b, out + done, at_once);
        done += at_once;
    }
    free(words);
}

void random_uniform(Random *random, Real *out, size_t n, double low, double high)
{
    REQUIRE(random);
    if (n > 0) {
        REQUIRE(out);
    }
    float from = (float)low;
    float range = (float)high - from;
    if (!isfinite(range)) {
        fail_mistake(HERE, "random_uniform: %g to %g (expected numbers, and a distance, within float32)", low, high);
    }
    make_numbers(random, kernels()->random_uniform, from, range, out, n);
}

// Fewer than 16 numbers are made one at a time; 16 and more in blocks, where the last block, if it isn't whole, is moved
// back over its neighbor and drawn again.
void random_normal(Random *random, Real *out, size_t n, double mean, double std)
{
    REQUIRE(random);
    if (n > 0) {
        REQUIRE(out);
    }
    if (!isfinite((float)mean) || !isfinite((float)std)) {
        fail_mistake(HERE, "random_normal: mean %g, std %g (expected numbers within float32)", mean, std);
    }
    if (n < NORMAL_BLOCK) {
        for (size_t i = 0; i < n; i++) {
            out[i] = (float)(random_normal_single(random) * std + mean);
        }
        return;
    }
    size_t whole = n / NORMAL_BLOCK * NORMAL_BLOCK;
    WordsTransform *normal = kernels()->random_normal;
    make_numbers(random, normal, (float)mean, (float)std, out, whole);
    if (whole < n) {
        // torch draws all n uniforms first; those of the incomplete block are not used.
        for (size_t i = whole; i < n; i++) {
            random_bits(random);
        }
        make_numbers(random, normal, (float)mean, (float)std, out + n - NORMAL_BLOCK, NORMAL_BLOCK);
    }
}
