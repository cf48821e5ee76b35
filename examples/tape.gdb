# tape.gdb: the lesson of tape.c. make debug LESSON=tape starts it, next-stop goes on, next-stop 1 begins again.
# stop-1, stop-2, ... say where the program goes to; their documents, what there is to see and what to type. next-stop starts the
# program behind stop-1.

define stop-1
  tbreak examples/tape.c:31
end
document stop-1
1. b = a + a and c = b + b are computed and recorded; nothing has gone backward yet.

    tape                two nodes; a was made by none, it is a leaf
    print c             name, shape, how and where it was made, its value
    tape 1              one node with its inputs
    grad a              there is no gradient yet

Then: next-stop
end

define stop-2
  tbreak node_backward
  continue
end
document stop-2
2. The walk over the tape has begun, at its end. node_backward calls every backward there is.

    print node          node 1, c = b + b
    grad node->output   dc/dc, what the walk starts with
    backward-step       b is used twice, so it gets c's gradient twice
    backward-step       a is used twice, so it gets b's gradient twice

Node 0 came last: everything that b had to get had come by then. Nothing was sorted.
Then: next-stop
end

define stop-3
  tbreak tensor_backward
  continue
  finish
end
document stop-3
3. A second backward from the same c is done.

    grad b              b is no leaf: it has started afresh, 2 again
    grad a              a is a leaf, and leaves add up: 4 + 4

That was the last stop: continue runs to the end.
end

next-stop
