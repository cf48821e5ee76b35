// stories_test.h: the stories of the running test, and their count.

#ifndef GPTAPE_TESTS_STORIES_TEST_H
#define GPTAPE_TESTS_STORIES_TEST_H

#include "gpt/stories/grammar.h"
#include "tests/support/suite.h"

#include <string.h>

static Stories *stories;

static inline void prepare(void)
{
    stories = stories_create();
}

static inline void finish(void)
{
    stories_free(stories);
}

static inline StoryCount count_of(const char *text)
{
    return stories_check(stories, text, strlen(text), NULL, NULL);
}

// ------------------------------------------------------------------------------------------------------------
// What is not

typedef struct Pair {
    const char *right, *wrong;
} Pair;

#endif
