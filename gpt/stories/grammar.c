// grammar.c: parses a grammar (see grammar.h). An error in the grammar is a programming mistake and aborts.

#include "gpt/stories/grammar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Splitting text

static int count_parts(const char *text, char separator)
{
    int n = 1;
    for (const char *at = text; *at != '\0'; at++) {
        n += *at == separator;
    }
    return n;
}

// A copy of the text's next part, which the caller frees. *text moves past the separator, or to the end.
static char *next_part(const char **text, char separator)
{
    const char *end = strchr(*text, separator);
    size_t n = end != NULL ? (size_t)(end - *text) : strlen(*text);
    char *part = memory_allocate(n + 1, "a grammar");
    memcpy(part, *text, n);
    part[n] = '\0';
    *text += end != NULL ? n + 1 : n;
    return part;
}

// ------------------------------------------------------------------------------------------------------------
// Tables

// "a fox", "an owl": by the first letter, which is correct for the words of the stories (but not for "hour").
static char *with_article(const char *word)
{
    const char *article = strchr("aeiou", word[0]) != NULL ? "an" : "a";
    size_t bytes = strlen(word) + sizeof "an ";
    char *text = memory_allocate(bytes, "a grammar");
    snprintf(text, bytes, "%s %s", article, word);
    return text;
}

static WordTable read_table(const TableText *text)
{
    int n_written = count_parts(text->forms, '/');
    WordTable table = {.name = text->name, .n_rows = count_parts(text->rows, '|'), .n_forms = n_written + 1};
    table.words = memory_allocate((size_t)(table.n_rows * table.n_forms) * sizeof *table.words, "a grammar");
    const char *rows = text->rows;
    for (int row = 0; row < table.n_rows; row++) {
        char **words = table.words + row * table.n_forms;
        char *forms = next_part(&rows, '|');
        const char *rest = forms;
        if (count_parts(forms, '/') != n_written) {
            fail_mistake(HERE, "table %s: '%s' does not have the forms %s", text->name, forms, text->forms);
        }
        for (int form = 0; form < n_written; form++) {
            words[form] = next_part(&rest, '/');
        }
        words[n_written] = with_article(words[0]);
        free(forms);
    }
    return table;
}

static void read_tables(Grammar *grammar, const TableText *texts)
{
    while (texts[grammar->n_tables].name != NULL) {
        grammar->n_tables++;
    }
    grammar->tables = memory_allocate((size_t)grammar->n_tables * sizeof *grammar->tables, "a grammar");
    for (int i = 0; i < grammar->n_tables; i++) {
        grammar->tables[i] = read_table(&texts[i]);
    }
}

static int find_table(const Grammar *grammar, const char *name)
{
    int i = 0;
    while (i < grammar->n_tables && strcmp(grammar->tables[i].name, name) != 0) {
        i++;
    }
    return i < grammar->n_tables ? i : -1;
}

