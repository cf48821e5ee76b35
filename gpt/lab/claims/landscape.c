// landscape.c: claims about a network's function and its loss: autocorrelation, singular values, planes, sharpness.

#include "gpt/lab/claims/claims.h"

// clang-format off: rows with a line for each group of fields

#define SHATTERED "--inputs grid:-2:2:256 --activation relu --init kaiming --head linear --probe autocorrelation"
#define ISOMETRY "--sizes 64x65 --probe spectrum --bias-std 0 --inputs normal:1"
#define EDGE(LR, TEXT, PREDICTION) { \
        .id = "edge-of-stability-" LR, \
        .source = "Cohen 2021 (2103.00065)", \
        .sentence = "Full-batch gradient descent sharpens the loss until the largest eigenvalue of its Hessian is 2/lr, here " TEXT ", and " \
                    "hovers there.", \
        .settings = "--optimizer sgd --steps 400 --probe sharpness --sizes 1,50,50,2 --activation tanh --init xavier --init-gain 2 --head linear " \
                    "--loss ce --inputs grid:-1:1:6 --shortcut off --lr " LR, \
        .statistic = "last value sharpness", \
        .over = OVER_MEDIAN, .seeds = 5, .prediction = PREDICTION, .tolerance = PREDICTION / 10., .slow = true, \
        .reason = "a tenth, since the sharpness hovers", \
        .note = "After 400 steps on six points of a line with alternating classes. Slow: it measures the sharpness before each step.", \
    }

const Claim claims_landscape[] = {
    {
        .id = "shattered-plain",
        .source = "Balduzzi 2017 (1702.08591)",
        .sentence = "Without shortcuts, and with batch normalization, the gradient with respect to the input is white noise after "
              "24 layers: neighbors on a line have nothing in common.",
        .settings = SHATTERED " --sizes 1,200x25,1 --norm batch --shortcut off --bias-std 1",
        .statistic = "at:1 value autocorrelation",
        .over = OVER_MEDIAN, .seeds = 20, .prediction = 0, .tolerance = 0.07,
        .reason = "1/sqrt(256), the correlation of as many points of white noise, is 0.06",
        .note = "The correlation at lag 1 along 256 points from -2 to 2. An independent program finds -0.006, with an interval of -0.04 to 0.03.",
    },
    {
        .id = "shattered-no-norm",
        .source = "Prince, Understanding Deep Learning, notebook 11.1",
        .sentence = "Without batch normalization the gradient does not shatter, which is why the effect is hard to reproduce.",
        .settings = SHATTERED " --sizes 1,200x25,1 --shortcut off --bias-std 0.1",
        .statistic = "at:1 value autocorrelation",
        .over = OVER_MEDIAN, .seeds = 20, .prediction = 0.9, .tolerance = 0.05,
        .reason = "0.93 and 0.87 by independent programs",
        .note = "The paper's networks are normalized; compare shattered-plain.",
    },
    {
        .id = "shattered-shortcuts",
        .source = "Balduzzi 2017 (1702.08591)",
        .sentence = "With shortcuts and branches a tenth as strong the gradient stays correlated through 50 layers.",
        .settings = SHATTERED " --sizes 1,200x51,1 --norm batch --residual 'h + 0.1*linear(f(h))' --bias-std 1",
        .statistic = "at:1 value autocorrelation",
        .over = OVER_MEDIAN, .seeds = 10, .prediction = 0.87, .tolerance = 0.05,
        .reason = "0.88 and 0.87 by independent programs",
        .note = "An independent program with twice as many seeds finds 0.867, with an interval of 0.845 to 0.888. The factor matters as much as "
              "the shortcut: without it the gradient decorrelates with depth here, too, but more slowly.",
    },
    {
        .id = "isometry-linear",
        .source = "Saxe 2014 (1312.6120), Pennington 2017 (1711.04735)",
        .sentence = "Orthogonal weights make a linear network an isometry: all singular values of its Jacobian are equal at any "
              "depth.",
        .settings = ISOMETRY " --init orthogonal --activation identity --shortcut off",
        .statistic = "log10 first value singular_value@0 / median value singular_value@0",
        .over = OVER_MEDIAN, .seeds = 5, .prediction = 0, .tolerance = 1e-5,
        .reason = "rounding in float32 through 64 layers",
        .note = "Decades between the largest and the median singular value. An independent program in double finds 0.",
    },
    {
        .id = "isometry-tanh",
        .source = "Saxe 2014 (1312.6120), Pennington 2017 (1711.04735)",
        .sentence = "With tanh and orthogonal weights at criticality the network is nearly an isometry.",
        .settings = ISOMETRY " --init orthogonal --activation tanh --residual 'f(h*0.1^(1/l^9))'",
        .statistic = "log10 first value singular_value@0 / median value singular_value@0",
        .over = OVER_MEDIAN, .seeds = 5, .prediction = 0, .tolerance = 0.06,
        .reason = "15 % between the largest and the median singular value",
        .note = "The input is scaled to 0.1, where tanh is almost linear.",
    },
    {
        .id = "isometry-gaussian",
        .source = "Saxe 2014 (1312.6120), Pennington 2017 (1711.04735)",
        .sentence = "With normal weights of the same variance the network is not an isometry: the singular values spread over "
              "ten decades in 64 layers.",
        .settings = ISOMETRY " --precision f64 --init kaiming --init-gain 0.70710678 --activation tanh --residual 'f(h*0.1^(1/l^9))'",
        .statistic = "log10 first value singular_value@0 / median value singular_value@0",
        .over = OVER_MEDIAN, .seeds = 5, .prediction = 10.7, .tolerance = 0.5,
        .reason = "10.72 by an independent program, and the spread over seeds",
        .note = "The mean squared singular value is still 1, so --probe jacobian cannot distinguish them. In float32, "
              "singular values more than seven decades below the largest are lost.",
    },
    {
        .id = "landscape-shortcuts",
        .source = "Li 2018 (1712.09913)",
        .sentence = "Shortcuts make the loss landscape of a deep network smooth.",
        .settings = "--depth 40 --width 16 --activation tanh --init xavier --inputs normal:50 --target 1 --head linear --probe plane",
        .vary = "residual=h + f(h),f(h)",
        .statistic = "rough value plane",
        .over = OVER_MEDIAN, .trend = TREND_RATIO, .seeds = 10, .prediction = 0.25, .tolerance = 0.25,
        .reason = "less than half as rough counts as smooth",
        .note = "Roughness of the filter-normalized plane before training: with shortcuts divided by without. With branches as strong "
              "as the stream the plane is about as rough; see landscape-branches. Trained networks of 40 layers give the same picture "
              "(0.31 without, 0.27 with shortcuts).",
    },
    {
        .id = "landscape-branches",
        .source = "gptape; compare Li 2018 (1712.09913)",
        .sentence = "It is mostly the size of the branches that makes the landscape smooth: a tenth is enough.",
        .settings = "--depth 40 --width 16 --activation tanh --init xavier --inputs normal:50 --target 1 --head linear --probe plane",
        .vary = "residual=h + 0.1*f(h),f(h)",
        .statistic = "rough value plane",
        .over = OVER_MEDIAN, .trend = TREND_RATIO, .seeds = 10, .prediction = 0.1, .tolerance = 0.1,
        .reason = "at most a fifth as rough",
        .note = "The paper does not separate shortcuts from the size of branches; all its networks normalize their branches.",
    },
    EDGE("0.2", "10", 10),
    EDGE("0.3", "6.67", 2 / 0.3),
    EDGE("0.4", "5", 5),
    {0},
};
