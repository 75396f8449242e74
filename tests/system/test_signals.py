"""A stop that comes while something is half made waits until it can be put away."""

import signal

import pytest

from hashbench.system.signals import Stopped, signals_stop, signals_wait

pytestmark = pytest.mark.usefixtures("ctrl_c")


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Stopped)])
def test_a_stop_waits_for_the_end_of_the_block(number, error):
    done = []

    def stopped():
        with signals_stop(), signals_wait():
            signal.raise_signal(number)
            done.append("made")

    before = signal.getsignal(number)
    with pytest.raises(error):
        stopped()
    assert done == ["made"]
    assert signal.getsignal(number) == before


def test_a_second_stop_does_not_wait():
    done = []

    def stopped():
        with signals_wait():
            signal.raise_signal(signal.SIGINT)
            done.append("waited")
            signal.raise_signal(signal.SIGINT)
            done.append("waited again")

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert done == ["waited"]
