"""Takes the snippets out of the pages and runs each `test_` function on them. check.py PROGRAM NODE_MODULES"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

from checks import Report, of_module
from processes import free_port
from server import PASSWORD, Server

HERE = Path(__file__).parent
DOCS = HERE.parent.parent.parent / "docs"
ORDERS = "https://orders.example.com"
ORIGIN = "http://127.0.0.1:5173"
PORT = free_port()


class Issuer(Server):
    """The built server with the users and clients of the pages."""

    def __init__(self, program):
        super().__init__(program, {"TOKEND_CLAIMS__ACCESS_TOKEN": "roles"})

    def register(self):
        self.user("alice", "--claim", 'roles=["editor"]')
        self.client("orders", "--may-introspect", "--serves", ORDERS)
        self.public("web", "--scope", "openid orders:read", "--audience", ORDERS)
        self.public("other", "--scope", "openid orders:read", "--audience", "https://other.example.com")
        self.public("untyped", "--scope", "openid orders:read", "--audience", ORDERS, "--token-typ", "JWT")
        self.public("notes", "--scope", "openid profile", "--audience", "api")
        self.public("shop", "--scope", "openid", "--audience", "api", "--allowed-origin", ORIGIN,
                    "--allowed-origin", f"http://localhost:{PORT}")

    def post(self, path, **form):
        with urllib.request.urlopen(self.base + path, urllib.parse.urlencode(form).encode(), timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def sign_in(self, client, **form):
        return self.post("/login", client_id=client, username="alice", password=PASSWORD, **form)


def block(page, name):
    """The block of the page whose first line is a comment with this name."""
    text = (DOCS / page).read_text()
    found = re.findall(r"```\w+\n((?://|#) " + re.escape(name) + r"\n.*?)```\n", text, re.DOTALL)
    assert len(found) == 1, f"{page} has {len(found)} blocks {name}"
    return found[0]


def node(server, driver, blocks, base=None, **variables):
    """Runs a driver beside the blocks, which are (page, name). They call the server by `base`."""
    with tempfile.TemporaryDirectory(prefix="tokend-snippets.") as home:
        os.symlink(Path(sys.argv[2]).resolve(), f"{home}/node_modules")
        Path(home, "package.json").write_text('{"type": "module"}')
        for page, name in blocks:
            Path(home, name).write_text(block(page, name).replace("http://localhost:8080", base or server.base))
        shutil.copy(HERE / driver, home)
        environment = os.environ | {"TOKEND": server.base, "PASSWORD": PASSWORD} | variables
        subprocess.run(["node", driver], cwd=home, env=environment, check=True, timeout=120)


def test_the_session_of_an_app_with_fetch_and_axios(server):
    node(server, "session_check.js", [("first-app.md", "session.js"), ("first-app.md", "api.js")])


def test_the_cookie_of_a_browser_app(server):
    node(server, "auth_check.js", [("browser.md", "auth.js")], ORIGIN=ORIGIN)


def test_the_browser_app_in_chromium(server):
    base = server.base.replace("127.0.0.1", "localhost")
    node(server, "chromium_check.js", [("browser.md", "auth.js")], base=base, BASE=base, PORT=str(PORT))


def test_express_verifies_signatures(server):
    narrow = server.sign_in("web", scope="openid")["access_token"]
    tokens = {"GOOD": server.sign_in("web")["access_token"], "NARROW": narrow,
              "OTHER": server.sign_in("other")["access_token"],
              "UNTYPED": server.sign_in("untyped")["access_token"]}
    node(server, "express_check.js", [("protect-an-api.md", "app.js")], ISSUER=server.issuer, **tokens)


def test_flask_introspects(server):
    os.environ |= {"TOKEND": server.base, "ORDERS": server.secrets["orders"]}
    names = {"__name__": "app"}
    exec(compile(block("protect-an-api.md", "app.py"), "app.py", "exec"), names)
    names["app"].logger.disabled = True  # the last question makes it fail, and it would tell
    client = names["app"].test_client()

    def ask(token, method="GET", path="/orders"):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = client.open(path, method=method, headers=headers)
        return answer.status_code, answer.headers.get("WWW-Authenticate", "")

    good = server.sign_in("web")
    assert ask(good["access_token"])[0] == 200
    assert ask(None) == (401, 'Bearer realm="orders"')
    assert ask("x") == (401, 'Bearer realm="orders", error="invalid_token"')
    assert ask(good["refresh_token"])[0] == 401
    assert ask(server.sign_in("other")["access_token"])[0] == 401
    narrow = server.sign_in("web", scope="openid")["access_token"]
    assert ask(narrow) == (403, 'Bearer realm="orders", error="insufficient_scope", scope="orders:read"')
    assert ask(good["access_token"], "DELETE", "/orders/1")[0] == 403
    server.post("/logout", refresh_token=good["refresh_token"])
    assert ask(good["access_token"])[0] == 401
    names["TOKEND"] = "http://127.0.0.1:1"
    assert ask(server.sign_in("web")["access_token"])[0] == 500


def main(program):
    report = Report("snippets")
    with Issuer(program) as server:
        for name, check in of_module(sys.modules["__main__"]):
            report.run(name, check, server)
    return report.end()


sys.exit(main(sys.argv[1]))
