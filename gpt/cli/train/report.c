// report.c: the results of gptape train: losses, samples, the loss curve, and for stories how many sentences follow the grammar, before
// and after.

#include "gpt/cli/train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_OF_STORIES = 20, SAMPLE_TOKENS = 250, SHOWN = 3 };

// ------------------------------------------------------------------------------------------------------------
// Samples

bool train_learns_stories(const Trainer *trainer)
{
    return trainer->data != NULL && trainer->setup.data == NULL;
}

static void count_sentences(Samples *samples)
{
    Stories *stories = stories_create();
    for (int i = 0; i < samples->count; i++) {
        StoryCount count = stories_check(stories, samples->texts[i], samples->n[i], NULL, NULL);
        samples->stories.sentences += count.sentences;
        samples->stories.well_formed += count.well_formed;
    }
    stories_free(stories);
}

bool train_samples(Trainer *trainer, int n, Samples *samples, Error *error)
{
    Random random;
    random_seed(&random, trainer->setup.seed + 3);
    *samples = (Samples){
        .texts = memory_allocate((size_t)n * sizeof(char *), "the samples"),
        .n = memory_allocate((size_t)n * sizeof(size_t), "the samples"),
    };
    if (!trainer_samples(trainer, n, SAMPLE_TOKENS, &random, samples->texts, samples->n, error)) {
        samples_free(samples);
        return false;
    }
    samples->count = n;
    if (train_learns_stories(trainer)) {
        count_sentences(samples);
    }
    return true;
}

void samples_free(Samples *samples)
{
    for (int i = 0; i < samples->count; i++) {
        free(samples->texts[i]);
    }
    free(samples->texts);
    free(samples->n);
    *samples = (Samples){0};
}

// ------------------------------------------------------------------------------------------------------------
// As text

void train_print_sample(const Trainer *trainer, const char *text, size_t n)
{
    TokenPrinter printer = {.tokenizer = trainer->setup.tokenizer, .out = stdout};
    token_printer_text(&printer, text, n);
    token_printer_end(&printer);
    printf("%s\n", n > 0 && text[n - 1] == '\n' ? "" : "\n");
}

static void print_samples(const Trainer *trainer, const Samples *samples)
{
    for (int i = 0; i < samples->count && i < SHOWN; i++) {
        printf("Sample %d of the trained model:\n\n", i + 1);
        train_print_sample(trainer, samples->texts[i], samples->n[i]);
    }
}

static void add_share(Table *table, int well_formed, int sentences)
{
    if (sentences == 0) {
        table_cell(table, "no sentence");
    } else {
        table_cell(table, "%.1f %% (%d of %d)", 100.0 * well_formed / sentences, well_formed, sentences);
    }
}

static void print_comparison(const Trainer *trainer, double val_loss, const Samples *samples)
{
    bool stories = train_learns_stories(trainer);
    Table *table = table_begin(stories ? "lrr" : "lr", NULL);
    table_row(table, "|validation loss");
    if (stories) {
        table_cell(table, "well-formed sentences");
    }
    table_line(table);
    table_row(table, "%s|" REAL_FORMAT, trainer->setup.model == NULL ? "untrained" : "before", trainer->before.val_loss);
    if (stories) {
        add_share(table, trainer->before.well_formed, trainer->before.sentences);
    }
    table_row(table, "after %d step%s|" REAL_FORMAT, trainer->adamw.step, plural(trainer->adamw.step), val_loss);
    if (stories) {
        add_share(table, samples->stories.well_formed, samples->stories.sentences);
    }
    if (trainer->setup.task != NULL) {
        table_row(table, "guessing|%.9g", trainer->setup.batches.guess_loss);
    }
    table_end(table);
}

// No chart without gnuplot; the note about the plot has said why.
static void print_chart(const Trainer *trainer, const TrainRow *rows, int n)
{
    Error error;
    AUTO_FREE char *chart = n == 0 ? NULL : plot_loss_terminal(rows, n, trainer->before.val_loss, terminal_columns(CHART_COLUMNS), &error);
    if (chart != NULL) {
        printf("%s\n", chart);
    }
}

