//! DPoP at the sandbox's management API.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use okta_introspect::sandbox::{App, Grant};
use okta_introspect::{Algorithm, Client, DpopConfig, DpopMode, ResourceCall, Scopes, SigningKey};
use serde_json::{Value, json};

use crate::org::{Answer, CLIENT, Org, key, proof};

const USERS: &str = "/api/v1/users";
const NO_PROOF: &str = "The resource request requires a DPoP proof.";
const WRONG_SCHEME: &str =
    "The resource request must use the DPoP authentication scheme when using a DPoP bound token.";

struct Case {
    org: Org,
    key: SigningKey,
    bound: String,
    plain: String,
}

impl Case {
    async fn start() -> Self {
        let org = Org::start().await;
        let key = key(Algorithm::Es256, "proof");
        let grant = Grant::to_client(CLIENT).scope("okta.users.read");
        let issue = |grant: &Grant| org.sandbox.issue(grant).unwrap().expose().to_owned();
        let bound = issue(&grant.clone().bound_to(key.public_jwk().thumbprint()));
        let plain = issue(&grant);
        Self { org, key, bound, plain }
    }

    /// A good proof for this path and the bound token, but for some claims.
    fn proof(&self, path: &str, changes: &[(&str, Value)]) -> String {
        let mut claims = self.org.proof_claims("GET", path);
        claims.insert("ath".to_owned(), ath(&self.bound).into());
        for (name, value) in changes {
            claims.insert((*name).to_owned(), value.clone());
        }
        proof(&self.key, &claims)
    }

    async fn get(&self, path: &str, authorization: &str, proofs: &[&str]) -> Answer {
        let request = self.org.http.get(self.org.url(path)).header("authorization", authorization);
        let with = |request: reqwest::RequestBuilder, proof: &&str| request.header("dpop", *proof);
        Answer::of(proofs.iter().fold(request, with)).await
    }
}

fn ath(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(openssl::sha::sha256(token.as_bytes()))
}

/// A member of the challenge in `WWW-Authenticate`.
fn challenged<'a>(challenge: &'a str, name: &str) -> &'a str {
    let begin = format!("{name}=\"");
    let at = challenge.find(&begin).unwrap_or_else(|| panic!("no {name}: {challenge}"));
    challenge[at + begin.len()..].split('"').next().unwrap()
}

#[test_support::test]
async fn a_bound_token_with_a_good_proof_is_let_in() {
    let case = Case::start().await;
    let authorization = format!("DPoP {}", case.bound);
    let query = format!("{USERS}?limit=5");
    let literal = format!("{USERS}/ada@example.test");
    let encoded = format!("{USERS}/ada%40example.test");
    for (called, proven) in
        [(USERS, USERS), (&query, USERS), (&encoded, &literal), (&literal, &literal)]
    {
        let answer = case.get(called, &authorization, &[&case.proof(proven, &[])]).await;
        assert_eq!(answer.status, 200, "{called}: {}", answer.header("www-authenticate"));
    }
    let lower = format!("dpop {}", case.bound);
    assert_eq!(case.get(USERS, &lower, &[&case.proof(USERS, &[])]).await.status, 200);
}

/// Client and server compute `htu` each by code of its own.
#[test_support::test]
async fn a_client_proves_paths_with_escapes_as_the_server_reads_them() {
    let org = Org::start().await;
    let app = App::service(CLIENT).key(org.key.public_jwk()).grant("okta.users.read");
    org.sandbox.register(app.dpop_required(true));
    let client = Client::builder(org.sandbox.issuer(), CLIENT, org.key.clone())
        .clock(org.clock.clone())
        .dpop(DpopConfig::new(DpopMode::Always))
        .build()
        .unwrap();
    let users = client.resource(Scopes::parse("okta.users.read").unwrap());
    for (path, status) in [
        (USERS, 200),
        ("/api/v1/users/ada%40example.test", 200),
        ("/api/v1/users/ada@example.test", 200),
        // Not found, but proven: a separator, a dot or a control stays what it is.
        ("/api/v1/users/a%2Fb", 404),
        ("/api/v1/users/a%2fb%5Cc", 404),
        ("/api/v1/users/%2E%2E%2Fapps", 404),
        ("/api/v1/users/a%0D%0Ab%7F", 404),
        ("/api/v1/users/a%3Fb%23c%25d", 404),
        ("/api/v1/users/%FF", 404),
    ] {
        let answer = users.call(&ResourceCall::get(format!("{path}?limit=5"))).await;
        let found = match answer {
            Ok(answer) => answer.status.as_u16(),
            Err(error) => error.refusal().map(|refusal| refusal.status).unwrap_or_default(),
        };
        assert_eq!(found, status, "{path}");
    }
}

/// What a decoder makes of an escape is not what the proof was made for.
#[test_support::test]
async fn a_proof_for_one_path_is_good_for_no_other() {
    let case = Case::start().await;
    let authorization = format!("DPoP {}", case.bound);
    let users = |rest: &str| format!("{USERS}/{rest}");
    for (called, proven, accepted) in [
        ("a%2Fb", "a%2Fb", true),
        ("a%2fb", "a%2Fb", true),
        ("a%2Fb", "a/b", false),
        ("a%5Cb", "a%5Cb", true),
        ("a%5Cb", "a\\b", false),
        ("a%2Eb", "a%2Eb", true),
        ("a%2Eb", "a.b", false),
        ("a.b", "a.b", true),
        ("a%0Ab", "a%0Ab", true),
        ("a%0Ab", "a\nb", false),
    ] {
        let answer =
            case.get(&users(called), &authorization, &[&case.proof(&users(proven), &[])]).await;
        let expected = if accepted { 404 } else { 400 };
        assert_eq!(answer.status, expected, "{called} proven as {proven}");
    }
}

