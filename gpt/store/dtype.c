// dtype.c: the number formats of a file, and their conversion to Real.

#include "gpt/store/safetensors.h"

#include <math.h>
#include <string.h>

// Files are little-endian, and so must be memory.
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied from files as they are");

static const struct {
    const char *name;
    size_t bytes;
} DTYPES[DTYPE_COUNT] = {
    [DTYPE_F64] = {"F64", 8},         [DTYPE_F32] = {"F32", 4},         [DTYPE_F16] = {"F16", 2},   [DTYPE_BF16] = {"BF16", 2},
    [DTYPE_F8_E4M3] = {"F8_E4M3", 1}, [DTYPE_F8_E5M2] = {"F8_E5M2", 1}, [DTYPE_I64] = {"I64", 8},   [DTYPE_I32] = {"I32", 4},
    [DTYPE_I16] = {"I16", 2},         [DTYPE_I8] = {"I8", 1},           [DTYPE_U64] = {"U64", 8},   [DTYPE_U32] = {"U32", 4},
    [DTYPE_U16] = {"U16", 2},         [DTYPE_U8] = {"U8", 1},           [DTYPE_BOOL] = {"BOOL", 1},
};

const char *dtype_name(Dtype dtype)
{
    return DTYPES[dtype].name;
}

size_t dtype_bytes(Dtype dtype)
{
    return DTYPES[dtype].bytes;
}

bool dtype_is_float(Dtype dtype)
{
    return dtype == DTYPE_F64 || dtype == DTYPE_F32 || dtype == DTYPE_F16 || dtype == DTYPE_BF16;
}

static float float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// IEEE half precision: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction. float32 has 8 (bias 127) and 23.
static float float_from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 0x1f;
    uint32_t fraction = half & 0x3ff;
    if (exponent == 0) { // zero and subnormals: fraction x 2^-24
        float value = ldexpf((float)fraction, -24);
        return sign == 0 ? value : -value;
    }
    exponent = exponent == 0x1f ? 0xff : exponent - 15 + 127; // 31: infinity and NaN
    return float_from_bits(sign | exponent << 23 | fraction << 13);
}

void dtype_to_reals(Dtype dtype, const unsigned char *bytes, size_t n, Real *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        float single;
        double number;
        switch (dtype) {
        case DTYPE_F64:
            memcpy(&number, bytes + i * sizeof number, sizeof number);
            out[i] = (Real)number;
            break;
        case DTYPE_F32:
            memcpy(&single, bytes + i * sizeof single, sizeof single);
            out[i] = single;
            break;
        case DTYPE_F16:
            memcpy(&half, bytes + i * sizeof half, sizeof half);
            out[i] = float_from_half(half);
            break;
        case DTYPE_BF16: // the upper half of a float32
            memcpy(&half, bytes + i * sizeof half, sizeof half);
            out[i] = float_from_bits((uint32_t)half << 16);
            break;
        default: fail_mistake(HERE, "dtype_to_reals: %s is not a supported float type", dtype_name(dtype));
        }
    }
}
