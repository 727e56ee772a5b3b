"""PyJWT, as a resource server that knows the issuer and nothing else: it fetches the keys by itself."""

import jwt
import requests

from server import API, PASSWORD, Server


def verify(server, algorithm):
    answer = requests.post(server.base + "/token", auth=("web", server.secrets["web"]), timeout=30,
                           data={"grant_type": "password", "username": "alice", "password": PASSWORD})
    token = answer.json()["access_token"]
    key = jwt.PyJWKClient(server.base + "/jwks.json").get_signing_key_from_jwt(token)
    decode = lambda text, **expected: jwt.decode(text, key, algorithms=[algorithm], **expected)
    expected = {"audience": API, "issuer": server.issuer, "options": {"require": ["exp", "iat", "sub", "aud", "iss", "jti"]}}
    read = jwt.decode_complete(token, key, algorithms=[algorithm], **expected)
    assert read["header"] == {"typ": "at+jwt", "alg": algorithm, "kid": key.key_id}, read["header"]
    assert read["payload"]["client_id"] == "web", read["payload"]
    head, signature = token.rsplit(".", 1)
    for refused in ({**expected, "audience": "other"}, {**expected, "issuer": "other"}):
        try:
            decode(token, **refused)
        except jwt.InvalidTokenError:
            continue
        raise AssertionError(f"{refused} is accepted")
    try:
        decode(head + "." + signature[::-1], **expected)
    except jwt.InvalidTokenError:
        return
    raise AssertionError("a wrong signature is accepted")


def test_a_resource_server_verifies_tokens_of_every_algorithm(server):
    for algorithm in ("ES256", "EdDSA", "RS256"):
        with Server(server.program, settings={"TOKEND_TOKENS__SIGNING_ALGORITHM": algorithm}) as other:
            verify(other, algorithm)
