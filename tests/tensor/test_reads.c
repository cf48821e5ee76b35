// test_reads.c: does each operation declare what its backward reads?
//
// The gradient of input k changes with the values of input i, written over between forward and backward, exactly if bit k of reads[i] is set.

#include "tensor/op.h"
#include "tests/support/suite.h"

#include <string.h>

enum { MOST_VALUES = 512 };

typedef struct Probe {
    const Op *op;
    Tensor *inputs[3];
    Tensor *y;
} Probe;

// False if the case is not one call of the operation on just these inputs.
static bool probe_begin(Probe *probe, const Op *op, const OpCase *op_case, int wanted)
{
    tape_reset(tape);
    *probe = (Probe){.op = op};
    for (int i = 0; i < op_case->n_inputs; i++) {
        Tensor *x = tensor_full(op_case->shapes[i], 0, HERE);
        for (size_t k = 0; k < tensor_count(x); k++) {
            double value = 0.6 + (double)((k * 7 + (size_t)i * 3) % 10) / 10;
            x->data[k] = (Real)(op_case->positive || k % 3 != 0 ? value : -value);
        }
        probe->inputs[i] = i == wanted ? tensor_require_grad(x) : x;
    }
    probe->y = op_case_run(op_case, probe->inputs);
    const TapeNode *node = probe->y->node;
    bool fits = node != NULL && node->op == op && node->n_inputs == op_case->n_inputs;
    for (int i = 0; fits && i < node->n_inputs; i++) {
        fits = node->inputs[i] == probe->inputs[i];
    }
    return fits;
}

static void write_over(const Tensor *x)
{
    for (size_t k = 0; k < tensor_count(x); k++) {
        x->data[k] = (Real)(-1.7 * (double)x->data[k]);
    }
}

static void gradient_of(const Probe *probe, int k, Real gradient[MOST_VALUES])
{
    Real dy[MOST_VALUES];
    for (size_t i = 0; i < tensor_count(probe->y); i++) {
        dy[i] = (Real)(1 + i % 4);
    }
    tensor_backward_from(probe->y, dy, HERE);
    ck_assert_ptr_nonnull(probe->inputs[k]->grad);
    memcpy(gradient, probe->inputs[k]->grad, tensor_count(probe->inputs[k]) * sizeof(Real));
}

// Does the gradient of input k depend on the values of input i at the time of backward? i = -1: on the output's.
static bool depends(const Op *op, const OpCase *op_case, int k, int i)
{
    Real as_it_is[MOST_VALUES];
    Real written_over[MOST_VALUES];
    Probe probe;
    ck_assert(probe_begin(&probe, op, op_case, k));
    gradient_of(&probe, k, as_it_is);
    ck_assert(probe_begin(&probe, op, op_case, k));
    write_over(i < 0 ? probe.y : probe.inputs[i]);
    gradient_of(&probe, k, written_over);
    return memcmp(as_it_is, written_over, tensor_count(probe.inputs[k]) * sizeof(Real)) != 0;
}

START_TEST(operations_declare_what_their_backward_reads)
{
    int probed = 0;
    for (int o = 0; o < op_count; o++) {
        const Op *op = op_table[o];
        for (int c = 0; c < op->n_cases; c++) {
            const OpCase *op_case = &op->cases[c];
            for (int k = 0; k < op_case->n_inputs; k++) {
                Probe probe;
                if (op == &op_checkpoint || !probe_begin(&probe, op, op_case, k) || !probe.y->requires_grad) {
                    continue;
                }
                for (int i = 0; i < op_case->n_inputs; i++) {
                    bool declared = (op->reads[i] >> k & 1) != 0;
                    ck_assert_msg(depends(op, op_case, k, i) == declared, "%s: the gradient of input %d and the values of input %d", op_case->name,
                                  k, i);
                }
                bool declared = (op->reads_output >> k & 1) != 0;
                // The plain attention recomputes what the fast one reads.
                bool unread = op == &op_attention && kernels() == &kernels_plain;
                ck_assert_msg(depends(op, op_case, k, -1) == (declared && !unread), "%s: the gradient of input %d and the output", op_case->name,
                              k);
                probed++;
            }
        }
    }
    ck_assert_int_gt(probed, 40);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reads");
    TCase *tcase = case_with_tape(suite, "reads");
    tcase_add_test(tcase, operations_declare_what_their_backward_reads);
    return suite_run(suite);
}
