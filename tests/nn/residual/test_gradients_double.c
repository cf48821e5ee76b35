// test_gradients_double.c: random formulas, generated from the grammar, and every row of the table: gradients against differences, in
// double (names that end in _double are built with GPTAPE_DOUBLE), for the rule's parameters, f's, and the streams.

#include "nn/gradflow/gradflow.h"
#include "nn/residual/residual.h"
#include "tests/nn/nn_test.h"

enum { FORMULAS = 30, WIDTH = 5, TEXT = 2048 };

static const double TOLERANCE = 1e-7;

// ------------------------------------------------------------------------------------------------------------
// Formulas

typedef struct Writer {
    Random random;
    char text[TEXT];
    bool has_f; // may not be written again
    bool bound; // is there a name a?
} Writer;

static void put(Writer *writer, const char *text)
{
    ck_assert_uint_lt(strlen(writer->text) + strlen(text) + 1, TEXT);
    strcat(writer->text, text);
}

static int choose(Writer *writer, int n)
{
    return (int)(random_bits(&writer->random) % (uint32_t)n);
}

static void put_constant(Writer *writer)
{
    static const char *const constants[] = {"0.7",     "1.5",      ".3",         "2^-1",        "l/L",  "s/S",
                                            "sqrt(S)", "tanh(.8)", "(1 - 3e-1)", "sigmoid(-l)", "-1.2", "stop(2)^0.5"};
    put(writer, "(");
    put(writer, constants[choose(writer, sizeof constants / sizeof constants[0])]);
    put(writer, ")");
}

static void put_stream(Writer *writer, int depth, bool needs_f);

static void put_call(Writer *writer, const char *before, int depth, bool needs_f, const char *after)
{
    put(writer, before);
    put_stream(writer, depth - 1, needs_f);
    put(writer, after);
}

static void put_binary(Writer *writer, const char *between, int depth, bool needs_f)
{
    bool left = choose(writer, 2) == 0;
    put_call(writer, "(", depth, needs_f && left, between);
    put_stream(writer, depth - 1, needs_f && !left);
    put(writer, ")");
}

static void put_scaled(Writer *writer, const char *kind, int depth, bool needs_f)
{
    put(writer, kind);
    put_constant(writer);
    put_call(writer, ")*(", depth, needs_f, ")");
}

// Of a shape that an expression can have anywhere: roots and divisors stay away from 0.
static void put_stream(Writer *writer, int depth, bool needs_f)
{
    if (depth <= 0) {
        static const char *const leaves[] = {"h", "h", "x0", "block", "a"};
        put(writer, needs_f ? "f(h)" : leaves[choose(writer, writer->bound ? 5 : 4)]);
        return;
    }
    switch (choose(writer, needs_f ? 19 : 17)) {
    case 0: put_binary(writer, " + ", depth, needs_f); break;
    case 1: put_binary(writer, " - ", depth, needs_f); break;
    case 2: put_binary(writer, "*", depth, needs_f); break;
    case 3: put_binary(writer, "/(2 + sigmoid(h)) + ", depth, needs_f); break;
    case 4: put_call(writer, "sigmoid(", depth, needs_f, ")"); break;
    case 5: put_call(writer, "tanh(", depth, needs_f, ")"); break;
    case 6: put_call(writer, "norm(h + ", depth, needs_f, ")"); break;
    case 7: put_call(writer, "rms(.6*h - ", depth, needs_f, ")"); break;
    case 8: put_call(writer, "dyt(", depth, needs_f, ")"); break;
    case 9: put_call(writer, "linear(", depth, needs_f, ")"); break;
    case 10: put_call(writer, "linear(", depth, needs_f, ", -2)"); break;
    case 11: put_call(writer, "sqrt(1 + sigmoid(", depth, needs_f, "))"); break;
    case 12: put_call(writer, "(-", depth, needs_f, ")"); break;
    case 13: put_scaled(writer, "scalar(", depth, needs_f); break;
    case 14: put_scaled(writer, "vector(", depth, needs_f); break;
    case 15: put_scaled(writer, "(", depth, needs_f); break;
    case 16: put_call(writer, "1/(1.5 + sigmoid(", depth, needs_f, "))"); break;
    default: put_call(writer, "f(", depth, false, ")"); break;
    }
}

