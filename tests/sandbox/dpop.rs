//! DPoP at the sandbox's token endpoints.

use std::time::Duration;

use okta_introspect::sandbox::App;
use okta_introspect::{Algorithm, SigningKey};
use serde_json::{Map, Value, json};

use crate::org::{Answer, CLIENT, Org, decode, key, proof, proof_header, sign};

const TOKEN: &str = "/oauth2/v1/token";
const CUSTOM_TOKEN: &str = "/oauth2/default/v1/token";
const GRANT: [(&str, &str); 2] =
    [("grant_type", "client_credentials"), ("scope", "okta.users.read")];
const NONCE_WANTED: &str = "Authorization server requires nonce in DPoP proof.";

/// An org whose app demands DPoP, and a key for proofs.
async fn start() -> (Org, SigningKey) {
    let org = Org::start().await;
    require(&org, true);
    (org, key(Algorithm::Es256, "proof"))
}

fn require(org: &Org, required: bool) {
    let app = App::service(CLIENT).key(org.key.public_jwk()).grant("okta.users.read");
    org.sandbox.register(app.dpop_required(required));
}

async fn send(org: &Org, proofs: &[&str]) -> Answer {
    let headers: Vec<_> = proofs.iter().map(|proof| ("dpop", *proof)).collect();
    org.post_with(TOKEN, &GRANT, &headers).await
}

/// A proof with this nonce, right in all else.
fn with_nonce(org: &Org, key: &SigningKey, nonce: &str) -> String {
    let mut claims = org.proof_claims("POST", TOKEN);
    claims.insert("nonce".to_owned(), nonce.into());
    proof(key, &claims)
}

/// The nonce that the server wants now.
async fn nonce(org: &Org, key: &SigningKey) -> String {
    let answer = send(org, &[&proof(key, &org.proof_claims("POST", TOKEN))]).await;
    assert_eq!(answer.refusal(), (400, "use_dpop_nonce".to_owned(), NONCE_WANTED.to_owned()));
    answer.header("dpop-nonce")
}

#[test_support::test]
async fn a_token_is_bound_to_the_key_of_its_proof() {
    for algorithm in ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"] {
        let (org, _) = start().await;
        let key = key(algorithm.parse().unwrap(), "proof");
        let nonce = nonce(&org, &key).await;
        let answer = send(&org, &[&with_nonce(&org, &key, &nonce)]).await;
        assert_eq!(answer.status, 200, "{algorithm}: {}", answer.text);
        assert_eq!(answer.member("token_type"), "DPoP");
        assert_eq!(answer.header("dpop-nonce"), "", "nothing new");
        let token = answer.member("access_token");
        let confirmation = json!({"jkt": key.public_jwk().thumbprint()});
        assert_eq!(decode(&token).1["cnf"], confirmation);
        let introspection = org.introspect("/oauth2/v1/introspect", &token).await.json();
        assert_eq!(introspection["cnf"], confirmation);
        assert_eq!(introspection["token_type"], "DPoP");
    }
}

#[test_support::test]
async fn an_app_without_dpop_gets_a_bearer_token_whatever_it_proves() {
    let (org, key) = start().await;
    require(&org, false);
    for proof in [proof(&key, &org.proof_claims("POST", TOKEN)), "garbage".to_owned()] {
        let answer = send(&org, &[&proof]).await;
        assert_eq!((answer.status, answer.member("token_type").as_str()), (200, "Bearer"));
        assert_eq!(decode(&answer.member("access_token")).1.get("cnf"), None);
    }
}

