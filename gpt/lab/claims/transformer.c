// transformer.c: claims about untrained transformers.

#include "gpt/lab/claims/claims.h"

// clang-format off: rows with a line for each group of fields

#define XIONG "--net gpt --shortcut on --init xavier --activation relu --tied off"
#define DONG "--net gpt --n-embd 64 --context-length 128 --batch 1 --init xavier --qkv-bias off --task shift:1 --vocab-size 4096 " \
             "--probe stream"
#define NOCI "--net gpt --n-layer 24 --causal off --init xavier --activation relu --tied off --context-length 32 --batch 1 --task shift:1"
#define KEEL "--net gpt --n-layer 24 --residual post --activation relu --tied off --context-length 32 --batch 1 --probe paths"
#define COPY_STEPS "--net gpt --n-layer 16 --n-embd 32 --context-length 16 --vocab-size 16 --batch 8 --tied off --task shift:1 --init xavier " \
                   "--steps 250 --lr 0.003"
#define COPY "--net gpt --n-layer 16 --n-embd 128 --context-length 64 --batch 8 --vocab-size 64 --task shift:1 --activation gelu_erf --tied off"

// The part of the gradient that comes by shortcuts alone, for an init: a and m, the branches' measured sizes, and the slope that they predict.
#define KEEL_SHORTCUT(INIT, A, M, PREDICTION) { \
        .id = "keel-shortcut-" INIT, \
        .source = "Chen and Wei 2026 (2601.19895)", \
        .sentence = "In Post-LN the gradient that comes by the shortcuts alone decays with each block: by half if branch and stream are equally " \
                    "large.", \
        .settings = KEEL " --init " INIT, \
        .statistic = "slope value path_norm:0@1..23 h.#.attn", \
        .over = OVER_MEDIAN, .seeds = 10, .prediction = PREDICTION, .tolerance = PREDICTION / 20, \
        .reason = "5 %, which LayerNorm's mean and the spread over blocks leave; predicted from the branches' measured sizes", \
        .note = "1/2 log10((1 + a^2)(1 + m^2)) decades per block, with a = " A " and m = " M ", the branches' sizes over the stream's (--probe " \
                "branch). It is 0.30 only if both are 1.", \
    }

#define KEEL_WHOLE(INIT) { \
        .id = "keel-whole-" INIT, \
        .source = "Chen and Wei 2026 (2601.19895)", \
        .sentence = "In Post-LN each block halves the gradient (0.30 decades) on its way back.", \
        .settings = KEEL " --init " INIT, \
        .statistic = "slope l2 activation_grad@1..23 h.#.out", \
        .over = OVER_MEDIAN, .seeds = 10, .prediction = 0.30, .tolerance = 0.03, \
        .reason = "a tenth", \
        .note = "The whole gradient, branches included, does not decay at initialization: what the shortcuts lose, the branches add. It decays " \
                "while the network trains. An independent program, with random tokens and a random gradient at the end, finds 0.006 with torch " \
                "and -0.004 with xavier.", \
    }

#define COPY_START(NAME, INIT, RULE, NORM, RATIO, PREDICTION, TOLERANCE, REASON, NOTE) { \
        .id = "copy-" NAME "-start", \
        .source = "Transformer-Gradient-Flow (github.com/qwo877), 16 layers", \
        .sentence = "At the start of a copy task the gradient after the first of 16 blocks is " RATIO " times that after the last, with " \
                    NORM ".", \
        .settings = COPY " --init " INIT " --residual 'x = h*0.02^(1/s^12); " RULE "'", \
        .statistic = "ratio rms activation_grad h.#.out", \
        .over = OVER_MEDIAN, .seeds = 5, .prediction = PREDICTION, .tolerance = TOLERANCE, \
        .reason = REASON, \
        .note = "The task is to copy each token from the position before it. The rule multiplies the embeddings by 0.02, as the source " \
                "does. " NOTE, \
    }

#define XIONG_LAST(NORM, NAME, CLAIM, PREDICTION, REASON) { \
        .id = "xiong-" NORM "-last", \
        .source = "Xiong 2020 (2002.04745), theorem 1", \
        .sentence = "In a " NAME " transformer the gradient of the last feed-forward layer " CLAIM ".", \
        .settings = XIONG " --norm " NORM, \
        .vary = "n-layer=6,8,12,16,20,24", \
        .statistic = "last l2 weight_grad h.#.mlp.c_proj.weight", \
        .over = OVER_MEDIAN, .trend = TREND_POWER, .seeds = 10, .prediction = PREDICTION, .tolerance = 0.1, \
        .reason = REASON, \
        .note = "The slope of log |dL/dW2| against log L.", \
    }

// The size of the stream after the last block against their number.
#define GROWTH(RULE) \
        .settings = "--net gpt --init xavier --residual " RULE, \
        .vary = "n-layer=6,24,96", \
        .statistic = "last rms activation h.#.out", \
        .over = OVER_MEDIAN, .trend = TREND_POWER, .seeds = 5

