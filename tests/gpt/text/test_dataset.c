// test_dataset.c: texts of any length as token ids, the file that keeps them, the two splits, and batches. Each test runs in an
// empty folder of its own.

#include "gpt/base/base.h"
#include "gpt/stories/stories.h"
#include "gpt/text/encoding.h"
#include "tests/support/folder.h"
#include "tests/support/mistake.h"
#include "tests/support/suite.h"
#include "tests/support/vocabulary.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// Texts, tokenizers, data sets

static Tokenizer *small_gpt2(void)
{
    Error error = {0};
    vocabulary_write();
    Tokenizer *tokenizer = tokenizer_gpt2(".", &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    return tokenizer;
}

static Tokenizer *chars_of(const char *path)
{
    Error error = {0};
    Tokenizer *tokenizer = tokenizer_chars_of(path, &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    return tokenizer;
}

static Dataset *opened(const char *path, const Tokenizer *tokenizer, const char *folder)
{
    Error error = {0};
    Dataset *dataset = dataset_open(path, tokenizer, folder, NULL, NULL, &error);
    ck_assert_msg(dataset != NULL, "%s", error.message);
    return dataset;
}

static int token_at(const Dataset *dataset, size_t i)
{
    int id;
    dataset_ids(dataset, i, 1, &id);
    return id;
}

// The data set has the ids that the text gives when it is encoded as a whole.
static void assert_tokens_of(const Dataset *dataset, const Tokenizer *tokenizer, const char *text, size_t n)
{
    Error error = {0};
    int *ids;
    size_t n_ids;
    ck_assert_msg(tokenizer_encode(tokenizer, text, n, &ids, &n_ids, &error), "%s", error.message);
    ck_assert_uint_eq(dataset->n_tokens, n_ids);
    int *kept = malloc((n_ids + 1) * sizeof *kept);
    dataset_ids(dataset, 0, n_ids, kept);
    for (size_t i = 0; i < n_ids; i++) {
        ck_assert_msg(kept[i] == ids[i], "id %zu is %d, not %d", i, kept[i], ids[i]);
    }
    free(kept);
    free(ids);
}

// ------------------------------------------------------------------------------------------------------------
// Parts and the whole

// Characters at which GPT-2's pattern is hard to cut: several spaces, lines, contractions, and spaces of more than one byte.
static const char *const hard[] = {" ",      " ",      "\n",         "\t",   "'",    "s",     "l",      "v",      "e",      "t",      "1",
                                   "2",      "!",      "-",          "h",    "ell",  "o",     "\u00e9", "\u4e2d", "\u00a0", "\u3000", "\u2003",
                                   "\u0301", "\u0664", "\U0001f600", "\r\n", "    ", "hello", "'ll",    "'re",    "\u2028"};

enum { HARD_COUNT = sizeof hard / sizeof hard[0] };

static size_t hard_text(Random *random, char *text, size_t most)
{
    size_t n = 0;
    text[0] = '\0';
    while (n + 8 < most) {
        const char *next = hard[random_bits(random) % HARD_COUNT];
        int times = random_bits(random) % 8 == 0 ? 1 + (int)(random_bits(random) % 20) : 1;
        for (int i = 0; i < times && n + 8 < most; i++) {
            strcpy(text + n, next);
            n += strlen(next);
        }
    }
    return n;
}

// The end of the longest part from `at` on that is not longer than most, and of whole characters.
static size_t part_end(const char *text, size_t n, size_t at, size_t most)
{
    size_t end = at + most < n ? at + most : n;
    while (end < n && (text[end] & 0xc0) == 0x80) {
        end--;
    }
    return end;
}

// Encodes a text in parts of at most that many bytes, longer where nothing in them is certain. The caller frees the ids.
static int *encode_in_parts(const Tokenizer *tokenizer, const char *text, size_t n, size_t most, size_t *n_ids)
{
    Error error = {0};
    int *ids = malloc((n + 1) * sizeof *ids);
    size_t at = 0;
    size_t longer = most;
    *n_ids = 0;
    while (at < n) {
        size_t end = part_end(text, n, at, longer);
        size_t n_part;
        size_t n_encoded;
        TextPart part = {.text = text + at, .n = end - at, .offset = at, .ends = end == n};
        ck_assert_msg(tokenizer_encode_part(tokenizer, part, ids + *n_ids, &n_part, &n_encoded, NULL, &error), "%s", error.message);
        ck_assert(n_encoded <= part.n && (!part.ends || n_encoded == part.n));
        *n_ids += n_part;
        at += n_encoded;
        longer = n_encoded == 0 ? 2 * longer : most;
    }
    return ids;
}

static void assert_parts_are_the_whole(const Tokenizer *tokenizer, const char *text, size_t n, size_t most)
{
    Error error = {0};
    int *whole;
    size_t n_whole;
    size_t n_parts;
    ck_assert_msg(tokenizer_encode(tokenizer, text, n, &whole, &n_whole, &error), "%s", error.message);
    int *parts = encode_in_parts(tokenizer, text, n, most, &n_parts);
    ck_assert_msg(n_parts == n_whole && memcmp(parts, whole, n_whole * sizeof *whole) == 0,
                  "parts of %zu bytes: other ids than of the whole: \"%s\"", most, text);
    free(parts);
    free(whole);
}

START_TEST(parts_give_the_ids_of_the_whole)
{
    enum { TEXTS = 300, BYTES = 400 };
    char text[BYTES];
    Tokenizer *tokenizer = small_gpt2();
    Random random = seeded(5);
    for (int i = 0; i < TEXTS; i++) {
        size_t n = hard_text(&random, text, BYTES);
        for (size_t most = 4; most < 80; most += 1 + most / 8) {
            assert_parts_are_the_whole(tokenizer, text, n, most);
        }
    }
    tokenizer_free(tokenizer);
}
END_TEST

// Where a part ends within what follows, one by one.
START_TEST(parts_end_anywhere)
{
    static const char *const texts[] = {
        "hello hello'll hello're 've 's't",
        "                                        hello",
        "hello\n\n\n\n   \n \n hello \n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "''''''''''''''''''''''''s",
        "!'s!'s!''ll",
        "\u00a0\u00a0hello\u00a0 \u3000\u3000 \u00e9\u00e9 \u4e2d\u4e2d\u4e2d\u4e2d\u3002\u4e2d\u4e2d",
    };
    Tokenizer *tokenizer = small_gpt2();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t most = 4; most <= strlen(texts[i]); most++) {
            assert_parts_are_the_whole(tokenizer, texts[i], strlen(texts[i]), most);
        }
    }
    tokenizer_free(tokenizer);
}
END_TEST

