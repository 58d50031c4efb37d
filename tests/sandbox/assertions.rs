//! Client authentication at the sandbox: every rule for assertions, with Okta's words.

use okta_introspect::sandbox::{App, AppKey, AppStatus, AuthMethod};
use okta_introspect::{Algorithm, SigningKey};
use serde_json::{Map, Value, json};

use crate::org::{ASSERTION_TYPE, Answer, CLIENT, NOW, Org, form_request, key, sign, unique};

const TOKEN: &str = "/oauth2/v1/token";
const INTROSPECT: &str = "/oauth2/v1/introspect";
const REVOKE: &str = "/oauth2/v1/revoke";

const AUDIENCE: &str =
    "The audience claim for client_assertion must be the endpoint invoked for the request.";
const ISSUER: &str = "The issuer claim for client_assertion is not a valid client_id.";
const SUBJECT: &str = "The subject claim for client_assertion is not a valid client_id.";
const EXPIRED: &str = "The client_assertion token is expired.";
const TOO_FAR: &str = "The client_assertion token has an expiration too far into the future.";
const NO_EXP: &str = "The client_assertion must contain the 'exp' claim as seconds since epoch.";
const FUTURE: &str = "The client_assertion token must be issued before the current time.";
const USED: &str = "The client_assertion token has already been used.";
const KID: &str = "The client_assertion JWT kid is invalid.";
const ALGORITHM: &str = "The client_assertion JWT signature algorithm is invalid.";
const SIGNATURE: &str = "The client_assertion signature is invalid.";
const PARSING: &str = "The parsing of the client_assertion failed.";
const FAILED: &str =
    "Client authentication failed. Either the client or the client credentials are invalid.";

/// Introspects with this assertion and gives the description; empty if it was accepted.
async fn introspect_with(org: &Org, assertion: String) -> String {
    let form = [("token", "x"), ("client_assertion_type", ASSERTION_TYPE)];
    let mut form: Vec<_> = form.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    form.push(("client_assertion".to_owned(), assertion));
    let answer = org.post_form(INTROSPECT, &form).await;
    let (status, error, description) = answer.refusal();
    match status {
        200 => assert_eq!(answer.text, r#"{"active":false}"#),
        _ => assert_eq!((status, error.as_str()), (401, "invalid_client"), "{description}"),
    }
    description
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "k1"})
}

fn changed(mut claims: Map<String, Value>, claim: &str, value: Value) -> Map<String, Value> {
    match value {
        Value::Null => claims.remove(claim),
        value => claims.insert(claim.to_owned(), value),
    };
    claims
}

