// paths.c: claims about the paths that the gradient takes, from the exact gradient by path length (--probe paths).

#include "gpt/lab/claims/claims.h"

// clang-format off: rows with a line for each group of fields

// The mean number of branches that the gradient at the input has passed, weighted by the size of each length's gradient, in 54 blocks of a rule.
#define MEAN_LENGTH(SOURCE, RULE) \
        .source = SOURCE "Veit 2016 (1605.06431)", \
        .settings = "--depth 55 --probe paths --width 64 --activation gelu --init kaiming --init-gain 0.70710678 --bias-std 0 --head linear " \
                    "--inputs normal:1 --residual '" RULE "'", \
        .statistic = "center value path_norm@0 layers.0", \
        .over = OVER_MEDIAN

const Claim claims_paths[] = {
    {
        .id = "veit-pre-length",
        .sentence = "The gradient takes short paths: with 54 blocks, most of it passes through only a few (the paper: 5 to 17 of 54).",
        MEAN_LENGTH("", "h + linear(f(norm(h)))"), .seeds = 20, .prediction = 11, .tolerance = 6,
        .reason = "5 to 17, the paper's range of effective paths",
        .note = "The mean number of branches passed, weighted by the size of each length's gradient. The paper measures a trained "
              "ResNet; in this untrained network with Pre-LN paths are even shorter: 4.7, and 3.2 by an independent program that weights by what "
              "each length adds to the gradient.",
    },
    {
        .id = "veit-plain-length",
        .sentence = "Without normalization, too, the gradient of a random network takes short paths: through 5 to 17 of 54 blocks.",
        MEAN_LENGTH("gptape; compare ", "h + linear(f(h))"), .seeds = 20, .prediction = 11, .tolerance = 6,
        .reason = "5 to 17, the paper's range of effective paths",
        .note = "With branches as strong as the stream the mean is 18: a third of the blocks. The weaker "
              "the branches, the shorter the paths.",
    },
    {
        .id = "veit-weak-length",
        .sentence = "With branches a tenth as strong, the gradient passes almost none of them.",
        MEAN_LENGTH("gptape; compare ", "h + 0.1*linear(f(h))"), .seeds = 20, .prediction = 1.6, .tolerance = 0.2,
        .reason = "1 for the last layer and 0.6: lengths of sizes sqrt(C(54, k)) w^k, with w = 0.1 sqrt(0.456) the branch's gain backward",
        .note = "The mean length is set by the branch's gain, not by the shortcut as such.",
    },
    {
        .id = "veit-none-length",
        .sentence = "Without shortcuts there is one path: it passes all layers.",
        MEAN_LENGTH("", "linear(f(h))"), .seeds = 5, .prediction = 55, .tolerance = 0,
        .reason = "exact; the last layer, without a shortcut, counts as one",
        .note = "54 blocks and the head.",
    },
    {0},
};
