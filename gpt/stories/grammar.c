// grammar.c: parses a grammar (see grammar.h). An error in the grammar is a programming mistake and aborts.

#include "gpt/base/base.h"
#include "gpt/stories/grammar.h"

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

static int count_list(const GrammarText *list)
{
    int n = 0;
    while (list[n].name != NULL) {
        n++;
    }
    return n;
}

// The index of a name in a list; -1 if it is missing.
static int find_name(const GrammarText *list, const char *name)
{
    int i = 0;
    while (list[i].name != NULL && strcmp(list[i].name, name) != 0) {
        i++;
    }
    return list[i].name != NULL ? i : -1;
}

// ------------------------------------------------------------------------------------------------------------
// Tables and variables

// "a fox", "an owl": by the first letter, which is correct for the words of the stories (but not for "hour").
static char *with_article(const char *word)
{
    return text_format("%s %s", strchr("aeiou", word[0]) != NULL ? "an" : "a", word);
}

static WordTable read_table(const GrammarText *text)
{
    const char *rest = text->text;
    AUTO_FREE char *header = next_part(&rest, '|');
    int n_written = count_parts(header, '/');
    WordTable table = {.n_rows = count_parts(rest, '|'), .n_forms = n_written + 1};
    table.words = memory_allocate((size_t)((1 + table.n_rows) * table.n_forms) * sizeof *table.words, "a grammar");
    rest = text->text;
    for (int row = 0; row <= table.n_rows; row++) {
        char **words = table.words + row * table.n_forms;
        AUTO_FREE char *forms = next_part(&rest, '|');
        const char *unread = forms;
        if (count_parts(forms, '/') != n_written) {
            fail_mistake(HERE, "table %s: '%s' does not have the forms %s", text->name, forms, header);
        }
        for (int form = 0; form < n_written; form++) {
            words[form] = next_part(&unread, '/');
        }
        words[n_written] = row == 0 ? memory_copy_text("a") : with_article(words[0]);
    }
    return table;
}

static void read_tables(Grammar *grammar, const GrammarText *texts)
{
    grammar->n_tables = count_list(texts);
    grammar->tables = memory_allocate((size_t)grammar->n_tables * sizeof *grammar->tables, "a grammar");
    for (int i = 0; i < grammar->n_tables; i++) {
        grammar->tables[i] = read_table(&texts[i]);
    }
}

static void read_variables(Grammar *grammar, const GrammarText *texts, const GrammarText *tables)
{
    grammar->n_variables = count_list(texts);
    for (int i = 0; i < grammar->n_variables; i++) {
        int table = find_name(tables, texts[i].text);
        if (table < 0 || i >= MOST_VARIABLES) {
            fail_mistake(HERE, "variable %s: unknown table %s, or too many variables", texts[i].name, texts[i].text);
        }
        grammar->variable_table[i] = table;
    }
}

// ------------------------------------------------------------------------------------------------------------
// Rules

// Where names in rules are looked up.
typedef struct Names {
    const Grammar *grammar;
    const GrammarText *tables, *variables, *rules;
    const char *rule; // the rule being parsed
} Names;

// The index of a table's form, 0 without a name; -1 if it is missing.
static int find_form(const WordTable *table, const char *name)
{
    int form = 0;
    while (name[0] != '\0' && form < table->n_forms && strcmp(table->words[form], name) != 0) {
        form++;
    }
    return form < table->n_forms ? form : -1;
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
    item.index = find_name(variable ? names->variables : names->tables, name);
    if (item.index < 0) {
        fail_mistake(HERE, "rule %s: unknown name %s", names->rule, name);
    }
    item.form = find_form(&names->grammar->tables[variable ? names->grammar->variable_table[item.index] : item.index], form);
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
    AUTO_FREE char *name = next_part(text, open == '{' ? '}' : '>');
    int rule = open == '<' ? find_name(names->rules, name) : -1;
    return rule >= 0 ? (Item){.kind = ITEM_RULE, .index = rule} : read_word(names, open == '{', name);
}

// The alternative at the start of text; *text moves to its end: a | or the end of the text.
static Alternative read_alternative(const Names *names, const char **text)
{
    Alternative alternative = {0};
    while (**text != '|' && **text != '\0') {
        *LIST_ADD(alternative.items, alternative.n, alternative.capacity, "a grammar") = read_item(names, text);
    }
    return alternative;
}

static Rule read_rule(Names *names, const GrammarText *text)
{
    Rule rule = {.sentence = is_capital(text->name[0]), .n = count_parts(text->text, '|')};
    rule.alternatives = memory_allocate((size_t)rule.n * sizeof *rule.alternatives, "a grammar");
    const char *rest = text->text;
    names->rule = text->name;
    for (int i = 0; i < rule.n; i++) {
        rule.alternatives[i] = read_alternative(names, &rest);
        rest += *rest == '|';
    }
    return rule;
}

Grammar grammar_create(const GrammarText *tables, const GrammarText *variables, const GrammarText *rules)
{
    Grammar grammar = {.n_rules = count_list(rules)};
    read_tables(&grammar, tables);
    read_variables(&grammar, variables, tables);
    Names names = {.grammar = &grammar, .tables = tables, .variables = variables, .rules = rules};
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
        for (int word = 0; word < (1 + table->n_rows) * table->n_forms; word++) {
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
    return grammar->tables[table].words[(1 + row) * grammar->tables[table].n_forms + item->form];
}
