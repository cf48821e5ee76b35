// mean_field.c: claims of the mean-field theory of random networks.
//
// chi_1 = s E[tanh'(sqrt(q) z)^2], z normal, where q = s E[tanh(sqrt(q) z)^2] + b is the fixed point of the variance; s: n times the variance of
// the weights; b = 0.05: the variance of the biases. The predictions are these integrals by the trapezoidal rule. --init kaiming draws
// variance 2/n, so the gain is sqrt(s/2).

#include "gpt/lab/claims/claims.h"

// clang-format off: rows with a line for each group of fields

#define MEAN_FIELD "--shortcut off --sizes 512x62 --activation tanh --init kaiming --bias-std 0.2236068 --inputs normal:1"

// A row for each variance s of the weights, as text: the gain, chi_1, and the prediction -log10(chi_1)/2.
#define CHI(VARIANCE, GAIN, CHI_1, SLOPE) { \
        .id = "schoenholz-chi-" VARIANCE, \
        .source = "Schoenholz 2017 (1611.01232)", \
        .sentence = "Backward through a tanh layer, the squared gradient is multiplied by chi_1, which mean-field theory predicts: " CHI_1 " at " \
                    "weight variance " VARIANCE ".", \
        .settings = MEAN_FIELD " --init-gain " GAIN, \
        .statistic = "slope l2 activation_grad@10..59 layers.#.out", \
        .over = OVER_MEAN, .seeds = 10, .prediction = SLOPE, .tolerance = 0.001, \
        .reason = "finite width: 0.5 % of chi_1", \
        .note = "50 layers of 512 tanh units, after ten in which the variance reaches its fixed point; bias variance 0.05. The slope is " \
                "-log10(chi_1)/2 decades per layer. At chi_1 = 1, the edge of chaos, the gradient neither vanishes nor explodes.", \
    }

const Claim claims_mean_field[] = {
    CHI("1", "0.7071068", "0.759", 0.05987),
    CHI("1.3", "0.8062258", "0.8802", 0.02772),
    CHI("1.5", "0.8660254", "0.9386", 0.01375),
    CHI("1.76", "0.9380832", "0.9998", 4e-05),
    CHI("2", "1", "1.048", -0.01011),
    CHI("2.5", "1.1180340", "1.134", -0.02721),
    CHI("3", "1.2247449", "1.209", -0.0412),
    CHI("4", "1.4142136", "1.342", -0.06394),
    {0},
};