#[test_support::test]
async fn every_claim_is_judged() {
    let org = Org::start_with(|builder, key| {
        builder.app(App::service("0oa2other").key(key.public_jwk()))
    })
    .await;
    let host = org.sandbox.issuer();
    let cases = [
        ("good", "iat", json!(NOW), ""),
        ("no iss", "iss", Value::Null, ISSUER),
        ("unknown iss", "iss", json!("0oa9"), ISSUER),
        ("iss of another case", "iss", json!("0OA1service"), ISSUER),
        ("no sub", "sub", Value::Null, SUBJECT),
        ("unknown sub", "sub", json!("0oa9"), SUBJECT),
        ("sub of another app", "sub", json!("0oa2other"), SUBJECT),
        ("iss is a list", "iss", json!([CLIENT]), ISSUER),
        ("no aud", "aud", Value::Null, AUDIENCE),
        ("issuer as aud", "aud", json!(host.as_str()), AUDIENCE),
        ("token endpoint as aud", "aud", json!(org.url(TOKEN)), AUDIENCE),
        ("revocation endpoint as aud", "aud", json!(org.url(REVOKE)), AUDIENCE),
        ("custom server as aud", "aud", json!(org.url("/oauth2/default/v1/introspect")), AUDIENCE),
        ("slash after aud", "aud", json!(org.url("/oauth2/v1/introspect/")), AUDIENCE),
        ("two slashes in aud", "aud", json!(org.url("//oauth2/v1/introspect")), AUDIENCE),
        ("query in aud", "aud", json!(org.url("/oauth2/v1/introspect?")), AUDIENCE),
        ("path as aud", "aud", json!(INTROSPECT), AUDIENCE),
        ("list with aud", "aud", json!([org.url(INTROSPECT)]), ""),
        ("list with others", "aud", json!([org.url(INTROSPECT), org.url(TOKEN)]), AUDIENCE),
        ("no exp", "exp", Value::Null, NO_EXP),
        ("exp as text", "exp", json!((NOW + 300).to_string()), NO_EXP),
        ("exp past", "exp", json!(NOW - 1), EXPIRED),
        ("exp now", "exp", json!(NOW), EXPIRED),
        ("exp in a second", "exp", json!(NOW + 1), ""),
        ("exp in 3599 s", "exp", json!(NOW + 3599), ""),
        ("exp in 3600 s", "exp", json!(NOW + 3600), ""),
        ("exp in 3601 s", "exp", json!(NOW + 3601), TOO_FAR),
        ("exp with a fraction", "exp", json!(NOW as f64 + 300.0), NO_EXP),
        ("exp in milliseconds", "exp", json!((NOW + 300) * 1000), TOO_FAR),
        ("iat in a second", "iat", json!(NOW + 1), FUTURE),
        ("iat long ago", "iat", json!(NOW - 3600), ""),
        ("no iat", "iat", Value::Null, ""),
        ("iat as text", "iat", json!("now"), PARSING),
        ("iat with a fraction", "iat", json!(NOW as f64 - 0.5), PARSING),
        ("nbf in a second", "nbf", json!(NOW + 1), FUTURE),
        ("nbf now", "nbf", json!(NOW), ""),
        ("no jti", "jti", Value::Null, ""),
        ("jti is a number", "jti", json!(7), PARSING),
        ("empty jti", "jti", json!(""), PARSING),
        ("unknown claim", "extra", json!(true), ""),
    ];
    for (name, claim, value, expected) in cases {
        let claims = changed(org.claims(INTROSPECT), claim, value);
        let description = introspect_with(&org, sign(&org.key, &header(), &claims)).await;
        assert_eq!(description, expected, "{name}");
    }
}

#[test_support::test]
async fn every_header_is_judged() {
    let org = Org::start().await;
    let cases = [
        ("kid", json!({"alg": "ES256", "kid": "k1"}), ""),
        ("typ", json!({"alg": "ES256", "kid": "k1", "typ": "JWT"}), ""),
        ("no kid and one key", json!({"alg": "ES256"}), ""),
        ("unknown kid", json!({"alg": "ES256", "kid": "k9"}), KID),
        ("kid is a number", json!({"alg": "ES256", "kid": 1}), KID),
        ("no alg", json!({"kid": "k1"}), ALGORITHM),
        ("none", json!({"alg": "none", "kid": "k1"}), ALGORITHM),
        ("HS256", json!({"alg": "HS256", "kid": "k1"}), ALGORITHM),
        ("PS256", json!({"alg": "PS256", "kid": "k1"}), ALGORITHM),
        ("EdDSA", json!({"alg": "EdDSA", "kid": "k1"}), ALGORITHM),
        ("alg in lower case", json!({"alg": "es256", "kid": "k1"}), ALGORITHM),
        ("alg of another curve", json!({"alg": "ES384", "kid": "k1"}), ALGORITHM),
        ("alg of another type", json!({"alg": "RS256", "kid": "k1"}), ALGORITHM),
        ("critical", json!({"alg": "ES256", "kid": "k1", "crit": ["x"], "x": 1}), PARSING),
    ];
    for (name, header, expected) in cases {
        let assertion = sign(&org.key, &header, &org.claims(INTROSPECT));
        assert_eq!(introspect_with(&org, assertion).await, expected, "{name}");
    }
}

