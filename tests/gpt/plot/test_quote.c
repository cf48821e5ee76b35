// test_quote.c: quoting of text for other programs: every byte, invalid UTF-8, bidirectional controls, newlines and long texts reach
// gnuplot, CSV and JSON as text, gnuplot draws what is to be shown, and nothing in it is run.

#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include "gpt/base/base.h"
#include "gpt/plot/draw.h"

#include <cjson/cJSON.h>
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void Quote(FILE *out, const char *text);

static char *quoted(Quote *quote, const char *text)
{
    Writer *result = writer_begin();
    quote(result->stream, text);
    return writer_end(result);
}

// Texts that would be commands, markup or formats, and those that are hard to show.
static const char *const harmful[] = {
    "`touch RAN`",
    "$(touch RAN)",
    "'`touch RAN`'",
    "\"`touch RAN`\"",
    "\\`touch RAN\\`",
    "\"; system(\"touch RAN\"); \"",
    "'.system('touch RAN').'",
    "@ran",
    "$ran",
    "50%",
    "%s %n %d %%",
    "100 %h",
    "{/Bold x}_1^2@a&{b}~c{d}",
    "a_b",
    "\\",
    "\\\\n",
    "'",
    "\"",
    "# not a comment",
    "<b>bold</b> &amp; <",
    "\\0140touch RAN\\0140",
    "\\12",
    "a\\",
    "",
    "\xff\xfe",
    "\xc3",
    "a\xe2\x82",
    "\xf0\x9f\x98\x80 \xe2\x82\xac \xc3\xa4",
    "\xe2\x80\xae"
    "drow\xe2\x80\xac",
    "\xd8\x9c",
    "\xc2\x9b"
    "31m",
    "\x1b[31mred\x1b[0m",
    "two\nlines",
    "tab\there",
    "\r\n",
    "EOD\nsystem \"touch RAN\"\n",
    "!touch RAN",
    "\n!touch RAN",
};
enum { HARMFUL = sizeof harmful / sizeof harmful[0], LONG = 10000 };

// What is to be shown of text.
static char *shown(const char *text)
{
    Writer *result = writer_begin();
    quote_terminal(result->stream, text, strlen(text), false);
    return writer_end(result);
}

// ------------------------------------------------------------------------------------------------------------
// gnuplot

// The text between the tags of an SVG, with &, < and > for &amp; and so on.
static void svg_text(const char *svg, char *text)
{
    size_t n = 0;
    bool tag = false;
    for (const char *c = svg; *c != '\0'; c++) {
        if (*c == '<' || (tag && *c == '>')) {
            tag = *c == '<';
        } else if (!tag && strncmp(c, "&amp;", 5) == 0) {
            text[n++] = '&';
            c += 4;
        } else if (!tag && (strncmp(c, "&lt;", 4) == 0 || strncmp(c, "&gt;", 4) == 0)) {
            text[n++] = c[1] == 'l' ? '<' : '>';
            c += 3;
        } else if (!tag) {
            text[n++] = *c;
        }
    }
    text[n] = '\0';
}

// Draws n texts, each in a separate plot, as quote and use have it, and compares what the SVG shows with what is to be shown.
static void assert_drawn(Quote *quote, const char *use, const char *const *texts, int n)
{
    Writer *script = writer_begin();
    fprintf(script->stream, "ran = 'MACRO'\nset encoding utf8\nset terminal svg\nset xrange [0:1]\nset multiplot\n");
    for (int i = 0; i < n; i++) {
        char *string = quoted(quote, texts[i]);
        fprintf(script->stream, use, string);
        fprintf(script->stream, "\nplot 0 notitle\nunset label\n");
        free(string);
    }
    char *text = writer_end(script);
    char *svg;
    size_t n_svg;
    Error error;
    ck_assert_msg(gnuplot_run(text, &svg, &n_svg, &error), "%s", error.message);
    char *drawn = memory_allocate(n_svg + 1, "a text");
    svg_text(svg, drawn);
    const char *at = drawn;
    for (int i = 0; i < n; i++) {
        char *expected = shown(texts[i]);
        at = strstr(at, expected);
        ck_assert_msg(at != NULL, "text %d is not drawn as '%.200s'", i, expected);
        free(expected);
    }
    ck_assert_ptr_null(fopen("RAN", "r"));
    free(text);
    free(svg);
    free(drawn);
}

static const struct {
    Quote *quote;
    const char *use;
} gnuplots[] = {
    {quote_gnuplot, "set label %s at 0.5,0 noenhanced"},
    {quote_gnuplot, "set title %s noenhanced"},
    {quote_gnuplot_enhanced, "set label %s at 0.5,0 enhanced"},
    {quote_gnuplot_tic, "set xtics enhanced (%s 0.5)"},
};
enum { GNUPLOTS = sizeof gnuplots / sizeof gnuplots[0] };

START_TEST(gnuplot_draws_the_text_and_runs_nothing)
{
    assert_drawn(gnuplots[_i].quote, gnuplots[_i].use, harmful, HARMFUL);
}
END_TEST

// In 17 pieces of 15 bytes, each byte before a letter.
START_TEST(gnuplot_draws_every_byte)
{
    char pieces[17][31] = {""};
    const char *texts[17];
    for (int byte = 1; byte < 256; byte++) {
        char *piece = pieces[(byte - 1) / 15];
        size_t at = strlen(piece);
        piece[at] = (char)byte;
        piece[at + 1] = 'x';
        texts[(byte - 1) / 15] = piece;
    }
    assert_drawn(gnuplots[_i].quote, gnuplots[_i].use, texts, 17);
}
END_TEST

