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

// Unicode's White_Space as a PCRE2 class. PCRE2's own \\s has U+180E in it, which no longer is white space.
#define UNICODE_SPACE "\\p{Z}\\x{09}-\\x{0d}\\x{85}"

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
// Where the added tokens of a level are in a text: the leftmost, and of those that begin there the longest. They are one pattern, longest
// first, with each byte as \x.., so that none has a meaning of its own.

static int longest_first(const void *a, const void *b)
{
    size_t x = strlen((*(const AddedToken *const *)a)->content);
    size_t y = strlen((*(const AddedToken *const *)b)->content);
    return (x < y) - (x > y);
}

static void write_token(const AddedToken *token, const char *separator, FILE *pattern)
{
    fputs(separator, pattern);
    for (const char *byte = token->content; *byte != '\0'; byte++) {
        fprintf(pattern, "\\x%02x", (unsigned char)*byte);
    }
}

// Returns whether the level has tokens.
static bool write_pattern(const AddedTokens *added, int level, FILE *pattern)
{
    AUTO_FREE const AddedToken **order = memory_allocate((size_t)added->n * sizeof *order, "the added tokens");
    int n = 0;
    for (int i = 0; i < added->n; i++) {
        if (added->list[i].normalized == (level == 1)) {
            order[n] = &added->list[i];
            n++;
        }
    }
    qsort(order, (size_t)n, sizeof *order, longest_first);
    for (int i = 0; i < n; i++) {
        write_token(order[i], i == 0 ? "" : "|", pattern);
    }
    return n > 0;
}

bool added_tokens_compile(AddedTokens *added, Error *error)
{
    enum { CHARACTER = 4 }; // bytes: the white space after a token ends with the character after it
    for (int level = 0; level < ADDED_LEVELS; level++) {
        Writer *writer = writer_begin();
        bool any = added->n > 0 && write_pattern(added, level, writer->stream);
        AUTO_FREE char *text = writer_end(writer);
        added->code[level] = any ? pattern_compile(text, strlen(text), 0, PCRE2_JIT_COMPLETE, error) : NULL;
        if (any && added->code[level] == NULL) {
            return false;
        }
    }
    for (int i = 0; i < added->n; i++) {
        size_t n = strlen(added->list[i].content) + CHARACTER;
        added->longest = n > added->longest ? n : added->longest;
    }
    return true;
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

// Unicode's White_Space, the characters of UNICODE_SPACE.
static bool is_space(int code)
{
    return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a)
        || code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

// The end of the white space that begins at from.
static size_t space_end(TextPart part, size_t from)
{
    int code = 0;
    int length = utf8_read(part.text + from, part.n - from, &code);
    while (length > 0 && is_space(code)) {
        from += (size_t)length;
        length = utf8_read(part.text + from, part.n - from, &code);
    }
    return from;
}

// The start, not before at, of the white space that ends at end.
static size_t space_start(TextPart part, size_t at, size_t end)
{
    size_t start = end;
    bool space = true;
    while (space && start > at) {
        size_t from = start - 1;
        int code = 0;
        while (from > at && ((unsigned char)part.text[from] & 0xc0) == 0x80) {
            from--;
        }
        space = utf8_read(part.text + from, part.n - from, &code) > 0 && is_space(code);
        start = space ? from : start;
    }
    return start;
}

// Finds a token's text, *start to *end; NULL if there is none.
static const AddedToken *find_content(const AddedTokens *added, int level, TextPart part, size_t from, size_t *start, size_t *end)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    if (match == NULL) {
        fail_memory(0, "a match");
    }
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(match);
    bool found = pcre2_match(added->code[level], (PCRE2_SPTR)part.text, part.n, from, 0, match, NULL) > 0;
    *start = found ? at[0] : part.n;
    *end = found ? at[1] : part.n;
    pcre2_match_data_free(match);
    return found ? added_token_find(added, part.text + *start, *end - *start) : NULL;
}

AddedMatch added_tokens_match(const AddedTokens *added, int level, TextPart part, size_t at, size_t from)
{
    AddedMatch match = {.start = part.n, .end = part.n, .next = part.n};
    if (added->code[level] == NULL) {
        return match;
    }
    match.token = find_content(added, level, part, from, &match.start, &match.next);
    bool strips_right = match.token != NULL && match.token->rstrip;
    match.end = strips_right ? space_end(part, match.next) : match.next;
    size_t certain = part.ends ? part.n : part.n - (part.n < added->longest ? part.n : added->longest);
    bool too_late = (strips_right ? match.end : match.start) > certain; // what follows the part may change the match
    if (too_late) {
        match = (AddedMatch){.start = match.start < certain ? match.start : certain};
    }
    if (too_late || (match.token != NULL && match.token->lstrip)) {
        match.start = match.start > at ? space_start(part, at, match.start) : at;
    }
    return match;
}
