# attention.gdb: the lesson on attention.c. make debug LESSON=attention starts it, next-stop continues, next-stop 1 starts again.
# stop-N says where the program goes next, and its document what to look at and type there. next-stop runs the program after stop-1.

define stop-1
  tbreak examples/attention.c:56
end
document stop-1
1. Six words have become queries, keys and values, and each query has been
multiplied with each key.

    print x             six words, a vector of 8 each
    tensor q[0,1]       what "cat" looks for
    tensor k[0,0]       what "the" offers
    tensor scores[0,1]  how well the key of each word matches the query of "cat"

Then: next-stop
end

define stop-2
  tbreak tensor_softmax
  continue
end
document stop-2
2. The mask is applied: later words have the score -inf. Softmax comes next.

    tensor x[0]         the masked scores, one row per query
    heat x              the same in colors; -- is -inf

Then: next-stop
end

define stop-3
  finish
  next
end
document stop-3
3. Softmax is done.

    tensor weights[0]   -inf has become 0, and each row sums to 1
    heat weights        which word attends to which

Row 0 has no choice: "the" sees only itself.
Then: next-stop
end

define stop-4
  tbreak tensor_attention
  continue
  up
end
document stop-4
4. The values have been averaged.

    tensor v[0,:2]          what "the" and "cat" pass on
    tensor weights[0,1,:2]  the weight of each
    tensor y[0,1]           the new vector of "cat": their weighted average

That was the last stop: continue runs to the end.
end

next-stop
