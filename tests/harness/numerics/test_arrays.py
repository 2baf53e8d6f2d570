"""Adapters: arrays of NumPy handed over to another library without a copy, and taken back."""

from typing import Any

import numpy as np
import pytest

from convharness.numerics.arrays import (
    ALIGNMENT,
    LIBRARIES,
    ForeignOutputError,
    adapter,
    aligned_copy,
    dtype_of,
    is_channels_last,
)

DTYPES = ("float16", "bfloat16", "float32", "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_an_array_is_handed_over_and_taken_back_without_a_copy(library: str, dtype: str) -> None:
    """An array that is handed over and taken back has the same memory, type and values."""
    array = np.arange(6).astype(dtype_of(dtype)).reshape(1, 2, 3)
    back = adapter(library).take_back(adapter(library).hand_over(array))

    assert (array.dtype, array.tolist(), True) == (back.dtype, back.tolist(), np.shares_memory(array, back))


def test_a_numpy_array_can_be_handed_over_read_only() -> None:
    """A NumPy array allows writing as the original does, and none once it is made read-only."""
    library = adapter("numpy")
    own = library.hand_over(np.zeros(3))
    own[0] = 1

    with pytest.raises(ValueError, match="read-only"):
        library.read_only(own)[0] = 1


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("other", "kind"),
    [
        (None, "nothing"),
        (3, "a int"),
        ([1.0], "a list"),
        ("text", "a str"),
        (np.float32(1), "a numpy.float32"),
    ],
    ids=str,
)
def test_a_value_of_another_type_is_not_taken_back(library: str, other: Any, kind: str) -> None:
    """A value that is not an array of the library is refused, and the message names its type."""
    with pytest.raises(ForeignOutputError, match=f"^{kind}, want {adapter(library).type_name}$"):
        adapter(library).take_back(other)


@pytest.mark.parametrize(
    "other", [np.zeros(3).view(np.recarray), np.ma.masked_all(3)], ids=["subclass", "masked"]
)
def test_a_subclass_of_an_array_is_not_taken_back(other: Any) -> None:
    """A subclass of NumPy's array is refused, since its comparisons may do anything."""
    with pytest.raises(ForeignOutputError, match=r"want numpy\.ndarray"):
        adapter("numpy").take_back(other)


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        (lambda torch: torch.eye(3).to_sparse(), "a sparse tensor, want a dense torch.Tensor"),
        (lambda torch: torch.zeros(3, device="meta"), "a tensor without data, want a dense torch.Tensor"),
        (
            lambda torch: torch.zeros(3, dtype=torch.float8_e5m2),
            "a tensor of torch.float8_e5m2, want one that",
        ),
    ],
    ids=["sparse", "meta", "float8"],
)
def test_a_tensor_that_numpy_cannot_hold_is_not_taken_back(other: Any, kind: str) -> None:
    """A tensor without plain memory is refused, and the message says what it is."""
    import torch

    with pytest.raises(ForeignOutputError, match=f"^{kind}"):
        adapter("torch").take_back(other(torch))


def test_one_library_s_array_is_not_another_s() -> None:
    """A NumPy array is refused as a tensor, and a tensor as a NumPy array."""
    tensor = adapter("torch").hand_over(np.zeros(3))

    with pytest.raises(ForeignOutputError, match=r"^a torch\.Tensor, want numpy\.ndarray$"):
        adapter("numpy").take_back(tensor)
    with pytest.raises(ForeignOutputError, match=r"^a numpy\.ndarray, want torch\.Tensor$"):
        adapter("torch").take_back(np.zeros(3))


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 5), (2, 3, 4, 5), (1, 2, 3, 4, 5), (0, 2, 3)])
def test_copies_start_on_a_cache_line(shape: tuple[int, ...], layout: str) -> None:
    """A copy starts on a cache line, with the same shape and values, in the order of the layout."""
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    copy = aligned_copy(array, layout)

    assert copy.size == 0 or copy.ctypes.data % ALIGNMENT == 0
    assert (array.shape, array.tolist()) == (copy.shape, copy.tolist())
    assert not np.shares_memory(array, copy)
    assert is_channels_last(copy) if layout == "channels_last" else copy.flags.c_contiguous


def test_a_contiguous_image_is_not_channels_last() -> None:
    """A contiguous image with several channels and pixels is not channels-last."""
    assert not is_channels_last(np.zeros((1, 2, 3, 3)))


def test_torch_runs_without_gradients() -> None:
    """PyTorch records no gradients while an implementation is called."""
    import torch

    with adapter("torch").running():
        assert False is torch.is_grad_enabled()
    assert True is torch.is_grad_enabled()
