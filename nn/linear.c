// linear.c: y = x W^T + b.

#include "nn/nn.h"
#include "tensor/unwind.h"

#include <math.h>
#include <string.h>

void linear_init(Linear *linear, Module *parent, const char *name, int n_in, int n_out, bool bias)
{
    REQUIRE(linear);
    *linear = (Linear){.n_parts = 1};
    module_init(&linear->module, &linear_kind, parent, name);
    linear->weight = module_add_parameter(&linear->module, "weight", SHAPE(n_out, n_in));
    if (bias) {
        linear->bias = module_add_parameter(&linear->module, "bias", SHAPE(n_out));
    }
}

Tensor *(linear_forward)(Linear *linear, Tensor *x, Where where)
{
    REQUIRE(linear);
    int outer = tape_enter(linear->module.name, where);
    Tensor *y = tensor_linear(x, linear->weight, linear->bias); // (..., n_out)
    tape_leave(outer);
    return y;
}

// ------------------------------------------------------------------------------------------------------------
// Initialization. A joint weight is as many matrices as it has parts, each drawn with its bias before the next.

static double layers_of(const Init *init, const char *scheme)
{
    if (init->n_layer < 1) {
        fail_mistake(HERE, "module_initialize: %s needs n_layer, which is %d", scheme, init->n_layer);
    }
    return init->n_layer;
}

// GPT-2 starts weights that write into the residual stream smaller, because 2 n_layer such terms add up in it.
static double gpt2_std(const Linear *linear, const Init *init)
{
    return linear->residual ? 0.02 / sqrt(2.0 * layers_of(init, "INIT_GPT2")) : 0.02;
}

// Xavier's normal form, smaller where values pass: at depth n_layer, updates of the rule deepnorm then stay bounded.
static double deepnorm_std(const Linear *linear, const Init *init, int part, int n_in, int n_out)
{
    bool smaller = part >= linear->n_parts - linear->value_parts;
    double gain = smaller ? pow(8.0 * layers_of(init, "INIT_DEEPNORM"), -0.25) : 1;
    return gain * sqrt(2.0 / (n_in + n_out));
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

// Makes n_vectors <= n vectors of n numbers orthonormal, by the Gram-Schmidt process: from each, its components along the earlier ones are
// subtracted, twice, because the first pass leaves rounding errors.
static void orthonormalize(double *vectors, size_t n_vectors, size_t n)
{
    for (size_t i = 0; i < n_vectors; i++) {
        double *v = vectors + i * n;
        for (size_t k = 0; k < 2 * i; k++) {
            const double *earlier = vectors + k % i * n;
            double component = dot(v, earlier, n);
            for (size_t j = 0; j < n; j++) {
                v[j] -= component * earlier[j];
            }
        }
        double length = sqrt(dot(v, v, n));
        for (size_t j = 0; j < n; j++) {
            v[j] /= length;
        }
    }
}

// weight (rows, columns): gain times a matrix with orthonormal rows, or columns if there are fewer, uniform among all such matrices (Saxe,
// McClelland and Ganguli 2014, arXiv 1312.6120). torch: init.orthogonal_(weight, gain), with the same numbers up to rounding.
//
// A matrix of normal numbers A = Q R, with the diagonal of R positive, has a unique Q, which is uniform among all orthogonal matrices.
// PyTorch takes Q from LAPACK's decomposition and flips its signs accordingly; here the Gram-Schmidt process finds the same Q.
static void draw_orthogonal(Random *random, Real *weight, int rows, int columns, double gain)
{
    size_t count = (size_t)rows * (size_t)columns;
    bool by_rows = rows < columns;
    size_t n_vectors = (size_t)(by_rows ? rows : columns);
    size_t n = (size_t)(by_rows ? columns : rows);
    int frame = unwind_begin();
    double *vectors = unwind_allocate(count, sizeof *vectors, "an orthogonal matrix"); // (n_vectors, n)
    random_normal(random, weight, count, 0, 1);
    for (size_t i = 0; i < count; i++) {
        vectors[by_rows ? i : i % n_vectors * n + i / n_vectors] = weight[i];
    }
    orthonormalize(vectors, n_vectors, n);
    for (size_t i = 0; i < count; i++) {
        weight[i] = (Real)(gain * vectors[by_rows ? i : i % n_vectors * n + i / n_vectors]);
    }
    unwind_end(frame);
}

// A part's weight (n_out, n_in), by the scheme. nn.Linear's kaiming_uniform(a = sqrt 5) is U(1 / sqrt(n_in)).
static void draw_weight(const Linear *linear, const Init *init, int part, int n_in, int n_out, Random *random)
{
    size_t n = (size_t)n_in * (size_t)n_out;
    Real *weight = linear->weight->data + (size_t)part * n;
    double gain = init->gain == 0 ? 1 : init->gain;
    double bound = gain / sqrt(n_in);
    double xavier = gain * sqrt(6.0 / (n_in + n_out));
    switch (init->scheme) {
    case INIT_TORCH: random_uniform(random, weight, n, -bound, bound); break;
    case INIT_GPT2: random_normal(random, weight, n, 0.0, gain * gpt2_std(linear, init)); break;
    case INIT_XAVIER: random_uniform(random, weight, n, -xavier, xavier); break;
    case INIT_KAIMING: random_normal(random, weight, n, 0.0, gain * sqrt(2.0 / n_in)); break;
    case INIT_DEEPNORM: random_normal(random, weight, n, 0.0, gain * deepnorm_std(linear, init, part, n_in, n_out)); break;
    case INIT_ORTHOGONAL: draw_orthogonal(random, weight, n_out, n_in, gain); break;
    case INIT_COUNT: break; // refused by module_initialize
    }
}

// Only PyTorch's own scheme has biases; their bounds are those of the weight.
static void draw_bias(const Init *init, Real *bias, int n_in, int n_out, Random *random)
{
    double bound = 1 / sqrt(n_in);
    memset(bias, 0, (size_t)n_out * sizeof(Real));
    if (init->own_bias && init->bias_std > 0) {
        random_normal(random, bias, (size_t)n_out, 0.0, init->bias_std);
    } else if (!init->own_bias && init->scheme == INIT_TORCH) {
        random_uniform(random, bias, (size_t)n_out, -bound, bound);
    }
}

static void linear_initialize(Module *module, const Init *init, Random *random)
{
    Linear *linear = (Linear *)module;
    int n_in = linear->weight->shape.size[1];
    int n_out = linear->weight->shape.size[0] / linear->n_parts; // of one part
    for (int part = 0; part < linear->n_parts; part++) {
        draw_weight(linear, init, part, n_in, n_out, random);
        if (linear->bias != NULL) {
            draw_bias(init, linear->bias->data + part * n_out, n_in, n_out, random);
        }
    }
}

const ModuleKind linear_kind = {.name = "Linear", .initialize = linear_initialize};