enum { LONG_BYTES = 3000000 };

// A text of several of the reader's parts, in a file; n bytes. The caller frees it.
static char *long_file(const char *path, size_t *n)
{
    Random random;
    char *text = malloc(LONG_BYTES);
    random_seed(&random, 6);
    *n = hard_text(&random, text, LONG_BYTES);
    file_write(path, text, *n);
    return text;
}

START_TEST(a_long_file_is_read_as_the_whole)
{
    size_t n;
    char *text = long_file("long.txt", &n);
    Tokenizer *tokenizers[] = {small_gpt2(), tokenizer_bytes(), chars_of("long.txt")};
    Dataset *dataset = opened("long.txt", tokenizers[_i], NULL);
    assert_tokens_of(dataset, tokenizers[_i], text, n);
    ck_assert_str_eq(dataset->name, "long.txt");
    dataset_free(dataset);
    for (int i = 0; i < 3; i++) {
        tokenizer_free(tokenizers[i]);
    }
    free(text);
}
END_TEST

// Characters of two, three and four bytes lie across every border between parts, wherever it is.
START_TEST(characters_lie_across_parts)
{
    static const char *const characters[] = {"\u00e9", "\u4e2d", "\U0001f600"};
    size_t length = strlen(characters[_i]);
    size_t n = 0;
    char *text = malloc(LONG_BYTES);
    while (n + 8 < LONG_BYTES) {
        strcpy(text + n, characters[_i]);
        n += length;
        n += n % 999 < length ? (size_t)sprintf(text + n, " ") : 0;
    }
    file_write("characters.txt", text, n);
    Tokenizer *tokenizers[] = {small_gpt2(), chars_of("characters.txt")};
    for (int i = 0; i < 2; i++) {
        Dataset *dataset = opened("characters.txt", tokenizers[i], NULL);
        assert_tokens_of(dataset, tokenizers[i], text, n);
        dataset_free(dataset);
        tokenizer_free(tokenizers[i]);
    }
    free(text);
}
END_TEST

