"""PyJWT, as a resource server that knows the issuer and nothing else: it fetches the keys by itself."""

import base64
import json
import urllib.parse
import urllib.request

import jwt

from server import API, PASSWORD, Server

ALGORITHMS = ("ES256", "EdDSA", "RS256")
USER = {"grant_type": "password", "username": "alice", "password": PASSWORD}
MACHINE = {"grant_type": "client_credentials", "resource": API}


class Issuer(Server):
    """Has a client for tokens of its own too."""

    def register(self):
        super().register()
        self.client("machine", "--grant", "client_credentials", "--scope", "read", "--audience", API)


def token(server, client, form):
    basic = base64.b64encode(f"{client}:{server.secrets[client]}".encode()).decode()
    request = urllib.request.Request(server.base + "/token", urllib.parse.urlencode(form).encode(), {"Authorization": "Basic " + basic})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())["access_token"]


def is_refused(decode, *arguments, **expected):
    try:
        decode(*arguments, **expected)
    except jwt.InvalidTokenError:
        return True
    return False


def verify(server, algorithm, text, client):
    key = jwt.PyJWKClient(server.base + "/jwks.json").get_signing_key_from_jwt(text)
    # A client that was registered in this very second has its first tokens dated in the next one.
    expected = {"audience": API, "issuer": server.issuer, "leeway": 1, "options": {"require": ["exp", "iat", "sub", "aud", "iss", "jti"]}}
    read = jwt.decode_complete(text, key, algorithms=[algorithm], **expected)
    assert read["header"] == {"typ": "at+jwt", "alg": algorithm, "kid": key.key_id}, read["header"]
    assert read["payload"]["client_id"] == client, read["payload"]

    decode = lambda text, algorithm=algorithm, **expected: jwt.decode(text, key, algorithms=[algorithm], **expected)
    for other in ({**expected, "audience": "other"}, {**expected, "issuer": "other"}):
        assert is_refused(decode, text, **other), other
    head, signature = text.rsplit(".", 1)
    assert is_refused(decode, head + "." + signature[::-1], **expected), "a wrong signature is accepted"
    assert is_refused(decode, text, "HS256", **expected), "another algorithm is accepted"


def test_a_resource_server_verifies_tokens_of_every_algorithm(server):
    for algorithm in ALGORITHMS:
        with Issuer(server.program, {"TOKEND_TOKENS__SIGNING_ALGORITHM": algorithm}) as other:
            verify(other, algorithm, token(other, "web", USER), "web")
            verify(other, algorithm, token(other, "machine", MACHINE), "machine")
