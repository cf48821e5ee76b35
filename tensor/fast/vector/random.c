// random.c: the loops of random numbers, compiled once for each kind of processor: the bits of tensor/random.c's plain loops.
//
// Their logf, sinf and cosf are the C library's, so these must round as those do: they use the method and the constants of glibc's
// (by Szabolcs Nagy and Wilco Dijkstra, Arm Optimized Routines), which computes in double and rounds once, without branches and for the
// range that is needed only. There are 2^24 uniforms; tests/tensor/fast/test_random_vectors.c compares all.

#include "tensor/fast/vector/vector.h"

#include <math.h>
#include <string.h>

enum { SHIFT = 397, PAIRS = RANDOM_NORMALS / 2 };

// x[i] is read before it is overwritten, so vectors of up to 227 words give the same result.
static void words(uint32_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t joined = (x[i] & 0x80000000u) | (x[i + 1] & 0x7fffffffu);
        uint32_t odd = 0u - (joined & 1u);
        x[i + RANDOM_WORDS] = x[i + SHIFT] ^ joined >> 1 ^ (odd & 0x9908b0dfu);
    }
}

static inline float float_of(uint32_t y)
{
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    y ^= y >> 18;
    return (float)(int32_t)(y & ((1u << 24) - 1)) * (1.0f / (1u << 24));
}

static void uniform(const void *call, size_t start, size_t end)
{
    const RandomCall *c = call;
    const uint32_t *restrict w = c->words;
    float *restrict out = c->out;
    float from = c->a;
    float range = c->b;
    for (size_t i = start; i < end; i++) {
        float scaled = float_of(w[i]) * range;
        out[i] = scaled + from;
    }
}

// ------------------------------------------------------------------------------------------------------------
// The logarithm of 2^k z: z in [0.69, 1.39) lies near one of 16 numbers c, whose 1 / c and log c are known, and log z = log c + log(1 + r)
// with r = z / c - 1. OFFSET is the bits of the smallest z.

#define OFFSET 0x3f330000u

static const double INVERSE[16] = {
    0x1.661ec79f8f3bep+0, 0x1.571ed4aaf883dp+0, 0x1.49539f0f010bp+0,  0x1.3c995b0b80385p+0, 0x1.30d190c8864a5p+0,
    0x1.25e227b0b8eap+0,  0x1.1bb4a4a1a343fp+0, 0x1.12358f08ae5bap+0, 0x1.0953f419900a7p+0, 0x1p+0,
    0x1.e608cfd9a47acp-1, 0x1.ca4b31f026aap-1,  0x1.b2036576afce6p-1, 0x1.9c2d163a1aa2dp-1, 0x1.886e6037841edp-1,
    0x1.767dcf5534862p-1,
};

static const double LOGARITHM[16] = {
    -0x1.57bf7808caadep-2, -0x1.2bef0a7c06ddbp-2, -0x1.01eae7f513a67p-2, -0x1.b31d8a68224e9p-3, -0x1.6574f0ac07758p-3,
    -0x1.1aa2bc79c81p-3,   -0x1.a4e76ce8c0e5ep-4, -0x1.1973c5a611cccp-4, -0x1.252f438e10c1ep-5, 0x0p+0,
    0x1.aa5aa5df25984p-5,  0x1.c5e53aa362eb4p-4,  0x1.526e57720db08p-3,  0x1.bc2860d22477p-3,   0x1.1058bc8a07ee1p-2,
    0x1.4043057b6ee09p-2,
};

// Bits 19 to 22 select one of the 16 numbers; the bits above are k.
static inline uint32_t above_offset(float u)
{
    uint32_t bits;
    memcpy(&bits, &u, sizeof bits);
    return bits - OFFSET;
}

static inline float log_of(float u, double inverse, double logarithm)
{
    const double ln_2 = 0x1.62e42fefa39efp-1;
    uint32_t above = above_offset(u);
    uint32_t z_bits = above + OFFSET - (above & 0xff800000u);
    int32_t k = (int32_t)above >> 23;
    float z;
    memcpy(&z, &z_bits, sizeof z);
    double r = (double)z * inverse - 1;
    double y0 = logarithm + (double)k * ln_2;
    double r2 = r * r;
    double y = 0x1.5575b0be00b6ap-2 * r + -0x1.ffffef20a4123p-2;
    y = -0x1.00ea348b88334p-2 * r2 + y;
    y = y * r2 + (y0 + r);
    return (float)y;
}

