// operation.h: the operations that reduce a series to one number. Internal to gpt/lab/claims/.

#ifndef GPTAPE_CLAIMS_OPERATION_H
#define GPTAPE_CLAIMS_OPERATION_H

#include "gpt/lab/claims/claims.h"

// clang-format off
typedef enum Operation {
    OPERATION_FIRST, OPERATION_LAST, OPERATION_RATIO, OPERATION_SLOPE, OPERATION_MEAN, OPERATION_MEDIAN, OPERATION_MIN, OPERATION_MAX,
    OPERATION_SUM, OPERATION_CENTER, OPERATION_ROUGH, OPERATION_AT, OPERATION_COUNT
} Operation;
// clang-format on

int series_find(const Series *series, double x);                             // the index of x; n if it is missing
double series_operate(const Series *series, Operation operation, double at); // needs at least one point

#endif
