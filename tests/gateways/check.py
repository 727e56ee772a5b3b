"""Runs every `test_` function of the checks against each gateway, and then those that end the server."""

import base64
import contextlib
import json
import sys
import urllib.parse
import urllib.request

import gateway_checks
from checks import Report, of_module
from gateways import Gateway
from server import API, PASSWORD, Server
from upstream import Upstream


class Issuer(Server):
    """The built server, and tokens of it."""

    def register(self):
        super().register()
        self.user("\u00e9va")
        self.client("machine", "--grant", "client_credentials", "--scope", "read", "--audience", API)

    def __enter__(self):
        super().__enter__()
        alices = self.sign_in("alice")
        self.alices, self.alices_refresh_token = alices["access_token"], alices["refresh_token"]
        self.evas = self.sign_in("\u00e9va")["access_token"]
        self.machines = self.post("/token", "machine", grant_type="client_credentials")["access_token"]
        # For the issuer itself, and no API.
        self.others = self.post("/token", "rs", grant_type="client_credentials")["access_token"]
        return self

    def sign_in(self, name):
        return self.post("/token", "web", grant_type="password", username=name, password=PASSWORD)

    def post(self, path, client, **form):
        """The answer to a form of a confidential client."""
        basic = base64.b64encode(f"{client}:{self.secrets[client]}".encode()).decode()
        request = urllib.request.Request(self.base + path, urllib.parse.urlencode(form).encode(), {"Authorization": "Basic " + basic})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"{}")

    @staticmethod
    def claims(token):
        payload = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def main(program):
    report = Report("gateways")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Issuer(program))
        gateways = [stack.enter_context(Gateway(name, server, Upstream())) for name in ("nginx", "caddy", "haproxy")]
        for gateway in gateways:
            for name, check in of_module(gateway_checks):
                report.run(f"{gateway.name}.{name}", check, gateway, server)
        for name, check in of_module(gateway_checks, "last_test_"):
            report.run(name, check, gateways, server)
    return report.end()


sys.exit(main(sys.argv[1]))
