# shortcut.gdb: the lesson on shortcut.c. make debug LESSON=shortcut starts it, next-stop continues, next-stop 1 starts again.
# stop-N says where the program goes next, and its document what to look at and type there. next-stop runs the program after stop-1.

define stop-1
  tbreak tensor_backward
end
document stop-1
1. The network without shortcuts has computed its loss: 20 layers, each a linear
map and a GELU. Backward has not started.

    backward-step       the loss passes its gradient to the output of layer 19
    backward-step       through the GELU of layer 19
    backward-step       through its linear map: to the output of layer 18, and
                        to its weight
    gradflow            the only weight that has a gradient so far

Then: next-stop
end

define stop-2
  tbreak module_free
  continue
end
document stop-2
2. The backward pass is complete; every weight has its gradient.

    gradflow            mean |dL/dW| of each layer, on a logarithmic axis

It vanishes: layer 0 gets less than a ten-trillionth of the gradient of layer
19. The only path back leads through every layer, and each layer shrinks it.
Then: next-stop
end

define stop-3
  tbreak tensor_backward
  continue
  tbreak node_backward if node->index == 56
  continue
end
document stop-3
3. The second network has the same weights and x = x + layer(x).
Backward has reached the addition of layer 18.

    print node          inputs 53 and 55: the shortcut (what went into layer 18)
                        and the branch (its result)
    backward-step       the addition passes the gradient on

Shortcut and branch both receive the whole gradient: the derivative of a sum is
1.
Then: next-stop
end

define stop-4
  tbreak node_backward if node->index == 55
  continue
end
document stop-4
4. This is the start of the branch, layer 18 itself.

    backward-step       through the GELU
    backward-step       through the linear map, to the input of layer 18, which
                        already has the shortcut's part

Compare the two: the part that came by the branch, and the total with the
shortcut's part.
Then: next-stop
end

define stop-5
  tbreak module_free
  continue
end
document stop-5
5. The backward pass of the second network is complete.

    gradflow            on the same axis: it no longer vanishes

No matter how much a layer shrinks the gradient, the layer before it also gets
the shortcut's part.
Then: next-stop
end

define stop-6
  tbreak tensor_backward
  continue
  tbreak module_free
  continue
end
document stop-6
6. The five layers of the book, without shortcuts.

    gradflow            a factor of 25 from the last layer to the first

Then: next-stop
end

define stop-7
  tbreak tensor_backward
  continue
  tbreak module_free
  continue
end
document stop-7
7. The five layers with shortcuts.

    gradflow            a factor of 6

With five layers, the effect is small and all gradients are larger, because the
loss is larger, too: compare within each network.
That was the last stop: continue runs to the end.
end

next-stop