#[test_support::test]
async fn what_is_not_the_signed_jwt_is_refused() {
    let org = Org::start().await;
    let stranger = key(Algorithm::Es256, "k1");
    let good = org.assertion(INTROSPECT);
    let (input, _) = good.rsplit_once('.').unwrap();
    let other = sign(&org.key, &header(), &org.claims(INTROSPECT));
    let (_, other_signature) = other.rsplit_once('.').unwrap();
    let cases = [
        ("word", "assertion".to_owned(), PARSING),
        ("two segments", input.to_owned(), PARSING),
        ("four segments", format!("{good}.x"), PARSING),
        ("line break", format!("{good}\n"), PARSING),
        ("padding", format!("{good}="), PARSING),
        ("stranger's key", sign(&stranger, &header(), &org.claims(INTROSPECT)), SIGNATURE),
        ("other assertion's signature", format!("{input}.{other_signature}"), SIGNATURE),
        ("no signature", format!("{input}."), SIGNATURE),
        ("untouched", good.clone(), ""),
    ];
    for (name, assertion, expected) in cases {
        assert_eq!(introspect_with(&org, assertion).await, expected, "{name}");
    }
}

#[test_support::test]
async fn each_endpoint_wants_its_own_assertion() {
    let org = Org::start().await;
    let endpoints = [
        TOKEN,
        INTROSPECT,
        REVOKE,
        "/oauth2/default/v1/token",
        "/oauth2/default/v1/introspect",
        "/oauth2/default/v1/revoke",
    ];
    for called in endpoints {
        for signed in endpoints {
            let answer = org.post_form(called, &org.form(signed, &[])).await;
            let refused = answer.member("error_description") == AUDIENCE;
            assert_eq!(refused, called != signed, "{signed} used at {called}: {}", answer.text);
        }
    }
}

#[test_support::test]
async fn an_org_url_with_a_slash_too_many_shows_as_a_wrong_audience() {
    let org = Org::start().await;
    let path = "//oauth2/v1/introspect";
    let answer = org.introspect(path, "x").await;
    assert_eq!(answer.refusal(), (401, "invalid_client".to_owned(), AUDIENCE.to_owned()));
    let answer = org.post_form(path, &org.form(INTROSPECT, &[("token", "x")])).await;
    assert_eq!(answer.status, 200);
}

#[test_support::test]
async fn the_audience_follows_the_name_by_which_the_server_was_called() {
    let org = Org::start().await;
    let port = org.sandbox.address().port();
    for (host, base, accepted) in [
        (format!("localhost:{port}"), format!("http://localhost:{port}"), true),
        (format!("localhost:{port}"), org.url(""), false),
        ("evil.example".to_owned(), "http://evil.example".to_owned(), false),
        ("evil.example".to_owned(), org.url(""), true),
    ] {
        let aud = json!(format!("{base}{INTROSPECT}"));
        let assertion =
            sign(&org.key, &header(), &changed(org.claims(INTROSPECT), "aud", aud.clone()));
        let form = [
            ("token".to_owned(), "x".to_owned()),
            ("client_assertion_type".to_owned(), ASSERTION_TYPE.to_owned()),
            ("client_assertion".to_owned(), assertion),
        ];
        let request = org.http.post(org.url(INTROSPECT)).header("host", &host);
        let answer = Answer::of(form_request(request, &form)).await;
        assert_eq!(answer.status == 200, accepted, "{host} with {aud}");
    }
}

#[test_support::test]
async fn a_jti_works_once_even_if_the_request_fails() {
    let org = Org::start().await;
    let bad_scope = [("grant_type", "client_credentials"), ("scope", "okta.groups.read")];
    let form = org.form(TOKEN, &bad_scope);
    assert_eq!(org.post_form(TOKEN, &form).await.member("error"), "consent_required");
    assert_eq!(org.post_form(TOKEN, &form).await.member("error_description"), USED);
}

#[test_support::test]
async fn a_jti_is_not_burnt_by_an_assertion_that_was_refused() {
    let org = Org::start().await;
    let claims = org.claims(INTROSPECT);
    let forged = sign(&key(Algorithm::Es256, "k1"), &header(), &claims);
    assert_eq!(introspect_with(&org, forged).await, SIGNATURE);
    let assertion = sign(&org.key, &header(), &claims);
    assert_eq!(introspect_with(&org, assertion.clone()).await, "");
    assert_eq!(introspect_with(&org, assertion).await, USED);
}

#[test_support::test]
async fn without_a_jti_an_assertion_works_until_it_expires() {
    let org = Org::start().await;
    let claims = changed(org.claims(INTROSPECT), "jti", Value::Null);
    let assertion = sign(&org.key, &header(), &claims);
    for _ in 0..3 {
        assert_eq!(introspect_with(&org, assertion.clone()).await, "");
    }
    org.clock.advance(std::time::Duration::from_secs(300));
    assert_eq!(introspect_with(&org, assertion).await, EXPIRED);
}

