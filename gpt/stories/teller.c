// teller.c: tells stories: picks a random alternative of each rule and a random row for each word.

#include "gpt/stories/grammar.h"

#include <stdlib.h>
#include <string.h>

// A story in progress.
typedef struct Telling {
    const Grammar *grammar;
    Random *random;
    Roles roles;
    char *text; // n bytes so far
    size_t n, capacity;
} Telling;

// Uniform in 0 ... n - 1.
static int choose(Random *random, int n)
{
    return (int)((uint64_t)random_bits(random) * (uint64_t)n >> 32);
}

static void write_text(Telling *telling, const char *text, size_t n)
{
    if (telling->n + n + 1 > telling->capacity) {
        telling->capacity = 2 * (telling->n + n + 1);
        char *larger = memory_allocate(telling->capacity, "a story");
        memcpy(larger, telling->text, telling->n);
        free(telling->text);
        telling->text = larger;
    }
    memcpy(telling->text + telling->n, text, n);
    telling->n += n;
    telling->text[telling->n] = '\0';
}

static void write_word(Telling *telling, const Item *item, int row)
{
    const char *word = grammar_word(telling->grammar, item, row);
    size_t start = telling->n;
    write_text(telling, word, strlen(word));
    telling->text[start] = item->capital ? capital_letter(word[0]) : word[0];
}

// The row of a variable, chosen on first use.
static int cast(Telling *telling, int variable)
{
    const Grammar *grammar = telling->grammar;
    int *row = &telling->roles.row[variable];
    int n_rows = grammar->tables[grammar->variable_table[variable]].n_rows;
    while (*row < 0) {
        int chosen = choose(telling->random, n_rows);
        *row = role_is_free(grammar, &telling->roles, variable, chosen) ? chosen : -1;
    }
    return *row;
}

static void tell(Telling *telling, int rule_index)
{
    const Rule *rule = &telling->grammar->rules[rule_index];
    const Alternative *alternative = &rule->alternatives[choose(telling->random, rule->n)];
    for (int i = 0; i < alternative->n; i++) {
        const Item *item = &alternative->items[i];
        switch (item->kind) {
        case ITEM_TEXT: write_text(telling, item->text, item->n); break;
        case ITEM_RULE: tell(telling, item->index); break;
        case ITEM_WORD: write_word(telling, item, choose(telling->random, telling->grammar->tables[item->index].n_rows)); break;
        case ITEM_VARIABLE: write_word(telling, item, cast(telling, item->index)); break;
        }
    }
}

Stories *stories_create(void)
{
    Stories *stories = memory_allocate(sizeof *stories, "the stories");
    stories->grammar = grammar_create(story_tables, story_variables, story_rules);
    return stories;
}

void stories_free(Stories *stories)
{
    if (stories != NULL) {
        grammar_free(&stories->grammar);
        free(stories);
    }
}

char *stories_tell(const Stories *stories, Random *random)
{
    REQUIRE(stories);
    REQUIRE(random);
    enum { USUAL = 1000 };
    Telling telling = {.grammar = &stories->grammar, .random = random, .roles = roles_none(), .capacity = USUAL};
    telling.text = memory_allocate(telling.capacity, "a story");
    telling.text[0] = '\0';
    tell(&telling, 0);
    return telling.text;
}

char *stories_text(uint64_t seed, size_t bytes)
{
    Random random;
    random_seed(&random, seed);
    char *text = memory_allocate(bytes < SIZE_MAX ? bytes + 1 : bytes, "the stories"); // first, so that a refusal leaves nothing behind
    Stories *stories = stories_create();
    size_t n = 0;
    bool room = true;
    while (room) {
        char *story = stories_tell(stories, &random);
        size_t length = strlen(story);
        room = n + length <= bytes;
        if (room) {
            memcpy(text + n, story, length);
            n += length;
        }
        free(story);
    }
    text[n] = '\0';
    stories_free(stories);
    return text;
}
