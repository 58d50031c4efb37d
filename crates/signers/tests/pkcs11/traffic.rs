//! What the module is told, as a spy before it writes it down: of a request its signing input, or the
//! digest of it, and nothing else.

use std::collections::BTreeSet;
use std::fs;

use okta_introspect::sandbox::{App, Sandbox};
use okta_introspect::{Algorithm, Client, DpopConfig, DpopMode, KeyOptions, Scopes, TokenTypeHint};

use crate::token::{Kind, Token, with};

#[test_support::test]
async fn nothing_but_digests_of_signing_inputs_reaches_the_module() {
    let name = "traffic::nothing_but_digests_of_signing_inputs_reaches_the_module";
    let Some(spied) = with(Kind::Spied, name) else { return };
    spied.make("p256", Algorithm::Es256, 0);
    spied.make("r2048", Algorithm::Rs256, 2048);
    only_digests(&spied, "p256", 32).await;
    // With what says of which algorithm it is.
    only_digests(&spied, "r2048", 19 + 32).await;
}

async fn only_digests(spied: &Token, label: &str, length: usize) {
    let key = spied.open(label, &KeyOptions::default().key_id("k1"));
    let app = App::service("0oa1service").key(key.public_jwk()).grant("okta.users.read");
    let sandbox = Sandbox::builder().app(app.dpop_required(true)).start().await.unwrap();
    let client = Client::builder(sandbox.issuer(), "0oa1service", key)
        .dpop(DpopConfig::new(DpopMode::Always))
        .build()
        .unwrap();
    let log = spied.folder.join("spy.log");
    let before = fs::read_to_string(&log).unwrap().len();

    let token = client.request_token(&Scopes::parse("okta.users.read").unwrap()).await.unwrap();
    client.introspect(token.token(), Some(TokenTypeHint::AccessToken)).await.unwrap();
    client.revoke(token.token(), None).await.unwrap();

    let log = fs::read_to_string(&log).unwrap();
    let calls = &log[before..];
    assert_eq!(functions(calls), BTreeSet::from(["C_Sign", "C_SignInit"]));
    let expected: BTreeSet<_> = sandbox
        .requests()
        .iter()
        .filter_map(|request| request.form("client_assertion").map(str::to_owned))
        .map(|assertion| {
            let (input, _) = assertion.rsplit_once('.').unwrap();
            openssl::sha::sha256(input.as_bytes()).to_vec()
        })
        .collect();
    assert!(expected.len() >= 3);
    let inputs = inputs(calls);
    assert!(inputs.iter().all(|input| input.len() == length), "{inputs:?}");
    let digests: BTreeSet<_> = inputs.iter().map(|input| input[length - 32..].to_vec()).collect();
    assert_eq!(digests, expected);
}

/// The functions that were called.
fn functions(log: &str) -> BTreeSet<&str> {
    let calls =
        log.lines().filter_map(|line| line.split_once(": C_").map(|(number, _)| (number, line)));
    calls
        .filter(|(number, _)| number.bytes().all(|b| b.is_ascii_digit()))
        .map(|(number, line)| &line[number.len() + 2..])
        .collect()
}

/// All data that went in, from its hexadecimal lines.
fn inputs(log: &str) -> BTreeSet<Vec<u8>> {
    let mut inputs = BTreeSet::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.starts_with("[in]") {
            continue;
        }
        let mut bytes = Vec::new();
        while let Some(dump) = lines.next_if(|line| line.starts_with("    0000")) {
            let hex = dump.split_whitespace().skip(1).take(16);
            bytes.extend(hex.map_while(|byte| u8::from_str_radix(byte, 16).ok()));
        }
        if !bytes.is_empty() {
            inputs.insert(bytes);
        }
    }
    inputs
}
