// parser.c: parses stories by the grammar that tells them, and counts what is well-formed.
//
// A recursive descent with backtracking: each alternative of a rule is tried, item by item. What must follow the current item is a chain on the
// C stack, so backtracking is returning:
//
//      Loses = {Hero} lost {hero.his} {thing}.          text  Anna lost her ball.
//
//      {Hero}      Anna: hero now has her row                               rest   lost {hero.his} {thing}.
//      {hero.his}  her: the form of that row, and no other                   rest   {thing}.

#include "gpt/base/base.h"
#include "gpt/stories/grammar.h"

#include <string.h>

typedef struct Parsing {
    const Grammar *grammar;
    const char *text; // n bytes, all of which must match
    size_t n;
    Roles roles;
} Parsing;

// Items that must follow, then those of next.
typedef struct Rest {
    const Item *items;
    int n;
    const struct Rest *next;
} Rest;

static bool parse(Parsing *parsing, const Rest *rest, size_t at);

// Does the text have this word here, capitalized if required?
static bool has_word(const Parsing *parsing, size_t at, const char *word, bool capital, size_t *length)
{
    *length = strlen(word);
    if (*length > parsing->n - at) {
        return false;
    }
    const char *text = parsing->text + at;
    char first = capital ? capital_letter(word[0]) : word[0];
    return text[0] == first && memcmp(text + 1, word + 1, *length - 1) == 0;
}

static bool parse_word(Parsing *parsing, const Item *item, int row, const Rest *rest, size_t at)
{
    size_t length;
    return has_word(parsing, at, grammar_word(parsing->grammar, item, row), item->capital, &length) && parse(parsing, rest, at + length);
}

static bool parse_any_word(Parsing *parsing, const Item *item, const Rest *rest, size_t at)
{
    for (int row = 0; row < parsing->grammar->tables[item->index].n_rows; row++) {
        if (parse_word(parsing, item, row, rest, at)) {
            return true;
        }
    }
    return false;
}

static bool parse_variable(Parsing *parsing, const Item *item, const Rest *rest, size_t at)
{
    const Grammar *grammar = parsing->grammar;
    int *role = &parsing->roles.row[item->index];
    if (*role >= 0) {
        return parse_word(parsing, item, *role, rest, at);
    }
    for (int row = 0; row < grammar->tables[grammar->variable_table[item->index]].n_rows; row++) {
        *role = role_is_free(grammar, &parsing->roles, item->index, row) ? row : -1;
        if (*role >= 0 && parse_word(parsing, item, row, rest, at)) {
            return true;
        }
    }
    *role = -1;
    return false;
}

static bool parse_rule(Parsing *parsing, int index, const Rest *rest, size_t at)
{
    const Rule *rule = &parsing->grammar->rules[index];
    for (int i = 0; i < rule->n; i++) {
        Rest body = {.items = rule->alternatives[i].items, .n = rule->alternatives[i].n, .next = rest};
        if (parse(parsing, &body, at)) {
            return true;
        }
    }
    return false;
}

static bool parse(Parsing *parsing, const Rest *rest, size_t at)
{
    while (rest != NULL && rest->n == 0) {
        rest = rest->next;
    }
    if (rest == NULL) {
        return at == parsing->n;
    }
    const Item *item = &rest->items[0];
    Rest tail = {.items = rest->items + 1, .n = rest->n - 1, .next = rest->next};
    switch (item->kind) {
    case ITEM_TEXT:
        return item->n <= parsing->n - at && memcmp(parsing->text + at, item->text, item->n) == 0 && parse(parsing, &tail, at + item->n);
    case ITEM_RULE: return parse_rule(parsing, item->index, &tail, at);
    case ITEM_WORD: return parse_any_word(parsing, item, &tail, at);
    case ITEM_VARIABLE: return parse_variable(parsing, item, &tail, at);
    }
    return false;
}

