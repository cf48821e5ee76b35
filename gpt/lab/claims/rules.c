// rules.c: claims about residual rules in a deep network whose branch is linear(gelu(linear)), with weights of variance 1/n.

#include "gpt/lab/claims/claims.h"

// clang-format off: rows with a line for each group of fields

#define BRANCH "--width 64 --activation gelu --init kaiming --init-gain 0.70710678 --bias-std 0 --head linear --inputs normal:16"

// A row for each gain of the shortcut, with its -log10.
#define HE_GAIN(GAIN, PREDICTION) { \
        .id = "he-gain-" GAIN, \
        .source = "He 2016 (1603.05027)", \
        .sentence = "A factor of " GAIN " on every shortcut multiplies the gradient by " GAIN " per block: the slope is the logarithm of the " \
                    "gain.", \
        .settings = BRANCH " --depth 41 --residual '" GAIN "*h + 0.1*linear(f(h))'", \
        .statistic = "slope l2 activation_grad@0..39 layers.#.out", \
        .over = OVER_MEDIAN, .seeds = 20, .prediction = PREDICTION, .tolerance = 0.008, \
        .reason = "the branch, a tenth as large as the stream, adds 0.001 to 0.008", \
        .note = "40 blocks with a weak branch. Decades per layer toward the output, so the sign is that of -log10. An independent program whose " \
                "branches are four times as wide finds 0.5935 at a gain of 0.25.", \
    }

// The gradient after the first of 160 blocks of a rule over that after the last.
#define FIRST_OF_160(RULE, MORE) \
        .settings = BRANCH " --depth 161 --residual '" RULE "'", \
        .statistic = "ratio l2 activation_grad@0..159 layers.#.out", \
        .over = OVER_MEDIAN, \
        .note = "The gradient after the first of 160 blocks over that after the last" MORE "."

// The loss with a shortcut in one direction only, over that with a rule whose forward pass is the same.
#define ONE_WAY(RULE, SAME, SENTENCE, REASON, NOTE) { \
        .id = RULE "-loss", \
        .source = "gptape's rules " RULE " and " SAME, \
        .sentence = SENTENCE, \
        .settings = "--net gpt", \
        .vary = "residual=" RULE "," SAME, \
        .statistic = "loss", \
        .over = OVER_MEDIAN, .trend = TREND_RATIO, .seeds = 3, .prediction = 1, .tolerance = 0, \
        .reason = REASON, \
        .note = NOTE, \
    }

