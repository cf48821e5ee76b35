// test_stories.c: stories, generated and counted: each sentence is well-formed, no two are alike, and one seed tells the same.

#include "tests/gpt/stories/stories_test.h"

#include <stdio.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------------------------------
// Generating

static void show_fault(const char *sentence, size_t n, void *context)
{
    (void)context;
    ck_abort_msg("told, but not accepted: %.*s", (int)n, sentence);
}

START_TEST(what_is_generated_is_accepted)
{
    enum { STORIES = 10000 };
    int sentences = 0;
    Random random = seeded((uint64_t)_i);
    for (int i = 0; i < STORIES; i++) {
        char *story = stories_tell(stories, &random);
        StoryCount count = stories_check(stories, story, strlen(story), show_fault, NULL);
        ck_assert_int_eq(count.sentences, count.well_formed);
        ck_assert_msg(count.stories == 1 && count.whole == 1, "told, but not accepted as a whole: %s", story);
        sentences += count.sentences;
        free(story);
    }
    ck_assert_int_gt(sentences, 10 * STORIES);
}
END_TEST

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

START_TEST(no_two_are_alike)
{
    enum { STORIES = 20000 };
    char **texts = malloc(STORIES * sizeof *texts);
    int alike = 0;
    Random random = seeded(3);
    for (int i = 0; i < STORIES; i++) {
        texts[i] = stories_tell(stories, &random);
    }
    qsort(texts, STORIES, sizeof *texts, compare_texts);
    for (int i = 1; i < STORIES; i++) {
        alike += strcmp(texts[i - 1], texts[i]) == 0;
    }
    ck_assert_int_eq(alike, 0); // of 10^8 stories, equally likely, two of these would be alike once or twice
    for (int i = 0; i < STORIES; i++) {
        free(texts[i]);
    }
    free(texts);
}
END_TEST

START_TEST(the_same_seed_tells_the_same)
{
    char *first = stories_text(4, 100000);
    char *again = stories_text(4, 100000);
    char *other = stories_text(5, 100000);
    ck_assert_str_eq(first, again);
    ck_assert_str_ne(first, other);
    ck_assert_uint_le(strlen(first), 100000);
    ck_assert_uint_gt(strlen(first), 99000);
    StoryCount count = count_of(first);
    ck_assert_int_gt(count.stories, 200);
    ck_assert_int_eq(count.whole, count.stories);
    free(first);
    free(again);
    free(other);
    char *none = stories_text(1, 10);
    ck_assert_str_eq(none, "");
    free(none);
}
END_TEST

// The beginning is fixed, so that a seed in a lecture's notes stays good, and so that all of this can't change unseen.
START_TEST(the_first_story)
{
    char *text = stories_text(STORIES_SEED, 600);
    ck_assert_ptr_nonnull(strstr(text, "\n\n"));
    strstr(text, "\n\n")[1] = '\0';
    ck_assert_str_eq(text, "Once there was an ant. Then there was a loud noise. It ran away and hid under the bed. The ant was afraid.\n"
                           "Then Nora came by. \"Why are you sad?\" asked Nora. \"There was a loud noise,\" said the ant. \"It was "
                           "only the wind,\" said Nora.\n"
                           "They waited under the bed. \"You are a good friend,\" said the ant. The ant was very happy. They played "
                           "until it was dark.\n");
    free(text);
}
END_TEST

// Whatever grammar, name or noun: the alphabet of the default text has all of it.
START_TEST(the_default_text_has_every_character)
{
    bool seen[256] = {false};
    char *text = stories_text(STORIES_SEED, STORIES_BYTES);
    for (const char *at = text; *at != '\0'; at++) {
        seen[(unsigned char)*at] = true;
    }
    free(text);
    text = stories_text(99, 10 * STORIES_BYTES);
    for (const char *at = text; *at != '\0'; at++) {
        ck_assert_msg(seen[(unsigned char)*at], "'%c' is not in the default text", *at);
    }
    free(text);
}
END_TEST

