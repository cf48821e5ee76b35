// test_safetensors.c: files of named arrays: what is written is read, what others may write is read, and what is wrong is refused.

#include "gpt/store/safetensors.h"
#include "tests/support/folder.h"
#include "tests/support/mistake.h"
#include "tests/support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char FILE_NAME[] = "a.safetensors";

static Safetensors open_file(void)
{
    Safetensors file;
    Error error = {0};
    ck_assert_msg(safetensors_open(&file, FILE_NAME, &error), "%s", error.message);
    return file;
}

static void save(const SafetensorsWriter *writer)
{
    Error error = {0};
    ck_assert_msg(safetensors_save(writer, FILE_NAME, &error), "%s", error.message);
}

// A file by hand: this length, this header, n zeros.
static void write_by_hand(uint64_t length, const char *header, size_t n)
{
    size_t header_bytes = strlen(header);
    char *bytes = memory_allocate_zeroed(1, sizeof length + header_bytes + n, "a file");
    memcpy(bytes, &length, sizeof length);
    memcpy(bytes + sizeof length, header, header_bytes);
    file_write(FILE_NAME, bytes, sizeof length + header_bytes + n);
    free(bytes);
}

// ------------------------------------------------------------------------------------------------------------
// There and back

// Of every kind that a trainer keeps: matrices, counts, raw bytes of an odd number, a single number, nothing, and texts.
START_TEST(arrays_and_texts_round_trip)
{
    static const float matrix[] = {1, 2, 3, 4, 5, 6.5f};
    static const int64_t counts[] = {-1, INT64_MAX, 0};
    static const uint8_t bytes[] = {0, 255, 7};
    float values[6];
    int64_t numbers[3];
    uint8_t got[3];
    Error error;
    SafetensorsWriter *writer = safetensors_writer_create();
    safetensors_add(writer, "bytes", DTYPE_U8, SHAPE(3), bytes);
    safetensors_add(writer, "matrix", DTYPE_F32, SHAPE(2, 3), matrix);
    safetensors_add(writer, "counts", DTYPE_I64, SHAPE(3), counts);
    safetensors_add(writer, "one", DTYPE_F32, SHAPE_SCALAR, matrix + 5);
    safetensors_add(writer, "none", DTYPE_F32, SHAPE(0, 5), matrix);
    safetensors_add_text(writer, "step", "17");
    safetensors_add_text(writer, "said \"so\"\n", "\xc3\xa9\\");
    save(writer);
    safetensors_writer_free(writer);

    Safetensors file = open_file();
    ck_assert_int_eq(file.n_arrays, 5);
    ck_assert_str_eq(safetensors_text(&file, "step"), "17");
    ck_assert_str_eq(safetensors_text(&file, "said \"so\"\n"), "\xc3\xa9\\");
    ck_assert_ptr_null(safetensors_text(&file, "other"));
    ck_assert_ptr_null(safetensors_find(&file, "other"));
    ck_assert(safetensors_read(&file, safetensors_find(&file, "matrix"), 0, 6, values, &error));
    ck_assert_mem_eq(values, matrix, sizeof matrix);
    ck_assert(safetensors_read(&file, safetensors_find(&file, "matrix"), 4, 2, values, &error));
    ck_assert_mem_eq(values, matrix + 4, 2 * sizeof *matrix);
    ck_assert(safetensors_read(&file, safetensors_find(&file, "counts"), 0, 3, numbers, &error));
    ck_assert_mem_eq(numbers, counts, sizeof counts);
    ck_assert(safetensors_read(&file, safetensors_find(&file, "bytes"), 0, 3, got, &error));
    ck_assert_mem_eq(got, bytes, sizeof bytes);
    ck_assert(safetensors_read_reals(&file, safetensors_find(&file, "one"), 0, 1, values, &error));
    ck_assert(values[0] == 6.5f);
    ck_assert_uint_eq(safetensors_find(&file, "none")->count, 0);
    ck_assert_int_eq(safetensors_find(&file, "one")->ndim, 0);
    for (int i = 0; i < file.n_arrays; i++) {
        ck_assert_uint_eq(file.arrays[i].place % dtype_bytes(file.arrays[i].dtype), 0);
    }
    safetensors_close(&file);
}
END_TEST

