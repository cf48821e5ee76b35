// parts.c: timing matrix products, the tape, the deep network, random numbers and the tokenizer.

#include "gpt/bench/measure.h"
#include "gpt/lab/lab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// A matrix product, as tensor_linear computes it. If memory is the limit, each round uses different weights, so
// many that the caches no longer hold them when they are used again.

typedef struct Product {
    Tape *tape;
    Tensor *x;        // (M, K)
    Tensor **weights; // (N, K) each
    int n_weights;
    int next;
} Product;

static Tensor *random_parameter(Random *random, Shape shape)
{
    Tensor *parameter = tensor_parameter("bench", "weight", shape);
    random_uniform(random, parameter->data, shape_count(shape), -1, 1);
    return parameter;
}

static void product_once(void *context)
{
    Product *product = context;
    tensor_linear(product->x, product->weights[product->next], NULL);
    product->next = (product->next + 1) % product->n_weights;
    tape_reset(product->tape);
}

void bench_product(Bench *bench)
{
    int M = bench->which->sizes[0];
    int N = bench->which->sizes[1];
    int K = bench->which->sizes[2];
    double weight_bytes = sizeof(Real) * (double)N * K;
    bool cold = bench->which->limit == BENCH_MEMORY;
    Random random;
    random_seed(&random, 1);
    Product product = {
        .tape = tape_create(),
        .x = random_parameter(&random, SHAPE(M, K)),
        .n_weights = cold ? (int)ceil(bench_cold_bytes() / weight_bytes) : 1,
    };
    product.weights = memory_allocate((size_t)product.n_weights * sizeof(Tensor *), "weights");
    for (int i = 0; i < product.n_weights; i++) {
        product.weights[i] = random_parameter(&random, SHAPE(N, K));
    }
    tape_no_grad_begin();
    bench_time_case(bench, product_once, &product);
    bench->figures.flops = 2.0 * M * N * K;
    bench->figures.bytes = weight_bytes;
}

// ------------------------------------------------------------------------------------------------------------
// The cost of recording: a chain of additions, each shorter than a memory access, and the same loops without
// a tape around them.

typedef struct Chain {
    Tape *tape;
    int length;
    int width;
    Tensor *x;    // (width)
    Real *values; // (length + 1, width), and their gradients
    Real *grads;
} Chain;

static void chain_on_tape(void *context)
{
    Chain *chain = context;
    Tensor *x = chain->x;
    for (int i = 0; i < chain->length; i++) {
        x = tensor_add(x, chain->x);
    }
    tensor_backward_from(x, chain->x->data);
    tape_reset(chain->tape);
}

static void chain_alone(void *context)
{
    Chain *chain = context;
    size_t width = (size_t)chain->width;
    const Real *first = chain->values;
    Real *dfirst = chain->grads;
    for (int i = 0; i < chain->length; i++) {
        const Real *x = chain->values + (size_t)i * width;
        Real *y = chain->values + (size_t)(i + 1) * width;
        for (size_t j = 0; j < width; j++) {
            y[j] = x[j] + first[j];
        }
    }
    for (int i = chain->length - 1; i >= 0; i--) {
        const Real *dy = chain->grads + (size_t)(i + 1) * width;
        Real *dx = chain->grads + (size_t)i * width;
        for (size_t j = 0; j < width; j++) {
            dx[j] += dy[j];
            dfirst[j] += dy[j];
        }
    }
}

void bench_tape(Bench *bench)
{
    int length = bench->which->sizes[0];
    int width = bench->which->sizes[1];
    size_t numbers = (size_t)(length + 1) * (size_t)width;
    Random random;
    random_seed(&random, 1);
    Chain chain = {
        .tape = tape_create(),
        .length = length,
        .width = width,
        .x = random_parameter(&random, SHAPE(width)),
        .values = memory_allocate_zeroed(numbers, sizeof(Real), "numbers"),
        .grads = memory_allocate_zeroed(numbers, sizeof(Real), "numbers"),
    };
    bench->figures.ms = bench_time(bench->config->seconds, chain_on_tape, &chain);
    bench->figures.alone_ms = bench_time(bench->config->seconds, chain_alone, &chain).median;
}