// ------------------------------------------------------------------------------------------------------------
// Sine and cosine of y in [0, 2 pi]: y = x + n pi / 2, |x| <= pi / 4. n is rounded from a product with 2^24 times 2 / pi.

static inline double sine_of(double x, double x2)
{
    double x3 = x * x2;
    double s1 = 0x1.1107605230bc4p-7 + x2 * -0x1.994eb3774cf24p-13;
    double x7 = x3 * x2;
    double s = x + x3 * -0x1.555545995a603p-3;
    return s + x7 * s1;
}

static inline double cosine_of(double x2)
{
    double x4 = x2 * x2;
    double c2 = -0x1.6c087e89a359dp-10 + x2 * 0x1.99343027bf8c3p-16;
    double c1 = 1 + x2 * -0x1.ffffffd0c621cp-2;
    double x6 = x4 * x2;
    double c = c1 + x4 * 0x1.55553e1068f19p-5;
    return c + x6 * c2;
}

static inline void sine_cosine(float y, float *sine, float *cosine)
{
    double scaled = (double)y * 0x1.45F306DC9C883p+23;
    int32_t n = ((int32_t)scaled + 0x800000) >> 24;
    double x = (double)y - (double)n * 0x1.921FB54442D18p0;
    double x2 = x * x;
    float s = (float)sine_of(x, x2);
    float c = (float)cosine_of(x2);
    float s_turned = (n & 1) != 0 ? c : s;
    float c_turned = (n & 1) != 0 ? s : c;
    *sine = (n & 2) != 0 ? -s_turned : s_turned;
    *cosine = ((n + 1) & 2) != 0 ? -c_turned : c_turned;
}

// Blocks processed together, so that each loop runs over many pairs.
enum { TOGETHER = 16, MOST_PAIRS = TOGETHER * PAIRS };

// radius = sqrt(-2 log(1 - u)): 1 - u is in (0, 1]. Baseline vectors have no table lookup, so it is a separate loop.
static void radii(const float *restrict u, float *restrict radius, size_t n)
{
    double inverse[MOST_PAIRS];
    double logarithm[MOST_PAIRS];
    for (size_t i = 0; i < n; i++) {
        uint32_t place = above_offset(1.0f - u[i]) >> 19 & 15u;
        inverse[i] = INVERSE[place];
        logarithm[i] = LOGARITHM[place];
    }
    for (size_t i = 0; i < n; i++) {
        radius[i] = sqrtf(-2.0f * log_of(1.0f - u[i], inverse[i], logarithm[i]));
    }
}

// The two numbers of each pair.
static void turn(const float *restrict u, const float *restrict radius, const RandomCall *c, float *restrict first, float *restrict second,
                 size_t n)
{
    const double two_pi = 2.0 * 3.14159265358979323846;
    float mean = c->a;
    float std = c->b;
    for (size_t i = 0; i < n; i++) {
        float sine;
        float cosine;
        sine_cosine((float)(two_pi * (double)u[i]), &sine, &cosine);
        first[i] = radius[i] * cosine * std + mean;
        second[i] = radius[i] * sine * std + mean;
    }
}

static void normal(const void *call, size_t start, size_t end)
{
    enum { HALF = PAIRS * sizeof(float) };
    const RandomCall *c = call;
    float u[2 * MOST_PAIRS];
    float u1[MOST_PAIRS];
    float u2[MOST_PAIRS];
    float radius[MOST_PAIRS];
    for (size_t block = start; block < end; block += TOGETHER) {
        size_t n = end - block < TOGETHER ? end - block : TOGETHER;
        const uint32_t *w = c->words + block * RANDOM_NORMALS;
        float *out = c->out + block * RANDOM_NORMALS;
        for (size_t i = 0; i < n * RANDOM_NORMALS; i++) {
            u[i] = float_of(w[i]);
        }
        for (size_t i = 0; i < n; i++) {
            memcpy(u1 + i * PAIRS, u + i * RANDOM_NORMALS, HALF);
            memcpy(u2 + i * PAIRS, u + i * RANDOM_NORMALS + PAIRS, HALF);
        }
        radii(u1, radius, n * PAIRS);
        turn(u2, radius, c, u1, u, n * PAIRS); // the first of each pair to u1, the second to u
        for (size_t i = 0; i < n; i++) {
            memcpy(out + i * RANDOM_NORMALS, u1 + i * PAIRS, HALF);
            memcpy(out + i * RANDOM_NORMALS + PAIRS, u + i * PAIRS, HALF);
        }
    }
}

const RandomLoops VECTOR_RANDOM = {.words = words, .uniform = uniform, .normal = normal};
