// rules.c: gptape rules: the table of residual rules, and one rule with its modules and a drawing of its tape.

#include "gpt/cli/kit/kit.h"

#include <string.h>

static const OptionRow drawing_rows[] = {
    {"out", "FILE", NULL, "draw one block with the rule, from its tape, to FILE.svg, .png, .pdf or .dot; shortcuts are orange"},
    {0},
};

const CommandHelp rules_help = {
    .name = "rules",
    .summary = "the named residual rules, or one rule with its modules and a drawing",
    .operand = "[RULE]",
    .about = "Lists the named residual rules. With a RULE, by name or as a formula, shows that one: its formula, its source, and the\n"
             "modules of one block with it. Every command that creates a GPT takes a rule with --residual.",
    .examples = "  gptape rules\n"
                "  gptape rules keel --out keel.svg\n"
                "  gptape rules 'norm(h + scalar(0.5)*f(rms(h)))'\n",
    .groups = {{.title = "Drawing, of one rule:", .rows = drawing_rows}},
};

// ------------------------------------------------------------------------------------------------------------
// The list

static cJSON *row_json(const ResidualRow *row)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", row->name);
    cJSON_AddStringToObject(json, "rule", row->text);
    cJSON_AddStringToObject(json, "source", row->source);
    cJSON_AddStringToObject(json, "purpose", row->purpose);
    return json;
}

static void list_rules(const Options *options)
{
    if (options_given(options, "json")) {
        cJSON *json = cJSON_CreateArray();
        for (int i = 0; i < residual_table_count; i++) {
            cJSON_AddItemToArray(json, row_json(&residual_table[i]));
        }
        json_print(json);
        return;
    }
    for (int i = 0; i < residual_table_count; i++) {
        const ResidualRow *row = &residual_table[i];
        printf("%s%s%s: %s\n", terminal_color(COLOR_BOLD), row->name, terminal_color(COLOR_END), row->text);
        terminal_print("%s (%s)\n", row->purpose, row->source);
    }
}

// ------------------------------------------------------------------------------------------------------------
// One rule

// Two small blocks, of which the second is shown: there h, block and x0 differ.
static GPTConfig shown_config(const ResidualRule *rule)
{
    GPTConfig config = gpt_preset_find("tiny")->config;
    config.residual = residual_text(rule);
    return config;
}

static cJSON *module_json(const Module *root)
{
    cJSON *json = cJSON_CreateArray();
    for (const Module *module = root; module != NULL; module = module_next(root, module)) {
        for (int i = 0; i < module->n_parameters; i++) {
            char name[NAME_TEXT];
            cJSON *parameter = json_add_object(json);
            cJSON_AddStringToObject(parameter, "name", tensor_name(module->parameters[i], name));
            cJSON_AddItemToObject(parameter, "shape", cJSON_CreateIntArray(module->parameters[i]->shape.size, module->parameters[i]->shape.ndim));
        }
    }
    return json;
}

static void print_rule(const Options *options, const ResidualRule *rule, GPT *gpt)
{
    const ResidualRow *row = residual_row(rule);
    const ResidualRow unnamed = {.name = "", .text = residual_text(rule), .source = "", .purpose = ""};
    if (options_given(options, "json")) {
        cJSON *json = row_json(row == NULL ? &unnamed : row);
        cJSON_AddBoolToObject(json, "final_norm", residual_final_norm(rule));
        cJSON_AddItemToObject(json, "parameters", module_json(&gpt->h[1].module));
        json_print(json);
        return;
    }
    printf("%s%s%s\n", row == NULL ? "" : row->name, row == NULL ? "" : ": ", residual_text(rule));
    if (row != NULL) {
        terminal_prose(row->purpose);
        printf("\nSource: %s\n", row->source);
    }
    printf("%s\n\n", residual_final_norm(rule) ? "The network ends with a norm of its own, ln_f." : "The network ends without a norm of its own.");
    module_print(&gpt->h[1].module);
}

static bool draw(const Options *options, const ResidualRule *rule, Error *error)
{
    const int ids[] = {72, 101, 108, 108, 111};
    const int targets[] = {101, 108, 108, 111, 33};
    ExperimentConfig experiment = {.net = NET_GPT,
                                   .gpt = shown_config(rule),
                                   .ids = ids,
                                   .targets = targets,
                                   .B = 1,
                                   .T = 5,
                                   .rules = {residual_text(rule)},
                                   .n_rules = 1,
                                   .seed = 123,
                                   .n_seeds = 1};
    StepDrawing drawing = {.module = "h.1", .backward = true};
    char fault[STEP_FAULT_TEXT];
    const char *out = options_text(options, "out");
    return note_drawn(options, out, plot_step(&experiment, &drawing, out, fault, error));
}

static bool show_rule(const Options *options, const char *text)
{
    Error error;
    const ResidualRule *rule = residual_rule(text, &error);
    GPTConfig config = rule == NULL ? (GPTConfig){0} : shown_config(rule);
    GPT *gpt = rule == NULL ? NULL : gpt_create(&config, 123, &error);
    if (gpt == NULL) {
        return report_error(options, &error);
    }
    print_rule(options, rule, gpt);
    gpt_free(gpt);
    return !options_given(options, "out") || draw(options, rule, &error) || report_failure(options, &error);
}

static bool check_out(const Options *options)
{
    const char *out = options_text(options, "out");
    return (out == NULL || options->n_operands > 0 || option_error(options, "out", "draws one rule (expected gptape rules RULE)"))
        && options_output_file(options, "out", out, plot_step_path_check);
}

int command_rules(const Options *options)
{
    bool done = check_out(options);
    if (done && options->n_operands == 0) {
        list_rules(options);
    } else if (done) {
        done = show_rule(options, options->operands[0]);
    }
    return command_status(done);
}
