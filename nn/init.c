// init.c: the initial values of parameters. Each kind of module defines in its own file what a scheme means for it.

#include "nn/nn.h"

static const char *const INIT_NAMES[INIT_COUNT] = {
    [INIT_TORCH] = "torch",     [INIT_GPT2] = "gpt2",         [INIT_XAVIER] = "xavier",
    [INIT_KAIMING] = "kaiming", [INIT_DEEPNORM] = "deepnorm", [INIT_ORTHOGONAL] = "orthogonal",
};

const char *init_name(int scheme)
{
    return WORD_AT(INIT_NAMES, scheme);
}

void module_initialize(Module *root, Init init, Random *random)
{
    REQUIRE(random);
    if ((unsigned)init.scheme >= INIT_COUNT) {
        fail_mistake(HERE, "module_initialize: %d is not a scheme", (int)init.scheme);
    }
    for (Module *module = root; module != NULL; module = module_next(root, module)) {
        REQUIRE(module->kind);
        if (module->kind->initialize != NULL) {
            module->kind->initialize(module, &init, random);
        }
        for (int i = 0; i < module->n_parameters; i++) {
            tensor_changed(module->parameters[i]);
        }
    }
}
