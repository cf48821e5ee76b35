"""Starts the kernel:  python3 notebooks/kernel -f CONNECTION_FILE  (as Jupyter does, from the kernelspec that make writes)."""

from kernel import main

main()
