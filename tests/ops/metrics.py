"""Compares the rules and the dashboard with what a server that runs says at /metrics: every metric that they name must be there, with
the labels that they select by. Also: promtool finds nothing wrong with that output, and each link to the documentation leads somewhere.

    metrics.py PROGRAM
"""

import http.client
import json
import re
import subprocess
import sys
import time
from pathlib import Path

from nodes import Client, Site

ROOT = Path(__file__).resolve().parents[2]
OPS = ROOT / "ops"
# The certificate's end is there only where tokend speaks TLS, which a node of this test doesn't; Rust tests cover it.
ELSEWHERE = {"tokend_tls_certificate_left_seconds"}
# Prometheus itself makes these.
PROMETHEUS = {"up"}
NAME = re.compile(r"\b(?:tokend|process)_[a-z_]+|\bup\b")


def expressions():
    """Every PromQL text of the rules and the dashboard."""
    rules = (OPS / "prometheus/recording.yml").read_text() + (OPS / "prometheus/alerts.yml").read_text()
    # A folded text goes on in lines that are indented further.
    for match in re.finditer(r"^( +)(?:- )?expr: (?:>-\n((?:\1 {2,}.*\n)+)|(.*)\n)", rules, re.M):
        yield match[2] or match[3]
    dashboard = json.loads((OPS / "grafana/tokend.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["expr"]


def named(expressions):
    """The metrics, each with the labels and the fixed values that it is selected by and the labels that it is grouped by."""
    found = {}
    for text in expressions:
        for match in re.finditer(r"\b((?:tokend|process)_[a-z_]+)(?:\{([^}]*)\})?", text):
            labels = found.setdefault(match[1], set())
            labels |= set(re.findall(r'([a-z_]+)(?:=~?|!~|!=)"', match[2] or ""))
        grouped = set(re.findall(r"[a-z]+", " ".join(re.findall(r"by \(([^)]*)\)", text))))
        for name in re.findall(r"\b(?:tokend|process)_[a-z_]+", text):
            found[name] |= grouped
    return found


def series(text):
    """The names of all series, each with its labels."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels = re.match(r"([a-z_]+)(?:\{(.*)\})?", line).groups()
            found.setdefault(name, set()).update(re.findall(r'([a-z_]+)="', labels or ""))
    return found


def counted(node):
    """All metrics, as soon as sessions were counted."""
    for _ in range(600):
        text = node.get("/metrics")[1]
        if "tokend_sessions_live" in text:
            return text
        time.sleep(0.1)
    raise SystemExit("sessions are not counted")


def anchors(page):
    """The places in a page that a link can lead to."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links():
    for link in re.findall(r"runbook_url: (\S+)", (OPS / "prometheus/alerts.yml").read_text()):
        path, _, anchor = link.partition("#")
        page = ROOT / path
        if not page.exists() or (anchor and anchor not in anchors(page)):
            yield link


def main(program):
    problems = []
    with Site(program) as site:
        client = Client(site.nodes[0].port)
        time.sleep(1)
        client.stop()
        text = counted(site.nodes[0])
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    if checked.returncode != 0 or checked.stderr.strip():
        problems.append("promtool check metrics: " + checked.stderr)
    there, wanted = series(text), named(expressions())
    for name, labels in sorted(wanted.items()):
        if name in ELSEWHERE:
            continue
        if name not in there:
            problems.append(f"{name} is not at /metrics")
        elif missing := labels - there[name] - {"job", "instance"}:
            problems.append(f"{name} has no label {', '.join(sorted(missing))}")
    if len(wanted) < 30:
        problems.append(f"only {len(wanted)} metrics were found in the rules and the dashboard")
    documented = (ROOT / "docs/metrics.md").read_text()
    for name in sorted({re.sub(r"_(bucket|sum|count)$", "", name) for name in there} | ELSEWHERE):
        if f"`{name}" not in documented:
            problems.append(f"{name} is not in docs/metrics.md")
    for link in broken_links():
        problems.append(f"the link {link} leads nowhere")
    for problem in problems:
        print("FAILED ", problem)
    print(f"metrics: {len(there)} are told, {len(wanted)} are used by rules and panels, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
