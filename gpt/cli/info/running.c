// running.c: memory and time to run an untrained model on this machine.

#include "gpt/cli/info/info.h"

#include <math.h>

enum { TOKENS = 16 }; // of the measured batch

// ------------------------------------------------------------------------------------------------------------
// Memory

typedef struct Need {
    const char *name;                  // for the table
    const char *key;                   // for JSON
    double held, streamed;             // bytes of the process
    double draws_held, draws_streamed; // how often each weight is drawn
    double passes;                     // over the weights' memory, or that of their gradients
} Need;

enum { NEEDS = 2 };

static void count_needs(const GPTConfig *config, Need needs[NEEDS])
{
    GenerateConfig token = GENERATE_DEFAULTS;
    GPTCost cost = gpt_cost(config, 1, 1);
    int T = config->context_length < TOKENS ? config->context_length : TOKENS;
    token.n_new = 1;
    token.greedy = true;
    needs[0] = (Need){
        .name = "a token",
        .key = "token",
        .held = PROGRAM_BYTES + cost.weight_bytes + gpt_generate_bytes(config, false, &token, 1, 1),
        .streamed = PROGRAM_BYTES + gpt_streamed_weight_bytes(config) + gpt_generate_bytes(config, true, &token, 1, 1),
        .draws_held = 1,
        .draws_streamed = 1,
        .passes = 2, // drawn weights are written, then read
    };
    needs[1] = (Need){
        .name = "gradflow, one arm",
        .key = "gradflow",
        .held = PROGRAM_BYTES + experiment_held_bytes(config, 1, T, false),
        .streamed = experiment_streamed_bytes(config, 1, T),
        .draws_held = 1,
        .draws_streamed = 2,
        .passes = 8, // drawn and read by both passes, read for input gradients; their own gradients are written and measured
    };
}

// ------------------------------------------------------------------------------------------------------------
// Time

typedef struct Machine {
    double available; // bytes
    double draws;     // weights a second
    double bandwidth; // bytes a second
} Machine;

static Machine measure_machine(void)
{
    enum { MANY = 1 << 22 };
    AUTO_FREE Real *values = memory_allocate(MANY * sizeof *values, "random numbers");
    Machine machine = {.available = memory_available()};
    Random random;
    random_seed(&random, 1);
    random_normal(&random, values, MANY, 0, 1); // warm-up: the first call touches the memory
    double start = clock_seconds();
    random_normal(&random, values, MANY, 0, 1);
    machine.draws = MANY / (clock_seconds() - start);
    machine.bandwidth = machine_bandwidth(kernels_threads(), (const float *)(const void *)values, MANY);
    return machine;
}

static double seconds_of(const GPTConfig *config, const Need *need, bool streamed, const Machine *machine)
{
    double weights = (double)gpt_cost(config, 1, 1).parameters;
    double draws = streamed ? need->draws_streamed : need->draws_held;
    return draws * weights / machine->draws + need->passes * sizeof(Real) * weights / machine->bandwidth;
}

static const char *seconds_text(double seconds, char text[NUMBER_TEXT])
{
    if (seconds < 1) {
        return "below 1 s";
    }
    bool minutes = seconds >= 120;
    number_format(text, NUMBER_TEXT, "%.0f %s", minutes ? seconds / 60 : seconds, minutes ? "min" : "s");
    return text;
}

// ------------------------------------------------------------------------------------------------------------
// Output

static void need_cells(Table *table, const GPTConfig *config, const Need *need, const Machine *machine)
{
    char seconds[NUMBER_TEXT];
    bool streamed = need->held > machine->available;
    table_row(table, "%s|%s|%s", streamed ? "streamed" : "held", BYTES_STRING(streamed ? need->streamed : need->held),
              seconds_text(seconds_of(config, need, streamed, machine), seconds));
}

static void print_meaning(const Machine *machine)
{
    terminal_print("'a token' is generate --tokens 1, 'gradflow' gradflow --batch 1 --length %d; weights that do not fit in memory (here %s are "
                   "available) are streamed, block by block. Times are rough estimates for an idle machine.",
                   TOKENS, isinf(machine->available) ? "unknown" : BYTES_STRING(machine->available));
}

void info_print_running(const GPTConfig *config)
{
    Need needs[NEEDS];
    Machine machine = measure_machine();
    count_needs(config, needs);
    terminal_print("\nRunning it untrained, on this machine");
    Table *table = table_begin("llrr", "|weights|memory|about");
    for (int i = 0; i < NEEDS; i++) {
        table_cell(table, "%s", needs[i].name);
        need_cells(table, config, &needs[i], &machine);
    }
    table_end(table);
    print_meaning(&machine);
}

void info_print_running_presets(void)
{
    Machine machine = measure_machine();
    Table *table = table_begin("llrrlrr", "preset|a token|memory|about|gradflow|memory|about");
    for (int i = 0; i < gpt_preset_count; i++) {
        Need needs[NEEDS];
        count_needs(&gpt_presets[i].config, needs);
        table_cell(table, "%s", gpt_presets[i].name);
        need_cells(table, &gpt_presets[i].config, &needs[0], &machine);
        need_cells(table, &gpt_presets[i].config, &needs[1], &machine);
    }
    table_end(table);
    print_meaning(&machine);
}

void info_add_running(cJSON *json, const GPTConfig *config)
{
    Need needs[NEEDS];
    count_needs(config, needs);
    cJSON *object = cJSON_AddObjectToObject(json, "running_bytes");
    for (int i = 0; i < NEEDS; i++) {
        cJSON *need = cJSON_AddObjectToObject(object, needs[i].key);
        json_add_count(need, "held", needs[i].held);
        json_add_count(need, "streamed", needs[i].streamed);
    }
}
