// test_examples.c: each example runs and says what it should (examples_test.h).

#include "tests/examples/examples_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double number_behind(const char *text, const char *part)
{
    const char *start = behind(text, part);
    char *end;
    double number = strtod(start, &end);

    ck_assert_msg(end != start, "no number behind \"%s\": %s", part, text);
    return number;
}

static const char *next_line(const char *text)
{
    return behind(text, "\n");
}

// ------------------------------------------------------------------------------------------------------------
// What each example has to say

// What tensor_print says of the gradient of a tensor with one value.
static double printed_grad(const char *text, const char *name)
{
    char title[32];

    snprintf(title, sizeof title, "\n%s (1)", name);
    const char *tensor = behind(text, title);
    return number_behind(tensor, "grad\n[");
}

static void check_tape(const Run *run)
{
    const char *before = behind(run->out, "b = a + a and c = b + b");
    const char *once = behind(run->out, "After tensor_backward(c):\n");
    const char *twice = behind(run->out, "After a second tensor_backward(c):\n");

    behind(before, "   0  add  leaf leaf ");
    behind(before, "   1  add  0 0 ");
    ck_assert_double_eq(printed_grad(once, "c"), 1);
    ck_assert_double_eq(printed_grad(once, "b"), 2);
    ck_assert_double_eq(printed_grad(once, "a"), 4);
    ck_assert_double_eq(printed_grad(twice, "b"), 2);
    ck_assert_double_eq(printed_grad(twice, "a"), 8);
}

// L of the network in by_hand.c with its nine parameters in the order in which they are printed: W2, b2, W1, b1.
static double by_hand_loss(const double *p)
{
    double h_0 = tanh(p[3] * 1.0 + p[4] * 0.5 + p[7]);
    double h_1 = tanh(p[5] * 1.0 + p[6] * 0.5 + p[8]);
    double y = p[0] * h_0 + p[1] * h_1 + p[2];

    return (y - 0.5) * (y - 0.5);
}

static void check_by_hand(const Run *run)
{
    const double parameters[] = {1, -0.5, 0.25, 0.5, 1, 0.25, -1.5, 0, 0};
    const char *rows = behind(run->out, "difference\n");
    double L = number_behind(run->out, "On the tape: L = ");

    ck_assert_double_eq_tol(L, by_hand_loss(parameters), 6e-6);
    for (int i = 0; i < 9; i++) {
        char name[32];
        double hand;
        double tape;
        double difference;
        double moved[9];
        ck_assert_int_eq(sscanf(rows, " %31s %lf %lf %lf", name, &hand, &tape, &difference), 4);
        memcpy(moved, parameters, sizeof moved);
        moved[i] += 1e-4;
        double above = by_hand_loss(moved);
        moved[i] -= 2e-4;
        double below = by_hand_loss(moved);
        double slope = (above - below) / 2e-4;
        ck_assert_msg(strncmp(name, "dL/d", 4) == 0, "row %d: %s", i, name);
        ck_assert_msg(fabs(hand - slope) < 6e-6, "%s: by hand %f, but L's slope is %f", name, hand, slope);
        ck_assert_msg(fabs(tape - slope) < 6e-6, "%s: on the tape %f, but L's slope is %f", name, tape, slope);
        ck_assert_double_eq(difference, 0);
        rows = next_line(rows);
    }
    behind(rows, "-> They agree");
}

static void check_layernorm(const Run *run)
{
    const char *rows = behind(run->out, "variance of y\n");

    for (int i = 0; i < 2; i++) {
        int row;
        double mean;
        double variance;
        ck_assert_int_eq(sscanf(rows, " %d %lf %lf", &row, &mean, &variance), 3);
        ck_assert_double_eq_tol(mean, 0, 1e-4);
        ck_assert_double_eq_tol(variance, 1, 1e-4);
        rows = next_line(rows);
    }
    ck_assert_double_eq(number_behind(run->out, "Largest difference from the steps: "), 0);

    double dx[4][4]; // row 0 in steps, fused; row 1 in steps, fused
    rows = behind(run->out, "sum of row\n");
    for (int i = 0; i < 4; i++) {
        double sum;
        int n = sscanf(rows, " row %*d, %*s %lf %lf %lf %lf %lf", &dx[i][0], &dx[i][1], &dx[i][2], &dx[i][3], &sum);
        ck_assert_int_eq(n, 5);
        ck_assert_double_eq(sum, 0);
        ck_assert_double_eq_tol(dx[i][0] + dx[i][1] + dx[i][2] + dx[i][3], 0, 3e-4);
        rows = next_line(rows);
    }
    for (int j = 0; j < 4; j++) {
        ck_assert_double_ne(dx[0][j], 0);
        ck_assert_double_eq_tol(dx[2][j], dx[0][j], 1.1e-4);
        ck_assert_double_eq_tol(dx[3][j], dx[1][j], 1.1e-4);
        ck_assert_double_eq_tol(10 * dx[1][j], dx[0][j], 1e-3);
    }
}