// ------------------------------------------------------------------------------------------------------------
// As JSON

static void add_stories(cJSON *json, const char *name, int sentences, int well_formed)
{
    cJSON *object = cJSON_AddObjectToObject(json, name);
    json_add_count(object, "sentences", sentences);
    json_add_count(object, "well_formed", well_formed);
    json_add_number(object, "share", sentences == 0 ? NAN : (double)well_formed / sentences);
}

static void add_text(cJSON *json, const Trainer *trainer, const Samples *samples)
{
    json_add_number(json, "temperature", TRAIN_TEMPERATURE);
    cJSON *texts = cJSON_AddArrayToObject(json, "samples");
    for (int i = 0; i < samples->count; i++) {
        cJSON_AddItemToArray(texts, cJSON_CreateString(samples->texts[i]));
    }
    if (train_learns_stories(trainer)) {
        add_stories(json, "stories_before", trainer->before.sentences, trainer->before.well_formed);
        add_stories(json, "stories", samples->stories.sentences, samples->stories.well_formed);
    }
}

// ------------------------------------------------------------------------------------------------------------
// All of it

typedef struct Answer {
    const char *folder;
    double seconds;
    TrainRow *rows; // of the log
    int n;
    double val_loss; // NaN with a fixed batch
    Samples samples; // none without a text
} Answer;

static void print_json(const Trainer *trainer, const Answer *answer)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "out", answer->folder);
    json_add_config(json, &trainer->setup.gpt);
    json_add_count(json, "parameters", (double)trainer->parameters.values);
    json_add_count(json, "seed", (double)trainer->setup.seed);
    json_add_count(json, "steps", trainer->adamw.step);
    json_add_number(json, "seconds", answer->seconds);
    json_add_number(json, "loss", answer->n == 0 ? NAN : answer->rows[answer->n - 1].loss);
    if (trainer->setup.task != NULL) {
        cJSON_AddStringToObject(json, "task", trainer->setup.task->name);
        json_add_number(json, "guess_loss", trainer->setup.batches.guess_loss);
    }
    if (trainer_validates(trainer)) {
        json_add_number(json, "val_loss_before", trainer->before.val_loss);
        json_add_number(json, "val_loss", answer->val_loss);
    }
    if (trainer->data != NULL) {
        add_text(json, trainer, &answer->samples);
    }
    json_print(json);
}

static void print_text(const Trainer *trainer, const Answer *answer)
{
    print_samples(trainer, &answer->samples);
    print_chart(trainer, answer->rows, answer->n);
    if (answer->n > 0) {
        printf("loss of step %d  " REAL_FORMAT "\n", answer->rows[answer->n - 1].step, answer->rows[answer->n - 1].loss);
    }
    if (trainer_validates(trainer)) {
        printf("\n");
        print_comparison(trainer, answer->val_loss, &answer->samples);
    }
    printf("\n%s in %.0f s\n", answer->folder, answer->seconds);
}

bool train_report(const Options *options, Trainer *trainer, const char *folder, double seconds, Error *error)
{
    Answer answer = {.folder = folder, .seconds = seconds, .val_loss = NAN};
    if (!train_log_of(folder, &answer.rows, &answer.n, error)) {
        return false;
    }
    int n = train_learns_stories(trainer) ? SAMPLES_OF_STORIES : SHOWN;
    bool read = trainer->data == NULL || train_samples(trainer, n, &answer.samples, error);
    if (read) {
        answer.val_loss = trainer_validates(trainer) ? trainer_evaluate(trainer, SPLIT_VAL) : NAN;
        if (options_given(options, "json")) {
            print_json(trainer, &answer);
        } else {
            print_text(trainer, &answer);
        }
        samples_free(&answer.samples);
    }
    free(answer.rows);
    return read;
}
