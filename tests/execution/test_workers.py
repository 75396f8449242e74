"""Worker processes do not outlive the run."""

import os
import select
import signal
import time
from dataclasses import replace

import pytest
import torch
from joblib.externals.loky import get_reusable_executor

from hashbench.execution import workers


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_worker_ends_when_the_process_that_started_it_is_gone():
    read, write = os.pipe()  # which is at its end when the last process that could write has ended
    starter = os.fork()
    if starter == 0:
        try:
            pid = os.getpid()
            if os.fork() == 0:
                os.close(read)
                workers._end_with(pid)
                time.sleep(300)
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(starter, 0)
    assert select.select([read], [], [], 120)[0]
    assert os.read(read, 1) == b""
    os.close(read)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="this system has no signal masks")
def test_workers_leave_ctrl_c_to_the_process_that_started_them(place):
    def blocked(item, place):
        import signal
        import time

        time.sleep(0.05)
        return os.getpid(), signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])

    get_reusable_executor().shutdown(kill_workers=True)  # of tests before: here workers are to start
    seen = dict(workers.each(blocked, range(8), place, 2))
    assert list(seen.values()) == [True, True]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_each_worker_keeps_to_one_gpu_of_its_own(place, monkeypatch):
    def where(item, place):
        import os
        import time

        time.sleep(0.05)
        return os.getpid(), place.device

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    seen = list(workers.each(where, range(40), replace(place, device="auto"), 2))
    assert len(seen) == 40
    assert len({pid for pid, _ in seen}) == len(set(seen)) == 2
    assert {device for _, device in seen} == {"cuda:0", "cuda:1"}
    given = list(workers.each(where, range(4), replace(place, device="cpu"), 2))
    assert {device for _, device in given} == {"cpu"}
