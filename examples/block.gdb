# block.gdb: the lesson of block.c. make debug LESSON=block starts it, next-stop goes on, next-stop 1 begins again.
# stop-1, stop-2, ... say where the program goes to; their documents, what there is to see and what to type. next-stop starts the
# program behind stop-1.

define stop-1
  tbreak block_forward
end
document stop-1
1. A transformer block is about to be run.

    module block        what it is made of: two halves, each with a LayerNorm before it
    print x             what goes in: 5 tokens of 32 values
    list block_forward  its two halves: list, again, shows the second.
    list                The shortcuts are the lines with tensor_add

Then: next-stop
end

define stop-2
  tbreak tensor_add
  continue
  up
end
document stop-2
2. Attention has been computed, step by step, and is about to be added to x.

    tape                20 steps so far
    print x             what takes the shortcut
    print a             what attention made of it: the same shape, or they could not be added

Then: next-stop
end

define stop-3
  tbreak tensor_add
  continue
  finish
  next
end
document stop-3
3. The second half is done, too.

    tape x              the node that made x: the second addition, and what it added

With shortcuts, x goes through the block as a sum: what came in, plus two corrections.
That was the last stop: continue runs to the end.
end

next-stop
