// gradcheck.c: gptape gradcheck: every operation's and module's gradient against differences, in float32 and in double.

#include "gpt/cli/kit/kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const CommandHelp gradcheck_help = {
    .name = "gradcheck",
    .summary = "analytic against numeric gradient of every operation and module",
    .about = "Compares the gradient that each operation and module computes with the difference quotient of its forward, value\n"
             "by value, in float32 and in a second build of the same sources in double, where rounding hides nothing. A line\n"
             "shows the largest relative error of each; a wrong sign, NaN or gradients that are all 0 fail too. Exits with 1\n"
             "if anything fails.",
    .examples = "  gptape gradcheck\n"
                "  gptape gradcheck --json\n",
    .computes = true,
};

// One check, in both builds.
typedef struct Row {
    char *name;
    GradCheckResult single;
    GradCheckResult twice; // in double
} Row;

typedef struct Rows {
    Row *rows;
    int count;        // reported in float32
    int count_double; // reported in double
    int capacity;
} Rows;

static void add_single(const char *name, GradCheckResult result, void *context)
{
    Rows *rows = context;
    *LIST_ADD(rows->rows, rows->count, rows->capacity, "the checks") = (Row){.name = memory_copy_text(name), .single = result};
}

// Both builds report the same names in the same order; if they do not, something was not checked in both.
static void add_double(const char *name, GradCheckResult result, void *context)
{
    Rows *rows = context;
    int index = rows->count_double;
    rows->count_double++;
    if (index >= rows->count) {
        return; // the count is compared at the end
    }
    rows->rows[index].twice = result;
    if (strcmp(rows->rows[index].name, name) != 0) {
        rows->rows[index].twice.passed = false;
        snprintf(rows->rows[index].twice.why, sizeof rows->rows[index].twice.why, "the double build checks %.80s instead", name);
    }
}

static Rows run_checks(void)
{
    Rows rows = {0};
    gradcheck_all(add_single, &rows);
    gradcheck_all_double(add_double, &rows);
    for (int i = rows.count_double; i < rows.count; i++) {
        rows.rows[i].twice.passed = false;
        snprintf(rows.rows[i].twice.why, sizeof rows.rows[i].twice.why, "the double build does not check it");
    }
    return rows;
}

static void free_rows(Rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        free(rows->rows[i].name);
    }
    free(rows->rows);
}

static bool row_passed(const Row *row)
{
    return row->single.passed && row->twice.passed;
}

static int count_failed(const Rows *rows)
{
    int extra = rows->count_double - rows->count; // checked in double only
    int failed = extra > 0 ? extra : 0;
    for (int i = 0; i < rows->count; i++) {
        failed += !row_passed(&rows->rows[i]);
    }
    return failed;
}

static const char *why_failed(const Row *row)
{
    return row->single.passed ? row->twice.why : row->single.why;
}

// printf would show a NaN's sign, which means nothing.
static const char *error_text(double error, char text[NUMBER_TEXT])
{
    number_format(text, NUMBER_TEXT, isnan(error) ? "NaN" : "%.1e", error);
    return text;
}

static void print_rows(const Rows *rows, int failed)
{
    Table *table = table_begin("lrrll", "check|" REAL_NAME "|double||");
    for (int i = 0; i < rows->count; i++) {
        const Row *row = &rows->rows[i];
        bool passed = row_passed(row);
        char single[NUMBER_TEXT];
        char twice[NUMBER_TEXT];
        table_row(table, "%s|%s|%s|%s|%s", row->name, error_text(row->single.worst, single), error_text(row->twice.worst, twice),
                  passed ? "ok" : "FAILED", passed ? "" : why_failed(row));
    }
    table_end(table);
    printf("\n%d checked in " REAL_NAME ", %d in double: %d failed\n", rows->count, rows->count_double, failed);
}

static void print_json(const Rows *rows, int failed)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *checks = cJSON_AddArrayToObject(json, "checks");
    for (int i = 0; i < rows->count; i++) {
        const Row *row = &rows->rows[i];
        cJSON *check = json_add_object(checks);
        cJSON_AddStringToObject(check, "name", row->name);
        json_add_number(check, "float", row->single.worst);
        json_add_number(check, "double", row->twice.worst);
        cJSON_AddBoolToObject(check, "passed", row_passed(row));
        cJSON_AddStringToObject(check, "why", row_passed(row) ? "" : why_failed(row));
    }
    json_add_count(json, "failed", failed);
    json_print(json);
}

int command_gradcheck(const Options *options)
{
    Rows rows = run_checks();
    int failed = count_failed(&rows);
    (options_given(options, "json") ? print_json : print_rows)(&rows, failed);
    bool none = rows.count == 0; // a check of nothing proves nothing
    free_rows(&rows);
    return failed > 0 || none ? STATUS_FAILED : STATUS_OK;
}
