from urllib.parse import urlencode

from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from steps import ISSUER, ORIGIN


class BySubject(OIDCAuthenticationBackend):
    """Finds people by `sub`, since few have an e-mail address."""

    def verify_claims(self, claims):
        return "sub" in claims

    def filter_users_by_claims(self, claims):
        return self.UserModel.objects.filter(username=claims["sub"])

    def get_username(self, claims):
        return claims["sub"]


def logout_url(request):
    """Where the browser goes to be logged out at the server too."""
    hint = request.session["oidc_id_token"]
    ask = urlencode({"id_token_hint": hint, "post_logout_redirect_uri": f"{ORIGIN}/bye"})
    return f"{ISSUER}/session/end?{ask}"
