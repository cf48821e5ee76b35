// test_parser.c: texts that are not sentences are refused, word by word and letter by letter; grammars are printed as they are written.

#include "tests/gpt/stories/stories_test.h"

#include <stdlib.h>
#include <unistd.h>

static bool is_well_formed(const char *sentence)
{
    StoryCount count = count_of(sentence);
    return count.sentences == 1 && count.well_formed == 1;
}

// ------------------------------------------------------------------------------------------------------------
// What is not

static const Pair pairs[] = {
    // he, she, it
    {"Anna made a crown with her mother.", "Anna made a crown with his mother."},
    {"Tom made a crown with his mother.", "Tom made a crown with her mother."},
    {"The fox made a crown with its mother.", "The fox made a crown with her mother."},
    {"Only her sister knew about it.", "Only she sister knew about it."},
    {"Then Zoe went to Tom.", "Then Zoe went to Zoe."},
    {"Paul ran as fast as he could.", "Paul ran as fast as she could."},
    {"Mia closed her eyes.", "Mia closed its eyes."},
    // a, an
    {"Once there was an owl.", "Once there was a owl."},
    {"Once there was a fox.", "Once there was an fox."},
    {"Ben had an old red kite.", "Ben had a old red kite."},
    {"Ben had an orange kite.", "Ben had a orange kite."},
    {"Zoe had an apple for lunch.", "Zoe had a apple for lunch."},
    // subject and verb
    {"They were both very glad.", "They was both very glad."},
    {"Anna was very glad.", "Anna were very glad."},
    {"\"I am sorry,\" said Max.", "\"I is sorry,\" said Max."},
    {"\"You are very kind,\" said Max.", "\"You is very kind,\" said Max."},
    // the tense
    {"Then they went home.", "Then they go home."},
    {"At last Paul swam very well.", "At last Paul swim very well."},
    {"\"I can not swim,\" said Paul.", "\"I can not swam,\" said Paul."},
    // two are two
    {"Soon Mia danced better than Tom.", "Soon Mia danced better than Mia."},
    {"First Mia danced, and then Tom.", "First Mia danced, and then Mia."},
    // quotes, marks, capitals
    {"\"Is that for me?\" asked the bear.", "\"Is that for me?\" asked the bear"},
    {"\"Is that for me?\" asked the bear.", "\"Is that for me\" asked the bear."},
    {"\"Is that for me?\" asked the bear.", "Is that for me?\" asked the bear."},
    {"\"Is that for me?\" asked the bear.", "\"is that for me?\" asked the bear."},
    {"\"Thank you so much,\" said Anna.", "\"Thank you so much\" said Anna."},
    {"The ant was afraid.", "the ant was afraid."},
    {"The ant was afraid.", "The ant was afraid!"},
    {"The ant was afraid.", "Ant was afraid."},
    {"The ant was afraid.", "The Ant was afraid."},
    {"Anna was afraid.", "anna was afraid."},
    // words
    {"Zoe was very upset.", "Zoe was very upsett."},
    {"Zoe was very upset.", "Zoe was very  upset."},
    {"Zoe was very upset.", "Zoe was very upset ."},
    {"Zoe was very upset.", "Zoe was upset very."},
    {"Zoe was very upset.", "Zoe very upset."},
    {"Zoe was very upset.", "Zoe was very very upset."},
    {"Zoe was very upset.", "Zoe was very upset.."},
    {"Zoe was very upset.", "Zoe was very\nupset."},
    {"Zoe was very upset.", "Zoey was very upset."},
};

START_TEST(right_and_wrong)
{
    ck_assert_msg(is_well_formed(pairs[_i].right), "refused: %s", pairs[_i].right);
    ck_assert_msg(!is_well_formed(pairs[_i].wrong), "accepted: %s", pairs[_i].wrong);
}
END_TEST

enum { LONGEST = 256, MOST_WORDS = 40 };

