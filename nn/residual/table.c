// table.c: the published rules, one row each, and the rules that are in use.

#include "nn/residual/rule.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

// The texts are in normal form.
const ResidualRow residual_table[] = {
    {"pre", "h + f(norm(h))", "GPT-2; Xiong 2020, arXiv 2002.04745",
     "The default: the shortcut passes the stream unchanged, and each sublayer reads a normalized copy."},
    {"post", "norm(h + f(h))", "Vaswani 2017, arXiv 1706.03762",
     "The original transformer: every norm is on the shortcut, so gradients are rescaled at each sublayer."},
    {"plain", "h + f(h)", "He 2016, arXiv 1512.03385", "The residual connection alone, without norms; the MLP's default with shortcuts."},
    {"none", "f(norm(h))", "no shortcut (--shortcut off)", "pre without its shortcut: every gradient passes every sublayer."},
    {"none-post", "norm(f(h))", "no shortcut (--shortcut off --norm post)", "post without its shortcut."},
    {"none-plain", "f(h)", "no shortcut (--shortcut off --norm none)", "Sublayers in sequence; the MLP without shortcuts."},
    {"rezero", "h + scalar(0)*f(h)", "Bachlechner 2020, arXiv 2003.04887",
     "A learned gate that starts closed: at first the network is the identity, and deep networks train without norms."},
    {"layerscale", "h + vector(0.1)*f(norm(h))", "Touvron 2021, arXiv 2103.17239",
     "A small learned factor for each channel of the branch; the paper takes 1e-5 from 18 layers on, 1e-6 from 24."},
    {"deepnorm", "norm((2*L)^0.25*h + f(h))", "Wang 2022, arXiv 2203.00555 (decoder)",
     "A shortcut scaled up with depth keeps post-norm stable to 1,000 layers; use it with --init deepnorm."},
    {"keel", "norm(S*h + f(norm(h)))", "arXiv 2601.19895",
     "Post-norm with a shortcut scaled by the number of sublayers and a second norm in the branch."},
    {"lns", "h + f(norm(h)/sqrt(l))", "LayerNorm Scaling, arXiv 2502.05795",
     "Damps what deep blocks read, so that the variance of the stream does not grow exponentially with depth."},
    {"peri", "h + norm(f(norm(h)))", "Peri-LN, arXiv 2502.02732", "Norms before and after each sublayer bound what it adds to the stream."},
    {"b2t", "norm(h + f(h)) | norm(h + f(h) + block)", "Bottom-to-top, arXiv 2206.00330",
     "Post-norm with a shortcut around all but the last norm of each block."},
    {"highway", "t = sigmoid(linear(h, -2)); t*f(h) + (1 - t)*h", "Srivastava 2015, arXiv 1505.00387",
     "A learned gate divides each value between the sublayer and the shortcut; it starts mostly on the shortcut."},
    {"x0", "scalar(1)*h + scalar(0.1)*x0 + f(norm(h))", "modded-nanogpt (x0 lambdas)",
     "The embedding is added again before every sublayer, with a learned factor."},
    {"half", "0.5*h + f(norm(h))", "He 2016, arXiv 1603.05027 (scaled shortcut)",
     "A shortcut of less than 1: the gradient along it shrinks by half at each sublayer."},
    {"sqrt-branch", "h + f(norm(h))/sqrt(S)", "Noci 2022, arXiv 2206.03126; De and Smith 2020, arXiv 2002.10444",
     "Branches scaled by depth keep the stream's variance bounded, and tokens different."},
    {"forward-only", "stop(h) + f(norm(h))", "a lesson", "The shortcut carries values, not gradients: at step 0 the loss is that of pre."},
    {"backward-only", "h - stop(h) + f(norm(h))", "a lesson", "The shortcut carries gradients, not values: at step 0 the loss is that of none."},
    {"rms", "h + f(rms(h))", "Zhang and Sennrich 2019, arXiv 1910.07467", "pre with RMSNorm: no mean is subtracted, and no bias added."},
    {"dyt", "h + f(dyt(h))", "Zhu 2025, arXiv 2503.10622", "pre with a learned tanh in place of the norm: no statistics."},
};

const int residual_table_count = sizeof residual_table / sizeof residual_table[0];

// ------------------------------------------------------------------------------------------------------------
// The rules in use

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ResidualRule *kept; // all of them, for as long as the program runs

static const ResidualRow *find_row(const char *text, bool by_name)
{
    for (int i = 0; i < residual_table_count; i++) {
        if (strcmp(by_name ? residual_table[i].name : residual_table[i].text, text) == 0) {
            return &residual_table[i];
        }
    }
    return NULL;
}

