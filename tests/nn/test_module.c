// test_module.c: the tree of modules, and the parameters in it.

#include "nn/mode.h"
#include "tensor/unwind.h"
#include "tests/nn/nn_test.h"
#include "tests/support/capture.h"

#include <unistd.h>

// The tree of most tests:  "" { ln, attn { c_attn, c_proj, attn_dropout, resid_dropout }, mlp { c_fc, c_proj, dropout } }
typedef struct Half {
    Module module;
    LayerNorm ln;
    Attention attn;
    FeedForward mlp;
} Half;

static const ModuleKind half_kind = {.name = "Half"};

static const char *const half_names[] = {
    "", "ln", "attn", "attn.c_attn", "attn.c_proj", "attn.attn_dropout", "attn.resid_dropout", "mlp", "mlp.c_fc", "mlp.c_proj", "mlp.dropout",
};

enum { HALF_MODULES = sizeof half_names / sizeof half_names[0] };

static void half_init(Half *half, Module *parent, const char *name)
{
    *half = (Half){0};
    module_init(&half->module, &half_kind, parent, name);
    layernorm_init(&half->ln, &half->module, "ln", 4);
    attention_init(&half->attn, &half->module, "attn", (AttentionConfig){.n_embd = 4, .n_head = 2, .qkv_bias = true});
    feedforward_init(&half->mlp, &half->module, "mlp", (FeedForwardConfig){.n_embd = 4, .ff_mult = 2});
}

// ------------------------------------------------------------------------------------------------------------
// The tree

START_TEST(modules_are_walked_parents_first_and_named_by_their_path)
{
    Half half;
    half_init(&half, NULL, "");

    int n = 0;
    for (const Module *module = &half.module; module != NULL; module = module_next(&half.module, module)) {
        ck_assert_int_lt(n, HALF_MODULES);
        ck_assert_str_eq(module->name, half_names[n]);
        n++;
    }
    ck_assert_int_eq(n, HALF_MODULES);
    module_free(&half.module);
}
END_TEST

START_TEST(names_continue_below_a_named_root)
{
    Half half;
    half_init(&half, NULL, "h.3");

    ck_assert_str_eq(half.module.name, "h.3");
    ck_assert_str_eq(half.attn.c_attn.module.name, "h.3.attn.c_attn");
    ck_assert_str_eq(half.mlp.dropout.module.name, "h.3.mlp.dropout");
    module_free(&half.module);
}
END_TEST

START_TEST(every_module_knows_its_parent_and_its_kind)
{
    Half half;
    half_init(&half, NULL, "");

    ck_assert_ptr_null(half.module.parent);
    ck_assert_ptr_eq(half.ln.module.parent, &half.module);
    ck_assert_ptr_eq(half.attn.module.parent, &half.module);
    ck_assert_ptr_eq(half.attn.c_proj.module.parent, &half.attn.module);
    ck_assert_ptr_eq(half.mlp.c_proj.module.parent, &half.mlp.module);
    ck_assert_ptr_eq(half.module.first_child, &half.ln.module);
    ck_assert_ptr_eq(half.module.last_child, &half.mlp.module);
    ck_assert_ptr_eq(half.ln.module.next_sibling, &half.attn.module);
    ck_assert_ptr_null(half.mlp.module.next_sibling);
    ck_assert_ptr_eq(half.attn.module.kind, &attention_kind);
    ck_assert_str_eq(half.mlp.c_fc.module.kind->name, "Linear");
    module_free(&half.module);
}
END_TEST

START_TEST(a_walk_of_a_part_does_not_leave_it)
{
    Half half;
    half_init(&half, NULL, "");

    int n = 0;
    const Module *last = NULL;
    for (const Module *module = &half.attn.module; module != NULL; module = module_next(&half.attn.module, module)) {
        last = module;
        n++;
    }
    ck_assert_int_eq(n, 5);
    ck_assert_ptr_eq(last, &half.attn.resid_dropout.module);
    ck_assert_ptr_null(module_next(&half.ln.module, &half.ln.module));
    module_free(&half.module);
}
END_TEST

// The last child of the first of two: its own last child has nothing after it, but its parent has.
START_TEST(a_walk_of_a_last_child_does_not_go_on_beside_its_parent)
{
    Module root;
    Half first;
    Half second;
    module_init(&root, &half_kind, NULL, "");
    half_init(&first, &root, "first");
    half_init(&second, &root, "second");

    int n = 0;
    for (const Module *module = &first.mlp.module; module != NULL; module = module_next(&first.mlp.module, module)) {
        ck_assert_ptr_nonnull(strstr(module->name, "first.mlp"));
        n++;
    }
    ck_assert_int_eq(n, 4);
    module_free(&root);
}
END_TEST