// The book's mean |dL/dW| of each layer, to nine places. Its editions differ from each other in the seventh digit.
static const double book_without[] = {0.000201736, 0.000120112, 0.000715204, 0.001398874, 0.005049645};
static const double book_with[] = {0.221697927, 0.206941068, 0.328969955, 0.266573220, 1.325854063};

// The five layers are the book's. The twenty before them: the gradient vanishes, or does not.
static void check_shortcut(const Run *run)
{
    const char *deep = behind(run->out, "20 layers, mean |dL/dW|    without shortcuts    with shortcuts\n");
    const char *rows = behind(deep, " 5 layers, mean |dL/dW|    without shortcuts    with shortcuts\n");
    double without;
    double with;
    ck_assert_int_eq(sscanf(behind(deep, "-> first / last "), "%lf %lf", &without, &with), 2);
    ck_assert_double_eq_tol(without / 6.1e-14, 1, 0.01); // two printed digits
    ck_assert_double_eq_tol(with, 0.042, 0.0005);
    for (int i = 0; i < 5; i++) {
        int layer;
        ck_assert_int_eq(sscanf(rows, "layer %d %lf %lf", &layer, &without, &with), 3);
        ck_assert_int_eq(layer, i);
        ck_assert_double_eq_tol(without / book_without[i], 1, 6e-4); // four printed digits
        ck_assert_double_eq_tol(with / book_with[i], 1, 6e-4);
        rows = next_line(rows);
    }
}

static void check_attention(const Run *run)
{
    const char *masked = behind(run->out, "\nmasked");
    const char *rows = behind(run->out, "\nweights = softmax(masked)");
    int hidden = 0;

    for (const char *at = strstr(masked, "-inf"); at != NULL && at < rows; at = strstr(at + 1, "-inf")) {
        hidden++;
    }
    ck_assert_int_eq(hidden, 15); // above the diagonal of 6 x 6

    double weights[6][6];
    rows = behind(rows, "sum\n");
    for (int i = 0; i < 6; i++) {
        double *w = weights[i];
        double sum;
        int n = sscanf(rows, " %*s %lf %lf %lf %lf %lf %lf %lf", &w[0], &w[1], &w[2], &w[3], &w[4], &w[5], &sum);
        ck_assert_int_eq(n, 7);
        ck_assert_double_eq(sum, 1);
        ck_assert_double_eq_tol(w[0] + w[1] + w[2] + w[3] + w[4] + w[5], 1, 3e-3);
        for (int j = 0; j < 6; j++) {
            ck_assert_msg(j > i ? w[j] == 0 : w[j] > 0, "row %d, column %d: %f", i, j, w[j]);
        }
        rows = next_line(rows);
    }
    ck_assert_double_eq(weights[4][0], weights[4][4]); // "the" and "the"
    ck_assert_double_eq(weights[5][0], weights[5][4]);
    ck_assert_double_eq(number_behind(run->out, "Largest difference from the steps: "), 0);
}

static void check_block(const Run *run)
{
    int shortcuts = 0;

    behind(run->out, "    c_attn  Linear  weight (96, 32)  bias (96)\n");
    behind(run->out, "\n12704 values in 12 parameters\n");
    for (const char *at = strstr(run->out, "  nodes "); at != NULL; at = strstr(at + 1, "  nodes ")) {
        const char *line = at;
        int index;
        char op[16];
        while (line[-1] != '\n') {
            line--;
        }
        ck_assert_int_eq(sscanf(line, "%d %15s", &index, op), 2);
        ck_assert_str_eq(op, "add");
        ck_assert_double_eq(number_behind(line, " ... "), index - 1);
        shortcuts++;
    }
    ck_assert_int_eq(shortcuts, 2);
    behind(run->out, "-> (1, 5, 32) in, (1, 5, 32) out");
    behind(run->out, "-> 2 shortcuts");
    behind(behind(run->out, "-> With the rule f(norm(h)): "), "and 0 shortcuts");
}

static void check_generate(const Run *run)
{
    const char *at = behind(run->out, "new ids");
    int differing = 0;
    long first = 0;

    behind(run->out, "ids     72 101 108 108 111 44 32 73 32 97 109\n");
    for (int i = 0; i < 20; i++) {
        char *end;
        long id = strtol(at, &end, 10);
        ck_assert_msg(end != at && id >= 0 && id < 256, "new id %d: %ld", i, id);
        first = i == 0 ? id : first;
        differing += id != first;
        at = end;
    }
    ck_assert_int_eq(*at, '\n');
    ck_assert_int_gt(differing, 0);
    behind(at, "\ntext    Hello, I am");
    behind(at, "-> A second model from seed 123 generates the same nonsense.");

    // the same logit, from 12 rows and from 1
    const char *without = behind(at, "  without a cache ");
    const char *with = behind(without, "  with a cache ");
    int rows[2];
    int ids[2];
    double logits[2];
    ck_assert_int_eq(sscanf(without, "%d %d %lf", &rows[0], &ids[0], &logits[0]), 3);
    ck_assert_int_eq(sscanf(with, "%d %d %lf", &rows[1], &ids[1], &logits[1]), 3);
    ck_assert_int_eq(rows[0], 12);
    ck_assert_int_eq(rows[1], 1);
    ck_assert_int_eq(ids[0], ids[1]);
    ck_assert_double_eq_tol(logits[0], logits[1], 1.5e-5);
    behind(with, "-> The two rows of logits differ by less than 1e-5");

    // what is left to draw from
    const char *drawn = behind(with, "most likely token\n");
    ck_assert_double_eq(number_behind(drawn, "temperature 1 "), 256);
    ck_assert_double_eq(number_behind(drawn, "top_k 5 "), 5);
    ck_assert_double_lt(number_behind(drawn, "top_p 0.5 "), 256);

    double loss = number_behind(at, "loss on the prompt ");
    double guess = number_behind(at, "ln V = ln 256 ");
    ck_assert_double_eq_tol(guess, log(256), 5.1e-4);
    ck_assert_double_eq_tol(loss, guess, 0.3);
}

