// test_unwind.c: after a handler that leaves by longjmp, the library is in the state from before the call that failed.
//
// Each kind of call is made to fail at each of its requests for memory, one after the other, and from each callback. Afterwards tape, scope,
// recording, observers, training modes, caches and draws are compared with those before, a training step must give the same bits as
// without the failure, and no memory may be lost.

#include "tensor/fast/fast.h"
#include "tensor/unwind.h"
#include "tests/gpt/unwind_test.h"

// ------------------------------------------------------------------------------------------------------------
// The calls

static void call_forward(World *world)
{
    gpt_forward(world->gpt, IDS, B, T);
}

static void call_checkpoints(World *world)
{
    world->gpt->recompute = true;
    gpt_forward(world->gpt, IDS, B, T);
}

static void call_generate(World *world)
{
    Error error;
    int ids[T + 4] = {1, 2, 3};
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = 7; // beyond the context, too
    Random random = world->random;
    ck_assert_int_eq(gpt_generate(world->gpt, &config, &random, ids, 3, &error), 7);
}

static void call_generate_samples(World *world)
{
    Error error;
    int ids[3 * (T + 4)] = {1, 2, 3};
    int made[3];
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = 4;
    Random random = world->random;
    ck_assert(gpt_generate_samples(world->gpt, &config, 3, &random, ids, 3, made, &error));
}

static void call_batch_loss(World *world)
{
    gpt_batch_loss(world->gpt, IDS, IDS + 1, B, T, NULL);
}

static void read_ids(const void *text, size_t first, size_t n, int *ids)
{
    memcpy(ids, (const int *)text + first, n * sizeof(int));
}

static void call_evaluate(World *world)
{
    Evaluation evaluation;
    Error error;
    ck_assert(gpt_evaluate(world->gpt, read_ids, IDS, 0, B * T, NULL, NULL, &evaluation, &error));
}

static void call_trainer_step(World *world)
{
    TrainRow row;
    GradFlow flow;
    Error error;
    ck_assert(trainer_step(world->trainer, &flow, &row, &error));
    gradflow_free(&flow);
}

static void call_trainer_evaluate(World *world)
{
    trainer_evaluate(world->trainer, SPLIT_VAL);
}

static void call_experiment(World *world)
{
    (void)world;
    int sizes[] = {3, 3, 3};
    const float x[] = {1, 0, -1};
    ExperimentConfig config =
        {.net = NET_MLP, .deep = {.sizes = sizes, .n_layer = 2}, .input = x, .target = x, .arms = ARMS_BOTH, .n_seeds = 1, .n_steps = 1, .lr = 0.1};
    Experiment experiment;
    Error error = {0};
    ck_assert_msg(experiment_run(&config, NULL, NULL, &experiment, &error), "%s", error.message);
    experiment_free(&experiment);
}

static Tensor *checked_forward(void *x)
{
    return tensor_tanh(tensor_mul(x, x));
}

static void free_checked(void *x)
{
    tensor_free(x);
}

static void call_gradcheck(World *world)
{
    (void)world;
    int frame = unwind_begin();
    Tensor *x = tensor_parameter(NULL, "x", SHAPE(2));
    unwind_add(free_checked, x);
    x->data[0] = 1;
    x->data[1] = -2;
    GradCheck check = {.name = "x", .leaves = &x, .n_leaves = 1, .forward = checked_forward, .context = x};
    ck_assert(gradcheck(&check).passed);
    ck_assert_float_eq(x->data[1], -2);
    unwind_end(frame);
}

static void call_create(World *world)
{
    gpt_free(make_gpt());
    trainer_free(make_trainer());
    (void)world;
}

static const Call calls[] = {
    {"forward", call_forward, false, false},
    {"forward with checkpoints", call_checkpoints, false, false},
    {"generate", call_generate, true, false},
    {"generate samples", call_generate_samples, true, false},
    {"loss of a batch", call_batch_loss, true, false},
    {"evaluate", call_evaluate, true, false},
    {"training step", call_trainer_step, true, false},
    {"training evaluation", call_trainer_evaluate, true, false},
    {"experiment", call_experiment, false, false},
    {"gradient check", call_gradcheck, true, false},
    {"create", call_create, false, false},
};
enum { CALLS = sizeof calls / sizeof calls[0] };

