// test_readme.c: every command in a README is run, the program in README.md is compiled against an installed library and run, and every
// output that a page shows is found in what its commands print.
//
// A block that begins with ```sh holds commands, one per line; ```c a program; ```python a program for transformers, which is run where that
// is installed; ```text output. The commands at the top of README.md are in a block without a name: the
// last test here runs make demo, and make check-playground covers make playground. Blocks of gdb sessions are checked by
// tests/debugger/test_transcripts.c.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT = 1 << 19, SECONDS = 1200 };

static const char *const pages[] = {
    "README.md",
    "gpt/README.md",
    "gpt/lab/README.md",
    "gpt/lab/claims/README.md",
    "gpt/stories/README.md",
    "gpt/store/README.md",
    "gpt/text/README.md",
    "gpt/train/README.md",
    "nn/residual/README.md",
    "notebooks/README.md",
    "tensor/inspect/gdb/README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
};

enum { PAGES = sizeof pages / sizeof pages[0] };

static char readme[TEXT];

// What all commands of the page printed.
static char printed[TEXT];

static void read_page(const char *page)
{
    char path[640];
    snprintf(path, sizeof path, "%s/%s", folder_home(), page);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    size_t n = fread(readme, 1, sizeof readme - 1, file);
    fclose(file);
    readme[n] = '\0';
    ck_assert_uint_gt(n, 1000);
}

// Commands run in a folder of their own, in which build/gptape is the program under test.
static void prepare(void)
{
    folder_enter();
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1); // in a container the tests are root
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    char command[1024];
    snprintf(command, sizeof command, "mkdir build && ln -s \"$GPTAPE_BIN\" build/gptape && cp '%s/README.md' shakespeare.txt", folder_home());
    Run run = run_shell(command);
    assert_quiet(&run);
    run_free(&run);
}

// What a page asks its reader to get, beside a text: a folder with a GPT-2, here a small one.
static void get_gpt2(void)
{
    Run run = run_gptape("train --config tiny --context-length 128 --tokenizer bytes --data shakespeare.txt --out gpt2 --steps 2 --quiet");
    assert_quiet(&run);
    run_free(&run);
}

// The next block with this name after *at, copied to block; *at moves behind it. False if there is none.
static bool next_block(const char **at, const char *name, char block[TEXT])
{
    char opening[32];
    snprintf(opening, sizeof opening, "\n```%s\n", name);
    const char *start = strstr(*at, opening);
    if (start == NULL) {
        return false;
    }
    start += strlen(opening);
    const char *end = strstr(start, "```");
    ck_assert_ptr_nonnull(end);
    memcpy(block, start, (size_t)(end - start));
    block[end - start] = '\0';
    *at = end + 1;
    return true;
}

static void keep_output(const Run *run)
{
    size_t used = strlen(printed);
    ck_assert_uint_lt(used + strlen(run->out), sizeof printed);
    strcat(printed, run->out);
}

// Training takes minutes: a few steps of four rows and two layers do here, two batches of each evaluation, and a small model for the many samples
// of stories. The last of an option counts. Where there is no MPI, one rank does what two would do.
static Run run_line(const char *line)
{
    char command[512];
    bool alone = strstr(line, "mpirun") == line && !have_mpi("mpirun in a page");
    line = alone ? strstr(line, "build/gptape") : line;
    bool trains = strstr(line, "build/gptape train") != NULL && strstr(line, "--resume") == NULL;
    bool of_text = trains && strstr(line, "--ids") == NULL && strstr(line, "--task") == NULL;
    bool of_stories = of_text && strstr(line, "--data") == NULL;
    bool untrained = of_text && strstr(line, "--model") == NULL;
    snprintf(command, sizeof command, "%s%s%s%s%s%s", line, trains ? " --steps 12" : "", alone && trains ? " --accumulate 2 --reduce exact" : "",
             of_text ? " --batch 4 --eval-batches 2" : "", untrained ? " --n-layer 2" : "", of_stories ? " --context-length 16 --n-embd 32" : "");
    return run_shell(command);
}

// No line ends in a blank, except of a text that a model made.
static void assert_no_blanks(const Run *run)
{
    bool made = strstr(run->command, "gptape train") != NULL || strstr(run->command, "gptape generate") != NULL;
    const char *blank = made ? NULL : strstr(run->out, " \n");
    ck_assert_msg(blank == NULL, "%s: a line ends in a blank: %.*s", run->command, blank == NULL ? 0 : (int)(blank - run->out), run->out);
}

