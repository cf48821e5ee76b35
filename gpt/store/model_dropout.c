// model_dropout.c: the three dropout probabilities of GPT2Config, which may differ. GPTConfig has one; a model that was loaded has all three in
// its Dropout modules, and keeps them when it is saved.

#include "gpt/store/model_files.h"

#include <string.h>

// Which of the three a Dropout module has: "drop", "h.0.attn.attn_dropout", "h.0.attn.resid_dropout", "h.0.mlp.dropout".
static double *probability_of(ModelDropouts *dropouts, const GPT *gpt, const Module *module)
{
    if (module == &gpt->drop.module) {
        return &dropouts->embd;
    }
    return strstr(module->name, ".attn_dropout") != NULL ? &dropouts->attn : &dropouts->resid;
}

void model_dropouts_set(GPT *gpt, ModelDropouts dropouts)
{
    gpt->config.dropout = dropouts.resid;
    for (Module *module = &gpt->module; module != NULL; module = module_next(&gpt->module, module)) {
        if (module->kind == &dropout_kind) {
            ((Dropout *)module)->p = *probability_of(&dropouts, gpt, module);
        }
    }
}

ModelDropouts model_dropouts(const GPT *gpt)
{
    ModelDropouts dropouts = {0};
    for (const Module *module = &gpt->module; module != NULL; module = module_next(&gpt->module, module)) {
        if (module->kind == &dropout_kind) {
            *probability_of(&dropouts, gpt, module) = ((const Dropout *)module)->p;
        }
    }
    return dropouts;
}
