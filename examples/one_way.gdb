# one_way.gdb: the lesson on one_way.c. make debug LESSON=one_way starts it, next-stop continues, next-stop 1 starts again.
# stop-N says where the program goes next, and its document what to look at and type there. next-stop runs the program after stop-1.

define stop-1
  tbreak tensor_detach
end
document stop-1
1. The second network, stop(h) + f(norm(h)), computes its first block: stop(h).

    finish                      the tensor that stop(h) returns
    print $.requires_grad       false: no gradient will arrive here

Then: next-stop
end

define stop-2
  tbreak node_backward if node->index == 98
  continue
end
document stop-2
2. Backward has reached the last addition of the last block,
stop(h) + f(norm(h)).

    print node                  its inputs: what stop(h) returned, and the
                                result of f
    backward-step               the addition passes the gradient to f only: at
                                stop(h) it ends

Then: next-stop
end

define stop-3
  tbreak gradflow_read
  continue
end
document stop-3
3. The backward pass is complete.

    gradflow                    mean |dL/dW| of each block, logarithmic

Each block shrinks the gradient: the first gets almost none, although the loss
is that of the network with shortcuts, to the last bit.
That was the last stop: continue runs to the end.
end

next-stop