START_TEST(sentences_are_short)
{
    char *text = stories_text(6, 1000000);
    StoryCount count = count_of(text);
    ck_assert_int_lt((int)strlen(text) / count.sentences, 35);
    free(text);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Counting

typedef struct Counted {
    const char *text;
    int sentences, well_formed, stories, whole;
} Counted;

static const Counted counted[] = {
    {"", 0, 0, 0, 0},
    {"Anna", 0, 0, 0, 0},
    {"Anna was afraid", 0, 0, 0, 0},
    {"Anna was afraid.", 1, 1, 0, 0},
    {" \n Anna was afraid.\n", 1, 1, 0, 0},
    {"Anna was afraid. She was afraid. It wa", 2, 2, 0, 0},
    {"nna smiled. She was afraid.", 2, 1, 0, 0},
    {"Anna was afraid.She was afraid.", 2, 1, 0, 0},
    {"\"Is that for me?\" asked Anna.", 1, 1, 0, 0},
    {"\"Is that for me?\" Anna was afraid.", 2, 1, 0, 0},
    {"Anna was afraid.\n\n", 1, 1, 1, 0},
    {"Anna was afraid.\n\n\n\n\nTom was afraid.\n\n", 2, 2, 2, 0},
    {"Anna was afraid\n\nTom was afraid.\n\n", 2, 1, 2, 0},
    {"???", 3, 0, 0, 0},
    {"x.y.z", 2, 0, 0, 0},
    {"\n\n\n\n", 0, 0, 0, 0},
    {"\n\n\nAnna was afraid.\n\n\n", 1, 1, 1, 0},
};

START_TEST(sentences_are_counted)
{
    const Counted *expected = &counted[_i];
    StoryCount count = count_of(expected->text);
    ck_assert_int_eq(count.sentences, expected->sentences);
    ck_assert_int_eq(count.well_formed, expected->well_formed);
    ck_assert_int_eq(count.stories, expected->stories);
    ck_assert_int_eq(count.whole, expected->whole);
}
END_TEST

// A story in which each sentence is well-formed, and which is none.
static const Pair wholes[] = {
    {"Zoe had a bun for lunch. She sat down to eat.\n", "Zoe had a bun for lunch. He sat down to eat.\n"},
    {"Zoe had a bun for lunch. She sat down to eat.\n", "Zoe had a bun for lunch. She wanted to eat the egg.\n"},
    {"Then Paul came by. Paul was very hungry.", "Then Paul came by. Ben was very hungry."},
    {"\"I am so hungry,\" said Paul.", "\"I am so hungry,\" said Zoe."},
    {"Zoe gave Paul half of the bun.", "Paul gave Zoe half of the bun."},
    {"\"You are very kind,\" said Paul. Now Zoe was glad again. Then they went home.",
     "Now Zoe was glad again. \"You are very kind,\" said Paul. Then they went home."},
    {"Then they went home.\n\n", "\n\n"},
    {"Then they went home.\n\n", "Then they went home. Then they went home.\n\n"},
};

static const char whole[] =
    "Once there was a girl named Zoe. Zoe had a bun for lunch. She sat down to eat.\n"
    "Then Paul came by. Paul was very hungry. \"I am so hungry,\" said Paul. Zoe gave Paul half of the bun. They ate it together.\n"
    "\"You are very kind,\" said Paul. Now Zoe was glad again. Then they went home.\n\n";

START_TEST(a_whole_story_agrees_with_itself)
{
    char text[3 * sizeof whole];
    const char *place = strstr(whole, wholes[_i].right);
    ck_assert_ptr_nonnull(place);
    StoryCount right = count_of(whole);
    ck_assert_int_eq(right.well_formed, 11);
    ck_assert_int_eq(right.whole, 1);
    snprintf(text, sizeof text, "\n\n\n%s\n\n%s", whole, whole);
    ck_assert_int_eq(count_of(text).whole, 2);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(place - whole), whole, wholes[_i].wrong, place + strlen(wholes[_i].right));
    StoryCount wrong = count_of(text);
    ck_assert_int_eq(wrong.well_formed, wrong.sentences);
    ck_assert_int_eq(wrong.stories, 1);
    ck_assert_msg(wrong.whole == 0, "accepted: %s", text);
}
END_TEST

static void keep_fault(const char *sentence, size_t n, void *context)
{
    char *text = context;
    strncat(text, sentence, n);
    strcat(text, "|");
}

START_TEST(faults_are_shown)
{
    char faults[200] = "";
    const char *text = "Anna was afraid. Anna is afraid.  \"Who?\" she was. Tom was afraid. X";
    StoryCount count = stories_check(stories, text, strlen(text), keep_fault, faults);
    ck_assert_int_eq(count.sentences, 4);
    ck_assert_int_eq(count.well_formed, 2);
    ck_assert_str_eq(faults, "Anna is afraid.|\"Who?\" she was.|");
}
END_TEST

// Any bytes may come, including zeros and invalid UTF-8.
START_TEST(any_bytes_are_read)
{
    enum { BYTES = 20000 };
    char *text = malloc(BYTES);
    Random random = seeded(12);
    for (int i = 0; i < BYTES; i++) {
        text[i] = (char)random_bits(&random);
    }
    StoryCount count = stories_check(stories, text, BYTES, NULL, NULL);
    ck_assert_int_gt(count.sentences, 100);
    ck_assert_int_eq(count.well_formed, 0);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stories");
    TCase *tests = case_create(suite, "stories");
    tcase_add_checked_fixture(tests, prepare, finish);
    tcase_add_loop_test(tests, what_is_generated_is_accepted, 1, 2);
    tcase_add_test(tests, no_two_are_alike);
    tcase_add_test(tests, the_same_seed_tells_the_same);
    tcase_add_test(tests, the_first_story);
    tcase_add_test(tests, the_default_text_has_every_character);
    tcase_add_test(tests, sentences_are_short);
    tcase_add_loop_test(tests, sentences_are_counted, 0, sizeof counted / sizeof counted[0]);
    tcase_add_loop_test(tests, a_whole_story_agrees_with_itself, 0, sizeof wholes / sizeof wholes[0]);
    tcase_add_test(tests, faults_are_shown);
    tcase_add_test(tests, any_bytes_are_read);
    return suite_run(suite);
}