// A sentence in words.
typedef struct Words {
    char text[LONGEST];
    char *word[MOST_WORDS];
    int n;
} Words;

static void cut_words(Words *words, const char *sentence, size_t n)
{
    ck_assert_uint_lt(n, LONGEST);
    memcpy(words->text, sentence, n);
    words->text[n] = '\0';
    words->n = 0;
    for (char *word = strtok(words->text, " "); word != NULL; word = strtok(NULL, " ")) {
        ck_assert_int_lt(words->n, MOST_WORDS);
        words->word[words->n] = word;
        words->n++;
    }
}

// The words of these numbers, as a sentence.
static const char *join_words(const Words *words, const int *order, int n, char text[2 * LONGEST])
{
    text[0] = '\0';
    for (int i = 0; i < n; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, words->word[order[i]]);
    }
    return text;
}

// A word of those without which a sentence may still be one: "Anna had a red hat."
static bool can_be_left_out(const char *word)
{
    static const char *const optional[] = {"so", "red", "blue", "green", "orange", "old", "new", "big", "small"};
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
        if (strcmp(word, optional[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void assert_refused(const Words *words, const int *order, int n, const char *what)
{
    char text[2 * LONGEST];
    join_words(words, order, n, text);
    ck_assert_msg(!is_well_formed(text), "%s: accepted: %s", what, text);
}

// Every pair of neighbors swapped, every word doubled, every word left out.
static void check_mutations(const char *sentence, size_t n, int *n_checks)
{
    Words words;
    cut_words(&words, sentence, n);
    for (int at = 0; at < words.n; at++) {
        int order[MOST_WORDS + 1];
        for (int i = 0; i < words.n; i++) {
            order[i] = i;
        }
        if (at + 1 < words.n) {
            order[at] = at + 1;
            order[at + 1] = at;
            assert_refused(&words, order, words.n, "two words swapped");
        }
        for (int i = 0; i <= words.n; i++) {
            order[i] = i <= at ? i : i - 1;
        }
        assert_refused(&words, order, words.n + 1, "a word doubled");
        for (int i = 0; i < words.n - 1; i++) {
            order[i] = i < at ? i : i + 1;
        }
        if (!can_be_left_out(words.word[at])) {
            assert_refused(&words, order, words.n - 1, "a word left out");
        }
        (*n_checks)++;
    }
}

static void split_into_sentences(const char *sentence, size_t n, void *context)
{
    check_mutations(sentence, n, context);
}

START_TEST(no_word_can_be_moved)
{
    int n_checks = 0;
    char *text = stories_text(7, 60000);
    for (char *at = text; *at != '\0'; at++) { // a story is a line or two, and no sentence is of the grammar without its
        *at = *at == '\n' ? ' ' : *at;         // own end: what is cut there is a sentence
    }
    size_t start = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        bool mark = strchr(".!?", text[i]) != NULL;
        size_t end = mark && text[i + 1] == '"' ? i + 2 : i + 1;
        if (mark && !(text[end] == ' ' && text[end + 1] >= 'a' && text[end + 1] <= 'z')) {
            split_into_sentences(text + start, end - start, &n_checks);
            start = end + strspn(text + end, " ");
        }
    }
    ck_assert_int_gt(n_checks, 8000);
    free(text);
}
END_TEST

START_TEST(no_letter_can_be_wrong)
{
    enum { SENTENCES = 200 };
    char *text = stories_text(8, 20000);
    char *sentence = strtok(text, "\n");
    int n = 0;
    while (sentence != NULL) {
        StoryCount right = count_of(sentence);
        for (char *at = sentence; *at != '\0'; at++) {
            char letter = *at;
            *at = 'q'; // which no word has
            StoryCount wrong = count_of(sentence);
            ck_assert_msg(wrong.well_formed < right.well_formed, "accepted: %s", sentence);
            *at = letter;
        }
        sentence = strtok(NULL, "\n");
        n++;
    }
    ck_assert_int_gt(n, SENTENCES / 2);
    free(text);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Grammars as they are written down

static const GrammarText words[] = {
    {"one", "name/his|Anna/her|Tom/his"},
    {"thing", "name|apple|boat"},
    {NULL, NULL},
};
static const GrammarText roles[] = {{"hero", "one"}, {"friend", "one"}, {NULL, NULL}};

static const char *told_by(const GrammarText *rules, uint64_t seed, char text[200])
{
    Stories own = {.grammar = grammar_create(words, roles, rules)};
    Random random = seeded(seed);
    char *story = stories_tell(&own, &random);
    strcpy(text, story);
    free(story);
    grammar_free(&own.grammar);
    return text;
}

START_TEST(roles_stay_and_are_different)
{
    const GrammarText rules[] = {{"story", "{hero} {hero.his} {friend} {friend.his} {Hero}"}, {NULL, NULL}};
    int first = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        char text[200];
        told_by(rules, seed, text);
        bool anna = strcmp(text, "Anna her Tom his Anna") == 0;
        ck_assert_msg(anna || strcmp(text, "Tom his Anna her Tom") == 0, "told: %s", text);
        first += anna;
    }
    ck_assert(first > 20 && first < 80);
}
END_TEST

START_TEST(words_get_articles_and_capitals)
{
    const GrammarText rules[] = {{"story", "<Thing> <Thing.a> <thing.a> <more>"}, {"more", "|<thing> <more>"}, {NULL, NULL}};
    Stories own = {.grammar = grammar_create(words, roles, rules)};
    ck_assert_int_eq(own.grammar.n_rules, 2);
    grammar_free(&own.grammar);
    for (uint64_t seed = 0; seed < 50; seed++) {
        char text[200];
        told_by(rules, seed, text);
        ck_assert_msg(strncmp(text, "Apple A", 7) == 0 || strncmp(text, "Boat A", 6) == 0, "told: %s", text);
        ck_assert_msg(strstr(text, " an apple ") != NULL || strstr(text, " a boat ") != NULL, "told: %s", text);
    }
}
END_TEST

static const struct {
    const char *rule, *expected;
} mistakes[] = {
    {"{villain} smiled.", "rule story: unknown name villain"},  {"<animal> smiled.", "rule story: unknown name animal"},
    {"{hero.hat} smiled.", "rule story: hero has no form hat"}, {"<thing.his> smiled.", "rule story: thing has no form his"},
    {"{hero smiled.", "rule story: missing closing bracket"},
};

static const char *expected_mistake;

enum { MISTAKE_TOLD = 7 };

// Leaves from where it was made, so that what is half read is not lost.
static void leave_if_expected(FailKind kind, const char *message)
{
    (void)kind;
    ck_assert_msg(strncmp(message, expected_mistake, strlen(expected_mistake)) == 0, "told: %s", message);
    _exit(MISTAKE_TOLD);
}

START_TEST(mistakes_in_a_grammar_are_reported)
{
    const GrammarText rules[] = {{"story", mistakes[_i].rule}, {NULL, NULL}};
    expected_mistake = mistakes[_i].expected;
    fail_set_handler(leave_if_expected);
    grammar_create(words, roles, rules);
    ck_abort_msg("not taken for a mistake: %s", mistakes[_i].rule);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parser");
    TCase *tests = case_create(suite, "stories");
    tcase_add_checked_fixture(tests, prepare, finish);
    tcase_add_loop_test(tests, right_and_wrong, 0, sizeof pairs / sizeof pairs[0]);
    tcase_add_test(tests, no_word_can_be_moved);
    tcase_add_test(tests, no_letter_can_be_wrong);
    tcase_add_test(tests, roles_stay_and_are_different);
    tcase_add_test(tests, words_get_articles_and_capitals);
    tcase_add_loop_exit_test(tests, mistakes_in_a_grammar_are_reported, MISTAKE_TOLD, 0, sizeof mistakes / sizeof mistakes[0]);
    return suite_run(suite);
}
