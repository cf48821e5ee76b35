// sampling.h: what temperature, top_k and top_p leave of twelve logits, as PyTorch computes it. Generated: do not edit.
//
// Made with torch 1.13.0a0 (Debian 1.13.1+dfsg-4): torch.manual_seed(7); logits = (torch.randn(12) * 2.5).float(). From there on in
// double, by the three steps that Hugging Face's generate takes, written out in tensor operations:
//
//   s = logits / temperature
//   if top_k: s = -inf where s < topk(s, min(top_k, 12))[0][-1]
//   if top_p < 1: sorted ascending, s = -inf where cumsum(softmax(s)) <= 1 - top_p, but for the last
//   p = softmax(s)

#ifndef GPTAPE_TESTS_GOLDEN_SAMPLING_H
#define GPTAPE_TESTS_GOLDEN_SAMPLING_H

enum { GOLDEN_LOGITS = 12 };

static const float golden_sampling_logits[GOLDEN_LOGITS] = {
    -0.366987735f, 1.96535325f, 2.36705399f, -2.78586006f, 4.22697544f, -2.23706985f,
    -0.889062583f, 3.08096433f, 0.345431626f, -4.20549631f, 0.794195771f, 0.332017422f,
};

typedef struct GoldenSampling {
    double temperature;
    int top_k;
    double top_p;
    double p[GOLDEN_LOGITS];
} GoldenSampling;

static const GoldenSampling golden_sampling[] = {
    {1, 0, 1,
     {0.00605617063, 0.0623908529, 0.0932346479, 0.00053913211, 0.598867797, 0.000933322555,
      0.0035930551, 0.190381462, 0.0123480364, 0.000130363199, 0.0193416576, 0.0121835033}},
    {0.7, 0, 1,
     {0.00106834443, 0.0299050057, 0.0530844518, 3.3728176e-05, 0.756660541, 7.38709459e-05,
      0.000506763414, 0.147194669, 0.00295604472, 4.43834601e-06, 0.00561220544, 0.00289993692}},
    {2.5, 0, 1,
     {0.0436610247, 0.110984685, 0.130330367, 0.0165917717, 0.274250272, 0.0206646183,
      0.0354323726, 0.17340617, 0.0580569001, 0.00940322195, 0.0694723773, 0.0577462195}},
    {1, 3, 1, {0, 0, 0.105650253, 0, 0.678616111, 0, 0, 0.215733636, 0, 0, 0, 0}},
    {1, 1, 1, {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}},
    {1, 12, 1,
     {0.00605617063, 0.0623908529, 0.0932346479, 0.00053913211, 0.598867797, 0.000933322555,
      0.0035930551, 0.190381462, 0.0123480364, 0.000130363199, 0.0193416576, 0.0121835033}},
    {1, 0, 0.9, {0, 0.0660308176, 0.0986740804, 0, 0.633806534, 0, 0, 0.201488568, 0, 0, 0, 0}},
    {1, 0, 0.5, {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}},
    {1, 0, 0.05, {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}},
    {0.7, 5, 0.8, {0, 0, 0, 0, 0.837147955, 0, 0, 0.162852045, 0, 0, 0, 0}},
    {1.8, 6, 0.6, {0, 0, 0, 0, 0.654000965, 0, 0, 0.345999035, 0, 0, 0, 0}},
    {1, 40, 0.95, {0, 0.0647062753, 0.0966947319, 0, 0.62109272, 0, 0, 0.197446816, 0, 0, 0.0200594569, 0}},
    {0.01, 0, 0.999, {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}},
};

#endif
