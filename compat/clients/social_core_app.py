from django.urls import include, path
from django_app import configure, home, run
from steps import CLIENT_ID, CLIENT_SECRET, ID_TOKEN_ALG, ISSUER, is_set

setting = {"SOCIAL_AUTH_OIDC_JWT_ALGORITHMS": [ID_TOKEN_ALG], "SOCIAL_AUTH_OIDC_USE_PKCE": True}
configure(
    "social_django",
    "social_core.backends.open_id_connect.OpenIdConnectAuth",
    SOCIAL_AUTH_OIDC_OIDC_ENDPOINT=ISSUER,
    SOCIAL_AUTH_OIDC_KEY=CLIENT_ID,
    SOCIAL_AUTH_OIDC_SECRET=CLIENT_SECRET,
    SOCIAL_AUTH_OIDC_SCOPE=["phone"],
    **(setting if is_set else {}),
)
urlpatterns = [
    path("", home("/login/oidc/", lambda user: user.social_auth.get(provider="oidc").uid, by_form=True)),
    path("", include("social_django.urls", namespace="social")),
]
run()
