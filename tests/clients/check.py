"""Runs every `test_` function of some modules against one server. check.py PROGRAM MODULE.."""

import importlib
import sys

from checks import Report, of_module
from server import Server


def main(program, *modules):
    report = Report("clients")
    with Server(program) as server:
        for module in modules:
            for name, check in of_module(importlib.import_module(module)):
                report.run(f"{module}.{name}", check, server)
    return report.end()


sys.exit(main(*sys.argv[1:]))
