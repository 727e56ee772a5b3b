"""A page of documentation, taken apart into its code blocks, links and headings."""

import re
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^(\s*)(```+|~~~+)\s*(\S*)\s*$")
MARKER = re.compile(r"^\s*<!--\s*([a-z ]+):\s*(.*?)\s*-->\s*$")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\s{0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*$")
MARKERS = {"not run", "tested", "server"}


class Block:
    """A fenced block: its language, its text, the line of its fence, the marker before it, the block that follows directly."""

    def __init__(self, language, line, marker):
        self.language, self.line, self.marker = language, line, marker
        self.text = ""
        self.follower = None
        self.is_follower = False

    @property
    def is_pasted(self):
        return self.language == "sh" and (not self.marker or self.starts_server)

    @property
    def starts_server(self):
        return self.marker == ("server", "this block")


class Page:
    """One file. `complaints` holds what is wrong with how it is written."""

    def __init__(self, path):
        self.path = Path(path)
        self.complaints = []
        self.server = []  # what the markers `server` say that stand for the whole page
        self.blocks = []
        self.prose = []  # (number, line) of all that is outside of blocks
        self._read(self.path.read_text(encoding="utf-8").split("\n"))

    def complain(self, line, text):
        self.complaints.append(f"{self.path}:{line}: {text}")

    def _read(self, lines):
        open_block, end, marker, before = None, "", None, None
        for number, line in enumerate(lines, 1):
            fence = FENCE.match(line)
            if open_block:
                if fence and not fence[3] and fence[2].startswith(end):
                    self.blocks.append(open_block)
                    before, open_block = open_block, None
                else:
                    open_block.text += line.removeprefix(indent) + "\n"
            elif fence:
                indent, end = fence[1], fence[2]
                open_block = Block(fence[3], number, marker)
                if before and open_block.language == "text" and not marker:
                    before.follower, open_block.is_follower = open_block, True
                marker = before = None
            else:
                if line.strip():
                    before = None
                    marker = self._marker(number, line)
                self.prose.append((number, line))
        if open_block:
            self.complain(open_block.line, "this block has no end")

    def _marker(self, number, line):
        found = MARKER.match(line)
        if not found:
            return None
        if found[1] not in MARKERS or not found[2]:
            return self.complain(number, f"no marker that the test knows: {line.strip()}")
        if found[1] == "server" and found[2] != "this block":
            return self.server.append(found[2])
        return found[1], found[2]

    def links(self):
        """The links of the page, each with the number of its line."""
        for number, line in self.prose:
            line = re.sub(r"`[^`]*`", "``", line)
            for target in [*LINK.findall(line), *REFERENCE.findall(line)]:
                yield number, target

    def anchors(self):
        """The anchors of the page's headings, as GitHub makes them."""
        seen = {}
        for _, line in self.prose:
            heading = re.match(r"^#{1,6}\s+(.*?)\s*#*$", line)
            if heading:
                text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").lower()
                slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
                count = seen.get(slug, 0)
                seen[slug] = count + 1
                yield f"{slug}-{count}" if count else slug
            for anchor in re.findall(r"<a (?:id|name)=\"([^\"]+)\"", line):
                yield anchor


def dead_links(page):
    """Complains of links to files and headings that aren't there."""
    for number, target in page.links():
        if re.match(r"^[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        file = page.path.parent / unquote(name) if name else page.path
        if not file.exists():
            page.complain(number, f"dead link: there is no {file}")
        elif anchor and file.suffix == ".md" and anchor not in set(Page(file).anchors()):
            page.complain(number, f"dead link: {file} has no heading for #{anchor}")
