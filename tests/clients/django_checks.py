"""django-oauth-toolkit, as a resource server that introspects."""

import django
from django.conf import settings

from authlib_checks import session
from server import API, PASSWORD


def configure(server):
    settings.configure(
        SECRET_KEY="of-a-test",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="django_checks",
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": server.home.name + "/django.db"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        OAUTH2_PROVIDER={
            "RESOURCE_SERVER_INTROSPECTION_URL": server.base + "/introspect",
            "RESOURCE_SERVER_INTROSPECTION_CREDENTIALS": ("rs", server.secrets["rs"]),
            "SCOPES": {"read": "read", "write": "write", "openid": "openid"},
        },
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def view():
    from django.http import HttpResponse
    from oauth2_provider.decorators import protected_resource

    @protected_resource(scopes=["read"])
    def data(request):
        return HttpResponse("data")

    return data


def test_a_resource_server_takes_access_tokens_and_no_refresh_token(server):
    configure(server)
    from django.test import RequestFactory

    token = session(server).fetch_token(username="alice", password=PASSWORD, grant_type="password")
    # It compares the audience with the address that was asked for.
    data, factory = view(), RequestFactory(SERVER_NAME=API.removeprefix("https://"))
    with_token = lambda text: data(factory.get("/data", secure=True, HTTP_AUTHORIZATION="Bearer " + text)).status_code
    assert with_token(token["access_token"]) == 200
    assert with_token(token["refresh_token"]) == 403
    assert with_token("nonsense") == 403
