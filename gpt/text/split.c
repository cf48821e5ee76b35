// split.c: GPT-2's split of text into words, numbers, signs and spaces, which no merge crosses.
//
// The pattern as published:
//
//      's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
//      "I'll pay  5 €"  -->  "I"  "'ll"  " pay"  " "  " 5"  " €"
//
// It was written for text of whole characters. Bytes that are no UTF-8 are cut out first: a run of them is a piece, and the
// text on either side is split as if it stood alone. So every byte is in exactly one piece, and nothing is lost.

#include "gpt/text/text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>

// What the pattern calls \s is Unicode's white space, spelled out: PCRE2's own \s has U+180E in it, which no longer is.
#define SPACE "\\p{Z}\\x{09}-\\x{0d}\\x{85}"

static const char pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" SPACE "\\p{L}\\p{N}]+|[" SPACE "]+(?![^" SPACE "])|[" SPACE "]+";

struct Split {
    pcre2_code *code;
};

static bool pcre_error(Error *error, int number)
{
    PCRE2_UCHAR text[128];
    pcre2_get_error_message(number, text, sizeof text);
    return error_set(error, "text can't be split: PCRE2: %s", (const char *)text);
}

Split *split_create(Error *error)
{
    int number;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_ANCHORED, &number, &offset,
                                     NULL);
    if (code == NULL) {
        pcre_error(error, number);
        return NULL;
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);   // where that can't be, matching is slower and the same
    Split *split = memory_allocate(sizeof *split, "a pattern");
    split->code = code;
    return split;
}

void split_free(Split *split)
{
    if (split != NULL) {
        pcre2_code_free(split->code);
        free(split);
    }
}

// How many bytes from the start of text are whole characters, or are not, as utf8 says.
static size_t run_length(const char *text, size_t n, bool utf8)
{
    size_t at = 0;
    int code;
    while (at < n) {
        int length = utf8_read(text + at, n - at, &code);
        if ((length > 0) != utf8) {
            return at;
        }
        at += length > 0 ? (size_t)length : 1;
    }
    return n;
}

// Splits whole characters. Every character is of one of the pattern's classes, so each match begins where the last one ended.
static bool split_characters(const Split *split, pcre2_match_data *match, const char *text, size_t n, SplitPiece *on_piece,
                             void *context, Error *error)
{
    size_t at = 0;
    while (at < n) {
        int count = pcre2_match(split->code, (PCRE2_SPTR)text, n, at, PCRE2_NO_UTF_CHECK, match, NULL);
        if (count < 0) {
            return pcre_error(error, count);
        }
        size_t end = pcre2_get_ovector_pointer(match)[1];
        on_piece(text + at, end - at, context);
        at = end;
    }
    return true;
}

bool split_text(const Split *split, const char *text, size_t n, SplitPiece *on_piece, void *context, Error *error)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    if (match == NULL) {
        return error_set(error, "text can't be split: there is no memory");
    }
    bool done = true;
    size_t at = 0;
    while (done && at < n) {
        size_t whole = run_length(text + at, n - at, true);
        done = split_characters(split, match, text + at, whole, on_piece, context, error);
        at += whole;
        size_t broken = run_length(text + at, n - at, false);
        if (done && broken > 0) {
            on_piece(text + at, broken, context);
        }
        at += broken;
    }
    pcre2_match_data_free(match);
    return done;
}
