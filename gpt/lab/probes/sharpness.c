// sharpness.c: the curvature of the loss in the sharpest direction.
//
//      the algebraically largest eigenvalue of the Hessian of the loss over all parameters
//
// by power iteration on differences of gradients (sharpness_measure in gradflow.h), without dropout. Gradient descent with learning rate lr is
// unstable where it exceeds 2 / lr. With stop in the residual rule the gradients are not the loss's derivatives, so it is refused. Source: Cohen et
// al. 2021 (arXiv 2103.00065). Cost: two gradients per iteration, at most 500 of them.

#include "gpt/lab/probe.h"

#include <math.h>

enum { MAX_ITERATIONS = 500 };

static const SharpnessConfig config = {.tolerance = 0.003, .max_iterations = MAX_ITERATIONS, .seed = 1};

static bool measure(ProbeRun *run, Error *error)
{
    const Net *net = run->net;
    ParameterList parameters;
    if (residual_uses_stop(net->gpt != NULL ? gpt_rule(&net->gpt->config) : residual_rule(net->deep->config.residual, error))) {
        return error_set(error, "the network: with stop in its residual rule, its gradients do not give the loss's Hessian");
    }
    LossFunction loss = probe_loss(run, &parameters);
    Sharpness sharpness = sharpness_measure(&loss, &config);
    probe_add(run, "sharpness", -1, NULL, -1, sharpness.value);
    probe_add(run, "sharpness_residual", -1, NULL, -1, sharpness.residual);
    probe_add(run, "sharpness_iterations", -1, NULL, -1, sharpness.iterations);
    return sharpness.converged || !isfinite(sharpness.value)
        || error_set(error, "the network: not converged after %d iterations, residual %.2g (expected at most %g)", sharpness.iterations,
                     sharpness.residual, config.tolerance);
}

const Probe probe_sharpness = {
    .name = "sharpness",
    .about = "Finds the largest eigenvalue of the Hessian of the loss: how sharp the loss is in its sharpest direction.",
    .source = "Cohen 2021, arXiv 2103.00065",
    .cost = "two gradients per iteration, at most 500 iterations; more than ten minutes need --force",
    .nets = PROBE_MLP | PROBE_GPT,
    .passes = true,
    .kinds = {{.name = "sharpness",
               .about = "algebraically largest eigenvalue of the Hessian of the loss over all parameters",
               .place = PLACE_NETWORK},
              {.name = "sharpness_residual", .about = "|| H v - sharpness v || / |sharpness|", .place = PLACE_NETWORK, .internal = true},
              {.name = "sharpness_iterations", .about = "iterations until it converged", .place = PLACE_NETWORK, .internal = true}},
    .columns = {{"sharpness", "sharpness", NULL}, {"residual", "sharpness_residual", NULL}, {"iterations", "sharpness_iterations", NULL}},
    .panels = {{.title = "Largest eigenvalue of the Hessian", .kind = "sharpness", .scale = SCALE_LOG}},
    .legend = "residual: || H v - sharpness v || / |sharpness|, the remaining error; iterations: how many it took",
    .claim = "Cohen 2021: gradient descent is unstable where the sharpness exceeds 2 / learning rate, and trains at that edge.",
    .findings = {{"The sharpness is", "sharpness", PROBE_AT_NETWORK, NULL, NULL}},
    .gradients = 2 * MAX_ITERATIONS,
    .measure = measure,
};
