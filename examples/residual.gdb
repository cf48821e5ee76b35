# residual.gdb: the lesson on residual.c. make debug LESSON=residual starts it, next-stop continues, next-stop 1 starts again.
# stop-N says where the program goes next, and its document what to look at and type there. next-stop runs the program after stop-1.

define stop-1
  tbreak tensor_backward
end
document stop-1
1. A block with a rule of its own, t*f(h) + (1 - t)*h, has computed its loss.
Backward has not started.

    tape                the formula is ordinary operations, twice: around
                        attention and around the feed-forward network
    paths               by which paths the gradient will come to the start of
                        each of the two
    jacobian            by how much it grows or shrinks on its way

k counts the functions f that a path has passed. Most of the gradient passes
none of them (k=0): it comes by the (1 - t)*h of both. paths and jacobian walk
back over the tape themselves, and leave it as it was.
Then: next-stop
end

define stop-2
  tbreak gradflow_read
  continue
end
document stop-2
2. Backward has passed the whole tape.

    paths               the same: the tape has not changed
    gradflow            what reached the weights

That was the last stop: continue runs to the end.
end

next-stop