// The stored rule with this text. If there is none, made (which may be NULL) is stored and returned.
static const ResidualRule *find_or_keep(const char *text, ResidualRule *made)
{
    pthread_mutex_lock(&lock);
    ResidualRule *rule = kept;
    while (rule != NULL && strcmp(rule->text, text) != 0) {
        rule = rule->next;
    }
    if (rule == NULL && made != NULL) {
        made->next = kept;
        kept = made;
        rule = made;
    }
    pthread_mutex_unlock(&lock);
    return rule;
}

// At exit, so that leak checkers have nothing to report.
__attribute__((destructor)) static void free_kept(void)
{
    while (kept != NULL) {
        ResidualRule *next = kept->next;
        rule_free(kept);
        kept = next;
    }
}

const ResidualRule *residual_rule(const char *text, Error *error)
{
    REQUIRE(text, error);
    const ResidualRow *row = find_row(text, true);
    const char *wanted = row == NULL ? text : row->text;
    const ResidualRule *rule = find_or_keep(wanted, NULL);
    ResidualRule *made = rule == NULL ? rule_parse(wanted, error) : NULL;
    if (made == NULL) {
        return rule;
    }
    made->row = find_row(made->text, false);
    rule = find_or_keep(made->text, made); // wanted may not have been in normal form
    if (rule != made) {
        rule_free(made);
    }
    return rule;
}

const ResidualRow *residual_row(const ResidualRule *rule)
{
    REQUIRE(rule);
    return rule->row;
}

const char *residual_name(const ResidualRule *rule)
{
    REQUIRE(rule);
    return rule->row == NULL ? rule->text : rule->row->name;
}

const char *residual_text(const ResidualRule *rule)
{
    REQUIRE(rule);
    return rule->text;
}

// ------------------------------------------------------------------------------------------------------------
// Checks and counts

static bool has(const ResidualRule *rule, RuleOp op)
{
    return rule_find(rule_half(rule, 0), op) >= 0 || rule_find(rule_half(rule, 1), op) >= 0;
}

// The step that makes the result, whatever name it has.
static const RuleStep *last_step(const RuleHalf *half)
{
    const RuleStep *last = &half->steps[half->result];
    while (last->op == RULE_BOUND) {
        last = &half->steps[last->a];
    }
    return last;
}

bool residual_final_norm(const ResidualRule *rule)
{
    REQUIRE(rule);
    bool norms = has(rule, RULE_NORM) || has(rule, RULE_RMS) || has(rule, RULE_DYT);
    return norms && !rule_is_norm(last_step(rule_half(rule, 1))->op);
}

bool residual_uses_x0(const ResidualRule *rule)
{
    REQUIRE(rule);
    return has(rule, RULE_X0);
}

bool residual_uses_stop(const ResidualRule *rule)
{
    REQUIRE(rule);
    return has(rule, RULE_STOP);
}

// A step's result as constant + shortcut*h + branch*f(...); NaN if it is not such a sum.
typedef struct Terms {
    double constant, shortcut, branch;
} Terms;

// x a + y b
static Terms add_terms(double x, Terms a, double y, Terms b)
{
    return (Terms){x * a.constant + y * b.constant, x * a.shortcut + y * b.shortcut, x * a.branch + y * b.branch};
}

static Terms terms_of(const RuleHalf *half, const RuleStep *step, Terms a, Terms b)
{
    const Terms other = {NAN, NAN, NAN};
    bool a_constant = step->a >= 0 && half->steps[step->a].size == RULE_CONSTANT;
    bool b_constant = step->b >= 0 && half->steps[step->b].size == RULE_CONSTANT;
    switch (step->op) {
    case RULE_H: return (Terms){.shortcut = 1};
    case RULE_F: return (Terms){.branch = 1};
    case RULE_BOUND: return a;
    case RULE_NEGATE: return add_terms(-1, a, 0, b);
    case RULE_ADD: return add_terms(1, a, 1, b);
    case RULE_SUBTRACT: return add_terms(1, a, -1, b);
    case RULE_MULTIPLY: return b_constant ? add_terms(b.constant, a, 0, b) : a_constant ? add_terms(0, a, a.constant, b) : other;
    case RULE_DIVIDE: return b_constant ? add_terms(1 / b.constant, a, 0, b) : other;
    default: return other;
    }
}

bool residual_norm_gains(const ResidualRule *rule, ResidualPlace place, double *shortcut, double *branch)
{
    REQUIRE(rule, shortcut, branch);
    const RuleHalf *half = rule_half(rule, place.half);
    const RuleStep *last = last_step(half);
    double constants[RESIDUAL_LENGTH];
    Terms terms[RESIDUAL_LENGTH];
    rule_constants(half, place, constants);
    for (int i = 0; i < half->n_steps; i++) {
        const RuleStep *step = &half->steps[i];
        Terms a = step->a < 0 ? (Terms){0} : terms[step->a];
        Terms b = step->b < 0 ? (Terms){0} : terms[step->b];
        terms[i] = step->size == RULE_CONSTANT ? (Terms){.constant = constants[i]} : terms_of(half, step, a, b);
    }
    Terms inside = last->op == RULE_NORM || last->op == RULE_RMS ? terms[last->a] : (Terms){NAN, NAN, NAN};
    *shortcut = inside.shortcut;
    *branch = inside.branch;
    return inside.constant == 0 && inside.shortcut != 0 && isfinite(inside.shortcut) && isfinite(inside.branch);
}

