// grammar.h: internal to gpt/stories/: how a grammar is written, and what it is parsed into.
//
//      table       one         "name/he/him/his|Anna/she/her/her|the fox/it/it/its|..."     forms, then rows of words, one word for each form
//      variable    hero        "one"                                                        stands for one row during a whole story
//      rule        Loses       "{Hero} lost {hero.his} {thing}.|Then <who> began to cry."   alternatives
//
// In a rule, {hero} is the first form of hero's row, {hero.his} another form, and {Hero} the first form with a capital. The first use of a
// variable chooses its row for the whole story; no two variables have the same row. <who> is another rule; <color> and <color.a> are a word of
// any row of a table. Every table has the form a: "a fox", "an owl". A rule whose name starts with a capital is a sentence.

#ifndef GPTAPE_GRAMMAR_H
#define GPTAPE_GRAMMAR_H

#include "gpt/stories/stories.h"

typedef struct GrammarText {
    const char *name;
    const char *text;
} GrammarText;

// The grammar of the stories (story.c). Each list ends with a NULL name.
extern const GrammarText story_tables[];
extern const GrammarText story_variables[];
extern const GrammarText story_rules[];

// ------------------------------------------------------------------------------------------------------------
// What they are parsed into

typedef struct WordTable {
    int n_rows, n_forms;
    char **words; // (1 + n_rows, n_forms): first the names of the forms
} WordTable;

typedef enum ItemKind { ITEM_TEXT, ITEM_RULE, ITEM_WORD, ITEM_VARIABLE } ItemKind;

typedef struct Item {
    ItemKind kind;
    const char *text; // of ITEM_TEXT: n bytes
    size_t n;
    int index; // of the rule, table or variable
    int form;
    bool capital;
} Item;

typedef struct Alternative {
    Item *items;
    int n, capacity;
} Alternative;

typedef struct Rule {
    bool sentence;
    Alternative *alternatives;
    int n;
} Rule;

enum { MOST_VARIABLES = 16 };

typedef struct Grammar {
    WordTable *tables;
    int n_tables;
    int variable_table[MOST_VARIABLES];
    int n_variables;
    Rule *rules; // the first is a whole story
    int n_rules;
} Grammar;

struct Stories {
    Grammar grammar;
};

Grammar grammar_create(const GrammarText *tables, const GrammarText *variables, const GrammarText *rules);
void grammar_free(Grammar *grammar);

// The row of each variable; -1: not chosen yet.
typedef struct Roles {
    int row[MOST_VARIABLES];
} Roles;

Roles roles_none(void);
bool role_is_free(const Grammar *grammar, const Roles *roles, int variable, int row); // does no other variable have this row?
const char *grammar_word(const Grammar *grammar, const Item *item, int row);          // before its first letter is capitalized
char capital_letter(char letter);

#endif
