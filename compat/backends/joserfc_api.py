import os

import requests
from joserfc import jwt
from joserfc.jwk import KeySet

issuer, audience = os.environ["ISSUER"], "https://api.example.com"
# Load them again, at most every 30 seconds, when a token names a key that is not among them.
keys = KeySet.import_key_set(requests.get(f"{issuer}/jwks", timeout=5).json())
rules = jwt.JWTClaimsRegistry(
    leeway=10,
    iss={"essential": True, "value": issuer},
    aud={"essential": True, "value": audience},
    exp={"essential": True},
    sub={"essential": True},
)


def verify(text):
    """Who the token stands for and what it allows; raises when it is not one for this API."""
    token = jwt.decode(text, keys, algorithms=["ES256"])
    if token.header.get("typ") != "at+jwt":
        raise ValueError("not an access token")
    rules.validate(token.claims)
    return token.claims


claims = verify(os.environ["TOKEN"])
print(claims["sub"], claims["scope"])
