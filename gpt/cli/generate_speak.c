// generate_speak.c: the samples of gptape generate, printed as their tokens come, and what is said about them.

#include "gpt/cli/generate.h"

#include <stdlib.h>
#include <string.h>

// How long tokens took, over all samples.
typedef struct Pace {
    double first;                                  // seconds to the first token of the first sample
    double seconds;                                // for the other tokens of each sample
    int n;                                         // how many those are
    int total;
} Pace;

// One sample on its way out.
typedef struct Sample {
    const Generation *generation;
    Speech speech;
    int n;                                         // tokens so far
    double started;
    double before;                                 // when the token before came
    Pace *pace;
} Sample;

bool generation_is_text(const Generation *generation)
{
    bool saved = options_given(generation->options, OPTION_MODEL);
    bool speechless = !saved && generation->model.vocab_size < BYTES;

    return !options_given(generation->options, OPTION_PRINT_IDS) && !options_given(generation->options, OPTION_JSON) && !speechless;
}

// ------------------------------------------------------------------------------------------------------------
// Tokens

static void count_time(Sample *sample)
{
    Pace *pace = sample->pace;
    double now = clock_seconds();

    if (sample->n > 1) {
        pace->seconds += now - sample->before;
        pace->n++;
    } else if (pace->total == 0) {
        pace->first = now - sample->started;
    }
    pace->total++;
    sample->before = now;
}

// Goes on until Ctrl-C, or until nobody reads any more.
static bool on_token(int id, void *context)
{
    Sample *sample = context;
    const Generation *generation = sample->generation;
    const Options *options = generation->options;

    sample->n++;
    count_time(sample);
    if (options_given(options, OPTION_JSON)) {
        return !interrupted();
    }
    if (!generation_is_text(generation)) {
        printf("%s%d", sample->n > 1 ? "," : "", id);
    } else if (id != generation->config.stop_id) {
        speech_token(&sample->speech, id);
    }
    flush_stdout();                                // a large model takes its time for each
    return !interrupted() && ferror(stdout) == 0;
}

static void print_prompt(Sample *sample)
{
    const Generation *generation = sample->generation;

    if (!generation_is_text(generation) || generation->prompt_hidden) {
        return;
    }
    for (int i = 0; i < generation->n_prompt; i++) {
        speech_token(&sample->speech, generation->prompt[i]);
    }
    flush_stdout();
}

// ------------------------------------------------------------------------------------------------------------
// JSON

static cJSON *ids_json(const int *ids, int n)
{
    cJSON *array = cJSON_CreateArray();

    for (int i = 0; i < n; i++) {
        cJSON_AddItemToArray(array, cJSON_CreateNumber(ids[i]));
    }
    return array;
}

// The text of the new tokens, as the terminal would show it.
static void add_text(cJSON *json, const Generation *generation, const int *ids, int n)
{
    char *text = NULL;
    size_t size;
    Speech speech = {.tokenizer = generation->tokenizer, .out = open_memstream(&text, &size)};

    if (speech.out == NULL) {
        fail_memory((size_t)n, "the text");
    }
    for (int i = 0; i < n; i++) {
        if (ids[i] != generation->config.stop_id) {
            speech_token(&speech, ids[i]);
        }
    }
    speech_end(&speech);
    fclose(speech.out);
    cJSON_AddStringToObject(json, "text", text);
    free(text);
}

static void add_sample(cJSON *json, const Generation *generation, const int *ids, int n)
{
    cJSON_AddItemToObject(json, "ids", ids_json(ids, n));
    if (generation->tokenizer != NULL) {
        add_text(json, generation, ids, n);
    }
}

// Figures, and the ids and text of the one sample, or with --samples a list of those of each. Frees samples.
static void print_json(const Generation *generation, cJSON *samples, const Pace *pace)
{
    cJSON *json = cJSON_CreateObject();

    json_add_config(json, "config", &generation->model);
    json_add_count(json, "seed", (double)generation->seed);
    json_add_count(json, "parameters", (double)gpt_cost(&generation->model, 1, 1).parameters);
    cJSON_AddItemToObject(json, "prompt_ids", ids_json(generation->prompt, generation->n_prompt));
    if (options_given(generation->options, OPTION_SAMPLES)) {
        cJSON_AddItemToObject(json, "samples", samples);
    } else {
        cJSON *sample = cJSON_GetArrayItem(samples, 0);
        cJSON_AddItemToObject(json, "ids", cJSON_DetachItemFromObject(sample, "ids"));
        cJSON_AddItemToObject(json, "text", cJSON_DetachItemFromObject(sample, "text"));       // adds nothing where there is none
        cJSON_Delete(samples);
    }
    json_add_number(json, "first_token_ms", pace->first * 1e3);
    json_add_number(json, "tokens_per_s", pace->n / pace->seconds);    // NaN, and so null, for a single token
    json_print(json);
}

