// html.c: the claims as one self-contained page: a row each, with the interval drawn against the prediction. Whatever a color means, a shape
// and a word mean too.

#include "gpt/cli/claims/claims.h"

#include <math.h>
#include <string.h>

static const char STYLE[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}\n"
    "h1{font-size:1.6rem}table{border-collapse:collapse;width:100%}\n"
    "th,td{text-align:left;vertical-align:top;padding:.6rem .5rem;border-top:1px solid #ccc}\n"
    ".verdict{font-weight:700;white-space:nowrap}.agrees{color:#005a87}.differs{color:#a33b00;text-decoration:underline}\n"
    ".unknown{color:#555;font-style:italic}.small{font-size:.85rem;color:#444}svg{max-width:100%;height:auto}\n"
    "code{font:.85rem/1.4 ui-monospace,monospace;overflow-wrap:anywhere}\n"
    "@media(max-width:50rem){table,tbody,tr,td{display:block}thead{display:none}td{border:0;padding:.2rem 0}\n"
    "tr{border-top:1px solid #ccc;padding:.6rem 0}}\n"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}.agrees{color:#7cc6ee}.differs{color:#ffac7d}\n"
    ".unknown{color:#bbb}.small{color:#bbb}th,td,tr{border-color:#444}\n"
    "svg text{fill:#eee}svg .axis{stroke:#aaa}svg .band{fill:#555}svg .mark{stroke:#eee;fill:#eee}}\n";

// ------------------------------------------------------------------------------------------------------------
// Drawings

enum { WIDTH = 320, LEFT = 12, RIGHT = 308, STRIP_LEFT = 70, STRIP_TOP = 26, STRIP_BOTTOM = 112 };

typedef struct Scale {
    double low, high;
} Scale;

static void extend(Scale *scale, double value)
{
    if (isfinite(value)) {
        scale->low = fmin(scale->low, value);
        scale->high = fmax(scale->high, value);
    }
}

static double place(const Scale *scale, double value, double from, double to)
{
    double span = scale->high - scale->low;
    return from + (span > 0 ? (value - scale->low) / span : 0.5) * (to - from);
}

typedef struct Place {
    double x, y;
    const char *anchor;
} Place;

// Both ends of an axis, with enough digits to tell them apart.
static void write_ends(FILE *out, Place low_place, double low, Place high_place, double high)
{
    char texts[2][32];
    int digits = 3;
    do {
        number_format(texts[0], sizeof texts[0], "%.*g", digits, low);
        number_format(texts[1], sizeof texts[1], "%.*g", digits, high);
        digits++;
    } while (digits <= 9 && strcmp(texts[0], texts[1]) == 0);
    for (int i = 0; i < 2; i++) {
        Place place = i == 0 ? low_place : high_place;
        number_print(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" text-anchor=\"%s\">%s</text>", place.x, place.y, place.anchor, texts[i]);
    }
}

// The prediction with its tolerance as a gray band, the interval as a bar with ends, the measured number as a diamond.
static void write_interval(FILE *out, const ClaimRun *run)
{
    const Claim *claim = run->claim;
    const Estimate *estimate = &run->estimate;
    Scale scale = {INFINITY, -INFINITY};
    extend(&scale, claim->prediction - claim->tolerance);
    extend(&scale, claim->prediction + claim->tolerance);
    extend(&scale, estimate->low);
    extend(&scale, estimate->high);
    double margin = scale.high > scale.low ? 0.08 * (scale.high - scale.low) : scale.high != 0 ? 0.1 * fabs(scale.high) : 1;
    scale.low -= margin;
    scale.high += margin;
    double band_low = place(&scale, claim->prediction - claim->tolerance, LEFT, RIGHT);
    double band_high = place(&scale, claim->prediction + claim->tolerance, LEFT, RIGHT);
    double middle = place(&scale, claim->prediction, LEFT, RIGHT);
    fprintf(out, "<svg viewBox=\"0 0 %d 56\" width=\"%d\" role=\"img\" aria-label=\"", WIDTH, WIDTH);
    number_print(out, "predicted %.4g plus or minus %.3g, measured %.4g, interval %.4g to %.4g\">", claim->prediction, claim->tolerance,
                 estimate->value, estimate->low, estimate->high);
    number_print(out, "<rect class=\"band\" x=\"%.1f\" y=\"6\" width=\"%.1f\" height=\"26\" fill=\"#ccc\"/>", band_low,
                 fmax(band_high - band_low, 1.5));
    number_print(out, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"4\" y2=\"34\" stroke=\"#333\" stroke-dasharray=\"3 2\"/>", middle, middle);
    number_print(out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"38\" y2=\"38\" stroke=\"#888\"/>", LEFT, RIGHT);
    if (estimate->missing == NULL) {
        double low = place(&scale, estimate->low, LEFT, RIGHT);
        double high = place(&scale, estimate->high, LEFT, RIGHT);
        double value = place(&scale, estimate->value, LEFT, RIGHT);
        number_print(out, "<path class=\"mark\" d=\"M%.1f 13v12M%.1f 13v12M%.1f 19H%.1f\" stroke=\"#000\" stroke-width=\"2\" fill=\"none\"/>", low,
                     high, low, high);
        number_print(out, "<path class=\"mark\" d=\"M%.1f 13l5 6-5 6-5-6z\" fill=\"#000\"/>", value);
    }
    write_ends(out, (Place){LEFT, 51, "start"}, scale.low, (Place){RIGHT, 51, "end"}, scale.high);
    fprintf(out, "</svg>");
}

// A point for each network: the statistic by seed, or by the varied value.
static void write_points(FILE *out, const ClaimRun *run)
{
    const Grid *grid = &run->grid;
    int n = grid->n_points * grid->n_seeds;
    bool one = grid->n_points == 1;
    bool logarithm = run->claim->trend != TREND_NONE;
    double first = (double)grid->seed;
    Scale x = {INFINITY, -INFINITY};
    Scale y = {INFINITY, -INFINITY};
    for (int i = 0; i < n; i++) {
        logarithm = logarithm && !(run->values[i] <= 0);
    }
    for (int i = 0; i < n; i++) {
        extend(&x, one ? first + i : run->x[i / grid->n_seeds]);
        extend(&y, logarithm ? log10(run->values[i]) : run->values[i]);
    }
    if (!(y.low <= y.high)) {
        return;
    }
    fprintf(out, "<svg viewBox=\"0 0 %d 134\" width=\"%d\" role=\"img\" aria-label=\"the statistic of each network, by %s\">", WIDTH, WIDTH,
            one ? "seed" : grid->varied[0].name);
    fprintf(out, "<path class=\"axis\" d=\"M%d %dV%dH%d\" stroke=\"#888\" fill=\"none\"/>", STRIP_LEFT, STRIP_TOP - 4, STRIP_BOTTOM + 4, RIGHT);
    for (int i = 0; i < n; i++) {
        double value = logarithm ? log10(run->values[i]) : run->values[i];
        if (isfinite(value)) {
            number_print(out, "<circle class=\"mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.2\" fill=\"#000\" fill-opacity=\".55\"/>",
                         place(&x, one ? first + i : run->x[i / grid->n_seeds], STRIP_LEFT + 8, RIGHT - 8),
                         place(&y, value, STRIP_BOTTOM, STRIP_TOP));
        }
    }
    write_ends(out, (Place){STRIP_LEFT - 6, STRIP_BOTTOM + 4, "end"}, logarithm ? pow(10, y.low) : y.low,
               (Place){STRIP_LEFT - 6, STRIP_TOP + 4, "end"}, logarithm ? pow(10, y.high) : y.high);
    write_ends(out, (Place){STRIP_LEFT + 8, 130, "middle"}, x.low, (Place){RIGHT - 8, 130, "middle"}, x.high);
    fprintf(out, "<text x=\"%d\" y=\"130\" font-size=\"11\" text-anchor=\"middle\">%s</text>", (STRIP_LEFT + RIGHT) / 2,
            one ? "seed" : grid->varied[0].name);
    fprintf(out, "<text x=\"%d\" y=\"12\" font-size=\"11\">statistic of each network%s</text></svg>", LEFT, logarithm ? ", logarithmic" : "");
}

// ------------------------------------------------------------------------------------------------------------
// The page

static const char *verdict_class(Verdict verdict)
{
    return verdict == VERDICT_AGREES ? "agrees" : verdict == VERDICT_DIFFERS ? "differs" : "unknown";
}

static const char *verdict_sign(Verdict verdict)
{
    return verdict == VERDICT_AGREES ? "&#10003;" : verdict == VERDICT_DIFFERS ? "&#10007;" : "?";
}

static void write_part(FILE *out, const char *tag, const char *text)
{
    fprintf(out, "<%s>", tag);
    quote_html(out, text);
    fprintf(out, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

static void write_row(FILE *out, const ClaimRun *run)
{
    const Claim *claim = run->claim;
    AUTO_FREE char *command = claim_command(run);
    AUTO_FREE char *statistic = claim_statistic_text(claim);
    fprintf(out, "<tr id=\"%s\"><td><div class=\"verdict %s\">%s %s</div><div class=\"small\">", claim->id, verdict_class(run->verdict),
            verdict_sign(run->verdict), verdict_name(run->verdict));
    number_print(out, "%.1f s, %d networks</div></td>\n<td>", run->seconds, run->estimate.n);
    write_part(out, "strong", claim->id);
    write_part(out, "div", claim->sentence);
    write_part(out, "div class=\"small\"", claim->source);
    write_part(out, "p class=\"small\"", claim->note);
    write_part(out, "code", command);
    fprintf(out, "</td>\n<td>");
    write_interval(out, run);
    fprintf(out, "<div class=\"small\">");
    if (run->estimate.missing != NULL) {
        write_part(out, "p", run->estimate.missing);
    } else {
        number_print(out, "Measured: %.4g (95 %% interval: %.4g to %.4g). ", run->estimate.value, run->estimate.low, run->estimate.high);
    }
    number_print(out, "Predicted: %.4g &#177; %.2g (tolerance: ", claim->prediction, claim->tolerance);
    quote_html(out, claim->reason);
    fprintf(out, ").</div>\n");
    write_part(out, "p class=\"small\"", statistic);
    write_points(out, run);
    fprintf(out, "</td></tr>\n");
}

void claims_write_html(FILE *out, const ClaimRun *runs, int n)
{
    AUTO_FREE char *summary = claims_summary(runs, n);
    fprintf(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
        "<title>Claims about shortcuts, measured</title><style>\n%s</style></head><body>\n<h1>Claims about shortcuts, measured</h1>\n",
        STYLE);
    fprintf(out, "<p>%s gptape %s.</p>\n", summary, GPTAPE_VERSION);
    fprintf(out, "<p>A claim <em>agrees</em> if its prediction with its tolerance (the gray band; the dashed line is the prediction) overlaps the "
                 "95 %% bootstrap interval over seeds (the bar; the diamond is the measured number). Below it, each point is one network. "
                 "Numbers in parentheses after a source are arXiv identifiers.</p>\n"
                 "<table><thead><tr><th scope=\"col\">Verdict</th><th scope=\"col\">Claim and command</th><th scope=\"col\">Measurement</th>"
                 "</tr></thead><tbody>\n");
    for (int i = 0; i < n; i++) {
        write_row(out, &runs[i]);
    }
    fprintf(out, "</tbody></table>\n</body></html>\n");
}
