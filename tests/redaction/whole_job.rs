//! The whole job at the sandbox, with everything that can be refused.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use okta_introspect::sandbox::{App, Fault, Grant, Reset, SignIn, Times};
use okta_introspect::*;
use serde_json::json;
use test_support::secrets::Secrets;

use crate::capture::{listen, mark, since};
use crate::org::Org;
use crate::said::{CLIENT, outcome, private_jwk, rsa_key, scopes, signing_key, told};

#[test]
fn a_secret_is_known_in_every_dress_and_in_part() {
    let secret = "s3cret+w0rds/of=some~length";
    let mut secrets = Secrets::default();
    secrets.add("it", secret);
    let escaped: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    for shown in [
        format!("token={secret}"),
        format!("token={escaped}"),
        escaped.replace("%2B", "%2b").replace("%2F", "%2f"),
        format!("only {} of it", &secret[3..15]),
        STANDARD.encode(format!("a{secret}")),
        STANDARD.encode(format!("ab{secret}")),
        URL_SAFE_NO_PAD.encode(format!("abc{secret}")),
        format!("{:?}", secret.as_bytes()),
        secret.bytes().map(|b| format!("{b:02X}")).collect(),
    ] {
        assert!(secrets.find(&shown).is_some(), "{shown}");
    }
    assert_eq!(secrets.find("[redacted] s3cret words of some length"), None);
    let key = rsa_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    for shown in
        [key.private_key_to_pem_pkcs8().unwrap(), key.rsa().unwrap().private_key_to_pem().unwrap()]
    {
        assert!(secrets.find(&String::from_utf8(shown).unwrap()).is_some());
    }
    let mut jwk = private_jwk(&key);
    assert!(secrets.find(&jwk.to_string()).is_some());
    for member in ["d", "p", "q", "dp", "dq", "qi"] {
        jwk[member] = "".into();
    }
    assert_eq!(secrets.find(&jwk.to_string()), None, "the public half is no secret");
}

#[test_support::test]
async fn the_whole_job_at_the_sandbox_shows_nothing() {
    listen();
    let (from, org) = (mark(), Org::start().await);
    let mut secrets = Secrets::default();
    let mut said = String::new();
    for key in [signing_key(&org.keys[0], "k1"), signing_key(&org.keys[1], "rsa")] {
        let client = org.client_of(org.sandbox.issuer(), CLIENT, key).build().unwrap();
        let granted = client.request_token(&scopes("okta.users.read")).await.unwrap();
        let source = client.token_source(scopes("okta.users.read"));
        let kept = source.token().await.unwrap();
        for token in [&granted, &kept] {
            secrets.add("a token", token.token().expose());
        }
        assert!(client.introspect(granted.token(), None).await.unwrap().active);
        let answer = client.introspect(kept.token(), Some(TokenTypeHint::AccessToken)).await;
        let checker = Checker::builder(client.clone()).clock(org.clock.clone()).build().unwrap();
        let any = Requirement::new();
        let let_in = outcome(&checker.check(granted.token(), &any).await);
        assert!(let_in.starts_with("Authorized"), "{let_in}");
        client.revoke(granted.token(), None).await.unwrap();
        said += &outcome(&checker.check(granted.token(), &any).await);
        checker.revoke(granted.token(), None).await.unwrap();
        let denied = outcome(&checker.check(granted.token(), &any).await);
        assert!(denied.contains("Inactive"), "{denied}");
        said += &[let_in, denied, said!(checker), said!(checker.metrics())].concat();
        assert!(!client.introspect(granted.token(), None).await.unwrap().active);
        let assertion = client.assertion(&client.endpoints().introspection).await.unwrap();
        secrets.add_jwt("an assertion of our own", assertion.expose());
        let shown = kept.present("GET", "https://acme.okta.com/api/v1/users").await.unwrap();
        secrets.add("a header", shown.authorization.expose());
        let resource = client.resource(scopes("okta.users.read"));
        said += &outcome(&resource.call(&ResourceCall::get("/api/v1/users?limit=1")).await);
        said += &said!(resource);
        said += &said!(answer.unwrap());
        said += &said!(client.metadata().await.unwrap());
        said += &[said!(client), said!(source), said!(granted), said!(assertion), said!(shown)]
            .concat();
    }
    said += &a_user_s_tokens(&org, &mut secrets).await;
    said += &said!(org.sandbox.requests());
    said += &said!(org.sandbox.log());
    said += &since(from);
    secrets.assert_absent("the whole job", &said);
    org.secrets().assert_absent("the whole job", &said);
    org.assert_no_queries();
    // Nothing was found in the logs: see that there were some.
    for target in ["okta_introspect", "hyper_util", "reqwest"] {
        assert!(said.lines().any(|line| line.starts_with(target)), "nothing of {target} was heard");
    }
}