#[test_support::test]
async fn headers_are_judged() {
    let (org, key) = start().await;
    let claims = org.proof_claims("POST", TOKEN);
    let good = proof(&key, &claims);
    let header = |name: &str, value: Value| {
        let mut header = proof_header(&key);
        header[name] = value;
        sign(&key, &header, &org.proof_claims("POST", TOKEN))
    };
    let mut private = proof_header(&key);
    private["jwk"]["d"] = "AQAB".into();
    let mut foreign = proof_header(&key);
    foreign["jwk"] = proof_header(&crate::org::key(Algorithm::Es256, "other"))["jwk"].clone();
    let cases: [(&str, Vec<String>, &str); 12] = [
        ("none", vec![], "The DPoP proof JWT header is missing."),
        ("two", vec![good.clone(), good], "Multiple DPoP proof JWT headers are not allowed."),
        ("not a JWT", vec!["garbage".to_owned()], "The DPoP proof JWT cannot be parsed."),
        ("no key", vec![header("jwk", Value::Null)], "The DPoP proof JWT cannot be parsed."),
        (
            "private key",
            vec![sign(&key, &private, &claims)],
            "The DPoP proof JWT cannot be parsed.",
        ),
        (
            "typ JWT",
            vec![header("typ", json!("JWT"))],
            "'typ' must be 'dpop+jwt' in the DPoP proof JWT.",
        ),
        (
            "no typ",
            vec![header("typ", Value::Null)],
            "'typ' must be 'dpop+jwt' in the DPoP proof JWT.",
        ),
        (
            "none",
            vec![header("alg", json!("none"))],
            "The DPoP proof JWT signature algorithm is invalid.",
        ),
        (
            "HS256",
            vec![header("alg", json!("HS256"))],
            "The DPoP proof JWT signature algorithm is invalid.",
        ),
        (
            "PS256",
            vec![header("alg", json!("PS256"))],
            "The DPoP proof JWT signature algorithm is invalid.",
        ),
        (
            "other family",
            vec![header("alg", json!("RS256"))],
            "The DPoP proof JWT signature algorithm is invalid.",
        ),
        (
            "other key",
            vec![sign(&key, &foreign, &claims)],
            "The DPoP proof JWT signature is invalid.",
        ),
    ];
    for (name, proofs, description) in cases {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let answer = send(&org, &proofs).await;
        let expected = (400, "invalid_dpop_proof".to_owned(), description.to_owned());
        assert_eq!(answer.refusal(), expected, "{name}");
        assert_eq!(answer.header("dpop-nonce"), "", "{name}");
    }
}

#[test_support::test]
async fn claims_are_judged() {
    let (org, key) = start().await;
    let now = org.sandbox.now().timestamp();
    let nonce = nonce(&org, &key).await;
    let slash = format!("{}/", org.url(TOKEN));
    let query = format!("{}?a=b", org.url(TOKEN));
    let cases = [
        ("other method", "htm", json!("GET"), "'htm' claim in the DPoP proof JWT is invalid."),
        ("lower case", "htm", json!("post"), "'htm' claim in the DPoP proof JWT is invalid."),
        ("no htm", "htm", Value::Null, "'htm' claim in the DPoP proof JWT is invalid."),
        ("issuer", "htu", json!(org.url("")), "'htu' claim in the DPoP proof JWT is invalid."),
        ("slash", "htu", json!(slash), "'htu' claim in the DPoP proof JWT is invalid."),
        ("query", "htu", json!(query), "'htu' claim in the DPoP proof JWT is invalid."),
        ("no htu", "htu", Value::Null, "'htu' claim in the DPoP proof JWT is invalid."),
        ("text", "iat", json!("now"), "'iat' claim in the DPoP proof JWT is invalid."),
        ("future", "iat", json!(now + 1), "The DPoP proof JWT is issued in the future."),
        (
            "old",
            "iat",
            json!(now - 301),
            "The DPoP proof JWT is issued more than five minutes in the past.",
        ),
        ("just in time", "iat", json!(now - 300), ""),
        ("expired", "exp", json!(now), "The DPoP proof JWT is expired."),
        ("not expired", "exp", json!(now + 1), ""),
        ("no jti", "jti", Value::Null, "'jti' claim in the DPoP proof JWT is invalid."),
        ("empty jti", "jti", json!(""), "'jti' claim in the DPoP proof JWT is invalid."),
        ("others", "ath", json!("whatever"), ""),
    ];
    for (name, claim, value, description) in cases {
        let mut claims = org.proof_claims("POST", TOKEN);
        claims.insert("nonce".to_owned(), nonce.as_str().into());
        claims.insert(claim.to_owned(), value);
        let answer = send(&org, &[&proof(&key, &claims)]).await;
        assert_eq!(answer.member("error_description"), description, "{claim}: {name}");
        assert_eq!(answer.status, if description.is_empty() { 200 } else { 400 }, "{name}");
    }
}

