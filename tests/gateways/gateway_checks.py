"""What must hold behind each gateway."""

import os
import signal
import urllib.parse

from gateways import send
from processes import wait_until

FIELDS = ["Subject", "Username", "Client", "Scope", "Session", "Expires"]
FORGED = "forged-by-the-client"


def told(answer):
    """What the API was told of the token."""
    assert answer.status == 200, answer.status
    values = {name: answer.told("X-Auth-" + name) for name in FIELDS}
    assert all(value in ([], value[:1]) and "" not in value for value in values.values()), values
    return {name: value[0] for name, value in values.items() if value}


def refused(gateway, status, **request):
    """The request doesn't reach the API."""
    before = gateway.upstream.seen
    answer = gateway.ask(**request)
    assert answer.status == status, (answer.status, status)
    assert gateway.upstream.seen == before
    return answer


def test_a_good_token_passes_and_the_api_sees_whose_it_is(gateway, server):
    seen = told(gateway.ask(server.alices))
    assert seen.keys() == set(FIELDS), seen
    claims = server.claims(server.alices)
    assert (seen["Subject"], seen["Session"], seen["Expires"]) == (claims["sub"], claims["sid"], str(claims["exp"]))
    assert (seen["Username"], seen["Client"]) == ("alice", "web")
    assert set(seen["Scope"].split(" ")) == {"openid", "read", "write"}, seen


def test_a_clients_own_token_passes_without_a_user(gateway, server):
    assert told(gateway.ask(server.machines)).keys() == {"Subject", "Client", "Scope", "Expires"}


def test_no_token_is_401(gateway, server):
    for path in ["/orders", "/orders?access_token=" + server.alices, "/_verify", "/verify"]:
        status = 404 if (gateway.name, path) == ("nginx", "/_verify") else 401
        answer = refused(gateway, status, path=path)
        assert status == 404 or answer.challenge == 'Bearer realm="tokend"', answer.challenge


def test_a_bad_token_is_401(gateway, server):
    for token in ["nonsense", server.alices_refresh_token, server.alices[:-4]]:
        challenge = refused(gateway, 401, token=token).challenge
        assert challenge == 'Bearer realm="tokend", error="invalid_token"', challenge


def test_a_token_for_another_audience_is_403(gateway, server):
    refused(gateway, 403, token=server.others)
    refused(gateway, 403, token=server.others, method="POST", body=b"x=1")


def test_a_client_cannot_name_the_audience(gateway, server):
    for path in ["/orders?audience=*", "/?audience=*&", "/verify?audience=*", "/%3Faudience=*", "/orders?a=1&audience=*"]:
        refused(gateway, 403, token=server.others, path=path)


def test_forged_fields_never_reach_the_api(gateway, server):
    spellings = ["X-Auth-{}", "x-auth-{}", "X-AUTH-{}", "X_Auth_{}", "X-Auth_{}", "x_auth-{}"]
    fields = [(spelling.format(name), FORGED) for spelling in spellings for name in FIELDS]
    for token in [server.alices, server.machines]:
        honest = told(gateway.ask(token))
        for some in [fields, fields[:1] * 2, *([field] for field in fields)]:
            assert told(gateway.ask(token, fields=some)) == honest, some
    refused(gateway, 401, fields=fields)
    refused(gateway, 403, token=server.others, fields=fields)


def test_a_client_cannot_have_the_fields_removed(gateway, server):
    honest = told(gateway.ask(server.alices))
    for names in ["X-Auth-Username", "close, x-auth-subject", "keep-alive,X-Auth-Scope"]:
        answer = gateway.ask(server.alices, fields=[("Connection", names)])
        assert answer.status == 400 or told(answer) == honest, names


def test_two_tokens_are_none(gateway, server):
    for one, other in [("nonsense", server.alices), (server.alices, server.machines)]:
        before = gateway.upstream.seen
        answer = gateway.ask(one, fields=[("Authorization", "Bearer " + other)])
        assert answer.status in (400, 401) and gateway.upstream.seen == before, answer.status


def test_a_body_reaches_the_api_whole(gateway, server):
    long = b"0123456789" * 100_000
    for method in ["POST", "PUT"]:
        for body in [b"x=1", b"", long, [b"one,", b"two"]]:
            answer = gateway.ask(server.alices, method=method, body=body)
            whole = b"".join(body) if isinstance(body, list) else body
            assert (answer.request["method"], answer.request["body"].encode()) == (method, whole)
            assert told(answer)["Username"] == "alice"
    refused(gateway, 401, method="POST", body=b"x=1")


def test_every_method_needs_a_token(gateway, server):
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"]:
        fields = [("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "GET")]
        refused(gateway, 401, method=method, fields=fields)
        assert gateway.ask(server.alices, method=method, fields=fields).request["method"] == method


def test_the_path_and_the_query_reach_the_api(gateway, server):
    for path in ["/orders/7?x=1&scope=admin", "/%C3%A9?q=%25", "/verify/x"]:
        assert gateway.ask(server.alices, path=path).request["path"] == path


def test_a_connection_is_kept(gateway, server):
    with gateway.connect() as connection:
        connection.connect()
        socket = connection.sock
        for token, status, body in [(server.alices, 200, None), ("nonsense", 401, None), (server.machines, 200, b"x=1"),
                                    (server.others, 403, None), (server.alices, 200, b"")]:
            answer = send(connection, token, "GET" if body is None else "POST", body=body)
            assert answer.status == status, (answer.status, status)
            assert connection.sock is socket, "the gateway closed the connection"


def test_a_name_that_is_not_ascii_arrives(gateway, server):
    assert urllib.parse.unquote(told(gateway.ask(server.evas))["Username"]) == "\u00e9va"


def test_a_long_token_passes(gateway, server):
    refused(gateway, 401, token="a" * 8192)
    assert told(gateway.ask(server.alices, fields=[("Cookie", "c=" + "x" * 4000)]))["Username"] == "alice"


def test_a_token_is_refused_as_soon_as_it_is_revoked(gateway, server):
    token = server.sign_in("alice")["access_token"]
    assert gateway.ask(token).status == 200
    server.post("/revoke", "web", token=token)
    refused(gateway, 401, token=token)


def last_test_a_server_that_hangs_or_is_gone_lets_nothing_pass(gateways, server):
    server.process.send_signal(signal.SIGSTOP)
    try:
        for gateway in gateways:
            unavailable(gateway, server)
    finally:
        server.process.send_signal(signal.SIGCONT)
    # Its lease on clients and keys ran out meanwhile: it answers 503 until it has asked the database for them.
    wait_until(lambda: gateways[0].ask(server.alices).status == 200, server.process, "the server", os.devnull)
    for gateway in gateways:
        assert gateway.ask(server.alices).status == 200, gateway.name
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(timeout=60)
    for gateway in gateways:
        for _ in range(3):
            unavailable(gateway, server)


def unavailable(gateway, server):
    before = gateway.upstream.seen
    answer = gateway.ask(server.alices, fields=[("X-Auth-Subject", FORGED)])
    assert 500 <= answer.status <= 599, (gateway.name, answer.status)
    assert gateway.upstream.seen == before, gateway.name
