// vocabulary.h: a small vocabulary, made by hand, in the files and letters of GPT-2's.

#ifndef GPTAPE_TESTS_VOCABULARY_H
#define GPTAPE_TESTS_VOCABULARY_H

// Ids 0 ... 255 are the single bytes; then, each made by the merge of that place:
//
//      256 he  257 ll  258 hell  259 hello  260 " h"  261 " hello"  262 aa  263 aaaa  264 ab  265 é (two bytes)  266 <|end|>
enum { SMALL_VOCABULARY = 267 };

// Writes encoder.json and vocab.bpe to the folder that is current.
void vocabulary_write(void);

// Replaces the first occurrence of one text in a file by another; the test fails if it is not there.
void vocabulary_edit(const char *file, const char *from, const char *to);

#endif