// ------------------------------------------------------------------------------------------------------------
// The deep network. At batch 1 each weight is used once forward and once backward, and its gradient is read and written: four
// passes over memory that nothing can save.

typedef struct Deep {
    Tape *tape;
    DeepNet *net;
    Real *input;
} Deep;

static void deep_once(void *context)
{
    Deep *deep = context;
    int width = deep->net->config.sizes[0];
    Tensor *x = tensor_from(deep->input, SHAPE(1, width));
    Tensor *target = tensor_zeros(SHAPE(1, width));
    tensor_backward(tensor_mse_loss(deep_forward(deep->net, x), target));
    tape_reset(deep->tape);
}

void bench_mlp(Bench *bench)
{
    int n_layer = bench->which->sizes[0];
    int width = bench->which->sizes[1];
    int *sizes = memory_allocate((size_t)(n_layer + 1) * sizeof(int), "sizes");
    Real *input = memory_allocate((size_t)width * sizeof(Real), "an input");
    for (int i = 0; i <= n_layer; i++) {
        sizes[i] = width;
    }
    for (int i = 0; i < width; i++) {
        input[i] = i % 2 == 0 ? 1 : -1;
    }
    DeepConfig config = {
        .sizes = sizes,
        .n_layer = n_layer,
        .activation = ACTIVATION_GELU,
        .init = INIT_GPT2,
        .shortcut = true,
        .residual = bench->config->residual,
    };
    Error error;
    kernels_set_threads(1);
    Deep deep = {.tape = tape_create(), .net = deep_create(&config, 1, &error), .input = input};
    if (deep.net == NULL) {
        fail_file("%s", error.message);
    }
    ParameterList parameters = module_parameters(&deep.net->module);
    bench->figures.ms = bench_time(bench->config->seconds, deep_once, &deep);
    bench->figures.flops = 6.0 * (double)parameters.values;
    bench->figures.bytes = 4.0 * sizeof(Real) * (double)parameters.values;
}

// ------------------------------------------------------------------------------------------------------------
// Random numbers

typedef struct Draws {
    Random random;
    Real *out;
    size_t n;
    bool normal;
} Draws;

static void draw_once(void *context)
{
    Draws *draws = context;
    if (draws->normal) {
        random_normal(&draws->random, draws->out, draws->n, 0, 0.02);
    } else {
        random_uniform(&draws->random, draws->out, draws->n, -0.02, 0.02);
    }
}

void bench_random(Bench *bench)
{
    Draws draws = {.n = (size_t)bench->which->sizes[0], .normal = strcmp(bench->which->name, "random-normal") == 0};
    draws.out = memory_allocate(draws.n * sizeof *draws.out, "random numbers");
    random_seed(&draws.random, 1);
    bench->figures.ms = bench_time(bench->config->seconds, draw_once, &draws);
    bench->figures.tokens = (double)draws.n;
}

// ------------------------------------------------------------------------------------------------------------
// The tokenizer

typedef struct Tokenize {
    const BenchConfig *config;
    int *ids;
    size_t n_ids;
} Tokenize;

static void encode_once(void *context)
{
    Tokenize *tokenize = context;
    const BenchConfig *config = tokenize->config;
    Error error;
    free(tokenize->ids);
    tokenize->ids = NULL;
    if (!tokenizer_encode(config->tokenizer, config->text, config->n_text, &tokenize->ids, &tokenize->n_ids, &error)) {
        fail_file("%s", error.message);
    }
}

static void decode_once(void *context)
{
    Tokenize *tokenize = context;
    char *text;
    size_t n;
    Error error;
    if (!tokenizer_decode(tokenize->config->tokenizer, tokenize->ids, tokenize->n_ids, &text, &n, &error)) {
        fail_file("%s", error.message);
    }
    free(text);
}

void bench_encode(Bench *bench)
{
    Tokenize tokenize = {.config = bench->config};
    bench->figures.ms = bench_time(bench->config->seconds, encode_once, &tokenize);
    bench->figures.tokens = (double)tokenize.n_ids;
}

void bench_decode(Bench *bench)
{
    Tokenize tokenize = {.config = bench->config};
    encode_once(&tokenize);
    bench->figures.ms = bench_time(bench->config->seconds, decode_once, &tokenize);
    bench->figures.tokens = (double)tokenize.n_ids;
}
