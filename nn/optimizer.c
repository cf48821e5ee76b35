// optimizer.c: what is done with the gradients.

#include "nn/nn.h"

#include <math.h>
#include <stdlib.h>

void sgd_step(const ParameterList *parameters, double lr)
{
    for (int i = 0; i < parameters->count; i++) {
        Tensor *p = parameters->parameters[i];
        size_t n = tensor_count(p);
        for (size_t k = 0; p->grad != NULL && k < n; k++) {
            p->data[k] -= (Real)lr * p->grad[k];
        }
    }
}

AdamW adamw_create(const ParameterList *parameters, AdamWConfig config)
{
    AdamW adamw = {.config = config, .parameters = parameters};
    adamw.m = memory_allocate_zeroed(parameters->values, sizeof(Real), "AdamW's first moments");
    adamw.v = memory_allocate_zeroed(parameters->values, sizeof(Real), "AdamW's second moments");
    return adamw;
}

void adamw_free(AdamW *adamw)
{
    free(adamw->m);
    free(adamw->v);
    *adamw = (AdamW){0};
}

// One parameter. The corrections undo that m and v start at 0.
static void adamw_update(const AdamW *adamw, Tensor *p, Real *m, Real *v)
{
    const AdamWConfig *config = &adamw->config;
    Real beta1 = (Real)config->beta1;
    Real beta2 = (Real)config->beta2;
    Real new1 = (Real)(1 - config->beta1);         // not 1 - beta1 in float32, which is off by 2e-7
    Real new2 = (Real)(1 - config->beta2);
    Real eps = (Real)config->eps;
    Real correction1 = (Real)(1 - pow(config->beta1, adamw->step));
    Real correction2_root = (Real)sqrt(1 - pow(config->beta2, adamw->step));
    Real step_size = (Real)config->lr / correction1;
    bool decays = p->shape.ndim >= 2;
    Real keep = decays ? (Real)(1 - config->lr * config->weight_decay) : 1;

    size_t n = tensor_count(p);
    for (size_t k = 0; k < n; k++) {
        Real dp = p->grad[k];
        m[k] = beta1 * m[k] + new1 * dp;
        v[k] = beta2 * v[k] + new2 * dp * dp;
        Real denominator = (Real)sqrt(v[k]) / correction2_root + eps;
        p->data[k] = keep * p->data[k] - step_size * m[k] / denominator;
    }
}

void adamw_step(AdamW *adamw)
{
    adamw->step++;
    size_t at = 0;
    for (int i = 0; i < adamw->parameters->count; i++) {
        Tensor *p = adamw->parameters->parameters[i];
        if (p->grad != NULL) {
            adamw_update(adamw, p, adamw->m + at, adamw->v + at);
        }
        at += tensor_count(p);
    }
}

double clip_grad_norm(const ParameterList *parameters, double max_norm)
{
    double sum = 0;
    for (int i = 0; i < parameters->count; i++) {
        const Tensor *p = parameters->parameters[i];
        size_t n = tensor_count(p);
        for (size_t k = 0; p->grad != NULL && k < n; k++) {
            sum += (double)p->grad[k] * (double)p->grad[k];
        }
    }
    double norm = sqrt(sum);
    double scale = max_norm / (norm + 1e-6);
    if (scale < 1) {
        for (int i = 0; i < parameters->count; i++) {
            Tensor *p = parameters->parameters[i];
            size_t n = tensor_count(p);
            for (size_t k = 0; p->grad != NULL && k < n; k++) {
                p->grad[k] *= (Real)scale;
            }
        }
    }
    return norm;
}