// A word longer than a part makes the part longer.
START_TEST(a_long_word_is_one_piece)
{
    size_t n = LONG_BYTES;
    char *text = malloc(n);
    memset(text, 'a', n);
    memcpy(text + n - 6, " hello", 6);
    file_write("word.txt", text, n);
    Tokenizer *tokenizer = small_gpt2();
    Dataset *dataset = opened("word.txt", tokenizer, NULL);
    assert_tokens_of(dataset, tokenizer, text, n);
    dataset_free(dataset);
    tokenizer_free(tokenizer);
    free(text);
}
END_TEST

START_TEST(an_alphabet_is_of_the_whole_file)
{
    size_t n;
    Error error = {0};
    char *text = long_file("long.txt", &n);
    strcpy(text + n, "\u2603"); // only at the end: there is room
    n += strlen("\u2603");
    file_write("long.txt", text, n);
    Tokenizer *streamed = chars_of("long.txt");
    Tokenizer *whole = tokenizer_chars(text, n, &error);
    ck_assert_uint_eq(tokenizer_fingerprint(streamed), tokenizer_fingerprint(whole));
    ck_assert_int_eq(tokenizer_vocab_size(streamed), tokenizer_vocab_size(whole));
    tokenizer_free(streamed);
    tokenizer_free(whole);
    free(text);
}
END_TEST

// Ids of more than 65,535 need four bytes.
START_TEST(many_characters_have_wide_ids)
{
    enum { FIRST = 0x10000, COUNT = 70000 };
    char *text = malloc(4 * COUNT);
    size_t n = 0;
    for (int code = FIRST; code < FIRST + COUNT; code++) {
        n += (size_t)utf8_write(code, text + n);
    }
    file_write("wide.txt", text, n);
    Tokenizer *tokenizer = chars_of("wide.txt");
    Dataset *dataset = opened("wide.txt", tokenizer, ".");
    ck_assert_int_eq(dataset->id_bytes, 4);
    assert_tokens_of(dataset, tokenizer, text, n);
    dataset_free(dataset);
    dataset = opened("wide.txt", tokenizer, ".");
    ck_assert(dataset->reused);
    ck_assert_int_eq(token_at(dataset, COUNT - 1), COUNT - 1);
    dataset_free(dataset);
    tokenizer_free(tokenizer);
    free(text);
}
END_TEST

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

static const char letters[] = "To be, or not to be, that is the question: Whether 'tis nobler in the mind to suffer\n";

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
        assert_reopened(tokenizer, i < 64 ? "not a token file" : "is cut off");
        free(damaged);
    }
    char *longer = malloc(n + 1);
    memcpy(longer, sound, n);
    longer[n] = 'x';
    file_write("data.bin", longer, n + 1);
    assert_reopened(tokenizer, "is cut off, or has data after its end");
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

static void assert_not_opened(const char *path, const Tokenizer *tokenizer, const char *folder, const char *expected)
{
    Error error = {0};
    Dataset *dataset = dataset_open(path, tokenizer, folder, NULL, NULL, &error);
    ck_assert_msg(dataset == NULL, "it was opened, and not told: %s", expected);
    ck_assert_msg(strstr(error.message, expected) != NULL, "\"%s\" is not in: %s", expected, error.message);
    ck_assert_msg(strchr(error.message, '\n') == NULL, "more than a line: %s", error.message);
}

typedef struct NoText {
    const char *text;
    size_t n;
    const char *expected;
} NoText;

static const NoText no_texts[] = {
    {"", 0, "text: is empty"},
    {"\xef\xbb\xbf", 3, "text: is empty"},
    {"\xef\xbb\xbf"
     "a\xff",
     5, "text: is not UTF-8 text: byte 0xff at 4"},
    {"ab\xff"
     "c",
     4, "text: is not UTF-8 text: byte 0xff at 2"},
    {"ab\0c", 4, "text: is not UTF-8 text: byte 0x00 at 2"},
    {"\u00e9\xc3", 3, "text: is not UTF-8 text: byte 0xc3 at 2"},
    {"\xed\xa0\x80", 3, "text: is not UTF-8 text: byte 0xed at 0"},
};

START_TEST(what_is_not_text_is_refused)
{
    const NoText *no_text = &no_texts[_i];
    Error error = {0};
    Tokenizer *tokenizers[] = {tokenizer_bytes(), small_gpt2()};
    file_write("text", no_text->text, no_text->n);
    for (int i = 0; i < 2; i++) {
        assert_not_opened("text", tokenizers[i], ".", no_text->expected);
        assert_not_opened("text", tokenizers[i], NULL, no_text->expected);
        tokenizer_free(tokenizers[i]);
    }
    ck_assert_int_ne(access("data.bin", F_OK), 0);
    ck_assert_ptr_null(tokenizer_chars_of("text", &error));
    ck_assert_msg(strstr(error.message, no_text->expected) != NULL, "%s", error.message);
}
END_TEST