ResidualPlace residual_place(int block, int half, int n_layer)
{
    int S = n_layer <= INT_MAX / 2 ? 2 * n_layer : INT_MAX; // a network so deep is counted, but not made
    return (ResidualPlace){.half = half, .l = block + 1, .L = n_layer, .s = 2 * block + half + 1, .S = S};
}

ResidualPlace residual_place_mlp(int layer, int n_layer)
{
    return (ResidualPlace){.half = 0, .l = layer + 1, .L = n_layer, .s = layer + 1, .S = n_layer};
}

// Are the constants that depend on the place finite there?
static bool check_place(const ResidualRule *rule, ResidualPlace place, Error *error)
{
    const RuleHalf *half = rule_half(rule, place.half);
    double values[RESIDUAL_LENGTH];
    rule_constants(half, place, values);
    for (int i = 0; i < half->n_steps; i++) {
        const RuleStep *step = &half->steps[i];
        bool by_constant = step->op == RULE_DIVIDE && half->steps[step->b].size == RULE_CONSTANT;
        if (!isfinite(values[i]) || (by_constant && !isfinite(1 / values[step->b]))) {
            return error_set(error,
                             "column %d: not finite in block %d of %d, sublayer %d (expected a finite constant, and no division by "
                             "zero)",
                             step->column, place.l, place.L, place.s);
        }
    }
    return true;
}

bool residual_check(const ResidualRule *rule, int n_layer, Error *error)
{
    REQUIRE(rule, error);
    bool varies = rule->halves[0].varies || rule->halves[1].varies;
    int blocks = varies ? n_layer : 1; // else one block is like the others
    if (blocks > RESIDUAL_BLOCKS) {
        return error_set(error, "%d blocks with a rule of l, L, s or S (expected at most %d)", n_layer, RESIDUAL_BLOCKS);
    }
    for (int i = 0; i < 2 * blocks; i++) {
        if (!check_place(rule, residual_place(i / 2, i % 2, n_layer), error)) {
            return false;
        }
    }
    return true;
}

bool residual_check_mlp(const ResidualRule *rule, const int *sizes, int n_layer, Error *error)
{
    REQUIRE(rule, sizes, error);
    int x0 = rule_find(&rule->halves[0], RULE_X0);
    if (rule->n_halves == 2) {
        return error_set(error, "column %d: '|' in an MLP (expected one half: an MLP has no attention)", rule->bar);
    }
    for (int i = 0; i < n_layer; i++) {
        if (sizes[i] != sizes[i + 1]) {
            continue; // f(h) alone
        }
        if (x0 >= 0 && sizes[i] != sizes[0]) {
            return error_set(error, "column %d: x0 is %d wide, and layers.%d is %d wide (expected one width, or a rule without x0)",
                             rule->halves[0].steps[x0].column, sizes[0], i, sizes[i]);
        }
        if (!check_place(rule, residual_place_mlp(i, n_layer), error)) {
            return false;
        }
    }
    return true;
}

static void count_step(const RuleHalf *half, const RuleStep *step, ResidualCost *cost)
{
    bool two_streams = step->size == RULE_STREAM && step->b >= 0 && half->steps[step->a].size == half->steps[step->b].size;
    switch (step->op) {
    case RULE_H:
    case RULE_X0:
    case RULE_BLOCK:
    case RULE_BOUND:
    case RULE_F:
    case RULE_STOP: return; // makes no stream of its own
    case RULE_NORM:
        cost->norm_vectors += 2;
        cost->statistics++;
        break;
    case RULE_RMS:
        cost->norm_vectors++;
        cost->statistics++;
        break;
    case RULE_DYT:
        cost->norm_vectors += 2;
        cost->norm_scalars++;
        cost->streams += 3;
        break;
    case RULE_SCALAR: cost->scalars++; break;
    case RULE_VECTOR: cost->vectors++; break;
    case RULE_LINEAR: cost->linears++; break;
    default: cost->joins |= two_streams; break;
    }
    cost->streams += step->size == RULE_STREAM;
}

ResidualCost residual_cost(const ResidualRule *rule, int half)
{
    REQUIRE(rule);
    const RuleHalf *steps = rule_half(rule, half);
    ResidualCost cost = {0};
    for (int i = 0; i < steps->n_steps; i++) {
        count_step(steps, &steps->steps[i], &cost);
    }
    return cost;
}
