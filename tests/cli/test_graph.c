// test_graph.c: gptape graph: DOT on stdout, pictures in files, and one line for what cannot be drawn.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int occurrences(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

START_TEST(without_options_a_small_gpt_is_drawn)
{
    Run run = run_gptape("graph");
    assert_quiet(&run);
    assert_has(&run, run.out, "digraph tape {\n");
    assert_has(&run, run.out, "label=\"h.0\"");
    assert_has(&run, run.out, "label=\"h.1\"");
    assert_has(&run, run.out, "weight (96, 32)");
    assert_has(&run, run.out, "(1, 8, 256)");
    assert_has(&run, run.out, "cross_entropy");
    assert_has(&run, run.out, "label=\"token ids\"");
    assert_has(&run, run.out, "label=\"targets\"");
    ck_assert_int_eq(occurrences(run.out, "label=\"+\""), 5); // token + position, and two shortcuts a block
    ck_assert_int_eq(occurrences(run.out, "weight=0"), 4);
    run_free(&run);
}
END_TEST

// The book's network. The numbers are those of gradflow: by shortcut and by layer.
START_TEST(the_deep_network_shows_both_ways)
{
    Run run = run_gptape("graph --net mlp --sizes 3,3,3,3,3,1 --input 1,0,-1 --target 0");
    assert_quiet(&run);
    ck_assert_int_eq(occurrences(run.out, "weight=0"), 4);
    assert_has(&run, run.out, "0.588184");
    assert_has(&run, run.out, "label=\"input\"");
    assert_has(&run, run.out, "label=\"target\"");
    assert_has(&run, run.out, "label=\"Deep network, with shortcuts: one step forward and backward\"");
    assert_has(&run, run.out, "(1, 3)\\l\u00a0\u00a0\u00a01.24\\l");
    assert_has(&run, run.out, "(1, 3)\\l\u00a0\u00a0\u00a00.0492\\l");
    run_free(&run);
    run = run_gptape("graph --net mlp --shortcut off --depth 3 --backward off");
    assert_quiet(&run);
    ck_assert_int_eq(occurrences(run.out, "weight=0"), 0);
    ck_assert_int_eq(occurrences(run.out, "label=\"layers."), 3);
    ck_assert_ptr_null(strstr(run.out, "came back"));
    run_free(&run);
}
END_TEST

START_TEST(a_module_can_be_picked_and_attention_unfolded)
{
    Run run = run_gptape("graph --module h.1.attn --stepwise on --ids '1,2,3;4,5,6' --targets '2,3,4;5,6,7'");
    assert_quiet(&run);
    assert_has(&run, run.out, "label=\"softmax\"");
    assert_has(&run, run.out, "scores (2, 2, 3, 3)");
    ck_assert_ptr_null(strstr(run.out, "layernorm\"]\nn"));
    ck_assert_ptr_null(strstr(run.out, "h.0"));
    run_free(&run);
}
END_TEST

// The numbers of the picture in README.md.
START_TEST(the_block_of_the_readme)
{
    Run run = run_gptape("graph --n-layer 1 --length 5 --module h.0");
    assert_quiet(&run);
    const char *shortcut = strstr(run.out, "n7 -> n12 [");
    const char *layer = strstr(run.out, "n7 -> n8 [");
    const char *through = strstr(run.out, "n8 -> n9 [");
    ck_assert(shortcut != NULL && layer != NULL && through != NULL);
    ck_assert_ptr_nonnull(strstr(shortcut, "\u00a01.66\\l"));
    ck_assert_ptr_nonnull(strstr(layer, "\u00a00.527\\l"));
    ck_assert_ptr_nonnull(strstr(through, "\u00a00.0151\\l"));
    run_free(&run);
}
END_TEST

static bool graphviz_missing(const char *function)
{
    Run run = run_shell("command -v dot");
    bool missing = run.status != 0;
    run_free(&run);
    if (missing) {
        skip(function, "Graphviz is not installed");
    }
    return missing;
}

