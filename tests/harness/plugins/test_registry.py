"""The registry: globs select implementations, and unavailable ones have a reason."""

import pytest

from convharness import Registry, SelectionError
from convharness.plugins.registry import Unavailable

REGISTRY = Registry((), (Unavailable("opencv", "cv2", "opencv.py"),))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "opencv.filter2d",
            "no implementation 'opencv.filter2d': cv2 is not installed; run: pip install opencv-python-headless",  # noqa: E501
        ),
        (
            "opencv",
            "no implementation 'opencv': cv2 is not installed; run: pip install opencv-python-headless",
        ),
    ],
)
def test_selecting_an_unavailable_implementation_says_how_to_install_it(pattern: str, message: str) -> None:
    """The message about an unavailable implementation has the command that installs its library."""
    with pytest.raises(SelectionError) as refused:
        REGISTRY.select([pattern])

    assert message == str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "numpy_arrays.im2coll",
            "no implementation matches 'numpy_arrays.im2coll'; did you mean 'numpy_arrays.im2col'?",
        ),
        ("pytorc", "no implementation matches 'pytorc'; did you mean 'pytorch"),
        ("zzz.*", "no implementation matches 'zzz.*'; families are "),
    ],
)
def test_a_glob_that_matches_nothing_is_answered_with_the_nearest(
    pattern: str, message: str, registry: Registry
) -> None:
    """The message about a glob without a match has the nearest name or family, or all families."""
    with pytest.raises(SelectionError) as refused:
        registry.select([pattern])

    assert str(refused.value).startswith(message)


def test_globs_select_in_the_registry_s_order(registry: Registry) -> None:
    """Globs select each implementation once, in the registry's order; no glob selects all."""
    chosen = [one.name for one in registry.select(["pointwise.*", "*.numpy_matmul"])]

    assert ["pointwise.numpy_matmul", "pointwise.torch_matmul"] == chosen
    assert registry.implementations == registry.select([])
