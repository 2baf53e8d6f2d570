"""Rules of `Problem` and of the reference, as the definition of a convolution states them."""

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
    """A problem prints to one line, and the line reads back to an equal problem."""

    @given(problems())
    def test_it_parses_back(self, problem: Problem) -> None:
        """What is printed is read as the same value."""
        assert problem == Problem.parse(str(problem))

    @given(problems())
    def test_it_is_a_fixed_point(self, problem: Problem) -> None:
        """Printing what was read gives the very same text."""
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
        """Two ways to say the same padding are one problem, one hash and one key."""
        first = Problem(**drawn)
        second = Problem(**{**drawn, "padding": first.pads, "stride": list(first.stride)})

        assert (first, hash(first), str(first)) == (second, hash(second), str(second))

    @given(problems(), problems())
    def test_different_problems_have_different_strings(self, one: Problem, other: Problem) -> None:
        """The line is a key: it is the same exactly where the problems are."""
        assert (one == other) == (str(one) == str(other))

    @given(problems())
    def test_it_holds_no_white_space(self, problem: Problem) -> None:
        """The line is one word, so that a shell, a file name and a test id can hold it."""
        assert [str(problem)] == str(problem).split()


class TestOutputSize:
    """An output stands wherever the dilated kernel fits into the padded input, `stride` apart."""

    @given(problems())
    def test_it_counts_the_windows(self, problem: Problem) -> None:
        """The size of each axis is the number of window positions, counted one by one."""
        counts = tuple(len(_starts(problem, axis)) for axis in range(problem.ndim))

        assert counts == problem.output_size

    @given(problems(stride=1, padding="same"))
    def test_same_keeps_the_size(self, problem: Problem) -> None:
        """`padding='same'` at stride 1 gives as many outputs as inputs."""
        assert problem.input_size == problem.output_size

    @given(arguments(padding="valid"))
    def test_valid_is_no_padding(self, drawn: dict) -> None:
        """`padding='valid'` is another word for 0."""
        assert Problem(**{**drawn, "padding": 0}) == Problem(**drawn)


class TestWork:
    """A multiply-add is a pair of an output and a tap that reads an element, not a zero around them."""

    @given(problems(padding_mode="zeros"))
    def test_macs_count_the_pairs_inside(self, problem: Problem) -> None:
        """The formula agrees with a count of every pair of window position and tap."""
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
        """Only zeros can be skipped: with any other padding every tap reads an element."""
        assert problem.dense_macs == problem.macs

    @given(problems())
    def test_macs_are_at_most_the_dense_ones(self, problem: Problem) -> None:
        """Padding saves work and never makes any."""
        assert problem.macs <= problem.dense_macs

    @given(problems())
    def test_dense_macs_are_outputs_times_products(self, problem: Problem) -> None:
        """Padding counted, each output takes one product per tap and channel of its group."""
        assert prod(problem.output_shape) * prod(problem.weight_shape[1:]) == problem.dense_macs

    @given(problems(padding=0))
    def test_without_padding_all_work_is_dense(self, problem: Problem) -> None:
        """Without padding every tap reads the input."""
        assert problem.dense_macs == problem.macs


class TestRefusal:
    """What cannot be is refused on construction as a `ProblemError` of one line, and as nothing else."""

    @given(nearly_valid())
    def test_arguments_make_a_problem_or_one_line(self, drawn: dict) -> None:
        """Arguments that are wrong in a field or two never raise anything else."""
        try:
            problem = Problem(**drawn)
        except ProblemError as error:
            assert 1 == len(str(error).splitlines())  # noqa: PT017 most examples do not raise
        else:
            assert problem == Problem.parse(str(problem))

    @pytest.mark.parametrize("field", FIELDS)
    def test_nonsense_in_one_field_is_refused_in_one_line(self, field: str) -> None:
        """Each field, given each piece of nonsense, makes a problem or a refusal that names what is wrong."""
        fine = {"in_channels": 2, "input_size": (8, 8), "out_channels": 2, "kernel_size": (3, 3)}
        escaped = []

        for value in NONSENSE:
            try:
                Problem(**{**fine, field: value})
            except ProblemError as error:
                escaped += [value] if len(str(error).splitlines()) != 1 else []
            except Exception as error:  # noqa: BLE001 whatever else it is, is what is looked for
                escaped.append((value, error))
        assert [] == escaped

    @given(st.text() | nearly_canonical())
    def test_text_makes_a_problem_or_one_line(self, text: str) -> None:
        """Any text is a problem, whose string is canonical, or refused in one line."""
        try:
            problem = Problem.parse(text)
        except ProblemError as error:
            assert 1 == len(str(error).splitlines())  # noqa: PT017 most examples do not raise
        else:
            assert problem == Problem.parse(str(problem))

    @given(problems())
    def test_more_cropping_than_there_is_to_crop_is_refused(self, problem: Problem) -> None:
        """An input cropped to less than the kernel reaches has no output, so it is no problem."""
        for gone in ((0, -1), (-1, 0)):
            pads = tuple(
                (before * size, after * size) for size in problem.input_size for before, after in [gone]
            )
            with pytest.raises(ProblemError, match="does not fit"):
                problem.replace(padding=pads)