static bool has_its_checksum(Error *error)
{
    Safetensors file = open_file();
    bool has = safetensors_check(&file, error);
    safetensors_close(&file);
    return has;
}

// Values of each size, more than are read at once, and an odd number of bytes.
START_TEST(a_checksum_covers_the_added_bytes)
{
    enum { LONG = 100003 };
    static uint8_t bytes[LONG];
    static const double values[] = {1, 2};
    static const float halves[] = {0.5f};
    Error error = {0};
    SafetensorsWriter *writer = safetensors_writer_create();
    for (int i = 0; i < LONG; i++) {
        bytes[i] = (uint8_t)(i * i);
    }
    safetensors_add(writer, "bytes", DTYPE_U8, SHAPE(LONG), bytes);
    safetensors_add(writer, "values", DTYPE_F64, SHAPE(2), values);
    safetensors_add(writer, "half", DTYPE_F32, SHAPE_SCALAR, halves);
    safetensors_add(writer, "none", DTYPE_F32, SHAPE(0, 5), halves);
    safetensors_add_text(writer, "step", "17");
    save(writer);
    ck_assert(!has_its_checksum(&error));
    ck_assert_str_eq(error.message, "a.safetensors: missing checksum; not a gptape checkpoint, or one of an early version");
    safetensors_add_checksum(writer);
    save(writer);
    ck_assert_msg(has_its_checksum(&error), "%s", error.message);
    bytes[LONG - 1] ^= 0x80; // borrowed: this is what is written, and not what was added
    save(writer);
    ck_assert(!has_its_checksum(&error));
    ck_assert_ptr_eq(strstr(error.message, "a.safetensors: is damaged: its checksum is "), error.message);
    safetensors_writer_free(writer);
}
END_TEST

START_TEST(a_checksum_of_transposed_values_is_a_mistake)
{
    static const float matrix[] = {1, 2};
    SafetensorsWriter *writer = safetensors_writer_create();
    safetensors_add_transposed(writer, "w", 1, 2, matrix);
    assert_mistake_begins("safetensors_add_checksum: w is transposed", safetensors_add_checksum(writer));
    safetensors_writer_free(writer);
}
END_TEST

// More columns than are turned at once, and not a multiple of them.
START_TEST(transposed_is_transposed)
{
    enum { ROWS = 5, COLUMNS = 37 };
    float matrix[ROWS * COLUMNS];
    float turned[ROWS * COLUMNS];
    Error error;
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        matrix[i] = (float)i;
    }
    SafetensorsWriter *writer = safetensors_writer_create();
    safetensors_add_transposed(writer, "w", ROWS, COLUMNS, matrix);
    save(writer);
    safetensors_writer_free(writer);
    Safetensors file = open_file();
    const StoredArray *array = safetensors_find(&file, "w");
    ck_assert_int_eq(array->size[0], COLUMNS);
    ck_assert_int_eq(array->size[1], ROWS);
    ck_assert(safetensors_read_reals(&file, array, 0, array->count, turned, &error));
    for (int row = 0; row < ROWS; row++) {
        for (int column = 0; column < COLUMNS; column++) {
            ck_assert(turned[column * ROWS + row] == matrix[row * COLUMNS + column]);
        }
    }
    safetensors_close(&file);
}
END_TEST

// The format's own words: 8 bytes of length, the header filled up to a multiple of 8, then the data.
START_TEST(the_file_is_as_the_format_says)
{
    static const char expected[] = "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                   "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[8,9]}}    ";
    static const float b[] = {1, 2};
    char *bytes;
    size_t n;
    uint64_t length;
    Error error;
    SafetensorsWriter *writer = safetensors_writer_create();
    safetensors_add(writer, "a", DTYPE_U8, SHAPE(1), "x");
    safetensors_add(writer, "b", DTYPE_F32, SHAPE(2), b);
    safetensors_add_text(writer, "format", "pt");
    save(writer);
    safetensors_writer_free(writer);
    ck_assert(file_read(FILE_NAME, 1000, &bytes, &n, &error));
    memcpy(&length, bytes, sizeof length);
    ck_assert_uint_eq(length, (sizeof expected - 1 + 7) / 8 * 8);
    ck_assert_uint_eq(n, sizeof length + length + sizeof b + 1);
    ck_assert_mem_eq(bytes + sizeof length, expected, sizeof expected - 1 - 4);
    ck_assert_mem_eq(bytes + sizeof length + length, b, sizeof b);
    ck_assert_int_eq(bytes[n - 1], 'x');
    free(bytes);
}
END_TEST

