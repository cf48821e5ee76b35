// test_drawing.c: what is drawn of texts from outside, missing fields, extreme numbers, experiments and styles.

#include "gpt/plot/draw.h"
#include "tests/gpt/plot/plot_test.h"

#include <stdio.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------------------------------
// Texts from outside

static const char *const harmful[] = {
    "`touch RAN`", "\"`touch RAN`\"", "'`touch RAN`'", "\"; system(\"touch RAN\"); \"", "$(touch RAN)", "50%", "%s", "@x {a}_1^2 & ~", "\\n",
};
enum { HARMFUL = sizeof harmful / sizeof harmful[0] };

// As SVG has it.
static char *in_svg(const char *text)
{
    Writer *result = writer_begin();
    for (const char *c = text; *c != '\0'; c++) {
        fprintf(result->stream, *c == '&' ? "&amp;" : "%c", *c);
    }
    return writer_end(result);
}

static void assert_drawn_times(const char *path, const char *text, int times)
{
    char *svg = file_text(path);
    char *part = in_svg(text);
    const char *at = svg;
    for (int i = 0; i < times; i++) {
        at = strstr(at, part);
        ck_assert_msg(at != NULL, "'%s' is drawn %d times, not %d", text, i, times);
        at++;
    }
    free(svg);
    free(part);
    ck_assert_ptr_null(fopen("RAN", "r"));
}

START_TEST(texts_are_drawn_as_they_are_and_run_nothing)
{
    Error error;
    const char *text = harmful[_i];
    const ChartLine line = {.label = text, .x = places, .y = rising, .n = 3};
    Chart one = {.title = text, .caption = text, .x_label = text, .y_label = text, .log_y = true, .lines = &line, .n_lines = 1};
    ck_assert_msg(plot_chart(&one, "chart.svg", &error), "%s", error.message);
    assert_drawn_times("chart.svg", text, 5);
    char *terminal = plot_chart_terminal(&one, 60, &error);
    assert_holds(terminal, text);
    free(terminal);
    const char *const names[] = {text, text, text};
    MatrixMap other = {text, text, text, text, values, 2, 3, NULL, NULL, 0, 0};
    ck_assert_msg(plot_matrix(&other, "map.svg", &error), "%s", error.message);
    assert_drawn_times("map.svg", text, 4);
    other.row_names = other.column_names = names; // names of tics may be cut, and then are drawn in pieces
    ck_assert_msg(plot_matrix(&other, "map.svg", &error), "%s", error.message);
    assert_drawn_times("map.svg", text, strlen(text) <= 4 && text[0] != '\\' ? 9 : 4);
    terminal = plot_matrix_terminal(&other, &error);
    assert_holds(terminal, text);
    free(terminal);
    const double weights[] = {1, 0, 0, 0.5, 0.5, 0, 0.25, 0.25, 0.5};
    AttentionMaps attention = {weights, 1, 1, 3, true, names, text};
    ck_assert_msg(plot_attention(&attention, "attention.svg", &error), "%s", error.message);
    assert_drawn_times("attention.svg", text, 1);
    static const TrainRow rows_of_log[] = {{.step = 1, .loss = 4, .val_loss = 3}, {.step = 2, .loss = 3, .val_loss = 2}};
    ck_assert_msg(plot_loss(rows_of_log, 2, 4, text, "loss.svg", &error), "%s", error.message);
    assert_drawn_times("loss.svg", text, 1);
}
END_TEST

// A script with such texts runs nothing either when its user gives it to gnuplot.
START_TEST(scripts_run_nothing)
{
    Error error;
    ChartLine many[CHART_LINES];
    for (int i = 0; i < CHART_LINES; i++) {
        many[i] = (ChartLine){.label = harmful[i], .x = places, .y = rising, .n = 3};
    }
    Chart one = {.title = harmful[0], .caption = harmful[1], .x_label = harmful[2], .y_label = harmful[3], .lines = many, .n_lines = CHART_LINES};
    ck_assert(plot_chart(&one, "chart.gp", &error));
    char *script = file_text("chart.gp");
    ck_assert_ptr_null(strchr(script, '`'));
    free(script);
    ck_assert_int_eq(system("gnuplot -d chart.gp > chart.png 2> messages"), 0);
    ck_assert_ptr_null(fopen("RAN", "r"));
}
END_TEST