/// Okta's Node SDK puts `kid` into the header, and `alg` and more into the key.
#[test_support::test]
async fn members_too_many_do_no_harm() {
    let (org, key) = start().await;
    let nonce = nonce(&org, &key).await;
    let mut header = proof_header(&key);
    header["kid"] = "k1".into();
    header["jwk"] = serde_json::from_str(&key.public_jwk().to_json()).unwrap();
    let mut claims = org.proof_claims("POST", TOKEN);
    claims.insert("nonce".to_owned(), nonce.into());
    let answer = send(&org, &[&sign(&key, &header, &claims)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let bound = decode(&answer.member("access_token")).1["cnf"]["jkt"].clone();
    assert_eq!(bound, key.public_jwk().thumbprint());
}

#[test_support::test]
async fn a_proof_works_once() {
    let (org, key) = start().await;
    let nonce = nonce(&org, &key).await;
    let proof = with_nonce(&org, &key, &nonce);
    assert_eq!(send(&org, &[&proof]).await.status, 200);
    let again = send(&org, &[&proof]).await;
    assert_eq!(again.member("error_description"), "The DPoP proof JWT has already been used.");
}

#[test_support::test]
async fn an_assertion_is_used_up_when_a_nonce_is_demanded() {
    let (org, key) = start().await;
    let form = org.form(TOKEN, &GRANT);
    let send = async |proof: String| {
        let request = crate::org::form_request(org.http.post(org.url(TOKEN)), &form);
        Answer::of(request.header("dpop", proof)).await
    };
    let first = send(proof(&key, &org.proof_claims("POST", TOKEN))).await;
    assert_eq!(first.member("error"), "use_dpop_nonce");
    let second = send(with_nonce(&org, &key, &first.header("dpop-nonce"))).await;
    let used = "The client_assertion token has already been used.";
    assert_eq!(second.refusal(), (401, "invalid_client".to_owned(), used.to_owned()));
}

#[test_support::test]
async fn a_nonce_is_renewed_every_day_and_good_for_three() {
    let (org, key) = start().await;
    let first = nonce(&org, &key).await;
    org.clock.advance(Duration::from_secs(24 * 3600));
    let answer = send(&org, &[&with_nonce(&org, &key, &first)]).await;
    let second = answer.header("dpop-nonce");
    assert_eq!(answer.status, 200);
    assert!(!second.is_empty() && second != first);
    assert_eq!(nonce(&org, &key).await, second);
    org.clock.advance(Duration::from_secs(2 * 24 * 3600));
    let answer = send(&org, &[&with_nonce(&org, &key, &first)]).await;
    assert_eq!(answer.member("error"), "use_dpop_nonce");
}

#[test_support::test]
async fn a_rotated_nonce_is_no_good_any_more() {
    let (org, key) = start().await;
    let old = nonce(&org, &key).await;
    org.sandbox.rotate_dpop_nonce();
    let answer = send(&org, &[&with_nonce(&org, &key, &old)]).await;
    assert_eq!(answer.member("error"), "use_dpop_nonce");
    let new = answer.header("dpop-nonce");
    assert_ne!(new, old);
    assert_eq!(send(&org, &[&with_nonce(&org, &key, &new)]).await.status, 200);
}

#[test_support::test]
async fn nonces_can_be_demanded_for_ever() {
    let (org, key) = start().await;
    org.sandbox.demand_nonces_forever(true);
    let mut demanded = nonce(&org, &key).await;
    for _ in 0..3 {
        let answer = send(&org, &[&with_nonce(&org, &key, &demanded)]).await;
        assert_eq!(answer.member("error"), "use_dpop_nonce");
        assert_ne!(answer.header("dpop-nonce"), demanded);
        demanded = answer.header("dpop-nonce");
    }
    org.sandbox.demand_nonces_forever(false);
    let nonce = nonce(&org, &key).await;
    assert_eq!(send(&org, &[&with_nonce(&org, &key, &nonce)]).await.status, 200);
}

#[test_support::test]
async fn a_nonce_is_good_at_its_own_server_only() {
    let (org, key) = start().await;
    let nonce = nonce(&org, &key).await;
    let mut claims: Map<String, Value> = org.proof_claims("POST", CUSTOM_TOKEN);
    claims.insert("nonce".to_owned(), nonce.into());
    let grant = [("grant_type", "client_credentials"), ("scope", "read")];
    let proof = proof(&key, &claims);
    let answer = org.post_with(CUSTOM_TOKEN, &grant, &[("dpop", &proof)]).await;
    assert_eq!(answer.member("error"), "use_dpop_nonce");
}

#[test_support::test]
async fn the_system_log_takes_a_demand_for_a_question_and_a_bad_proof_for_a_failure() {
    let (org, key) = start().await;
    nonce(&org, &key).await;
    send(&org, &[]).await;
    let outcomes: Vec<_> = org.sandbox.log().iter().map(|event| event.outcome.result).collect();
    assert_eq!(outcomes, ["CHALLENGE", "FAILURE"]);
}