#define COPY_TRAIN(RULE, SENTENCE, PREDICTION, NOTE) { \
        .id = "copy-" RULE "-train", \
        .source = "Transformer-Gradient-Flow (github.com/qwo877), 16 layers", \
        .sentence = SENTENCE, \
        .settings = COPY_STEPS " --residual " RULE, \
        .statistic = "loss", \
        .over = OVER_MEDIAN, .seeds = 3, .prediction = PREDICTION, .tolerance = 0.1, .slow = true, \
        .reason = "4 % of the loss of guessing, ln 16", \
        .note = NOTE, \
    }

const Claim claims_transformer[] = {
    XIONG_LAST("post", "Post-LN", "does not depend on the number of blocks", 0, "a fifth of the power that Pre-LN has"),
    XIONG_LAST("pre", "Pre-LN", "falls as 1/sqrt(L)", -0.5,
               "the theorem is a bound for large L; the embeddings' own variance lowers the power at 6 blocks"),
    {
        .id = "xiong-pre-flat",
        .source = "Xiong 2020 (2002.04745), figure 3a",
        .sentence = "In a Pre-LN transformer the gradients of the feed-forward layers are almost the same in all blocks.",
        .settings = XIONG " --norm pre --n-layer 12",
        .statistic = "slope l2 weight_grad h.#.mlp.c_proj.weight",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = 0, .tolerance = 0.01,
        .reason = "a tenth of a decade over 12 blocks",
        .note = "They fall toward the output by 0.03 decades per block, a factor of 2.3 over 12 blocks, as NormFormer (2110.09456) "
              "states: the claim is about the bound, not about the measured shape.",
    },
    {
        .id = "dong-attention",
        .source = "Dong 2021 (2103.03404)",
        .sentence = "Attention alone makes all tokens equal doubly exponentially: of what distinguishes them, 10^-7.9 is left after "
              "three layers.",
        .settings = DONG " --causal off --n-layer 3 --precision f64 --residual 'f(h*0.5^(0.5/l^9)) | h + 0*f(h)'",
        .statistic = "log10 last value rank_residual",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = -7.92, .tolerance = 0.2,
        .reason = "a factor of 1.6; 1.1e-8 and 1.2e-8 by independent programs",
        .note = "Random tokens; the second half of each block is the identity, and the first input is scaled to variance 1. In float32 the value "
                "is 2e-7, the rounding of the mean: hence --precision f64.",
    },
    {
        .id = "dong-causal",
        .source = "an independent program; compare Dong 2021 (2103.03404)",
        .sentence = "Causal attention collapses far more slowly than full attention: after 12 layers 10^-1.8 of the difference is left.",
        .settings = DONG " --causal on --n-layer 12 --residual 'f(h*0.5^(0.5/l^9)) | h + 0*f(h)'",
        .statistic = "log10 last value rank_residual",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = -1.77, .tolerance = 0.15,
        .reason = "0.017, measured once by that program; a factor of 1.4",
        .note = "A position sees only earlier ones, and the first sees only itself. The theorem assumes full attention: "
              "compare dong-attention.",
    },
    {
        .id = "dong-shortcuts",
        .source = "Dong 2021 (2103.03404)",
        .sentence = "With shortcuts the tokens stay different.",
        .settings = DONG " --causal off --n-layer 12 --residual 'x = h*0.5^(0.5/l^9); x + f(x) | h + 0*f(h)'",
        .statistic = "last value rank_residual",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = 0.21, .tolerance = 0.04,
        .reason = "0.22 and 0.20 by independent programs",
        .note = "The same network as dong-attention, with shortcuts around the attention, at layer 12.",
    },
    {
        .id = "noci-collapse",
        .source = "Noci 2022 (2206.03126)",
        .sentence = "With Post-LN and full attention all tokens become the same: their cosine is 1 after 24 blocks.",
        .settings = NOCI " --residual post",
        .statistic = "last token_cosine activation h.#.out",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = 1, .tolerance = 1e-4,
        .reason = "rounding",
        .note = "Read it together with the gradient of queries and keys.",
    },
    {
        .id = "noci-queries",
        .source = "Noci 2022 (2206.03126)",
        .sentence = "When all tokens are the same, the gradients of queries and keys vanish, while that of the values does not.",
        .settings = NOCI " --residual post",
        .statistic = "last l2 weight_grad h.#.attn.c_attn.weight.q / last l2 weight_grad h.#.attn.c_attn.weight.v",
        .over = OVER_GEOMETRIC_MEAN, .seeds = 10, .prediction = 0, .tolerance = 1e-4,
        .reason = "four orders of magnitude",
        .note = "|dL/dWq| over |dL/dWv| in the last block; |dL/dWk| is as small.",
    },
    {
        .id = "noci-cure-cosine",
        .source = "Noci 2022 (2206.03126)",
        .sentence = "Branches scaled by 1/sqrt(L) prevent the collapse: the cosine stays below 1.",
        .settings = NOCI " --residual 'norm(h + f(h)/sqrt(L))'",
        .statistic = "last token_cosine activation h.#.out",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = 0.16, .tolerance = 0.1,
        .reason = "the claim is that it stays well below 1; 0.16 by an independent program",
        .note = "Random tokens. A text, which repeats tokens, starts with a higher cosine and ends with one of 0.25.",
    },
    {
        .id = "noci-cure-queries",
        .source = "Noci 2022 (2206.03126)",
        .sentence = "With branches scaled by 1/sqrt(L), queries keep a gradient of the order of that of the values.",
        .settings = NOCI " --residual 'norm(h + f(h)/sqrt(L))'",
        .statistic = "last l2 weight_grad h.#.attn.c_attn.weight.q / last l2 weight_grad h.#.attn.c_attn.weight.v",
        .over = OVER_GEOMETRIC_MEAN, .seeds = 10, .prediction = 0.5, .tolerance = 0.25,
        .reason = "of the order of 1; 0.48 by an independent program",
        .note = "Compare noci-queries: six orders of magnitude.",
    },
    KEEL_SHORTCUT("torch", "0.2389", "0.2425", 0.0244608),
    KEEL_WHOLE("torch"),
    KEEL_SHORTCUT("xavier", "0.9144", "0.5685", 0.192763),
    KEEL_WHOLE("xavier"),
    KEEL_SHORTCUT("gpt2", "0.001432", "0.005223", 6.36892e-06),
    KEEL_WHOLE("gpt2"),
    {
        .id = "lns-growth",
        .source = "Sun 2025 (2502.05795)",
        .sentence = "Dividing the norm's output by sqrt(l) slows the growth of the stream from sqrt(L) to almost none.",
        GROWTH("lns"), .prediction = 0.06, .tolerance = 0.02,
        .reason = "a third; the variance is 2 + 0.5 (1 + 1/2 + ... + 1/L) if block l adds 0.5/l to the embeddings' 2, as --probe stream "
              "finds: a power of 0.063 over these depths",
        .note = "Compare peri-growth, and --residual pre, whose power is 0.53.",
    },
    {
        .id = "lns-gpt2-init",
        .source = "Sun 2025 (2502.05795)",
        .sentence = "LayerNorm Scaling conflicts with GPT-2's initialization, which already scales the same branches by 1/sqrt(2L): the last "
              "branch of 24 is only a quarter as large as without it.",
        .settings = "--net gpt --init gpt2 --n-layer 24 --probe branch",
        .vary = "residual=lns,pre",
        .statistic = "last value branch_ratio h.#.mlp",
        .over = OVER_MEDIAN, .trend = TREND_RATIO, .seeds = 10, .prediction = 0.24, .tolerance = 0.03,
        .reason = "1/sqrt(24) times the ratio of the streams, 1.2",
        .note = "The branch of the last block over its stream. A branch scaled twice learns slowly.",
    },
    {
        .id = "peri-growth",
        .source = "Kim 2025 (2502.02732)",
        .sentence = "With a norm after each branch the variance of the stream grows linearly with depth.",
        GROWTH("peri"), .prediction = 0.5, .tolerance = 0.03,
        .reason = "the embeddings' variance of 2 lowers the power at 6 blocks: sqrt(2 + 2L) gives 0.474",
        .note = "The power of the size, half of that of the variance.",
    },
    {
        .id = "b2t-gradient",
        .source = "Takase 2022 (2206.00330)",
        .sentence = "The bottom-to-top connection keeps the gradient of Post-LN from vanishing toward the input.",
        .settings = "--net gpt --n-layer 24 --init xavier --residual b2t",
        .statistic = "slope l2 activation_grad h.#.out",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = 0, .tolerance = 0.03,
        .reason = "a tenth of the 0.30 decades per block of Post-LN's shortcuts",
        .note = "Negative: it grows slightly on its way back. So does the gradient of --residual post: it does not vanish at "
              "initialization, but it does during training.",
    },
    COPY_START("post", "xavier", "norm(x + f(x))", "Post-LN", "1.82", 1.82, 0.6,
               "a third: the source has three seeds and does not state their spread",
               "The ratio is of the order of 1, so the gradient does not vanish before training. An independent program finds 2.1, with an "
               "interval of 1.7 to 2.5, which overlaps this one."),
    COPY_START("pre", "xavier", "x + f(norm(x))", "Pre-LN", "4.71", 4.71, 0.7, "15 %; 4.5 by an independent program",
               "With embeddings of variance 1 the ratio is smaller: the stream then grows less."),
    COPY_START("deepnorm", "deepnorm", "norm((2*L)^0.25*x + f(x))", "DeepNorm", "0.99", 0.99, 0.02, "2 %",
               "DeepNorm's weights are scaled by (8L)^(-1/4)."),
    COPY_TRAIN("pre", "With Pre-LN, 16 blocks learn to copy the previous token.", 0,
               "A smaller task than the source's: 16 tokens, width 32, 250 AdamW steps on 8 new rows each, learning rate 0.003 without warmup."),
    COPY_TRAIN("post", "With Post-LN and no warmup, 16 blocks do not learn to copy the previous token: the loss stays at that of guessing.", 2.77,
               "ln 16 = 2.77. The gradient does not vanish at the start (copy-post-start), but it does during training."),
    {0},
};
