// drawing.c: one step of an experiment's network as a drawing of its tape.

#include "gpt/base/base.h"
#include "gpt/lab/net.h"
#include "tensor/unwind.h"

#include <math.h>

enum { DRAWN_NODES_MAX = 400 }; // more could not be read

static void attend_stepwise(GPT *gpt)
{
    for (int i = 0; gpt != NULL && i < gpt->config.n_layer; i++) {
        gpt->h[i].attn.stepwise = true;
    }
}

static void backward_keeping_all(const Tape *tape, Tensor *loss)
{
    for (int i = 0; i < tape->n_nodes; i++) {
        tensor_retain_grad(tape->nodes[i]->output);
    }
    tensor_backward(loss);
}

static int drawn_arm(const ExperimentConfig *config)
{
    int arm = experiment_arms(config) - 1;
    while (arm > 0 && !arm_is_run(config, arm)) {
        arm--;
    }
    return arm;
}

static bool write_drawing(const ExperimentConfig *config, const Tape *tape, const StepDrawing *drawing, FILE *file, Error *error)
{
    const char *module = drawing->module;
    AUTO_FREE char *title = text_format("%s%s%s, %s: one step forward%s", config->net == NET_MLP ? "Deep network" : "GPT",
                                        module == NULL ? "" : ", module ", module == NULL ? "" : module,
                                        experiment_arm_name(config, drawn_arm(config)), drawing->backward ? " and backward" : "");
    DotStyle style = {.module = module, .title = title, .left_to_right = drawing->left_to_right};
    int n = tape_write_dot(tape, &style, NULL);
    if (n == 0) {
        return error_set(error, "module %s: not in this network, or it computes nothing", module);
    }
    if (n > DRAWN_NODES_MAX) {
        return error_set(error, "%d operations are too many to draw (expected at most %d: choose one module, or fewer layers)", n, DRAWN_NODES_MAX);
    }
    tape_write_dot(tape, &style, file);
    return true;
}

// Of a result or a gradient (NULL: none). -inf in a result is treated as a masked score.
static bool is_sound(const Real *values, size_t n, bool masked)
{
    bool sound = true;
    for (size_t i = 0; values != NULL && i < n; i++) {
        sound = sound && (isfinite(values[i]) || (masked && values[i] == (Real)-INFINITY));
    }
    return sound;
}

static void name_fault(char fault[STEP_FAULT_TEXT], const char *what, const TapeNode *node)
{
    bool named = node->scope != NULL && node->scope[0] != '\0';
    snprintf(fault, STEP_FAULT_TEXT, "the %s of %s%s%.*s", what, node->op->name, named ? " in " : "", NAME_TEXT - 1, named ? node->scope : "");
}

// In the order in which they were made: results from the beginning, then gradients from the end.
static void find_fault(const Tape *tape, char fault[STEP_FAULT_TEXT])
{
    fault[0] = '\0';
    for (int i = 0; i < tape->n_nodes && fault[0] == '\0'; i++) {
        const Tensor *y = tape->nodes[i]->output;
        if (!is_sound(y->data, tensor_count(y), true)) {
            name_fault(fault, "result", tape->nodes[i]);
        }
    }
    for (int i = tape->n_nodes - 1; i >= 0 && fault[0] == '\0'; i--) {
        const Tensor *y = tape->nodes[i]->output;
        if (!is_sound(y->grad, tensor_count(y), false)) {
            name_fault(fault, "gradient", tape->nodes[i]);
        }
    }
}

bool experiment_draw(const ExperimentConfig *config, const StepDrawing *drawing, FILE *file, char fault[STEP_FAULT_TEXT], Error *error)
{
    REQUIRE(config, fault);
    Net net;
    fault[0] = '\0';
    if (!experiment_check(config, error) || !net_create(&net, config, drawn_arm(config), config->seed, error)) {
        return false;
    }
    int frame = unwind_begin();
    unwind_add(net_free, &net);
    Tape *tape = unwind_add_tape();
    if (drawing->stepwise) {
        attend_stepwise(net.gpt);
    }
    net_next_batch(&net);
    Tensor *loss = net_loss(&net, net_forward(&net));
    if (drawing->backward) {
        backward_keeping_all(tape, loss);
    }
    find_fault(tape, fault);
    bool drawn = write_drawing(config, tape, drawing, file, error);
    unwind_end(frame);
    return drawn;
}
