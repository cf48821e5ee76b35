// mean_field.c: claims of the mean-field theory of random networks.
//
// chi_1 = s E[tanh'(sqrt(q) z)^2], z normal, where q = s E[tanh(sqrt(q) z)^2] + b is the fixed point of the variance; s: n times the variance of
// the weights; b = 0.05: the variance of the biases. The predictions are these integrals by the trapezoidal rule. --init kaiming draws
// variance 2/n, so the gain is sqrt(s/2).

#include "gpt/lab/claims/claims.h"

// clang-format off: rows with a line for each group of fields

#define MEAN_FIELD "--shortcut off --sizes 512x62 --activation tanh --init kaiming --bias-std 0.2236068 --inputs normal:1"

const Claim claims_mean_field[] = {
    {
        .id = "schoenholz-chi-1",
        .source = "Schoenholz 2017 (1611.01232), section 3",
        .sentence = "Backward through a tanh layer, the squared gradient is multiplied by chi_1, which mean-field theory predicts: 0.759 at "
              "weight variance 1.",
        .settings = MEAN_FIELD " --init-gain 0.7071068",
        .statistic = "slope l2 activation_grad@10..59 layers.#.out",
        .over = OVER_MEAN, .seeds = 10, .prediction = 0.05987, .tolerance = 0.001,
        .reason = "finite width: 0.5 % of chi_1",
        .note = "50 layers of 512 tanh units, after ten in which the variance reaches its fixed point; bias variance 0.05. "
              "The slope is -log10(chi_1)/2 decades a layer.",
    },
    {
        .id = "schoenholz-chi-1.3",
        .source = "Schoenholz 2017 (1611.01232), section 3",
        .sentence = "Backward through a tanh layer, the squared gradient is multiplied by chi_1, which mean-field theory predicts: 0.8802 at "
              "weight variance 1.3.",
        .settings = MEAN_FIELD " --init-gain 0.8062258",
        .statistic = "slope l2 activation_grad@10..59 layers.#.out",
        .over = OVER_MEAN, .seeds = 10, .prediction = 0.02772, .tolerance = 0.001,
        .reason = "finite width: 0.5 % of chi_1",
        .note = "50 layers of 512 tanh units, after ten in which the variance reaches its fixed point; bias variance 0.05. "
              "The slope is -log10(chi_1)/2 decades a layer.",
    },
    {
        .id = "schoenholz-chi-1.5",
        .source = "Schoenholz 2017 (1611.01232), section 3",
        .sentence = "Backward through a tanh layer, the squared gradient is multiplied by chi_1, which mean-field theory predicts: 0.9386 at "
              "weight variance 1.5.",
        .settings = MEAN_FIELD " --init-gain 0.8660254",
        .statistic = "slope l2 activation_grad@10..59 layers.#.out",
        .over = OVER_MEAN, .seeds = 10, .prediction = 0.01375, .tolerance = 0.001,
        .reason = "finite width: 0.5 % of chi_1",
        .note = "50 layers of 512 tanh units, after ten in which the variance reaches its fixed point; bias variance 0.05. "
              "The slope is -log10(chi_1)/2 decades a layer.",
    },
    {
        .id = "schoenholz-chi-1.76",
        .source = "Schoenholz 2017 (1611.01232), section 3",
        .sentence = "Backward through a tanh layer, the squared gradient is multiplied by chi_1, which mean-field theory predicts: 0.9998 at "
              "weight variance 1.76.",
        .settings = MEAN_FIELD " --init-gain 0.9380832",
        .statistic = "slope l2 activation_grad@10..59 layers.#.out",
        .over = OVER_MEAN, .seeds = 10, .prediction = 4e-05, .tolerance = 0.001,
        .reason = "finite width: 0.5 % of chi_1",
        .note = "50 layers of 512 tanh units, after ten in which the variance reaches its fixed point; bias variance 0.05. "
              "The slope is -log10(chi_1)/2 decades a layer; chi_1 = 1 is the edge of chaos, where the gradient neither vanishes nor explodes.",
    },
    {
        .id = "schoenholz-chi-2",
        .source = "Schoenholz 2017 (1611.01232), section 3",
        .sentence = "Backward through a tanh layer, the squared gradient is multiplied by chi_1, which mean-field theory predicts: 1.048 at "
              "weight variance 2.",
        .settings = MEAN_FIELD " --init-gain 1",
        .statistic = "slope l2 activation_grad@10..59 layers.#.out",
        .over = OVER_MEAN, .seeds = 10, .prediction = -0.01011, .tolerance = 0.001,
        .reason = "finite width: 0.5 % of chi_1",
        .note = "50 layers of 512 tanh units, after ten in which the variance reaches its fixed point; bias variance 0.05. "
              "The slope is -log10(chi_1)/2 decades a layer.",
    },
    {
        .id = "schoenholz-chi-2.5",
        .source = "Schoenholz 2017 (1611.01232), section 3",
        .sentence = "Backward through a tanh layer, the squared gradient is multiplied by chi_1, which mean-field theory predicts: 1.134 at "
              "weight variance 2.5.",
        .settings = MEAN_FIELD " --init-gain 1.1180340",
        .statistic = "slope l2 activation_grad@10..59 layers.#.out",
        .over = OVER_MEAN, .seeds = 10, .prediction = -0.02721, .tolerance = 0.001,
        .reason = "finite width: 0.5 % of chi_1",
        .note = "50 layers of 512 tanh units, after ten in which the variance reaches its fixed point; bias variance 0.05. "
              "The slope is -log10(chi_1)/2 decades a layer.",
    },
    {
        .id = "schoenholz-chi-3",
        .source = "Schoenholz 2017 (1611.01232), section 3",
        .sentence = "Backward through a tanh layer, the squared gradient is multiplied by chi_1, which mean-field theory predicts: 1.209 at "
              "weight variance 3.",
        .settings = MEAN_FIELD " --init-gain 1.2247449",
        .statistic = "slope l2 activation_grad@10..59 layers.#.out",
        .over = OVER_MEAN, .seeds = 10, .prediction = -0.0412, .tolerance = 0.001,
        .reason = "finite width: 0.5 % of chi_1",
        .note = "50 layers of 512 tanh units, after ten in which the variance reaches its fixed point; bias variance 0.05. "
              "The slope is -log10(chi_1)/2 decades a layer.",
    },
    {
        .id = "schoenholz-chi-4",
        .source = "Schoenholz 2017 (1611.01232), section 3",
        .sentence = "Backward through a tanh layer, the squared gradient is multiplied by chi_1, which mean-field theory predicts: 1.342 at "
              "weight variance 4.",
        .settings = MEAN_FIELD " --init-gain 1.4142136",
        .statistic = "slope l2 activation_grad@10..59 layers.#.out",
        .over = OVER_MEAN, .seeds = 10, .prediction = -0.06394, .tolerance = 0.001,
        .reason = "finite width: 0.5 % of chi_1",
        .note = "50 layers of 512 tanh units, after ten in which the variance reaches its fixed point; bias variance 0.05. "
              "The slope is -log10(chi_1)/2 decades a layer.",
    },
    {0},
};
