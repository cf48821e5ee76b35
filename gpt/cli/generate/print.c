// print.c: the samples of gptape generate, printed as their tokens come, and the notes about them.

#include "gpt/cli/generate/generate.h"

#include <stdlib.h>
#include <string.h>

// How long tokens took, over all samples.
typedef struct Pace {
    double first;   // seconds to the first token of the first sample
    double seconds; // for the other tokens of all samples
    int n;          // how many those are
    int total;
} Pace;

// Samples generated in one batch: the first is printed as its tokens arrive, the others after it.
typedef struct Group {
    const Generation *generation;
    int first; // the number of its first sample
    int count;
    int *ids;      // (count, n_prompt + n_new)
    int *made;     // (count): new tokens of each
    int printing;  // the sample whose turn it is
    bool begun;    // were its heading and prompt printed?
    int n_printed; // of its new tokens
    TokenPrinter printer;
    double started;
    double before; // when the token before came
    Pace *pace;
} Group;

char *generation_text(const Generation *generation, const int *ids, int n)
{
    Writer *writer = writer_begin();
    TokenPrinter printer = {.tokenizer = generation->tokenizer, .out = writer->stream};
    for (int i = 0; i < n; i++) {
        if (generation->tokenizer == NULL) {
            fprintf(writer->stream, "%d ", ids[i]);
        } else {
            token_printer_token(&printer, ids[i]);
        }
    }
    token_printer_end(&printer);
    return writer_end(writer);
}

// ------------------------------------------------------------------------------------------------------------
// Tokens

static const int *new_ids(const Group *group, int sample)
{
    const Generation *generation = group->generation;
    size_t room = (size_t)generation->n_prompt + (size_t)generation->config.n_new;
    return group->ids + (size_t)sample * room + generation->n_prompt;
}

static void count_time(Group *group, int sample)
{
    Pace *pace = group->pace;
    double now = clock_seconds();
    if (group->made[sample] > 1) {
        pace->seconds += now - group->before;
        pace->n++;
    } else if (pace->total == 0) {
        pace->first = now - group->started;
    }
    pace->total++;
    group->before = now;
}

static void print_beginning(Group *group)
{
    const Generation *generation = group->generation;
    int number = group->first + group->printing;
    group->begun = true;
    if (!generation->is_text) {
        return;
    }
    if (number > 0) {
        putchar('\n');
    }
    if (generation->n_samples > 1 && !options_given(generation->options, "quiet")) {
        printf(SAMPLE_HEADING "\n", number + 1, generation->n_samples);
    }
    for (int i = 0; i < generation->n_prompt && !generation->prompt_hidden; i++) {
        token_printer_token(&group->printer, generation->prompt[i]);
    }
}

static void print_token(Group *group, int id)
{
    const Generation *generation = group->generation;
    if (!generation->is_text) {
        printf("%s%d", group->n_printed > 0 ? "," : "", id);
    } else if (id != generation->config.stop_id) {
        token_printer_token(&group->printer, id);
    }
    group->n_printed++;
}

static void print_end(Group *group)
{
    token_printer_end(&group->printer);
    putchar('\n');
    group->printing++;
    group->begun = false;
    group->n_printed = 0;
}

static bool has_ended(const Group *group, int sample)
{
    const GenerateConfig *config = &group->generation->config;
    int made = group->made[sample];
    return made == config->n_new || (made > 0 && new_ids(group, sample)[made - 1] == config->stop_id);
}

// Prints the new tokens of the sample whose turn it is, and, if that has ended, of the next. With end, no more tokens come.
static void print_more(Group *group, bool end)
{
    if (options_given(group->generation->options, "json")) {
        return;
    }
    bool more = true;
    while (more && group->printing < group->count) {
        if (!group->begun) {
            print_beginning(group);
        }
        while (group->n_printed < group->made[group->printing]) {
            print_token(group, new_ids(group, group->printing)[group->n_printed]);
        }
        more = end || has_ended(group, group->printing);
        if (more) {
            print_end(group);
        }
    }
    flush_stdout(); // a large model takes its time for each token
}

