"""Runs checks one after the other, and says how each ended."""

import traceback


def of_module(module, prefix="test_"):
    """The functions of a module whose names begin so: each with its name."""
    return [(name, check) for name, check in vars(module).items() if name.startswith(prefix)]


class Report:
    """Counts what passed. `title` is the name of the suite."""

    def __init__(self, title):
        self.title, self.passed, self.failed = title, 0, 0

    def run(self, name, check, *arguments):
        try:
            check(*arguments)
        except Exception:
            self.failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
        else:
            self.passed += 1
            print(f"ok      {name}", flush=True)

    def end(self):
        """Says how many passed. The exit code of the suite: without a single check it fails too."""
        print(f"{self.title}: {self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0
