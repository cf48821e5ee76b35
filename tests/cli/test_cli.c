// test_cli.c: the program as a whole: help, version, wrong input, memory and disk.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Help and version

static const char *const commands[] = {"info", "generate", "gradcheck", "gradflow", "tokenize", "bench", "stories", "eval", "train"};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };
enum { HERE_COUNT = 3 }; // the others' examples need a folder: test_gradflow.c, test_eval.c, ...

static const char *const usages[] = {"", "help", "--help", "-h"};

START_TEST(usage_lists_every_command)
{
    Run run = run_gptape(usages[_i]);

    assert_quiet(&run);
    assert_has(&run, run.out, "Usage: gptape COMMAND");
    assert_has(&run, run.out, "Examples:");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        char line[32];
        snprintf(line, sizeof line, "\n  %s ", commands[i]);
        assert_has(&run, run.out, line);
    }
    run_free(&run);
}
END_TEST

START_TEST(help_of_a_command)
{
    static const char *const forms[] = {"help %s", "%s --help", "%s -h", "--help %s", "%s --json --help", "%s one two --help"};
    const char *command = commands[_i];
    char arguments[64];
    char usage[64];

    snprintf(usage, sizeof usage, "Usage: gptape %s [OPTIONS]\n", command);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        snprintf(arguments, sizeof arguments, forms[i], command);
        Run run = run_gptape(arguments);
        assert_quiet(&run);
        ck_assert_msg(strncmp(run.out, usage, strlen(usage)) == 0, "%s: begins otherwise: %s", run.command, run.out);
        assert_has(&run, run.out, "--json");
        assert_has(&run, run.out, "default");
        assert_has(&run, run.out, "\nExamples:\n  gptape ");
        run_free(&run);
    }
}
END_TEST

// Every example on the help pages works, except those that need minutes or gigabytes.
START_TEST(examples_work)
{
    char arguments[64];
    int tried = 0;

    snprintf(arguments, sizeof arguments, "help %s", commands[_i]);
    Run help = run_gptape(arguments);
    char *line = strstr(help.out, "\nExamples:\n");
    ck_assert_ptr_nonnull(line);
    line = strtok(line + strlen("\nExamples:\n"), "\n");
    while (line != NULL) {
        if (strstr(line, "generate --config gpt2-124m") == NULL && strstr(line, "--model DIR") == NULL) {
            succeed(line + strlen("  gptape "));
            tried++;
        }
        line = strtok(NULL, "\n");
    }
    ck_assert_int_gt(tried, 0);
    run_free(&help);
}
END_TEST

START_TEST(one_is_singular)
{
    Run run = run_gptape("info --n-layer 1 --n-head 1");
    assert_has(&run, run.out, "\n1 layer, 1 head, width ");
    run_free(&run);
}
END_TEST

