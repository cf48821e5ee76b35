# What the gdb of every test is told, in place of the user's own configuration. The debug information of system libraries (libc6-dbg) takes longer
# to read than everything else; it is neither looked for here nor downloaded.
set debuginfod enabled off
set debug-file-directory /nowhere