/// Refreshed, lost on the way, used twice, and refused.
async fn a_user_s_tokens(org: &Org, secrets: &mut Secrets) -> String {
    const WEB: &str = "0oa2web";
    let key = signing_key(&org.keys[0], "k1");
    org.sandbox.register(App::web(WEB).key(key.public_jwk()).rotates_refresh_tokens(0));
    let client = org.client(WEB).build().unwrap();
    let sign_in = SignIn::new(WEB, "00u1ada").scope("offline_access");
    let tokens = org.sandbox.sign_in(&sign_in).unwrap();
    let first = tokens.refresh_token.clone().unwrap();
    let refreshed = client.refresh(&first, None).await.unwrap();
    let second = refreshed.refresh_token.clone().unwrap();
    let id_tokens = [&tokens.id_token, &refreshed.id_token].map(|token| token.clone().unwrap());
    let access = [&tokens.access_token, refreshed.access_token.token()];
    for token in [&first, &second].into_iter().chain(access).chain(&id_tokens) {
        secrets.add("a user's token", token.expose());
    }
    org.sandbox.faults().inject(Fault::truncated().acting_first(true), Times::Once);
    let lost = client.refresh(&second, None).await.unwrap_err();
    let reused = client.refresh(&first, None).await.unwrap_err();
    [said!(tokens), said!(refreshed), told(&lost), told(&reused)].concat()
}

#[test_support::test]
async fn refusals_of_every_kind_show_nothing() {
    listen();
    let (from, org) = (mark(), Org::start().await);
    let issued = org.sandbox.issue(&Grant::to_client(CLIENT).scope("okta.users.read")).unwrap();
    let org_server = org.sandbox.issuer();
    let es256 = || signing_key(&org.keys[0], "k1");
    let client = |issuer: Issuer, key| org.client_of(issuer, CLIENT, key);
    let ps256 = KeyOptions::default().key_id("rsa").algorithm(Algorithm::Ps256);
    let ps256 = SigningKey::parse(&org.keys[1].private_key_to_pem_pkcs8().unwrap(), &ps256);
    let used = || org.client(CLIENT).random(SeededRandom::new(1));
    used().build().unwrap().introspect(&issued, None).await.unwrap();
    let proof = |mode| org.client("0oa2dpop").dpop(DpopConfig::new(mode));
    let nowhere = format!("{org_server}/oauth2/nowhere").parse().unwrap();
    let custom = org.sandbox.custom_issuer("default").unwrap();
    let cases = [
        ("a wrong key", client(org_server.clone(), signing_key(&org.keys[2], "k1")), "key"),
        ("an unknown key id", client(org_server.clone(), signing_key(&org.keys[0], "k9")), "kid"),
        ("a forbidden algorithm", client(org_server.clone(), ps256.unwrap()), "alg"),
        ("a wrong audience", org.client(CLIENT).audience(Audience::Issuer), "aud"),
        ("a used assertion", used(), "jti"),
        ("an unknown client", org.client("0oa8nobody"), "iss"),
        ("an inactive app", org.client("0oa3gone"), "authentication method"),
        ("an app without keys", org.client("0oa4keyless"), "key"),
        ("an app with a secret", org.client("0oa5secret"), "authentication method"),
        ("an unknown server", client(nowhere, es256()), "issuer"),
        ("a policy for others", client(custom, es256()), "policy"),
        ("DPoP demanded, but off", proof(DpopMode::Never), "DPoP"),
    ];
    let mut said = String::new();
    for (case, builder, about) in cases {
        said += &said!(builder);
        let client = builder.build().unwrap();
        let scope = if about == "policy" { "read" } else { "okta.users.read" };
        let error = if matches!(about, "policy" | "DPoP") {
            client.request_token(&scopes(scope)).await.unwrap_err()
        } else {
            let refused = client.introspect(&issued, None).await.unwrap_err();
            said += &outcome(&client.revoke(&issued, None).await);
            said += &outcome(&client.token_source(scopes(scope)).token().await);
            refused
        };
        let diagnosis = error.diagnosis().unwrap_or_else(|| panic!("{case}: {error}"));
        assert_eq!(diagnosis.about, about, "{case}: {error}");
        said += &[told(&error), said!(client)].concat();
    }
    let mut secrets = Secrets::default();
    for mode in [DpopMode::Auto, DpopMode::Always] {
        let client = proof(mode).build().unwrap();
        let bound = client.request_token(&scopes("okta.users.read")).await.unwrap();
        assert_eq!(bound.token_type(), TokenType::Dpop);
        secrets.add("a bound token", bound.token().expose());
        let resource = client.resource(scopes("okta.users.read"));
        said += &outcome(&resource.call(&ResourceCall::get("/api/v1/users")).await);
        said += &outcome(&resource.call(&ResourceCall::get("/api/v1/logs")).await);
        said += &outcome(&resource.call(&ResourceCall::get("https://evil.example/")).await);
        said += &[said!(client), said!(bound), said!(resource)].concat();
    }
    for scope in ["okta.apps.read", "openid", "custom", "okta.users.read.self"] {
        let client = org.client(CLIENT).build().unwrap();
        let refused = client.request_token(&scopes(scope)).await;
        said += &told(&refused.unwrap_err());
    }
    // A clock that is off is corrected by the server's word.
    let client = org.client(CLIENT).build().unwrap();
    for offset in [TimeDelta::hours(2), TimeDelta::hours(-2)] {
        org.sandbox.set_clock_offset(offset);
        said += &outcome(&client.introspect(&issued, None).await);
        said += &[said!(client), said!(client.clock_offset())].concat();
    }
    org.sandbox.set_clock_offset(TimeDelta::zero());
    for fault in [
        Fault::oauth(401, "invalid_client"),
        Fault::api(403, "E0000006"),
        Fault::html(200),
        Fault::empty(200),
        Fault::huge(2_000_000),
        Fault::gzip_bomb(2_000_000),
        Fault::content_type("text/plain"),
        Fault::active("true"),
        Fault::reset(Reset::BeforeAnswer),
        Fault::reset(Reset::DuringAnswer),
        Fault::truncated(),
        Fault::redirect(302, "https://evil.example/"),
    ] {
        org.sandbox.faults().inject(fault.clone(), Times::Once);
        said += &said!(org.sandbox.faults());
        let failed = client.introspect(&issued, None).await;
        said += &told(&failed.expect_err(&said!(fault)));
    }
    said += &said!(org.sandbox.requests());
    said += &said!(org.sandbox.log());
    said += &since(from);
    secrets.add("the token", issued.expose());
    secrets.assert_absent("refusals", &said);
    org.secrets().assert_absent("refusals", &said);
    org.assert_no_queries();
    let proofs = org.sandbox.requests().iter().filter(|r| r.header("dpop").is_some()).count();
    assert!(proofs >= 2, "{proofs} proofs were sent");
}

