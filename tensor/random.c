// random.c: the random numbers of PyTorch's CPU generator.
//
// The raw stream is the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998). What turns its 32-bit words into
// uniform and normal numbers follows torch's DistributionsHelper.h and DistributionTemplates.h (plain C++ kernels), so
// that one seed gives one network in both systems. Numbers are made as float32 and widened in a double build.

#include "tensor/tensor.h"

#include <math.h>

enum { WORDS = 624, SHIFT = 397, NORMAL_BLOCK = 16 };

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

static void random_twist(uint32_t state[WORDS])
{
    for (int i = 0; i < WORDS; i++) {
        uint32_t joined = (state[i] & 0x80000000u) | (state[(i + 1) % WORDS] & 0x7fffffffu);
        uint32_t twisted = joined >> 1;
        if (joined & 1u) {
            twisted ^= 0x9908b0dfu;
        }
        state[i] = state[(i + SHIFT) % WORDS] ^ twisted;
    }
}

uint32_t random_bits(Random *random)
{
    REQUIRE(random);
    if (random->next == WORDS) {
        random_twist(random->state);
        random->next = 0;
    }
    uint32_t y = random->state[random->next];
    random->next++;
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    y ^= y >> 18;
    return y;
}

double random_double(Random *random)
{
    uint64_t high = random_bits(random);
    uint64_t low = random_bits(random);
    uint64_t bits = (high << 32 | low) & ((1ull << 53) - 1);
    return (double)bits / (double)(1ull << 53);
}

// Uniform in [0, 1): 24 bits, as many as a float32 has.
static float random_float(Random *random)
{
    uint32_t bits = random_bits(random) & ((1u << 24) - 1);
    return (float)bits / (float)(1u << 24);
}

void random_uniform(Random *random, Real *out, size_t n, double low, double high)
{
    REQUIRE(random);
    if (n > 0) {
        REQUIRE(out);
    }
    float from = (float)low;
    float range = (float)high - from;
    for (size_t i = 0; i < n; i++) {
        float scaled = random_float(random) * range;
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
static void random_normal_block(Random *random, Real *out, float mean, float std)
{
    float uniform[NORMAL_BLOCK];
    for (int j = 0; j < NORMAL_BLOCK; j++) {
        uniform[j] = random_float(random);
    }
    for (int j = 0; j < NORMAL_BLOCK / 2; j++) {
        float u1 = 1.0f - uniform[j];              // in (0, 1], so that the logarithm is finite
        float u2 = uniform[j + NORMAL_BLOCK / 2];
        float radius = sqrtf(-2.0f * logf(u1));
        float angle = (float)(2.0 * PI * (double)u2);
        out[j] = radius * cosf(angle) * std + mean;
        out[j + NORMAL_BLOCK / 2] = radius * sinf(angle) * std + mean;
    }
}

// Fewer than 16 numbers are made one at a time; 16 and more in blocks, where the last block, if it isn't whole, is moved
// back over its neighbor and drawn again.
void random_normal(Random *random, Real *out, size_t n, double mean, double std)
{
    REQUIRE(random);
    if (n > 0) {
        REQUIRE(out);
    }
    if (n < NORMAL_BLOCK) {
        for (size_t i = 0; i < n; i++) {
            out[i] = (float)(random_normal_single(random) * std + mean);
        }
        return;
    }
    size_t whole = n / NORMAL_BLOCK * NORMAL_BLOCK;
    for (size_t i = 0; i < whole; i += NORMAL_BLOCK) {
        random_normal_block(random, out + i, (float)mean, (float)std);
    }
    if (whole < n) {
        // torch draws all n uniforms first; those of the incomplete block are used by nothing.
        for (size_t i = whole; i < n; i++) {
            random_bits(random);
        }
        random_normal_block(random, out + n - NORMAL_BLOCK, (float)mean, (float)std);
    }
}
