"""Where a page is tried: an empty directory with what a clone of the repository has, and a server as its first start left it."""

import fcntl
import os
import re
import shlex
import shutil
import socket
import struct
import tempfile
from pathlib import Path

from terminal import Shell, Terminal, plain

REPOSITORY = Path(__file__).resolve().parents[2]

# What the first start prints to be pasted elsewhere.
EXPORT = re.compile(r"^export B=\S+ PASSWORD=\S+ \\\n +SECRET=\S+\n", re.MULTILINE)

# Its last line.
LAST = re.compile(r"^Data: .*\n", re.MULTILINE)

# What stands in for cargo: the program is built already.
CARGO = """#!/bin/sh
[ "$*" = "run --release" ] || { echo "cargo $*: only run --release is known here" >&2; exit 1; }
exec target/release/tokend
"""


def bring_up_loopback():
    """A new network namespace has a loopback interface that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


class Place:
    """One page in one shell. `settings`: the server's variables, None for no server, or that the page starts it."""

    def __init__(self, program, shell, settings):
        self.home = tempfile.TemporaryDirectory(prefix="tokend-docs.")
        self.directory = Path(self.home.name) / "tokend"
        self.server = None
        self.environment = self._furnish(Path(program).resolve(), settings.by_page)
        self.environment |= settings.variables
        self.shell = Shell(shell, self.directory, self.environment)
        if settings.wanted and not settings.by_page:
            self.start(["tokend"])

    def _furnish(self, program, by_page):
        self.directory.mkdir()
        shutil.copytree(REPOSITORY / "config", self.directory / "config")
        for name in ("ops", "docs"):
            (self.directory / name).symlink_to(REPOSITORY / name)
        release = self.directory / "target" / "release"
        release.mkdir(parents=True)
        (release / "tokend").symlink_to(program)
        tools = Path(self.home.name) / "bin"
        tools.mkdir()
        (tools / "cargo").write_text(CARGO)
        (tools / "cargo").chmod(0o755)
        # A page that starts the server says how to find the program too.
        path = [str(tools), *([] if by_page else [str(release)]), os.environ["PATH"]]
        return {"PATH": ":".join(path), "HOME": self.home.name, "TERM": "xterm", "LANG": "C.UTF-8", "USER": "reader"}

    def start(self, command):
        """Starts the server in a terminal of its own, and pastes the line that it prints for that into the shell.

        What the terminal shows."""
        self.server = Terminal(command, self.directory, self.environment)
        shown = lambda screen: EXPORT.search(plain(screen)) and LAST.search(plain(screen))
        if not self.server.wait(shown):
            raise SystemExit(f"the first start prints no line to export:\n{plain(self.server.screen)}")
        text = plain(self.server.screen)
        if re.search(r"^\{", text, re.MULTILINE):
            raise SystemExit(f"on a terminal, log lines are for people:\n{text}")
        commands, rest = self.shell.paste(EXPORT.search(text)[0])
        if commands is None or any(code for _, code in commands):
            raise SystemExit(f"the line to export can't be pasted: {commands} {rest}")
        return text

    def close(self):
        self.shell.close()
        if self.server:
            self.server.close()
        self.home.cleanup()


class Settings:
    """What the marker `server` of a page says."""

    def __init__(self, text):
        self.wanted = text != "none"
        self.by_page = text == "this block"
        words = [] if self.by_page or not self.wanted else shlex.split(text or "")
        if not all(re.match(r"^[A-Z_]+=", word) for word in words):
            raise SystemExit(f"<!-- server: {text} --> takes variables, `none` or `this block`")
        self.variables = dict(word.split("=", 1) for word in words)
