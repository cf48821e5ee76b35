// measures.h: Jacobians, updates and sharpness. Generated: do not edit.
//
// Reference numbers from PyTorch 2.15.0+cu132, in double arithmetic from float32 weights.
//
// GPT: vocabulary 37, context 16, width 24, 3 heads, 3 layers, no query-key-value bias, head not tied; ids and targets of paths.h. MLP: one row
// of 1, 0, -1, 1, ... in, the target 0.5 everywhere.

#ifndef GPTAPE_TESTS_GOLDEN_MEASURES_H
#define GPTAPE_TESTS_GOLDEN_MEASURES_H

typedef struct GoldenJacobian {
    const char *rule;
    double norm[4];                                // ||d stream[3] / d stream[i]||_F^2 / (B T C)
    double update[3];                              // ||new - old|| / ||old|| of golden_updates after one AdamW step of 1e-3
} GoldenJacobian;

static const char *const golden_updates[] = {"wte.weight", "h.0.attn.c_proj.weight", "h.1.mlp.c_fc.weight"};

static const GoldenJacobian golden_jacobians[] = {
    {"f(norm(h))", {0.00724107467, 0.20162548, 0.153080872, 1}, {0.000634889544, 0.00848609498, 0.00844917345}},
    {"h + f(norm(h))", {1.14065861, 1.08498056, 1.05005816, 1}, {0.00063167791, 0.00848101521, 0.00844515094}},
    {"norm(h + f(h))", {0.456726691, 0.849033903, 0.88521872, 1}, {0.000630830968, 0.00847969359, 0.00844718781}},
};

typedef struct GoldenSharpness {
    const char *rule;
    int sizes[8];                                  // 0 ends them
    const char *activation;
    unsigned seed;
    double loss;
    double sharpness;                              // the algebraically largest eigenvalue of the Hessian
    double smallest;
} GoldenSharpness;

static const GoldenSharpness golden_sharpness[] = {
    {"h + f(h)", {4, 4, 4, 4, 4, 4, 1}, "tanh", 3, 0.79518836, 10.9891804, -10.9665291},
    {"norm(h + f(h))", {5, 5, 5, 5}, "gelu", 4, 1.2499886, 3.67890932, -2.83374172},
};

#endif
