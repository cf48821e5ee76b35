// safetensors_read.c: reads a file of named arrays, and checks everything before it is used.

#include "gpt/base/base.h"
#include "gpt/store/safetensors.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LENGTH_BYTES = 8,
    LONGEST_HEADER = 1 << 24, // GPT-2's has 15,000 bytes; the largest models' stay below this, too
    SHOWN = 80                // of a name in messages
};

static const double LARGEST_WHOLE = 9007199254740992.0; // 2^53: JSON numbers are doubles here

// ------------------------------------------------------------------------------------------------------------
// JSON

// An integer from 0 to 2^53, which a double holds exactly; else -1.
static int64_t whole_number(const cJSON *json)
{
    double value = cJSON_IsNumber(json) ? json->valuedouble : -1;
    bool whole = value >= 0 && value <= LARGEST_WHOLE && value == floor(value);
    return whole ? (int64_t)value : -1;
}

// ------------------------------------------------------------------------------------------------------------
// One array

__attribute__((format(printf, 4, 5))) static bool array_error(const Safetensors *file, const StoredArray *array, Error *error, const char *format,
                                                              ...)
{
    char text[320];
    FORMAT_ARGUMENTS(text, sizeof text, format);
    return error_set(error, "%s: tensor %.*s: %s", file->path, SHOWN, array->name, text);
}

static bool read_dtype(const Safetensors *file, const cJSON *json, StoredArray *array, Error *error)
{
    if (!cJSON_IsString(json)) {
        return array_error(file, array, error, "missing dtype (expected one such as \"F32\")");
    }
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        if (strcmp(json->valuestring, dtype_name((Dtype)dtype)) == 0) {
            array->dtype = (Dtype)dtype;
            return true;
        }
    }
    return array_error(file, array, error, "dtype '%.20s' is unknown", json->valuestring);
}

// Sizes and their product: no step of it may overflow.
static bool read_shape(const Safetensors *file, const cJSON *json, StoredArray *array, Error *error)
{
    if (!cJSON_IsArray(json)) {
        return array_error(file, array, error, "missing shape (expected one such as [2, 3])");
    }
    bool empty = false;
    double count = 1;
    const cJSON *item;
    cJSON_ArrayForEach(item, json) {
        int64_t size = whole_number(item);
        if (size < 0) {
            return array_error(file, array, error, "has a size in its shape that is not an integer between 0 and 2^53");
        }
        if (array->ndim == STORED_DIMS) {
            return array_error(file, array, error, "has more than %d dimensions", STORED_DIMS);
        }
        array->size[array->ndim] = size;
        array->ndim++;
        empty = empty || size == 0;
        count *= (double)size; // exact up to 2^53, and larger beyond it
    }
    if (!empty && count * (double)dtype_bytes(array->dtype) > LARGEST_WHOLE) {
        return array_error(file, array, error, "has a shape with too many values for any file");
    }
    array->count = empty ? 0 : (size_t)count;
    array->bytes = array->count * dtype_bytes(array->dtype);
    return true;
}

// data is how many bytes of arrays there are in the file.
static bool read_offsets(const Safetensors *file, const cJSON *json, uint64_t data, StoredArray *array, Error *error)
{
    int64_t begin = whole_number(cJSON_GetArrayItem(json, 0));
    int64_t end = whole_number(cJSON_GetArrayItem(json, 1));
    if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != 2 || begin < 0 || end < 0) {
        return array_error(file, array, error, "missing data_offsets (expected two integers such as [0, 24])");
    }
    if (begin > end) {
        return array_error(file, array, error, "ends at %lld, before it begins at %lld", (long long)end, (long long)begin);
    }
    if ((uint64_t)end > data) {
        return array_error(file, array, error, "ends at byte %lld of the data, which has %llu; is the file truncated?", (long long)end,
                           (unsigned long long)data);
    }
    if ((uint64_t)(end - begin) != array->bytes) {
        return array_error(file, array, error, "has %lld byte%s, but %s of %s takes %zu", (long long)(end - begin), plural((double)(end - begin)),
                           STORED_SHAPE(array), dtype_name(array->dtype), array->bytes);
    }
    array->place = (uint64_t)begin;
    return true;
}

static bool read_array(const Safetensors *file, const cJSON *json, uint64_t data, StoredArray *array, Error *error)
{
    const cJSON *dtype = json_member(json, "dtype");
    const cJSON *shape = json_member(json, "shape");
    const cJSON *offsets = json_member(json, "data_offsets");
    *array = (StoredArray){.name = memory_copy_text(json->string)};
    if (!cJSON_IsObject(json) || cJSON_GetArraySize(json) != (dtype != NULL) + (shape != NULL) + (offsets != NULL)) {
        return array_error(file, array, error, "not an object with dtype, shape and data_offsets, each once");
    }
    return read_dtype(file, dtype, array, error) && read_shape(file, shape, array, error) && read_offsets(file, offsets, data, array, error);
}

