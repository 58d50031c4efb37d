//! Where, or with which command, to mend what is wrong.

/// For a setting that cannot be used.
pub(super) fn for_check(check: &str) -> Option<&'static str> {
    Some(match check {
        "issuer" => "export OKTA_CLIENT_ORGURL=https://acme.okta.com",
        "key" => {
            "okta-introspect keygen service-app.pem, register what it prints, and set OKTA_CLIENT_PRIVATEKEY=service-app.pem"
        }
        "assertion" => {
            "export OKTA_CLIENT_CLIENTID=0oa… (Admin Console > Applications > the app > General)"
        }
        _ => return None,
    })
}

/// For what a refusal is about.
pub(super) fn for_cause(about: &str) -> Option<&'static str> {
    Some(match about {
        "aud" => {
            "okta-introspect assertion --endpoint token --claims, and compare `aud` with the URL that the server sees"
        }
        "kid" | "key" => {
            "okta-introspect jwk, and compare with Admin Console > Applications > the app > General > Public Keys"
        }
        "alg" => "okta-introspect keygen service-app.pem, and register what it prints",
        "exp" | "iat" => "timedatectl set-ntp true",
        "iss" | "sub" => {
            "compare the client id with Admin Console > Applications > the app > General"
        }
        "authentication method" => {
            "Admin Console > Applications > the app > General > Client authentication > Public key / Private key"
        }
        "app type" => "Admin Console > Applications > Create App Integration > API Services",
        "scope" => {
            "Admin Console > Applications > the app > Okta API Scopes; or Security > API > the server > Scopes"
        }
        "policy" => "Admin Console > Security > API > the server > Access Policies",
        "admin role" => "Admin Console > Applications > the app > Admin roles > Edit assignments",
        "grant" => "Admin Console > Applications > the app > General > Grant type",
        "network zone" => "Admin Console > Applications > the app > General > Network access",
        "issuer" => {
            "Admin Console > Security > API shows the issuers; the org server is https://acme.okta.com"
        }
        "DPoP" => {
            "export OKTA_CLIENT_DPOPENABLED=true; or Admin Console > Applications > the app > General > Proof of possession"
        }
        "jwks_uri" => "Admin Console > Applications > the app > General > Public Keys",
        _ => return None,
    })
}