// The progress of a streamed model: a line for each token, erased when the token is printed.
typedef struct Blocks {
    Progress progress;
    int done;
    int a_token; // block passes per token
    int n;
} Blocks;

static void part_made(int part, void *context)
{
    Blocks *blocks = context;
    if (part < 1 || part > blocks->a_token) {
        return;
    }
    blocks->done++;
    progress_until_interrupt(blocks->done, blocks->n, &blocks->progress);
}

// Continues until Ctrl-C, or until stdout is closed.
static bool on_token(int sample, int id, void *context)
{
    Group *group = context;
    (void)id;
    count_time(group, sample);
    print_more(group, false);
    return !interrupted() && ferror(stdout) == 0;
}

// ------------------------------------------------------------------------------------------------------------
// JSON

static void add_sample(cJSON *json, const Generation *generation, const int *ids, int n)
{
    cJSON_AddItemToObject(json, "ids", cJSON_CreateIntArray(ids, n));
    if (generation->tokenizer != NULL) {
        bool ended = n > 0 && ids[n - 1] == generation->config.stop_id;
        AUTO_FREE char *text = generation_text(generation, ids, ended ? n - 1 : n);
        cJSON_AddStringToObject(json, "text", text);
    }
}

// After the first token. NaN, and so null in JSON, if there was no other.
static double later_tokens_per_s(const Pace *pace)
{
    return pace->n / pace->seconds;
}

// The samples, and if there is only one also its ids and text by themselves. Frees samples.
static void print_json(const Generation *generation, cJSON *samples, const Pace *pace)
{
    cJSON *json = cJSON_CreateObject();
    json_add_config(json, &generation->model);
    json_add_count(json, "seed", (double)generation->seed);
    json_add_count(json, "parameters", (double)gpt_cost(&generation->model, 1, 1).parameters);
    cJSON_AddItemToObject(json, "prompt_ids", cJSON_CreateIntArray(generation->prompt, generation->n_prompt));
    cJSON *first = cJSON_GetArrayItem(samples, 0);
    if (generation->n_samples == 1) {
        cJSON_AddItemToObject(json, "ids", cJSON_Duplicate(cJSON_GetObjectItem(first, "ids"), true));
        cJSON_AddItemToObject(json, "text", cJSON_Duplicate(cJSON_GetObjectItem(first, "text"), true)); // nothing if there is none
    }
    cJSON_AddItemToObject(json, "samples", samples);
    json_add_number(json, "first_token_ms", pace->first * 1e3);
    json_add_number(json, "tokens_per_s", later_tokens_per_s(pace));
    json_print(json);
}

// ------------------------------------------------------------------------------------------------------------
// Notes

static void note_before(const Generation *generation)
{
    const Options *options = generation->options;
    const GPTConfig *model = &generation->model;
    if (generation->preset == NULL) {
        options_saved_model_note(options, model);
    } else {
        command_note(options, "%s%s, %s parameters, untrained: random weights from seed %llu, so expect nonsense", generation->preset->name,
                     options_any_field(options) ? " (changed)" : "", THOUSANDS((double)gpt_cost(model, 1, 1).parameters),
                     (unsigned long long)generation->seed);
    }
    if (generation->preset != NULL && model->vocab_size == GPT2_VOCABULARY && generation->tokenizer != NULL) {
        options_tokenizer_note(options, tokenizer_kind(generation->tokenizer));
    }
    if (generation->n_prompt > model->context_length) {
        command_note(options, "the prompt's %d tokens exceed the context: the last %d are used", generation->n_prompt, model->context_length);
    }
    if (!model->causal && generation->config.cache) {
        command_note(options, "--causal off: each new token changes all earlier positions, so no keys and values are cached");
    }
}

