"""Worker processes do not outlive the run."""

import os
import select
import time

import pytest

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
