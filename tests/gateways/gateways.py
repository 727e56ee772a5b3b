"""The gateways, each with its sample of ops/gateway."""

import contextlib
import http.client
import json

from proxies import FILES, Proxy, sample


class Answer:
    """An answer to a client of a gateway, and what the API says that it was sent."""

    def __init__(self, response):
        self.status, self.challenge = response.status, response.getheader("WWW-Authenticate")
        text = response.read()
        self.request = json.loads(text) if response.status == 200 else None

    def told(self, name):
        """The values of all fields that a program behind WSGI or CGI would take for this one."""
        same = lambda field: field.lower().replace("_", "-") == name.lower()
        return [value for field, value in self.request["fields"] if same(field)]


class Gateway(Proxy):
    """A gateway between clients and `upstream`, which asks `server`."""

    def __init__(self, kind, server, upstream):
        self.upstream = upstream
        names = [FILES[kind], "verify.lua"] if kind == "haproxy" else [FILES[kind]]
        addresses = {"127.0.0.1:8080": server.base.removeprefix("http://"), "127.0.0.1:9000": upstream.address}
        super().__init__(kind, sample("gateway", *names), addresses)

    def connect(self):
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60))

    def ask(self, token=None, method="GET", path="/orders", fields=(), body=None):
        """One request on a connection of its own. `fields` are sent as they are, however often."""
        with self.connect() as connection:
            return send(connection, token, method, path, fields, body)


def send(connection, token=None, method="GET", path="/orders", fields=(), body=None):
    connection.putrequest(method, path)
    if token is not None:
        connection.putheader("Authorization", "Bearer " + token)
    for name, value in fields:
        connection.putheader(name, value)
    if isinstance(body, list):
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(iter(body), encode_chunked=True)
    elif body is not None:
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
    else:
        connection.endheaders()
    return Answer(connection.getresponse())
