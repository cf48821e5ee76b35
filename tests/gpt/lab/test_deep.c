// test_deep.c: the deep network: its names, its shortcuts, its depth, and what it cannot be.

#include "tests/gpt/gpt_test.h"

#include <limits.h>

START_TEST(the_deep_network_names_its_layers)
{
    int sizes[] = {3, 5, 2};
    DeepNet *net = create_deep((DeepConfig){.sizes = sizes, .n_layer = 2, .activation = ACTIVATION_GELU, .init = INIT_TORCH, .shortcut = false}, 1);
    char name[NAME_TEXT];

    ck_assert_str_eq(net->layers[1].module.name, "layers.1");
    ck_assert_str_eq(tensor_name(net->layers[0].weight, name), "layers.0.weight");
    ck_assert_str_eq(tensor_name(deep_forward(net, tensor_full(SHAPE(1, 3), 1)), name), "layers.1.out");
    ck_assert_ptr_ne(net->config.sizes, sizes); // its own copy
    deep_free(net);
}
END_TEST

// The deep network adds where the sizes agree and only there: here around layers 1 and 3.
START_TEST(the_deep_network_has_shortcuts_where_they_fit)
{
    int sizes[] = {4, 3, 3, 5, 5, 2};
    DeepNet *net = create_deep((DeepConfig){.sizes = sizes, .n_layer = 5, .activation = ACTIVATION_TANH, .init = INIT_TORCH, .shortcut = true}, 1);
    Tensor *x = random_leaf(SHAPE(2, 4), 2);

    Tensor *y = deep_forward(net, x);

    ck_assert_int_eq(count_ops(tape_current(), "add"), 2);
    for (int i = 0; i < 5; i++) {
        Tensor *fx = tensor_tanh(linear_forward(&net->layers[i], x));
        x = sizes[i] == sizes[i + 1] ? tensor_add(x, fx) : fx;
    }
    assert_same_bits(y->data, x->data, 4, "output");
    deep_free(net);
}
END_TEST

START_TEST(a_deep_network_of_1000_layers_runs)
{
    enum { DEPTH = 1000, WIDTH = 64 };
    int *sizes = malloc((DEPTH + 1) * sizeof *sizes);
    ck_assert_ptr_nonnull(sizes);
    for (int i = 0; i <= DEPTH; i++) {
        sizes[i] = WIDTH;
    }
    DeepNet *net = create_deep((DeepConfig){.sizes = sizes, .n_layer = DEPTH, .activation = ACTIVATION_GELU, .init = INIT_TORCH, .shortcut = true},
                               1);

    Tensor *loss = tensor_mean(deep_forward(net, random_leaf(SHAPE(1, WIDTH), 2)));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &net->module);

    ck_assert_int_eq(flow.n_layer, DEPTH);
    ck_assert_int_eq(flow.n_shortcuts, DEPTH);
    ck_assert_int_eq(flow.reach_count[FLOW_REACHED] + flow.reach_count[FLOW_NAN], 2 * DEPTH);
    gradflow_free(&flow);
    free(sizes);
    deep_free(net);
}
END_TEST

typedef struct BadDeep {
    int sizes[4];
    int n_layer;
    const char *part;
    const char *right;
} BadDeep;

static const BadDeep bad_deep[] = {
    {{3, 3, 3, 1}, 0, "0 layers", "1 to"},
    {{3, 3, 3, 1}, -1, "-1 layers", "1 to"},
    {{3, 3, 3, 1}, INT_MAX, "2147483647 layers", "1 to"},
    {{0, 3, 3, 1}, 3, "0 values", "1 to"},
    {{3, -3, 3, 1}, 3, "-3 values", "1 to"},
    {{3, 3, 3, 0}, 3, "0 values", "1 to"},
    {{3, 3, INT_MAX, 1}, 3, "2147483647 values", "1 to"},
};

enum { BAD_DEEP_COUNT = sizeof bad_deep / sizeof bad_deep[0] };

START_TEST(an_impossible_deep_network_is_a_one_line_error)
{
    DeepConfig config = {.sizes = (int *)bad_deep[_i].sizes,
                         .n_layer = bad_deep[_i].n_layer,
                         .activation = ACTIVATION_GELU,
                         .init = INIT_TORCH,
                         .shortcut = false};
    Error error = {0};
    size_t requests = memory_requests();

    ck_assert(!deep_config_check(&config, &error));
    ck_assert_ptr_null(deep_create(&config, 1, &error));
    assert_contains(error.message, bad_deep[_i].part);
    assert_contains(error.message, bad_deep[_i].right);
    ck_assert_ptr_null(strchr(error.message, '\n'));
    ck_assert_uint_eq(memory_requests(), requests);
}
END_TEST

// As gpt_config_check refuses them.
START_TEST(a_deep_network_of_unknown_switches_is_reported)
{
    int sizes[] = {3, 3, 1};
    DeepConfig activation = {.sizes = sizes, .n_layer = 2, .activation = ACTIVATION_COUNT, .init = INIT_TORCH, .shortcut = false};
    DeepConfig init = {.sizes = sizes, .n_layer = 2, .activation = ACTIVATION_GELU, .init = INIT_COUNT, .shortcut = false};
    Error error = {0};

    ck_assert(!deep_config_check(&activation, &error));
    assert_contains(error.message, "activation 6");
    ck_assert(!deep_config_check(&init, &error));
    assert_contains(error.message, "init 6");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("deep");
    TCase *tests = case_with_tape(suite, "deep");
    tcase_add_test(tests, the_deep_network_names_its_layers);
    tcase_add_test(tests, the_deep_network_has_shortcuts_where_they_fit);
    tcase_add_test(tests, a_deep_network_of_1000_layers_runs);
    tcase_add_loop_test(tests, an_impossible_deep_network_is_a_one_line_error, 0, BAD_DEEP_COUNT);
    tcase_add_test(tests, a_deep_network_of_unknown_switches_is_reported);
    return suite_run(suite);
}
