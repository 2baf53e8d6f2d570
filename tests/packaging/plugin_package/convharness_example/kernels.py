"""Implementations of another package than convharness."""

from convharness import implementation


@implementation(kernel_size=1)
def pointwise(x, weight):
    """A 1×1 convolution is one matrix product over the channels."""
    n, c, *size = x.shape
    y = weight.reshape(-1, c) @ x.reshape(n, c, -1)  # (O, C) @ (N, C, HW) -> (N, O, HW)
    return y.reshape(n, -1, *size)
