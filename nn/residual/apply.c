// apply.c: applies a rule at its place in a network: creates its modules and records its operations.

#include "nn/residual/rule.h"

#include <stdio.h>
#include <stdlib.h>

// A step of a rule, at the rule's place.
struct ResidualStep {
    double constant; // of a constant
    Module *module;  // of norm, rms, dyt, linear: allocated, and freed by residual_free
    Tensor *value;   // the result in this pass; a scalar's or vector's parameter in every pass
    char label[16];  // "p1", the parameter's
};

// A linear of a rule: drawn by the rules' own generator, with a bias that the rule may give.
typedef struct RuleLinear {
    Linear linear;
    bool has_bias;
    double bias;
} RuleLinear;

static void fill(Tensor *tensor, double value)
{
    for (size_t i = 0; i < tensor_count(tensor); i++) {
        tensor->data[i] = (Real)value;
    }
}

static void rule_linear_initialize(Module *module, const Init *init, Random *random)
{
    RuleLinear *linear = (RuleLinear *)module;
    linear_kind.initialize(module, init, init->rules == NULL ? random : init->rules);
    if (linear->has_bias) {
        fill(linear->linear.bias, linear->bias);
    }
}

static const ModuleKind rule_linear_kind = {.name = "Linear", .initialize = rule_linear_initialize};

// Scalars and vectors are parameters of the rule's own module.
static void residual_initialize(Module *module, const Init *init, Random *random)
{
    (void)init;
    (void)random;
    Residual *residual = (Residual *)module;
    const RuleHalf *half = rule_half(residual->rule, residual->place.half);
    for (int i = 0; i < half->n_steps; i++) {
        if (half->steps[i].op == RULE_SCALAR || half->steps[i].op == RULE_VECTOR) {
            fill(residual->steps[i].value, residual->steps[half->steps[i].a].constant);
        }
    }
}

static const ModuleKind residual_kind = {.name = "Residual", .initialize = residual_initialize};

// ------------------------------------------------------------------------------------------------------------
// Modules

static void make_norm(ResidualStep *step, RuleOp op, Module *parent, const char *first, int number, int C)
{
    char name[48];
    snprintf(name, sizeof name, number == 1 ? "%s" : "%s_%d", first, number);
    if (op == RULE_NORM) {
        step->module = memory_allocate_zeroed(1, sizeof(LayerNorm), "a rule's norm");
        layernorm_init((LayerNorm *)step->module, parent, name, C);
    } else if (op == RULE_RMS) {
        step->module = memory_allocate_zeroed(1, sizeof(RMSNorm), "a rule's norm");
        rmsnorm_init((RMSNorm *)step->module, parent, name, C);
    } else {
        step->module = memory_allocate_zeroed(1, sizeof(DyT), "a rule's norm");
        dyt_init((DyT *)step->module, parent, name, C);
    }
}

static void make_linear(ResidualStep *step, Module *parent, const double *bias, int C)
{
    RuleLinear *made = memory_allocate_zeroed(1, sizeof *made, "a rule's linear");
    linear_init(&made->linear, parent, step->label, C, C, true);
    made->linear.module.kind = &rule_linear_kind;
    made->has_bias = bias != NULL;
    made->bias = bias == NULL ? 0 : *bias;
    step->module = &made->linear.module;
}

void residual_init(Residual *residual, Module *parent, ResidualNames names, const ResidualRule *rule, ResidualPlace place, int C)
{
    REQUIRE(residual, rule);
    const RuleHalf *half = rule_half(rule, place.half);
    *residual = (Residual){.rule = rule, .place = place};
    residual->steps = memory_allocate_zeroed((size_t)half->n_steps, sizeof(ResidualStep), "a residual rule");
    int norms = 0;
    int others = 0;
    double constants[RESIDUAL_LENGTH];
    rule_constants(half, place, constants);
    for (int i = 0; i < half->n_steps; i++) {
        RuleOp op = half->steps[i].op;
        int b = half->steps[i].b;
        ResidualStep *step = &residual->steps[i];
        step->constant = constants[i];
        if (rule_is_norm(op)) {
            norms++;
            make_norm(step, op, parent, names.norm, norms, C);
        } else if (op == RULE_SCALAR || op == RULE_VECTOR || op == RULE_LINEAR) {
            if (others == 0) {
                module_init(&residual->module, &residual_kind, parent, names.others);
            }
            others++;
            snprintf(step->label, sizeof step->label, "p%d", others);
        }
        if (op == RULE_LINEAR) {
            make_linear(step, &residual->module, b < 0 ? NULL : &constants[b], C);
        } else if (op == RULE_SCALAR || op == RULE_VECTOR) {
            step->value = module_add_parameter(&residual->module, step->label, SHAPE(op == RULE_SCALAR ? 1 : C));
        }
    }
}

