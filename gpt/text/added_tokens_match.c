// added_tokens_match.c: where the added tokens are in a text: the leftmost, and of those that begin there the longest.
//
// They are one pattern, longest first. lstrip and rstrip make a token take the white space on that side, too:
//
//      (?|[space]*(<\|mask\|>)|(gptapes)|(gptape))

#include "gpt/text/encoding.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>
#include <string.h>

static int longest_first(const void *a, const void *b)
{
    size_t x = strlen((*(const AddedToken *const *)a)->content);
    size_t y = strlen((*(const AddedToken *const *)b)->content);
    return (x < y) - (x > y);
}

// Each character as \x{...}, so that none has a meaning of its own.
static void write_literal(const char *content, FILE *pattern)
{
    size_t n = strlen(content);
    size_t at = 0;
    while (at < n) {
        int code = 0;
        at += (size_t)utf8_read(content + at, n - at, &code);
        fprintf(pattern, "\\x{%x}", (unsigned)code);
    }
}

static void write_pattern(const AddedTokens *added, FILE *pattern)
{
    const AddedToken **order = memory_allocate((size_t)added->n * sizeof *order, "the added tokens");
    for (int i = 0; i < added->n; i++) {
        order[i] = &added->list[i];
    }
    qsort(order, (size_t)added->n, sizeof *order, longest_first);
    fputs("(?", pattern);
    for (int i = 0; i < added->n; i++) {
        fputs(order[i]->lstrip ? "|[" UNICODE_SPACE "]*(" : "|(", pattern);
        write_literal(order[i]->content, pattern);
        fputs(order[i]->rstrip ? ")[" UNICODE_SPACE "]*" : ")", pattern);
    }
    fputs(")", pattern);
    free(order);
}

bool added_tokens_compile(AddedTokens *added, Error *error)
{
    if (added->n == 0) {
        return true;
    }
    char *pattern = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&pattern, &n);
    if (stream == NULL) {
        fail_memory(0, "the added tokens");
    }
    write_pattern(added, stream);
    if (fclose(stream) != 0) {
        fail_memory(n, "the added tokens");
    }
    int number;
    PCRE2_SIZE offset;
    added->code = pcre2_compile((PCRE2_SPTR)pattern, n, PCRE2_MATCH_INVALID_UTF, &number, &offset, NULL);
    free(pattern);
    if (added->code == NULL) {
        PCRE2_UCHAR text[128];
        pcre2_get_error_message(number, text, sizeof text);
        return error_set(error, "%d added tokens: PCRE2: %s", added->n, (const char *)text);
    }
    pcre2_jit_compile(added->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD); // where this is impossible, matching is slower and the same
    return true;
}

static const AddedToken *token_of(const AddedTokens *added, const char *content, size_t n)
{
    for (int i = 0; i < added->n; i++) {
        if (strlen(added->list[i].content) == n && memcmp(added->list[i].content, content, n) == 0) {
            return &added->list[i];
        }
    }
    return NULL;
}

bool added_token_is_found(const AddedTokens *added, const AddedToken *token)
{
    return added->special || !token->special;
}

AddedMatch added_tokens_match(const AddedTokens *added, const char *text, size_t n, size_t from, bool ends)
{
    AddedMatch none = {.start = n, .end = n};
    if (added->code == NULL) {
        return none;
    }
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(added->code, NULL);
    if (match == NULL) {
        fail_memory(0, "a match");
    }
    int count = pcre2_match(added->code, (PCRE2_SPTR)text, n, from, ends ? 0 : PCRE2_PARTIAL_HARD, match, NULL);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(match);
    AddedMatch found = none;
    if (count == PCRE2_ERROR_PARTIAL) {
        found = (AddedMatch){.start = at[0], .end = n};
    } else if (count >= 0) {
        found = (AddedMatch){.start = at[0], .end = at[1], .token = token_of(added, text + at[2], at[3] - at[2])};
    }
    pcre2_match_data_free(match);
    return found;
}
