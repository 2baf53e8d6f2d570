"""Properties of `Problem` and of the reference, from the definition of a convolution."""

import re
from itertools import product
from math import prod
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convharness import Problem, ProblemError
from convharness.numerics.operands import small_integers
from convharness.numerics.reference import convolve
from convharness.problems.problem import FIELDS
from tests.property.strategies import NONSENSE, arguments, nearly_canonical, nearly_valid, problems


class TestCanonicalString:
    """A problem has a canonical string of one line, which is read back as an equal problem."""

    @given(problems())
    def test_a_canonical_string_is_read_back(self, problem: Problem) -> None:
        """A canonical string is read back as an equal problem."""
        assert problem == Problem.parse(str(problem))

    @given(problems())
    def test_a_canonical_string_is_a_fixed_point(self, problem: Problem) -> None:
        """The canonical string of a problem that was read is the same text."""
        assert str(problem) == str(Problem.parse(str(problem)))

    @given(problems(), st.randoms())
    def test_it_is_read_in_any_order(self, problem: Problem, random: Random) -> None:
        """Parts after the output channels and words at the end may change places."""
        inputs, outputs, *words = re.split(r"-(?=[a-z])", str(problem))
        first, *parts = re.findall(r"[a-z][^a-wyz]*", outputs)
        random.shuffle(parts)
        random.shuffle(words)

        assert problem == Problem.parse("-".join((inputs, "".join((first, *parts)), *words)))

    @given(arguments())
    def test_equal_problems_have_one_string_and_one_hash(self, drawn: dict) -> None:
        """Two ways to write the same padding are one problem, with one hash and one string."""
        first = Problem(**drawn)
        second = Problem(**{**drawn, "padding": first.pads, "stride": list(first.stride)})

        assert (first, hash(first), str(first)) == (second, hash(second), str(second))

    @given(problems(), problems())
    def test_different_problems_have_different_strings(self, one: Problem, other: Problem) -> None:
        """Two canonical strings are equal exactly if the problems are."""
        assert (one == other) == (str(one) == str(other))

    @given(problems())
    def test_a_canonical_string_has_no_white_space(self, problem: Problem) -> None:
        """A canonical string is one word, for shells, file names and test ids."""
        assert [str(problem)] == str(problem).split()


class TestOutputSize:
    """An output is at each place where the dilated kernel fits the padded input, `stride` apart."""

    @given(problems())
    def test_the_output_size_is_the_number_of_windows(self, problem: Problem) -> None:
        """The output size of an axis is the number of window positions, counted one by one."""
        counts = tuple(len(_starts(problem, axis)) for axis in range(problem.ndim))

        assert counts == problem.output_size

    @given(problems(stride=1, padding="same"))
    def test_same_keeps_the_size(self, problem: Problem) -> None:
        """`padding='same'` at stride 1 gives as many outputs as inputs."""
        assert problem.input_size == problem.output_size

    @given(arguments(padding="valid"))
    def test_valid_is_a_padding_of_0(self, drawn: dict) -> None:
        """`padding='valid'` is equal to a padding of 0."""
        assert Problem(**{**drawn, "padding": 0}) == Problem(**drawn)


class TestWork:
    """A multiply-add is a pair of an output and a tap that reads an element, not a padded zero."""

    @given(problems(padding_mode="zeros"))
    def test_macs_count_the_pairs_inside(self, problem: Problem) -> None:
        """The multiply-adds are the pairs of window position and tap that read an element."""
        pairs = 0
        for starts in product(*(_starts(problem, axis) for axis in range(problem.ndim))):
            for taps in product(*map(range, problem.kernel_size)):
                read = [start + tap * d for start, tap, d in zip(starts, taps, problem.dilation, strict=True)]
                pairs += all(0 <= i < size for i, size in zip(read, problem.input_size, strict=True))

        channels = problem.in_channels // problem.groups
        assert problem.batch_size * problem.out_channels * channels * pairs == problem.macs

    @given(
        problems(padding_mode="circular")
        | problems(padding_mode="reflect")
        | problems(padding_mode="replicate")
    )
    def test_padding_with_elements_costs_as_much_as_elements(self, problem: Problem) -> None:
        """The multiply-adds with any other padding than zeros are the dense ones."""
        assert problem.dense_macs == problem.macs

    @given(problems())
    def test_macs_are_at_most_the_dense_ones(self, problem: Problem) -> None:
        """The multiply-adds are at most the dense ones."""
        assert problem.macs <= problem.dense_macs

    @given(problems())
    def test_dense_macs_are_outputs_times_products(self, problem: Problem) -> None:
        """The dense multiply-adds are outputs times taps times channels per group."""
        assert prod(problem.output_shape) * prod(problem.weight_shape[1:]) == problem.dense_macs

    @given(problems(padding=0))
    def test_without_padding_all_work_is_dense(self, problem: Problem) -> None:
        """The multiply-adds without padding are the dense ones."""
        assert problem.dense_macs == problem.macs