static bool follows_rule(const Grammar *grammar, int rule, const char *text, size_t n)
{
    Parsing parsing = {.grammar = grammar, .text = text, .n = n, .roles = roles_none()};
    return parse_rule(&parsing, rule, NULL, 0);
}

static bool is_sentence(const Grammar *grammar, const char *text, size_t n)
{
    for (int i = 0; i < grammar->n_rules; i++) {
        if (grammar->rules[i].sentence && follows_rule(grammar, i, text, n)) {
            return true;
        }
    }
    return false;
}

// ------------------------------------------------------------------------------------------------------------
// Sentences and stories in a text

static bool is_end_mark(char letter)
{
    return letter == '.' || letter == '?' || letter == '!';
}

static bool is_space(char letter)
{
    return letter == ' ' || letter == '\n';
}

// The end of the sentence that begins at a place: after its mark and a closing quote, unless lowercase letters follow, as in
// "Can I help?" asked Anna; or before an empty line. 0 if the text ends first.
static size_t sentence_end(const char *text, size_t n, size_t at)
{
    for (size_t i = at; i < n; i++) {
        if (text[i] == '\n' && i + 1 < n && text[i + 1] == '\n') {
            return i;
        }
        if (is_end_mark(text[i])) {
            size_t end = i + 1 < n && text[i + 1] == '"' ? i + 2 : i + 1;
            bool goes_on = end + 1 < n && text[end] == ' ' && text[end + 1] >= 'a' && text[end + 1] <= 'z';
            if (!goes_on) {
                return end;
            }
            i = end;
        }
    }
    return 0;
}

static size_t skip_space(const char *text, size_t n, size_t at)
{
    while (at < n && is_space(text[at])) {
        at++;
    }
    return at;
}

static void count_sentences(const Grammar *grammar, const char *text, size_t n, StoryCount *count, StoryFault *on_fault, void *context)
{
    size_t at = skip_space(text, n, 0);
    size_t end = sentence_end(text, n, at);
    while (end > at) {
        bool parted = at == 0 || is_space(text[at - 1]);
        bool well_formed = parted && is_sentence(grammar, text + at, end - at);
        count->sentences++;
        count->well_formed += well_formed;
        if (!well_formed && on_fault != NULL) {
            on_fault(text + at, end - at, context);
        }
        at = skip_space(text, n, end);
        end = sentence_end(text, n, at);
    }
}

// The text after the last empty line is an incomplete story, or a complete one without the empty line at its end.
static void count_last(const Grammar *grammar, const char *text, size_t n, StoryCount *count)
{
    static const char empty_line[] = "\n\n";
    AUTO_FREE char *story = memory_allocate(n + sizeof empty_line, "a story");
    n -= n > 0 && text[n - 1] == '\n';
    memcpy(story, text, n);
    memcpy(story + n, empty_line, sizeof empty_line);
    bool whole = follows_rule(grammar, 0, story, n + sizeof empty_line - 1);
    count->stories += whole;
    count->whole += whole;
}

// Complete stories: an empty line ends one; further empty lines end nothing.
static void count_stories(const Grammar *grammar, const char *text, size_t n, StoryCount *count)
{
    size_t start = 0;
    for (size_t end = 0; end < n; end++) {
        if (text[end] == '\n' && start == end) {
            start++;
        } else if (text[end] == '\n' && text[end - 1] == '\n') {
            count->stories++;
            count->whole += follows_rule(grammar, 0, text + start, end + 1 - start);
            start = end + 1;
        }
    }
    count_last(grammar, text + start, n - start, count);
}

StoryCount stories_check(const Stories *stories, const char *text, size_t n, StoryFault *on_fault, void *context)
{
    REQUIRE(stories, text);
    StoryCount count = {0};
    count_sentences(&stories->grammar, text, n, &count, on_fault, context);
    count_stories(&stories->grammar, text, n, &count);
    return count;
}
