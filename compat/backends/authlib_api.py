import os

import requests
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import KeySet

issuer = os.environ.get("ISSUER", "http://localhost:3000")
audience = os.environ.get("AUDIENCE", "https://api.example.com")


class Validator(JWTBearerTokenValidator):
    """For `ResourceProtector.register_token_validator` of Flask and Django; it checks typ, iss, aud and exp."""

    def get_jwks(self):
        # Keep them, and load them again, at most every 30 seconds, when a token names a key that is not among them.
        return KeySet.import_key_set(requests.get(f"{issuer}/jwks", timeout=5).json())


validator = Validator(issuer=issuer, resource_server=audience)
token = validator.authenticate_token(os.environ["TOKEN"])
validator.validate_token(token, ["orders:read"], None)
print(token["sub"], token["scope"])
