#!/usr/bin/env python3
"""Tries README.md, CHANGELOG.md, CONTRIBUTING.md and docs/*.md as a reader does. check.py PROGRAM [PAGE..]

How to write a page:

- Each ```sh block is pasted as it stands into an interactive bash and an interactive zsh with their usual options: in zsh an
  apostrophe in a comment opens a quote, and a comment on a line of its own is a command.
- All blocks of a page go into one shell, in their order, in a directory like a clone of the repository. A server runs there, as
  its first start left it. B, PASSWORD and SECRET are set, and `tokend` is in PATH.
- A ```text block that follows directly, with nothing but empty lines between, is what the ```sh block prints: `…` stands for any
  text within a line, a line that is only `…` for any number of lines. Without it each command must end with exit code 0.
- What a command prints must end with a line end, or the next prompt is glued to it: curl has -w '\\n' for that.
- A ```json block must be JSON. A ```toml block must be a configuration that `tokend check` accepts.
- Any other block needs a marker, on the line before its fence:

    <!-- not run: why it can't be -->             the block is skipped
    <!-- tested: tests/gateways/run.sh -->        the block is tested there; the file must exist
    <!-- server: TOKEND_X=y TOKEND_Z='a b' -->    before any block: the page's server and commands have these variables
    <!-- server: none -->                         the page needs no server
    <!-- server: this block -->                   this block starts the server, in a terminal of its own
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from page import Page, dead_links
from place import Place, Settings, bring_up_loopback

SHELLS = os.environ.get("TOKEND_TEST_SHELLS", "bash zsh").split()
ISOLATED = ["unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"]

# A running server knows of a new client within about a second. A reader takes longer than that from block to block.
PAUSE = 1.5


def pages(named):
    """The pages that are named, or all of them."""
    docs = sorted(map(str, Path("docs").glob("*.md")))
    return [Page(path) for path in named or ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", *docs]]


def pattern(expected):
    """What a text block says, as a regular expression."""
    lines = []
    for line in expected.rstrip("\n").split("\n"):
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(".*?".join(map(re.escape, line.rstrip().split("…"))) + r"[ \t]*\n")
    return re.compile("".join(lines))


def settings_of(page):
    """What the page says about its server."""
    said = page.server + ["this block" for block in page.blocks if block.starts_server]
    if len(said) > 1:
        page.complain(1, "more than one marker `server`")
    return Settings(said[0] if said else "")


def check_form(page, program):
    """What can be said of a page without a shell."""
    for block in page.blocks:
        kind, what = block.marker or ("", "")
        if kind == "not run":
            continue
        if kind == "tested":
            if not Path(what.split()[0]).exists():
                page.complain(block.line, f"there is no {what}")
        elif block.language == "sh":
            if "\t" in block.text:
                page.complain(block.line, "a tab asks the shell for a completion")
        elif block.language == "json":
            check_json(page, block)
        elif block.language == "toml":
            check_toml(page, block, program)
        elif not (block.language == "text" and block.is_follower):
            page.complain(block.line, f"a block of `{block.language}` needs a marker: see tests/docs/check.py")


def check_json(page, block):
    try:
        json.loads(block.text)
    except ValueError as error:
        page.complain(block.line, f"no JSON: {error}")


def check_toml(page, block, program):
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "tokend.toml").write_text(block.text, encoding="utf-8")
        os.chmod(Path(directory, "tokend.toml"), 0o600)
        done = subprocess.run([os.path.abspath(program), "check", "--config", "tokend.toml"], cwd=directory, text=True,
                              capture_output=True, env={}, timeout=60, check=False)
    if done.returncode:
        page.complain(block.line, f"tokend check refuses it: {done.stderr.strip()}")


def try_page(page, program, shell):
    """Pastes the blocks of a page."""
    settings = settings_of(page)
    place = Place(program, shell, settings)
    try:
        for block in page.blocks:
            if not block.is_pasted:
                continue
            if block.starts_server:
                output = place.start(block.text.split())
                codes = []
            else:
                commands, rest = place.shell.paste(block.text)
                if commands is None:
                    page.complain(block.line, f"{shell}: the block swallows the line after it:\n{rest}")
                    continue
                output, codes = "".join(output for output, _ in commands), [code for _, code in commands]
                glued = [output for output, _ in commands if output and not output.endswith("\n")]
                if glued:
                    page.complain(block.line, f"{shell}: output without a line end: {glued[0]}")
            judge(page, block, shell, output, codes)
            if "tokend " in block.text:
                time.sleep(PAUSE)
    finally:
        place.close()


def judge(page, block, shell, output, codes):
    """Compares what came with what the page says."""
    if block.follower:
        if not pattern(block.follower.text).fullmatch(output if output.endswith("\n") else output + "\n"):
            page.complain(block.follower.line, f"{shell}: this came instead:\n{output}")
    elif any(codes):
        page.complain(block.line, f"{shell}: exit codes {codes}:\n{output}")


def run_alone(page, program, shell, say):
    """Tries a page in a network of its own, where port 8080 is free. What it complains of."""
    arguments = [sys.executable, __file__, program, "--alone", shell, str(page.path)]
    isolated = ISOLATED if can_isolate() else []
    done = subprocess.run([*isolated, *arguments], text=True, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    say(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {shell:4} {page.path}")
    if done.returncode in (0, 1) and not done.stderr:
        return json.loads(done.stdout)
    return [f"{page.path}: {shell}: {done.stderr or done.stdout}"]


def try_alone(page, program, shell):
    """The other side of it."""
    try:
        bring_up_loopback()
    except OSError:
        pass  # it is the machine's own network
    # What is wrong with its form has been said.
    page.complaints = []
    try_page(page, program, shell)
    print(json.dumps(page.complaints))
    return bool(page.complaints)


@functools.cache
def can_isolate():
    """Whether this system gives namespaces to this user."""
    return bool(shutil.which("unshare")) and subprocess.run([*ISOLATED, "true"], capture_output=True, check=False).returncode == 0


def check(pages, program, say):
    """All that is wrong with these pages, each complaint with its place."""
    for page in pages:
        dead_links(page)
        check_form(page, program)
        settings_of(page)
    found = [complaint for page in pages for complaint in page.complaints]
    pasted = [page for page in pages if any(block.is_pasted for block in page.blocks)]
    with ThreadPoolExecutor(2 if can_isolate() else 1) as workers:
        work = [workers.submit(run_alone, page, program, shell, say) for page in pasted for shell in SHELLS]
        return found + [complaint for one in work for complaint in one.result()]


def check_itself(program):
    """The test must find each mistake of a page that is full of them. What it doesn't find, and what it finds in vain."""
    expected = Path("tests/docs/broken.expected").read_text(encoding="utf-8").splitlines()
    found = check([Page("tests/docs/broken.md")], program, say=lambda _: None)
    found = [complaint.removeprefix("tests/docs/broken.md:") for complaint in found]
    missed = [line for line in expected if not any(complaint.startswith(line) for complaint in found)]
    in_vain = [complaint for complaint in found if not any(complaint.startswith(line) for line in expected)]
    return [f"tests/docs/broken.md: not found: {line}" for line in missed] + in_vain


def main():
    program, *named = sys.argv[1:]
    if named[:1] == ["--alone"]:
        return try_alone(Page(named[2]), program, named[1])
    all_pages = pages(named)
    found = check(all_pages, program, say=lambda line: print(line, flush=True))
    if not named:
        found += check_itself(program)
    print("\n".join(found))
    blocks = sum(block.is_pasted for page in all_pages for block in page.blocks)
    print(f"{len(all_pages)} pages, {blocks} blocks in {' and '.join(SHELLS)}: {'FAILED' if found else 'as they say'}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
