import os

import requests
from flask import Flask, redirect, request
from requests_oauthlib import OAuth2Session
from steps import CLIENT_ID, CLIENT_SECRET, ISSUER, ORIGIN, PORT, SCOPE, is_set, show

# http, on this machine only.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
endpoints = requests.get(f"{ISSUER}/.well-known/openid-configuration").json()
pkce = {"pkce": "S256"} if is_set else {}
session = OAuth2Session(CLIENT_ID, redirect_uri=f"{ORIGIN}/callback", scope=SCOPE.split(), **pkce)
app = Flask(__name__)


def subject():
    answer = session.get(endpoints["userinfo_endpoint"])
    answer.raise_for_status()
    return answer.json()["sub"]


@app.get("/")
def home():
    if session.token:
        return show(subject)
    url, _ = session.authorization_url(endpoints["authorization_endpoint"])
    return redirect(url)


@app.get("/callback")
def callback():
    def finish():
        arrived = {"authorization_response": request.url, "client_secret": CLIENT_SECRET}
        session.fetch_token(endpoints["token_endpoint"], **arrived)
        return subject()

    return show(finish)


@app.get("/userinfo")
def userinfo():
    return show(subject)


@app.get("/refresh")
def refresh():
    def renew():
        return session.refresh_token(endpoints["token_endpoint"], auth=(CLIENT_ID, CLIENT_SECRET))["scope"]

    return show(renew)


app.run("localhost", PORT)
