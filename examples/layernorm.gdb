# layernorm.gdb: the lesson of layernorm.c. make debug LESSON=layernorm starts it, next-stop goes on, next-stop 1 begins again.
# stop-1, stop-2, ... say where the program goes to; their documents, what there is to see and what to type. next-stop starts the
# program behind stop-1.

define stop-1
  tbreak examples/layernorm.c:42
end
document stop-1
1. Two rows, the second ten times the first, have been normalised step by step.

    tensor x            the rows
    tensor centered     without their means: each row sums to 0
    tensor std          how far each row spreads
    tensor normal       centered / std: the two rows have become the same
    tape                the steps, a node each

Then: next-stop
end

define stop-2
  tbreak node_backward if node->op == &op_layernorm
  continue
end
document stop-2
2. The steps have gone backward; now the same comes from the one operation that does it all.

    print *(RowStats *)node->saved@2        all that forward kept: mean and 1/std of each row
    grad node->output                       dL/dy: the same for both rows
    backward-step                           over both rows, to x
    grad node->inputs[0]                    dL/dx

Add up a row of dL/dx: 0, because adding one number to all of a row of x changes nothing.
The second row's is a tenth of the first's: what is large gets little. That was the last stop:
continue runs to the end.
end

next-stop
