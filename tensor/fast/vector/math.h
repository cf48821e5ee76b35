// math.h: exp and tanh in a form that the compiler can do for many values at once: no branches, no table, no call.
//
// Both are within 3 units in the last place of the true value (tests/tensor/fast/test_vector.c). NaN gives NaN.

#ifndef GPTAPE_VECTOR_MATH_H
#define GPTAPE_VECTOR_MATH_H

#include <stdint.h>
#include <string.h>

// A float of this size has no bits left below 1, so adding it rounds to an integer, stored in its lowest bits.
#define ROUND_SHIFT 12582912.0f // 1.5 * 2^23
#define ROUND_SHIFT_BITS 0x4B400000u

#define LOG2_E 1.44269504f
#define LN_2_HIGH 0.693359375f     // 355 / 512, 9 bits: n times it is exact
#define LN_2_LOW (-2.12194440e-4f) // the rest of ln 2

static inline float nearest_whole(float x)
{
    return (x + ROUND_SHIFT) - ROUND_SHIFT;
}

// 2^n for an integer n from -126 to 127: all bits outside the exponent are 0.
static inline float power_of_two(float n)
{
    float shifted = n + ROUND_SHIFT;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits - ROUND_SHIFT_BITS + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

// e^r - 1 by its series; for |r| <= ln 2 / 2 the first term left out, r^8 / 8!, is below 6e-9.
static inline float exp_minus_1_series(float r)
{
    float tail = 1.0f / 720 + r * (1.0f / 5040);
    tail = 1.0f / 120 + r * tail;
    tail = 1.0f / 24 + r * tail;
    tail = 1.0f / 6 + r * tail;
    tail = 1.0f / 2 + r * tail;
    return r + r * r * tail;
}

// e^x = 2^n e^r with x = n ln 2 + r. 2^n is multiplied in two halves: one alone would leave float32 where the result, close to
// its largest number or below its smallest normal one, does not.
static inline float vector_exp(float x)
{
    x = x > 89.0f ? 89.0f : x;     // infinite from 88.73 on
    x = x < -105.0f ? -105.0f : x; // 0 below -103.98
    float n = nearest_whole(x * LOG2_E);
    float r = x - n * LN_2_HIGH;
    r = r - n * LN_2_LOW;
    float half = nearest_whole(n * 0.5f);
    return (1 + exp_minus_1_series(r)) * power_of_two(half) * power_of_two(n - half);
}

// tanh x = (e^2x - 1) / (e^2x + 1), from e^2x - 1, which, unlike e^2x, loses no digits where x is small.
static inline float vector_tanh(float x)
{
    x = x > 10.0f ? 10.0f : x; // 1 from 9.02 on
    x = x < -10.0f ? -10.0f : x;
    float twice = x + x;
    float n = nearest_whole(twice * LOG2_E);
    float r = twice - n * LN_2_HIGH;
    r = r - n * LN_2_LOW;
    float power = power_of_two(n);
    float exp_minus_1 = power * exp_minus_1_series(r) + (power - 1);
    return exp_minus_1 / (exp_minus_1 + 2);
}

#endif