static void read_variables(Grammar *grammar, const VariableText *texts)
{
    for (int i = 0; texts[i].name != NULL; i++) {
        grammar->variable_table[i] = find_table(grammar, texts[i].table);
        grammar->n_variables++;
        if (grammar->variable_table[i] < 0 || grammar->n_variables > MOST_VARIABLES - 1) {
            fail_mistake(HERE, "variable %s: unknown table %s, or too many variables", texts[i].name, texts[i].table);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// Rules

// Where names in rules are looked up.
typedef struct Names {
    const Grammar *grammar;
    const TableText *tables;
    const VariableText *variables;
    const RuleText *rules;
    const char *rule; // the rule being parsed
} Names;

static int find_rule(const Names *names, const char *name)
{
    int i = 0;
    while (names->rules[i].name != NULL && strcmp(names->rules[i].name, name) != 0) {
        i++;
    }
    return names->rules[i].name != NULL ? i : -1;
}

static int find_variable(const Names *names, const char *name)
{
    int i = 0;
    while (names->variables[i].name != NULL && strcmp(names->variables[i].name, name) != 0) {
        i++;
    }
    return names->variables[i].name != NULL ? i : -1;
}

// The index of a table's form: 0 without a name, the last for a.
static int find_form(const Names *names, int table, const char *name)
{
    int n_written = names->grammar->tables[table].n_forms - 1;
    const char *forms = names->tables[table].forms;
    int found = name[0] == '\0' ? 0 : strcmp(name, "a") == 0 ? n_written : -1;
    for (int form = 0; form < n_written; form++) {
        char *written = next_part(&forms, '/');
        found = strcmp(written, name) == 0 ? form : found;
        free(written);
    }
    return found;
}

static bool is_capital(char letter)
{
    return letter >= 'A' && letter <= 'Z';
}

char capital_letter(char letter)
{
    return letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
}

// {variable.form} or <table.form>: name is the text between the brackets.
static Item read_word(const Names *names, bool variable, char *name)
{
    char *dot = strchr(name, '.');
    const char *form = dot != NULL ? dot + 1 : "";
    Item item = {.kind = variable ? ITEM_VARIABLE : ITEM_WORD, .capital = is_capital(name[0])};
    if (dot != NULL) {
        *dot = '\0';
    }
    name[0] = item.capital ? (char)(name[0] - 'A' + 'a') : name[0];
    item.index = variable ? find_variable(names, name) : find_table(names->grammar, name);
    if (item.index < 0) {
        fail_mistake(HERE, "rule %s: unknown name %s", names->rule, name);
    }
    item.form = find_form(names, variable ? names->grammar->variable_table[item.index] : item.index, form);
    if (item.form < 0) {
        fail_mistake(HERE, "rule %s: %s has no form %s", names->rule, name, form);
    }
    return item;
}

// The item at the start of text; *text moves past it.
static Item read_item(const Names *names, const char **text)
{
    char open = **text;
    if (open != '{' && open != '<') {
        Item item = {.kind = ITEM_TEXT, .text = *text, .n = strcspn(*text, "{<|")};
        *text += item.n;
        return item;
    }
    (*text)++;
    if (strchr(*text, open == '{' ? '}' : '>') == NULL) {
        fail_mistake(HERE, "rule %s: missing closing bracket", names->rule);
    }
    char *name = next_part(text, open == '{' ? '}' : '>');
    int rule = open == '<' ? find_rule(names, name) : -1;
    Item item = rule >= 0 ? (Item){.kind = ITEM_RULE, .index = rule} : read_word(names, open == '{', name);
    free(name);
    return item;
}

// The alternative at the start of text; *text moves to its end: a | or the end of the text.
static Alternative read_alternative(const Names *names, const char **text)
{
    enum { MOST_ITEMS = 64 };
    Alternative alternative = {.items = memory_allocate(MOST_ITEMS * sizeof(Item), "a grammar")};
    while (**text != '|' && **text != '\0') {
        if (alternative.n == MOST_ITEMS) {
            fail_mistake(HERE, "rule %s: has more than %d items", names->rule, MOST_ITEMS);
        }
        alternative.items[alternative.n] = read_item(names, text);
        alternative.n++;
    }
    return alternative;
}

static Rule read_rule(Names *names, const RuleText *text)
{
    Rule rule = {.name = text->name, .sentence = is_capital(text->name[0]), .n = count_parts(text->alternatives, '|')};
    rule.alternatives = memory_allocate((size_t)rule.n * sizeof *rule.alternatives, "a grammar");
    const char *rest = text->alternatives;
    names->rule = text->name;
    for (int i = 0; i < rule.n; i++) {
        rule.alternatives[i] = read_alternative(names, &rest);
        rest += *rest == '|';
    }
    return rule;
}

Grammar grammar_create(const TableText *tables, const VariableText *variables, const RuleText *rules)
{
    Grammar grammar = {0};
    read_tables(&grammar, tables);
    read_variables(&grammar, variables);
    Names names = {.grammar = &grammar, .tables = tables, .variables = variables, .rules = rules};
    while (rules[grammar.n_rules].name != NULL) {
        grammar.n_rules++;
    }
    grammar.rules = memory_allocate((size_t)grammar.n_rules * sizeof *grammar.rules, "a grammar");
    for (int i = 0; i < grammar.n_rules; i++) {
        grammar.rules[i] = read_rule(&names, &rules[i]);
    }
    return grammar;
}

void grammar_free(Grammar *grammar)
{
    for (int i = 0; i < grammar->n_tables; i++) {
        WordTable *table = &grammar->tables[i];
        for (int word = 0; word < table->n_rows * table->n_forms; word++) {
            free(table->words[word]);
        }
        free(table->words);
    }
    for (int i = 0; i < grammar->n_rules; i++) {
        for (int j = 0; j < grammar->rules[i].n; j++) {
            free(grammar->rules[i].alternatives[j].items);
        }
        free(grammar->rules[i].alternatives);
    }
    free(grammar->tables);
    free(grammar->rules);
    *grammar = (Grammar){0};
}

// ------------------------------------------------------------------------------------------------------------

Roles roles_none(void)
{
    Roles roles;
    for (int i = 0; i < MOST_VARIABLES; i++) {
        roles.row[i] = -1;
    }
    return roles;
}

bool role_is_free(const Grammar *grammar, const Roles *roles, int variable, int row)
{
    for (int other = 0; other < grammar->n_variables; other++) {
        bool same_table = grammar->variable_table[other] == grammar->variable_table[variable];
        if (other != variable && same_table && roles->row[other] == row) {
            return false;
        }
    }
    return true;
}

const char *grammar_word(const Grammar *grammar, const Item *item, int row)
{
    int table = item->kind == ITEM_VARIABLE ? grammar->variable_table[item->index] : item->index;
    return grammar->tables[table].words[row * grammar->tables[table].n_forms + item->form];
}