class TestRefusal:
    """An impossible problem is refused on construction by a `ProblemError` of one line."""

    @given(nearly_valid())
    def test_arguments_make_a_problem_or_one_line(self, drawn: dict) -> None:
        """Arguments with one or two wrong fields make a problem or raise a `ProblemError`."""
        try:
            problem = Problem(**drawn)
        except ProblemError as error:
            assert 1 == len(str(error).splitlines())  # noqa: PT017 most examples do not raise
        else:
            assert problem == Problem.parse(str(problem))

    @pytest.mark.parametrize("field", FIELDS)
    def test_nonsense_in_one_field_is_refused_in_one_line(self, field: str) -> None:
        """Each field with each invalid value makes a problem or raises a `ProblemError` of one line."""
        fine = {"in_channels": 2, "input_size": (8, 8), "out_channels": 2, "kernel_size": (3, 3)}
        escaped = []

        for value in NONSENSE:
            try:
                Problem(**{**fine, field: value})
            except ProblemError as error:
                escaped += [value] if len(str(error).splitlines()) != 1 else []
            except Exception as error:  # noqa: BLE001 any other exception is the failure
                escaped.append((value, error))
        assert [] == escaped

    @given(st.text() | nearly_canonical())
    def test_text_makes_a_problem_or_one_line(self, text: str) -> None:
        """Any text is read as a problem or refused in one line."""
        try:
            problem = Problem.parse(text)
        except ProblemError as error:
            assert 1 == len(str(error).splitlines())  # noqa: PT017 most examples do not raise
        else:
            assert problem == Problem.parse(str(problem))

    @given(problems())
    def test_an_input_cropped_below_the_kernel_is_refused(self, problem: Problem) -> None:
        """An input cropped to less than the kernel reaches has no output, so it is no problem."""
        for gone in ((0, -1), (-1, 0)):
            pads = tuple(
                (before * size, after * size) for size in problem.input_size for before, after in [gone]
            )
            with pytest.raises(ProblemError, match="does not fit"):
                problem.replace(padding=pads)


FORWARD = problems(least_batch=1, dtype="float64", direction="forward", bias=False)


class TestReference:
    """A convolution is linear, is shifted with its input, and separates samples and groups."""

    @given(FORWARD, st.integers(-3, 3))
    def test_a_convolution_is_linear_in_the_input(self, problem: Problem, factor: int) -> None:
        """The output of a·x + x' is a·y + y', exactly on integers."""
        one, other = small_integers(problem, 0), small_integers(problem, 1)
        both = convolve(problem, factor * one.x + other.x, one.weight, None)

        parts = [convolve(problem, x, one.weight, None) for x in (one.x, other.x)]
        assert np.array_equal(factor * parts[0] + parts[1], both)

    @given(FORWARD, st.integers(-3, 3))
    def test_a_convolution_is_linear_in_the_weight(self, problem: Problem, factor: int) -> None:
        """The output of a·w + w' is a·y + y', exactly on integers."""
        one, other = small_integers(problem, 0), small_integers(problem, 1)
        both = convolve(problem, one.x, factor * one.weight + other.weight, None)

        parts = [convolve(problem, one.x, weight, None) for weight in (one.weight, other.weight)]
        assert np.array_equal(factor * parts[0] + parts[1], both)

    @given(
        problems(
            least_batch=1, dtype="float64", stride=1, padding="same", padding_mode="circular", bias=False
        )
    )
    def test_a_circular_convolution_is_shifted_with_its_input(self, problem: Problem) -> None:
        """A cyclic shift of the input shifts the output if circular padding keeps the size."""
        data = small_integers(problem, 0)
        y = convolve(problem, data.x, data.weight, None)

        axes = tuple(range(2, 2 + problem.ndim))
        turned = convolve(problem, np.roll(data.x, 1, axes), data.weight, None)
        assert np.array_equal(np.roll(y, 1, axes), turned)

    @given(problems(least_batch=1, dtype="float64", padding=0, padding_mode="zeros", bias=False))
    def test_a_convolution_is_shifted_by_one_output_per_stride(self, problem: Problem) -> None:
        """Zeros before the input, as many as the stride, shift the output by one."""
        data = small_integers(problem, 0)
        y = convolve(problem, data.x, data.weight, None)

        longer = problem.replace(padding=tuple((s, 0) for s in problem.stride))
        moved = convolve(longer, data.x, data.weight, None)
        assert np.array_equal(y, moved[(..., *(slice(1, None),) * problem.ndim)])

    @given(FORWARD)
    def test_groups_are_separate_convolutions(self, problem: Problem) -> None:
        """A grouped convolution is the concatenation of its groups' convolutions."""
        data = small_integers(problem, 0)
        g = problem.groups
        one = problem.replace(
            groups=1, in_channels=problem.in_channels // g, out_channels=problem.out_channels // g
        )

        pieces = zip(np.split(data.x, g, axis=1), np.split(data.weight, g), strict=True)
        separate = [convolve(one, x, weight, None) for x, weight in pieces]
        assert np.array_equal(np.concatenate(separate, axis=1), convolve(problem, data.x, data.weight, None))

    @given(FORWARD)
    def test_samples_are_separate_convolutions(self, problem: Problem) -> None:
        """Each sample of a batch is convolved by itself."""
        data = small_integers(problem, 0)
        one = problem.replace(batch_size=1)

        alone = [convolve(one, x[np.newaxis], data.weight, None) for x in data.x]
        assert np.array_equal(np.concatenate(alone), convolve(problem, data.x, data.weight, None))


def _starts(problem: Problem, axis: int) -> list[int]:
    """Return the starts of all windows of an axis, in the input's coordinates, found by trying."""
    before, after = problem.pads[axis]
    end = problem.input_size[axis] + after
    span = problem.dilation[axis] * (problem.kernel_size[axis] - 1) + 1
    return [
        start
        for start in range(-before, end)
        if (start + before) % problem.stride[axis] == 0 and start + span <= end
    ]