FORWARD = problems(least_batch=1, dtype="float64", direction="forward", bias=False)


class TestReference:
    """Convolution is linear, moves with its input, and keeps samples and groups apart."""

    @given(FORWARD, st.integers(-3, 3))
    def test_it_is_linear_in_the_input(self, problem: Problem, factor: int) -> None:
        """The output of a·x + x' is a·y + y'; on whole numbers to the bit."""
        one, other = small_integers(problem, 0), small_integers(problem, 1)
        both = convolve(problem, factor * one.x + other.x, one.weight, None)

        parts = [convolve(problem, x, one.weight, None) for x in (one.x, other.x)]
        assert np.array_equal(factor * parts[0] + parts[1], both)

    @given(FORWARD, st.integers(-3, 3))
    def test_it_is_linear_in_the_weight(self, problem: Problem, factor: int) -> None:
        """The output of a·w + w' is a·y + y'; on whole numbers to the bit."""
        one, other = small_integers(problem, 0), small_integers(problem, 1)
        both = convolve(problem, one.x, factor * one.weight + other.weight, None)

        parts = [convolve(problem, one.x, weight, None) for weight in (one.weight, other.weight)]
        assert np.array_equal(factor * parts[0] + parts[1], both)

    @given(
        problems(
            least_batch=1, dtype="float64", stride=1, padding="same", padding_mode="circular", bias=False
        )
    )
    def test_it_moves_with_the_input_around_a_circle(self, problem: Problem) -> None:
        """With circular padding that keeps the size, a turned input gives a turned output."""
        data = small_integers(problem, 0)
        y = convolve(problem, data.x, data.weight, None)

        axes = tuple(range(2, 2 + problem.ndim))
        turned = convolve(problem, np.roll(data.x, 1, axes), data.weight, None)
        assert np.array_equal(np.roll(y, 1, axes), turned)

    @given(problems(least_batch=1, dtype="float64", padding=0, padding_mode="zeros", bias=False))
    def test_it_moves_by_one_output_per_stride(self, problem: Problem) -> None:
        """Zeros put before the input, a stride of them on each axis, move the output by one."""
        data = small_integers(problem, 0)
        y = convolve(problem, data.x, data.weight, None)

        longer = problem.replace(padding=tuple((s, 0) for s in problem.stride))
        moved = convolve(longer, data.x, data.weight, None)
        assert np.array_equal(y, moved[(..., *(slice(1, None),) * problem.ndim)])

    @given(FORWARD)
    def test_groups_are_separate_convolutions(self, problem: Problem) -> None:
        """A grouped convolution is its groups' convolutions, side by side."""
        data = small_integers(problem, 0)
        g = problem.groups
        one = problem.replace(
            groups=1, in_channels=problem.in_channels // g, out_channels=problem.out_channels // g
        )

        pieces = zip(np.split(data.x, g, axis=1), np.split(data.weight, g), strict=True)
        separate = [convolve(one, x, weight, None) for x, weight in pieces]
        assert np.array_equal(np.concatenate(separate, axis=1), convolve(problem, data.x, data.weight, None))

    @given(FORWARD)
    def test_samples_do_not_meet(self, problem: Problem) -> None:
        """Each sample of a batch is convolved as if it were alone."""
        data = small_integers(problem, 0)
        one = problem.replace(batch_size=1)

        alone = [convolve(one, x[np.newaxis], data.weight, None) for x in data.x]
        assert np.array_equal(np.concatenate(alone), convolve(problem, data.x, data.weight, None))


def _starts(problem: Problem, axis: int) -> list[int]:
    """Return where the windows of an axis begin, in the input's own coordinates, by trying all of them."""
    before, after = problem.pads[axis]
    end = problem.input_size[axis] + after
    span = problem.dilation[axis] * (problem.kernel_size[axis] - 1) + 1
    return [
        start
        for start in range(-before, end)
        if (start + before) % problem.stride[axis] == 0 and start + span <= end
    ]
