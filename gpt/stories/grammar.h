// grammar.h: internal to gpt/stories/: the form in which a grammar is written down, and what it is made into.
//
//      table       one         name/he/him/his     "Anna/she/her/her|the fox/it/it/its|..."         words that go together
//      variable    hero        one                                                                  a row of it, for a whole story
//      rule        Loses       "{Hero} lost {hero.his} {thing}.|Then <who> began to cry."           alternatives
//
// In a rule {hero} is the first form of the row that hero stands for, {hero.his} another one, {Hero} the first with a capital.
// The first of them that comes chooses the row, and it stays chosen to the end of the story; no two variables stand for one row.
// <who> is another rule, <colour> and <colour.a> a word of any row of a table. The form a is always there: "a fox", "an owl". A rule
// whose name has a capital is a sentence.

#ifndef GPTAPE_GRAMMAR_H
#define GPTAPE_GRAMMAR_H

#include "gpt/stories/stories.h"

typedef struct TableText {
    const char *name;
    const char *forms;                             // their names, with / between
    const char *rows;                              // with | between, of forms with / between
} TableText;

typedef struct VariableText {
    const char *name;
    const char *table;
} VariableText;

typedef struct RuleText {
    const char *name;
    const char *alternatives;                      // with | between
} RuleText;

// The stories' (story.c). Each list ends with a name that is NULL.
extern const TableText story_tables[];
extern const VariableText story_variables[];
extern const RuleText story_rules[];

// ------------------------------------------------------------------------------------------------------------
// What they are made into

typedef struct WordTable {
    const char *name;
    int n_rows, n_forms;
    char **words;                                  // (n_rows, n_forms)
} WordTable;

typedef enum ItemKind { ITEM_TEXT, ITEM_RULE, ITEM_WORD, ITEM_VARIABLE } ItemKind;

typedef struct Item {
    ItemKind kind;
    const char *text;                              // of ITEM_TEXT: n bytes
    size_t n;
    int index;                                     // of the rule, table or variable
    int form;
    bool capital;
} Item;

typedef struct Alternative {
    Item *items;
    int n;
} Alternative;

typedef struct Rule {
    const char *name;
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
    Rule *rules;                                   // the first one is a whole story
    int n_rules;
} Grammar;

struct Stories {
    Grammar grammar;
};

Grammar grammar_create(const TableText *tables, const VariableText *variables, const RuleText *rules);
void grammar_free(Grammar *grammar);

// Which row each variable stands for; -1: none so far.
typedef struct Roles {
    int row[MOST_VARIABLES];
} Roles;

Roles roles_none(void);
bool role_is_free(const Grammar *grammar, const Roles *roles, int variable, int row);  // does no other variable stand for it?
const char *grammar_word(const Grammar *grammar, const Item *item, int row);           // of a table, before it gets its capital
char capital_letter(char letter);

#endif
