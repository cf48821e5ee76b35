// report.c: what gptape bench prints.

#include "gpt/cli/bench/bench.h"

#include <math.h>
#include <string.h>

static const double GIGA = 1e9;
static const double MEGA = 1e6;

void bench_print_cases(void)
{
    Table *table = table_begin("lll", "case|what is timed|compared with");
    for (int i = 0; i < bench_case_count; i++) {
        table_row(table, "%s|%s|%s", bench_cases[i].name, bench_cases[i].about, bench_limit_name(bench_cases[i].limit));
    }
    table_end(table);
}

// amount, done in one repetition, as a rate.
static double a_second(double amount, const BenchFigures *figures)
{
    return amount / (1e-3 * figures->ms.median);
}

static bool is_tokenizer(const BenchRow *row)
{
    return strncmp(row->which->name, "tokenizer-", strlen("tokenizer-")) == 0;
}

// The cost of recording one operation: a case of BENCH_KERNEL does sizes[0] of them.
static double overhead_us(const BenchRow *row)
{
    return 1e3 * (row->figures.ms.median - row->figures.alone_ms) / row->which->sizes[0];
}

// ------------------------------------------------------------------------------------------------------------
// Tables

static void peak_row(Table *table, const char *name, const char *unit, int threads, Quartiles rate)
{
    table_row(table, "%s, %d thread%s|%.1f|%.1f to %.1f|%s", name, threads, plural(threads), rate.median / GIGA, rate.low / GIGA, rate.high / GIGA,
              unit);
}

static void print_peaks(const BenchPeaks *peaks)
{
    bool several = peaks->threads > 1;
    Table *table = table_begin("lrrl", "limits of this machine|median|quartiles|");
    for (int all = 0; all <= several; all++) {
        peak_row(table, "fused multiply-adds", "GFLOP/s", all ? peaks->threads : 1, all ? peaks->flops : peaks->flops_one);
    }
    for (int all = 0; all <= several; all++) {
        peak_row(table, "reading memory", "GB/s", all ? peaks->threads : 1, all ? peaks->bandwidth : peaks->bandwidth_one);
    }
    table_end(table);
    terminal_print("%s vectors, %s kernels; a multiply-add is 2 FLOPs, 1 GB a billion bytes.", machine_vectors(), kernels_name());
    if (kernels_precision() == PRECISION_BF16) {
        terminal_print("Large products take bf16, whose multiply-adds may be faster or slower than those in float32 above.");
    }
}

static int ms_decimals(double ms)
{
    return ms < 1 ? 4 : ms < 100 ? 2 : 0;
}

// Empty where the value is missing: 0 or NaN.
static void figure_cell(Table *table, double figure, int decimals)
{
    if (isnan(figure) || figure == 0) {
        table_cell(table, "%s", "");
    } else {
        table_cell(table, "%.*f", decimals, figure);
    }
}

static void case_row(Table *table, const BenchRow *row)
{
    const BenchFigures *figures = &row->figures;
    int decimals = ms_decimals(figures->ms.median);
    table_row(table, "%s|%.*f|%.*f to %.*f|%d|%s", row->which->name, decimals, figures->ms.median, decimals, figures->ms.low, decimals,
              figures->ms.high, figures->ms.n, figures->tokens == 0 ? "" : THOUSANDS(a_second(figures->tokens, figures)));
    figure_cell(table, a_second(figures->flops, figures) / GIGA, 1);
    figure_cell(table, a_second(figures->bytes, figures) / GIGA, 1);
    figure_cell(table, figures->limit / GIGA, 1);
    figure_cell(table, bench_fraction(row->which, figures), 2);
    table_cell(table, "%s", bench_limit_name(row->which->limit));
}

static void print_cases(const BenchReport *report)
{
    printf("\n");
    Table *table = table_begin("lrrrrrrrrl", "case|ms|quartiles|n|tokens/s|GFLOP/s|GB/s|limit|fraction|of");
    for (int i = 0; i < report->n_rows; i++) {
        case_row(table, &report->rows[i]);
    }
    table_end(table);
}

static bool has_steps(const BenchReport *report)
{
    bool any = false;
    for (int i = 0; i < report->n_rows; i++) {
        any = any || report->rows[i].figures.predicted_bytes > 0;
    }
    return any;
}

