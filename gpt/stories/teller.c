// teller.c: tells stories: picks a random alternative of each rule and a random row for each word.

#include "gpt/base/base.h"
#include "gpt/stories/grammar.h"

#include <stdlib.h>
#include <string.h>

// A story in progress.
typedef struct Telling {
    const Grammar *grammar;
    Random *random;
    Roles roles;
    FILE *text;
} Telling;

// Uniform in 0 ... n - 1.
static int choose(Random *random, int n)
{
    return (int)((uint64_t)random_bits(random) * (uint64_t)n >> 32);
}

static void write_word(const Telling *telling, const Item *item, int row)
{
    const char *word = grammar_word(telling->grammar, item, row);
    fputc(item->capital ? capital_letter(word[0]) : word[0], telling->text);
    fputs(word + 1, telling->text);
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
        case ITEM_TEXT: fwrite(item->text, 1, item->n, telling->text); break;
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
    REQUIRE(stories, random);
    Writer *writer = writer_begin();
    Telling telling = {.grammar = &stories->grammar, .random = random, .roles = roles_none(), .text = writer->stream};
    tell(&telling, 0);
    return writer_end(writer);
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
        AUTO_FREE char *story = stories_tell(stories, &random);
        size_t length = strlen(story);
        room = n + length <= bytes;
        if (room) {
            memcpy(text + n, story, length);
            n += length;
        }
    }
    text[n] = '\0';
    stories_free(stories);
    return text;
}
