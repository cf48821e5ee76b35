// passage.c: a built-in text for measuring gradients.

#include "gpt/text/text.h"

// Long enough for rows of a few hundred bytes.
static const char passage[] =
    "A gradient is a message that travels backwards. It starts at the loss as the number one, and at every operation on its way "
    "it is multiplied by how much that operation cares about what went in. After a few layers of small numbers little is left of "
    "it; after twenty it is a whisper, and the first layers of the network, which have the most to learn, hear nothing at all. "
    "A shortcut is an addition, and an addition passes the message on as it came, once to each side. So on one of the two ways "
    "nothing is lost, however deep the network is, and each layer gets the message whole, with what the layers above have to add. "
    "It was found in networks that look at pictures, and it is in every transformer since: around attention, and around the "
    "feed-forward layers. Take it away, and what remains can still be written down, and drawn, and run; it just can't be taught. "
    "Normalization hides the loss for a while, because it makes small things large again, but it can't bring back what made one "
    "token different from the next. To see all this nobody has to be believed. Build it twice, once with the shortcut and once "
    "without, start both from the same weights, send one message back through each, and measure what arrives.\n";

bool passage_batch(int B, int T, int *ids, int *targets, Error *error)
{
    REQUIRE(ids, targets);
    size_t n = sizeof passage - 1;
    if (n < (size_t)T + 1) {
        return error_set(error, "the built-in text has %zu bytes, too few for rows of %d and one; name a file with --data", n, T);
    }
    size_t last_start = n - (size_t)T - 1;
    for (int b = 0; b < B; b++) {
        size_t start = B == 1 ? 0 : last_start * (size_t)b / (size_t)(B - 1);
        size_t row = (size_t)b * (size_t)T;
        for (size_t t = 0; t < (size_t)T; t++) {
            ids[row + t] = (unsigned char)passage[start + t];
            targets[row + t] = (unsigned char)passage[start + t + 1];
        }
    }
    return true;
}
