// test_unwind.c: after a handler that leaves by longjmp, the library is in the state from before the call that failed.
//
// Each kind of call is made to fail at each of its requests for memory, one after the other, and from each callback. Afterwards tape, scope,
// recording, observers, training modes, caches and draws are compared with those before, a training step must give the same bits as
// without the failure, and no memory may be lost.

#include "tensor/fast/fast.h"
#include "tensor/unwind.h"
#include "tests/gpt/gpt_test.h"
#include "tests/support/own_malloc.h"

#include <setjmp.h>

static jmp_buf back;

static void leave(FailKind kind, const char *message)
{
    (void)kind;
    (void)message;
    requests_left = 0;
    longjmp(back, 1);
}

// ------------------------------------------------------------------------------------------------------------
// A model, a tape with something on it, and what can be compared

enum { B = 2, T = 8, MODULES = 64 };

static const int IDS[B * T + 1] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 3, 5, 7, 9, 2};

typedef struct World {
    Tape *tape;
    GPT *gpt;
    Trainer *trainer; // of another model
    Random random;
} World;

// With dropout, and one module in another mode than the rest.
static GPT *make_gpt(void)
{
    GPTConfig config = small_config();
    config.dropout = 0.25;
    GPT *gpt = create_gpt(config, 3);
    module_train(&gpt->module, true);
    gpt->h[1].mlp.dropout.module.training = false;
    return gpt;
}

static int *copy_ids(const int *ids, int n)
{
    int *copy = memory_allocate((size_t)n * sizeof(int), "ids");
    memcpy(copy, ids, (size_t)n * sizeof(int));
    return copy;
}

static Trainer *make_trainer(void)
{
    TrainConfig config = small_train_config(8);
    config.batch = 1;
    GPT *gpt = make_gpt();
    TrainSetup setup = {.train = config, .gpt = gpt->config, .ids = copy_ids(IDS, B * T), .targets = copy_ids(IDS + 1, B * T)};
    Error error = {0};
    Trainer *trainer = trainer_create(setup, gpt, NULL, &error);
    ck_assert_msg(trainer != NULL, "%s", error.message);
    return trainer;
}

static World world_make(void)
{
    World world = {.tape = tape_create(), .gpt = make_gpt(), .trainer = make_trainer()};
    random_seed(&world.random, 9);
    tape_scope("mine");
    tensor_scale(tensor_full(SHAPE(3), 1), 2);
    return world;
}

static void world_free(World *world)
{
    trainer_free(world->trainer);
    gpt_free(world->gpt);
    tape_free(world->tape);
}

typedef struct State {
    const Tape *tape;
    const char *scope;
    int branch, no_grad_depth, n_nodes, n_observers;
    bool training[2][MODULES];
    const KVCache *cache;
    int cached;
    uint32_t draws[2][4]; // the next ones, and the next of the trainer's rows
    bool can_unwind;
} State;

static void note_model(const GPT *gpt, bool training[MODULES], uint32_t draws[4])
{
    int i = 0;
    for (const Module *module = &gpt->module; module != NULL; module = module_next(&gpt->module, module)) {
        ck_assert_int_lt(i, MODULES);
        training[i] = module->training;
        i++;
    }
    Random copy = gpt->random;
    for (int k = 0; k < 3; k++) {
        draws[k] = random_bits(&copy);
    }
}

static State state_of(const World *world)
{
    State state;
    memset(&state, 0, sizeof state); // it is compared with memcmp
    const Tape *tape = tape_current();
    state.tape = tape;
    state.scope = tape->scope;
    state.branch = tape->branch;
    state.no_grad_depth = tape->no_grad_depth;
    state.n_nodes = tape->n_nodes;
    state.n_observers = tape->n_observers;
    note_model(world->gpt, state.training[0], state.draws[0]);
    note_model(world->trainer->gpt, state.training[1], state.draws[1]);
    Random rows = world->trainer->random;
    state.draws[1][3] = random_bits(&rows);
    state.cache = world->gpt->h[0].attn.cache;
    state.cached = gpt_cache_length(world->gpt);
    state.can_unwind = fail_can_unwind();
    return state;
}

static void assert_same_state(const State *a, const State *b, bool tape_was_reset)
{
    ck_assert_ptr_eq(a->tape, b->tape);
    ck_assert_int_eq(a->no_grad_depth, b->no_grad_depth);
    ck_assert_int_eq(a->n_observers, b->n_observers);
    ck_assert_int_eq(a->branch, b->branch);
    ck_assert_ptr_eq(a->scope, b->scope);
    ck_assert_int_eq(a->n_nodes, tape_was_reset ? 0 : b->n_nodes);
    ck_assert(memcmp(a->training, b->training, sizeof a->training) == 0);
    ck_assert(memcmp(a->draws, b->draws, sizeof a->draws) == 0);
    ck_assert_ptr_eq(a->cache, b->cache);
    ck_assert_int_eq(a->cached, b->cached);
    ck_assert(a->can_unwind && b->can_unwind);
}

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

