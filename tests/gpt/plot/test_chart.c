// test_chart.c: charts and maps of any numbers: their scripts, as text, and that gnuplot draws them.

#include "tests/gpt/plot/plot_test.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(a_chart_holds_its_numbers_and_labels)
{
    Error error;
    ck_assert_msg(plot_chart(&chart, "chart.gp", &error), "%s", error.message);
    char *script = file_text("chart.gp");
    assert_holds(script, "A title");
    assert_holds(script, "Small print");
    assert_holds(script, "-1 1\n0.5 10\n2 100\n");
    assert_holds(script, "set logscale y");
    assert_holds(script, "set xlabel \"place\"");
    assert_holds(script, "set ylabel \"size\"");
    assert_holds(script, "title \"rising\"");
    free(script);
}
END_TEST

START_TEST(values_without_a_place_are_reported)
{
    Error error;
    ck_assert(plot_chart(&chart, "chart.gp", &error));
    char *script = file_text("chart.gp");
    assert_holds(script, "-1 0\n0.5 -3\n2 1e-09\n");
    assert_holds(script, "set ytics add (\"0\" 10**"); // has a row
    assert_holds(script, "with gaps (1 of 3 points not on the axes)");
    free(script);
    Chart linear = chart;
    linear.log_y = false;
    ck_assert(plot_chart(&linear, "chart.gp", &error));
    script = file_text("chart.gp");
    assert_holds(script, "-1 0\n0.5 -3\n2 1e-09\n");
    ck_assert_ptr_null(strstr(script, "of 3 points"));
    free(script);
}
END_TEST

// Few steps hardly move the loss, and would lie along the top of an axis from 0. It spans a fifth of the largest all the same.
START_TEST(an_axis_of_losses_begins_where_they_are)
{
    static const TrainRow few[] = {{.step = 1, .loss = 4, .val_loss = NAN}, {.step = 2, .loss = 3.9, .val_loss = 3.8}};
    static const TrainRow more[] = {{.step = 1, .loss = 4, .val_loss = NAN}, {.step = 2, .loss = 1.9, .val_loss = NAN}};
    static const TrainRow nearer[] = {{.step = 1, .loss = 4, .val_loss = NAN}, {.step = 2, .loss = 2.5, .val_loss = NAN}};
    Error error;
    ck_assert_msg(plot_loss(few, 2, 4, "Small print", "loss.gp", &error), "%s", error.message);
    char *script = file_text("loss.gp");
    assert_holds(script, "set yrange [3.168:4.032]\n");
    assert_holds(script, " . \"In 2 steps the validation loss falls from 4 to 3.8\" . ");
    free(script);
    ck_assert(plot_loss(nearer, 2, NAN, "Small print", "loss.gp", &error));
    script = file_text("loss.gp");
    assert_holds(script, "set yrange [2.44:4.06]\n");
    free(script);
    ck_assert(plot_loss(more, 2, NAN, "Small print", "loss.gp", &error));
    script = file_text("loss.gp");
    assert_holds(script, "set yrange [-0.16:4.16]\n");
    free(script);
    ck_assert(!plot_loss(more, 0, NAN, "Small print", "loss.svg", &error));
    ck_assert_str_eq(error.message, "loss.svg: nothing to draw (expected a run with steps)");
}
END_TEST

START_TEST(x_defaults_to_the_index)
{
    Error error;
    const ChartLine counted = {.label = "counted", .y = rising, .n = 3};
    Chart one = chart;
    one.lines = &counted;
    one.n_lines = 1;
    ck_assert(plot_chart(&one, "chart.gp", &error));
    char *script = file_text("chart.gp");
    assert_holds(script, "0 1\n1 10\n2 100\n");
    free(script);
}
END_TEST

START_TEST(charts_and_maps_are_drawn)
{
    Error error;
    const double same[] = {3, 3};
    const double nothing[] = {NAN, 0};
    const ChartLine level = {.label = "level", .y = same, .n = 2};
    const ChartLine empty = {.label = "empty", .y = nothing, .n = 2};
    Chart others[3] = {chart, chart, chart};
    others[1].lines = &level;
    others[2].lines = &empty;
    others[1].n_lines = others[2].n_lines = 1;
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(plot_chart(&others[i], "chart.svg", &error), "%s", error.message);
        char *svg = file_text("chart.svg");
        assert_holds(svg, "</svg>");
        assert_holds(svg, "A title");
        free(svg);
    }
    MatrixMap narrow = map;
    narrow.rows = 1;
    narrow.columns = 1;
    ck_assert_msg(plot_matrix(&map, "map.svg", &error), "%s", error.message);
    ck_assert_msg(plot_matrix(&narrow, "map.png", &error), "%s", error.message);
    char *svg = file_text("map.svg");
    assert_holds(svg, "first");
    assert_holds(svg, "\"quoted\"");
    free(svg);
}
END_TEST