static void write_formula(Writer *writer, uint64_t seed)
{
    *writer = (Writer){.text = ""};
    random_seed(&writer->random, seed);
    if (choose(writer, 2) == 0) {
        put_call(writer, "a = ", 2, false, "; ");
        writer->bound = true;
    }
    put(writer, writer->bound ? "a + " : "h + ");
    put_stream(writer, 4, true);
    put(writer, " - 0.2*h");
}

// ------------------------------------------------------------------------------------------------------------
// Checks

typedef struct Subject {
    Residual residual;
    Module module;
    Linear f;
    Tensor *h, *x0, *block;
} Subject;

static const ModuleKind subject_kind = {.name = "Subject"};

static const ResidualRule *rule_of(const char *text)
{
    Error error = {.message = ""};
    const ResidualRule *rule = residual_rule(text, &error);
    ck_assert_msg(rule != NULL, "%s: %s", text, error.message);
    return rule;
}

static Tensor *random_stream(const char *label, Random *random)
{
    Tensor *stream = tensor_parameter(NULL, label, SHAPE(2, WIDTH));
    random_normal(random, stream->data, 2 * WIDTH, 0, 1);
    return stream;
}

static void subject_init(Subject *subject, const char *text)
{
    Random random = seeded(5);
    module_init(&subject->module, &subject_kind, NULL, "");
    residual_init(&subject->residual, &subject->module, (ResidualNames){"ln_1", "res_1"}, rule_of(text), residual_place(1, 1, 3), WIDTH);
    linear_init(&subject->f, &subject->module, "f", WIDTH, WIDTH, true);
    module_initialize(&subject->module, (Init){.scheme = INIT_TORCH}, &random);
    subject->h = random_stream("h", &random);
    subject->x0 = random_stream("x0", &random);
    subject->block = random_stream("block", &random);
}

static void subject_free(Subject *subject)
{
    module_free(&subject->module);
    residual_free(&subject->residual);
    tensor_free(subject->h);
    tensor_free(subject->x0);
    tensor_free(subject->block);
}

static Tensor *run_f(void *context, Tensor *x)
{
    return tensor_tanh(linear_forward(context, x));
}

static Tensor *run_subject(void *context)
{
    Subject *subject = context;
    ResidualStreams in = {subject->h, subject->x0, subject->block};
    return residual_forward(&subject->residual, in, run_f, &subject->f);
}

static void assert_gradients(const char *text, const char *given)
{
    Subject subject;
    subject_init(&subject, given);
    ParameterList list = module_parameters(&subject.module);
    Tensor *leaves[512];
    int n = 0;
    ck_assert_int_lt(list.count, 500);
    for (int i = 0; i < list.count; i++) {
        leaves[n++] = list.parameters[i];
    }
    leaves[n++] = subject.h;
    if (strstr(given, "x0") != NULL) {
        leaves[n++] = subject.x0;
    }
    if (strstr(given, "block") != NULL) {
        leaves[n++] = subject.block;
    }
    // Closer than for one operation: norms of five values within each other bend more.
    GradCheck check = {.name = text,
                       .leaves = leaves,
                       .n_leaves = n,
                       .forward = run_subject,
                       .context = &subject,
                       .step = GRADCHECK_STEP / 2,
                       .tolerance = TOLERANCE};
    GradCheckResult result = gradcheck(&check);
    ck_assert_msg(result.passed, "%s\n%s", given, result.why);
    parameter_list_free(&list);
    subject_free(&subject);
}

START_TEST(random_formulas_have_the_gradients_of_differences)
{
    Writer writer;
    write_formula(&writer, (uint64_t)_i + 1);
    assert_gradients(writer.text, writer.text);
}
END_TEST

START_TEST(each_row_of_the_table_has_the_gradients_of_differences)
{
    const ResidualRow *row = &residual_table[_i];
    if (strcmp(row->name, "rezero") == 0) { // at 0, no gradient reaches f
        assert_gradients(row->name, "h + scalar(0.4)*f(h)");
    } else if (strstr(row->text, "stop") == NULL) { // through which differences see
        assert_gradients(row->name, row->text);
    }
}
END_TEST

