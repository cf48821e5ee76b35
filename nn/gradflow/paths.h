// paths.h: the gradient by path length, exactly.
//
// A path from the loss back to a point in the network passes some number of sublayers f. Multiply what passes back through f by z, in every
// sublayer, and leave everything else as it is: the gradient at any tensor becomes a polynomial
//
//      G(z) = sum_k G_k z^k,        G_k: all of the gradient that passed exactly k sublayers
//
// Every backward function is linear in the gradient that arrives, so G_k takes one walk over the tape: where it arrives at the output of an
// f, it is set aside for walk k + 1, and what walk k - 1 set aside there goes on instead. Nothing is sampled (Veit et al. 2016,
// arXiv 1605.06431, sample paths). Cost: at most n_sublayers + 1 walks, and one more for the ordinary gradient.

#ifndef GPTAPE_PATHS_H
#define GPTAPE_PATHS_H

#include "nn/nn.h"

typedef struct PathLengths {
    int n_sublayers;                               // S
    double *norm;                                  // (S, S + 1): L2 of G_k at the start of each sublayer; 0 beyond k = S - s, s from 0
    double *sum;                                   // (S): L2 of the sum of all G_k there
    double error;                                  // largest || sum_k G_k - G || / || G || at any of them, G the ordinary gradient
} PathLengths;

// loss: one value on the tape of a forward pass. start (S): the stream where each sublayer starts, in order; the tape's branch marks
// (tape_branch) say where sublayers 1 ... S are. Changes nothing on the tape. The caller frees the result with path_lengths_free.
PathLengths path_lengths(Tensor *loss, Tensor *const *start, int n_sublayers);
void path_lengths_free(PathLengths *paths);

// At the start of sublayer s, counted from 0: the part of length k in the sum of all lengths' norms, and the mean length, weighted by them.
double path_share(const PathLengths *paths, int s, int k);
double path_mean_length(const PathLengths *paths, int s);

#endif
