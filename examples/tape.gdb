# tape.gdb: the lesson on tape.c. make debug LESSON=tape starts it, next-stop continues, next-stop 1 starts again.
# stop-N says where the program goes next, and its document what to look at and type there. next-stop runs the program after stop-1.

define stop-1
  tbreak examples/tape.c:31
end
document stop-1
1. b = a + a and c = b + b are computed and recorded; backward has not started.

    tape                two nodes; a is a leaf, so it has none
    print c             name, shape, operation, source line, values
    tape 1              one node with its inputs
    grad a              there is no gradient yet

Then: next-stop
end

define stop-2
  tbreak node_backward
  continue
end
document stop-2
2. The backward pass has started, at the end of the tape. node_backward calls
every backward.

    print node          node 1, c = b + b
    grad node->output   dc/dc, where the pass starts
    backward-step       b is used twice: each use contributes c's gradient, 1
    backward-step       a is used twice: each use contributes b's gradient, 2

Node 0 came last: by then, b's gradient was complete. Nothing had to be sorted.
Then: next-stop
end

define stop-3
  tbreak tensor_backward
  continue
  finish
end
document stop-3
3. A second backward from the same c has finished.

    grad b              b is not a leaf: it started again, and is 2
    grad a              a is a leaf, and the gradients of leaves add up: 4 + 4

That was the last stop: continue runs to the end.
end

next-stop
