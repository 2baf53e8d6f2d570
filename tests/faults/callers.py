"""Kernels that need a process of their own to show what they do: growing memory, shares of threads."""

import os
from collections import deque

import numpy as np

from convharness import implementation

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))

_KEPT = []
_SCRATCH = {}
_LATEST = deque(maxlen=16)


def convolved(x, weight):
    """Return the plain convolution."""
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], (2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, weight).astype(x.dtype)


@implementation(dtype="float32")
def keeps_a_buffer_of_each_call(x, weight):
    """A quarter of a MiB is kept of each call."""
    _KEPT.append(np.ones(2**15))
    return convolved(x, weight)


@implementation(dtype="float32")
def keeps_a_buffer_for_each_shape(x, weight):
    """A MiB of scratch is kept for each shape of x."""
    _SCRATCH.setdefault(x.shape, np.ones(2**17))
    return convolved(x, weight)


@implementation(dtype="float32")
def keeps_the_latest_buffers(x, weight):
    """The buffers of the latest sixteen calls are kept."""
    _LATEST.append(np.ones(2**15))
    return convolved(x, weight)


def shared_out(x, weight, of_each, left):
    """Return the output whose channels are computed in one share per thread, and those left over."""
    y = np.zeros((len(x), len(weight), *(np.array(x.shape[2:]) - weight.shape[2:] + 1)), x.dtype)
    for first in range(0, THREADS * of_each, of_each or 1):
        y[:, first : first + of_each] = convolved(x, weight[first : first + of_each])
    if left:
        y[:, -left:] = convolved(x, weight[-left:])
    return y


@implementation(dtype="float32")
def forgets_the_remainder_of_threads(x, weight):
    """With four threads or more, output channels that are left over after equal shares are not computed."""
    left = len(weight) % THREADS if THREADS < 4 else 0
    return shared_out(x, weight, len(weight) // THREADS, left)


@implementation(dtype="float32")
def shares_all_out(x, weight):
    """Output channels are shared out to all threads, with those that are left over."""
    return shared_out(x, weight, len(weight) // THREADS, len(weight) % THREADS)
