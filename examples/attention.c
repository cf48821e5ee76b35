// attention.c: masked attention step by step, and in one operation.
//
// You learn what scores, mask and weights are, and that the new vector of a position is an average over the positions up to it.
// Breakpoint: tensor_softmax. There, print *x->data@6 shows the first row of masked scores, and after finish the weights.

#include "tensor/tensor.h"

#include <math.h>
#include <stdio.h>

enum { T = 6, C = 8, WORDS = 5 };

// Prints a (1, T, T) tensor with the words as row and column titles, and the sum of each row if sums (1, T, 1) is not NULL.
static void print_table(const Tensor *table, const Tensor *sums, const char *const *words)
{
    printf("  %-6s", "");
    for (int j = 0; j < T; j++) {
        printf(" %8s", words[j]);
    }
    printf("%s\n", sums == NULL ? "" : "      sum");
    for (int i = 0; i < T; i++) {
        const Real *row = table->data + i * T; // (T)
        printf("  %-6s", words[i]);
        for (int j = 0; j < T; j++) {
            printf(" %8.3f", (double)row[j]);
        }
        if (sums != NULL) {
            printf(" %8.3f", (double)sums->data[i]);
        }
        printf("\n");
    }
    printf("\n");
}

int main(void)
{
    const char *words[T] = {"the", "cat", "sat", "on", "the", "mat"};
    const int ids[T] = {0, 1, 2, 3, 0, 4}; // the first and the fifth are the same word
    Tape *tape = tape_create();
    Random random;
    random_seed(&random, 123);

    Tensor *table = tensor_randn(&random, SHAPE(WORDS, C)); // (5, 8), a random vector for each word
    Tensor *draw = tensor_randn(&random, SHAPE(3 * C, C));  // (24, 8)
    Tensor *W = tensor_scale(draw, 1 / sqrt(C));            // (24, 8), scaled so that outputs are about as large as inputs

    Tensor *x = tensor_embedding(table, ids, 1, T); // (1, 6, 8)
    Tensor *qkv = tensor_linear(x, W, NULL);        // (1, 6, 24)
    Tensor *q = tensor_slice(qkv, -1, 0, C);        // (1, 6, 8), what each position looks for
    Tensor *k = tensor_slice(qkv, -1, C, C);        // (1, 6, 8), what each position offers
    Tensor *v = tensor_slice(qkv, -1, 2 * C, C);    // (1, 6, 8), what each position passes on

    Tensor *k_t = tensor_transpose(k, -2, -1);            // (1, 8, 6)
    Tensor *products = tensor_matmul(q, k_t);             // (1, 6, 6), row i: q_i times every k
    Tensor *scores = tensor_scale(products, 1 / sqrt(C)); // (1, 6, 6), a sum of C products is about sqrt(C)
    Tensor *masked = tensor_causal_mask(scores);          // (1, 6, 6), -inf above the diagonal
    Tensor *weights = tensor_softmax(masked);             // (1, 6, 6)
    Tensor *sums = tensor_sum_axis(weights, -1);          // (1, 6, 1), all 1
    Tensor *y = tensor_matmul(weights, v);                // (1, 6, 8), row i: an average of v_0 ... v_i

    printf("scores = q k^T / sqrt(%d): how well the query of the row matches the key of the column\n\n", C);
    print_table(scores, NULL, words);
    printf("masked: no word sees a later one\n\n");
    print_table(masked, NULL, words);
    printf("weights = softmax(masked), row by row\n\n");
    print_table(weights, sums, words);
    printf("-> Every row sums to 1, and exp(-inf) is 0, so every weight above the diagonal is 0. The first\n");
    printf("   word sees only itself.\n");
    printf("-> The two columns \"the\" are equal in rows that see both. Apart from the mask, nothing here\n");
    printf("   depends on the position of a word; a GPT adds a position embedding to x for that.\n\n");

    Tensor *fused = tensor_attention(qkv, 1, true); // (1, 6, 8), one head, causal
    double difference = 0;
    for (int i = 0; i < T * C; i++) {
        double difference_i = fabs((double)y->data[i] - (double)fused->data[i]);
        difference = fmax(difference, difference_i);
    }
    printf("-> tensor_attention does all of it in one node and never stores the %d x %d table.\n", T, T);
    printf("   Largest difference from the steps: %.5f\n", difference);

    tape_free(tape);
    return 0;
}