START_TEST(gnuplot_draws_long_texts)
{
    char *text = memory_allocate(LONG + 1, "a text");
    for (int i = 0; i < LONG; i++) {
        text[i] = "`touch RAN` \"'\\%@{}"[i % 19];
    }
    text[LONG] = '\0';
    assert_drawn(gnuplots[_i].quote, gnuplots[_i].use, (const char *const[]){text}, 1);
    free(text);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Files

// Valid texts come back from JSON as they are; of others, the bytes that are not UTF-8 as escapes. Nothing of it is hidden.
START_TEST(json_holds_the_text)
{
    for (int i = 0; i < HARMFUL; i++) {
        cJSON *string = cJSON_CreateString(harmful[i]);
        char *printed = cJSON_Print(string);
        char *json = quoted(quote_json, printed);
        char *visible = shown(json);
        cJSON *read = cJSON_Parse(json);
        ck_assert_msg(cJSON_IsString(read), "%s", json);
        ck_assert_str_eq(visible, json);
        bool valid = true;
        for (size_t at = 0; at < strlen(harmful[i]) && valid;) {
            int code;
            int length = utf8_read(harmful[i] + at, strlen(harmful[i]) - at, &code);
            valid = length > 0;
            at += (size_t)length;
        }
        char *expected = shown(harmful[i]);
        ck_assert_str_eq(read->valuestring, valid ? harmful[i] : expected);
        cJSON_Delete(string);
        cJSON_Delete(read);
        free(printed);
        free(json);
        free(visible);
        free(expected);
    }
}
END_TEST

START_TEST(csv_holds_the_text_in_one_line)
{
    static const char *const fields[][2] = {
        {"plain", "plain"}, {"a,b", "\"a,b\""}, {"say \"x\"", "\"say \"\"x\"\"\""}, {" a", "\" a\""}, {"", ""}, {"two\nlines,", "\"two\\nlines,\""},
        {"\xff", "\\xff"},  {"50%", "50%"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char *field = quoted(quote_csv, fields[i][0]);
        ck_assert_str_eq(field, fields[i][1]);
        free(field);
    }
}
END_TEST

START_TEST(null_is_the_empty_text)
{
    static Quote *const quotes[] = {quote_gnuplot, quote_gnuplot_enhanced, quote_gnuplot_tic};
    for (int i = 0; i < 3; i++) {
        char *string = quoted(quotes[i], NULL);
        ck_assert_str_eq(string, "\"\"");
        free(string);
    }
}
END_TEST

START_TEST(characters_without_a_shape_are_shown)
{
    static const char *const pairs[][2] = {
        {"a\nb\t", "a\\nb\\t"},
        {"\x1b[1m", "\\x1b[1m"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b", "\\x9b"},
        {"\xe2\x80\xae", "\\u202e"},
        {"\xef\xbf\xbe", "\\ufffe"},
        {"\xf0\x9f\xbf\xbf", "\\U0001ffff"},
        {"\xc0\x80", "\\xc0\\x80"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"\xe2\x82", "\\xe2\\x82"},
        {"\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char *text = shown(pairs[i][0]);
        ck_assert_str_eq(text, pairs[i][1]);
        free(text);
    }
    Writer *lines = writer_begin();
    quote_terminal(lines->stream, "a\n\tb\x1b\0c", 7, true);
    char *text = writer_end(lines);
    ck_assert_str_eq(text, "a\n\tb\\x1b\\x00c");
    free(text);
}
END_TEST

// XML forbids "]]>" in a text.
START_TEST(svg_is_xml)
{
    double y[] = {1, 2};
    ChartLine line = {.label = "a[b[0]]>1", .y = y, .n = 2};
    Chart chart = {.title = "]]>", .caption = "]]>", .x_label = "x]]>", .y_label = "]]>", .lines = &line, .n_lines = 1};
    char *text;
    size_t n;
    Error error = {0};
    ck_assert_msg(plot_chart(&chart, "chart.svg", &error), "%s", error.message);
    ck_assert_msg(file_read("chart.svg", MOST_TEXT_BYTES, &text, &n, &error), "%s", error.message);
    ck_assert_ptr_null(strstr(text, "]]>"));
    ck_assert_ptr_nonnull(strstr(text, "a[b[0]]&gt;1"));
    free(text);
}
END_TEST

START_TEST(numbers_have_points_in_every_locale)
{
    Writer *number = writer_begin();
    bool comma = setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
    number_print(number->stream, "%.9g", 0.5);
    char *text = writer_end(number);
    char local[8];
    snprintf(local, sizeof local, "%g", 0.5);
    setlocale(LC_ALL, "C");
    ck_assert_str_eq(text, "0.5");
    ck_assert_str_eq(local, comma ? "0,5" : "0.5"); // the caller's locale is in force again
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quoting");
    TCase *tests = case_create(suite, "quoting");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_loop_test(tests, gnuplot_draws_the_text_and_runs_nothing, 0, GNUPLOTS);
    tcase_add_loop_test(tests, gnuplot_draws_every_byte, 0, GNUPLOTS);
    tcase_add_loop_test(tests, gnuplot_draws_long_texts, 0, GNUPLOTS);
    tcase_add_test(tests, json_holds_the_text);
    tcase_add_test(tests, csv_holds_the_text_in_one_line);
    tcase_add_test(tests, null_is_the_empty_text);
    tcase_add_test(tests, characters_without_a_shape_are_shown);
    tcase_add_test(tests, svg_is_xml);
    tcase_add_test(tests, numbers_have_points_in_every_locale);
    return suite_run(suite);
}