bool stored_has_shape(const StoredArray *array, Shape shape)
{
    bool equal = array->ndim == shape.ndim;
    for (int i = 0; equal && i < shape.ndim; i++) {
        equal = array->size[i] == shape.size[i];
    }
    return equal;
}

const char *stored_shape_text(const StoredArray *array, char text[STORED_SHAPE_TEXT])
{
    size_t used = (size_t)snprintf(text, STORED_SHAPE_TEXT, "(");
    for (int i = 0; i < array->ndim; i++) {
        used += (size_t)snprintf(text + used, STORED_SHAPE_TEXT - used, "%s%lld", i == 0 ? "" : ", ", (long long)array->size[i]);
    }
    snprintf(text + used, STORED_SHAPE_TEXT - used, ")");
    return text;
}

// ------------------------------------------------------------------------------------------------------------
// All arrays

static int by_place(const void *a, const void *b)
{
    const StoredArray *one = a;
    const StoredArray *other = b;
    if (one->place != other->place) {
        return one->place < other->place ? -1 : 1;
    }
    return (one->bytes > other->bytes) - (one->bytes < other->bytes); // an empty array lies before what begins there
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const StoredArray *)a)->name, ((const StoredArray *)b)->name);
}

// From the data's first byte to its last, each array begins where the one before it ends.
static bool check_places(Safetensors *file, uint64_t data, Error *error)
{
    uint64_t end = 0;
    const char *last = "the header";
    qsort(file->arrays, (size_t)file->n_arrays, sizeof *file->arrays, by_place);
    for (int i = 0; i < file->n_arrays; i++) {
        const StoredArray *array = &file->arrays[i];
        if (array->place != end) {
            return array_error(file, array, error, "begins at byte %llu of the data, but %.*s ends at %llu: they %s",
                               (unsigned long long)array->place, SHOWN, last, (unsigned long long)end,
                               array->place < end ? "overlap" : "leave a gap");
        }
        end += array->bytes;
        last = array->name;
    }
    if (end != data) {
        return error_set(error, "%s: has %llu byte%s after its last tensor", file->path, (unsigned long long)(data - end),
                         plural((double)(data - end)));
    }
    return true;
}

static bool check_names(Safetensors *file, Error *error)
{
    qsort(file->arrays, (size_t)file->n_arrays, sizeof *file->arrays, by_name);
    for (int i = 1; i < file->n_arrays; i++) {
        if (strcmp(file->arrays[i - 1].name, file->arrays[i].name) == 0) {
            return array_error(file, &file->arrays[i], error, "occurs twice");
        }
    }
    return true;
}

// {"format": "pt", ...}: texts only.
static bool read_texts(Safetensors *file, const cJSON *json, Error *error)
{
    const cJSON *text;
    if (!cJSON_IsObject(json) || file->texts != NULL) {
        return error_set(error, "%s: __metadata__ is not an object of strings, or occurs twice", file->path);
    }
    file->texts = memory_allocate_zeroed(2 * (size_t)cJSON_GetArraySize(json) + 1, sizeof(char *), "the metadata");
    cJSON_ArrayForEach(text, json) {
        if (!cJSON_IsString(text)) {
            return error_set(error, "%s: __metadata__: %.*s is not a string", file->path, SHOWN, text->string);
        }
        file->texts[2 * file->n_texts] = memory_copy_text(text->string);
        file->texts[2 * file->n_texts + 1] = memory_copy_text(text->valuestring);
        file->n_texts++;
    }
    return true;
}

static bool read_members(Safetensors *file, const cJSON *json, uint64_t data, Error *error)
{
    if (!cJSON_IsObject(json)) {
        return error_set(error, "%s: its header is not a JSON object of tensors", file->path);
    }
    file->arrays = memory_allocate_zeroed((size_t)cJSON_GetArraySize(json) + 1, sizeof *file->arrays, "the tensors' names");
    const cJSON *member;
    cJSON_ArrayForEach(member, json) {
        if (strcmp(member->string, "__metadata__") == 0) {
            if (!read_texts(file, member, error)) {
                return false;
            }
            continue;
        }
        file->n_arrays++; // first, so that what is freed includes it
        if (!read_array(file, member, data, &file->arrays[file->n_arrays - 1], error)) {
            return false;
        }
    }
    return check_places(file, data, error) && check_names(file, error);
}

// ------------------------------------------------------------------------------------------------------------
// The file

