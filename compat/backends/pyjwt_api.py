import os

import jwt

issuer = os.environ.get("ISSUER", "http://localhost:3000")
audience = os.environ.get("AUDIENCE", "https://api.example.com")
alg, typ = os.environ.get("ALG", "ES256"), os.environ.get("TYP", "at+jwt")
# Keeps the keys, and asks again when a token names one it has not seen.
keys = jwt.PyJWKClient(f"{issuer}/jwks")


def verify(token):
    """Who the token stands for and what it allows; raises when it is not one for this API."""
    if jwt.get_unverified_header(token).get("typ") != typ:
        raise jwt.InvalidTokenError("not an access token")
    key = keys.get_signing_key_from_jwt(token)
    require = {"require": ["exp", "iss", "aud", "sub"]}
    return jwt.decode(
        token, key, algorithms=[alg], issuer=issuer, audience=audience, leeway=10, options=require
    )


claims = verify(os.environ["TOKEN"])
print(claims["sub"], claims["scope"])
