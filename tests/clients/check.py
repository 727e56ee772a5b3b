"""Runs every `test_` function of the modules below against one server."""

import sys
import traceback

import agent_checks
import apache_checks
import authlib_checks
import django_checks
import jwt_checks
from server import Server


def main(program):
    passed = failed = 0
    with Server(program) as server:
        for module in (authlib_checks, django_checks, apache_checks, agent_checks, jwt_checks):
            for name in [name for name in vars(module) if name.startswith("test_")]:
                try:
                    getattr(module, name)(server)
                    passed += 1
                    print(f"ok      {module.__name__}.{name}", flush=True)
                except Exception:
                    failed += 1
                    print(f"FAILED  {module.__name__}.{name}\n{traceback.format_exc()}", flush=True)
    print(f"clients: {passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main(sys.argv[1]))
