"""Convolution by PyTorch: its own operators in several forms, and the classical algorithms on its tensors."""

from itertools import product
from math import prod

from convharness import implementation, lazy_import, plan

torch = lazy_import("torch")

MOST_WORKSPACE = 2**30
ALL_FLOATS = ("float16", "bfloat16", "float32", "float64")


@implementation(arrays="torch", ndim=(1, 2, 3), dtype=ALL_FLOATS)
def conv(x, weight, bias, stride, padding, dilation, groups):
    """`torch.conv1d`, `conv2d` or `conv3d`, which `torch.nn.functional` offers too: the baseline."""
    return _convolution(x)(x, weight, bias, stride, padding, dilation, groups)


@implementation(arrays="torch", ndim=(1, 2, 3), dtype=ALL_FLOATS)
def conv_padded(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """Padding as a step of its own, which can be one-sided, negative and of any mode; then the baseline."""
    x = _pad(x, pads, padding_mode)
    return _convolution(x)(x, weight, bias, stride, 0, dilation, groups)


@plan(arrays="torch", ndim=(1, 2, 3), dtype=ALL_FLOATS)
def module(weight, bias, stride, padding, dilation, groups, padding_mode):
    """`torch.nn.Conv1d`, `Conv2d` or `Conv3d` with all its parameters, holding copies of the weights."""
    kinds = {3: torch.nn.Conv1d, 4: torch.nn.Conv2d, 5: torch.nn.Conv3d}
    o, channels, *kernel = weight.shape
    layer = torch.nn.utils.skip_init(
        kinds[weight.ndim],
        channels * groups,
        o,
        tuple(kernel),
        stride,
        padding,
        dilation,
        groups,
        bias is not None,
        padding_mode,
        dtype=weight.dtype,
        device=weight.device,
    )
    layer.requires_grad_(requires_grad=False)
    layer.weight.copy_(weight)
    if bias is not None:
        layer.bias.copy_(bias)
    return layer


@plan(arrays="torch", layout="channels_last", ndim=(2, 3), dtype=ALL_FLOATS)
def conv_channels_last(weight, bias, stride, padding, dilation, groups):
    """The baseline with everything stored channels last, the order in which oneDNN computes."""
    order = torch.channels_last if weight.ndim == 4 else torch.channels_last_3d
    convolution = _convolution(weight)
    weight = weight.clone(memory_format=order)
    bias = None if bias is None else bias.clone()

    def run(x):
        y = convolution(x, weight, bias, stride, padding, dilation, groups)
        return y.contiguous(memory_format=order)

    return run


@implementation(arrays="torch", ndim=(1, 2, 3))
def native(x, weight, bias, stride, padding, dilation, groups):
    """The baseline without oneDNN and NNPACK: PyTorch's own im2col and matrix products.

    NNPACK, which PyTorch takes without oneDNN from a batch of 16 on, transforms: it is not exact on integers.
    """
    onednn, nnpack = torch.backends.mkldnn.set_flags, torch.backends.nnpack.set_flags
    # `torch.backends.mkldnn.flags` would touch the precision settings too, and warn about them.
    (before, *_), (nnpack_before,) = onednn(_enabled=False, _fp32_precision=None), nnpack(_enabled=False)
    try:
        return _convolution(x)(x, weight, bias, stride, padding, dilation, groups)
    finally:
        onednn(_enabled=before, _fp32_precision=None)
        nnpack(_enabled=nnpack_before)


@implementation(arrays="torch")
def unfold(x, weight, bias, stride, padding, dilation, groups):
    """The textbook's im2col: `torch.nn.functional.unfold` writes every window out; one product per group."""
    n, o = len(x), len(weight)
    kernel = weight.shape[2:]
    out = _output_size(x.shape[2:], kernel, stride, dilation, padding)
    columns = torch.nn.functional.unfold(x, kernel, dilation, padding, stride)  # (N, C*KH*KW, L)
    columns = columns.reshape(n, groups, weight[0].numel(), prod(out))  # (N, G, K, L)
    y = x.new_empty(n, groups, o // groups, prod(out))
    _add_products(y, weight.reshape(groups, o // groups, weight[0].numel()), columns, first=True)
    return _add_bias(y.reshape(n, o, *out), bias)


@implementation(arrays="torch", ndim=(1, 2, 3))
def shift_add(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """One matrix product per kernel tap, over the input shifted to that tap, summed inside BLAS.

    Depthwise the product is elementwise. Little memory, but each tap reads and writes the whole output.
    """
    x = _pad(x, pads, padding_mode)
    n, c, *size = x.shape
    o, channels, *kernel = weight.shape
    out = _output_size(size, kernel, stride, dilation)
    x = x.reshape(n, groups, c // groups, *size)  # (N, C, *size) -> (N, G, C/G, *size)
    taps = weight.reshape(groups, o // groups, channels, prod(kernel)).permute(3, 0, 1, 2).contiguous()
    y = x.new_empty(n, groups, o // groups, prod(out))
    for index, tap in enumerate(product(*map(range, kernel))):
        axes = zip(tap, out, stride, dilation, strict=True)
        shift = (slice(k * d, k * d + (length - 1) * s + 1, s) for k, length, s, d in axes)
        columns = x[(..., *shift)].reshape(n, groups, channels, prod(out))  # (N, G, C/G, L)
        _add_products(y, taps[index], columns, first=index == 0)
    return _add_bias(y.reshape(n, o, *out), bias)


def _add_products(y, weight, columns, *, first):
    """Add weight (G, O/G, K) times columns (N, G, K, L) to y (N, G, O/G, L), or set it if `first`."""
    if weight.shape[2] == 1:
        torch.mul(columns, weight, out=y) if first else y.addcmul_(columns, weight)
        return
    # One call for all samples of each group, or all groups of each sample: neither copies the weights.
    if len(weight) == 1:
        y[:, 0].baddbmm_(weight.expand(len(y), -1, -1), columns[:, 0], beta=0 if first else 1)
        return
    for target, sample in zip(y, columns, strict=True):
        target.baddbmm_(weight, sample, beta=0 if first else 1)


def _fits_in_memory(problem):
    """Refuse what needs more than a gigabyte of spectra, each once as transformed and once as multiplied."""
    lengths = _circle(problem.input_size, problem.pads, problem.kernel_span, problem.padding_mode)
    frequencies = prod(lengths[:-1]) * (lengths[-1] // 2 + 1)
    images = problem.batch_size * (problem.in_channels + problem.out_channels) + prod(
        problem.weight_shape[:2]
    )
    workspace = 2 * images * frequencies * (8 if problem.dtype == "float32" else 16)
    if workspace > MOST_WORKSPACE:
        return f"needs {workspace / 2**30:.1f} GiB of workspace, more than {MOST_WORKSPACE / 2**30:.0f} GiB"
    return None


@implementation(arrays="torch", ndim=(1, 2, 3), accuracy="fft", when=_fits_in_memory)
def fft(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """Products of real Fourier transforms: the fastest way for kernels of about ten pixels and more.

    Its error is relative to the largest output, not to each; strides compute every position first.
    """
    size, kernel = x.shape[2:], weight.shape[2:]
    span = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    full = [length + sum(sides) for length, sides in zip(size, pads, strict=True)]
    out = _output_size(full, kernel, stride, dilation)
    if not len(x):  # MKL refuses to transform nothing
        return x.new_empty(0, len(weight), *out)
    lengths = _circle(size, pads, span, padding_mode)
    axes = tuple(range(-len(size), 0))
    if padding_mode == "zeros":  # the transform appends its own; a cropped start may need them before
        pads = [(before, after if before < 0 else min(after, 0)) for before, after in pads]

    image = torch.fft.rfftn(_pad(x, pads, padding_mode), lengths, axes)  # (N, C, *frequencies)
    kernels = torch.fft.rfftn(_spread(weight, span, dilation), lengths, axes)  # (O, C/G, *frequencies)
    spectrum = _multiply_spectra(image, kernels.conj(), groups)  # correlation, not convolution
    y = torch.fft.irfftn(spectrum, lengths, axes)
    every = (slice(0, (count - 1) * s + 1, s) for count, s in zip(out, stride, strict=True))
    return _add_bias(y[(..., *every)].contiguous(), bias)


def _multiply_spectra(image, kernels, groups):
    """Multiply and sum over the channels of each group, frequency by frequency."""
    n, c, *size = image.shape
    o, channels = kernels.shape[:2]
    image = image.reshape(n, groups, c // groups, prod(size))  # (N, G, C/G, F)
    kernels = kernels.reshape(groups, o // groups, channels, prod(size))  # (G, O/G, C/G, F)
    if channels == 1:
        return (image * kernels[:, :, 0]).reshape(n, o, *size)  # (N, G, 1, F) * (G, O/G, F)
    image = image.permute(1, 3, 2, 0).contiguous()  # (G, F, C/G, N)
    kernels = kernels.permute(0, 3, 1, 2).contiguous()  # (G, F, O/G, C/G)
    y = kernels @ image  # (G, F, O/G, N)
    return y.permute(3, 0, 2, 1).reshape(n, o, *size)


def _circle(size, pads, span, padding_mode):
    """Return, per axis, a fast length on which the circular correlation holds every output unspoilt.

    With zeros the circle is shorter than the padded input: its end wraps around to the zeros before
    the input, which serve as those behind it too.
    """
    lengths = []
    for length, (before, after), reach in zip(size, pads, span, strict=True):
        full = length + before + after
        shared = min(max(before, 0), max(after, 0)) if padding_mode == "zeros" else 0
        lengths.append(_fast_length(max(full - shared, reach, full - reach + 1)))
    return lengths


def _spread(weight, span, dilation):
    """Return the kernel with zeros between its taps."""
    if max(dilation) == 1:
        return weight
    spread = weight.new_zeros(*weight.shape[:2], *span)
    spread[(..., *(slice(None, None, d) for d in dilation))] = weight
    return spread


def _fast_length(length):
    """Return the next length whose prime factors are at most 7, which transform fast."""
    while True:
        rest = length
        for factor in (2, 3, 5, 7):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


def _convolution(tensor):
    """Return the operator for a tensor's number of axes."""
    return (torch.conv1d, torch.conv2d, torch.conv3d)[tensor.ndim - 3]


def _pad(x, pads, padding_mode):
    """Pad by what is positive, then crop: `torch.nn.functional.pad` crops first, even more than there is."""
    if not any(map(any, pads)):
        return x
    sizes = [length + sum(sides) for length, sides in zip(x.shape[2:], pads, strict=True)]
    grown = [max(side, 0) for sides in reversed(pads) for side in sides]
    if any(grown):
        x = torch.nn.functional.pad(x, grown, "constant" if padding_mode == "zeros" else padding_mode)
    for axis, (length, (before, _)) in enumerate(zip(sizes, pads, strict=True), start=2):
        x = x.narrow(axis, max(0, -before), length)
    return x


def _output_size(size, kernel, stride, dilation, padding=(0, 0, 0)):
    axes = zip(size, kernel, stride, dilation, padding, strict=False)
    return [(length + 2 * p - d * (k - 1) - 1) // s + 1 for length, k, s, d, p in axes]


def _add_bias(y, bias):
    """Add one bias per output channel, in place."""
    if bias is not None:
        y += bias.reshape(-1, *[1] * (y.ndim - 2))
    return y
