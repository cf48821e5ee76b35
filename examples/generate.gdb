# generate.gdb: the lesson on generate.c. make debug LESSON=generate starts it, next-stop continues, next-stop 1 starts again.
# stop-N says where the program goes next, and its document what to look at and type there. next-stop runs the program after stop-1.

define stop-1
  tbreak next_logits
end
document stop-1
1. An untrained GPT is asked for the token after "Hello, I am".

    print n                     the number of tokens so far
    print state->ids[0]@n       a token is a byte: 72 is H
    print state->gpt->config    the size of the model

Then: next-stop
end

define stop-2
  tbreak sampler_choose
  continue
  up
end
document stop-2
2. The model has computed a logit for each of the 256 bytes.

    print logits                their range
    tensor logits[0,0,95:100]   byte 97, a, has the largest of all
    down                        to the function that chooses
    finish                      it chooses 97

Then: next-stop
end

define stop-3
  tbreak next_logits
  continue
end
document stop-3
3. The token has been appended, and the model is asked for the next one.

    print n                     one more
    print state->ids[11]        the token that was chosen

Then: next-stop
end

define stop-4
  tbreak tensor_attention_cached
  continue
end
document stop-4
4. The model gets only the new token, and has reached the attention of its first
block.

    print *qkv                  one query, one key and one value of 32 numbers
                                each, instead of 12
    print cache->length         the keys and values of the first 11 tokens are
                                in the cache
    print *cache->keys          for 2 heads, with space for 30

The query is multiplied with these 11 keys and its own.
Then: next-stop
end

define stop-5
  tbreak tensor_cross_entropy
  continue
  finish
end
document stop-5
5. The loss of the model on the prompt has been computed.

    print $                     the loss
    print (double)log(256.0)    the loss of a model for which all 256 bytes are
                                equally likely

That was the last stop: continue runs to the end.
end

next-stop
