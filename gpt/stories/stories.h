// stories.h: a grammar that tells small stories, and checks which sentences of a text are its own.

#ifndef GPTAPE_STORIES_H
#define GPTAPE_STORIES_H

#include "tensor/tensor.h"

#include "tensor/public_begin.h"

// Small random stories in correct English. The grammar (story.c) also works as a parser: it decides which sentences of a text it could have
// made, word for word. A sentence ends at . ? or ! and a closing quote, unless lowercase letters follow, as in "Can I help you?" asked
// Anna. An empty line ends a story.
typedef struct Stories Stories;

Stories *stories_create(void); // the caller frees it with stories_free
void stories_free(Stories *stories);
char *stories_tell(const Stories *stories, Random *random); // one story, with its empty line; the caller frees it

typedef struct StoryCount {
    int sentences;   // complete ones; a truncated last one does not count
    int well_formed; // of these, sentences of the grammar, with the right he or she, a or an
    int stories;     // complete ones; a whole one may lack the empty line at the end of the text
    int whole;       // of these, stories of the grammar: one plot, with the same names throughout
} StoryCount;

// Called for each sentence that is not well-formed: n bytes within the text.
typedef void StoryFault(const char *sentence, size_t n, void *context);

StoryCount stories_check(const Stories *stories, const char *text, size_t n, StoryFault *on_fault, void *context);

// The stories that are the default text.
enum { STORIES_BYTES = 1 << 20, STORIES_SEED = 1 };

// Stories, about this many bytes and no more. The same seed gives the same text. The caller frees it.
char *stories_text(uint64_t seed, size_t bytes);

#include "tensor/public_end.h"

#endif
