// optimizer.c: SGD, AdamW and gradient clipping.

#include "nn/nn.h"
#include "tensor/kernel.h"
#include "tensor/unwind.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

static void check_size(const char *what, const char *name, double size)
{
    if (!(size >= 0 && size <= (double)FLT_MAX)) {
        fail_mistake(HERE, "%s: %s %g (expected at least 0 and at most %g)", what, name, size, (double)FLT_MAX);
    }
}

void sgd_step(const ParameterList *parameters, double lr)
{
    REQUIRE(parameters);
    check_size("sgd_step", "lr", lr);
    for (int i = 0; i < parameters->count; i++) {
        Tensor *p = parameters->parameters[i];
        size_t n = tensor_count(p);
        if (p->grad == NULL) {
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            p->data[k] -= (Real)lr * p->grad[k];
        }
        tensor_changed(p);
    }
}

const AdamWConfig adamw_defaults = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01};

// With a rate of 1, the average never forgets its zero start, and the correction divides by 0.
static void check_rate(const char *name, double rate)
{
    if (!(rate >= 0 && rate < 1)) {
        fail_mistake(HERE, "AdamW: %s %g (expected at least 0 and below 1)", name, rate);
    }
}

// At each step, because a schedule may have changed it.
static void check_config(const AdamWConfig *config)
{
    check_rate("beta1", config->beta1);
    check_rate("beta2", config->beta2);
    check_size("AdamW", "lr", config->lr);
    check_size("AdamW", "eps", config->eps);
    check_size("AdamW", "weight_decay", config->weight_decay);
    check_size("AdamW", "lr / (1 - beta1)", config->lr / (1 - config->beta1));
    check_size("AdamW", "lr weight_decay", config->lr * config->weight_decay);
}

AdamW adamw_create(const ParameterList *parameters, AdamWConfig config)
{
    check_config(&config);
    REQUIRE(parameters);
    AdamW adamw = {.config = config, .parameters = parameters};
    adamw.m = memory_allocate_zeroed(parameters->values, sizeof(Real), "AdamW's first moments");
    int frame = unwind_begin();
    unwind_add_on_failure(free, adamw.m);
    adamw.v = memory_allocate_zeroed(parameters->values, sizeof(Real), "AdamW's second moments");
    unwind_end(frame);
    return adamw;
}

void adamw_free(AdamW *adamw)
{
    REQUIRE(adamw);
    free(adamw->m);
    free(adamw->v);
    *adamw = (AdamW){0};
}

// ------------------------------------------------------------------------------------------------------------
// Clipping

double grad_norm(const ParameterList *parameters)
{
    REQUIRE(parameters);
    double sum = 0;
    for (int i = 0; i < parameters->count; i++) {
        const Tensor *p = parameters->parameters[i];
        if (p->grad != NULL) {
            sum += kernels()->sum_of_squares(p->grad, tensor_count(p));
        }
    }
    return sqrt(sum);
}

// The factor for all gradients: 1, or less if their norm is above max_norm. A NaN clips nothing, and stays NaN.
static double clip_factor(double norm, double max_norm)
{
    if (!(max_norm >= 0)) {
        fail_mistake(HERE, "clip_grad_norm: max_norm %g (expected at least 0)", max_norm);
    }
    double factor = max_norm / (norm + 1e-6);
    return factor < 1 ? factor : 1;
}

// ------------------------------------------------------------------------------------------------------------
// Steps

// The same for all values of a parameter. The corrections undo that m and v start at 0.
static AdamWFactors adamw_factors(const AdamW *adamw, const Tensor *p, double gradient_factor)
{
    const AdamWConfig *config = &adamw->config;
    bool decays = p->shape.ndim >= 2;
    return (AdamWFactors){
        .gradient = (Real)gradient_factor,
        .beta1 = (Real)config->beta1,
        .new1 = (Real)(1 - config->beta1), // not 1 - beta1 in float32, which is off by 2e-7
        .beta2 = (Real)config->beta2,
        .new2 = (Real)(1 - config->beta2),
        .step_size = (Real)config->lr / (Real)(1 - pow(config->beta1, adamw->step)),
        .inv_sqrt = (Real)(1 / sqrt(1 - pow(config->beta2, adamw->step))),
        .eps = (Real)config->eps,
        .decay = decays ? (Real)(1 - config->lr * config->weight_decay) : 1,
    };
}

static void step_with(AdamW *adamw, double gradient_factor, Where where)
{
    check_config(&adamw->config);
    if (adamw->step < 0 || adamw->step == INT_MAX) {
        fail_mistake(HERE, "adamw_step: step is %d (expected 0 to %d)", adamw->step, INT_MAX - 1);
    }
    adamw->step++;
    size_t at = 0;
    for (int i = 0; i < adamw->parameters->count; i++) {
        Tensor *p = adamw->parameters->parameters[i];
        size_t n = tensor_count(p);
        if (p->grad != NULL) {
            AdamWFactors factors = adamw_factors(adamw, p, gradient_factor);
            kernels()->adamw(&factors, p->grad, adamw->m + at, adamw->v + at, p->data, n);
            (tensor_changed)(p, where);
        }
        at += n;
    }
}

void adamw_step(AdamW *adamw)
{
    REQUIRE(adamw, adamw->parameters);
    step_with(adamw, 1, HERE);
}

void adamw_step_clipped(AdamW *adamw, double norm, double max_norm)
{
    REQUIRE(adamw, adamw->parameters);
    step_with(adamw, clip_factor(norm, max_norm), HERE);
}

double clip_grad_norm(const ParameterList *parameters, double max_norm)
{
    double norm = grad_norm(parameters);
    double factor = clip_factor(norm, max_norm);
    for (int i = 0; factor < 1 && i < parameters->count; i++) {
        const Tensor *p = parameters->parameters[i];
        size_t n = p->grad == NULL ? 0 : tensor_count(p);
        for (size_t k = 0; k < n; k++) {
            p->grad[k] *= (Real)factor;
        }
    }
    return norm;
}
