"""One service token by Authlib over requests. Settings come from the variables that our command reads too."""

import json
import time
from os import environ
from pathlib import Path

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey, RSAKey

token_endpoint = environ["OKTA_CLIENT_ORGURL"] + "/oauth2/v1/token"
pem = Path(environ["OKTA_CLIENT_PRIVATEKEY"]).read_text()
algorithm = environ["ALGORITHM"]
key = (RSAKey if algorithm == "RS256" else ECKey).import_key(pem)

session = OAuth2Session(
    environ["OKTA_CLIENT_CLIENTID"],
    key,
    scope=environ["OKTA_CLIENT_SCOPES"],
    token_endpoint_auth_method=PrivateKeyJWT.name,
)
session.register_client_auth_method(
    PrivateKeyJWT(
        token_endpoint,
        # The library's own hour is a moment too long for Okta.
        claims={"exp": int(time.time()) + 300},
        headers={"kid": environ["OKTA_CLIENT_PRIVATEKEYID"]},
        alg=algorithm,
    )
)
token = session.fetch_token(token_endpoint, grant_type="client_credentials")
print(json.dumps({"expires_in": token["expires_in"]}))