// Older writers did not fill the header up, so that floats may begin at any byte; and any order of names is good.
START_TEST(what_others_write_is_read)
{
    static const char header[] = " {\"x\": {\"shape\": [2], \"data_offsets\": [1, 9], \"dtype\": \"F32\"},\n"
                                 "\"a\": {\"dtype\": \"BOOL\", \"shape\": [1, 1], \"data_offsets\": [0, 1]}}";
    float values[2] = {1, 1};
    Error error;
    write_by_hand(sizeof header - 1, header, 9);
    Safetensors file = open_file();
    ck_assert(safetensors_read_reals(&file, safetensors_find(&file, "x"), 0, 2, values, &error));
    ck_assert(values[0] == 0 && values[1] == 0);
    ck_assert_int_eq(safetensors_find(&file, "a")->ndim, 2);
    safetensors_close(&file);
    write_by_hand(2, "{}", 0);
    file = open_file();
    ck_assert_int_eq(file.n_arrays, 0);
    safetensors_close(&file);
}
END_TEST

// Beyond the limit a file can't grow, as on a full disk: the old one stays, and nothing is left beside it.
START_TEST(a_full_disk_leaves_the_old_file)
{
    static float many[100000];
    Error error = {0};
    SafetensorsWriter *writer = safetensors_writer_create();
    safetensors_add_text(writer, "which", "old");
    save(writer);
    safetensors_add(writer, "many", DTYPE_F32, SHAPE(100000), many);
    files_limit(100000);
    ck_assert(!safetensors_save(writer, FILE_NAME, &error));
    files_limit(SIZE_MAX);
    ck_assert_ptr_nonnull(strstr(error.message, "a.safetensors: can't be written: File too large"));
    safetensors_writer_free(writer);
    Safetensors file = open_file();
    ck_assert_int_eq(file.n_arrays, 0);
    ck_assert_str_eq(safetensors_text(&file, "which"), "old");
    safetensors_close(&file);
    ck_assert_int_eq(system("test \"$(ls -A)\" = a.safetensors"), 0);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Kinds of numbers

// What the bits mean: sign, exponent with this bias, fraction of so many bits.
static double float_of_bits(uint32_t bits, int exponent_bits, int fraction_bits)
{
    int bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = (int)(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
    double fraction = (double)(bits & ((1u << fraction_bits) - 1)) / (1 << fraction_bits);
    double sign = bits >> (exponent_bits + fraction_bits) ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1) {
        return fraction == 0 ? sign * INFINITY : NAN;
    }
    return exponent == 0 ? sign * ldexp(fraction, 1 - bias) : sign * ldexp(1 + fraction, exponent - bias);
}

START_TEST(every_half_is_read_exactly)
{
    const Dtype dtypes[] = {DTYPE_F16, DTYPE_BF16};
    for (uint32_t bits = 0; bits <= 0xffff; bits++) {
        uint16_t half = (uint16_t)bits;
        float value;
        double expected = dtypes[_i] == DTYPE_F16 ? float_of_bits(bits, 5, 10) : float_of_bits(bits, 8, 7);
        dtype_to_reals(dtypes[_i], (const unsigned char *)&half, 1, &value);
        bool equal = isnan(expected) ? isnan(value) : (double)value == expected && !signbit(value) == !signbit(expected);
        if (!equal) {
            ck_abort_msg("%s 0x%04x: is read as %.9g, not %.9g", dtype_name(dtypes[_i]), bits, (double)value, expected);
        }
    }
}
END_TEST

START_TEST(doubles_are_rounded)
{
    const double doubles[] = {0.1, -1e300, 1e-300};
    float values[3];
    dtype_to_reals(DTYPE_F64, (const unsigned char *)doubles, 3, values);
    ck_assert(values[0] == 0.1f && isinf(values[1]) && values[2] == 0);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What is wrong with a file

typedef struct Wrong {
    const char *header;
    size_t data;         // bytes behind it
    const char *message; // after "a.safetensors: "
} Wrong;

#define ONE(dtype, shape, offsets) "{\"w\": {\"dtype\": " dtype ", \"shape\": " shape ", \"data_offsets\": " offsets "}}"
#define TWO(offsets_a, offsets_b) \
    "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": " offsets_a "}, " \
    "\"b\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": " offsets_b "}}"