START_TEST(what_is_not_a_file_is_refused)
{
    Tokenizer *tokenizer = tokenizer_bytes();
    ck_assert_int_eq(mkdir("folder", 0777), 0);
    assert_not_opened("missing.txt", tokenizer, ".", "missing.txt: can't be read: No such file or directory");
    assert_not_opened("folder", tokenizer, ".", "folder: is a folder (expected a file)");
    assert_not_opened("/dev/zero", tokenizer, ".", "/dev/zero: is a device, a pipe or a socket (expected a file)");
    file_write("letters.txt", letters, sizeof letters - 1);
    assert_not_opened("letters.txt", tokenizer, "nowhere", "nowhere/data.bin: can't be written: No such file or directory");
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(a_fault_after_the_first_part_is_reported_with_its_position)
{
    size_t n;
    char *text = long_file("long.txt", &n);
    Tokenizer *alphabet = chars_of("long.txt");
    size_t at = part_end(text, n, 0, 2500000);
    text[at] = '\x80';
    char expected[200];
    file_write("long.txt", text, n);
    snprintf(expected, sizeof expected, "long.txt: is not UTF-8 text: byte 0x80 at %zu", at);
    assert_not_opened("long.txt", alphabet, NULL, expected);
    text[at] = 'Z';
    while ((text[at + 1] & 0xc0) == 0x80) { // what is left of the character that Z is written over
        at++;
        text[at] = 'Z';
    }
    file_write("long.txt", text, n);
    at = (size_t)(strchr(text, 'Z') - text);
    snprintf(expected, sizeof expected, "long.txt: the text's character 'Z' after %zu bytes is not in the alphabet of %d", at,
             tokenizer_vocab_size(alphabet));
    assert_not_opened("long.txt", alphabet, NULL, expected);
    tokenizer_free(alphabet);
    free(text);
}
END_TEST

START_TEST(a_word_of_many_megabytes_is_refused)
{
    size_t n = 17000000;
    char *text = malloc(n);
    memset(text, 'a', n);
    file_write("word.txt", text, n);
    Tokenizer *tokenizer = small_gpt2();
    assert_not_opened("word.txt", tokenizer, NULL, "word.txt: has no place to cut it within 16 MiB after byte 0; is it text?");
    tokenizer_free(tokenizer);
    free(text);
}
END_TEST

// A limit on file sizes simulates a full disk. Earlier files are unchanged.
START_TEST(a_full_disk_is_reported)
{
    size_t n;
    Tokenizer *tokenizer = tokenizer_bytes();
    file_write("letters.txt", letters, sizeof letters - 1);
    dataset_free(opened("letters.txt", tokenizer, "."));
    free(long_file("long.txt", &n));
    struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_not_opened("long.txt", tokenizer, ".", "./data.bin: can't be written: File too large");
    assert_not_opened("long.txt", tokenizer, NULL, "a temporary file: can't be written: File too large");
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_reopened(tokenizer, NULL);
    tokenizer_free(tokenizer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data sets");
    TCase *tests = case_create(suite, "data sets");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_test(tests, parts_give_the_ids_of_the_whole);
    tcase_add_test(tests, parts_end_anywhere);
    tcase_add_loop_test(tests, a_long_file_is_read_as_the_whole, 0, 3);
    tcase_add_loop_test(tests, characters_lie_across_parts, 0, 3);
    tcase_add_test(tests, a_long_word_is_one_piece);
    tcase_add_test(tests, an_alphabet_is_of_the_whole_file);
    tcase_add_test(tests, many_characters_have_wide_ids);
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
    tcase_add_loop_test(tests, what_is_not_text_is_refused, 0, sizeof no_texts / sizeof no_texts[0]);
    tcase_add_test(tests, what_is_not_a_file_is_refused);
    tcase_add_test(tests, a_fault_after_the_first_part_is_reported_with_its_position);
    tcase_add_test(tests, a_word_of_many_megabytes_is_refused);
    tcase_add_test(tests, a_full_disk_is_reported);
    return suite_run(suite);
}
