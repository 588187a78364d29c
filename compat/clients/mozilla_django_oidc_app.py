import requests
from django.urls import include, path
from django_app import bye, configure, failure, home, run
from steps import CLIENT_ID, CLIENT_SECRET, ID_TOKEN_ALG, ISSUER, SCOPE, is_set

endpoints = requests.get(f"{ISSUER}/.well-known/openid-configuration").json()
as_it_comes = "mozilla_django_oidc.auth.OIDCAuthenticationBackend"
setting = {
    "OIDC_RP_SIGN_ALGO": ID_TOKEN_ALG,
    "OIDC_USE_PKCE": True,
    "OIDC_RP_SCOPES": SCOPE,
    "OIDC_STORE_ID_TOKEN": True,
    "OIDC_OP_LOGOUT_URL_METHOD": "mozilla_django_oidc_backend.logout_url",
    "ALLOW_LOGOUT_GET_METHOD": True,
}
configure(
    "mozilla_django_oidc",
    "mozilla_django_oidc_backend.BySubject" if is_set else as_it_comes,
    OIDC_RP_CLIENT_ID=CLIENT_ID,
    OIDC_RP_CLIENT_SECRET=CLIENT_SECRET,
    OIDC_OP_AUTHORIZATION_ENDPOINT=endpoints["authorization_endpoint"],
    OIDC_OP_TOKEN_ENDPOINT=endpoints["token_endpoint"],
    OIDC_OP_USER_ENDPOINT=endpoints["userinfo_endpoint"],
    OIDC_OP_JWKS_ENDPOINT=endpoints["jwks_uri"],
    LOGIN_REDIRECT_URL_FAILURE="/failure",
    **(setting if is_set else {}),
)
urlpatterns = [
    path("", home("/oidc/authenticate/", lambda user: user.username)),
    path("failure", failure),
    path("bye", bye),
    path("oidc/", include("mozilla_django_oidc.urls")),
]
run()
