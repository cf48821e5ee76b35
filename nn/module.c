// module.c: the tree of modules that makes up a network.

#include "nn/nn.h"
#include "nn/mode.h"
#include "tensor/unwind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "h.0" and "attn" make "h.0.attn"; the root's empty name adds nothing.
static char *path_of(const Module *parent, const char *name)
{
    const char *above = parent == NULL ? "" : parent->name;
    const char *dot = above[0] == '\0' ? "" : ".";
    size_t bytes = strlen(above) + strlen(dot) + strlen(name) + 1;
    char *path = memory_allocate(bytes, "a module's name");
    snprintf(path, bytes, "%s%s%s", above, dot, name);
    return path;
}

void module_init(Module *module, const ModuleKind *kind, Module *parent, const char *name)
{
    REQUIRE(module, kind, name);
    if (parent != NULL) {
        REQUIRE(parent->kind); // NULL before module_init
    }
    *module = (Module){.kind = kind, .name = path_of(parent, name), .parent = parent};
    if (parent == NULL) {
        return;
    }
    if (parent->first_child == NULL) {
        parent->first_child = module;
    } else {
        parent->last_child->next_sibling = module;
    }
    parent->last_child = module;
}

Tensor *module_add_parameter(Module *module, const char *label, Shape shape)
{
    REQUIRE(module);
    module->parameters = memory_grow(module->parameters, module->n_parameters, &module->parameters_capacity, sizeof(Tensor *),
                                     "a module's parameters");
    Tensor *parameter = tensor_parameter(module->name, label, shape);
    module->parameters[module->n_parameters] = parameter;
    module->n_parameters++;
    return parameter;
}

void module_drop_memory(Module *root, bool keep_gradients)
{
    for (Module *module = root; module != NULL; module = module_next(root, module)) {
        for (int i = 0; i < module->n_parameters; i++) {
            Tensor *parameter = module->parameters[i];
            free(parameter->data);
            parameter->data = NULL;
            (tensor_changed)(parameter, HERE);
            if (!keep_gradients) {
                tensor_zero_grad(parameter);
                free(parameter->grad_memory);
                parameter->grad_memory = NULL;
            }
        }
    }
}

// Iterates over the parameters in tree order: moves (*module, *i) to the next.
static Tensor *next_parameter(const Module *root, const Module **module, int *i)
{
    (*i)++;
    while (*module != NULL && *i >= (*module)->n_parameters) {
        *module = module_next(root, *module);
        *i = 0;
    }
    return *module == NULL ? NULL : (*module)->parameters[*i];
}

void module_take_memory(Module *root, Module *from)
{
    REQUIRE(root);
    const Module *at = root;
    const Module *from_at = from;
    int i = -1;
    int k = -1;
    for (Tensor *to = next_parameter(root, &at, &i); to != NULL; to = next_parameter(root, &at, &i)) {
        Tensor *giver = from == NULL ? NULL : next_parameter(from, &from_at, &k);
        bool gives = giver != NULL && giver->data != NULL && shape_equal(giver->shape, to->shape);
        if (to->data != NULL || (from != NULL && !gives)) {
            fail_mistake(HERE, "module_take_memory: %s has memory, or there is none of its shape to take", TENSOR_NAME(to));
        }
        if (giver == NULL) {
            to->data = memory_allocate(tensor_count(to) * sizeof(Real), "a module's parameters");
        } else {
            tensor_zero_grad(giver);
            to->data = giver->data;
            to->grad_memory = giver->grad_memory;
            giver->data = NULL;
            giver->grad_memory = NULL;
        }
    }
}

Module *module_next(const Module *root, const Module *module)
{
    REQUIRE(module);
    if (module->first_child != NULL) {
        return module->first_child;
    }
    while (module != root && module->next_sibling == NULL) {
        module = module->parent;
        REQUIRE(module);
    }
    return module == root ? NULL : module->next_sibling;
}