const Claim claims_rules[] = {
    HE_GAIN("0.25", 0.6021),
    HE_GAIN("0.5", 0.3010),
    HE_GAIN("0.9", 0.0458),
    HE_GAIN("1", 0),
    HE_GAIN("1.05", -0.0212),
    HE_GAIN("1.1", -0.0414),
    {
        .id = "rezero-160",
        .source = "Bachlechner 2020 (2003.04887)",
        .sentence = "With branch gains of 0 at first, the gradient passes any depth unchanged.",
        FIRST_OF_160("h + scalar(0)*linear(f(h))", ""), .seeds = 5, .prediction = 1, .tolerance = 1e-6,
        .reason = "exact up to rounding",
    },
    {
        .id = "rezero-weights",
        .source = "Bachlechner 2020 (2003.04887)",
        .sentence = "At step 0 only the gains have a gradient: that of the branches' weights is exactly 0.",
        .settings = BRANCH " --depth 161 --residual 'h + scalar(0)*linear(f(h))'",
        .statistic = "sum l2 weight_grad@0..159 layers.#.weight",
        .over = OVER_MEDIAN, .seeds = 5, .prediction = 0, .tolerance = 0,
        .reason = "exact",
        .note = "The sum of |dL/dW| over all 160 blocks. The gains receive a gradient (--csv -).",
    },
    {
        .id = "layerscale-160",
        .source = "Touvron 2021 (2103.17239)",
        .sentence = "Small learned factors on the branches keep a deep network close to the identity at first.",
        FIRST_OF_160("h + vector(1e-4)*linear(f(h))", ""), .seeds = 5, .prediction = 1, .tolerance = 0.01,
        .reason = "160 branches of relative size 1e-4",
    },
    {
        .id = "deepnorm-160",
        .source = "Wang 2022 (2203.00555)",
        .sentence = "DeepNorm, (2L)^(1/4) h in the norm and weights scaled by (8L)^(-1/4), keeps Post-LN stable at any depth.",
        FIRST_OF_160("norm((2*L)^0.25*h + (8*L)^(-0.25)*linear(f(h)))",
                     "; 1.01 by an independent program whose branches are four times as wide"),
        .seeds = 20, .prediction = 1, .tolerance = 0.1,
        .reason = "bounded is what the paper says; a tenth at 160 blocks",
    },
    {
        .id = "keel-160",
        .source = "Chen and Wei 2026 (2601.19895)",
        .sentence = "A shortcut scaled by L inside Post-LN, with a norm before the branch, restores the gradient.",
        FIRST_OF_160("norm(L*h + linear(f(norm(h))))", "; 1.01 by an independent program whose branches are four times as wide"),
        .seeds = 20, .prediction = 1, .tolerance = 0.1,
        .reason = "of the order of 1 is what the paper says; a tenth at 160 blocks",
    },
    {
        .id = "sqrt-branch-160",
        .source = "Noci 2022 (2206.03126)",
        .sentence = "Branches scaled by 1/sqrt(L) bound the gradient at any depth.",
        FIRST_OF_160("h + linear(f(h))/sqrt(L)", ""), .seeds = 20, .prediction = 1.25, .tolerance = 0.2,
        .reason = "exp(g/2) with g = E[gelu'(z)^2] = 0.456, the branch's squared gain backward; the spread over seeds",
    },
    {
        .id = "post-160",
        .source = "Chen and Wei 2026 (2601.19895)",
        .sentence = "In Post-LN the gradient vanishes as 2^-L on its way back through L blocks of two norms: by 24 decades through 160 norms.",
        .settings = BRANCH " --depth 161 --residual 'norm(h + linear(f(h)))'",
        .statistic = "log10 ratio l2 activation_grad@0..159 layers.#.out",
        .over = OVER_MEDIAN, .seeds = 20, .prediction = -24, .tolerance = 2.4,
        .reason = "a tenth",
        .note = "Decades from the last block to the first. At initialization it grows several times instead, with a wide spread over seeds: what "
                "the shortcuts lose, the branches add (keel-whole-xavier).",
    },
    {
        .id = "pre-160",
        .source = "Xiong 2020 (2002.04745)",
        .sentence = "Pre-LN's gradient falls with the square root of the depth, because the stream's size grows: |x_L| / |x_1| here.",
        FIRST_OF_160("h + linear(f(norm(h)))", ""), .seeds = 20, .prediction = 7.8, .tolerance = 1.6,
        .reason = "the sizes of this stream, 8.9 after the last block and 1.14 after the first (--probe stream), and their spread over seeds",
    },
    {
        .id = "desmith-variance",
        .source = "De and Smith 2020 (2002.10444)",
        .sentence = "The variance of a Pre-LN stream grows linearly with depth: its size with the square root.",
        .settings = BRANCH " --residual 'h + linear(f(norm(h)))'",
        .vary = "depth=11,41,161",
        .statistic = "max rms activation layers.#.out",
        .over = OVER_MEDIAN, .trend = TREND_POWER, .seeds = 20, .prediction = 0.5, .tolerance = 0.04,
        .reason = "the input's own variance adds a constant, which lowers the slope at 10 blocks",
        .note = "The largest rms of any layer, which is the last block's. The power of the variance is twice this.",
    },
    ONE_WAY("forward-only", "pre", "A shortcut that carries values but no gradient computes exactly what an ordinary one computes.",
            "exact: the forward pass is the same", "Only the gradients differ: compare --residual forward-only with --residual pre."),
    ONE_WAY("backward-only", "none", "A shortcut that carries the gradient but no values computes exactly what no shortcut computes.",
            "exact but for h - h, which is 0",
            "A gradient reaches the first block along the shortcuts, although the network computes as if it had none."),
    {0},
};
