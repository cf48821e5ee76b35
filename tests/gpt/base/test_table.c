// test_table.c: tables on disk: cells are read as they were written.

#include "gpt/base/base.h"
#include "gpt/base/table.h"
#include "tests/support/suite.h"

#include <check.h>
#include <string.h>

// quote_csv writes a cell, the reader reads it.
START_TEST(cells_are_read_as_written)
{
    static const char *const cells[] = {"plain", "a,b", "a\"b,c", "\"", "\"\"", "\",\"", "", " spaces ", "a\",\"b\"\""};
    enum { N = sizeof cells / sizeof cells[0] };
    Writer *writer = writer_begin();
    fputs("header\n", writer->stream);
    for (int i = 0; i < N; i++) {
        fputs(i == 0 ? "" : ",", writer->stream);
        quote_csv(writer->stream, cells[i]);
    }
    fputs("\nlast,\"incomplete", writer->stream);
    char *text = writer_end(writer);
    TableReader reader;
    Error error = {0};
    ck_assert_msg(table_reader_begin(&reader, text, strlen(text), "a text", "header\n", &error), "%s", error.message);
    ck_assert(table_reader_next(&reader));
    ck_assert_int_eq(reader.line, 2);
    ck_assert_int_eq(reader.n_cells, N);
    for (int i = 0; i < N; i++) {
        ck_assert_str_eq(reader.cells[i], cells[i]);
    }
    ck_assert(!table_reader_next(&reader));
    table_reader_close(&reader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpt/base/table");
    TCase *tcase = case_create(suite, "table");
    tcase_add_test(tcase, cells_are_read_as_written);
    return suite_run(suite);
}
