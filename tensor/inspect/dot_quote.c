// dot_quote.c: any text as part of a quoted string of Graphviz.

#include "tensor/inspect/dot.h"

#include <string.h>

// Graphviz reads quotes, backslashes and, even in plain labels, entities like &amp;.
void dot_quote(FILE *out, const char *text)
{
    for (size_t n = strlen(text); n > 0;) {
        char shown[UTF8_SHOWN];
        size_t shown_length;
        size_t length = utf8_show(text, n, shown, &shown_length);
        for (size_t i = 0; i < shown_length; i++) {
            if (shown[i] == '&') {
                fputs("&amp;", out);
            } else {
                fprintf(out, "%s%c", shown[i] == '"' || shown[i] == '\\' ? "\\" : "", shown[i]);
            }
        }
        text += length;
        n -= length;
    }
}
