// test_examples.c: each example runs, says what it should, and is shown in examples/README.md as it is. Runs from the root
// of the sources; the built examples are in GPTAPE_EXAMPLES of the environment, build/examples if that is not set.

#include "tests/cli/run.h"
#include "tests/support/suite.h"

#include <check.h>
#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCES "examples"
#define README SOURCES "/*.md"

enum { WIDTH_MAX = 100 };

// ------------------------------------------------------------------------------------------------------------
// Running and reading

// before: what stands in front of the program: variables, valgrind.
static Run run_example_after(const char *before, const char *name)
{
    char command[256];

    snprintf(command, sizeof command, "%s \"${GPTAPE_EXAMPLES:-build/examples}/%s\"", before, name);
    return run_shell(command);
}

static Run run_example(const char *name)
{
    return run_example_after("exec", name);
}

// The position after the next occurrence of part, which must exist.
static const char *behind(const char *text, const char *part)
{
    const char *found = strstr(text, part);

    ck_assert_msg(found != NULL, "\"%s\" is not in: %s", part, text);
    return found + strlen(part);
}

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

// All of a text file, or of those that a pattern names. The caller frees it.
static char *read_text(const char *path)
{
    char command[256];

    snprintf(command, sizeof command, "cat %s", path);
    Run run = run_shell(command);
    assert_quiet(&run);
    free(run.err);
    return run.out;
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

typedef struct Example {
    const char *name;
    void (*check)(const Run *run);
} Example;

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

static const Example examples[] = {
    {"tape", check_tape},           {"by_hand", check_by_hand}, {"layernorm", check_layernorm}, {"shortcut", check_shortcut},
    {"attention", check_attention}, {"block", check_block},     {"generate", check_generate},   {"training", check_training},
    {"residual", check_residual},   {"one_way", check_one_way}, {"own_op", check_own_op},       {"data_parallel", check_data_parallel},
};

enum { EXAMPLE_COUNT = sizeof examples / sizeof examples[0] };

START_TEST(says_what_it_should)
{
    Run run = run_example(examples[_i].name);

    assert_quiet(&run);
    examples[_i].check(&run);
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What holds for all

START_TEST(every_source_is_tested)
{
    DIR *folder = opendir(SOURCES);
    int sources = 0;

    ck_assert_msg(folder != NULL, "no folder %s: run this from the root of the sources", SOURCES);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *ending = strrchr(entry->d_name, '.');
        if (ending == NULL || strcmp(ending, ".c") != 0) {
            continue;
        }
        bool tested = false;
        for (int i = 0; i < EXAMPLE_COUNT; i++) {
            size_t length = strlen(examples[i].name);
            tested |= length == (size_t)(ending - entry->d_name) && strncmp(entry->d_name, examples[i].name, length) == 0;
        }
        ck_assert_msg(tested, "%s/%s has no row in this test's table", SOURCES, entry->d_name);
        sources++;
    }
    closedir(folder);
    ck_assert_int_eq(sources, EXAMPLE_COUNT);
}
END_TEST

// The same text, in which the last of a number's four digits may differ: other kernels round differently.
static void assert_same_numbers(const char *got, const char *expected)
{
    while (*got != '\0' && *expected != '\0') {
        char *got_end;
        char *expected_end;
        double number = strtod(got, &got_end);
        double other = strtod(expected, &expected_end);
        if (got_end == got || expected_end == expected) {
            ck_assert_msg(*got == *expected, "'%.40s', expected '%.40s'", got, expected);
            got_end = (char *)got + 1;
            expected_end = (char *)expected + 1;
        } else {
            ck_assert_msg(number == other || fabs(number - other) <= 1e-3 * fabs(other), "'%.40s', expected '%.40s'", got, expected);
        }
        got = got_end;
        expected = expected_end;
    }
    ck_assert_str_eq(got, expected);
}

START_TEST(says_the_same_again)
{
    const char *name = examples[_i].name;
    Run first = run_example(name);
    Run second = run_example(name);
    Run plain = run_example_after("GPTAPE_KERNELS=plain exec", name);
    Run fast = run_example_after("GPTAPE_KERNELS=fast exec", name);

    assert_quiet(&plain);
    assert_quiet(&fast);
    ck_assert_str_eq(second.out, first.out);
    assert_same_numbers(plain.out, first.out);
    assert_same_numbers(fast.out, first.out);
    run_free(&first);
    run_free(&second);
    run_free(&plain);
    run_free(&fast);
}
END_TEST

START_TEST(says_it_readably)
{
    Run run = run_example(examples[_i].name);
    int notices = 0;
    const char *end;

    for (const char *line = run.out; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        ck_assert_msg(end != NULL, "the last line does not end: %s", line);
        size_t length = (size_t)(end - line);
        ck_assert_msg(length <= WIDTH_MAX, "%zu columns: %.*s", length, (int)length, line);
        for (size_t i = 0; i < length; i++) {
            ck_assert_msg(isprint((unsigned char)line[i]), "byte %d in: %.*s", line[i], (int)length, line);
        }
        notices += strncmp(line, "-> ", 3) == 0;
    }
    ck_assert_int_gt(notices, 0);
    run_free(&run);
}
END_TEST

START_TEST(loses_no_memory)
{
    Run found = run_shell("command -v valgrind");
    bool installed = found.status == 0;

    run_free(&found);
    if (HAVE_SANITIZER || !installed) {
        skip(__func__, HAVE_SANITIZER ? "programs with a sanitizer do not run under valgrind" : "valgrind is not installed");
        return;
    }
    // All memory is to be given back, also what something still points to at the end, as long as it is ours.
    Run run = run_example_after("GPTAPE_KERNELS=plain exec valgrind --quiet --leak-check=full --show-leak-kinds=all "
                                "--error-exitcode=99",
                                examples[_i].name);
    if (strstr(run.err, "Valgrind: debuginfo reader:") != NULL) {
        skip(__func__, "this valgrind cannot read this compiler's debug information"); // Debian 12's, clang's DWARF 5
        run_free(&run);
        return;
    }
    assert_succeeded(&run);
    ck_assert_msg(strstr(run.err, "memory_allocate") == NULL, "%s: not freed: %s", run.command, run.err);
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The page about them

// The chapter of the README about an example: from its heading to the next. The caller frees it.
static char *chapter_of(const char *name)
{
    char heading[64];
    char *page = read_text(README);

    snprintf(heading, sizeof heading, " %s.c: ", name);
    const char *start = page;
    const char *found = NULL;
    while (found == NULL) {
        start = behind(start, "\n## ");
        const char *line_end = strchr(start, '\n');
        const char *part = strstr(start, heading);
        found = part != NULL && part < line_end ? start : NULL;
    }
    const char *end = strstr(start, "\n## ");
    size_t length = end == NULL ? strlen(start) : (size_t)(end + 1 - start);
    char *chapter = strndup(start, length);
    ck_assert_ptr_nonnull(chapter);
    free(page);
    return chapter;
}

START_TEST(readme_shows_the_real_output)
{
    Run run = run_example(examples[_i].name);
    char *chapter = chapter_of(examples[_i].name);
    int blocks = 0;

    assert_quiet(&run);
    for (char *at = strstr(chapter, "\n```text\n"); at != NULL; at = strstr(at, "\n```text\n")) {
        char *block = at + strlen("\n```text\n");
        char *end = strstr(block, "\n```\n");
        ck_assert_msg(end != NULL, "the block does not end: %s", block);
        end[1] = '\0'; // the block's last newline belongs to it
        const char *found = strstr(run.out, block);
        ck_assert_msg(found != NULL, "%s shows what %s does not print:\n%s", README, examples[_i].name, block);
        ck_assert_msg(found == run.out || found[-1] == '\n', "%s begins in the middle of a line:\n%s", README, block);
        at = end + 2;
        blocks++;
    }
    ck_assert_int_gt(blocks, 0);
    free(chapter);
    run_free(&run);
}
END_TEST

// The function on which an example's first comment puts a breakpoint exists, and the chapter opens the example in gdb.
START_TEST(breakpoint_exists)
{
    char path[64];
    char function[64];
    char command[256];

    snprintf(path, sizeof path, SOURCES "/%s.c", examples[_i].name);
    char *source = read_text(path);
    ck_assert_int_eq(sscanf(behind(source, "// Breakpoint: "), "%63[a-z_]", function), 1);
    free(source);

    char *chapter = chapter_of(examples[_i].name);
    const char *session = behind(chapter, "\n$ make debug ");
    session = behind(session, "=");
    ck_assert_int_eq(strncmp(session, examples[_i].name, strlen(examples[_i].name)), 0);
    free(chapter);

    snprintf(command, sizeof command, "grep -rqE --include='*.c' '^[A-Za-z][^;]*[ *(]%s\\)?\\([^;]*$' tensor nn gpt examples", function);
    Run found = run_shell(command);
    ck_assert_msg(found.status == 0, "%s: there is no function %s to break on", path, function);
    run_free(&found);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("examples");
    TCase *tcase = case_create(suite, "examples");
    tcase_add_test(tcase, every_source_is_tested);
    tcase_add_loop_test(tcase, says_what_it_should, 0, EXAMPLE_COUNT);
    tcase_add_loop_test(tcase, says_the_same_again, 0, EXAMPLE_COUNT);
    tcase_add_loop_test(tcase, says_it_readably, 0, EXAMPLE_COUNT);
    tcase_add_loop_test(tcase, readme_shows_the_real_output, 0, EXAMPLE_COUNT);
    tcase_add_loop_test(tcase, breakpoint_exists, 0, EXAMPLE_COUNT);
    tcase_add_loop_test(tcase, loses_no_memory, 0, EXAMPLE_COUNT);
    return suite_run(suite);
}
