import os

import requests
from joserfc import jwt
from joserfc.jwk import KeySet

issuer = os.environ.get("ISSUER", "http://localhost:3000")
audience = os.environ.get("AUDIENCE", "https://api.example.com")
alg, typ = os.environ.get("ALG", "ES256"), os.environ.get("TYP", "at+jwt")
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
    token = jwt.decode(text, keys, algorithms=[alg])
    if token.header.get("typ") != typ:
        raise ValueError("not an access token")
    rules.validate(token.claims)
    return token.claims


claims = verify(os.environ["TOKEN"])
print(claims["sub"], claims["scope"])
