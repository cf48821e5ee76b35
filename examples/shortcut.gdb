# shortcut.gdb: the lesson of shortcut.c. make debug LESSON=shortcut starts it, next-stop goes on, next-stop 1 begins again.
# stop-1, stop-2, ... say where the program goes to; their documents, what there is to see and what to type. next-stop starts the
# program behind stop-1.

define stop-1
  tbreak tensor_backward
end
document stop-1
1. The network without shortcuts has computed its loss, and nothing has gone backward yet.
Five layers, each a linear map and a gelu: 11 nodes with the loss.

    tape                the nodes, in the order in which they were recorded
    backward-step       the loss hands its gradient to layers.4.out
    backward-step       through the gelu of layer 4
    backward-step       through its linear map: to layers.3.out, and to its weight
    gradflow            which weights have got theirs so far

|grad| has become smaller from step to step. Then: next-stop
end

define stop-2
  tbreak gradflow_read
  continue
end
document stop-2
2. The walk is over; every weight has its gradient.

    gradflow            mean |dL/dW| of each layer. Each # is the same factor

From the last layer to the first it falls to a twenty-fifth: there is no way back but
through every layer, and each takes its share. Then: next-stop
end

define stop-3
  tbreak node_backward if node->index == 11
  continue
end
document stop-3
3. The second network, same weights, with a shortcut around each layer: x + layer(x).
The walk has come to the addition of layer 3.

    print node          inputs 8 and 10: what went into layer 3, and what came out of it
    grad node->output   the gradient that arrives here
    backward-step       it passes the addition

Both inputs got the same three numbers that had arrived: 1 is the slope of an addition,
whatever was added. Then: next-stop
end

define stop-4
  tbreak node_backward if node->index == 10
  continue
end
document stop-4
4. One of the two ways goes straight to layers.2.out; the other goes through layer 3,
and here it begins.

    backward-step       through the gelu
    backward-step       through the linear map, to layers.2.out as well

1.072 had come to layer 3. Past it came 1.072, through it 0.2335: a fifth.
(L2 norms; shortcut.c has a watch on the tape that keeps the two ways apart.)
Then: next-stop
end

define stop-5
  tbreak gradflow_read
  continue
end
document stop-5
5. The walk of the second network is over.

    gradflow            compare with what you saw at stop 2
    tape                four additions, and the gradient that came to each

From the last layer to the first it falls to a sixth now, where it was a twenty-fifth: whatever
a layer does to the gradient, the one before it also gets what came past it. With 20 layers it
is a thirteenth against a hundred-billionth (gptape gradflow). That was the last stop: continue
runs to the end.
end

next-stop