// Children first, because a child's links are read to find the next.
void module_free(Module *root)
{
    if (root == NULL) {
        return;
    }
    Module *child = root->first_child;
    while (child != NULL) {
        Module *next = child->next_sibling;
        module_free(child);
        child = next;
    }
    for (int i = 0; i < root->n_parameters; i++) {
        tensor_free(root->parameters[i]);
    }
    if (root->kind != NULL && root->kind->free != NULL) {
        root->kind->free(root);
    }
    free(root->parameters);
    free(root->name);
    *root = (Module){0};
}

void module_train(Module *root, bool training)
{
    for (Module *module = root; module != NULL; module = module_next(root, module)) {
        module->training = training;
    }
}

static void restore_mode(void *object)
{
    Module *root = object;
    for (Module *module = root; module != NULL; module = module_next(root, module)) {
        module->training = module->modes_before & 1;
        module->modes_before >>= 1;
    }
}

void module_train_in_frame(Module *root, bool training)
{
    unwind_hold();
    for (Module *module = root; module != NULL; module = module_next(root, module)) {
        module->modes_before = module->modes_before << 1 | module->training;
        module->training = training;
    }
    unwind_add(restore_mode, root);
    unwind_release();
}

void module_zero_grad(Module *root)
{
    for (Module *module = root; module != NULL; module = module_next(root, module)) {
        for (int i = 0; i < module->n_parameters; i++) {
            tensor_zero_grad(module->parameters[i]);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// Lists of parameters

static bool is_listed(const ParameterList *list, const Tensor *parameter)
{
    for (int i = 0; i < list->count; i++) {
        if (list->parameters[i] == parameter) {
            return true;
        }
    }
    return false;
}

// Parameters are listed once, even if modules share them: then one of the modules has a parameter with another module's name.
ParameterList module_parameters(const Module *root)
{
    size_t room = 1;
    bool shared = false;
    for (const Module *module = root; module != NULL; module = module_next(root, module)) {
        room += (size_t)module->n_parameters;
        for (int i = 0; i < module->n_parameters; i++) {
            shared = shared || module->parameters[i]->scope != module->name;
        }
    }
    ParameterList list = {.parameters = memory_allocate(room * sizeof(Tensor *), "a list of parameters")};
    for (const Module *module = root; module != NULL; module = module_next(root, module)) {
        for (int i = 0; i < module->n_parameters; i++) {
            Tensor *parameter = module->parameters[i];
            if (!shared || !is_listed(&list, parameter)) {
                list.parameters[list.count] = parameter;
                list.count++;
                list.values += tensor_count(parameter);
            }
        }
    }
    return list;
}

void parameter_list_free(ParameterList *list)
{
    REQUIRE(list);
    free(list->parameters);
    *list = (ParameterList){0};
}

static void print_module(const Module *module, int depth)
{
    const char *last_part = strrchr(module->name, '.');
    bool shortened = depth > 0 && last_part != NULL;
    const char *name = shortened ? last_part + 1 : module->name; // the rest is in the lines above
    printf("%*s%s%s%s", 2 * depth, "", name, name[0] == '\0' ? "" : "  ", module->kind->name);
    for (int i = 0; i < module->n_parameters; i++) {
        printf("  %s %s", module->parameters[i]->label, SHAPE_STRING(module->parameters[i]->shape));
    }
    printf("\n");
    for (const Module *child = module->first_child; child != NULL; child = child->next_sibling) {
        print_module(child, depth + 1);
    }
}

void module_print(const Module *root)
{
    if (root == NULL) {
        printf("<no module>\n");
    } else {
        REQUIRE(root->kind);
        ParameterList list = module_parameters(root);
        print_module(root, 0);
        printf("%zu value%s in %d parameter%s\n", list.values, list.values == 1 ? "" : "s", list.count, list.count == 1 ? "" : "s");
        parameter_list_free(&list);
    }
    fflush(stdout);
}
