// test_dataset.c: data sets: the two splits, batches, and the file that keeps token ids.

#include "gpt/stories/stories.h"
#include "tests/gpt/text/text_test.h"
#include "tests/support/mistake.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// Splits and batches

// A data set of n bytes that are 0 ... 250, over and over, written as characters 1 ... 251: every window tells where it is, if n
// is below 251 x 251, by two of its ids.
static Dataset *counting(size_t n, Tokenizer **tokenizer)
{
    enum { PERIOD = 100 };
    char *text = malloc(n);
    for (size_t i = 0; i < n; i++) {
        text[i] = (char)(i % PERIOD < 99 ? 'a' : 'A' + i / PERIOD % 26);
    }
    file_write("counting.txt", text, n);
    free(text);
    *tokenizer = tokenizer_bytes();
    return opened("counting.txt", *tokenizer, NULL);
}

START_TEST(a_tenth_is_for_validation)
{
    static const size_t sizes[] = {1, 9, 10, 11, 99, 1000, 12345};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        Tokenizer *tokenizer;
        Dataset *dataset = counting(sizes[i], &tokenizer);
        ck_assert_uint_eq(dataset_tokens(dataset, SPLIT_TRAIN), sizes[i] * 9 / 10);
        ck_assert_uint_eq(dataset_tokens(dataset, SPLIT_VAL), sizes[i] - sizes[i] * 9 / 10);
        dataset_free(dataset);
        tokenizer_free(tokenizer);
    }
}
END_TEST

// Where in the split a row stands; -1 if it, or its targets, are not in it.
static long place_of(const Dataset *dataset, DatasetSplit split, int T, const int *ids, const int *targets)
{
    size_t n = dataset_tokens(dataset, split);
    for (size_t place = 0; place + (size_t)T < n; place++) {
        bool same = true;
        for (int t = 0; t < T && same; t++) {
            size_t at = dataset->start[split] + place + (size_t)t;
            same = ids[t] == token_at(dataset, at) && targets[t] == token_at(dataset, at + 1);
        }
        if (same) {
            return (long)place;
        }
    }
    return -1;
}

// A text in which no 8 bytes stand twice.
static Dataset *unrepeated(size_t n, Tokenizer **tokenizer)
{
    Random random;
    char *text = malloc(n);
    random_seed(&random, 8);
    for (size_t i = 0; i < n; i++) {
        text[i] = (char)('!' + random_bits(&random) % 90);
    }
    file_write("unrepeated.txt", text, n);
    free(text);
    *tokenizer = tokenizer_bytes();
    return opened("unrepeated.txt", *tokenizer, NULL);
}