typedef struct Call {
    const char *name;
    void (*make)(World *world);
    bool resets_tape;
    bool leaks; // what a failure left half built in it may be lost
} Call;

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

// The gradients of a training step, as one number for each parameter.
static void step_gradients(World *world, double *sums)
{
    GPT *gpt = world->gpt;
    tape_reset(tape_current());
    gpt_cache_end(gpt);
    module_zero_grad(&gpt->module);
    tensor_backward(tensor_cross_entropy(gpt_forward(gpt, IDS, B, T), IDS + 1));
    int i = 0;
    ParameterList list = module_parameters(&gpt->module);
    for (int p = 0; p < list.count; p++) {
        ck_assert_ptr_nonnull(list.parameters[p]->grad);
        sums[i] = flow_stats(list.parameters[p]->grad, tensor_count(list.parameters[p])).l2;
        i++;
    }
    parameter_list_free(&list);
}

// Makes the call with its n-th request for memory refused. True if it had that many.
static bool fail_at(const Call *call, World *world, long n)
{
    State before = state_of(world);
    volatile bool failed = true;
    fail_set_handler(leave);
    if (setjmp(back) == 0) {
        requests_left = n;
        call->make(world);
        failed = false;
        requests_left = 0;
    }
    fail_set_handler(NULL);
    if (failed) {
        State after = state_of(world);
        bool was_reset = call->resets_tape && after.n_nodes == 0;
        assert_same_state(&after, &before, was_reset);
    }
    return failed;
}

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

// Leaves at the node with this number, in a backward pass.
typedef struct LeaveAt {
    int index;
} LeaveAt;

static void leave_at_node(TapeNode *node, void *context)
{
    const LeaveAt *at = context;
    if (node->index == at->index) {
        fail_mistake(HERE, "node %d", node->index);
    }
}

static Tensor *square(void *context, Tensor **x)
{
    (void)context;
    return tensor_mul(x[0], x[0]);
}

