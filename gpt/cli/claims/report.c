// report.c: claims as rows on a terminal, as a list, as JSON and as CSV.

#include "gpt/cli/claims/claims.h"

#include <string.h>

char *claim_command(const ClaimRun *run)
{
    const Claim *claim = run->claim;
    const Grid *grid = &run->grid;
    Writer *writer = writer_begin();
    FILE *stream = writer->stream;
    if (claim->vary == NULL) {
        fprintf(stream, "gptape gradflow %s --seeds %d --depths none --plot none --csv -", claim->settings, grid->n_seeds);
    } else {
        fprintf(stream, "gptape sweep --vary '%s' %s --seeds %d --statistic '%s'", claim->vary, claim->settings, grid->n_seeds, claim->statistic);
    }
    if (grid->seed != 123) { // the default
        fprintf(stream, " --seed %llu", (unsigned long long)grid->seed);
    }
    return writer_end(writer);
}

char *claim_statistic_text(const Claim *claim)
{
    bool trend = claim->trend != TREND_NONE;
    return text_format("%s%s%s over seeds of '%s'", trend_name(claim->trend), trend ? " of the " : "", over_name(claim->over), claim->statistic);
}

// ------------------------------------------------------------------------------------------------------------
// Rows and the list

void claims_list(const Options *options, const ClaimRun *runs, int n)
{
    if (options_given(options, "json")) {
        claims_print_json(runs, n);
        return;
    }
    for (int i = 0; i < n; i++) {
        const Claim *claim = runs[i].claim;
        terminal_print("%s%s%s%s: %s", terminal_color(COLOR_BOLD), claim->id, terminal_color(COLOR_END), claim->slow ? " (long)" : "",
                       claim->source);
        terminal_print("%s\n", claim->sentence);
    }
    terminal_print("%d claims", n);
}

// On a narrow terminal in two lines, without the seconds.
void claims_print_row(const ClaimRun *run)
{
    enum { ROW_COLUMNS = 117 };
    const Claim *claim = run->claim;
    const Estimate *estimate = &run->estimate;
    char measured[160];
    char expected[80];
    number_format(expected, sizeof expected, "%.4g +- %.2g", claim->prediction, claim->tolerance);
    if (estimate->missing != NULL) {
        snprintf(measured, sizeof measured, "(%s)", estimate->missing);
    } else {
        number_format(measured, sizeof measured, "%.4g [%.4g, %.4g]", estimate->value, estimate->low, estimate->high);
    }
    if (terminal_columns(ROW_COLUMNS) >= ROW_COLUMNS) {
        number_print(stdout, "%-14s  %-27s  %-34s  expected %-18s  %5.1f s\n", verdict_name(run->verdict), claim->id, measured, expected,
                     run->seconds);
    } else {
        printf("%-14s  %s\n", verdict_name(run->verdict), claim->id);
        number_print(stdout, "    %s, expected %s\n", measured, expected);
    }
    flush_stdout();
}

char *claims_summary(const ClaimRun *runs, int n)
{
    int counts[3] = {0};
    for (int i = 0; i < n; i++) {
        counts[runs[i].verdict]++;
    }
    return text_format("%d claim%s: agrees %d, differs %d, cannot be measured %d.", n, plural(n), counts[VERDICT_AGREES], counts[VERDICT_DIFFERS],
                       counts[VERDICT_UNKNOWN]);
}

// Points to the explanation of the first claim that differs.
void claims_print_end(const Options *options, const ClaimRun *runs, int n, double seconds)
{
    AUTO_FREE char *summary = claims_summary(runs, n);
    const char *differs = NULL;
    for (int i = n - 1; i >= 0 && !options_given(options, "explain"); i--) {
        differs = runs[i].verdict == VERDICT_DIFFERS ? runs[i].claim->id : differs;
    }
    terminal_print(differs == NULL ? "\n%s %.0f s." : "\n%s %.0f s. 'gptape claims %s --explain' says more about the first that differs.", summary,
                   seconds, differs);
}

// ------------------------------------------------------------------------------------------------------------
// Files

static cJSON *claim_json(const ClaimRun *run)
{
    const Claim *claim = run->claim;
    AUTO_FREE char *statistic = claim_statistic_text(claim);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "id", claim->id);
    cJSON_AddStringToObject(json, "source", claim->source);
    cJSON_AddStringToObject(json, "claim", claim->sentence);
    cJSON_AddStringToObject(json, "settings", claim->settings);
    if (claim->vary != NULL) {
        cJSON_AddStringToObject(json, "vary", claim->vary);
    }
    cJSON_AddStringToObject(json, "statistic", statistic);
    json_add_number(json, "predicted", claim->prediction);
    json_add_number(json, "tolerance", claim->tolerance);
    cJSON_AddStringToObject(json, "reason", claim->reason);
    cJSON_AddStringToObject(json, "note", claim->note);
    cJSON_AddBoolToObject(json, "long", claim->slow);
    if (!run->done) {
        return json;
    }
    json_add_number(json, "measured", run->estimate.value);
    json_add_number(json, "low", run->estimate.low);
    json_add_number(json, "high", run->estimate.high);
    json_add_count(json, "n", run->estimate.n);
    cJSON_AddStringToObject(json, "verdict", verdict_name(run->verdict));
    if (run->estimate.missing != NULL) {
        cJSON_AddStringToObject(json, "missing", run->estimate.missing);
    }
    json_add_number(json, "seconds", run->seconds);
    return json;
}

void claims_print_json(const ClaimRun *runs, int n)
{
    cJSON *json = cJSON_CreateArray();
    for (int i = 0; i < n; i++) {
        cJSON_AddItemToArray(json, claim_json(&runs[i]));
    }
    json_print(json);
}

void claims_write_csv(FILE *out, const ClaimRun *runs, int n)
{
    fprintf(out, "id,source,claim,how,predicted,tolerance,measured,low,high,n,verdict,seconds\n");
    for (int i = 0; i < n; i++) {
        const ClaimRun *run = &runs[i];
        AUTO_FREE char *command = claim_command(run);
        const char *texts[] = {run->claim->id, run->claim->source, run->claim->sentence, command};
        for (int k = 0; k < 4; k++) {
            quote_csv(out, texts[k]);
            fputc(',', out);
        }
        number_print(out, "%.9g,%.9g,", run->claim->prediction, run->claim->tolerance);
        if (run->estimate.missing == NULL) {
            number_print(out, "%.9g,%.9g,%.9g,", run->estimate.value, run->estimate.low, run->estimate.high);
        } else {
            fprintf(out, ",,,");
        }
        number_print(out, "%d,%s,%.3f\n", run->estimate.n, verdict_name(run->verdict), run->seconds);
    }
}
