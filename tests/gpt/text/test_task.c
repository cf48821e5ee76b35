// test_task.c: synthetic tasks: rows, targets, reproducibility, and invalid input.

#include "tests/gpt/gpt_test.h"

#include <math.h>

enum { B = 40, T_MOST = 12 };

static Task fitted(const char *text, int V, int T)
{
    Task task;
    Error error = {0};
    ck_assert_msg(task_read(text, &task, &error) && task_fit(&task, V, T, &error), "%s", error.message);
    return task;
}

typedef struct Rows {
    int ids[B * T_MOST], targets[B * T_MOST];
} Rows;

static Rows drawn(const Task *task, uint64_t seed, int T)
{
    Rows rows;
    Random random = seeded(seed);
    BatchSource source = task_source(task);
    batch_draw(&source, &random, B, T, rows.ids, rows.targets);
    return rows;
}

// Every symbol occurs, and no other.
static void assert_symbols(const Rows *rows, int n, int n_symbols)
{
    int count[64] = {0};
    for (int i = 0; i < n; i++) {
        ck_assert(rows->ids[i] >= 0 && rows->ids[i] < n_symbols);
        count[rows->ids[i]]++;
    }
    for (int symbol = 0; symbol < n_symbols; symbol++) {
        ck_assert_int_gt(count[symbol], 0);
    }
}

START_TEST(copy_repeats_its_first_half)
{
    for (int T = 2; T <= T_MOST; T++) {
        Task task = fitted("copy", 7, T);
        Rows rows = drawn(&task, 3, T);
        int half = (T + 2) / 2;
        int answers = 0;
        for (int i = 0; i < B * T; i++) {
            int t = i % T;
            if (t + 1 < half) {
                ck_assert_int_eq(rows.targets[i], TARGET_IGNORED);
            } else {
                ck_assert_int_eq(rows.targets[i], rows.ids[i + 1 - half]);
                answers++;
            }
            if (t > 0 && rows.targets[i - 1] != TARGET_IGNORED) {
                ck_assert_int_eq(rows.ids[i], rows.targets[i - 1]); // the target is the next token
            }
        }
        ck_assert_int_eq(answers, B * (T + 1 - half));
        assert_symbols(&rows, B * T, 7);
        ck_assert_double_eq(task_source(&task).guess_loss, log(7));
    }
}
END_TEST

START_TEST(shift_asks_for_an_earlier_token)
{
    Task task = fitted("shift:3", 5, 10);
    Rows rows = drawn(&task, 3, 10);
    for (int i = 0; i < B * 10; i++) {
        ck_assert_int_eq(rows.targets[i], i % 10 < 3 ? TARGET_IGNORED : rows.ids[i - 3]);
    }
    assert_symbols(&rows, B * 10, 5);
    ck_assert_double_eq(task_source(&task).guess_loss, log(5));
}
END_TEST

START_TEST(modular_asks_for_sums)
{
    Task task = fitted("modular:5", 9, 11);
    Rows rows = drawn(&task, 3, 11);
    int wrapped = 0;
    for (int i = 0; i < B * 11; i++) {
        int t = i % 11;
        if (t % 4 == 2) {
            int sum = rows.ids[i - 2] + rows.ids[i - 1];
            ck_assert_int_eq(rows.ids[i], 5);
            ck_assert_int_eq(rows.targets[i], sum % 5);
            wrapped += sum >= 5;
        } else {
            ck_assert_int_eq(rows.targets[i], TARGET_IGNORED);
        }
        if (t % 4 == 3) {
            ck_assert_int_eq(rows.ids[i], rows.targets[i - 1]);
        }
    }
    ck_assert_int_gt(wrapped, 0);
    ck_assert_double_eq(task_source(&task).guess_loss, log(5));
}
END_TEST

START_TEST(a_seed_gives_a_batch_and_the_next_is_another)
{
    Task task = fitted("shift:1", 5, 10);
    Rows first = drawn(&task, 3, 10);
    Rows same = drawn(&task, 3, 10);
    Rows other = drawn(&task, 4, 10);
    ck_assert_mem_eq(&first, &same, sizeof(int) * B * 10);
    ck_assert(memcmp(&first, &other, sizeof(int) * B * 10) != 0);
    // However much a batch draws, the generator advances by one number.
    Random a;
    Random b;
    random_seed(&a, 3);
    random_seed(&b, 3);
    BatchSource source = task_source(&task);
    batch_draw(&source, &a, B, 10, same.ids, same.targets);
    random_bits(&b);
    ck_assert_uint_eq(random_bits(&a), random_bits(&b));
}
END_TEST

START_TEST(vocabularies_of_tasks)
{
    Task task = fitted("modular:97", 98, 3);
    ck_assert_int_eq(task_vocabulary(&task), 98);
    task = fitted("copy", 64, 3);
    ck_assert_int_eq(task_vocabulary(&task), 64);
    ck_assert_str_eq(task.name, "copy");
}
END_TEST

static const char *const unknown[] = {"",         "copy:1",   "Copy",        "shift",          "shift:",    "shift:0",     "shift:-1",
                                      "shift:1x", "shift: 1", "shift:65536", "shift:99999999", "modular:1", "modular:1e3", "modular:"};
enum { UNKNOWN = sizeof unknown / sizeof unknown[0] };

START_TEST(other_names_are_refused)
{
    Task task;
    Error error = {0};
    char expected[160];
    ck_assert(!task_read(unknown[_i], &task, &error));
    snprintf(expected, sizeof expected, "'%s' is unknown (expected copy, shift:K or modular:K with K up to 65535)", unknown[_i]);
    ck_assert_str_eq(error.message, expected);
}
END_TEST

START_TEST(models_and_rows_that_are_too_small_are_refused)
{
    static const struct {
        const char *task;
        int V, T;
        const char *message;
    } cases[] = {
        {"copy", 1, 8, "copy needs a vocabulary of at least 2 tokens, but the model has 1"},
        {"copy", 2, 1, "copy needs rows of at least 2 tokens, but they have 1"},
        {"shift:8", 9, 8, "shift:8 needs rows of at least 9 tokens, but they have 8"},
        {"modular:97", 97, 3, "modular:97 needs a vocabulary of at least 98 tokens, but the model has 97"},
        {"modular:97", 98, 2, "modular:97 needs rows of at least 3 tokens, but they have 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Task task;
        Error error = {0};
        ck_assert(task_read(cases[i].task, &task, &error));
        ck_assert(!task_fit(&task, cases[i].V, cases[i].T, &error));
        ck_assert_str_eq(error.message, cases[i].message);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tasks");
    TCase *tests = case_with_tape(suite, "tasks");
    tcase_add_test(tests, copy_repeats_its_first_half);
    tcase_add_test(tests, shift_asks_for_an_earlier_token);
    tcase_add_test(tests, modular_asks_for_sums);
    tcase_add_test(tests, a_seed_gives_a_batch_and_the_next_is_another);
    tcase_add_test(tests, vocabularies_of_tasks);
    tcase_add_loop_test(tests, other_names_are_refused, 0, UNKNOWN);
    tcase_add_test(tests, models_and_rows_that_are_too_small_are_refused);
    return suite_run(suite);
}
