// test_vscode.c: the configurations in .vscode, as VS Code would use them: what they name is there, and gdb in its machine
// interface, given the same commands, comes to the first stop of each lesson and shows tensors as what they are.

#include "tests/cli/run.h"
#include "tests/debugger/debugger.h"
#include "tests/support/suite.h"

#include <cjson/cJSON.h>
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void prepare(void)
{
    gdb_prepare(GDB_LESSONS);
}

static cJSON *read_json(const char *path)
{
    char command[64];
    snprintf(command, sizeof command, "cat %s", path);
    Run run = run_shell(command);
    assert_quiet(&run);
    cJSON *json = cJSON_Parse(run.out);
    ck_assert_msg(json != NULL, "%s is not JSON", path);
    run_free(&run);
    return json;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItem(object, name);
    ck_assert_msg(cJSON_IsString(item), "there is no text %s", name);
    return item->valuestring;
}

// "${workspaceFolder}/${fileBasenameNoExtension}" -> "/here/tape", if examples/tape.c is open. The caller frees it.
static char *resolved(const char *text, const char *open)
{
    static const char workspace[] = "${workspaceFolder}";
    static const char file[] = "${fileBasenameNoExtension}";
    char *result = calloc(strlen(text) + 1024, 1);
    char here[512];
    ck_assert_ptr_nonnull(result);
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    const char *at = text;
    for (const char *found = strstr(at, "${"); found != NULL; found = strstr(at, "${")) {
        bool is_file = strncmp(found, file, strlen(file)) == 0;
        ck_assert_msg(is_file || strncmp(found, workspace, strlen(workspace)) == 0, "%s: unknown", found);
        strncat(result, at, (size_t)(found - at));
        strcat(result, is_file ? open : here);
        at = strchr(found, '}') + 1;
    }
    return strcat(result, at);
}

static const cJSON *find_named(const cJSON *array, const char *key, const char *value)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        if (strcmp(text_of(item, key), value) == 0) {
            return item;
        }
    }
    return NULL;
}

START_TEST(what_the_configurations_name_is_there)
{
    cJSON *launch = read_json(".vscode/launch.json");
    cJSON *tasks = read_json(".vscode/tasks.json");
    const cJSON *task_list = cJSON_GetObjectItem(tasks, "tasks");
    const cJSON *configuration;
    int n = 0;
    cJSON_ArrayForEach(configuration, cJSON_GetObjectItem(launch, "configurations")) {
        const char *task = text_of(configuration, "preLaunchTask");
        ck_assert_msg(find_named(task_list, "label", task) != NULL, "there is no task %s", task);
        const cJSON *command;
        bool printers = false;
        cJSON_ArrayForEach(command, cJSON_GetObjectItem(configuration, "setupCommands")) {
            char *text = resolved(text_of(command, "text"), "tape");
            bool sources = strncmp(text, "source ", 7) == 0;
            ck_assert_msg(!sources || access(text + 7, R_OK) == 0, "there is no %s", text + 7);
            printers = printers || strstr(text, "/gptape-gdb.py") != NULL;
            free(text);
        }
        ck_assert_msg(printers, "%s loads no printers", text_of(configuration, "name"));
        n++;
    }
    ck_assert_int_ge(n, 4);
    cJSON_Delete(launch);
    cJSON_Delete(tasks);
}
END_TEST

// What VS Code sends: the setup commands, with those outside the machine interface as console commands.
static void write_session(const cJSON *configuration, const char *open, char typed[4096])
{
    const cJSON *command;
    typed[0] = '\0';
    cJSON_ArrayForEach(command, cJSON_GetObjectItem(configuration, "setupCommands")) {
        char *text = resolved(text_of(command, "text"), open);
        size_t used = strlen(typed);
        snprintf(typed + used, 4096 - used, text[0] == '-' ? "%s\n" : "-interpreter-exec console \"%s\"\n", text);
        free(text);
    }
    char *program = resolved(text_of(configuration, "program"), open);
    size_t used = strlen(typed);
    snprintf(typed + used, 4096 - used, "-file-exec-and-symbols %s\n-exec-run\n", program);
    free(program);
}

START_TEST(a_lesson_starts_in_the_machine_interface)
{
    char typed[4096];
    char script[] = "/tmp/gptape-test-XXXXXX";
    char command[256];
    if (gdb_missing(__func__)) {
        return;
    }
    cJSON *launch = read_json(".vscode/launch.json");
    const cJSON *configuration = find_named(cJSON_GetObjectItem(launch, "configurations"), "name", "lesson of the open file");
    ck_assert_ptr_nonnull(configuration);
    write_session(configuration, gdb_lesson(_i), typed);
    strcat(typed, "-interpreter-exec console \"next-stop\"\n-interpreter-exec console \"tape\"\n-stack-list-arguments 1\n-gdb-exit\n");
    int file = mkstemp(script);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, typed, strlen(typed)), (ssize_t)strlen(typed));
    close(file);
    snprintf(command, sizeof command, "timeout 60 gdb -nx -q -ix tests/debugger/.gdbinit --interpreter=mi3 < %s 2>&1", script);
    Run run = run_shell(command);
    unlink(script);
    const char *at = run.out;
    assert_said(&at, "~\"\\n1. ");                          // what there is to see at the first stop,
    assert_said(&at, "*stopped,reason=\"breakpoint-hit\""); // which is then reached;
    assert_said(&at, "~\"\\n2. ");                          // and next-stop goes on
    assert_said(&at, "tape of ");
    assert_said(&at, "^done,stack-args=[");
    assert_not_said(run.out, "Python Exception");
    run_free(&run);
    cJSON_Delete(launch);
}
END_TEST

// A tensor is shown as a text, a module unfolds.
START_TEST(variables_are_shown)
{
    if (gdb_missing(__func__)) {
        return;
    }
    char *said = gdb_run_with("--interpreter=mi3", BUILD_DEBUG, "examples/block",
                              "-enable-pretty-printing\n-break-insert block_forward\n-exec-run\n-var-create x * x\n"
                              "-var-create b * block\n-var-list-children --all-values b\n-gdb-exit\n");
    const char *at = said;
    assert_said(&at, "*stopped,reason=\"breakpoint-hit\"");
    assert_said(&at, "^done,name=\"x\",numchild=\"0\",value=\"0x");
    assert_said(&at, " (1, 5, 32) leaf  [examples/block.c:");
    assert_said(&at, "min -2.536  mean -0.02579  max 2.448  no grad  [     0.8035    -0.07456 ");
    assert_said(&at, "^done,name=\"b\"");
    assert_said(&at, "exp=\"block.ln_1\"");
    assert_said(&at, "exp=\"block.mlp\"");
    free(said);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("VS Code");
    TCase *tests = case_create(suite, "configurations");
    tcase_add_unchecked_fixture(tests, prepare, NULL);
    tcase_add_test(tests, what_the_configurations_name_is_there);
    tcase_add_loop_test(tests, a_lesson_starts_in_the_machine_interface, 0, gdb_lesson_count());
    tcase_add_test(tests, variables_are_shown);
    return suite_run(suite);
}