// To the gradient, stop(e) is a constant: the same as x0, if that has e's values.
START_TEST(stop_is_a_constant_to_the_gradient)
{
    static const char *const stopped[] = {"stop(h*h)", "x0"};
    Real *dh[2];
    Real *dw[2];
    for (int i = 0; i < 2; i++) {
        char text[128];
        snprintf(text, sizeof text, "norm(%s*h) - sigmoid(%s)*f(h + %s)", stopped[i], stopped[i], stopped[i]);
        Subject subject;
        subject_init(&subject, text);
        for (int k = 0; k < 2 * WIDTH; k++) {
            subject.x0->data[k] = subject.h->data[k] * subject.h->data[k];
        }
        Tensor *y = run_subject(&subject);
        tensor_backward(tensor_sum(tensor_mul(y, y)));
        dh[i] = copy_values(subject.h->grad, 2 * WIDTH);
        dw[i] = copy_values(subject.f.weight->grad, WIDTH * WIDTH);
        tape_reset(tape_current());
        subject_free(&subject);
    }
    assert_same_bits(dh[0], dh[1], 2 * WIDTH, "dh");
    assert_same_bits(dw[0], dw[1], WIDTH * WIDTH, "df");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Values

static const char *const arithmetic[] = {"h - 2 + f(h)", "2 - h + f(h)", "h/2 - 3*f(h)", "2/(h*h + 1) + f(h)*4 + 1", "-h - -f(h)/8"};

enum { ARITHMETIC = sizeof arithmetic / sizeof arithmetic[0] };

START_TEST(constants_stand_on_either_side_of_an_operator)
{
    Subject subject;
    subject_init(&subject, arithmetic[_i]);
    const Tensor *y = run_subject(&subject);
    const Tensor *fh = run_f(&subject.f, subject.h);
    for (int k = 0; k < 2 * WIDTH; k++) {
        double h = subject.h->data[k];
        double f = fh->data[k];
        const double expected[ARITHMETIC] = {h - 2 + f, 2 - h + f, h / 2 - 3 * f, 2 / (h * h + 1) + f * 4 + 1, -h - -f / 8};
        ck_assert_double_eq_tol(y->data[k], expected[_i], 1e-15 * 16); // of values below 16
    }
    tape_reset(tape_current());
    subject_free(&subject);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The split by shortcut and branch

static Tensor *run_f_stopped(void *context, Tensor *x)
{
    return run_f(context, tensor_detach(x));
}

static void backward_of(Tensor *y)
{
    tensor_backward_from(y, random_values(2 * WIDTH, 3));
}

// What came by shortcuts is the gradient where f passes none; the rest came by f. Parts of one number each may be rounded otherwise.
static void assert_split(const char *text)
{
    Subject subject;
    subject_init(&subject, text);
    Tensor *streams[3];
    Real *by_shortcut = NULL;
    Real *all = NULL;
    for (int pass = 0; pass < 2; pass++) {
        tape_reset(tape_current());
        for (int i = 0; i < 3; i++) {
            streams[i] = random_leaf(SHAPE(2, WIDTH), (uint64_t)i + 40);
        }
        ResidualStreams in = {streams[0], streams[1], streams[2]};
        Tensor *y = residual_forward(&subject.residual, in, pass == 0 ? run_f_stopped : run_f, &subject.f);
        if (pass == 0) {
            if (!y->requires_grad) {
                continue;
            }
            backward_of(y);
            by_shortcut = streams[0]->grad == NULL ? copy_values((Real[2 *WIDTH]){0}, 2 * WIDTH) : copy_values(streams[0]->grad, 2 * WIDTH);
            continue;
        }
        GradFlowWatch *watch = gradflow_watch(tape_current());
        backward_of(y);
        all = copy_values(streams[0]->grad, 2 * WIDTH);
        GradFlow flow = gradflow_read(watch, &subject.module);
        for (int k = 0; k < 2 * WIDTH && by_shortcut != NULL; k++) {
            all[k] -= by_shortcut[k];
        }
        const FlowRow *skip = gradflow_find(&flow, FLOW_SKIP_GRAD, "shortcut.1");
        const FlowRow *block = gradflow_find(&flow, FLOW_BLOCK_GRAD, "shortcut.1");
        double l2 = by_shortcut == NULL ? 0 : flow_stats(by_shortcut, 2 * WIDTH).l2;
        ck_assert_msg(skip != NULL || l2 == 0, "%s: no shortcut was found", text);
        if (skip != NULL) {
            double size = flow_stats(streams[0]->grad, 2 * WIDTH).l2 + l2;
            ck_assert_msg(is_near(skip->stats.l2, l2, 1e-13 * size), "%s: skip %.17g, expected %.17g", text, skip->stats.l2, l2);
            double rest = flow_stats(all, 2 * WIDTH).l2;
            ck_assert_msg(is_near(block->stats.l2, rest, 1e-13 * size), "%s: block %.17g, expected %.17g", text, block->stats.l2, rest);
        }
        gradflow_free(&flow);
    }
    tape_reset(tape_current());
    subject_free(&subject);
}

START_TEST(what_came_by_shortcut_and_by_branch_is_split_for_any_formula)
{
    Writer writer;
    write_formula(&writer, (uint64_t)_i + 1);
    assert_split(writer.text);
}
END_TEST

START_TEST(what_came_by_shortcut_and_by_branch_is_split_for_each_row)
{
    assert_split(residual_table[_i].text);
    assert_split("n = norm(h); m = tanh(n)*2; n + m*f(m + n)");
}
END_TEST

static int shortcuts_of(const char *text)
{
    Subject subject;
    subject_init(&subject, text);
    Tensor *h = random_leaf(SHAPE(2, WIDTH), 1);
    residual_forward(&subject.residual, (ResidualStreams){h, h, h}, run_f, &subject.f);
    GradFlowWatch *watch = gradflow_watch(tape_current());
    GradFlow flow = gradflow_read(watch, &subject.module);
    int n = flow.n_shortcuts;
    gradflow_free(&flow);
    tape_reset(tape_current());
    subject_free(&subject);
    return n;
}

START_TEST(every_path_that_bypasses_f_is_a_shortcut)
{
    ck_assert_int_eq(shortcuts_of("f(norm(h))"), 0);
    ck_assert_int_eq(shortcuts_of("f(h)*(1 - sigmoid(vector(0)))"), 0); // 1 is a constant, not a stream
    ck_assert_int_eq(shortcuts_of("h + f(norm(h))"), 1);
    ck_assert_int_eq(shortcuts_of("norm(h + f(h))"), 1);
    ck_assert_int_eq(shortcuts_of("0.5*h*scalar(2) + f(h)"), 1);
    ck_assert_int_eq(shortcuts_of("scalar(1)*h + scalar(0.1)*x0 + f(norm(h))"), 2);
    ck_assert_int_eq(shortcuts_of("t = sigmoid(linear(h, -2)); t*f(h) + (1 - t)*h"), 3);
    ck_assert_int_eq(shortcuts_of("h + f(h) | norm(h + f(h) + block)"), 2);
    ck_assert_int_eq(shortcuts_of("f(h)*tanh(h) + h"), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nn/residual: gradients in double");
    TCase *tcase = case_with_tape(suite, "gradients");
    tcase_add_loop_test(tcase, random_formulas_have_the_gradients_of_differences, 0, FORMULAS);
    tcase_add_loop_test(tcase, each_row_of_the_table_has_the_gradients_of_differences, 0, residual_table_count);
    tcase_add_test(tcase, stop_is_a_constant_to_the_gradient);
    tcase_add_loop_test(tcase, constants_stand_on_either_side_of_an_operator, 0, ARITHMETIC);

    TCase *splits = case_with_tape(suite, "splits");
    tcase_add_loop_test(splits, what_came_by_shortcut_and_by_branch_is_split_for_any_formula, 0, FORMULAS);
    tcase_add_loop_test(splits, what_came_by_shortcut_and_by_branch_is_split_for_each_row, 0, residual_table_count);
    tcase_add_test(splits, every_path_that_bypasses_f_is_a_shortcut);
    return suite_run(suite);
}