START_TEST(quotes_and_markup_are_shown_as_they_are)
{
    Error error;
    const ChartLine strange = {.label = "a \"line\" \\ _1", .x = places, .y = rising, .n = 3};
    Chart one = {.title = "W_1 of \"x\" {in} ^ \\ @ & ~",
                 .caption = "\"small\" \\ print",
                 .x_label = "x \"label\"",
                 .y_label = "y_1",
                 .lines = &strange,
                 .n_lines = 1};
    ck_assert_msg(plot_chart(&one, "chart.svg", &error), "%s", error.message);
    char *svg = file_text("chart.svg");
    assert_holds(svg, "W_1 of \"x\" {in} ^ \\ @ &amp; ~");
    assert_holds(svg, "\"small\" \\ print");
    assert_holds(svg, "x \"label\"");
    assert_holds(svg, "y_1");
    assert_holds(svg, "a \"line\" \\ _1");
    free(svg);
}
END_TEST

START_TEST(a_chart_as_text)
{
    Error error;
    char *text = plot_chart_terminal(&chart, 60, &error);
    ck_assert_msg(text != NULL, "%s", error.message);
    assert_holds(text, "A title\no rising\n# with gaps (1 of 3 points");
    const char *top = strchr(strchr(text, '|'), 'o'); // the largest value is the first to be drawn, at the right
    ck_assert_ptr_nonnull(top);
    ck_assert_int_eq(top[1], '\n');
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        ck_assert_uint_le(strlen(line), 75);
    }
    free(text);
}
END_TEST

// Each point of three lines can be found: a place that two share has a mark of its own.
START_TEST(points_in_one_place_are_marked)
{
    static const double falling[] = {100, 10, 1};
    static const double high[] = {100, 100, 100};
    static const ChartLine lines[] = {{.label = "rising", .x = places, .y = rising, .n = 3},
                                      {.label = "falling", .x = places, .y = falling, .n = 3},
                                      {.label = "high", .x = places, .y = high, .n = 3}};
    static const char *const keys[] = {NULL, "o rising\n\n", "# falling\n= both\n\n", "x high\n= several of them\n\n"};
    static const char *const marks[] = {NULL, "ooo", "#o=o#", "=x==o#"}; // from the top
    for (int n = 1; n <= 3; n++) {
        Chart crossing = {.title = "A title", .log_y = true, .lines = lines, .n_lines = n};
        Error error;
        AUTO_FREE char *text = plot_chart_terminal(&crossing, 60, &error);
        ck_assert_msg(text != NULL, "%s", error.message);
        assert_holds(text, keys[n]);
        const char *at = strchr(text, '|');
        for (const char *mark = marks[n]; *mark != '\0'; mark++) {
            at += strcspn(at, "o#x=");
            ck_assert_msg(*at == *mark, "%c is not in its place:\n%s", *mark, text);
            at++;
        }
    }
}
END_TEST

// A line of which no point can be drawn, beside another one, and alone.
START_TEST(a_line_without_points_on_the_axis)
{
    const double one = 1e-11;
    const double infinite = INFINITY;
    const ChartLine lines[] = {{.label = "finite", .y = &one, .n = 1}, {.label = "infinite", .y = &infinite, .n = 1}};
    for (int first = 0; first < 2; first++) {
        Chart odd = {.title = "A title", .log_y = true, .lines = lines + first, .n_lines = 2 - first};
        Error error;
        char *text = plot_chart_terminal(&odd, 60, &error);
        ck_assert_msg(text != NULL, "%s", error.message);
        assert_holds(text, "\n    NaN +"); // the row above the axis
        free(text);
    }
}
END_TEST

START_TEST(a_map_holds_its_numbers_and_names)
{
    Error error;
    ck_assert(plot_matrix(&map, "map.gp", &error));
    char *script = file_text("map.gp");
    assert_holds(script, "0 0 1 0\n1 0 0 0\n2 0 0.5 0\n0 1 0.25 0\n1 1 NaN 0\n2 1 0.75 0\n");
    assert_holds(script, "set ytics enhanced (\"first\" 0, \"\\0042quoted\\0042\" 1)");
    assert_holds(script, "set cbrange [0:1]");
    free(script);
}
END_TEST

START_TEST(a_map_as_text)
{
    Error error;
    char *text = plot_matrix_terminal(&map, &error);
    ck_assert_ptr_nonnull(text);
    assert_holds(text, "     first |██  ▓▓|\n  \"quoted\" |▒▒..██|\n");
    assert_holds(text, "from 0 (blank) to 1 (█); dots are not finite");
    free(text);
}
END_TEST

