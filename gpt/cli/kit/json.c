// json.c: results as JSON. Numbers are written as text, because cJSON would print some with 17 digits.

#include "gpt/cli/kit/kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *json_allocate(size_t bytes)
{
    return memory_allocate(bytes, "JSON");
}

void json_begin(void)
{
    cJSON_Hooks hooks = {.malloc_fn = json_allocate, .free_fn = free};
    cJSON_InitHooks(&hooks); // from here on no cJSON call returns NULL for want of memory
}

static cJSON *number_json(double value)
{
    char text[NUMBER_TEXT];
    if (!isfinite(value)) {
        return cJSON_CreateNull();
    }
    snprintf(text, sizeof text, REAL_FORMAT, value);
    return cJSON_CreateRaw(text);
}

void json_add_number(cJSON *object, const char *name, double value)
{
    cJSON_AddItemToObject(object, name, number_json(value));
}

cJSON *json_add_object(cJSON *array)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToArray(array, object);
    return object;
}

void json_add_quartiles(cJSON *object, const char *name, Quartiles q)
{
    cJSON *json = cJSON_AddObjectToObject(object, name);
    json_add_number(json, "low", q.low);
    json_add_number(json, "median", q.median);
    json_add_number(json, "high", q.high);
    json_add_count(json, "zeros", q.zeros);
    json_add_count(json, "n", q.n);
}

cJSON *json_numbers(const Real *values, int n)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < n; i++) {
        cJSON_AddItemToArray(array, number_json((double)values[i]));
    }
    return array;
}

void json_add_count(cJSON *object, const char *name, double count)
{
    char text[NUMBER_TEXT];
    snprintf(text, sizeof text, "%.0f", count);
    cJSON_AddRawToObject(object, name, text);
}

void json_add_field(cJSON *object, const ConfigField *field, const void *config)
{
    char buffer[FIELD_BUFFER];
    const char *text = config_field_text(field, config, buffer);
    if (field->kind == FIELD_COUNT) {
        json_add_count(object, field->name, config_field_number(field, config));
    } else if (field->kind == FIELD_NUMBER) {
        json_add_number(object, field->name, config_field_number(field, config));
    } else if (field->kind == FIELD_SWITCH) {
        cJSON_AddBoolToObject(object, field->name, config_field_number(field, config) != 0);
    } else if (text[0] != '\0') {
        cJSON_AddStringToObject(object, field->name, text);
    }
}

void json_add_config(cJSON *object, const GPTConfig *config)
{
    cJSON *json = cJSON_AddObjectToObject(object, "config");
    for (int i = 0; i < gpt_field_count; i++) {
        if (gpt_field_applies(&gpt_fields[i], config)) {
            json_add_field(json, &gpt_fields[i], config);
        }
    }
}

void json_print(cJSON *json)
{
    AUTO_FREE char *text = json_text(json, true);
    quote_json(stdout, text);
    putchar('\n');
    cJSON_Delete(json);
}
