"""The oracle as a whole, on kernels that are right and wrong."""
