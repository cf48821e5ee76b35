# generate.gdb: the lesson of generate.c. make debug LESSON=generate starts it, next-stop goes on, next-stop 1 begins again.
# stop-1, stop-2, ... say where the program goes to; their documents, what there is to see and what to type. next-stop starts the
# program behind stop-1.

define stop-1
  tbreak next_logits
end
document stop-1
1. A GPT that has learned nothing is asked for the token after "Hello, I am".

    print n                     tokens so far
    print state->ids[0]@n        a token is a byte here: 72 is H
    print state->gpt->config     how large the model is

Then: next-stop
end

define stop-2
  tbreak sampler_choose
  continue
  up
end
document stop-2
2. It has answered, with a logit for each of the 256 bytes.

    print logits                how far they lie apart
    tensor logits[0,0,95:100]   byte 97, a, has the largest of all
    down                        to where one is chosen
    finish                      it is that one

Then: next-stop
end

define stop-3
  tbreak next_logits
  continue
end
document stop-3
3. The token has been appended, and the question is asked again.

    print n                     one more
    print state->ids[11]         the one that was chosen

Then: next-stop
end

define stop-4
  tbreak tensor_attention_cached
  continue
end
document stop-4
4. The model has been shown the new token only, and has come to the attention of its first block.

    print *qkv                  one query, key and value of 32 numbers each, instead of 12
    print cache->length         the first 11 tokens have left their keys and values here
    print *cache->keys          for 2 heads, with room for 30

The query meets these 11 keys and its own. Then: next-stop
end

define stop-5
  tbreak tensor_cross_entropy
  continue
  finish
end
document stop-5
5. How bad is it? The loss of its guesses for the prompt itself has been computed.

    print $             the loss
    print log(256)      what a model has that thinks all 256 bytes equally likely

That was the last stop: continue runs to the end.
end

next-stop
