# attention.gdb: the lesson of attention.c. make debug LESSON=attention starts it, next-stop goes on, next-stop 1 begins again.
# stop-1, stop-2, ... say where the program goes to; their documents, what there is to see and what to type. next-stop starts the
# program behind stop-1.

define stop-1
  tbreak examples/attention.c:56
end
document stop-1
1. Six words have become queries, keys and values, and each query has met each key.

    print x             six words, a vector of 8 for each
    tensor q[0,1]       what "cat" looks for
    tensor k[0,0]       what "the" has to show
    tensor scores[0,1]  how well each word's key meets the query of "cat"

Then: next-stop
end

define stop-2
  tbreak tensor_softmax
  continue
end
document stop-2
2. The mask is on: what comes later is -inf. The softmax comes next.

    tensor x[0]         the masked scores, a row for each query
    heat x              the same in colours; -- is -inf

Then: next-stop
end

define stop-3
  finish
  next
end
document stop-3
3. The softmax is done.

    tensor weights[0]   -inf has become 0, and each row sums to 1
    heat weights        who looks at whom

Row 0 has no choice: "the" can only look at itself. Then: next-stop
end

define stop-4
  tbreak tensor_attention
  continue
  up
end
document stop-4
4. The words have been mixed.

    tensor v[0,:2]          what "the" and "cat" hand over
    tensor weights[0,1,:2]  how much of each
    tensor y[0,1]           the new vector of "cat": their average, so weighted

That was the last stop: continue runs to the end.
end

next-stop
