// pre_tokenizer.c: GPT-2's split of text into words, numbers, signs and spaces, which no merge crosses, and the added tokens before that.
//
// The pattern as published:
//
//      's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
//      "I'll pay  5 €"  -->  "I"  "'ll"  " pay"  " "  " 5"  " €"
//
// It was written for text of whole characters. Bytes that are not UTF-8 are cut out first: a run of them is a piece, and the
// text on either side is split separately. So every byte is in exactly one piece, and nothing is lost.
//
// A text too long for memory comes in parts, and its pieces are those of the whole. Every class in the pattern takes as many
// characters as there are, so a match that ends before the part does has seen what ended it: the next character, and for "'l"
// the one after. Pieces too close to the end of a part for that wait for the next part.

#include "gpt/text/encoding.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>
#include <string.h>

static const char pattern[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" UNICODE_SPACE "\\p{L}\\p{N}]+|[" UNICODE_SPACE
                              "]+(?![^" UNICODE_SPACE "])|[" UNICODE_SPACE "]+";

static bool pcre_error(Error *error, int number)
{
    PCRE2_UCHAR text[128];
    pcre2_get_error_message(number, text, sizeof text);
    return error_set(error, "text can't be split: PCRE2: %s", (const char *)text);
}

Pattern *pattern_compile(const char *text, size_t n, uint32_t options, uint32_t jit, Error *error)
{
    int number;
    PCRE2_SIZE offset;
    Pattern *compiled = pcre2_compile((PCRE2_SPTR)text, n, options, &number, &offset, NULL);
    if (compiled == NULL) {
        pcre_error(error, number);
        return NULL;
    }
    pcre2_jit_compile(compiled, jit); // where that can't be, matching is slower and the same
    return compiled;
}

Pattern *pre_tokenizer_create(Error *error)
{
    return pattern_compile(pattern, sizeof pattern - 1, PCRE2_UTF | PCRE2_ANCHORED, PCRE2_JIT_COMPLETE, error);
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

// How much of a text has been split, and where to stop.
typedef struct Splitting {
    const Pattern *split;
    pcre2_match_data *match;
    const char *text;
    size_t at;      // all before it is in pieces
    size_t certain; // a piece that ends after it may be longer, together with the rest of the text
    PreTokenPiece *on_piece;
    void *context;
} Splitting;

// Gives the piece that ends there, unless that is not certain.
static bool give_piece(Splitting *splitting, size_t end)
{
    if (end > splitting->certain) {
        return false;
    }
    splitting->on_piece(splitting->text + splitting->at, end - splitting->at, splitting->context);
    splitting->at = end;
    return true;
}

// Splits whole characters, up to end. Every character is of one of the pattern's classes, so each match begins where the last
// one ended. False if it stopped before: with an error, or a piece that is not certain.
static bool split_characters(Splitting *splitting, size_t end, bool *failed, Error *error)
{
    size_t from = splitting->at;
    PCRE2_SPTR run = (PCRE2_SPTR)splitting->text + from;
    bool going = true;
    while (going && splitting->at < end) {
        int count = pcre2_match(splitting->split, run, end - from, splitting->at - from, PCRE2_NO_UTF_CHECK, splitting->match, NULL);
        *failed = count < 0;
        going = count < 0 ? pcre_error(error, count) : give_piece(splitting, from + pcre2_get_ovector_pointer(splitting->match)[1]);
    }
    return going;
}

bool pre_tokenizer_split(const Pattern *split, const char *text, size_t n, bool ends, PreTokenPiece *on_piece, void *context, size_t *n_split,
                         Error *error)
{
    enum { LOOK_AHEAD = 16 }; // bytes: a match's end depends on at most three characters after it
    Splitting splitting = {.split = split, .match = pcre2_match_data_create(1, NULL), .text = text, .on_piece = on_piece, .context = context};
    if (splitting.match == NULL) {
        return error_set(error, "cannot split text: out of memory");
    }
    splitting.certain = ends ? n : n < LOOK_AHEAD ? 0 : n - LOOK_AHEAD;
    bool failed = false;
    bool going = true;
    while (going && splitting.at < n) {
        size_t whole = run_length(text + splitting.at, n - splitting.at, true);
        going = split_characters(&splitting, splitting.at + whole, &failed, error);
        size_t broken = going ? run_length(text + splitting.at, n - splitting.at, false) : 0;
        going = going && (broken == 0 || give_piece(&splitting, splitting.at + broken));
    }
    *n_split = splitting.at;
    pcre2_match_data_free(splitting.match);
    return !failed;
}

// ------------------------------------------------------------------------------------------------------------
// Where the added tokens are in a text: the leftmost, and of those that begin there the longest. They are one pattern, longest first. lstrip
// and rstrip make a token take the white space on that side, too. Those that are not normalized are found first, as in transformers: in another
// token, none of them may begin. (?2) stands for all of them:
//
//      (?|[space]*(<\|mask\|>)|((?!(?2))g(?!(?2))p(?!(?2))t))(?(DEFINE)((?!)|[space]*(<\|mask\|>)))

static int longest_first(const void *a, const void *b)
{
    size_t x = strlen((*(const AddedToken *const *)a)->content);
    size_t y = strlen((*(const AddedToken *const *)b)->content);
    return (x < y) - (x > y);
}

// Each character as \x{...}, so that none has a meaning of its own.
static void write_alternative(const AddedToken *token, FILE *pattern)
{
    const char *guard = token->normalized ? "(?!(?2))" : "";
    size_t n = strlen(token->content);
    size_t at = 0;
    fprintf(pattern, "|(?:%s[" UNICODE_SPACE "])%s(", guard, token->lstrip ? "*" : "{0}");
    while (at < n) {
        int code = 0;
        at += (size_t)utf8_read(token->content + at, n - at, &code);
        fprintf(pattern, "%s\\x{%x}", guard, (unsigned)code);
    }
    fprintf(pattern, ")(?:%s[" UNICODE_SPACE "])%s", guard, token->rstrip ? "*" : "{0}");
}

static void write_pattern(const AddedTokens *added, FILE *pattern)
{
    AUTO_FREE const AddedToken **order = memory_allocate((size_t)added->n * sizeof *order, "the added tokens");
    for (int i = 0; i < added->n; i++) {
        order[i] = &added->list[i];
    }
    qsort(order, (size_t)added->n, sizeof *order, longest_first);
    fputs("(?", pattern);
    for (int i = 0; i < added->n; i++) {
        write_alternative(order[i], pattern);
    }
    fputs(")(?(DEFINE)((?!)", pattern);
    for (int i = 0; i < added->n; i++) {
        if (!order[i]->normalized) {
            write_alternative(order[i], pattern);
        }
    }
    fputs("))", pattern);
}

bool added_tokens_compile(AddedTokens *added, Error *error)
{
    if (added->n == 0) {
        return true;
    }
    Writer *writer = writer_begin();
    write_pattern(added, writer->stream);
    AUTO_FREE char *text = writer_end(writer);
    added->code = pattern_compile(text, strlen(text), PCRE2_MATCH_INVALID_UTF, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD, error);
    return added->code != NULL;
}

AddedToken *added_token_find(const AddedTokens *added, const char *content, size_t n)
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
    AddedMatch found = {.start = n, .end = n};
    if (added->code == NULL) {
        return found;
    }
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(added->code, NULL);
    if (match == NULL) {
        fail_memory(0, "a match");
    }
    int count = pcre2_match(added->code, (PCRE2_SPTR)text, n, from, ends ? 0 : PCRE2_PARTIAL_HARD, match, NULL);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(match);
    if (count == PCRE2_ERROR_PARTIAL) {
        found = (AddedMatch){.start = at[0], .end = n};
    } else if (count >= 0) {
        found = (AddedMatch){.start = at[0], .end = at[1], .token = added_token_find(added, text + at[2], at[3] - at[2])};
    }
    pcre2_match_data_free(match);
    return found;
}
