"""Starts the kernel:  python3 notebooks/kernel -f CONNECTION_FILE  (Jupyter does that, by the kernelspec that make writes)."""

from kernel import main

main()
