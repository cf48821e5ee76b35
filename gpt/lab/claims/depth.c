// depth.c: claims about how the gradient depends on depth, mostly without shortcuts.

#include "gpt/lab/claims/claims.h"

// clang-format off: rows with a line for each group of fields

#define GLOROT "--shortcut off --sizes 1000x6,10 --activation tanh --head linear --loss ce --inputs normal:10 --bias-std 0"

// L layers of n units, and two more: the gradient after the first over that after the last but one. The variance of its square's logarithm, 5 L /
// n, is four times the prediction.
#define HANIN(WIDTH, L, DEPTH, VARIANCE, PREDICTION, MORE) { \
        .id = "hanin-" WIDTH "-" L, \
        .source = "Hanin and Nica 2018 (1812.05994)", \
        .sentence = "In a ReLU network the logarithm of the squared gradient has a variance of 5 L / n over random weights: here " VARIANCE ".", \
        .settings = "--shortcut off --depth " DEPTH " --width " WIDTH " --activation relu --init kaiming --bias-std 0 --head linear --same-dy " \
                    "--inputs normal:1", \
        .statistic = "ratio l2 activation_grad@0.." L " layers.#.out", \
        .over = OVER_VARIANCE_LN, .seeds = 300, .prediction = PREDICTION, .tolerance = PREDICTION / 10, \
        .reason = "a tenth: the theorem leaves out terms of order L/n^2", \
        .note = "The statistic is the gradient, not its square, so its logarithm's variance is a quarter of that." MORE, \
    }

const Claim claims_depth[] = {
    {
        .id = "vanishing-book",
        .source = "Raschka, Build a Large Language Model (From Scratch), section 4.4",
        .sentence = "Without shortcuts the gradient of the first layer vanishes with depth: here by 0.61 decades per layer.",
        .settings = "--shortcut off",
        .vary = "depth=5,10,20,40",
        .statistic = "ratio mean_abs weight_grad layers.#.weight",
        .over = OVER_MEDIAN, .trend = TREND_DECADES, .seeds = 100, .prediction = -0.61, .tolerance = 0.02,
        .reason = "medians of 300 seeds by an independent program, -2.04, -4.98, -10.96 and -23.1 decades, whose slope is -0.60",
        .note = "The book shows one network of five layers; the slope over many depths and seeds does not depend on luck.",
    },
    {
        .id = "shortcuts-book",
        .source = "Raschka, Build a Large Language Model (From Scratch), section 4.4",
        .sentence = "With shortcuts the first layer's gradient, relative to the last layer's, does not depend on depth.",
        .settings = "--shortcut on",
        .vary = "depth=5,10,20,40",
        .statistic = "ratio mean_abs weight_grad layers.#.weight",
        .over = OVER_MEDIAN, .trend = TREND_DECADES, .seeds = 100, .prediction = 0, .tolerance = 0.01,
        .reason = "a sixtieth of the slope without shortcuts",
        .note = "Networks whose last GELU received a large negative number have no gradient anywhere and are left out.",
    },
    {
        .id = "glorot-activations",
        .source = "Glorot and Bengio 2010 (AISTATS), figure 6",
        .sentence = "With weights drawn from U(-1/sqrt(n), 1/sqrt(n)), n Var W is 1/3, and the standard deviation of the activations "
              "falls by a factor of sqrt(1/3) per layer.",
        .settings = GLOROT " --init torch",
        .statistic = "slope rms activation@1..4 layers.#.out",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = -0.2386, .tolerance = 0.005,
        .reason = "2 %: tanh is nearly linear after the first layer, which is left out",
        .note = "Five hidden layers of 1000 tanh units, ten random rows. The slope is in decades per layer; log10 sqrt(1/3) = "
              "-0.2386.",
    },
    {
        .id = "glorot-gradients",
        .source = "Glorot and Bengio 2010 (AISTATS), figure 7",
        .sentence = "With the same weights, the standard deviation of the back-propagated gradient also falls by a factor of sqrt(1/3) per layer.",
        .settings = GLOROT " --init torch",
        .statistic = "slope rms activation_grad@0..4 layers.#.out",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = 0.2386, .tolerance = 0.015,
        .reason = "6 %: the gradient also passes tanh', which is below 1, most in the first layers",
        .note = "Positive, since the gradient is larger in later layers. Taken after tanh, in all five hidden layers, it falls by a factor of "
                "0.567 per layer. An independent program that takes it before tanh, without the first layer, finds 0.560.",
    },
    {
        .id = "glorot-normalized",
        .source = "Glorot and Bengio 2010 (AISTATS), figure 7",
        .sentence = "With the normalized initialization the back-propagated gradient is nearly the same in all layers.",
        .settings = GLOROT " --init xavier",
        .statistic = "slope rms activation_grad@0..4 layers.#.out",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = 0, .tolerance = 0.03,
        .reason = "an eighth of the slope with the standard initialization",
        .note = "n Var W is 1 here, but tanh' is below 1, so the gradient still falls, by 0.065 decades (a factor of 0.86) a "
              "layer: almost flat, but not quite. An independent program that takes the gradient before tanh finds 0.80 per layer.",
    },
    {
        .id = "glorot-weights",
        .source = "Glorot and Bengio 2010 (AISTATS)",
        .sentence = "With the same weights, the gradients of the weights nevertheless have the same size in all layers.",
        .settings = GLOROT " --init torch",
        .statistic = "slope rms weight_grad@0..4 layers.#.weight",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = 0, .tolerance = 0.005,
        .reason = "1 % per layer, against 42 % for the gradient of the activations",
        .note = "Activations shrink as gradients grow, and a weight's gradient is their product.",
    },
    {
        .id = "fixup-growth",
        .source = "Zhang 2019 (1901.09321)",
        .sentence = "With He initialization each residual block multiplies the variance by two, and so the gradient by sqrt(2).",
        .settings = "--residual 'h + sqrt(0.5)*linear(f(h))' --depth 21 --width 64 --activation relu --init kaiming --bias-std 0 "
              "--head linear --inputs normal:16",
        .statistic = "slope l2 activation_grad@0..19 layers.#.out",
        .over = OVER_MEDIAN, .seeds = 20, .prediction = -0.1505, .tolerance = 0.005,
        .reason = "finite width: 3 % of the slope",
        .note = "The branch is linear(relu(linear)), with weights whose gain is exactly 1; log10 sqrt(2) = 0.1505, negative "
              "because the gradient grows on its way back.",
    },
    {
        .id = "yang-batchnorm",
        .source = "Yang 2019 (1902.08129)",
        .sentence = "Without shortcuts, batch normalization and ReLU let the gradient grow by a factor of sqrt(pi/(pi - 1)) = "
                    "1.21 per layer.",
        .settings = "--shortcut off --norm batch --depth 25 --width 256 --activation relu --init kaiming --inputs normal:256",
        .statistic = "slope l2 activation_grad@4..20 layers.#.out",
        .over = OVER_MEDIAN, .seeds = 5, .prediction = -0.08319, .tolerance = 0.003,
        .reason = "the theory is for infinite width and batch; here both are 256",
        .note = "log10 1.2111 = 0.0832 decades per layer, negative because the gradient grows on its way back.",
    },
    HANIN("32", "16", "18", "2.5", 2.5 / 4, ""),
    HANIN("32", "32", "34", "5", 5. / 4, ""),
    HANIN("64", "32", "34", "2.5", 2.5 / 4, ""),
    HANIN("16", "32", "34", "10", 10. / 4, " At width 16 the variance is a quarter larger than the theorem's: finite width. The verdict is at the "
          "border: with other resamplings it differs."),
    {0},
};