#[test_support::test]
async fn a_jti_is_remembered_across_endpoints() {
    let org = Org::start().await;
    let jti = json!(unique());
    for (path, expected) in [(INTROSPECT, ""), ("/oauth2/default/v1/introspect", USED)] {
        let assertion = sign(&org.key, &header(), &changed(org.claims(path), "jti", jti.clone()));
        let form = [
            ("token".to_owned(), "x".to_owned()),
            ("client_assertion_type".to_owned(), ASSERTION_TYPE.to_owned()),
            ("client_assertion".to_owned(), assertion),
        ];
        let answer = org.post_form(path, &form).await;
        assert_eq!(answer.json()["error_description"].as_str().unwrap_or_default(), expected);
    }
}

#[test_support::test]
async fn one_assertion_in_many_hands_works_once() {
    let org = Org::start().await;
    let form = org.form(INTROSPECT, &[("token", "x")]);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        calls.spawn(Answer::of(form_request(org.http.post(org.url(INTROSPECT)), &form)));
    }
    let statuses: Vec<u16> = calls.join_all().await.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 19);
}

#[test_support::test]
async fn with_two_keys_the_kid_decides() {
    let org = Org::start().await;
    let second = key(Algorithm::Rs256, "k2");
    org.sandbox.add_key(CLIENT, second.public_jwk()).unwrap();
    let signed = |key: &SigningKey, header: Value| sign(key, &header, &org.claims(INTROSPECT));
    let cases = [
        ("first", signed(&org.key, header()), ""),
        ("second", signed(&second, json!({"alg": "RS256", "kid": "k2"})), ""),
        ("no kid", signed(&org.key, json!({"alg": "ES256"})), KID),
        ("unknown kid", signed(&org.key, json!({"alg": "ES256", "kid": "k3"})), KID),
        ("other's kid", signed(&second, json!({"alg": "RS256", "kid": "k1"})), ALGORITHM),
        ("other's kid and alg", signed(&second, json!({"alg": "ES256", "kid": "k1"})), SIGNATURE),
    ];
    for (name, assertion, expected) in cases {
        assert_eq!(introspect_with(&org, assertion).await, expected, "{name}");
    }
    org.sandbox.deactivate_key(CLIENT, "k1").unwrap();
    assert_eq!(introspect_with(&org, signed(&org.key, header())).await, KID);
    let assertion = signed(&second, json!({"alg": "RS256"}));
    assert_eq!(introspect_with(&org, assertion).await, KID, "an inactive key counts as a second");
}

#[test_support::test]
async fn every_algorithm_of_okta_authenticates() {
    let org = Org::start().await;
    for name in ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"] {
        let key = key(name.parse().unwrap(), "k1");
        org.sandbox.register(App::service(CLIENT).key(key.public_jwk()));
        let header = json!({"alg": name, "kid": "k1"});
        let assertion = sign(&key, &header, &org.claims(INTROSPECT));
        assert_eq!(introspect_with(&org, assertion).await, "", "{name}");
    }
}

#[test_support::test]
async fn a_key_without_alg_is_judged_by_its_signature() {
    let org = Org::start().await;
    let rs256 = SigningKey::generate(Algorithm::Rs256).unwrap();
    let mut jwk: Value = serde_json::from_str(&rs256.public_jwk().to_json()).unwrap();
    jwk.as_object_mut().unwrap().remove("alg");
    org.sandbox.register(App::service(CLIENT).key(AppKey::from_jwk(&jwk).unwrap()));
    for (alg, expected) in [("RS256", ""), ("RS384", SIGNATURE), ("ES256", SIGNATURE)] {
        let assertion = sign(&rs256, &json!({"alg": alg}), &org.claims(INTROSPECT));
        assert_eq!(introspect_with(&org, assertion).await, expected, "{alg}");
    }
}

