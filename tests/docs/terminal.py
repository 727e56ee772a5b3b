"""A pseudo-terminal with a program in it, and an interactive shell in one."""

import errno
import fcntl
import os
import pty
import re
import secrets
import select
import signal
import struct
import termios
import time

ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>]|\][^\x07]*\x07)")

# For how long a program may print nothing before the test gives up.
PATIENCE = 60


class Terminal:
    """Runs a program in a terminal of its own until it is closed."""

    def __init__(self, arguments, directory, environment, echo=True):
        self.screen, self.unsent = "", b""
        self.ignores_terminate = False
        self.process, self.master = pty.fork()
        if self.process == 0:
            try:
                if not echo:
                    stop_echo()
                os.chdir(directory)
                os.execvpe(arguments[0], arguments, environment)
            finally:
                os._exit(127)
        # Wide enough that no line editor wraps a line.
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 2000, 0, 0))
        os.set_blocking(self.master, False)

    def wait(self, is_enough, text="", patience=PATIENCE):
        """Types `text` all at once, as a paste is, and reads until `is_enough(screen)`. False when nothing more comes."""
        self.unsent += text.encode()
        last = time.monotonic()
        while not is_enough(self.screen):
            ready, writable, _ = select.select([self.master], [self.master] if self.unsent else [], [], 0.2)
            if writable:
                self._type()
            if ready:
                try:
                    read = os.read(self.master, 65536)
                except OSError as error:  # the program has ended
                    if error.errno != errno.EIO:
                        raise
                    return is_enough(self.screen)
                self.screen += read.decode(errors="replace")
                last = time.monotonic()
            elif time.monotonic() - last > patience:
                return False
        return True

    def _type(self):
        try:
            self.unsent = self.unsent[os.write(self.master, self.unsent):]
        except BlockingIOError:
            pass

    def close(self):
        """Ends the program."""
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            os.kill(self.process, number)
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                # What it still prints must not block it.
                self.wait(lambda _: False, patience=0)
                if os.waitpid(self.process, os.WNOHANG)[0]:
                    return os.close(self.master)
                # An interactive shell takes no notice of the first.
                if number == signal.SIGTERM and self.ignores_terminate:
                    break


def stop_echo():
    """What is typed ahead is then shown by the shell's line editor, if at all, and never among the output of a command."""
    attributes = termios.tcgetattr(0)
    attributes[3] &= ~(termios.ECHO | termios.ECHONL)
    termios.tcsetattr(0, termios.TCSANOW, attributes)


def plain(text):
    """The text as it stands on the screen, without what moves the cursor or colours it."""
    return re.sub(".\x08", "", ESCAPES.sub("", text)).replace("\r\n", "\n").replace("\r", "")


class Shell:
    """An interactive shell with its usual options, and prompts that can be told from output."""

    START = {"bash": ["bash", "--noprofile", "--norc", "-i"], "zsh": ["zsh", "-f", "-i"]}

    def __init__(self, name, directory, environment):
        mark = "@" + secrets.token_hex(8)
        # Before a command's output; the prompt after it, with the exit code; the prompt for the rest of a command.
        self.begun, self.ended, self.more = f"{mark}b@", re.compile(mark + r"p(\d+)@"), f"{mark}m@"
        self.terminal = Terminal(self.START[name], directory, environment, echo=False)
        self.terminal.ignores_terminate = True
        self._set_up(name, mark)

    def _set_up(self, name, mark):
        # The marks are put together by the shell, so that their echo isn't taken for them.
        lines = [f"M={mark}"]
        if name == "bash":
            lines += ["bind 'set enable-bracketed-paste off'", "PS0=\"${M}b@\" PS2=\"${M}m@\" PS1=\"${M}\"'p$?@'"]
        else:
            # Without PROMPT_SP a last line that has no end can be seen. zsh turns the echo on again for each command.
            lines += ["unset zle_bracketed_paste; unsetopt prompt_sp", "preexec() { stty -echo; print -n \"${M}b@\" }",
                      "PROMPT2=\"${M}m@\" PROMPT=\"${M}p%?@\""]
        ready = lambda screen: self.ended.search(screen)
        if not self.terminal.wait(ready, "\n".join(lines) + "\n"):
            raise SystemExit(f"{name} doesn't start:\n{plain(self.terminal.screen)}")

    def paste(self, text):
        """Pastes lines, and one more command after them. The commands that ran: each with its output and exit code.

        None and what is on the screen, when the last command never ran because the lines before it swallowed it."""
        last = secrets.token_hex(8)
        self.terminal.screen = ""
        end = f"{self.begun}{last}"
        typed = f"{text}echo {last}\n"

        def is_over(screen):
            _, found, rest = screen.partition(end)
            return self.ended.search(rest) if found else False

        if not self._runs(is_over, typed):
            shown = plain(self.terminal.screen)
            self._interrupt()
            return None, shown
        return self._commands(self.terminal.screen.partition(end)[0]), ""

    def _commands(self, screen):
        """What ran: output and exit code of each command, and of each line that is none."""
        commands, status = [], 0
        for number, part in enumerate(screen.split(self.begun)):
            output, *rest = self.ended.split(part)
            codes = [int(code) for code in rest[0::2]]
            if number > 0:  # what comes first is before any command
                status = codes.pop(0) if codes else 0
                commands.append((plain(output), status))
            for code in codes:
                # Another prompt is that of an empty line. With another exit code it is that of a syntax error.
                if code not in (0, status):
                    commands.append(("(a line that is no command)\n", code))
                status = code
        return commands

    def _runs(self, is_over, typed):
        """Whether it comes to an end. A prompt for the rest of a command, and then nothing, is no end."""
        waits = lambda screen: screen.rstrip().endswith(self.more)
        patience = time.monotonic() + 10 * PATIENCE
        while not self.terminal.wait(is_over, typed, patience=3):
            typed = ""
            if waits(plain(self.terminal.screen)) or time.monotonic() > patience or self._is_silent():
                return False
        return True

    def _interrupt(self):
        """Ctrl-C, so that what comes next begins with a prompt."""
        self.terminal.screen = ""
        if not self.terminal.wait(lambda screen: self.ended.search(screen), "\x03", patience=5):
            raise SystemExit("a block can't be interrupted")

    def _is_silent(self):
        before = len(self.terminal.screen)
        return not self.terminal.wait(lambda screen: len(screen) > before, patience=PATIENCE)

    def close(self):
        self.terminal.close()