#[test_support::test]
async fn local_verification_shows_no_token() {
    listen();
    let (from, org) = (mark(), Org::start().await);
    let issuer = org.sandbox.custom_issuer("default").unwrap();
    let grant = Grant::to_client(CLIENT).server("default").scope("read").user("00u1ada");
    let token = org.sandbox.issue(&grant).unwrap();
    let sign_in = SignIn::new(CLIENT, "00u1ada").server("default").access_token(token.clone());
    let id_token = org.sandbox.issue_id_token(&sign_in).unwrap();
    let verifier = |audience: &str| {
        let builder = Verifier::access_token(issuer.clone(), audience);
        builder.clock(org.clock.clone()).build().unwrap()
    };
    let access = verifier("api://default");
    let id = Verifier::id_token(issuer.clone(), CLIENT).clock(org.clock.clone()).build().unwrap();
    let good = access.verify(token.expose()).await.unwrap();
    assert!(good.is_verified(), "{good:?}");
    let signed_in = id.verify(id_token.expose(), None).await.unwrap();
    assert!(signed_in.is_verified(), "{signed_in:?}");
    let mut said = [said!(good), said!(signed_in), said!(sign_in), said!(*access.keys())].concat();
    said += &said!(verifier("api://other").verify(token.expose()).await.unwrap());
    let text = token.expose();
    let parts: Vec<&str> = text.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let claiming = |value: &str| URL_SAFE_NO_PAD.encode(json!({"alg": value}).to_string());
    for spoilt in [
        format!("{header}.{payload}.{}", signature.chars().rev().collect::<String>()),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}.{payload}.{signature}"),
        format!("{header}.{signature}.{payload}"),
        format!("{payload}.{header}.{signature}"),
        format!("{}.{payload}.{signature}", claiming("none")),
        format!("{}.{payload}.{signature}", claiming("HS256")),
        format!("{}.{payload}.{signature}", claiming("RS999")),
        format!(" {text}\n"),
        format!("Bearer {text}"),
        json!({"payload": payload, "signatures": [signature]}).to_string(),
        text.repeat(50),
        id_token.expose().to_owned(),
    ] {
        let rejected = access.verify(&spoilt).await.unwrap();
        assert!(!rejected.is_verified(), "{rejected:?}");
        said += &said!(rejected);
        said += &said!(*rejected.reason().unwrap());
    }
    org.clock.advance(Duration::from_secs(2 * 3600));
    said += &said!(access.verify(text).await.unwrap());
    said += &[said!(org.sandbox.requests()), since(from)].concat();
    let mut secrets = Secrets::default();
    secrets.add_jwt("the access token", text);
    secrets.add_jwt("the ID token", id_token.expose());
    secrets.assert_absent("verification", &said);
    org.assert_no_queries();
}