START_TEST(a_call_without_memory_changes_nothing)
{
    const Call *call = &calls[_i];
    double expected[MODULES];
    double got[MODULES];
    if (!own_malloc_works()) {
        skip(__func__, "this program has another malloc");
        return;
    }
    kernels_choose("plain"); // oneDNN keeps what it allocates
    World reference = world_make();
    step_gradients(&reference, expected);
    call->make(&reference); // what the library keeps until the program ends exists from here on
    world_free(&reference);
    bool more = true;
    for (long n = 1; more; n++) {
        long before = blocks_out;
        World world = world_make();
        more = fail_at(call, &world, n);
        if (more) {
            world.gpt->recompute = false;
            step_gradients(&world, got);
            ParameterList list = module_parameters(&world.gpt->module);
            for (int p = 0; p < list.count; p++) {
                ck_assert_msg(got[p] == expected[p], "%s, request %ld: gradient %d", call->name, n, p);
            }
            parameter_list_free(&list);
        }
        world_free(&world);
        ck_assert_msg(call->leaks || blocks_out == before, "%s, request %ld: %ld blocks lost", call->name, n, blocks_out - before);
        ck_assert_int_lt(n, 100000);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Callbacks that leave

// As a callback leaves, or a signal handler.
static void leave_by_hand(void)
{
    fail_unwind();
    longjmp(back, 1);
}

static bool leave_at_token(int sample, int id, void *context)
{
    (void)sample;
    (void)id;
    int *left = context;
    (*left)--;
    if (*left == 0) {
        leave_by_hand();
    }
    return true;
}

static void generate_and_leave(World *world)
{
    Error error;
    int ids[T + 4] = {1, 2, 3};
    int left = 3;
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = 7;
    config.on_token = leave_at_token;
    config.context = &left;
    gpt_generate(world->gpt, &config, &world->random, ids, 3, &error);
}

static void leave_at_window(int done, int n, void *context)
{
    (void)done;
    (void)n;
    (void)context;
    leave_by_hand();
}

static void evaluate_and_leave(World *world)
{
    Evaluation evaluation;
    Error error;
    gpt_evaluate(world->gpt, read_ids, IDS, 0, B * T, leave_at_window, NULL, &evaluation, &error);
}

static void experiment_and_leave(World *world)
{
    (void)world;
    int sizes[] = {3, 3, 3};
    const float x[] = {1, 0, -1};
    ExperimentConfig config = {.net = NET_MLP, .deep = {.sizes = sizes, .n_layer = 2}, .input = x, .target = x, .arms = ARMS_BOTH, .n_seeds = 1};
    Experiment experiment;
    Error error = {0};
    experiment_run(&config, leave_at_window, NULL, &experiment, &error);
}

// A wrong target in the last part of a step.
static void step_with_wrong_target(World *world)
{
    TrainRow row;
    Error error;
    world->trainer->setup.targets[B * T - 1] = -2;
    trainer_step(world->trainer, NULL, &row, &error);
}

static void evaluate_with_wrong_target(World *world)
{
    world->trainer->setup.targets[B * T - 1] = -2;
    trainer_evaluate(world->trainer, SPLIT_VAL);
}

static Tensor *fail_in_forward(void *context, Tensor **x)
{
    (void)context;
    tape_no_grad_begin();
    tape_scope("inside");
    return tensor_add(x[0], tensor_zeros(SHAPE(7)));
}

static Tensor *parameter(void)
{
    Tensor *x = tensor_parameter("m", "w", SHAPE(3));
    for (int i = 0; i < 3; i++) {
        x->data[i] = (Real)(i + 1);
    }
    return x;
}

static void checkpoint_fails_forward(World *world)
{
    (void)world;
    static Tensor *x;
    x = x == NULL ? parameter() : x;
    tensor_checkpoint_many(fail_in_forward, NULL, &x, 1, NULL);
}

static const Call leaving[] = {
    {"generation, by on_token", generate_and_leave, true, false},
    {"evaluation, by its progress", evaluate_and_leave, true, false},
    {"experiment, by its progress", experiment_and_leave, false, false},
    {"training step, by a wrong target", step_with_wrong_target, true, false},
    {"training evaluation, by a wrong target", evaluate_with_wrong_target, true, false},
    {"checkpoint, by a mistake in it", checkpoint_fails_forward, false, false},
};
enum { LEAVING = sizeof leaving / sizeof leaving[0] };

START_TEST(a_call_left_by_longjmp_changes_nothing)
{
    const Call *call = &leaving[_i];
    double expected[MODULES];
    double got[MODULES];
    kernels_choose("plain");
    World reference = world_make();
    step_gradients(&reference, expected);
    world_free(&reference);

    World world = world_make();
    Error error;
    ck_assert(gpt_cache_begin(world.gpt, 1, 5, &error));
    ck_assert(fail_at(call, &world, 0));
    step_gradients(&world, got);
    ParameterList list = module_parameters(&world.gpt->module);
    for (int p = 0; p < list.count; p++) {
        ck_assert_msg(got[p] == expected[p], "%s: gradient %d", call->name, p);
    }
    parameter_list_free(&list);
    world_free(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unwind");
    TCase *tcase = case_create(suite, "unwind");
    tcase_add_loop_test(tcase, a_call_without_memory_changes_nothing, 0, CALLS);
    tcase_add_loop_test(tcase, a_call_left_by_longjmp_changes_nothing, 0, LEAVING);
    return suite_run(suite);
}