START_TEST(training_is_set_for_a_whole_tree_or_for_a_part)
{
    Half half;
    half_init(&half, NULL, "");

    module_train(&half.attn.module, true);
    ck_assert(half.attn.attn_dropout.module.training);
    ck_assert(!half.mlp.dropout.module.training);
    ck_assert(!half.module.training);
    module_train(&half.module, true);
    ck_assert(half.mlp.dropout.module.training);
    module_train(&half.module, false);
    for (const Module *module = &half.module; module != NULL; module = module_next(&half.module, module)) {
        ck_assert(!module->training);
    }
    module_free(&half.module);
}
END_TEST

// Calls that change the mode for their duration nest, and each restores what it found, module by module.
START_TEST(a_mode_that_ends_with_a_call_is_the_one_before)
{
    Half half;
    half_init(&half, NULL, "");
    module_train(&half.attn.module, true);
    int evaluation = unwind_begin();
    module_train_in_frame(&half.module, false);
    int training = unwind_begin();
    module_train_in_frame(&half.module, true);
    ck_assert(half.mlp.module.training && half.attn.module.training);
    unwind_end(training);
    ck_assert(!half.mlp.module.training && !half.attn.module.training);
    unwind_end(evaluation);
    ck_assert(!half.mlp.module.training && half.attn.module.training);
    module_free(&half.module);
}
END_TEST

START_TEST(a_freed_tree_is_empty)
{
    Half half;
    half_init(&half, NULL, "");

    module_free(&half.module);

    ck_assert_ptr_null(half.module.name);
    ck_assert_ptr_null(half.module.first_child);
    ck_assert_int_eq(half.attn.c_attn.module.n_parameters, 0);
    ck_assert_ptr_null(half.mlp.c_fc.module.parameters);
}
END_TEST

START_TEST(a_module_without_a_kind_or_a_name_is_a_mistake)
{
    Module module;

    ASSERT_MISTAKE(module_init(&module, NULL, NULL, ""), "module_init: kind is NULL");
    ASSERT_MISTAKE(module_init(&module, &half_kind, NULL, NULL), "module_init: name is NULL");
}
END_TEST