static const Wrong wrongs[] = {
    {"", 0, "its JSON of 0 bytes has no end; is the file truncated?"},
    {"[]", 0, "its header is not a JSON object of tensors"},
    {"{\"w\": 1}", 0, "tensor w: not an object with dtype, shape and data_offsets, each once"},
    {"{\"w\": {}}", 0, "tensor w: missing dtype (expected one such as \"F32\")"},
    {"{\"w\"", 0, "its JSON of 4 bytes has no end; is the file truncated?"},
    {"{\"w\": \"\xff\"}", 0, "byte 0xff after 7 bytes of JSON is not UTF-8 text"},
    {ONE("\"F32\"", "[2]", "[0, 8]") "x", 8, "can't be read as JSON from byte 62 of 62 on"},
    {ONE("\"F99\"", "[2]", "[0, 8]"), 8, "tensor w: dtype 'F99' is unknown"},
    {ONE("7", "[2]", "[0, 8]"), 8, "tensor w: missing dtype (expected one such as \"F32\")"},
    {ONE("\"F32\"", "2", "[0, 8]"), 8, "tensor w: missing shape (expected one such as [2, 3])"},
    {ONE("\"F32\"", "[-2]", "[0, 8]"), 8, "tensor w: has a size in its shape that is not an integer between 0 and 2^53"},
    {ONE("\"F32\"", "[2.5]", "[0, 8]"), 8, "tensor w: has a size in its shape that is not an integer between 0 and 2^53"},
    {ONE("\"F32\"", "[1e300]", "[0, 8]"), 8, "tensor w: has a size in its shape that is not an integer between 0 and 2^53"},
    {ONE("\"F32\"", "[4294967296, 4294967296]", "[0, 8]"), 8, "tensor w: has a shape with too many values for any file"},
    {ONE("\"F32\"", "[4611686018427387904]", "[0, 8]"), 8, "tensor w: has a size in its shape that is not an integer between 0 and 2^53"},
    {ONE("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "[0, 8]"), 8, "tensor w: has more than 8 dimensions"},
    {ONE("\"F32\"", "[3]", "[0, 8]"), 8, "tensor w: has 8 bytes, but (3) of F32 takes 12"},
    {ONE("\"F16\"", "[2]", "[0, 8]"), 8, "tensor w: has 8 bytes, but (2) of F16 takes 4"},
    {ONE("\"F32\"", "[2]", "[0]"), 8, "tensor w: missing data_offsets (expected two integers such as [0, 24])"},
    {ONE("\"F32\"", "[2]", "[0, 8, 9]"), 8, "tensor w: missing data_offsets (expected two integers such as [0, 24])"},
    {ONE("\"F32\"", "[2]", "\"[0, 8]\""), 8, "tensor w: missing data_offsets (expected two integers such as [0, 24])"},
    {ONE("\"F32\"", "[2]", "[-8, 0]"), 8, "tensor w: missing data_offsets (expected two integers such as [0, 24])"},
    {ONE("\"F32\"", "[2]", "[8, 0]"), 8, "tensor w: ends at 0, before it begins at 8"},
    {ONE("\"F32\"", "[2]", "[0, 8]"), 7, "tensor w: ends at byte 8 of the data, which has 7; is the file truncated?"},
    {ONE("\"F32\"", "[2]", "[0, 8]"), 9, "has 1 byte after its last tensor"},
    {ONE("\"F32\"", "[2]", "[1, 9]"), 9, "tensor w: begins at byte 1 of the data, but the header ends at 0: they leave a gap"},
    {TWO("[0, 8]", "[4, 12]"), 12, "tensor b: begins at byte 4 of the data, but a ends at 8: they overlap"},
    {TWO("[0, 8]", "[0, 8]"), 8, NULL}, // which of the two is told is chance
    {TWO("[0, 8]", "[12, 20]"), 20, "tensor b: begins at byte 12 of the data, but a ends at 8: they leave a gap"},
    {"{\"w\": {\"dtype\": \"F32\", \"dtype\": \"F32\", \"shape\": [], \"data_offsets\": [0, 4]}}", 4,
     "tensor w: not an object with dtype, shape and data_offsets, each once"},
    {"{\"w\": {\"dtype\": \"F32\", \"shape\": [0], \"data_offsets\": [0, 0]}, "
     "\"w\": {\"dtype\": \"F32\", \"shape\": [0], \"data_offsets\": [0, 0]}}",
     0, "tensor w: occurs twice"},
    {"{\"__metadata__\": {\"a\": 1}}", 0, "__metadata__: a is not a string"},
    {"{\"__metadata__\": \"a\"}", 0, "__metadata__ is not an object of strings, or occurs twice"},
    {"{\"__metadata__\": {}, \"__metadata__\": {}}", 0, "__metadata__ is not an object of strings, or occurs twice"},
};

static void assert_refused(const char *message)
{
    static const char start[] = "a.safetensors: ";
    Safetensors file;
    Error error = {0};
    ck_assert(!safetensors_open(&file, FILE_NAME, &error));
    ck_assert_msg(strncmp(error.message, start, sizeof start - 1) == 0, "%s", error.message);
    if (message != NULL) {
        ck_assert_str_eq(error.message + sizeof start - 1, message);
    }
}

START_TEST(a_wrong_file_is_refused_in_one_line)
{
    write_by_hand(strlen(wrongs[_i].header), wrongs[_i].header, wrongs[_i].data);
    assert_refused(wrongs[_i].message);
}
END_TEST

START_TEST(a_wrong_length_is_refused_in_one_line)
{
    write_by_hand(UINT64_MAX, "{}", 0);
    assert_refused("its header of 18446744073709551615 bytes would go beyond the file's 10; is it truncated, or not a safetensors file?");
    write_by_hand(3, "{}", 0);
    assert_refused("its header of 3 bytes would go beyond the file's 10; is it truncated, or not a safetensors file?");
    write_by_hand((1 << 24) + 1, "{}", 1 << 24);
    assert_refused("has a header of 16777217 bytes; at most 16777216 are read");
    ck_assert_int_eq(system("printf 1234567 > a.safetensors"), 0);
    assert_refused("has 7 bytes; a safetensors file begins with 8 bytes, its header's length");
    ck_assert_int_eq(system("rm a.safetensors && mkdir a.safetensors"), 0);
    assert_refused("is a folder (expected a file)");
    ck_assert_int_eq(system("rmdir a.safetensors"), 0);
    assert_refused("can't be read: No such file or directory");
}
END_TEST

// Brackets within brackets: the parser has a limit, and no stack that grows with the file.
START_TEST(deep_json_is_refused_in_one_line)
{
    enum { DEPTH = 1000000 };
    char *header = test_memory(DEPTH + 1);
    memset(header, '[', DEPTH);
    header[DEPTH] = '\0';
    write_by_hand(DEPTH, header, 0);
    assert_refused("can't be read as JSON from byte 1001 of 1000000 on");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpt/safetensors");
    TCase *round = case_create(suite, "there and back");
    tcase_add_checked_fixture(round, folder_enter, folder_leave);
    tcase_add_test(round, arrays_and_texts_round_trip);
    tcase_add_test(round, a_checksum_covers_the_added_bytes);
    tcase_add_test(round, a_checksum_of_transposed_values_is_a_mistake);
    tcase_add_test(round, transposed_is_transposed);
    tcase_add_test(round, the_file_is_as_the_format_says);
    tcase_add_test(round, what_others_write_is_read);
    tcase_add_test(round, a_full_disk_leaves_the_old_file);

    TCase *numbers = case_create(suite, "numbers");
    tcase_add_loop_test(numbers, every_half_is_read_exactly, 0, 2);
    tcase_add_test(numbers, doubles_are_rounded);

    TCase *wrong = case_create(suite, "wrong files");
    tcase_add_checked_fixture(wrong, folder_enter, folder_leave);
    tcase_add_loop_test(wrong, a_wrong_file_is_refused_in_one_line, 0, sizeof wrongs / sizeof wrongs[0]);
    tcase_add_test(wrong, a_wrong_length_is_refused_in_one_line);
    tcase_add_test(wrong, deep_json_is_refused_in_one_line);
    return suite_run(suite);
}