// Explains the columns that are in the table.
static void print_meaning(const BenchReport *report)
{
    terminal_print("ms: median and quartiles of n repetitions, after two that do not count; limit: what this machine reached right before, during "
                   "or right after the case, in GFLOP/s or GB/s.");
    for (int i = 0; i < report->n_rows; i++) {
        const BenchRow *row = &report->rows[i];
        if (is_tokenizer(row)) {
            terminal_print("%s: %s, %.1f MB/s of text.", row->which->name, tokenizer_name(tokenizer_kind(report->config->tokenizer)),
                           a_second((double)report->config->n_text, &row->figures) / MEGA);
        }
        if (row->figures.f32_ms.n > 0) {
            double bf16 = row->figures.ms.median;
            double f32 = row->figures.f32_ms.median;
            terminal_print("%s: %.*f ms with products in bf16, %.*f ms in float32: bf16 takes %.2f times as long.", row->which->name,
                           ms_decimals(bf16), bf16, ms_decimals(f32), f32, bf16 / f32);
        }
        if (row->which->limit == BENCH_KERNEL) {
            terminal_print("%s: %.2f microseconds per operation, forward and backward, besides its loops.", row->which->name, overhead_us(row));
        }
        if (row->which->limit == BENCH_PASS) {
            double alone = row->figures.alone_ms;
            double added = row->figures.ms.median - alone;
            terminal_print("%s: the pass alone takes %.2f ms; watch and probes add %.2f ms, %.0f %%.", row->which->name, alone, added,
                           100 * added / alone);
        }
    }
    if (has_steps(report)) {
        terminal_print("A training step counts 6 x parameters x tokens FLOPs: each weight multiplies and adds once forward, twice back. It is "
                       "all of forward, backward, clipping and AdamW.%s",
                       report->config->recompute ? " Blocks were computed again in backward, which is not counted." : "");
    }
}

static void print_memory(const BenchReport *report)
{
    printf("\n");
    Table *table = table_begin("lrrr", "memory of a training step|resident at most|predicted|resident / predicted");
    for (int i = 0; i < report->n_rows; i++) {
        const BenchFigures *figures = &report->rows[i].figures;
        if (figures->predicted_bytes > 0) {
            table_row(table, "%s|%s|%s|%.2f", report->rows[i].which->name, BYTES_STRING(figures->peak_bytes),
                      BYTES_STRING(figures->predicted_bytes), figures->peak_bytes / figures->predicted_bytes);
        }
    }
    table_end(table);
}

void bench_print(const BenchReport *report)
{
    print_peaks(&report->peaks);
    if (report->n_rows > 0) {
        print_cases(report);
        print_meaning(report);
        if (has_steps(report)) {
            print_memory(report);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// JSON

static void add_peaks(cJSON *json, const BenchPeaks *peaks)
{
    json_add_number(json, "peak_gflops", peaks->flops.median / GIGA);
    json_add_number(json, "peak_gflops_one_thread", peaks->flops_one.median / GIGA);
    json_add_number(json, "bandwidth_gbs", peaks->bandwidth.median / GIGA);
    json_add_number(json, "bandwidth_gbs_one_thread", peaks->bandwidth_one.median / GIGA);
}

// null where the value is missing.
static void add_figure(cJSON *object, const char *name, double figure)
{
    json_add_number(object, name, figure == 0 ? NAN : figure);
}

static void add_case(cJSON *cases, const BenchRow *row, const BenchReport *report)
{
    const BenchFigures *figures = &row->figures;
    cJSON *object = cJSON_AddObjectToObject(cases, row->which->name);
    json_add_number(object, "ms", figures->ms.median);
    json_add_number(object, "ms_low", figures->ms.low);
    json_add_number(object, "ms_high", figures->ms.high);
    if (figures->f32_ms.n > 0) {
        json_add_number(object, "f32_ms", figures->f32_ms.median);
    }
    json_add_count(object, "repetitions", figures->ms.n);
    add_figure(object, "tokens_per_s", a_second(figures->tokens, figures));
    add_figure(object, "gflops", a_second(figures->flops, figures) / GIGA);
    add_figure(object, "gbs", a_second(figures->bytes, figures) / GIGA);
    add_figure(object, "limit", figures->limit / GIGA);
    add_figure(object, "fraction", bench_fraction(row->which, figures));
    cJSON_AddStringToObject(object, "fraction_of", bench_limit_name(row->which->limit));
    if (is_tokenizer(row)) {
        cJSON_AddStringToObject(object, "tokenizer", tokenizer_name(tokenizer_kind(report->config->tokenizer)));
        json_add_count(object, "tokens", figures->tokens);
        json_add_number(object, "mb_per_s", a_second((double)report->config->n_text, figures) / MEGA);
    }
    if (row->which->limit == BENCH_KERNEL) {
        json_add_number(object, "overhead_us", overhead_us(row));
    }
    if (row->which->limit == BENCH_PASS) {
        json_add_number(object, "pass_ms", figures->alone_ms);
    }
    json_add_count(object, "peak_bytes", figures->peak_bytes);
    if (figures->predicted_bytes > 0) {
        json_add_count(object, "predicted_bytes", figures->predicted_bytes);
    }
}

void bench_print_json(const BenchReport *report)
{
    cJSON *json = cJSON_CreateObject();
    json_add_count(json, "threads", report->peaks.threads);
    cJSON_AddStringToObject(json, "vectors", machine_vectors());
    cJSON_AddStringToObject(json, "kernels", kernels_name());
    add_peaks(json, &report->peaks);
    cJSON_AddStringToObject(json, "precision", precision_name(kernels_precision()));
    cJSON_AddBoolToObject(json, "recompute", report->config->recompute);
    cJSON_AddStringToObject(json, "step_flops", "6 x parameters x tokens");
    cJSON *cases = cJSON_AddObjectToObject(json, "cases");
    for (int i = 0; i < report->n_rows; i++) {
        add_case(cases, &report->rows[i], report);
    }
    json_print(json);
}