START_TEST(random_rows_come_from_everywhere_in_a_split)
{
    enum { N = 400, B = 16, T = 8, ROUNDS = 300 };
    int ids[B * T];
    int targets[B * T];
    Tokenizer *tokenizer;
    Dataset *dataset = unrepeated(N, &tokenizer);
    DatasetSplit split = (DatasetSplit)_i;
    size_t n_places = dataset_tokens(dataset, split) - T;
    bool seen[N] = {false};
    size_t n_seen = 0;
    Random random = seeded(9);
    for (int round = 0; round < ROUNDS; round++) {
        dataset_batch(dataset, split, &random, B, T, ids, targets);
        for (int b = 0; b < B; b++) {
            long place = place_of(dataset, split, T, ids + b * T, targets + b * T);
            ck_assert_msg(place >= 0 && place < (long)n_places, "a row is not in the split, or its targets are not the next tokens");
            n_seen += !seen[place];
            seen[place] = true;
        }
    }
    ck_assert_uint_eq(n_seen, n_places); // of 4800 rows at 352 places (or 32) one is left out once in 3000 seeds
    dataset_free(dataset);
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(the_same_random_numbers_give_the_same_rows)
{
    enum { B = 4, T = 16 };
    int ids[2][B * T];
    int targets[2][B * T];
    Tokenizer *tokenizer;
    Dataset *dataset = unrepeated(2000, &tokenizer);
    for (int i = 0; i < 2; i++) {
        Random random = seeded(10);
        dataset_batch(dataset, SPLIT_TRAIN, &random, B, T, ids[i], targets[i]);
    }
    ck_assert_mem_eq(ids[0], ids[1], sizeof ids[0]);
    ck_assert_mem_eq(targets[0], targets[1], sizeof targets[0]);
    Random random = seeded(11);
    dataset_batch(dataset, SPLIT_TRAIN, &random, B, T, ids[1], targets[1]);
    ck_assert_mem_ne(ids[0], ids[1], sizeof ids[0]);
    dataset_free(dataset);
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(evaluation_rows_lie_evenly)
{
    enum { B = 5, T = 8, BATCHES = 3 };
    int ids[B * T];
    int targets[B * T];
    Tokenizer *tokenizer;
    Dataset *dataset = unrepeated(1000, &tokenizer);
    DatasetSplit split = (DatasetSplit)_i;
    long last = (long)dataset_tokens(dataset, split) - T - 1;
    for (int batch = 0; batch < BATCHES; batch++) {
        dataset_eval_batch(dataset, split, batch, BATCHES, B, T, ids, targets);
        for (int b = 0; b < B; b++) {
            long place = place_of(dataset, split, T, ids + b * T, targets + b * T);
            ck_assert_int_eq(place, last * (batch * B + b) / (BATCHES * B - 1));
        }
    }
    dataset_eval_batch(dataset, split, 0, 1, 1, T, ids, targets);
    ck_assert_int_eq(place_of(dataset, split, T, ids, targets), 0);
    dataset_free(dataset);
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(a_text_of_one_row_is_enough)
{
    enum { T = 4 };
    int ids[T];
    int targets[T];
    Error error = {0};
    Tokenizer *tokenizer;
    Random random = seeded(1);
    Dataset *dataset = counting(50, &tokenizer); // 45 and 5
    ck_assert(dataset_check(dataset, T, &error));
    dataset_batch(dataset, SPLIT_VAL, &random, 1, T, ids, targets);
    dataset_eval_batch(dataset, SPLIT_VAL, 1, 2, 1, T, ids, targets);
    ck_assert(!dataset_check(dataset, T + 1, &error));
    ck_assert_str_eq(error.message, "counting.txt: is too short: of its 50 tokens 5 are for validation; a row of 5 and the next "
                                    "token need 6");
    assert_mistake_begins("a row of 5 and the next token are not in the 5 of the data set's split; ask dataset_check first",
                          dataset_batch(dataset, SPLIT_VAL, &random, 1, T + 1, ids, targets));
    dataset_free(dataset);
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(stories_are_the_data_where_none_is_named)
{
    char *text = stories_text(STORIES_SEED, STORIES_BYTES);
    Tokenizer *tokenizer = chars_of(NULL);
    Dataset *dataset = opened(NULL, tokenizer, ".");
    assert_tokens_of(dataset, tokenizer, text, strlen(text));
    ck_assert_str_eq(dataset->name, "stories");
    dataset_free(dataset);
    dataset = opened(NULL, tokenizer, ".");
    ck_assert(dataset->reused);
    dataset_free(dataset);
    tokenizer_free(tokenizer);
    free(text);
}
END_TEST

static void count_calls(int done, int n, void *context)
{
    int *calls = context;
    ck_assert(done >= 0 && done <= n);
    (*calls)++;
}

START_TEST(progress_is_reported)
{
    size_t n;
    int calls = 0;
    Error error = {0};
    free(long_file("long.txt", &n));
    Tokenizer *tokenizer = tokenizer_bytes();
    Dataset *dataset = dataset_open("long.txt", tokenizer, NULL, count_calls, &calls, &error);
    ck_assert_ptr_nonnull(dataset);
    ck_assert_int_ge(calls, 3);
    dataset_free(dataset);
    tokenizer_free(tokenizer);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The file that keeps them

// Opens the letters again and checks them: reused with an empty note, or written again with this note.
static void assert_reopened(const Tokenizer *tokenizer, const char *note)
{
    Dataset *dataset = opened("letters.txt", tokenizer, ".");
    assert_tokens_of(dataset, tokenizer, letters, sizeof letters - 1);
    ck_assert_msg(dataset->reused == (note == NULL), "%s", dataset->note.message);
    ck_assert_msg(note == NULL ? dataset->note.message[0] == '\0' : strstr(dataset->note.message, note) != NULL, "\"%s\" is not in: %s",
                  note == NULL ? "" : note, dataset->note.message);
    dataset_free(dataset);
}

START_TEST(tokens_are_kept)
{
    Tokenizer *tokenizer = tokenizer_bytes();
    file_write("letters.txt", letters, sizeof letters - 1);
    Dataset *dataset = opened("letters.txt", tokenizer, ".");
    ck_assert(!dataset->reused);
    ck_assert_str_eq(dataset->note.message, "");
    uint64_t fingerprint = dataset->fingerprint;
    dataset_free(dataset);
    struct stat status;
    ck_assert_int_eq(stat("data.bin", &status), 0);
    ck_assert_int_eq(status.st_size, 64 + 2 * (long)(sizeof letters - 1));
    assert_reopened(tokenizer, NULL);
    dataset = opened("letters.txt", tokenizer, ".");
    ck_assert_uint_eq(dataset->fingerprint, fingerprint);
    dataset_free(dataset);
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(another_text_or_tokenizer_is_noticed)
{
    Tokenizer *bytes = tokenizer_bytes();
    Tokenizer *gpt2 = small_gpt2();
    char changed[sizeof letters];
    strcpy(changed, letters);
    changed[0] = 'D';
    file_write("letters.txt", changed, sizeof letters - 1);
    dataset_free(opened("letters.txt", bytes, "."));
    ck_assert_int_eq(unlink("letters.txt"), 0);
    file_write("letters.txt", letters, sizeof letters - 1);
    assert_reopened(bytes, "./data.bin: was made from another text, or the text has changed; it is rebuilt");
    assert_reopened(bytes, NULL);
    assert_reopened(gpt2, "./data.bin: was made with another tokenizer; it is rebuilt");
    assert_reopened(gpt2, NULL);
    tokenizer_free(gpt2);
    tokenizer_free(bytes);
}
END_TEST

// Whatever is done to the file: it is rebuilt, and never believed.
START_TEST(a_damaged_file_is_written_again)
{
    Tokenizer *tokenizer = tokenizer_bytes();
    file_write("letters.txt", letters, sizeof letters - 1);
    dataset_free(opened("letters.txt", tokenizer, "."));
    Error error;
    char *sound;
    size_t n;
    ck_assert_msg(file_read("data.bin", MOST_TEXT_BYTES, &sound, &n, &error), "%s", error.message);
    for (size_t i = 0; i < n; i += 3) {
        char *damaged = malloc(n);
        memcpy(damaged, sound, n);
        damaged[i] = (char)(damaged[i] ^ 1 << i % 8);
        file_write("data.bin", damaged, n);
        assert_reopened(tokenizer, i < 16 ? "not a token file" : "is damaged");
        file_write("data.bin", sound, i);
        assert_reopened(tokenizer, i < 64 ? "not a token file" : "is truncated");
        free(damaged);
    }
    char *longer = malloc(n + 1);
    memcpy(longer, sound, n);
    longer[n] = 'x';
    file_write("data.bin", longer, n + 1);
    assert_reopened(tokenizer, "is truncated, or has data after its end");
    file_write("data.bin", "", 0);
    assert_reopened(tokenizer, "not a token file");
    assert_reopened(tokenizer, NULL);
    free(longer);
    free(sound);
    tokenizer_free(tokenizer);
}
END_TEST

// A header that says of itself that it is sound, with an id that is not in the vocabulary.
START_TEST(an_id_beyond_the_vocabulary_is_refused)
{
    Tokenizer *bytes = tokenizer_bytes();
    CacheHeader header = cache_header(bytes, 7);
    int ids[] = {1, 2, 256};
    FILE *file = tmpfile();
    ck_assert(cache_begin(file) && cache_add(file, &header, ids, 3) && cache_end(file, &header));
    Dataset dataset = {.name = NULL};
    Error error = {0};
    ck_assert(!cache_take(file, &header, 256, &dataset, &error));
    ck_assert_str_eq(error.message, "is damaged");
    ck_assert(cache_take(file, &header, 257, &dataset, &error));
    ck_assert_int_eq(token_at(&dataset, 2), 256);
    fclose(file);
    tokenizer_free(bytes);
}
END_TEST

// Only at the beginning: one in the middle is a character that somebody put there.
START_TEST(a_byte_order_mark_is_left_out)
{
    static const char text[] = "\xef\xbb\xbf"
                               "ab\xef\xbb\xbf"
                               "ba";
    static const int of_characters[] = {0, 1, 2, 1, 0};
    static const int of_bytes[] = {'a', 'b', 0xef, 0xbb, 0xbf, 'b', 'a'};
    Error error = {0};
    int ids[7];
    file_write("marked.txt", text, sizeof text - 1);
    Tokenizer *tokenizers[] = {chars_of("marked.txt"), tokenizer_bytes()};
    for (int i = 0; i < 2; i++) {
        size_t n = i == 0 ? 5 : 7;
        Dataset *dataset = dataset_open("marked.txt", tokenizers[i], NULL, NULL, NULL, &error);
        ck_assert_msg(dataset != NULL, "%s", error.message);
        ck_assert_uint_eq(dataset->n_tokens, n);
        dataset_ids(dataset, 0, n, ids);
        ck_assert_mem_eq(ids, i == 0 ? of_characters : of_bytes, n * sizeof *ids);
        dataset_free(dataset);
        tokenizer_free(tokenizers[i]);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What can't be data

// A limit on file sizes simulates a full disk. Earlier files are unchanged.
START_TEST(a_full_disk_is_reported)
{
    size_t n;
    Tokenizer *tokenizer = tokenizer_bytes();
    file_write("letters.txt", letters, sizeof letters - 1);
    dataset_free(opened("letters.txt", tokenizer, "."));
    free(long_file("long.txt", &n));
    files_limit(1 << 20);
    assert_not_opened("long.txt", tokenizer, ".", "./data.bin: can't be written: File too large");
    assert_not_opened("long.txt", tokenizer, NULL, "a temporary file: can't be written: File too large");
    files_limit(SIZE_MAX);
    assert_reopened(tokenizer, NULL);
    tokenizer_free(tokenizer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data sets");
    TCase *tests = case_create(suite, "data sets");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_test(tests, a_tenth_is_for_validation);
    tcase_add_loop_test(tests, random_rows_come_from_everywhere_in_a_split, 0, SPLIT_COUNT);
    tcase_add_test(tests, the_same_random_numbers_give_the_same_rows);
    tcase_add_loop_test(tests, evaluation_rows_lie_evenly, 0, SPLIT_COUNT);
    tcase_add_test(tests, a_text_of_one_row_is_enough);
    tcase_add_test(tests, stories_are_the_data_where_none_is_named);
    tcase_add_test(tests, progress_is_reported);
    tcase_add_test(tests, tokens_are_kept);
    tcase_add_test(tests, another_text_or_tokenizer_is_noticed);
    tcase_add_test(tests, a_damaged_file_is_written_again);
    tcase_add_test(tests, an_id_beyond_the_vocabulary_is_refused);
    tcase_add_test(tests, a_byte_order_mark_is_left_out);
    tcase_add_test(tests, a_full_disk_is_reported);
    return suite_run(suite);
}