// ------------------------------------------------------------------------------------------------------------
// Notes

static void note_before(const Generation *generation)
{
    const Options *options = generation->options;
    const GPTConfig *model = &generation->model;
    char count[NUMBER_TEXT];

    if (generation->preset == NULL) {
        options_saved_model_note(options, model);
    } else {
        thousands_text((double)gpt_cost(model, 1, 1).parameters, count);
        command_note(options, "%s%s, %s parameters, untrained: random weights from seed %llu, so expect nonsense",
                     generation->preset->name, options_any_switch(options) ? " (changed)" : "", count,
                     (unsigned long long)generation->seed);
    }
    if (generation->preset != NULL && model->vocab_size == GPT2_VOCABULARY && generation->tokenizer != NULL) {
        options_tokenizer_note(options, tokenizer_kind(generation->tokenizer));
    }
    if (generation->n_prompt > model->context_length) {
        command_note(options, "the prompt's %d tokens exceed the context: the last %d are seen", generation->n_prompt,
                     model->context_length);
    }
    if (!model->causal && generation->config.cache) {
        command_note(options, "--causal off: each token changes what those before it are, so no keys and values are kept");
    }
}

// Beyond the context all tokens move on by one position with each, so everything is computed anew.
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
        snprintf(note, sizeof note, ", then %.4g tokens/s", pace->n / pace->seconds);
    }
    command_note(options, "%d token%s: the first after %.3g ms%s%s", pace->total, plural(pace->total), pace->first * 1e3, note,
                 slid ? "; beyond the context nothing is kept, every position moves" : "");
}

// ------------------------------------------------------------------------------------------------------------

static void print_heading(const Generation *generation, int i)
{
    if (generation->n_samples > 1 && generation_is_text(generation)) {
        printf("%s--- sample %d of %d ---\n", i == 0 ? "" : "\n", i + 1, generation->n_samples);
    }
}

// One sample, from the prompt on, in ids. Its JSON is added to samples. False if no token can be chosen.
static bool speak_once(Generation *generation, Random *random, int *ids, cJSON *samples, Pace *pace)
{
    bool json = options_given(generation->options, OPTION_JSON);
    Error error;
    Sample sample = {.generation = generation, .speech = {.tokenizer = generation->tokenizer, .out = stdout}, .pace = pace};

    memcpy(ids, generation->prompt, (size_t)generation->n_prompt * sizeof *ids);
    print_prompt(&sample);
    generation->config.on_token = on_token;
    generation->config.context = &sample;
    sample.started = clock_seconds();
    int made = gpt_generate(generation->gpt, &generation->config, random, ids, generation->n_prompt, &error);
    if (json && made != -1) {
        cJSON *object = cJSON_CreateObject();
        add_sample(object, generation, ids + generation->n_prompt, made);
        cJSON_AddItemToArray(samples, object);
    } else if (!json) {
        speech_end(&sample.speech);
        putchar('\n');
    }
    if (made == -1) {
        command_error(generation->options->help->name, "%s", error.message);
    }
    return made != -1;
}

int generation_speak(Generation *generation)
{
    int *ids = memory_allocate(((size_t)generation->n_prompt + (size_t)generation->config.n_new) * sizeof *ids, "the tokens");
    cJSON *samples = cJSON_CreateArray();
    Pace pace = {0};
    Random random;
    bool sound = true;

    random_seed(&random, generation->seed);
    Tape *tape = tape_create();
    note_before(generation);
    interrupt_watch();
    for (int i = 0; i < generation->n_samples && sound && !interrupted(); i++) {
        print_heading(generation, i);
        sound = speak_once(generation, &random, ids, samples, &pace);
    }
    if (options_given(generation->options, OPTION_JSON) && cJSON_GetArraySize(samples) > 0) {
        print_json(generation, samples, &pace);
    } else {
        cJSON_Delete(samples);
    }
    note_after(generation, &pace);
    tape_free(tape);
    free(ids);
    if (interrupted()) {
        return interrupt_status();
    }
    return sound ? STATUS_OK : STATUS_FAILED;
}