START_TEST(pictures_are_drawn)
{
    static const struct {
        const char *ending;
        const char *begins;
    } kinds[] = {{"svg", "<?xml"}, {"png", "\x89PNG"}, {"pdf", "%PDF"}, {"dot", "digraph"}};
    if (graphviz_missing(__func__)) {
        return;
    }
    for (int i = 0; i < 4; i++) {
        char arguments[128];
        char told[64];
        char name[32];
        char start[16] = "";
        snprintf(name, sizeof name, "block.%s", kinds[i].ending);
        snprintf(arguments, sizeof arguments, "graph --n-layer 1 --module h.0 --out %s", name);
        snprintf(told, sizeof told, "gptape graph: drew %s\n", name);
        Run run = run_gptape(arguments);
        assert_succeeded(&run);
        ck_assert_str_eq(run.err, told);
        ck_assert_str_eq(run.out, "");
        run_free(&run);
        FILE *file = fopen(name, "rb");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_gt(fread(start, 1, sizeof start - 1, file), 8);
        fclose(file);
        ck_assert_int_eq(strncmp(start, kinds[i].begins, strlen(kinds[i].begins)), 0);
    }
}
END_TEST

START_TEST(impossible_drawings_are_reported)
{
    static const struct {
        const char *arguments;
        int status;
        const char *part;
    } wrong[] = {
        {"--out picture.gif", 2, "picture.gif: unknown kind of drawing (expected a name that ends in .svg, .png, .pdf or .dot)"},
        {"--out /nowhere/at/all.svg", 1, "/nowhere/at/all.svg"},
        {"--module h.9", 1, "module h.9: not in this network"},
        {"--n-layer 60", 1, "too many to draw (expected at most 400: choose one module, or fewer layers)"},
        {"--stepwise maybe", 2, "--stepwise: 'maybe' is not on or off"},
        {"--backward 3", 2, "--backward: '3' is not on or off"},
        {"--direction up", 2, "--direction: 'up' is unknown (expected TB or LR)"},
        {"--shortcut both", 2, "--shortcut: 'both' is not on or off"},
        {"--net mlp --stepwise on", 2, "for --net gpt, but this is --net mlp; leave one out"},
        {"--net mlp --config tiny", 2, "for --net gpt, but this is --net mlp; leave one out"},
        {"--net rnn", 2, "--net: 'rnn' is unknown (expected mlp or gpt)"},
        {"--depth 3", 2, "--depth: for --net mlp, but --net gpt is the default (expected --net mlp, too)"},
        {"--json", 2, "--json"},
        {"--vocab-size 20", 2, "--vocab-size: 20 is too small for a text's bytes"},
        {"> /dev/full", 1, "stdout"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char arguments[128];
        snprintf(arguments, sizeof arguments, "graph %s", wrong[i].arguments);
        refuse(arguments, wrong[i].status, wrong[i].part);
    }
}
END_TEST

// The square of 1e30 is more than float32 holds.
START_TEST(numbers_that_are_not_finite_are_noted)
{
    static const char note[] = "gptape graph: some values are not finite; the first: the result of mse_loss";
    Run run = run_gptape("graph --net mlp --depth 2 --width 1 --shortcut off --target 1e30");
    assert_succeeded(&run);
    assert_has(&run, run.err, note);
    assert_has(&run, run.err, "the result of mse_loss\n");
    run_free(&run);
    succeed_quietly("graph --net mlp --depth 2 --width 1 --shortcut off --target 1e30 --quiet");
    run = run_gptape("graph --stepwise on --out masked.dot");
    assert_succeeded(&run);
    ck_assert_str_eq(run.err, "gptape graph: drew masked.dot\n");
    run_free(&run);
}
END_TEST

START_TEST(without_graphviz_the_text_is_still_there)
{
    char command[700];
    snprintf(command, sizeof command, "PATH=/nowhere \"$GPTAPE_BIN\" graph --out x.svg");
    assert_fails(command, 1, "dot is not installed; on Debian: apt install graphviz");
    snprintf(command, sizeof command, "PATH=/dev/null \"$GPTAPE_BIN\" graph --out x.svg"); // no folder
    assert_fails(command, 1, "dot is not installed; on Debian: apt install graphviz");
    snprintf(command, sizeof command, "PATH=/nowhere \"$GPTAPE_BIN\" graph --out x.dot --quiet");
    Run run = run_shell(command);
    assert_quiet(&run);
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph");
    TCase *tests = case_create(suite, "gptape graph");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_test(tests, without_options_a_small_gpt_is_drawn);
    tcase_add_test(tests, the_deep_network_shows_both_ways);
    tcase_add_test(tests, a_module_can_be_picked_and_attention_unfolded);
    tcase_add_test(tests, the_block_of_the_readme);
    tcase_add_test(tests, pictures_are_drawn);
    tcase_add_test(tests, impossible_drawings_are_reported);
    tcase_add_test(tests, numbers_that_are_not_finite_are_noted);
    tcase_add_test(tests, without_graphviz_the_text_is_still_there);
    return suite_run(suite);
}