START_TEST(no_module_is_printed_as_such_and_freed_as_nothing)
{
    Capture capture = capture_start(STDOUT_FILENO);
    module_print(NULL);
    char *printed = capture_end(&capture);

    ck_assert_str_eq(printed, "<no module>\n");
    free(printed);
    module_free(NULL);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Parameters

START_TEST(parameters_are_listed_in_tree_order)
{
    Half half;
    half_init(&half, NULL, "");
    const Tensor *expected[] = {
        half.ln.weight,        half.ln.bias,         half.attn.c_attn.weight, half.attn.c_attn.bias,  half.attn.c_proj.weight,
        half.attn.c_proj.bias, half.mlp.c_fc.weight, half.mlp.c_fc.bias,      half.mlp.c_proj.weight, half.mlp.c_proj.bias,
    };

    ParameterList list = module_parameters(&half.module);

    ck_assert_int_eq(list.count, 10);
    for (int i = 0; i < list.count; i++) {
        ck_assert_ptr_eq(list.parameters[i], expected[i]);
    }
    ck_assert_uint_eq(list.values, (4 + 4) + (12 * 4 + 12) + (4 * 4 + 4) + (8 * 4 + 8) + (4 * 8 + 4));
    parameter_list_free(&list);
    ck_assert_int_eq(list.count, 0);
    module_free(&half.module);
}
END_TEST

START_TEST(parameters_are_named_after_their_module)
{
    Half half;
    half_init(&half, NULL, "h.0");
    char name[NAME_TEXT];

    ck_assert_str_eq(tensor_name(half.attn.c_attn.weight, name), "h.0.attn.c_attn.weight");
    ck_assert_str_eq(tensor_name(half.ln.bias, name), "h.0.ln.bias");
    module_free(&half.module);
}
END_TEST

// Two modules that hold one tensor: it is the same because it is the same object, not because the values are equal.
START_TEST(a_shared_parameter_is_counted_once)
{
    Module root;
    Embedding wte;
    Linear head;
    module_init(&root, &half_kind, NULL, "");
    embedding_init(&wte, &root, "wte", 5, 3);
    linear_init(&head, &root, "head", 3, 5, false);

    ParameterList separate = module_parameters(&root);
    ck_assert_int_eq(separate.count, 2);
    ck_assert_uint_eq(separate.values, 30);
    parameter_list_free(&separate);

    Tensor *own = head.module.parameters[0];
    head.module.parameters[0] = wte.weight;
    ParameterList tied = module_parameters(&root);
    ck_assert_int_eq(tied.count, 1);
    ck_assert_ptr_eq(tied.parameters[0], wte.weight);
    ck_assert_uint_eq(tied.values, 15);
    parameter_list_free(&tied);

    head.module.parameters[0] = own;
    module_free(&root);
}
END_TEST

START_TEST(a_tree_without_parameters_has_an_empty_list)
{
    Dropout dropout;
    dropout_init(&dropout, NULL, "", 0.5, NULL);

    ParameterList list = module_parameters(&dropout.module);

    ck_assert_int_eq(list.count, 0);
    ck_assert_uint_eq(list.values, 0);
    parameter_list_free(&list);
    module_free(&dropout.module);
}
END_TEST

START_TEST(a_module_may_have_any_number_of_parameters)
{
    Linear linear;
    linear_init(&linear, NULL, "h.0.lin", 2, 3, true);
    for (int i = 0; i < 100; i++) {
        module_add_parameter(&linear.module, "more", SHAPE(2));
    }

    ParameterList list = module_parameters(&linear.module);
    ck_assert_int_eq(list.count, 102);
    ck_assert_uint_eq(list.values, 6 + 3 + 200);
    ck_assert_ptr_eq(list.parameters[1], linear.bias);
    parameter_list_free(&list);
    module_free(&linear.module);
}
END_TEST

// The module that nn.h shows how to make, in its words.
typedef struct Net {
    Module module;
    Linear first, second;
} Net;

static const ModuleKind net_kind = {.name = "Net"};

START_TEST(a_custom_module_works_like_the_others)
{
    Net net;
    Random random = seeded(123);
    module_init(&net.module, &net_kind, NULL, "");
    linear_init(&net.first, &net.module, "first", 4, 8, true);
    linear_init(&net.second, &net.module, "second", 8, 1, true);
    module_initialize(&net.module, (Init){.scheme = INIT_TORCH}, &random);

    Tensor *x = tensor_full(SHAPE(2, 4), 1);
    Tensor *y = linear_forward(&net.second, tensor_tanh(linear_forward(&net.first, x)));
    ck_assert(shape_equal(y->shape, SHAPE(2, 1)));
    tensor_backward(tensor_sum(y));

    ParameterList list = module_parameters(&net.module);
    const char *const names[] = {"first.weight", "first.bias", "second.weight", "second.bias"};
    ck_assert_int_eq(list.count, 4);
    for (int i = 0; i < list.count; i++) {
        char name[NAME_TEXT];
        ck_assert_str_eq(tensor_name(list.parameters[i], name), names[i]);
        ck_assert(list.parameters[i]->grad != NULL && list.parameters[i]->grad[0] != 0);
    }
    parameter_list_free(&list);
    module_free(&net.module);
}
END_TEST

START_TEST(all_gradients_are_forgotten)
{
    Half half;
    half_init(&half, NULL, "");
    initialize(&half.module, INIT_TORCH, 1);
    Tensor *x = random_leaf(SHAPE(1, 3, 4), 2);
    Tensor *y = feedforward_forward(&half.mlp, attention_forward(&half.attn, layernorm_forward(&half.ln, x)));
    tensor_backward(tensor_sum(y));
    ParameterList list = module_parameters(&half.module);

    for (int i = 0; i < list.count; i++) {
        ck_assert_double_gt(largest_size(list.parameters[i]->grad, tensor_count(list.parameters[i])), 0);
    }
    module_zero_grad(&half.module);
    for (int i = 0; i < list.count; i++) {
        ck_assert_ptr_null(list.parameters[i]->grad);
    }
    parameter_list_free(&list);
    module_free(&half.module);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module");
    TCase *tree = case_with_tape(suite, "tree");
    tcase_add_test(tree, modules_are_walked_parents_first_and_named_by_their_path);
    tcase_add_test(tree, names_continue_below_a_named_root);
    tcase_add_test(tree, every_module_knows_its_parent_and_its_kind);
    tcase_add_test(tree, a_walk_of_a_part_does_not_leave_it);
    tcase_add_test(tree, a_walk_of_a_last_child_does_not_go_on_beside_its_parent);
    tcase_add_test(tree, training_is_set_for_a_whole_tree_or_for_a_part);
    tcase_add_test(tree, a_mode_that_ends_with_a_call_is_the_one_before);
    tcase_add_test(tree, a_freed_tree_is_empty);
    tcase_add_test(tree, a_module_without_a_kind_or_a_name_is_a_mistake);
    tcase_add_test(tree, no_module_is_printed_as_such_and_freed_as_nothing);

    TCase *parameters = case_with_tape(suite, "parameters");
    tcase_add_test(parameters, parameters_are_listed_in_tree_order);
    tcase_add_test(parameters, parameters_are_named_after_their_module);
    tcase_add_test(parameters, a_shared_parameter_is_counted_once);
    tcase_add_test(parameters, a_tree_without_parameters_has_an_empty_list);
    tcase_add_test(parameters, a_module_may_have_any_number_of_parameters);
    tcase_add_test(parameters, all_gradients_are_forgotten);
    tcase_add_test(parameters, a_custom_module_works_like_the_others);
    return suite_run(suite);
}
