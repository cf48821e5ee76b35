// writer.c: text written piece by piece to a stream in memory.

#include "gpt/base/base.h"

#include <stdarg.h>
#include <stdlib.h>

Writer *writer_begin(void)
{
    Writer *writer = memory_allocate_zeroed(1, sizeof *writer, "a text");
    writer->stream = open_memstream(&writer->text, &writer->n);
    if (writer->stream == NULL) {
        fail_memory(0, "a text");
    }
    return writer;
}

char *writer_end(Writer *writer)
{
    bool failed = fputc('\0', writer->stream) == EOF; // glibc's stream sets no error flag when memory is refused, but is full then
    failed = fclose(writer->stream) != 0 || failed || writer->text == NULL; // closing it may need memory, too
    char *text = writer->text;
    size_t n = writer->n;
    free(writer);
    if (failed) {
        free(text);
        fail_memory(n, "a text");
    }
    return text;
}

char *text_format(const char *format, ...)
{
    Writer *writer = writer_begin();
    va_list arguments;
    va_start(arguments, format);
    vfprintf(writer->stream, format, arguments);
    va_end(arguments);
    return writer_end(writer);
}
