import os

import jwt

issuer, audience = os.environ["ISSUER"], "https://api.example.com"
# Keeps the keys, and asks again when a token names one it has not seen.
keys = jwt.PyJWKClient(f"{issuer}/jwks")


def verify(token):
    """Who the token stands for and what it allows; raises when it is not one for this API."""
    if jwt.get_unverified_header(token).get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    key = keys.get_signing_key_from_jwt(token)
    require = {"require": ["exp", "iss", "aud", "sub"]}
    return jwt.decode(
        token, key, algorithms=["ES256"], issuer=issuer, audience=audience, leeway=10, options=require
    )


claims = verify(os.environ["TOKEN"])
print(claims["sub"], claims["scope"])