// Beyond the context each new token moves all others by one position, so everything is recomputed.
static void note_after(const Generation *generation, const Pace *pace)
{
    const Options *options = generation->options;
    int beyond = generation->n_prompt + generation->config.n_new - 1 - generation->model.context_length;
    bool slid = generation->config.cache && generation->model.causal && beyond > 0;
    char note[160] = "";
    if (pace->total == 0) {
        return;
    }
    if (pace->n > 0) {
        snprintf(note, sizeof note, ", then %.4g tokens/s", later_tokens_per_s(pace));
    }
    command_note(options, "%d token%s: the first after %.3g s%s%s", pace->total, plural(pace->total), pace->first, note,
                 slid ? "; beyond the context length, each token recomputes all positions" : "");
}

// ------------------------------------------------------------------------------------------------------------

// Makes samples side by side, from the prompt on. Their JSON is added to samples. False if no token can be chosen.
static bool generate_group(Group *group, Random *random, cJSON *samples)
{
    const Generation *generation = group->generation;
    GenerateConfig config = generation->config;
    Error error;
    memcpy(group->ids, generation->prompt, (size_t)generation->n_prompt * sizeof *group->ids);
    memset(group->made, 0, (size_t)group->count * sizeof *group->made);
    config.on_token = on_token;
    config.context = group;
    print_more(group, false);
    group->started = clock_seconds();
    bool sound = gpt_generate_samples(generation->gpt, &config, group->count, random, group->ids, generation->n_prompt, group->made, &error);
    print_more(group, true);
    for (int i = 0; i < group->count && sound && samples != NULL; i++) {
        cJSON *object = json_add_object(samples);
        add_sample(object, generation, new_ids(group, i), group->made[i]);
    }
    return sound || report_failure(generation->options, &error);
}

int generation_together(const Generation *generation)
{
    return gpt_generate_batch_size(&generation->model, &generation->config, generation->n_samples, generation->n_prompt);
}

// Makes all samples, a batch at a time.
static bool generate_all(Generation *generation, cJSON *samples, Pace *pace)
{
    int together = generation_together(generation);
    size_t room = (size_t)generation->n_prompt + (size_t)generation->config.n_new;
    int *ids = memory_allocate((size_t)together * room * sizeof *ids, "the tokens");
    AUTO_FREE int *made = memory_allocate_zeroed((size_t)together, sizeof *made, "the tokens"); // none yet if interrupted before the first group
    Random random;
    bool sound = true;
    random_seed(&random, generation->seed);
    for (int i = 0; i < generation->n_samples && sound && !interrupted(); i += together) {
        int left = generation->n_samples - i;
        Group group = {.generation = generation,
                       .first = i,
                       .count = left < together ? left : together,
                       .ids = ids,
                       .made = made,
                       .printer = {.tokenizer = generation->tokenizer, .out = stdout},
                       .pace = pace};
        sound = generate_group(&group, &random, samples);
    }
    generation->text = ids;
    generation->n_text = generation->n_prompt + made[0];
    return sound;
}

bool generation_print(Generation *generation)
{
    cJSON *samples = options_given(generation->options, "json") ? cJSON_CreateArray() : NULL;
    Pace pace = {0};
    int L = generation->model.n_layer;
    Blocks blocks = {.progress = progress_begin(generation->options, "blocks"), .a_token = L, .n = L * generation->config.n_new};
    gpt_stream_progress(generation->gpt, part_made, &blocks);
    Tape *tape = tape_create();
    note_before(generation);
    interrupt_watch();
    bool sound = generate_all(generation, samples, &pace);
    if (cJSON_GetArraySize(samples) > 0) {
        print_json(generation, samples, &pace);
    } else {
        cJSON_Delete(samples);
    }
    note_after(generation, &pace);
    tape_free(tape);
    return interrupted() ? command_stop(interrupt_status()) : sound;
}