#[test_support::test]
async fn proof_and_scheme_must_fit_the_token() {
    let case = Case::start().await;
    let good = || case.proof(USERS, &[]);
    let with = |name: &str, value: Value| case.proof(USERS, &[(name, value)]);
    let (bound, bearer) = (format!("DPoP {}", case.bound), format!("Bearer {}", case.bound));
    let mut foreign = case.org.proof_claims("GET", USERS);
    foreign.insert("ath".to_owned(), ath(&case.bound).into());
    let foreign = proof(&key(Algorithm::Es256, "other"), &foreign);
    let encoded = format!("{USERS}/ada%40example.test");
    let cases = [
        ("bearer", USERS, &bearer, vec![], "invalid_request", NO_PROOF),
        ("bearer with a proof", USERS, &bearer, vec![good()], "invalid_request", WRONG_SCHEME),
        ("no proof", USERS, &bound, vec![], "invalid_request", NO_PROOF),
        (
            "two proofs",
            USERS,
            &bound,
            vec![good(), good()],
            "invalid_dpop_proof",
            "Multiple DPoP proof JWT headers are not allowed.",
        ),
        (
            "garbage",
            USERS,
            &bound,
            vec!["garbage".to_owned()],
            "invalid_dpop_proof",
            "The DPoP proof JWT cannot be parsed.",
        ),
        (
            "POST",
            USERS,
            &bound,
            vec![with("htm", json!("POST"))],
            "invalid_dpop_proof",
            "'htm' claim in the DPoP proof JWT is invalid.",
        ),
        (
            "other path",
            USERS,
            &bound,
            vec![case.proof("/api/v1/logs", &[])],
            "invalid_dpop_proof",
            "'htu' claim in the DPoP proof JWT is invalid.",
        ),
        (
            "encoded path",
            &encoded,
            &bound,
            vec![case.proof(&encoded, &[])],
            "invalid_dpop_proof",
            "'htu' claim in the DPoP proof JWT is invalid.",
        ),
        (
            "old",
            USERS,
            &bound,
            vec![with("iat", json!(crate::org::NOW - 301))],
            "invalid_dpop_proof",
            "The DPoP proof JWT is issued more than five minutes in the past.",
        ),
        (
            "no ath",
            USERS,
            &bound,
            vec![with("ath", Value::Null)],
            "invalid_dpop_proof",
            "'ath' claim in the DPoP proof does not match the presented access_token.",
        ),
        (
            "other ath",
            USERS,
            &bound,
            vec![with("ath", json!(ath(&case.plain)))],
            "invalid_dpop_proof",
            "'ath' claim in the DPoP proof does not match the presented access_token.",
        ),
        (
            "other key",
            USERS,
            &bound,
            vec![foreign],
            "invalid_dpop_proof",
            "The access_token is not bound to the provided DPoP proof.",
        ),
    ];
    for (name, path, authorization, proofs, error, description) in cases {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let answer = case.get(path, authorization, &proofs).await;
        assert_eq!((answer.status, answer.text.as_str()), (400, ""), "{name}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenged(&challenge, "error"), error, "{name}");
        assert_eq!(challenged(&challenge, "error_description"), description, "{name}");
    }
}

#[test_support::test]
async fn the_challenge_is_oktas() {
    let case = Case::start().await;
    let answer = case.get(USERS, &format!("DPoP {}", case.bound), &["garbage"]).await;
    let base = case.org.url("");
    let expected = format!(
        r#"DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512", authorization_uri="{base}/oauth2/v1/authorize", realm="{base}", scope="okta.users.read", error="invalid_dpop_proof", error_description="The DPoP proof JWT cannot be parsed.", resource="/api/v1/users""#
    );
    assert_eq!(answer.header("www-authenticate"), expected);
    let answer = case.get(USERS, &format!("Bearer {}", case.bound), &[]).await;
    assert!(answer.header("www-authenticate").starts_with("Bearer authorization_uri="));
}

#[test_support::test]
async fn a_proof_works_once_and_the_api_wants_no_nonce() {
    let case = Case::start().await;
    let proof = case.proof(USERS, &[]);
    let authorization = format!("DPoP {}", case.bound);
    let answer = case.get(USERS, &authorization, &[&proof]).await;
    assert_eq!((answer.status, answer.header("dpop-nonce").as_str()), (200, ""));
    let again = case.get(USERS, &authorization, &[&proof]).await;
    let challenge = again.header("www-authenticate");
    let used = "The DPoP proof JWT has already been used.";
    assert_eq!(challenged(&challenge, "error_description"), used);
}

#[test_support::test]
async fn a_token_that_is_not_bound_is_a_bearer_token() {
    let case = Case::start().await;
    let bearer = format!("Bearer {}", case.plain);
    assert_eq!(case.get(USERS, &bearer, &["garbage"]).await.status, 200, "a proof is ignored");
    let proof = case.proof(USERS, &[("ath", json!(ath(&case.plain)))]);
    let answer = case.get(USERS, &format!("DPoP {}", case.plain), &[&proof]).await;
    let not_bound = "The access_token is not bound to the provided DPoP proof.";
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenged(&challenge, "error_description"), not_bound);
}

#[test_support::test]
async fn a_bound_token_that_is_no_good_is_refused_like_any_other() {
    let case = Case::start().await;
    case.org.sandbox.revoke(&okta_introspect::Token::parse(&case.bound).unwrap());
    let authorization = format!("DPoP {}", case.bound);
    let answer = case.get(USERS, &authorization, &[&case.proof(USERS, &[])]).await;
    assert_eq!((answer.status, answer.member("errorCode").as_str()), (401, "E0000011"));
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("DPoP algs="));
    assert_eq!(challenged(&challenge, "error"), "invalid_token");
}
