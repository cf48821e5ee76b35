# block.gdb: the lesson on block.c. make debug LESSON=block starts it, next-stop continues, next-stop 1 starts again.
# stop-N says where the program goes next, and its document what to look at and type there. next-stop runs the program after stop-1.

define stop-1
  tbreak block_forward
end
document stop-1
1. A transformer block is about to run.

    module block            its modules: two halves, a LayerNorm before each
    print x                 the input: 5 tokens of 32 values
    list block_forward,+13  the two halves; each is added to the stream, in.h

Then: next-stop
end

define stop-2
  tbreak tensor_add
  continue
end
document stop-2
2. Attention has been computed, step by step, and is about to be added to the
residual stream.

    tape                20 nodes so far
    print a             the shortcut: what went into the block
    print b             the branch: what attention computed, in the same shape

Then: next-stop
end

define stop-3
  tbreak tensor_add
  continue
  finish
end
document stop-3
3. The second half is done, too.

    tape $              the second addition and its inputs, the stream and the
                        feed-forward network

With shortcuts, the output of a block is a sum: its input plus two corrections.
That was the last stop: continue runs to the end.
end

next-stop
