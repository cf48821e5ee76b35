// text.c: the loss of a model on a text, or on one part of it.

#include "gpt/base/base.h"
#include "gpt/cli/eval/eval.h"

#include <limits.h>
#include <math.h>

// The requested tokens: *n, starting at *first.
static bool read_part(const Options *options, const Dataset *dataset, size_t *first, size_t *n)
{
    enum { ALL = SPLIT_COUNT };
    int part = options_given(options, "data") ? ALL : SPLIT_VAL;
    if (!options_choice(options, "split", &part)) {
        return false;
    }
    *first = part == ALL ? 0 : dataset->start[part];
    *n = (part == ALL ? dataset->n_tokens : dataset->start[part + 1]) - *first;
    return true;
}

// The number of bytes of all but the first of these tokens.
static size_t count_bytes(const Dataset *dataset, const Tokenizer *tokenizer, size_t first, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 1; i < n; i++) {
        int id;
        size_t length = 0;
        dataset_ids(dataset, first + i, 1, &id);
        tokenizer_token(tokenizer, id, &length);
        bytes += length;
    }
    return bytes;
}

static void print_evaluation(const Options *options, const EvalModel *model, const Evaluation *evaluation, size_t n_bytes)
{
    char tokens[NUMBER_TEXT];
    char bytes[NUMBER_TEXT];
    char windows[NUMBER_TEXT];
    double bits = evaluation->loss * (double)evaluation->n / (double)n_bytes / log(2.0);
    if (options_given(options, "json")) {
        cJSON *json = eval_model_json(model, evaluation->loss);
        json_add_number(json, "bits_per_byte", bits);
        json_add_count(json, "tokens", (double)evaluation->n);
        json_add_count(json, "bytes", (double)n_bytes);
        json_add_count(json, "windows", (double)evaluation->n_windows);
        json_print(json);
        return;
    }
    printf("loss           " REAL_FORMAT "\n"
           "perplexity     %.6g\n"
           "bits per byte  %.6g\n"
           "tokens         %s, which %s %s byte%s, in %s window%s of %d\n",
           evaluation->loss, exp(evaluation->loss), bits, thousands_text((double)evaluation->n, tokens), evaluation->n == 1 ? "is" : "are",
           thousands_text((double)n_bytes, bytes), plural((double)n_bytes), thousands_text((double)evaluation->n_windows, windows),
           plural(evaluation->n_windows), model->gpt->config.context_length);
}

static bool eval_tokens(const Options *options, const EvalModel *model, const Tokenizer *tokenizer, const Dataset *dataset)
{
    Evaluation evaluation;
    Error error;
    size_t first;
    size_t n;
    if (!read_part(options, dataset, &first, &n)) {
        return false;
    }
    eval_model_note(options, model);
    Progress progress = progress_begin(options, "windows");
    bool done = (n <= INT_MAX || error_set(&error, "%s: has more tokens than can be counted", dataset->name))
             && memory_check(evaluation_bytes(&model->gpt->config), "evaluating this model", &error)
             && gpt_evaluate(model->gpt, dataset_ids, dataset, first, n, progress_update, &progress, &evaluation, &error);
    progress_end(&progress);
    if (!done) {
        return report_failure(options, &error);
    }
    bool finite = eval_model_check_loss(options, model, evaluation.loss);
    if (finite) {
        print_evaluation(options, model, &evaluation, count_bytes(dataset, tokenizer, first, n));
    }
    return finite;
}

static Dataset *open_text(const Options *options, const Tokenizer *tokenizer)
{
    Error error;
    Progress progress = progress_begin(options, "MiB as tokens");
    Dataset *dataset = dataset_open(options_text(options, "data"), tokenizer, NULL, progress_update, &progress, &error);
    progress_end(&progress);
    if (dataset == NULL) {
        report_failure(options, &error);
    } else {
        options_special_note(options, tokenizer, dataset->n_special);
    }
    return dataset;
}

bool eval_text(const Options *options, const EvalModel *model)
{
    const GPTConfig *config = &model->gpt->config;
    Tokenizer *tokenizer = options_model_tokenizer(options, config->vocab_size);
    if (tokenizer == NULL) {
        return false;
    }
    if (!model->saved && (options_tokenizer_given(options) || config->vocab_size == GPT2_VOCABULARY)) {
        options_tokenizer_note(options, tokenizer_kind(tokenizer));
    }
    Dataset *dataset = open_text(options, tokenizer);
    bool done = dataset != NULL && eval_tokens(options, model, tokenizer, dataset);
    dataset_free(dataset);
    tokenizer_free(tokenizer);
    return done;
}
