//! Tokens that are bound to a key, and their proofs, show nothing.

use okta_introspect::*;
use test_support::secrets::Secrets;
use test_support::{Act, Peer, reply, reply_with};

use crate::capture::{listen, mark, since};
use crate::said::{JSON, add_sent, ec_key, scopes, signing_key, told};

const DPOP_TOKEN: &str = r#"{"access_token":"b0und-t0ken-of-the-server","token_type":"DPoP","expires_in":3600,"scope":"okta.users.read"}"#;
const NONCE: &str = r#"{"error":"use_dpop_nonce","error_description":"Authorization server requires nonce in DPoP proof."}"#;

#[test_support::test]
async fn bound_tokens_and_their_proofs_show_nothing() {
    listen();
    let from = mark();
    let nonce = reply_with(400, &[("content-type", JSON), ("dpop-nonce", "n1")], NONCE);
    let peer = Peer::start([
        Act::Write(nonce.clone()),
        Act::Write(reply(200, JSON, DPOP_TOKEN)),
        Act::Write(reply(200, JSON, DPOP_TOKEN)),
        Act::Write(reply(200, JSON, &DPOP_TOKEN.replace("DPoP", "Bearer"))),
        // That one is revoked.
        Act::Write(reply(200, JSON, "")),
        Act::Write(reply(200, JSON, &DPOP_TOKEN.replace("3600", "\"soon\""))),
        Act::Write(nonce.clone()),
        Act::Write(nonce),
    ])
    .await;
    let proof_key = ec_key();
    let dpop = DpopConfig::new(DpopMode::Always).key(signing_key(&proof_key, "proof"));
    let mut said = said!(dpop);
    let builder = crate::support::builder(&peer.issuer(), &crate::support::clock());
    let client = builder.retry(RetryConfig::off()).dpop(dpop).build().unwrap();
    let token = client.request_token(&scopes("okta.users.read")).await.unwrap();
    assert_eq!(token.token_type(), TokenType::Dpop);
    let source = client.token_source(scopes("okta.users.read"));
    let kept = source.token().await.unwrap();
    let shown = kept.present("GET", "https://acme.okta.com/api/v1/users?token=x").await.unwrap();
    let nowhere = kept.present("GET", "not a URL").await.unwrap_err();
    let no_method = kept.present("G E T", "https://acme.okta.com").await.unwrap_err();
    said += &[said!(token), said!(source), said!(kept), said!(shown), said!(client)].concat();
    said += &[told(&nowhere), told(&no_method)].concat();
    for _ in 0..3 {
        said += &told(&client.request_token(&scopes("okta.users.read")).await.unwrap_err());
    }
    said += &since(from);
    let requests = peer.requests();
    let mut secrets = Secrets::default();
    add_sent(&mut secrets, &requests);
    secrets.add_key("the key of the proofs", &proof_key);
    secrets.add("the bound token", kept.token().expose());
    secrets.add_jwt("the proof for a resource", shown.dpop.unwrap().expose());
    secrets.assert_absent("DPoP", &said);
    let (token, others): (Vec<_>, Vec<_>) =
        requests.iter().partition(|request| request.target.ends_with("/token"));
    assert!(token.iter().all(|request| request.header("dpop").is_some()));
    assert_eq!(others.len(), 1);
    assert!(requests.iter().all(|request| !request.target.contains('?')));
}
