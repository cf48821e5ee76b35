// test_random_vectors.c: random numbers from vectors and threads are those of the plain loops, bit for bit: every uniform, every size,
// every place in the stream.

#include "tensor/fast/fast.h"
#include "tensor/fast/vector/vector.h"
#include "tests/support/kernels.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"baseline", "avx2", "avx512"};

enum { KINDS = sizeof kinds / sizeof kinds[0], BLOCK = RANDOM_NORMALS };

static void assert_same_bits(const char *what, const float *got, const float *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&got[i], &expected[i], sizeof got[i]) != 0) {
            ck_abort_msg("%s: number %zu of %zu: got %a, expected %a", what, i, n, (double)got[i], (double)expected[i]);
        }
    }
}

// The word whose tempering gives y.
static uint32_t word_of(uint32_t y)
{
    y ^= y >> 18;
    y ^= (y << 15) & 0xefc60000u;
    uint32_t x = y;
    for (int i = 0; i < 4; i++) {
        x = y ^ ((x << 7) & 0x9d2c5680u);
    }
    y = x;
    for (int i = 0; i < 2; i++) {
        x = y ^ x >> 11;
    }
    return x;
}

// Each of the 2^24 uniforms, as the first of a pair (its logarithm) and as the second (its sine and cosine).
START_TEST(every_uniform_makes_the_same_normals)
{
    if (!choose_kernels("fast", __func__)) {
        return;
    }
    enum { PART = 1 << 16, PAIRS = PART / 2 };
    static uint32_t words[PART];
    static float expected[PART];
    static float got[PART];
    for (uint32_t first = 0; first < 1u << 24; first += PAIRS) {
        for (uint32_t i = 0; i < PART; i++) {
            uint32_t number = first + i / BLOCK * (BLOCK / 2) + i % (BLOCK / 2);
            words[i] = word_of(number);
        }
        plain_random_normal(words, 0, 1, expected, PART);
        for (int kind = 0; kind < KINDS; kind++) {
            if (vector_choose(kinds[kind])) {
                kernels_fast.random_normal(words, 0, 1, got, PART);
                assert_same_bits(kinds[kind], got, expected, PART);
            }
        }
    }
}
END_TEST

typedef void Draw(Random *random, Real *out, size_t n, double a, double b);

static void assert_same_draws(Draw *draw, size_t n, int skipped)
{
    float *expected = malloc((n + 1) * sizeof *expected);
    float *got = malloc((n + 1) * sizeof *got);
    Random plain;
    Random fast;
    random_seed(&plain, 3);
    for (int i = 0; i < skipped; i++) {
        random_bits(&plain);
    }
    fast = plain;
    ck_assert(kernels_choose("plain"));
    draw(&plain, expected, n, -0.3, 1.7);
    ck_assert(kernels_choose("fast"));
    draw(&fast, got, n, -0.3, 1.7);
    assert_same_bits(vector_loops()->name, got, expected, n);
    ck_assert_mem_eq(plain.state, fast.state, sizeof plain.state);
    ck_assert_int_eq(plain.next, fast.next);
    for (int i = 0; i < 700; i++) {
        ck_assert_uint_eq(random_bits(&fast), random_bits(&plain));
    }
    free(expected);
    free(got);
}

// Sizes around a block, a state and a batch, from different places in the stream.
START_TEST(every_size_gives_the_same_numbers)
{
    if (!choose_kernels("fast", __func__)) {
        return;
    }
    static const size_t around[] = {0, 16, 32, 624, 1248, 4096, 65536, 262144, 600000};
    kernels_set_threads(2);
    for (int kind = 0; kind < KINDS; kind++) {
        if (!vector_choose(kinds[kind])) {
            continue;
        }
        for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
            for (size_t more = 0; more < 17; more++) {
                int skipped = (int)(more * 40 + i);
                assert_same_draws(random_uniform, around[i] + more, skipped);
                assert_same_draws(random_normal, around[i] + more, skipped);
            }
        }
    }
}
END_TEST

// A batch is drawn from consecutive words of random_bits.
START_TEST(a_batch_is_drawn_from_the_words_in_order)
{
    enum { MANY = 2000 };
    float batch[MANY];
    Random random;
    Random single;
    random_seed(&random, 11);
    random_bits(&random);
    single = random;
    random_uniform(&random, batch, MANY, 0, 1);
    for (int i = 0; i < MANY; i++) {
        float expected = (float)(random_bits(&single) % (1u << 24)) / (float)(1u << 24);
        ck_assert(batch[i] == expected);
    }
    ck_assert_int_eq(random.next, single.next);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random_vectors");
    TCase *numbers = case_create(suite, "numbers");
    tcase_add_test(numbers, every_uniform_makes_the_same_normals);
    tcase_add_test(numbers, every_size_gives_the_same_numbers);
    tcase_add_test(numbers, a_batch_is_drawn_from_the_words_in_order);
    return suite_run(suite);
}
