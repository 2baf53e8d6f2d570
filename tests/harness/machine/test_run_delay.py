"""The time for which a process has waited for a CPU."""

import os

from convharness.machine.run_delay import RunDelay


def test_the_run_delay_does_not_decrease() -> None:
    """The run delay, counted from the start of the process, does not decrease."""
    delay = RunDelay(os.getpid())
    first, second = delay.seconds(), delay.seconds()

    assert 0.0 <= first <= second


def test_the_run_delay_of_an_unknown_process_is_zero() -> None:
    """The run delay of a process that does not exist is 0, as on systems that do not count it."""
    assert 0.0 == RunDelay(2**22).seconds()
