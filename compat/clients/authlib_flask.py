from authlib.integrations.flask_client import OAuth
from flask import Flask
from steps import CLIENT_ID, CLIENT_SECRET, ISSUER, ORIGIN, PORT, SCOPE, is_set, show

app = Flask(__name__)
app.secret_key = "a secret of the app, for its cookies"
oauth = OAuth(app)
oauth.register(
    "menshen",
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_id=CLIENT_ID,
    client_secret=CLIENT_SECRET,
    client_kwargs={"scope": SCOPE, **({"code_challenge_method": "S256"} if is_set else {})},
)
tokens = {}


@app.get("/")
def home():
    if not tokens:
        return oauth.menshen.authorize_redirect(f"{ORIGIN}/callback")
    return show(lambda: tokens["userinfo"]["sub"])


@app.get("/callback")
def callback():
    def finish():
        tokens.update(oauth.menshen.authorize_access_token())
        return tokens["userinfo"]["sub"]

    return show(finish)


@app.get("/userinfo")
def userinfo():
    return show(lambda: oauth.menshen.userinfo(token=tokens)["sub"])


@app.get("/refresh")
def refresh():
    def renew():
        endpoint = oauth.menshen.load_server_metadata()["token_endpoint"]
        with oauth.menshen._get_oauth_client() as client:
            renewed = client.refresh_token(endpoint, refresh_token=tokens["refresh_token"])
        tokens.update(renewed)
        return renewed["scope"]

    return show(renew)


@app.get("/revoke")
def revoke():
    def end():
        endpoint = oauth.menshen.load_server_metadata()["revocation_endpoint"]
        with oauth.menshen._get_oauth_client() as client:
            for kind in ("access_token", "refresh_token"):
                client.revoke_token(endpoint, tokens[kind], token_type_hint=kind).raise_for_status()
        return "revoked"

    return show(end)


@app.get("/logout")
def logout():
    return oauth.menshen.logout_redirect(f"{ORIGIN}/bye", id_token_hint=tokens["id_token"])


@app.get("/bye")
def bye():
    return show(lambda: oauth.menshen.validate_logout_response()["post_logout_redirect_uri"])


app.run("localhost", PORT)