#[test_support::test]
async fn the_registered_keys_are_judged() {
    let org = Org::start().await;
    let jwk = |kid: Option<&str>, usage: &str| {
        let key = org.key.clone().with_key_id(kid.map(str::to_owned));
        let mut jwk: Value = serde_json::from_str(&key.public_jwk().to_json()).unwrap();
        jwk["use"] = usage.into();
        AppKey::from_jwk(&jwk).unwrap()
    };
    let app = |keys: Vec<AppKey>| keys.into_iter().fold(App::service(CLIENT), App::key);
    let not_configured =
        "The client does not have a JWKSet configured, but the client_assertion requires one.";
    let invalid = "The client JWKSet is invalid.";
    let wrong_use = "The public key being used for client assertion has an invalid 'use' parameter. Valid values for the 'use' parameter are sig.";
    let fifty = || (0..50).map(|n| jwk(Some(&format!("k{n}")), "sig")).collect::<Vec<_>>();
    let fifty_one = fifty().into_iter().chain([jwk(Some("k50"), "sig")]).collect();
    let cases = [
        ("none", vec![], not_configured),
        ("encryption key", vec![jwk(Some("k1"), "enc")], wrong_use),
        ("the same kid twice", vec![jwk(Some("k1"), "sig"), jwk(Some("k1"), "sig")], invalid),
        ("one without kid", vec![jwk(Some("k1"), "sig"), jwk(None, "sig")], invalid),
        ("fifty", fifty(), ""),
        ("fifty-one", fifty_one, invalid),
        ("only one, without kid", vec![jwk(None, "sig")], KID),
    ];
    for (name, keys, expected) in cases {
        org.sandbox.register(app(keys));
        assert_eq!(introspect_with(&org, org.assertion(INTROSPECT)).await, expected, "{name}");
    }
}

#[test_support::test]
async fn the_app_is_judged() {
    let org = Org::start().await;
    org.sandbox.set_app_status(CLIENT, AppStatus::Inactive).unwrap();
    assert_eq!(introspect_with(&org, org.assertion(INTROSPECT)).await, FAILED);
    let secret =
        App::service(CLIENT).key(org.key.public_jwk()).auth_method(AuthMethod::ClientSecretBasic);
    org.sandbox.register(secret);
    assert_eq!(introspect_with(&org, org.assertion(INTROSPECT)).await, FAILED);
    let answer = org.token(TOKEN, "okta.users.read").await;
    assert_eq!(
        answer.member("error_description"),
        "Client Credentials requests to the Org Authorization Server must use the private_key_jwt token_endpoint_auth_method."
    );
    assert_eq!(org.token("/oauth2/default/v1/token", "read").await.refusal().2, FAILED);
}

#[test_support::test]
async fn the_form_is_judged() {
    let org = Org::start().await;
    let good = || org.form(INTROSPECT, &[("token", "x")]);
    let with = |name: &str, value: &str| {
        let mut form = good();
        form.push((name.to_owned(), value.to_owned()));
        form
    };
    let without = |name: &str| {
        good().into_iter().filter(|(found, _)| found != name).collect::<Vec<(String, String)>>()
    };
    let replaced = |name: &str, value: &str| {
        let mut form = without(name);
        form.push((name.to_owned(), value.to_owned()));
        form
    };
    let only = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let multiple = "Cannot supply multiple client credentials. Use one of the following: credentials in the Authorization header, credentials in the post body, or a client_assertion in the post body.";
    let kind = "The client_assertion_type is invalid.";
    let none = "No client credentials found.";
    let client_id = "Invalid value for 'client_id' parameter.";
    let cases = [
        ("own client_id as well", with("client_id", CLIENT), 200, ""),
        ("other client_id as well", with("client_id", "0oa9"), 401, client_id),
        ("grant_type as well", with("grant_type", "client_credentials"), 200, ""),
        ("secret as well", with("client_secret", "s"), 401, multiple),
        (
            "token twice",
            with("token", "y"),
            400,
            "The request contained multiple parameters with the same name.",
        ),
        ("no type", without("client_assertion_type"), 400, kind),
        ("other type", replaced("client_assertion_type", "jwt-bearer"), 400, kind),
        ("empty type", replaced("client_assertion_type", ""), 400, kind),
        ("empty type alone", only("client_assertion_type", ""), 400, kind),
        ("no assertion", without("client_assertion"), 401, none),
        ("empty assertion", replaced("client_assertion", ""), 401, none),
        ("nothing", Vec::new(), 401, none),
        ("only an unknown client_id", only("client_id", "0oa9"), 401, client_id),
        ("only a known client_id", only("client_id", CLIENT), 401, FAILED),
        ("no token", without("token"), 400, "The 'token' parameter is required."),
        ("empty token", replaced("token", ""), 400, "The 'token' parameter is required."),
    ];
    for (name, form, status, description) in cases {
        let answer = org.post_form(INTROSPECT, &form).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        // Okta: an unknown client is refused in the shape of the management API.
        let member = match description == client_id {
            true => "errorSummary",
            false => "error_description",
        };
        let found = answer.json()[member].as_str().unwrap_or_default().to_owned();
        assert_eq!(found, description, "{name}");
    }
    let answer = org.post_form(INTROSPECT, &only("client_id", "0oa9")).await;
    assert_eq!(answer.member("errorCode"), "invalid_client");
}

