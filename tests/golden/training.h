// training.h: a training run as PyTorch makes it. Generated: do not edit.
//
// Reference numbers from PyTorch. Made with torch 1.13.0a0 (Debian 1.13.1+dfsg-4) on the cpu, float32, 1 thread.
//
// The model: the preset tiny with a vocabulary of 17 and a context of 8, its weights those that gptape draws from seed 123, read from
// the model.safetensors that `gptape train --lr 0 --min-lr 0 --steps 1` leaves. Written out in torch: layer_norm, x @ W + b,
// softmax of the masked scores, gelu(approximate="tanh"), the head tied to wte.
//
// The batch: 4 rows r of 8 ids, ids[r][i] = (7 i i + 3 i + 5 r r i + 11 r) mod 17, targets[r][i] = (5 i i + 2 i + 3 r i + 7 r + 1) mod 17.
//
// Each of 15 steps: the gradients of rows 0, 1 and of rows 2, 3 added up, each loss divided by 2; clip_grad_norm_(1.0); torch.optim.AdamW
// with betas (0.9, 0.99), eps 1e-8, weight_decay 0.1 for matrices and 0 for the rest; the learning rate as nanoGPT's get_lr has it
// with learning_rate 1e-2, min_lr 1e-3, warmup_iters 4, lr_decay_iters 15. Here: the step's loss, and the norm before clipping.

#ifndef GPTAPE_TESTS_GOLDEN_TRAINING_H
#define GPTAPE_TESTS_GOLDEN_TRAINING_H

enum { GOLDEN_STEPS = 15 };

static const struct {
    double loss;
    double grad_norm;
} golden_training[GOLDEN_STEPS] = {
    {2.85456634, 2.0430336},
    {2.67775667, 1.34654856},
    {2.53978646, 1.62641764},
    {2.4466871, 2.85074377},
    {2.30960274, 2.22133875},
    {2.10337293, 1.66209936},
    {1.94613647, 2.67647052},
    {1.82328784, 2.76049066},
    {1.65234929, 2.24854898},
    {1.48546612, 1.34217262},
    {1.37206918, 1.28892744},
    {1.2721625, 1.1503495},
    {1.19710922, 1.11008584},
    {1.14026421, 1.03574336},
    {1.10147619, 1.01906133},
};

#endif
