// unwind_test.h: calls that are made to fail, in a world of models whose state before and after is compared.

#ifndef GPTAPE_TESTS_UNWIND_TEST_H
#define GPTAPE_TESTS_UNWIND_TEST_H

#include "tests/gpt/gpt_test.h"
#include "tests/support/own_malloc.h"

#include <setjmp.h>

static jmp_buf back;

static inline void leave(FailKind kind, const char *message)
{
    (void)kind;
    (void)message;
    requests_left = 0;
    longjmp(back, 1);
}

// A model, a tape with something on it, and what can be compared.
enum { B = 2, T = 8, MODULES = 64 };

static const int IDS[B * T + 1] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 3, 5, 7, 9, 2};

typedef struct World {
    Tape *tape;
    GPT *gpt;
    Trainer *trainer; // of another model
    Random random;
} World;

// With dropout, and one module in another mode than the rest.
static inline GPT *make_gpt(void)
{
    GPTConfig config = small_config();
    config.dropout = 0.25;
    GPT *gpt = create_gpt(config, 3);
    module_train(&gpt->module, true);
    gpt->h[1].mlp.dropout.module.training = false;
    return gpt;
}

static inline int *copy_ids(const int *ids, int n)
{
    int *copy = memory_allocate((size_t)n * sizeof(int), "ids");
    memcpy(copy, ids, (size_t)n * sizeof(int));
    return copy;
}

static inline void free_gpt(void *gpt)
{
    gpt_free(gpt);
}

static inline Trainer *make_trainer(void)
{
    TrainConfig config = small_train_config(8);
    config.batch = 1;
    int frame = unwind_begin(); // the trainer frees them, but not if memory is refused before it has them
    GPT *gpt = make_gpt();
    unwind_add_on_failure(free_gpt, gpt);
    int *ids = copy_ids(IDS, B * T);
    unwind_add_on_failure(free, ids);
    int *targets = copy_ids(IDS + 1, B * T);
    unwind_end(frame);
    TrainSetup setup = {.train = config, .gpt = gpt->config, .ids = ids, .targets = targets};
    Error error = {0};
    Trainer *trainer = trainer_create(setup, gpt, NULL, &error);
    ck_assert_msg(trainer != NULL, "%s", error.message);
    return trainer;
}

static inline World world_make(void)
{
    World world = {.tape = tape_create(), .gpt = make_gpt(), .trainer = make_trainer()};
    random_seed(&world.random, 9);
    tape_scope("mine");
    tensor_scale(tensor_full(SHAPE(3), 1), 2);
    return world;
}

static inline void world_free(World *world)
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

static inline void note_model(const GPT *gpt, bool training[MODULES], uint32_t draws[4])
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

static inline State state_of(const World *world)
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

static inline void assert_same_state(const State *a, const State *b, bool tape_was_reset)
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

typedef struct Call {
    const char *name;
    void (*make)(World *world);
    bool resets_tape;
    bool leaks; // what a failure left half built in it may be lost
} Call;

// The gradients of a training step, as one number for each parameter.
static inline void step_gradients(World *world, double *sums)
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
static inline bool fail_at(const Call *call, World *world, long n)
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

#endif