static void run_commands(void)
{
    static char block[TEXT];
    const char *at = readme;
    if (strstr(readme, "--model gpt2") != NULL) {
        get_gpt2();
    }
    while (next_block(&at, "sh", block)) {
        for (char *line = strtok(block, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            Run run = run_line(line);
            ck_assert_msg(run.status == 0, "%s: exited with %d: %s", line, run.status, run.err);
            ck_assert_msg(strlen(run.out) > 0 || strlen(run.err) > 0, "%s: printed nothing", line);
            assert_no_blanks(&run);
            keep_output(&run);
            run_free(&run);
        }
    }
}

// As a user would: make install, then compile with what pkg-config says. It quotes blanks in the prefix, for eval.
static void run_program(const char *prefix, const char *eval)
{
    static char block[TEXT];
    char command[1400];
    const char *at = readme;
    ck_assert(next_block(&at, "c", block));
    FILE *file = fopen("example.c", "w");
    ck_assert_ptr_nonnull(file);
    fputs(block, file);
    ck_assert_int_eq(fclose(file), 0);
    install_into(prefix);
    snprintf(command, sizeof command,
             "prefix='%s/%s' && export PKG_CONFIG_PATH=\"$prefix/lib/pkgconfig\" && "
             "%s cc -std=c11 -Wall -Wextra -Wpedantic -Werror example.c $(pkg-config --cflags --libs gptape) -o example && "
             "LD_LIBRARY_PATH=\"$prefix/lib\" ./example",
             folder_path(), prefix, eval);
    Run run = run_shell(command);
    ck_assert_msg(run.status == 0, "the program in README.md: %s%s", run.out, run.err);
    keep_output(&run);
    run_free(&run);
}

START_TEST(what_a_page_shows_is_what_comes)
{
    static char block[TEXT];
    read_page(pages[_i]);
    run_commands();
    if (strstr(readme, "\n```c\n") != NULL) {
        run_program("usr", "");
    }
    const char *at = readme;
    while (next_block(&at, "text", block)) {
        ck_assert_msg(strstr(printed, block) != NULL, "%s shows what no command of it printed:\n%s\nThey printed:\n%s", pages[_i], block, printed);
    }
}
END_TEST

START_TEST(it_is_installed_where_a_name_holds_a_blank)
{
    read_page("README.md");
    run_program("a prefix", "eval");
    ck_assert_ptr_nonnull(strstr(printed, "1.393         1.5       1.393"));
}
END_TEST

// The loss of the model in a folder, on the batch that the README names.
static double loss_of(const char *folder)
{
    char arguments[128];
    snprintf(arguments, sizeof arguments, "eval --quiet --json --model %s --ids 1,2,3 --targets 2,3,4", folder);
    Run run = run_gptape(arguments);
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    double loss = json_number(json, "loss");
    cJSON_Delete(json);
    run_free(&run);
    return loss;
}

// The program in the README, and after it the same loss as transformers computes it: labels are the ids, which it shifts itself.
static double loss_in_transformers(const char *program)
{
    FILE *file = fopen("back.py", "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "%simport torch\nids = torch.tensor([[1, 2, 3, 4]])\nprint(model(ids, labels=ids).loss.item())\n", program);
    ck_assert_int_eq(fclose(file), 0);
    Run run = run_shell("build/gptape train --config tiny --data shakespeare.txt --out run --steps 2 --quiet > train.txt && "
                        "HF_HUB_OFFLINE=1 python3 back.py");
    ck_assert_msg(run.status == 0, "transformers: %s", run.err);
    double loss = strtod(run.out, NULL);
    run_free(&run);
    return loss;
}

START_TEST(transformers_computes_the_same_and_gives_it_back)
{
    static char block[TEXT];
    char command[512];
    read_page("gpt/store/README.md");
    const char *at = readme;
    ck_assert(next_block(&at, "python", block));
    const char *comment = strstr(block, "# gptape ");
    ck_assert_ptr_nonnull(comment);
    Run have = run_shell("python3 -c 'import torch, transformers'");
    if (have.status == 0) {
        double theirs = loss_in_transformers(block);
        double ours = loss_of("run");
        ck_assert_double_gt(ours, 1);
        ck_assert_double_eq_tol(theirs, ours, 1e-6 * ours); // float32's rounding, summed in another order
        ck_assert_double_eq(loss_of("back"), ours);
        snprintf(command, sizeof command, "build/%.*s", (int)strcspn(comment + 2, "\n"), comment + 2);
        Run run = run_shell(command);
        ck_assert_msg(run.status == 0, "%s: %s", command, run.err);
        run_free(&run);
    } else {
        skip(__func__, "python3 has no transformers, or no torch");
    }
    run_free(&have);
}
END_TEST

START_TEST(pictures_and_pages_are_there)
{
    read_page(pages[_i]);
    int folder = (int)(strrchr(pages[_i], '/') == NULL ? 0 : strrchr(pages[_i], '/') - pages[_i]);
    for (const char *at = strstr(readme, "]("); at != NULL; at = strstr(at, "](")) {
        char path[1024];
        at += 2;
        size_t length = strcspn(at, "#)");
        if (length == 0 || strncmp(at, "https://", strlen("https://")) == 0) {
            continue; // within the page, or out of a test's reach
        }
        snprintf(path, sizeof path, "%s/%.*s/%.*s", folder_home(), folder, pages[_i], (int)length, at);
        ck_assert_msg(access(path, R_OK) == 0, "%s links to %.*s", pages[_i], (int)length, at);
    }
}
END_TEST

START_TEST(make_demo_draws_and_speaks)
{
    char command[700];
    snprintf(command, sizeof command, "env -u MAKEFLAGS -u MAKELEVEL make -C '%s' demo", folder_home());
    Run run = run_shell(command);
    ck_assert_msg(run.status == 0, "make demo: %s", run.err);
    assert_has(&run, run.out, "decades a layer");
    assert_has(&run, run.out, "token cosine");
    assert_has(&run, run.out, "Hello, I am");
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("README.md");
    TCase *tests = case_create(suite, "its word");
    tcase_add_checked_fixture(tests, prepare, folder_leave);
    tcase_add_loop_test(tests, what_a_page_shows_is_what_comes, 0, PAGES);
    tcase_add_test(tests, it_is_installed_where_a_name_holds_a_blank);
    tcase_add_test(tests, transformers_computes_the_same_and_gives_it_back);
    tcase_add_loop_test(tests, pictures_and_pages_are_there, 0, PAGES);
    tcase_add_test(tests, make_demo_draws_and_speaks);
    return suite_run(suite);
}
