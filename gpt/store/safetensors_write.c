// safetensors_write.c: writes named arrays to a file.

#include "gpt/base/base.h"
#include "gpt/store/safetensors.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

typedef struct Item {
    StoredArray array; // its size as in the file
    const void *data;
    bool transposed;
} Item;

struct SafetensorsWriter {
    Item *items;
    int n;
    int capacity;
    cJSON *texts;
};

SafetensorsWriter *safetensors_writer_create(void)
{
    SafetensorsWriter *writer = memory_allocate(sizeof *writer, "a file's arrays");
    *writer = (SafetensorsWriter){.texts = cJSON_CreateObject()};
    return writer;
}

void safetensors_writer_free(SafetensorsWriter *writer)
{
    for (int i = 0; i < writer->n; i++) {
        free(writer->items[i].array.name);
    }
    free(writer->items);
    cJSON_Delete(writer->texts);
    free(writer);
}

void safetensors_add(SafetensorsWriter *writer, const char *name, Dtype dtype, Shape shape, const void *data)
{
    Item *item = LIST_ADD(writer->items, writer->n, writer->capacity, "a file's arrays");
    *item = (Item){.array = {.name = memory_copy_text(name), .dtype = dtype, .ndim = shape.ndim, .count = shape_count(shape)}, .data = data};
    for (int i = 0; i < shape.ndim; i++) {
        item->array.size[i] = shape.size[i];
    }
    item->array.bytes = item->array.count * dtype_bytes(dtype);
}

void safetensors_add_transposed(SafetensorsWriter *writer, const char *name, int rows, int columns, const Real *data)
{
    safetensors_add(writer, name, DTYPE_REAL, SHAPE(columns, rows), data);
    writer->items[writer->n - 1].transposed = true;
}

void safetensors_add_text(SafetensorsWriter *writer, const char *key, const char *text)
{
    cJSON_AddStringToObject(writer->texts, key, text);
}

void safetensors_add_checksum(SafetensorsWriter *writer)
{
    uint64_t checksum = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, writer->texts) {
        checksum += checksum_text(member->string, member->valuestring);
    }
    for (int i = 0; i < writer->n; i++) {
        const Item *item = &writer->items[i];
        if (item->transposed) {
            fail_mistake(HERE, "safetensors_add_checksum: %s is transposed: its values don't lie as they will in the file", item->array.name);
        }
        LongHash hash = checksum_array_begin(&item->array);
        long_hash_add(&hash, item->data, item->array.bytes);
        checksum += long_hash_end(&hash);
    }
    AUTO_FREE char *text = checksum_format(checksum);
    safetensors_add_text(writer, CHECKSUM_KEY, text);
}

// ------------------------------------------------------------------------------------------------------------
// The header

// Large values first, so that each array begins at a multiple of its values' size. What of one size was added first comes first.
static void sort_items(const SafetensorsWriter *writer, const Item **sorted)
{
    int n = 0;
    for (size_t bytes = 8; bytes > 0; bytes /= 2) {
        for (int i = 0; i < writer->n; i++) {
            if (dtype_bytes(writer->items[i].array.dtype) == bytes) {
                sorted[n] = &writer->items[i];
                n++;
            }
        }
    }
}

static cJSON *array_json(const StoredArray *array, uint64_t begin)
{
    cJSON *json = cJSON_CreateObject();
    double size[STORED_DIMS];
    for (int i = 0; i < array->ndim; i++) {
        size[i] = (double)array->size[i];
    }
    cJSON_AddStringToObject(json, "dtype", dtype_name(array->dtype));
    cJSON_AddItemToObject(json, "shape", cJSON_CreateDoubleArray(size, array->ndim));
    cJSON_AddItemToObject(json, "data_offsets", cJSON_CreateDoubleArray((double[]){(double)begin, (double)(begin + array->bytes)}, 2));
    return json;
}

// The caller frees it.
static char *header_text(const SafetensorsWriter *writer, const Item **sorted)
{
    AUTO_JSON cJSON *json = cJSON_CreateObject();
    uint64_t begin = 0;
    if (writer->texts->child != NULL) {
        cJSON_AddItemToObject(json, "__metadata__", cJSON_Duplicate(writer->texts, true));
    }
    for (int i = 0; i < writer->n; i++) {
        cJSON_AddItemToObject(json, sorted[i]->array.name, array_json(&sorted[i]->array, begin));
        begin += sorted[i]->array.bytes;
    }
    return json_text(json, false);
}

// Filled up with spaces, so that the data begins at a multiple of 8.
static void write_header(const char *text, FILE *stream)
{
    uint64_t n = strlen(text);
    uint64_t padded = (n + 7) / 8 * 8;
    fwrite(&padded, sizeof padded, 1, stream);
    fprintf(stream, "%-*s", (int)padded, text);
}

// ------------------------------------------------------------------------------------------------------------
// The values

// The file's rows are our columns. A few at a time, so that memory is walked along and not across.
static void write_transposed(const Item *item, FILE *stream)
{
    enum { AT_ONCE = 16 };
    size_t rows = (size_t)item->array.size[1];
    size_t columns = (size_t)item->array.size[0];
    const Real *data = item->data;                                                                   // (rows, columns)
    AUTO_FREE Real *turned = memory_allocate(AT_ONCE * rows * sizeof *turned, "a matrix's columns"); // (AT_ONCE, rows)
    for (size_t first = 0; first < columns && !ferror(stream); first += AT_ONCE) {
        size_t n = columns - first < AT_ONCE ? columns - first : AT_ONCE;
        for (size_t row = 0; row < rows; row++) {
            for (size_t i = 0; i < n; i++) {
                turned[i * rows + row] = data[row * columns + first + i];
            }
        }
        fwrite(turned, sizeof *turned, n * rows, stream);
    }
}

void safetensors_write(const void *object, FILE *stream)
{
    const SafetensorsWriter *writer = object;
    AUTO_FREE const Item **sorted = memory_allocate(((size_t)writer->n + 1) * sizeof *sorted, "a file's arrays");
    sort_items(writer, sorted);
    AUTO_FREE char *header = header_text(writer, sorted);
    write_header(header, stream);
    for (int i = 0; i < writer->n && !ferror(stream); i++) { // stops if the disk is full, with errno set
        if (sorted[i]->transposed) {
            write_transposed(sorted[i], stream);
        } else {
            fwrite(sorted[i]->data, 1, sorted[i]->array.bytes, stream);
        }
    }
}

bool safetensors_save(const SafetensorsWriter *writer, const char *path, Error *error)
{
    SaveFile save;
    if (!save_begin(&save, path, error)) {
        return false;
    }
    safetensors_write(writer, save.stream);
    return save_commit(&save, error);
}
