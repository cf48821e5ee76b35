# layernorm.gdb: the lesson on layernorm.c. make debug LESSON=layernorm starts it, next-stop continues, next-stop 1 starts again.
# stop-N says where the program goes next, and its document what to look at and type there. next-stop runs the program after stop-1.

define stop-1
  tbreak examples/layernorm.c:23
end
document stop-1
1. Two rows, the second ten times the first, have been normalized step by step.

    tensor x            the rows
    tensor centered     minus their means: each row sums to 0
    tensor std          the standard deviation of each row
    tensor normal       centered / std: the two rows have become the same
    tape                the steps, one node each

Then: next-stop
end

define stop-2
  tbreak node_backward if node->op == &op_layernorm
  continue
end
document stop-2
2. Now the gradient goes through the single operation that does all the steps.

    print *(RowStats *)node->saved@2        all that forward saved:
                                            mean and 1 / std of each row
    grad node->output                       dL/dy: the same for both rows
    backward-step                           to x
    grad node->inputs[0]                    dL/dx

Each row of dL/dx sums to 0, because adding one number to a whole row of x
changes nothing. The gradient of the second row is a tenth of the first: large
rows get small gradients.
That was the last stop: continue runs to the end.
end

next-stop