START_TEST(version)
{
    Run run = run_gptape("--version");
    int major;
    int minor;
    int patch;
    char more;

    assert_quiet(&run);
    ck_assert_msg(sscanf(run.out, "gptape %d.%d.%d%c", &major, &minor, &patch, &more) == 4 && more == '\n', "it is: %s", run.out);
    ck_assert_int_eq(text_lines(run.out), 1);
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Wrong input: one line, status 2, nothing on stdout

typedef struct Wrong {
    const char *arguments;
    const char *part; // of the line on stderr
} Wrong;

static const Wrong wrongs[] = {
    // commands
    {"inof", "gptape: inof: unknown command; did you mean info?"},
    {"frobnicate", "frobnicate: unknown command (expected gradflow, sweep, claims, graph, info, "},
    {"''", "gptape: '': unknown command (expected gradflow, sweep, claims, graph, info, "},
    {"help ''", "gptape: '': unknown command (expected gradflow, sweep, claims, graph, info, "},
    {"--json", "--json: unexpected before the command (expected gptape COMMAND [OPTIONS])"},
    {"help frobnicate", "frobnicate: unknown command (expected gradflow, sweep, claims, graph, info, "},
    {"help info generate", "'generate': unexpected (expected one command)"},
    // options
    {"info --frobnicate", "gptape info: --frobnicate: unknown option; see 'gptape info --help'"},
    {"info --n-embed 32", "did you mean --n-embd?"},
    {"--frobnicate info", "gptape: --frobnicate: unexpected before the command (expected gptape COMMAND [OPTIONS])"},
    {"info -x", "-x: unknown option; see 'gptape info --help'"},
    {"info --n-embd", "--n-embd: missing value; see 'gptape info --help'"},
    {"info --json=3", "--json=3: takes no value (expected --json)"},
    {"info tiny", "'tiny': unexpected; info takes options only, see 'gptape info --help'"},
    {"info --config tiny 5", "'5': unexpected; info takes options only, see 'gptape info --help'"},
    {"info -- tiny", "'tiny': unexpected; info takes options only, see 'gptape info --help'"},
    {"gradcheck --n-layer 2", "--n-layer: unknown option; see 'gptape gradcheck --help'"},
    {"info --prompt x", "--prompt: unknown option; see 'gptape info --help'"},
    // numbers
    {"info --n-embd 12x", "--n-embd: '12x' is not an integer between 1 and 2147483647"},
    {"info --n-embd 1e99", "--n-embd: '1e99' is not an integer between 1 and 2147483647"},
    {"info --n-embd 12.0", "--n-embd: '12.0' is not an integer between 1 and 2147483647"},
    {"info --n-embd 0x10", "--n-embd: '0x10' is not an integer between 1 and 2147483647"},
    {"info --n-embd ' 12'", "--n-embd: ' 12' is not an integer between 1 and 2147483647"},
    {"info --n-embd '12 '", "--n-embd: '12 ' is not an integer between 1 and 2147483647"},
    {"info --n-embd +12", "--n-embd: '+12' is not an integer between 1 and 2147483647"},
    {"info --n-embd ''", "--n-embd: '' is not an integer between 1 and 2147483647"},
    {"info --n-embd=", "--n-embd: '' is not an integer between 1 and 2147483647"},
    {"info --n-embd -", "--n-embd: '-' is not an integer between 1 and 2147483647"},
    {"info --n-embd -4", "--n-embd: '-4' is not an integer between 1 and 2147483647"},
    {"info --n-layer 0", "--n-layer: '0' is not an integer between 1 and 2147483647"},
    {"info --n-head 0", "--n-head: '0' is not an integer between 1 and 2147483647"},
    {"info --vocab-size 0", "--vocab-size: '0' is not an integer between 1 and 2147483647"},
    {"info --context-length -1", "--context-length: '-1' is not an integer between 1 and 2147483647"},
    {"info --ff-mult 0", "--ff-mult: '0' is not an integer between 1 and 2147483647"},
    {"info --batch 0", "--batch: '0' is not an integer between 1 and 2147483647"},
    {"info --n-layer 2147483648", "--n-layer: '2147483648' is not an integer between 1 and 2147483647"},
    {"info --n-layer 99999999999999999999999999", "--n-layer: '99999999999999999999999999' is not an integer between 1 and 2147483647"},
    {"info --n-layer -99999999999999999999999999", "--n-layer: '-99999999999999999999999999' is not an integer between 1 and 2147483647"},
    {"info --seed -1", "--seed: unknown option; did you mean --tied?"},
    {"info --seed 4294967296", "--seed: unknown option; did you mean --tied?"},
    {"info --threads 0", "--threads: unknown option; see 'gptape info --help'"},
    {"gradcheck --threads 1x", "gptape gradcheck: --threads: '1x' is not an integer between 1 and 1024"},
    {"info --dropout x", "--dropout: 'x' is not a number between 0 and 0.999999"},
    {"info --dropout nan", "--dropout: 'nan' is not a number between 0 and 0.999999"},
    {"info --dropout inf", "is not a number"},
    {"info --dropout 0.1.2", "is not a number"},
    {"info --dropout ''", "is not a number"},
    {"info --dropout 1", "--dropout: '1' is not a number between 0 and 0.999999"},
    {"info --dropout -0.1", "--dropout: '-0.1' is not a number between 0 and 0.999999"},
    {"info --dropout 1e400", "--dropout: '1e400' is not a number between 0 and 0.999999"},
    // switches and words
    {"info --tied yes", "--tied: 'yes' is not on or off"},
    {"info --tied ''", "--tied: '' is not on or off"},
    {"info --qkv-bias ON", "--qkv-bias: 'ON' is not on or off"},
    {"info --shortcut 1", "--shortcut: '1' is not on or off"},
    {"info --shortcut both", "--shortcut: 'both' is not on or off"},
    {"info --causal maybe", "--causal: 'maybe' is not on or off"},
    {"info --norm '!#:+' --json", "--norm: '!#:+' is unknown (expected pre, post or none)"},
    {"info --norm='!#:+'", "--norm: '!#:+' is unknown (expected pre, post or none)"},
    {"info --norm after", "--norm: 'after' is unknown (expected pre, post or none)"},
    {"info --activation swish", "--activation: 'swish' is unknown (expected gelu, gelu_erf, relu, tanh, sigmoid or identity)"},
    {"info --init zero", "--init: 'zero' is unknown (expected torch, gpt2, xavier, kaiming, deepnorm or orthogonal)"},
    {"info --config gpt4", "--config: 'gpt4' is unknown (expected tiny, "},
    {"info --config ''", "--config: '' is unknown (expected tiny, "},
    // names of nothing
    {"train --out ''", "gptape train: --out: empty name (expected a folder)"},
    {"train --resume --out=", "gptape train: --out: empty name (expected a folder)"},
    {"train --model '' --out folder", "gptape train: --model: empty name (expected a folder)"},
    {"train --data '' --out folder", "gptape train: --data: empty name (expected a file)"},
    {"generate --model ''", "gptape generate: --model: empty name (expected a folder)"},
    {"tokenize --vocab ''", "gptape tokenize: --vocab: empty name (expected a folder)"},
    {"tokenize --alphabet ''", "gptape tokenize: --alphabet: empty name (expected a file)"},
    {"gradflow --plot ''", "gptape gradflow: --plot: empty name (expected a file)"},
    {"gradflow --csv ''", "gptape gradflow: --csv: empty name (expected a file)"},
    {"graph --out ''", "gptape graph: --out: empty name (expected a file)"},
    {"bench --data ''", "gptape bench: --data: empty name (expected a file)"},
    // a line stays a line
    {"info --config \"$(printf 'a\\nb\\033[2J')\"", "--config: 'a\\nb\\x1b[2J' is unknown (expected tiny, "},
    {"\"$(printf 'in\\nfo')\"", "in\\nfo: unknown command; did you mean info?"},
    // sizes that do not fit together
    {"info --n-embd 30 --n-head 4", "gptape info: --n-embd: 30 is not a multiple of n_head 4 (try 28 or 32)"},
    {"--n-embd 30 info --n-head 4", "gptape: --n-embd: unexpected before the command (expected gptape COMMAND [OPTIONS])"},
    {"generate --n-embd 30 --n-head 4", "gptape generate: --n-embd: 30 is not a multiple of n_head 4 (try 28 or 32)"},
    {"generate --n-head 5", "--n-embd: 64 is not a multiple of n_head 5 (try 60 or 65)"},
    {"info --n-embd 2 --n-head 4", "--n-embd: 2 is not a multiple of n_head 4 (try 4)"},
    {"info --n-embd 2000000000 --n-head 1", "--n-embd: 2000000000 is too large: a layer has 8000000000 outputs (expected at most 536870911)"},
    {"info --n-embd 500000000 --n-head 1 --n-layer 2000000000",
     "--n-embd: 500000000 with n_layer 2000000000 and ff_mult 4 gives 6e+27 parameters (expected at most 9e15)"},
    {"info --ff-mult 2147483647",
     "--ff-mult: 2147483647 is too large: with n_embd 768, a layer has 1649267440896 outputs (expected at most 2796202)"},
    {"info --n-embd 6000000 --n-head 1 --vocab-size 2000000000",
     "--n-embd: 6000000 with vocab_size 2000000000 gives 2.92e+16 parameters (expected at most 9e15)"},
    {"info --n-embd 6000000 --n-head 1 --context-length 2000000000",
     "--n-embd: 6000000 with context_length 2000000000 gives 1.72e+16 parameters (expected at most 9e15)"},
    {"info --n-layer 2000000000 --ff-mult 2000000",
     "--n-embd: 768 with n_layer 2000000000 and ff_mult 2000000 gives 4.72e+21 parameters (expected at most 9e15)"},
    // the prompt
};

enum { WRONG_COUNT = sizeof wrongs / sizeof wrongs[0] };

START_TEST(invalid_input_is_a_one_line_error)
{
    Run run = run_gptape(wrongs[_i].arguments);

    assert_one_line_error(&run, 2, wrongs[_i].part);
    ck_assert_msg(run.out[0] == '\0', "%s: printed to stdout: %s", run.command, run.out);
    run_free(&run);
}
END_TEST

static const char *const huge_arguments[] = {
    "$x", "info $x", "info --$x", "info --n-embd $x.", "info --config $x", "info --dropout x$x", "generate --prompt-ids ${x}9",
};

// Longer than any buffer in the program: still one line, and no crash.
START_TEST(a_huge_argument_is_a_one_line_error)
{
    char command[256];

    snprintf(command, sizeof command, "x=$(printf '%%05000d' 7); \"${GPTAPE_BIN:-build/gptape}\" %s", huge_arguments[_i]);
    assert_fails(command, 2, "0000");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Memory and disk: status 1

static const char *const too_large[] = {
    "generate --config 70b --stream off",
    "generate --stream on --config 70b --n-embd 262144 --n-head 64",
    "generate --n-layer 2000000000",
    "generate --vocab-size 2000000000 --n-embd 1024",
    "generate --context-length 2000000000 --n-embd 4096",
    "generate --n-embd 1000000",
};

START_TEST(a_model_too_large_is_refused)
{
    Run run = run_gptape(too_large[_i]);

    assert_one_line_error(&run, 1, "gptape generate: ");
    assert_has(&run, run.err, "iB");
    run_free(&run);
}
END_TEST

// The system refuses memory although there seems to be enough: still one line, not a crash.
START_TEST(refused_memory_is_a_one_line_error)
{
    if (memory_is_watched()) {
        skip(__func__, "a sanitizer or valgrind itself needs all addresses");
        return;
    }
    Run run = run_shell("ulimit -v 400000; exec \"${GPTAPE_BIN:-build/gptape}\" generate --quiet --config gpt2-355m --stream off");

    assert_one_line_error(&run, 1, "gptape");
    run_free(&run);
}
END_TEST

// A text that does not fit into memory must not be cut off.
START_TEST(refused_memory_for_stdin_is_a_one_line_error)
{
    if (memory_is_watched()) {
        skip(__func__, "a sanitizer or valgrind itself needs all addresses");
        return;
    }
    Run run = run_shell("ulimit -v 160000; head -c 200000000 /dev/zero | \"${GPTAPE_BIN:-build/gptape}\" tokenize --tokenizer bytes");

    assert_one_line_error(&run, 1, "gptape: out of memory");
    assert_has(&run, run.err, "for a text");
    run_free(&run);
}
END_TEST

static const char *const printing[] = {
    "",
    "--version",
    "help info",
    "info",
    "info --json",
    "info --config 70b",
    "generate --quiet",
    "generate --quiet --ids",
    "generate --quiet --json",
    "gradcheck --quiet",
    "rules", // more than the stream's buffer holds
    "help --man",
};

START_TEST(a_full_disk_is_a_one_line_error)
{
    char arguments[128];

    snprintf(arguments, sizeof arguments, "%s > /dev/full", printing[_i]);
    refuse(arguments, 1, "stdout: not everything could be written: No space left on device\n");
    snprintf(arguments, sizeof arguments, "%s >&-", printing[_i]);
    refuse(arguments, 1, "stdout: not everything could be written: it is closed, or open for reading only\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *help = case_create(suite, "help");
    tcase_add_loop_test(help, usage_lists_every_command, 0, sizeof usages / sizeof usages[0]);
    tcase_add_loop_test(help, help_of_a_command, 0, COMMAND_COUNT);
    tcase_add_test(help, version);
    tcase_add_test(help, one_is_singular);

    TCase *examples = case_create(suite, "examples");
    tcase_add_checked_fixture(examples, folder_enter, folder_leave);
    tcase_add_loop_test(examples, examples_work, 0, HERE_COUNT);

    TCase *wrong = case_create(suite, "wrong input");
    tcase_add_loop_test(wrong, invalid_input_is_a_one_line_error, 0, WRONG_COUNT);
    tcase_add_loop_test(wrong, a_huge_argument_is_a_one_line_error, 0, sizeof huge_arguments / sizeof huge_arguments[0]);
    tcase_add_loop_test(wrong, a_model_too_large_is_refused, 0, sizeof too_large / sizeof too_large[0]);
    tcase_add_test(wrong, refused_memory_is_a_one_line_error);
    tcase_add_test(wrong, refused_memory_for_stdin_is_a_one_line_error);
    tcase_add_loop_test(wrong, a_full_disk_is_a_one_line_error, 0, sizeof printing / sizeof printing[0]);
    return suite_run(suite);
}
