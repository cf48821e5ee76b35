// depth.c: claims about what the gradient does with depth, without shortcuts and with them.

#include "gpt/lab/claims/claims.h"

const Claim claims_depth[] = {
    {
        .id = "vanishing-book",
        .source = "Raschka, Build a Large Language Model (From Scratch), section 4.4",
        .sentence = "Without shortcuts the gradient of the first layer vanishes with depth: here by 0.61 decades a layer.",
        .settings = "--shortcut off",
        .vary = "depth=5,10,20,40",
        .statistic = "ratio mean_abs weight_grad layers.#.weight",
        .over = OVER_MEDIAN,
        .trend = TREND_DECADES,
        .seeds = 100,
        .prediction = -0.61,
        .tolerance = 0.02,
        .reason = "medians of 300 seeds by an independent program, -2.04, -4.98, -10.96 and -23.1 decades, whose slope is -0.60",
        .note = "The book shows one network of five layers; the slope over many depths and seeds is what does not depend on luck.",
    },
    {
        .id = "shortcuts-book",
        .source = "Raschka, Build a Large Language Model (From Scratch), section 4.4",
        .sentence = "With shortcuts the first layer's gradient, relative to the last layer's, does not depend on depth.",
        .settings = "--shortcut on",
        .vary = "depth=5,10,20,40",
        .statistic = "ratio mean_abs weight_grad layers.#.weight",
        .over = OVER_MEDIAN,
        .trend = TREND_DECADES,
        .seeds = 100,
        .prediction = 0,
        .tolerance = 0.01,
        .reason = "a sixtieth of the slope without shortcuts",
        .note = "Networks whose last GELU received a large negative number have no gradient anywhere and are left out.",
    },
    {0},
};