/// Okta counts the fraction of the second: an hour by the clock of a client that is right passes.
#[test_support::test]
async fn an_hour_passes_by_a_right_clock_and_fails_by_one_that_is_a_second_fast() {
    let org = Org::start().await;
    for (fast, expected) in [(0, ""), (1, TOO_FAR)] {
        for millis in [0, 1, 999] {
            org.sandbox.set_clock_offset(chrono::TimeDelta::milliseconds(millis));
            let exp = org.sandbox.now().timestamp() + fast + 3600;
            let claims = changed(org.claims(INTROSPECT), "exp", json!(exp));
            let description = introspect_with(&org, sign(&org.key, &header(), &claims)).await;
            assert_eq!(description, expected, "{fast} s fast, at {millis} ms");
        }
    }
}

#[test_support::test]
async fn credentials_elsewhere_are_refused() {
    let org = Org::start().await;
    let form = || org.form(INTROSPECT, &[("token", "x")]);
    for name in ["client_assertion", "client_assertion_type", "client_secret"] {
        let answer = org.post_form(&format!("{INTROSPECT}?{name}=x"), &form()).await;
        let description = "Client credentials cannot be supplied via query parameters.";
        assert_eq!(answer.refusal(), (400, "invalid_request".to_owned(), description.to_owned()));
    }
    let post = || org.http.post(org.url(INTROSPECT));
    let answer = Answer::of(form_request(post().basic_auth(CLIENT, Some("s")), &form())).await;
    assert_eq!((answer.status, answer.member("error").as_str()), (401, "invalid_request"));
    let answer = Answer::of(form_request(post().basic_auth(CLIENT, Some("s")), &[])).await;
    assert_eq!(answer.refusal().2, FAILED);
    let answer = Answer::of(form_request(post().bearer_auth("x"), &[])).await;
    assert_eq!(
        answer.refusal().2,
        "Found Authentication header but was not valid client credentials."
    );
}

#[test_support::test]
async fn a_body_of_another_type_is_refused() {
    let org = Org::start().await;
    let form = serde_urlencoded::to_string(org.form(INTROSPECT, &[("token", "x")])).unwrap();
    let post = || org.http.post(org.url(INTROSPECT)).body(form.clone());
    let answer = Answer::of(post().header("content-type", "application/json")).await;
    assert_eq!((answer.status, answer.member("errorCode").as_str()), (400, "E0000021"));
    let answer = Answer::of(post()).await;
    assert_eq!(answer.refusal().2, "No client credentials found.");
    let form = "application/x-www-form-urlencoded";
    let twice = post().header("content-type", form).header("content-type", form);
    let answer = Answer::of(twice).await;
    assert_eq!((answer.status, answer.member("errorCode").as_str()), (400, "E0000021"));
}

#[test_support::test]
async fn assertions_are_judged_by_the_servers_clock() {
    let org = Org::start().await;
    let claims = org.claims(INTROSPECT);
    for (offset, expected) in [(300, EXPIRED), (299, ""), (-1, FUTURE), (0, "")] {
        org.sandbox.set_clock_offset(chrono::TimeDelta::seconds(offset));
        let claims = changed(claims.clone(), "jti", json!(unique()));
        let assertion = sign(&org.key, &header(), &claims);
        assert_eq!(introspect_with(&org, assertion).await, expected, "offset {offset}");
    }
}
