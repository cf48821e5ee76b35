// safetensors.h: inside gpt/: named arrays in a file, as Hugging Face's safetensors format has them.
//
//      8 bytes     n, the length of the header, lowest byte first
//      n bytes     {"__metadata__": {"format": "pt"},
//                   "wte.weight": {"dtype": "F32", "shape": [50257, 768], "data_offsets": [0, 154389504]}, ...}
//      the rest    the arrays' values, row after row, one array after the other; the offsets count from here
//
// Opening a file checks all of its header: each array lies inside the file, has exactly the bytes of its shape and dtype, and begins where
// the one before it ends; no bytes are left over, and names are unique. Errors are one line that names file and array.

#ifndef GPTAPE_SAFETENSORS_H
#define GPTAPE_SAFETENSORS_H

#include "gpt/base/base.h"
#include "gpt/base/hash.h"

// clang-format off
typedef enum Dtype {
    DTYPE_F64, DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_F8_E4M3, DTYPE_F8_E5M2,
    DTYPE_I64, DTYPE_I32, DTYPE_I16, DTYPE_I8, DTYPE_U64, DTYPE_U32, DTYPE_U16, DTYPE_U8, DTYPE_BOOL,
    DTYPE_COUNT
} Dtype;
// clang-format on

const char *dtype_name(Dtype dtype); // "F32"
size_t dtype_bytes(Dtype dtype);     // of one value
bool dtype_is_float(Dtype dtype);    // F64, F32, F16 or BF16, which safetensors_read_reals reads

#define DTYPE_REAL (sizeof(Real) == sizeof(double) ? DTYPE_F64 : DTYPE_F32)

// Converts n values of one of these dtypes to Real: exact, except that F64 is rounded to float32. bytes need not be aligned.
void dtype_to_reals(Dtype dtype, const unsigned char *bytes, size_t n, Real *out);

// ------------------------------------------------------------------------------------------------------------
// Reading

enum { STORED_DIMS = 8 };

typedef struct StoredArray {
    char *name;
    Dtype dtype;
    int ndim;
    int64_t size[STORED_DIMS];
    size_t count; // values
    size_t bytes;
    uint64_t place; // of its first byte in the file
} StoredArray;

typedef struct Safetensors {
    char *path;
    int descriptor;
    StoredArray *arrays; // sorted by name
    int n_arrays;
    char **texts; // (2 n_texts) the metadata: key, text, key, text, ...
    int n_texts;
} Safetensors;

// False if the file is invalid; it may be closed then, but need not be. The file is read, not mapped, so that a truncated file or a disk error
// is an error and not a signal.
bool safetensors_open(Safetensors *file, const char *path, Error *error);
void safetensors_close(Safetensors *file);

const StoredArray *safetensors_find(const Safetensors *file, const char *name); // NULL if there is none
const char *safetensors_text(const Safetensors *file, const char *key);         // of the metadata; NULL if there is none

// Reads values first ... first + n - 1 of an array, as stored or as Real. A range beyond the array, or Real of a dtype that is not
// dtype_is_float, is a mistake.
bool safetensors_read(const Safetensors *file, const StoredArray *array, size_t first, size_t n, void *out, Error *error);
bool safetensors_read_reals(const Safetensors *file, const StoredArray *array, size_t first, size_t n, Real *out, Error *error);

// Checks the checksum that safetensors_add_checksum added, which must be there. Reads every value.
bool safetensors_check(const Safetensors *file, Error *error);

bool stored_has_shape(const StoredArray *array, Shape shape);
enum { STORED_SHAPE_TEXT = 200 };
const char *stored_shape_text(const StoredArray *array, char text[STORED_SHAPE_TEXT]); // "(768, 2304)"
#define STORED_SHAPE(array) stored_shape_text(array, (char[STORED_SHAPE_TEXT]){""})    // the same in memory of the enclosing block

// ------------------------------------------------------------------------------------------------------------
// Writing: arrays and texts are collected, then written at once

typedef struct SafetensorsWriter SafetensorsWriter;

SafetensorsWriter *safetensors_writer_create(void);
void safetensors_writer_free(SafetensorsWriter *writer);

// Names and texts are copied; data is borrowed until the file is written. Names and keys must be unique.
void safetensors_add(SafetensorsWriter *writer, const char *name, Dtype dtype, Shape shape, const void *data);
void safetensors_add_text(SafetensorsWriter *writer, const char *key, const char *text);

// A DTYPE_REAL matrix (rows, columns), stored as (columns, rows).
void safetensors_add_transposed(SafetensorsWriter *writer, const char *name, int rows, int columns, const Real *data);

// Adds the text "checksum", of everything added before it, which must not be transposed.
void safetensors_add_checksum(SafetensorsWriter *writer);

// To a stream (check ferror), or to a file that appears complete or not at all.
void safetensors_write(const void *writer, FILE *stream); // SafetensorsWriter
bool safetensors_save(const SafetensorsWriter *writer, const char *path, Error *error);

// ------------------------------------------------------------------------------------------------------------
// The terms of a checksum (a sum modulo 2^64)

#define CHECKSUM_KEY "checksum"

uint64_t checksum_text(const char *key, const char *text); // of a text; 0 for the checksum itself
LongHash checksum_array_begin(const StoredArray *array);   // of an array's name, dtype and shape; its values are added to it
char *checksum_format(uint64_t checksum);                  // 16 hexadecimal digits, as stored. The caller frees it

#endif
