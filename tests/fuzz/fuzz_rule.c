// fuzz_rule.c: any bytes as a residual rule. A rule's normal form is a rule with the same normal form, and can be run; anything else is
// one line that begins with the column.

#include "nn/residual/rule.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 2 };

static const ModuleKind root_kind = {.name = "Root"};

static Tensor *sublayer(void *context, Tensor *x)
{
    (void)context;
    return tensor_tanh(x);
}

// At the second of three blocks, without recording.
static void run(const ResidualRule *rule)
{
    Error error;
    Module root;
    Residual residual;
    Random random;
    if (!residual_check(rule, 3, &error)) {
        return;
    }
    Tape *tape = tape_create();
    random_seed(&random, 1);
    module_init(&root, &root_kind, NULL, "");
    residual_init(&residual, &root, (ResidualNames){"ln_1", "res_1"}, rule, residual_place(1, 1, 3), WIDTH);
    module_initialize(&root, (Init){.scheme = INIT_TORCH}, &random);
    Tensor *h = tensor_require_grad(tensor_randn(&random, SHAPE(1, WIDTH)));
    Tensor *y = residual_forward(&residual, (ResidualStreams){h, h, h}, sublayer, NULL);
    if (!shape_equal(y->shape, h->shape)) {
        abort();
    }
    if (y->requires_grad) {
        tensor_backward(tensor_sum(y));
    }
    module_free(&root);
    residual_free(&residual);
    tape_free(tape);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = malloc(n + 1);
    Error error = {.message = ""};
    memcpy(text, data, n);
    text[n] = '\0';
    ResidualRule *rule = rule_parse(text, &error);
    if (rule == NULL && (strncmp(error.message, "column ", 7) != 0 || strpbrk(error.message, "\n\r\x1b") != NULL)) {
        abort();
    }
    if (rule != NULL) {
        ResidualRule *again = rule_parse(rule->text, &error);
        if (again == NULL || strcmp(again->text, rule->text) != 0) {
            abort();
        }
        run(rule);
        rule_free(again);
    }
    rule_free(rule);
    free(text);
    return 0;
}
