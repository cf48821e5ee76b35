// cJSON.h: kit.h only declares functions that take one; the module contains none of them.

typedef struct cJSON cJSON;
