from mozilla_django_oidc.auth import OIDCAuthenticationBackend


class BySubject(OIDCAuthenticationBackend):
    """Finds people by `sub`, since few have an e-mail address."""

    def verify_claims(self, claims):
        return "sub" in claims

    def filter_users_by_claims(self, claims):
        return self.UserModel.objects.filter(username=claims["sub"])

    def get_username(self, claims):
        return claims["sub"]
