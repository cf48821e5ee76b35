// inputs.h: orthogonal matrices, batch normalization and ignored targets, as PyTorch computes them.
//
// Reference numbers from PyTorch. Made with torch 2.15.0 on the cpu, 1 thread.
//
// golden_orthogonal_R_C: torch.manual_seed(42); w = torch.empty(R, C); nn.init.orthogonal_(w, gain=1.5). float32.
//
// golden_batchnorm_*: bn = nn.BatchNorm1d(3).double(), weight (1.5, -0.5, 2), bias (0.25, 0, -1); y = bn(x); y.backward(dy), with the x below and
// dy = torch.arange(1., 16.).reshape(5, 3) / 8.
//
// golden_network: torch.manual_seed(7); Linear(3, 4), BatchNorm1d(4), Tanh, Linear(4, 4), BatchNorm1d(4), Tanh, Linear(4, 3), drawn in float32,
// then .double(); F.cross_entropy(net(x), y, ignore_index=-1) with the x and y below, backward.

#ifndef GPTAPE_TESTS_GOLDEN_INPUTS_H
#define GPTAPE_TESTS_GOLDEN_INPUTS_H

static const float golden_rows[] = {
    1, 0, -1,   0.5f, -0.25f, 2,   -1.5f, 0.75f, 0.25f,   0.125f, 1, -0.5f,   2, -1, 0,
};
static const int golden_classes[] = {2, -1, 0, 1, 1};

static const double golden_network_loss = 1.48529866045;

static const struct {
    const char *name;
    double mean_abs;
} golden_network[] = {
    {"layers.0.weight", 0.121640315597}, {"layers.0.bn.weight", 0.0131385129627}, {"layers.0.bn.bias", 0.0321773198307},
    {"layers.1.weight", 0.0852438887786}, {"layers.1.bn.weight", 0.0402574348012}, {"layers.1.bn.bias", 0.0384681976232},
    {"layers.2.weight", 0.172662952933}, {"layers.2.bias", 0.175798747059},
};

static const double golden_orthogonal_3_5[] = {
    0.412526965, 0.157822594, 0.28727296, 0.282213539, -1.37576997, -0.100837737, 1.40726197, -0.392590821, 0.304688901,
    0.111723661, 0.169831499, 0.462849557, 0.61859864, -1.27415431, -0.0281796567,
};
static const double golden_orthogonal_5_3[] = {
    0.200467944, 0.263597757, 0.0225060023, 0.137142003, -0.859756708, 1.16869652, 1.31477964, 0.45526877, 0.0667427778,
    0.159182712, 0.580883622, 0.750088096, 0.661075115, -0.946910262, -0.562632263,
};
static const double golden_orthogonal_4_4[] = {
    1.25921297, 0.617993414, -0.389500916, 0.361602306, 0.443337202, -0.817151964, -0.724559784, -0.927754641,
    -0.491510093, 1.07074952, -0.570254862, -0.732613981, -0.475660503, -0.232041121, -1.11718941, 0.849583447,
};
static const double golden_batchnorm_y[] = {
    0.999997164, 0.069672625, -3.25532471, 0.347825717, 0.243854187, 2.62813106, -2.26086007, -0.452872062,
    -0.803884808, -0.141302868, -0.627053625, -2.27474875, 2.30434006, 0.766398875, -1.29417279,
};
static const double golden_batchnorm_dx[] = {
    -1.04737264, 0.530154414, -1.55218496, -0.498143647, 0.287906386, -0.604611196, 0.231386584, -0.0494632211,
    0.00707139327, 0.525188832, -0.329759881, 0.689467915, 0.788940875, -0.438837698, 1.46025685,
};
static const double golden_batchnorm_dweight[] = {
    0.529889301, -0.391908516, -0.183857993,
};
static const double golden_batchnorm_dbias[] = {
    4.375, 5, 5.625,
};

#endif
