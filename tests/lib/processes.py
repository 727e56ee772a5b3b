"""Processes that listen on a port of the loopback interface."""

import contextlib
import socket
import time
from pathlib import Path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=60):
        return True
    return False


def wait_until(is_ready, process, name, log):
    """Waits until the process is ready, a minute at most. What it logged is shown when it isn't."""
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        if is_ready():
            return
        time.sleep(0.05)
    said = Path(log).read_text(errors="replace")[-4000:] if Path(log).exists() else ""
    raise RuntimeError(f"{name} doesn't start: {said}")


def end(process):
    """Asks a process to end, and waits until it has."""
    process.terminate()
    process.wait(timeout=60)
