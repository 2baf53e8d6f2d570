"""The 1x1 convolution as what it is: one matrix product over the channels."""

from math import prod

from convharness import implementation, lazy_import

torch = lazy_import("torch")

ALL_FLOATS = ("float16", "bfloat16", "float32", "float64")


@implementation(ndim=(1, 2, 3), kernel_size=1)
def numpy_matmul(x, weight, bias, stride, groups):
    """`numpy.matmul` of the weights with all pixels of a sample, those between strides left out first."""
    x = x[_every(stride)]
    n, c, *out = x.shape
    o = len(weight)
    pixels = x.reshape(n, groups, c // groups, prod(out))  # (N, C, *out) -> (N, G, C/G, L)
    y = weight.reshape(groups, o // groups, c // groups) @ pixels  # (N, G, O/G, L)
    y = y.reshape(n, o, *out)
    if bias is not None:
        y += bias.reshape(-1, *[1] * len(out))
    return y


@implementation(arrays="torch", ndim=(1, 2, 3), kernel_size=1, dtype=ALL_FLOATS)
def torch_matmul(x, weight, bias, stride, groups):
    """`torch.mm` for one sample, `torch.bmm` for a batch or groups: never a copy of a transposed image."""
    x = x[_every(stride)]
    n, c, *out = x.shape
    o = len(weight)
    if n == groups == 1:
        y = torch.mm(weight.reshape(o, c), x.reshape(c, prod(out)))  # (O, C) @ (C, L)
    else:
        pixels = x.reshape(n * groups, c // groups, prod(out))  # (N, C, *out) -> (N*G, C/G, L)
        rows = weight.reshape(1, groups, o // groups, c // groups)
        rows = rows.expand(n, -1, -1, -1).reshape(n * groups, o // groups, c // groups)
        y = torch.bmm(rows, pixels)  # (N*G, O/G, L)
    y = y.reshape(n, o, *out)
    if bias is not None:
        y += bias.reshape(-1, *[1] * len(out))
    return y


def _every(stride):
    return (..., *(slice(None, None, s) for s in stride))