// Its second run, in backward, fails.
static Tensor *fail_in_backward(void *context, Tensor **x)
{
    int *runs = context;
    (*runs)++;
    return *runs == 2 ? tensor_add(x[0], tensor_zeros(SHAPE(7))) : tensor_mul(x[0], x[0]);
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

// Gradients that were not there before the pass are not there afterwards; the next pass gives them all.
START_TEST(a_backward_pass_that_fails_leaves_no_gradients)
{
    Tape *tape = tape_create();
    Tensor *x = parameter();
    Tensor *other = parameter();
    Tensor *loss = tensor_sum(tensor_mul(tensor_tanh(x), tensor_checkpoint_many(square, NULL, &other, 1, NULL)));
    for (int stop = tape->n_nodes - 1; stop >= 0; stop--) {
        LeaveAt at = {stop};
        int observer = tape_observer_add(tape, (TapeObserver){.after = leave_at_node, .context = &at});
        fail_set_handler(leave);
        if (setjmp(back) == 0) {
            tensor_backward(loss);
            ck_abort_msg("the pass did not fail");
        }
        fail_set_handler(NULL);
        tape_observer_remove(tape, observer);
        ck_assert_ptr_null(x->grad);
        ck_assert_ptr_null(other->grad);
        ck_assert_ptr_eq(tape_current(), tape);
    }
    tensor_backward(loss);
    for (int i = 0; i < 3; i++) {
        double value = i + 1;
        double tanh_value = tanh(value);
        ck_assert_double_eq_tol((double)x->grad[i], (1 - tanh_value * tanh_value) * value * value, 1e-6);
        ck_assert_double_eq_tol((double)other->grad[i], tanh_value * 2 * value, 1e-5);
    }
    tensor_free(x);
    tensor_free(other);
    tape_free(tape);
}
END_TEST

// Gradients from before, of a parameter and of a leaf on the tape, are what they were, wherever the pass fails, and each is used twice.
START_TEST(a_backward_pass_that_fails_keeps_the_gradients_from_before)
{
    Tape *tape = tape_create();
    Tensor *x = parameter();
    Tensor *leaf = tensor_require_grad(tensor_from((Real[]){4, 5, 6}, SHAPE(3)));
    Tensor *loss = tensor_sum(tensor_mul(tensor_mul(x, leaf), tensor_add(tensor_checkpoint_many(square, NULL, &x, 1, NULL), leaf)));
    tensor_backward(loss);
    Real before[2][3];
    memcpy(before[0], x->grad, sizeof before[0]);
    memcpy(before[1], leaf->grad, sizeof before[1]);
    Real *place = x->grad;
    for (int stop = tape->n_nodes - 1; stop >= 0; stop--) {
        LeaveAt at = {stop};
        int observer = tape_observer_add(tape, (TapeObserver){.after = leave_at_node, .context = &at});
        fail_set_handler(leave);
        if (setjmp(back) == 0) {
            tensor_backward(loss);
            ck_abort_msg("the pass did not fail");
        }
        fail_set_handler(NULL);
        tape_observer_remove(tape, observer);
        ck_assert(memcmp(x->grad, before[0], sizeof before[0]) == 0 && memcmp(leaf->grad, before[1], sizeof before[1]) == 0);
        ck_assert_ptr_eq(x->grad, place);
    }
    size_t bytes = tape->arena.bytes;
    for (int pass = 2; pass < 4; pass++) {
        tensor_backward(loss);
        for (int i = 0; i < 3; i++) {
            ck_assert(x->grad[i] == (Real)pass * before[0][i] && leaf->grad[i] == (Real)pass * before[1][i]);
        }
        ck_assert_uint_eq(tape->arena.bytes, bytes); // the copies are handed back
    }
    tensor_free(x);
    tape_free(tape);
}
END_TEST

START_TEST(a_checkpoint_that_fails_in_backward_leaves_no_gradients)
{
    Tape *tape = tape_create();
    Tensor *x = parameter();
    int runs = 0;
    Tensor *loss = tensor_sum(tensor_checkpoint_many(fail_in_backward, &runs, &x, 1, NULL));
    fail_set_handler(leave);
    if (setjmp(back) == 0) {
        tensor_backward(loss);
        ck_abort_msg("the pass did not fail");
    }
    fail_set_handler(NULL);
    ck_assert_int_eq(runs, 2);
    ck_assert_ptr_eq(tape_current(), tape);
    ck_assert_ptr_null(x->grad);
    tensor_backward(loss);
    ck_assert_float_eq(x->grad[2], 6);
    tensor_free(x);
    tape_free(tape);
}
END_TEST

static Tensor *nan_forward(void *context)
{
    Tensor *x = context;
    return tensor_log(tensor_scale(x, x->data[1] == 5 ? 1 : -1));
}

// A watch for NaN stops a gradient check while a value of the leaf is moved.
START_TEST(a_gradient_check_that_fails_moves_the_value_back)
{
    Tape *tape = tape_create();
    Tensor *x = tensor_parameter("", "x", SHAPE(2));
    GradCheck check = {.name = "x", .leaves = &x, .n_leaves = 1, .forward = nan_forward, .context = x};
    x->data[0] = 3;
    x->data[1] = 5;
    nan_watch(true);
    fail_set_handler(leave);
    if (setjmp(back) == 0) {
        gradcheck(&check);
        ck_abort_msg("the check did not fail");
    }
    fail_set_handler(NULL);
    nan_watch(false);
    ck_assert_float_eq(x->data[0], 3);
    ck_assert_float_eq(x->data[1], 5);
    ck_assert_ptr_null(x->grad);
    ck_assert_int_eq(tape->no_grad_depth, 0);
    tensor_free(x);
    tape_free(tape);
}
END_TEST

// What the caller began itself is not undone.
START_TEST(recording_that_the_caller_switched_off_stays_off)
{
    Tape *tape = tape_create();
    tape_no_grad_begin();
    tape_scope("mine");
    fail_set_handler(leave);
    if (setjmp(back) == 0) {
        tensor_add(tensor_zeros(SHAPE(2)), tensor_zeros(SHAPE(3)));
        ck_abort_msg("no mistake");
    }
    fail_set_handler(NULL);
    ck_assert_int_eq(tape->no_grad_depth, 1);
    ck_assert_str_eq(tape->scope, "mine");
    tape_no_grad_end();
    tape_free(tape);
}
END_TEST

// Deeper than the entries that need no memory.
START_TEST(frames_nest_as_deep_as_memory_allows)
{
    static char names[200][8];
    Tape *tape = tape_create();
    fail_set_handler(leave);
    if (setjmp(back) == 0) {
        for (int i = 0; i < 200; i++) {
            snprintf(names[i], sizeof names[i], "m%d", i);
            tape_enter(names[i], HERE);
        }
        ck_assert_str_eq(tape->scope, "m199");
        fail_mistake(HERE, "so deep");
    }
    fail_set_handler(NULL);
    ck_assert_ptr_null(tape->scope);
    int outer = tape_enter("again", HERE);
    ck_assert_int_eq(outer, 0);
    tape_leave(outer);
    tape_free(tape);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unwind");
    TCase *tcase = case_create(suite, "unwind");
    tcase_add_loop_test(tcase, a_call_without_memory_changes_nothing, 0, CALLS);
    tcase_add_loop_test(tcase, a_call_left_by_longjmp_changes_nothing, 0, LEAVING);
    tcase_add_test(tcase, a_backward_pass_that_fails_leaves_no_gradients);
    tcase_add_test(tcase, a_backward_pass_that_fails_keeps_the_gradients_from_before);
    tcase_add_test(tcase, a_checkpoint_that_fails_in_backward_leaves_no_gradients);
    tcase_add_test(tcase, a_gradient_check_that_fails_moves_the_value_back);
    tcase_add_test(tcase, recording_that_the_caller_switched_off_stays_off);
    tcase_add_test(tcase, frames_nest_as_deep_as_memory_allows);
    return suite_run(suite);
}
