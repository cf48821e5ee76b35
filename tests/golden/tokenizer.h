// tokenizer.h: texts and their ids in GPT-2's byte-level BPE. Generated: do not edit.
//
// Made with a reference implementation of r50k with no special tokens allowed, so that <|endoftext|> in text is ordinary text,
// and found equal by the published algorithm, written down in Python with the module regex.

#ifndef GPTAPE_TESTS_GOLDEN_TOKENIZER_H
#define GPTAPE_TESTS_GOLDEN_TOKENIZER_H

#include <stddef.h>

enum { GOLDEN_IDS = 27 };

typedef struct GoldenText {
    const char *text;                              // UTF-8
    size_t n_ids;
    int ids[GOLDEN_IDS];
} GoldenText;

static const GoldenText golden_texts[] = {
    {"Hello, I am", 4, {15496, 11, 314, 716}},
    {"Every effort moves you", 4, {6109, 3626, 6100, 345}},
    {"Every day holds a", 4, {6109, 1110, 6622, 257}},
    {"Hello, I am Featureiman Byeswickattribute argue",
     11, {15496, 11, 314, 716, 27018, 24086, 2750, 274, 16239, 42348, 7267}},
    {"", 0, {0}},
    {" ", 1, {220}},
    {"\n\n\n", 2, {628, 198}},
    {"  two  spaces", 4, {220, 734, 220, 9029}},
    {"I'll we're don't it's I'm you've he'd", 14, {40, 1183, 356, 821, 836, 470, 340, 338, 314, 1101, 345, 1053, 339, 1549}},
    {"I'LL DON'T", 6, {40, 6, 3069, 23917, 6, 51}},
    {"na\xc3\xafve caf\xc3\xa9 \xe2\x80\x94 \xe2\x80\x9cquotes\xe2\x80\x9d \xe2\x80\xa6 \xe2\x82\xac" "5",
     13, {2616, 38776, 40304, 851, 564, 250, 421, 6421, 447, 251, 3926, 10432, 20}},
    {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe3\x83\x86\xe3\x82\xad\xe3\x82\xb9\xe3\x83\x88",
     10, {33768, 98, 17312, 105, 45739, 252, 5641, 24336, 25084, 43302}},
    {"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, \xd0\xbc\xd0\xb8\xd1\x80! 123",
     14, {140, 253, 21169, 18849, 38857, 16843, 20375, 11, 12466, 120, 18849, 21169, 0, 17031}},
    {"x=1;\n\tif (a[i]>=0x1F) { return b->c; }\n",
     27, {87, 28, 16, 26, 198, 197, 361, 357, 64, 58, 72, 60, 29, 28, 15, 87, 16, 37, 8, 1391, 1441, 275, 3784, 66, 26, 1782,
          198}},
    {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 family \xf0\x9f\x87\xae\xf0\x9f\x87\xb9",
     17, {41840, 102, 447, 235, 41840, 102, 447, 235, 41840, 100, 1641, 12520, 229, 106, 8582, 229, 117}},
    {"a\xcc\x81 combining", 4, {64, 136, 223, 19771}},
    {"trailing space ", 4, {9535, 4386, 2272, 220}},
    {"\t\ttabs\xc2\xa0nbsp", 7, {197, 197, 8658, 82, 1849, 77, 24145}},
    {"1234567890 3.14159 1e-5", 12, {10163, 2231, 30924, 3829, 513, 13, 1415, 19707, 352, 68, 12, 20}},
    {"<|endoftext|>", 7, {27, 91, 437, 1659, 5239, 91, 29}},
};

enum { GOLDEN_TEXTS = sizeof golden_texts / sizeof golden_texts[0] };

#endif