// What the user has set up for gnuplot is not read.
START_TEST(settings_of_the_user_are_left_out)
{
    Error error;
    file_write(".gnuplot", "system \"touch RAN\"\n", strlen("system \"touch RAN\"\n"));
    ck_assert_int_eq(setenv("HOME", folder_path(), 1), 0);
    ck_assert_int_eq(setenv("GNUPLOT_DRIVER_DIR", folder_path(), 1), 0);
    ck_assert_int_eq(setenv("GNUTERM", "dumb", 1), 0);
    ck_assert_msg(plot_chart(&chart, "chart.svg", &error), "%s", error.message);
    assert_drawn_times("chart.svg", "A title", 1);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Missing fields and extreme numbers

START_TEST(missing_fields_are_empty)
{
    Error error;
    ChartLine line = {.y = rising, .n = 3};
    Chart bare = {.lines = &line, .n_lines = 1};
    const char *const gaps_in_names[] = {NULL, "", "x"};
    MatrixMap bare_map = {.values = values, .rows = 2, .columns = 3, .row_names = gaps_in_names, .column_names = gaps_in_names};
    ck_assert_msg(plot_chart(&bare, "chart.svg", &error), "%s", error.message);
    ck_assert_msg(plot_matrix(&bare_map, "map.svg", &error), "%s", error.message);
    char *text = plot_chart_terminal(&bare, 60, &error);
    ck_assert_msg(text != NULL, "%s", error.message);
    free(text);
    text = plot_matrix_terminal(&bare_map, &error);
    assert_holds(text, "down: rows; across: columns;");
    free(text);
    static const double even[] = {1, 0, 0.5, 0.5};
    AttentionMaps attention = {.weights = even, .n_layer = 1, .n_head = 1, .T = 2};
    ck_assert_msg(plot_attention(&attention, "attention.svg", &error), "%s", error.message);
    attention.tokens = gaps_in_names;
    ck_assert_msg(plot_attention(&attention, "attention.svg", &error), "%s", error.message);
    bare.lines = NULL;
    bare_map.values = NULL;
    line.y = NULL;
    ck_assert(!plot_chart(&bare, "none.svg", &error));
    ck_assert_str_eq(error.message, "a chart has 1 to 8 lines, not 0");
    bare.lines = &line;
    ck_assert(!plot_chart(&bare, "none.svg", &error));
    ck_assert_str_eq(error.message, "line 1 of the chart has no points");
    ck_assert(!plot_matrix(&bare_map, "none.svg", &error));
    const Experiment nothing = {.n_layer = 1};
    ck_assert(!plot_experiment(&nothing, NULL, "none.svg", &error));
    ck_assert_str_eq(error.message, "nothing to draw (expected measurements)");
    ck_assert(!plot_heatmap(&nothing, "none.svg", &error));
    ck_assert_ptr_null(plot_terminal(&nothing, 60, &error));
    ck_assert_ptr_null(fopen("none.svg", "r"));
}
END_TEST

// gnuplot computes with differences of the ends of an axis, which must be finite.
START_TEST(extreme_numbers_are_drawn_or_reported)
{
    Error error;
    static const double large[] = {-9e299, 9e299, INFINITY};
    static const double beyond[] = {-1e308, 1e308};
    static const double small[] = {2e-300, 5e-324};
    ChartLine line = {.label = "large", .y = large, .n = 3};
    Chart one = {.title = "t", .lines = &line, .n_lines = 1};
    ck_assert_msg(plot_chart(&one, "chart.svg", &error), "%s", error.message);
    line.y = beyond;
    line.n = 2;
    ck_assert(!plot_chart(&one, "none.svg", &error));
    ck_assert_str_eq(error.message, "line 1 of the chart: cannot draw point 0, -1e+308 (expected sizes between 1e-300 and 1e300)");
    line.y = small;
    one.log_y = true;
    ck_assert(!plot_chart(&one, "none.svg", &error));
    line.n = 1;
    ck_assert_msg(plot_chart(&one, "chart.svg", &error), "%s", error.message);
    MatrixMap wide = map;
    wide.low = -1e308;
    wide.high = 1e308;
    ck_assert(!plot_matrix(&wide, "none.svg", &error));
    assert_holds(error.message, "the colors of a map reach from low to high, not from -1e+308 to 1e+308");
    ck_assert_ptr_null(fopen("none.svg", "r"));
}
END_TEST

// Long labels are cut, and titles take a few lines: there is room for the plot.
START_TEST(long_texts_leave_room)
{
    enum { LONG = 10000 };
    Error error;
    char *text = calloc(LONG + 1, 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', LONG);
    ChartLine many[CHART_LINES];
    for (int i = 0; i < CHART_LINES; i++) {
        many[i] = (ChartLine){.label = text, .x = places, .y = rising, .n = 3};
    }
    Chart one = {.title = text, .caption = text, .x_label = text, .y_label = text, .lines = many, .n_lines = CHART_LINES};
    ck_assert_msg(plot_chart(&one, "chart.svg", &error), "%s", error.message);
    char *svg = file_text("chart.svg");
    ck_assert_uint_lt(strlen(svg), 60000);
    assert_holds(svg, "…");
    free(svg);
    free(text);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Experiments

static int sizes[] = {3, 3, 3, 3, 1};

static Experiment run_rules(int n_rules, int n_steps)
{
    static const char *const rules[ARMS_MOST] = {"pre",     "none", "post",     "rezero",
                                                 "highway", "keel", "deepnorm", "h + scalar(0.5)*f(norm(h))/sqrt(2)"};
    static const float input[] = {1, 0, -1};
    static const float target[] = {0};
    ExperimentConfig config = {.net = NET_MLP,
                               .deep = {.sizes = sizes, .n_layer = 4, .activation = ACTIVATION_GELU},
                               .input = input,
                               .target = target,
                               .arms = ARMS_BOTH,
                               .n_rules = n_rules,
                               .seed = 1,
                               .n_seeds = 2,
                               .n_steps = n_steps,
                               .lr = 0.01};
    for (int i = 0; i < n_rules; i++) {
        config.rules[i] = rules[i];
    }
    Experiment experiment;
    Error error;
    ck_assert_msg(experiment_run(&config, NULL, NULL, &experiment, &error), "%s", error.message);
    return experiment;
}

// Their names are in the key, in the order of the arms.
START_TEST(up_to_eight_arms_are_drawn)
{
    Error error;
    Experiment experiment = run_rules(_i, 2);
    const char *names[] = {"without shortcuts", "with shortcuts"};
    ck_assert_msg(plot_experiment(&experiment, NULL, "flow.svg", &error), "%s", error.message);
    ck_assert_msg(plot_heatmap(&experiment, "steps.svg", &error), "%s", error.message);
    for (int arm = 0; arm < (_i == 0 ? 2 : _i); arm++) {
        char *name = plot_shorten(_i == 0 ? names[arm] : experiment.config.rules[arm], _i > 4 ? 15 : 32);
        assert_drawn_times("flow.svg", name, 1);
        assert_drawn_times("steps.svg", name, 2); // in the key and above its map
        free(name);
    }
    for (int columns = 60; columns <= 80; columns += 20) {
        char *text = plot_terminal(&experiment, columns, &error);
        ck_assert_msg(text != NULL, "%s", error.message);
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            ck_assert_int_le(plot_length(line), columns);
        }
        free(text);
    }
    experiment_free(&experiment);
}
END_TEST

static void set_gradients(Experiment *experiment, int step, double value)
{
    for (int i = 0; i < experiment->n_measurements; i++) {
        Measurement *measurement = &experiment->measurements[i];
        for (int r = 0; measurement->step == step && r < measurement->flow.n_rows; r++) {
            measurement->flow.rows[r].stats.mean_abs = value;
        }
    }
}

START_TEST(zeros_and_nan_have_places_of_their_own)
{
    Error error;
    Experiment experiment = run_rules(0, 2);
    set_gradients(&experiment, 0, 0);
    set_gradients(&experiment, 1, NAN);
    ck_assert_msg(plot_heatmap(&experiment, "steps.gp", &error), "%s", error.message);
    char *script = file_text("steps.gp");
    assert_holds(script, "Gray is exactly 0: 33 % of the cells with shortcuts");
    assert_holds(script, "Black is NaN or infinite: 33 % of the cells with shortcuts");
    assert_holds(script, "\n0 0 NaN 0\n1 0 NaN 1\n2 0 -");
    assert_holds(script, "set cbrange [-16:0]\n"); // of all runs, so that their maps can be compared
    free(script);
    ck_assert_msg(plot_heatmap(&experiment, "steps.svg", &error), "%s", error.message);
    ck_assert_msg(plot_experiment(&experiment, NULL, "flow.gp", &error), "%s", error.message);
    script = file_text("flow.gp");
    assert_holds(script, "set ytics add (\"0\" 10**");
    assert_holds(script, " with 3 shortcuts. ");
    free(script);
    char *text = plot_terminal(&experiment, 60, &error);
    ck_assert_msg(text != NULL, "%s", error.message);
    assert_holds(text, "\n      0 +="); // before the axis, not behind it
    free(text);
    set_gradients(&experiment, 0, NAN);
    ck_assert_msg(plot_experiment(&experiment, NULL, "flow.gp", &error), "%s", error.message);
    script = file_text("flow.gp");
    assert_holds(script, "set ytics add (\"NaN\" 10**");
    assert_holds(script, "NaN without shortcuts, NaN with shortcuts");
    free(script);
    ck_assert_msg(plot_experiment(&experiment, NULL, "flow.svg", &error), "%s", error.message);
    experiment_free(&experiment);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Styles

typedef struct StyleText {
    char color[16], dash[64];
    int point;
} StyleText;

static StyleText style_text(const char *script, int number)
{
    StyleText style = {.point = -1};
    char begin[32];
    snprintf(begin, sizeof begin, "set linetype %d lc rgb \"", number);
    const char *line = strstr(script, begin);
    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(sscanf(line + strlen(begin), "%15[^\"]\" lw 5 pt %d ps 2.4 dt %63[^\n]", style.color, &style.point, style.dash), 3);
    return style;
}

// In color, in grey print (dashes) and without lines (markers).
START_TEST(eight_lines_differ_in_color_dash_and_marker)
{
    Error error;
    ck_assert(plot_chart(&chart, "chart.gp", &error));
    char *script = file_text("chart.gp");
    for (int i = 0; i < CHART_LINES; i++) {
        StyleText style = style_text(script, i + 1);
        for (int k = 0; k < i; k++) {
            StyleText other = style_text(script, k + 1);
            ck_assert_str_ne(style.color, other.color);
            ck_assert_str_ne(style.dash, other.dash);
            ck_assert_int_ne(style.point, other.point);
        }
    }
    free(script);
}
END_TEST

// A rule has one style in every plot, whatever its place; a rule that is not published, or whose style is taken, gets a free one.
START_TEST(a_rule_has_one_style)
{
    static const struct {
        const char *rules[4];
        int n, styles[4];
    } plots[] = {
        {{"none", "pre"}, 2, {0, 1}},
        {{"pre", "f(norm(h))"}, 2, {1, 0}}, // the text of none
        {{"plain", "post", "keel", "none-plain"}, 4, {1, 2, 4, 0}},
        {{"keel", "post"}, 2, {4, 2}},
        {{"0.3*h + f(h)", "none", "none-post", "post"}, 4, {3, 0, 4, 2}},
        {{NULL, NULL, NULL}, 3, {1, 0, 2}},
    };
    int styles[4];
    plot_styles(plots[_i].rules, plots[_i].n, styles);
    for (int i = 0; i < plots[_i].n; i++) {
        ck_assert_int_eq(styles[i], plots[_i].styles[i]);
    }
}
END_TEST

// Values that are not finite have a row on a linear axis, too; named places are tics, and their points are not joined.
START_TEST(rows_and_names_of_a_linear_chart)
{
    Error error;
    static const double partly[] = {1, NAN, 2};
    static const char *const names[] = {"off", "on", "half"};
    ChartLine line = {.label = "partly", .y = partly, .n = 3};
    Chart one = {.lines = &line, .n_lines = 1, .x_names = names, .n_x_names = 3};
    ck_assert_msg(plot_chart(&one, "chart.gp", &error), "%s", error.message);
    char *script = file_text("chart.gp");
    assert_holds(script, "set ytics add (\"NaN\" 2.0");
    assert_holds(script, "set xtics (\"off\" 0, \"on\" 1, \"half\" 2)");
    assert_holds(script, "using 1:(on_axis($2)) with points lt 2 title \"partly\"");
    free(script);
    one.x_names = NULL;
    line.theory = true;
    ck_assert(plot_chart(&one, "chart.gp", &error));
    script = file_text("chart.gp");
    assert_holds(script, "using 1:(on_axis($2)) with lines lt 2 lc rgb \"black\" lw 2.5 title \"partly\"");
    free(script);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drawing");
    TCase *charts = case_create(suite, "charts and maps");
    tcase_add_checked_fixture(charts, folder_enter, folder_leave);
    tcase_add_loop_test(charts, texts_are_drawn_as_they_are_and_run_nothing, 0, HARMFUL);
    tcase_add_test(charts, scripts_run_nothing);
    tcase_add_test(charts, settings_of_the_user_are_left_out);
    tcase_add_test(charts, missing_fields_are_empty);
    tcase_add_test(charts, extreme_numbers_are_drawn_or_reported);
    tcase_add_test(charts, long_texts_leave_room);
    tcase_add_loop_test(charts, up_to_eight_arms_are_drawn, 0, ARMS_MOST + 1);
    tcase_add_test(charts, zeros_and_nan_have_places_of_their_own);
    tcase_add_loop_test(charts, a_rule_has_one_style, 0, 6);
    tcase_add_test(charts, rows_and_names_of_a_linear_chart);
    tcase_add_test(charts, eight_lines_differ_in_color_dash_and_marker);
    return suite_run(suite);
}