void residual_free(Residual *residual)
{
    REQUIRE(residual);
    int n = residual->steps == NULL ? 0 : rule_half(residual->rule, residual->place.half)->n_steps;
    for (int i = 0; i < n; i++) {
        free(residual->steps[i].module);
    }
    free(residual->steps);
    residual->steps = NULL;
}

LayerNorm *residual_layernorm(const Residual *residual)
{
    REQUIRE(residual, residual->rule);
    int first = rule_find(rule_half(residual->rule, residual->place.half), RULE_NORM);
    return first < 0 ? NULL : (LayerNorm *)residual->steps[first].module;
}

// ------------------------------------------------------------------------------------------------------------
// The operations

// One operand is a number c. Multiplying, dividing by and adding it are operations; the others take it as a tensor of one value.
static Tensor *with_constant(RuleOp op, Tensor *a, Tensor *b, double c)
{
    switch (op) {
    case RULE_ADD: return tensor_add_scalar(a == NULL ? b : a, c);
    case RULE_SUBTRACT: return a == NULL ? tensor_sub(tensor_full(SHAPE(1), c), b) : tensor_add_scalar(a, -c);
    case RULE_MULTIPLY: return tensor_scale(a == NULL ? b : a, c);
    default: return a == NULL ? tensor_div(tensor_full(SHAPE(1), c), b) : tensor_scale(a, 1 / c);
    }
}

static Tensor *run_operator(RuleOp op, Tensor *a, Tensor *b)
{
    switch (op) {
    case RULE_ADD: return tensor_add(a, b);
    case RULE_SUBTRACT: return tensor_sub(a, b);
    case RULE_MULTIPLY: return tensor_mul(a, b);
    default: return tensor_div(a, b);
    }
}

static Tensor *run_call(const ResidualStep *step, RuleOp op, Tensor *x)
{
    switch (op) {
    case RULE_NORM: return layernorm_forward((LayerNorm *)step->module, x);
    case RULE_RMS: return rmsnorm_forward((RMSNorm *)step->module, x);
    case RULE_DYT: return dyt_forward((DyT *)step->module, x);
    case RULE_LINEAR: return linear_forward((Linear *)step->module, x);
    case RULE_SIGMOID: return tensor_sigmoid(x);
    case RULE_TANH: return tensor_tanh(x);
    case RULE_SQRT: return tensor_pow(x, 0.5);
    case RULE_STOP: return tensor_detach(x);
    case RULE_NEGATE: return tensor_scale(x, -1);
    default: return x; // a name stands for its value
    }
}

Tensor *(residual_forward)(Residual *residual, ResidualStreams in, ResidualFunction *f, void *context, Where where)
{
    REQUIRE(residual, f);
    int outer = tape_enter(tape_current() == NULL ? NULL : tape_current()->scope, where);
    const RuleHalf *half = rule_half(residual->rule, residual->place.half);
    tape_sublayer_begin(in.h);
    for (int i = 0; i < half->n_steps; i++) {
        const RuleStep *rule_step = &half->steps[i];
        ResidualStep *step = &residual->steps[i];
        RuleOp op = rule_step->op;
        const ResidualStep *a = rule_step->a < 0 ? step : &residual->steps[rule_step->a];
        const ResidualStep *b = rule_step->b < 0 ? step : &residual->steps[rule_step->b];
        if (rule_step->size == RULE_CONSTANT || op == RULE_SCALAR || op == RULE_VECTOR) {
            continue;
        }
        if (op == RULE_H || op == RULE_X0 || op == RULE_BLOCK) {
            step->value = op == RULE_H ? in.h : op == RULE_X0 ? in.x0 : in.block;
        } else if (op == RULE_F) {
            tape_branch(true);
            step->value = f(context, a->value);
            tape_branch(false);
        } else if (op >= RULE_ADD && op <= RULE_DIVIDE) {
            bool both = a->value != NULL && b->value != NULL;
            step->value = both ? run_operator(op, a->value, b->value)
                               : with_constant(op, a->value, b->value, a->value == NULL ? a->constant : b->constant);
        } else {
            step->value = run_call(step, op, a->value);
        }
    }
    tape_sublayer_end();
    tape_leave(outer);
    return residual->steps[half->result].value;
}