// n bytes from place on, or an error.
static bool read_bytes(const Safetensors *file, uint64_t place, size_t n, void *out, Error *error)
{
    ssize_t got = read_all_at(file->descriptor, (off_t)place, n, out);
    return got == (ssize_t)n || error_set(error, "%s: can't be read: %s", file->path, got < 0 ? strerror(errno) : "it ends early");
}

static bool header_length(const Safetensors *file, uint64_t size, uint64_t *length, Error *error)
{
    unsigned char bytes[LENGTH_BYTES];
    if (size < LENGTH_BYTES) {
        return error_set(error, "%s: has %llu byte%s; a safetensors file begins with 8 bytes, its header's length", file->path,
                         (unsigned long long)size, plural((double)size));
    }
    if (!read_bytes(file, 0, LENGTH_BYTES, bytes, error)) {
        return false;
    }
    memcpy(length, bytes, sizeof *length);
    if (*length > size - LENGTH_BYTES) {
        return error_set(error,
                         "%s: its header of %llu byte%s would go beyond the file's %llu; is it truncated, or not a "
                         "safetensors file?",
                         file->path, (unsigned long long)*length, plural((double)*length), (unsigned long long)size);
    }
    if (*length > LONGEST_HEADER) {
        return error_set(error, "%s: has a header of %llu bytes; at most %d are read", file->path, (unsigned long long)*length, LONGEST_HEADER);
    }
    return true;
}

static bool read_header(Safetensors *file, uint64_t size, Error *error)
{
    uint64_t length = 0;
    if (!header_length(file, size, &length, error)) {
        return false;
    }
    AUTO_FREE char *text = memory_allocate(length + 1, "a header");
    text[length] = '\0';
    AUTO_JSON cJSON *json = read_bytes(file, LENGTH_BYTES, length, text, error) ? json_parse(text, length, file->path, error) : NULL;
    bool read = json != NULL && read_members(file, json, size - LENGTH_BYTES - length, error);
    for (int i = 0; read && i < file->n_arrays; i++) {
        file->arrays[i].place += LENGTH_BYTES + length;
    }
    return read;
}

bool safetensors_open(Safetensors *file, const char *path, Error *error)
{
    struct stat status;
    *file = (Safetensors){.path = memory_copy_text(path), .descriptor = file_open(path, INFINITY, error)};
    bool opened = file->descriptor >= 0 && fstat(file->descriptor, &status) == 0 && read_header(file, (uint64_t)status.st_size, error);
    if (!opened) {
        safetensors_close(file);
    }
    return opened;
}

void safetensors_close(Safetensors *file)
{
    for (int i = 0; i < file->n_arrays; i++) {
        free(file->arrays[i].name);
    }
    for (int i = 0; i < 2 * file->n_texts; i++) {
        free(file->texts[i]);
    }
    free(file->arrays);
    free(file->texts);
    free(file->path);
    if (file->descriptor >= 0) {
        close(file->descriptor);
    }
    *file = (Safetensors){.descriptor = -1};
}

const StoredArray *safetensors_find(const Safetensors *file, const char *name)
{
    return file->n_arrays == 0 ? NULL
                               : bsearch(&(StoredArray){.name = (char *)name}, file->arrays, (size_t)file->n_arrays, sizeof *file->arrays, by_name);
}

const char *safetensors_text(const Safetensors *file, const char *key)
{
    for (int i = 0; i < file->n_texts; i++) {
        if (strcmp(file->texts[2 * i], key) == 0) {
            return file->texts[2 * i + 1];
        }
    }
    return NULL;
}

// ------------------------------------------------------------------------------------------------------------
// Values

bool safetensors_read(const Safetensors *file, const StoredArray *array, size_t first, size_t n, void *out, Error *error)
{
    size_t each = dtype_bytes(array->dtype);
    if (first > array->count || n > array->count - first) {
        fail_mistake(HERE, "safetensors_read: %zu values from %zu on of %s, which has %zu", n, first, array->name, array->count);
    }
    return read_bytes(file, array->place + first * each, n * each, out, error);
}

// Through a buffer, since a file's arrays may begin at any byte.
bool safetensors_read_reals(const Safetensors *file, const StoredArray *array, size_t first, size_t n, Real *out, Error *error)
{
    enum { PIECE = 1 << 16 };
    unsigned char bytes[PIECE];
    size_t at_once = PIECE / dtype_bytes(array->dtype);
    if (array->dtype == DTYPE_REAL) {
        return safetensors_read(file, array, first, n, out, error);
    }
    for (size_t done = 0; done < n;) {
        size_t piece = n - done < at_once ? n - done : at_once;
        if (!safetensors_read(file, array, first + done, piece, bytes, error)) {
            return false;
        }
        dtype_to_reals(array->dtype, bytes, piece, out + done);
        done += piece;
    }
    return true;
}
