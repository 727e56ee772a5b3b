"""Authlib, as a client and as a resource server that introspects."""

import requests
from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7662 import IntrospectTokenValidator
from flask import Flask

from server import PASSWORD


def session(server):
    client = OAuth2Session("web", server.secrets["web"], token_endpoint=server.base + "/token",
                           revocation_endpoint=server.base + "/revoke", token_endpoint_auth_method="client_secret_basic")
    if server.scheme == "https":
        client.verify, client.trust_env = str(server.certificate), False
    return client


def test_a_client_signs_in_refreshes_and_revokes(server):
    client = session(server)
    token = client.fetch_token(username="alice", password=PASSWORD, grant_type="password", scope="write read openid")
    assert token["scope"] == "write read openid", token["scope"]
    again = client.refresh_token(server.base + "/token", refresh_token=token["refresh_token"])
    assert again["refresh_token"] != token["refresh_token"]
    assert client.get(server.base + "/userinfo").status_code == 200
    assert client.revoke_token(server.base + "/revoke", token=again["refresh_token"]).status_code == 200
    assert client.get(server.base + "/userinfo").status_code == 401


def protected(server):
    """An API that takes whatever the server calls active."""

    class Introspect(IntrospectTokenValidator):
        def introspect_token(self, token_string):
            answer = requests.post(server.base + "/introspect", data={"token": token_string},
                                   auth=("rs", server.secrets["rs"]), timeout=30)
            answer.raise_for_status()
            return answer.json()

    require = ResourceProtector()
    require.register_token_validator(Introspect())
    api = Flask("api")

    @api.get("/data")
    @require("read")
    def data():
        return "data"

    return api.test_client()


def test_a_resource_server_takes_access_tokens_and_no_refresh_token(server):
    token = session(server).fetch_token(username="alice", password=PASSWORD, grant_type="password")
    api = protected(server)
    with_token = lambda text: api.get("/data", headers={"Authorization": "Bearer " + text}).status_code
    assert with_token(token["access_token"]) == 200
    assert with_token(token["refresh_token"]) == 401
    assert with_token("nonsense") == 401