// Two blocks of one head: the first attends to the previous token, the second evenly; later tokens are gray.
START_TEST(attention_is_a_map_for_each_head)
{
    static const double weights[] = {1, 0, 0, 0.9, 0.1, 0, 0.1, 0.8, 0.1, 1, 0, 0, 0.5, 0.5, 0, 0.34, 0.33, 0.33};
    static const char *const tokens[] = {"One", " day", "\""};
    AttentionMaps maps = {weights, 2, 1, 3, true, tokens, "A model"};
    Error error;
    ck_assert_msg(plot_attention(&maps, "attention.gp", &error), "%s", error.message);
    char *script = file_text("attention.gp");
    assert_holds(script, "The least uniform head, 0 of block 0, gives the");
    assert_holds(script, "token before 80 % of its attention (uniform: 33 %)");
    assert_holds(script, "0 0 1 0\n1 0 NaN 0\n2 0 NaN 0\n0 1 0.9 0\n1 1 0.1 0\n");
    assert_holds(script, "A model. 3 tokens: One day\\0042");
    assert_holds(script, "(\"One\" 0, \" day\" 1, \"\\0042\" 2)");
    assert_holds(script, "\"block 1\" at screen");
    assert_holds(script, "set cbrange [0:0.8]");
    free(script);
    maps.weights += 9;
    maps.n_layer = 1;
    ck_assert(plot_attention(&maps, "attention.gp", &error));
    script = file_text("attention.gp");
    assert_holds(script, "Every head attends to all tokens up to its own nearly evenly");
    free(script);
    maps.n_layer = 48;
    maps.n_head = 25;
    maps.T = plot_attention_tokens(48, 25) + 1;
    ck_assert(!plot_attention(&maps, "attention.gp", &error));
    assert_holds(error.message, "tokens: 48 x 25 maps have room for 1 to ");
    ck_assert_int_eq(plot_attention_tokens(1, 1), 256);
}
END_TEST

START_TEST(the_colors_span_the_given_range)
{
    Error error;
    MatrixMap wide = map;
    wide.low = 0.25;
    wide.high = 4;
    ck_assert(plot_matrix(&wide, "map.gp", &error));
    char *script = file_text("map.gp");
    assert_holds(script, "set cbrange [0.25:4]");
    free(script);
    char *text = plot_matrix_terminal(&wide, &error);
    assert_holds(text, "     first |░░  ░░|\n  \"quoted\" |  ..░░|\n");
    free(text);
    wide.high = 0;
    ck_assert(!plot_matrix(&wide, "map.gp", &error));
    ck_assert_str_eq(error.message, "the colors of a map reach from low to high, not from 0.25 to 0");
}
END_TEST

START_TEST(nothing_to_draw_is_reported)
{
    Error error;
    ck_assert(!plot_chart(&chart, "chart.txt", &error));
    ck_assert_str_eq(error.message, "chart.txt: unknown kind of plot (expected a name that ends in .png, .svg, .pdf or .gp)");
    ck_assert(!plot_matrix(&map, "map", &error));
    Chart wrong = chart;
    wrong.n_lines = 9;
    ck_assert(!plot_chart(&wrong, "chart.svg", &error));
    ck_assert_str_eq(error.message, "a chart has 1 to 8 lines, not 9");
    const ChartLine none = {.label = "none", .y = rising, .n = 0};
    wrong.lines = &none;
    wrong.n_lines = 1;
    ck_assert_ptr_null(plot_chart_terminal(&wrong, 60, &error));
    ck_assert_str_eq(error.message, "line 1 of the chart has no points");
    Chart wide = chart;
    wide.log_x = true; // from -1
    ck_assert(!plot_chart(&wide, "chart.svg", &error));
    ck_assert_str_eq(error.message, "line 1 of the chart: cannot draw x = -1 on a logarithmic axis (expected above 0)");
    Chart named = chart;
    named.x_names = (const char *[]){"none"}; // n_x_names is 0
    ck_assert(!plot_chart(&named, "chart.svg", &error));
    ck_assert_str_eq(error.message, "the chart has 0 names on its x axis (expected 1 or more)");
    MatrixMap large = map;
    large.rows = 257;
    ck_assert(!plot_matrix(&large, "map.svg", &error));
    ck_assert_str_eq(error.message, "a map has 1 to 256 rows and columns, not 257 x 3");
    ck_assert(!plot_matrix(&map, "map.jpg", &error));
    assert_holds(error.message, "map.jpg");
    FILE *file = fopen("chart.svg", "r");
    ck_assert_ptr_null(file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("charts");
    TCase *charts = case_create(suite, "charts and maps");
    tcase_add_checked_fixture(charts, folder_enter, folder_leave);
    tcase_add_test(charts, a_chart_holds_its_numbers_and_labels);
    tcase_add_test(charts, values_without_a_place_are_reported);
    tcase_add_test(charts, x_defaults_to_the_index);
    tcase_add_test(charts, charts_and_maps_are_drawn);
    tcase_add_test(charts, quotes_and_markup_are_shown_as_they_are);
    tcase_add_test(charts, a_chart_as_text);
    tcase_add_test(charts, points_in_one_place_are_marked);
    tcase_add_test(charts, a_line_without_points_on_the_axis);
    tcase_add_test(charts, a_map_holds_its_numbers_and_names);
    tcase_add_test(charts, a_map_as_text);
    tcase_add_test(charts, attention_is_a_map_for_each_head);
    tcase_add_test(charts, the_colors_span_the_given_range);
    tcase_add_test(charts, nothing_to_draw_is_reported);
    tcase_add_test(charts, an_axis_of_losses_begins_where_they_are);
    return suite_run(suite);
}