static void check_training(const Run *run)
{
    double first = number_behind(run->out, "\n   1 ");
    double last = number_behind(run->out, "\n  60 ");

    ck_assert_double_eq_tol(first, log(256), 0.3);
    ck_assert_double_lt(last, 0.1);
    behind(run->out, "before  G");
    ck_assert_ptr_null(strstr(run->out, "before  Gradients"));
    behind(run->out, "\nafter   Gradients flow from end to start\n");
}

static void check_residual(const Run *run)
{
    const char *at = behind(run->out, "t = sigmoid(linear(h, -2)); t*f(h) + (1 - t)*h\nis highway\n");
    at = behind(at, "   1  sigmoid    block                  \n");
    at = behind(at, "   3  attention  block.attn             f\n");
    at = behind(at, "\n6 shortcuts around f, in two sublayers.");
    double shortcut = number_behind(at, "block.shortcut.1   shortcut ");
    double branch = number_behind(at, "block.shortcut.1   branch ");
    ck_assert(branch > 0 && shortcut > 10 * branch); // the gate starts mostly on the shortcut
}

static void check_one_way(const Run *run)
{
    double first[4];
    static const char *const rules[] = {"\npre ", "\nforward-only ", "\nnone ", "\nbackward-only "};
    for (int i = 0; i < 4; i++) {
        const char *numbers = strrchr(rules[i], ' ') == NULL ? NULL : behind(run->out, rules[i]);
        double loss;
        double last;
        numbers = behind(numbers, i < 2 ? "+ f(norm(h)) " : "f(norm(h)) ");
        ck_assert_int_eq(sscanf(numbers, "%lf %lf %lf", &loss, &first[i], &last), 3);
    }
    ck_assert(first[1] > 0 && first[1] < 1e-9 * first[0]);
    ck_assert(first[3] > 100 * first[2]);
    behind(run->out, "-> The losses are equal to the last bit in pairs");
}

// y = x + x sigmoid(x): dy/dx = 1 + s + x s (1 - s).
static void check_own_op(const Run *run)
{
    double slopes[3];
    behind(run->out, "swish: gradient and difference quotient agree\n");
    ck_assert_int_eq(sscanf(behind(run->out, "grad\n["), "%lf %lf %lf", &slopes[0], &slopes[1], &slopes[2]), 3);
    for (int i = 0; i < 3; i++) {
        double x = 2 * i - 2;
        double s = 1 / (1 + exp(-x));
        ck_assert_double_eq_tol(slopes[i], 1 + s + x * s * (1 - s), 6e-4); // four digits are printed
    }
    behind(run->out, "   0  swish  leaf ");
}

// On one rank; tests/cli/test_ranks.c runs it on several.
static void check_data_parallel(const Run *run)
{
    double norms[6];
    const char *numbers = behind(run->out, "rank 0 of 1, |gradient| of row ");
    int n = sscanf(numbers, " 0: %lf 1: %lf 2: %lf 3: %lf 4: %lf 5: %lf", &norms[0], &norms[1], &norms[2], &norms[3], &norms[4], &norms[5]);
    ck_assert_int_eq(n, 6);
    for (int i = 0; i < 6; i++) {
        ck_assert(norms[i] > 0.1 && norms[i] < 10);
    }
    behind(run->out, "-> The sum on 1 rank(s) has the same bits as that of one process\n");
}

static void (*const checks[EXAMPLE_COUNT])(const Run *run) = {
    // in the order of examples
    check_tape,     check_by_hand,  check_layernorm, check_shortcut, check_attention, check_block,
    check_generate, check_training, check_residual,  check_one_way,  check_own_op,    check_data_parallel,
};

START_TEST(says_what_it_should)
{
    Run run = run_example(examples[_i]);

    assert_quiet(&run);
    checks[_i](&run);
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("examples");
    TCase *tcase = case_create(suite, "examples");
    tcase_add_loop_test(tcase, says_what_it_should, 0, EXAMPLE_COUNT);
    return suite_run(suite);
}
