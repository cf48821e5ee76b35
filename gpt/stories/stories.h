// stories.h: a grammar that tells small stories, and checks which sentences of a text are its own.

#ifndef GPTAPE_STORIES_H
#define GPTAPE_STORIES_H

#include "tensor/tensor.h"

// Stories: small, correct English by chance, told by a grammar (gpt/text/story.c) that can also read: it finds out which sentences of
// a text are its own, word for word. A sentence ends at . ? or ! and the quote that closes behind it, unless small letters follow,
// as in "Can I help you?" asked Anna. An empty line ends a story.
typedef struct Stories Stories;

Stories *stories_create(void);                     // the caller frees it with stories_free
void stories_free(Stories *stories);
char *stories_tell(const Stories *stories, Random *random);    // one story, with its empty line; the caller frees it

typedef struct StoryCount {
    int sentences;                                 // that have an end: a last one that is cut off is not counted
    int well_formed;                               // of them: sentences of the grammar, with he or she and a or an as they must be
    int stories;                                   // that have an end
    int whole;                                     // of them: stories of the grammar: their plot, and he or she in all of it
} StoryCount;

// Called with each sentence that is not well-formed: n bytes at a place in the text.
typedef void StoryFault(const char *sentence, size_t n, void *context);

StoryCount stories_check(const Stories *stories, const char *text, size_t n, StoryFault *on_fault, void *context);

// The stories that there are when no text is named.
enum { STORIES_BYTES = 1 << 20, STORIES_SEED = 1 };

// Stories one after the other, bytes of them or a little less. The same seed gives the same text. The caller frees it.
char *stories_text(uint64_t seed, size_t bytes);

#endif
