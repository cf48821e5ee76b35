// fuzz_rows.c: any bytes as a file of input rows, and as the name of a task. What is read is finite, and as many numbers as it says.

#include "gpt/lab/lab.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void read_rows(const char *path, int n_in, int n_target)
{
    DeepRows rows;
    Error error;
    if (!deep_rows_read(path, n_in, n_target, &rows, &error)) {
        return;
    }
    for (int i = 0; i < rows.n * n_in; i++) {
        if (!isfinite(rows.input[i])) {
            abort();
        }
    }
    for (int i = 0; rows.target != NULL && i < rows.n * n_target; i++) {
        if (!isfinite(rows.target[i])) {
            abort();
        }
    }
    deep_rows_free(&rows);
}

// A task that can be read fits a model that is large enough, and its targets are in the vocabulary.
static void read_task(const uint8_t *data, size_t n)
{
    enum { LENGTH = 12 };
    char text[64] = "";
    Task task;
    Error error;
    Random random;
    int ids[LENGTH], targets[LENGTH];
    memcpy(text, data, n < sizeof text - 1 ? n : sizeof text - 1);
    if (!task_read(text, &task, &error) || !task_fit(&task, TASK_MOST + 1, LENGTH, &error)) {
        return;
    }
    BatchSource source = task_source(&task);
    random_seed(&random, n);
    batch_draw(&source, &random, 1, LENGTH, ids, targets);
    for (int t = 0; t < LENGTH; t++) {
        if (ids[t] < 0 || ids[t] > TASK_MOST || targets[t] < TARGET_IGNORED || targets[t] > TASK_MOST) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[256];
    fuzz_file("rows.csv", data, n);
    snprintf(path, sizeof path, "%s/rows.csv", fuzz_folder());
    read_rows(path, 1, 1);
    read_rows(path, 3, 2);
    read_task(data, n);
    return 0;
}
