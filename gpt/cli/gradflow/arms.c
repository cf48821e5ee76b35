// arms.c: a table with columns for each arm.

#include "gpt/cli/gradflow/gradflow.h"

const char *arm_color(const Experiment *experiment, int arm)
{
    int style = plot_arm_style(experiment, arm);
    return style == 0 ? COLOR_WITHOUT : style == 1 ? COLOR_WITH : NULL;
}

bool gradflow_print_arms(const ArmTable *table)
{
    const ExperimentConfig *config = &table->experiment->config;
    int arms[TABLE_COLUMNS];
    int columns[TABLE_COLUMNS];
    int n = 0;
    for (int i = 0; i < experiment_arms(config) * table->n_columns && n < TABLE_COLUMNS - 1; i++) {
        arms[n] = i / table->n_columns;
        columns[n] = i % table->n_columns;
        n += experiment_has(table->experiment, arms[n]) && table->title(table, arms[n], columns[n]) != NULL;
    }
    Table *out = table_begin_numbers(1 + n);
    table_cell(out, "%s", "");
    for (int i = 0; i < n; i++) { // the arm above its first column
        const char *name = config->n_rules > 0 ? experiment_arm_name(config, arms[i]) : arms[i] == 1 ? "with:" : "without:";
        table_color(out, arm_color(table->experiment, arms[i]));
        table_cell(out, "%.14s", i > 0 && arms[i] == arms[i - 1] ? "" : name);
    }
    table_cell(out, "%s", table->corner);
    for (int i = 0; i < n; i++) {
        table_cell(out, "%s", table->title(table, arms[i], columns[i]));
    }
    table_line(out);
    int every = (table->n_rows + ROWS_AT_MOST - 1) / ROWS_AT_MOST;
    for (int row = 0; row < table->n_rows; row++) {
        if (row % every == 0 || row == table->n_rows - 1) {
            table->head(out, table, row);
            for (int i = 0; i < n; i++) {
                table->cell(out, table, row, arms[i], columns[i]);
            }
        }
    }
    table_end(out);
    return every > 1;
}
