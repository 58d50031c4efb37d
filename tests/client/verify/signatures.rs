//! Signatures, keys and forms: what is taken and what is refused, and why.

use std::collections::BTreeSet;

use okta_introspect::verify::signature_only;
use okta_introspect::{ErrorKind, JwkSet};

use crate::tokens::{reason, vectors};

#[test]
fn every_case_of_the_tables_comes_out_as_it_should() {
    let cases = vectors::all();
    let mut wrong = Vec::new();
    for case in &cases {
        let keys = JwkSet::parse(case.keys.as_bytes()).expect(&case.name);
        let found = signature_only(&case.jws, &keys).reason().map(reason);
        if found.as_deref() != case.rejection {
            wrong.push(format!("{}: {found:?} instead of {:?}", case.name, case.rejection));
        }
    }
    assert!(wrong.is_empty(), "{} cases of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn the_tables_have_a_name_per_case_and_at_least_150_of_them() {
    let cases = vectors::all();
    let mut names = BTreeSet::new();
    for case in &cases {
        assert!(names.insert(&case.name), "{} occurs twice", case.name);
    }
    assert!(names.len() >= 150, "{}", names.len());
}

#[test]
fn what_is_no_key_set_is_an_error() {
    let many = format!(r#"{{"keys":[{}]}}"#, vec!["{}"; JwkSet::MAX_KEYS + 1].join(","));
    for (name, text) in [
        ("empty", ""),
        ("HTML", "<html></html>"),
        ("a list", "[]"),
        ("neither keys nor a key", "{}"),
        ("keys are an object", r#"{"keys":{}}"#),
        ("keys are null", r#"{"keys":null}"#),
        ("a key is a text", r#"{"keys":["k1"]}"#),
        ("keys twice", r#"{"keys":[],"keys":[]}"#),
        ("a member of a key twice", r#"{"keys":[{"kid":"a","kid":"b"}]}"#),
        ("something behind", r#"{"keys":[]}x"#),
        ("too many keys", &many),
    ] {
        assert_eq!(JwkSet::parse(text.as_bytes()).expect_err(name).kind(), ErrorKind::Malformed);
    }
    assert!(JwkSet::parse(many.replacen("{},", "", 1).as_bytes()).is_ok());
}

#[test]
fn neither_keys_nor_payloads_print_what_they_hold() {
    let minter = crate::tokens::minter::Minter::p256();
    let jws = minter.sign(&minter.header().to_string(), r#"{"s3cret":1}"#);
    let text = format!("{:?} {:?}", minter.set(), signature_only(&jws, &minter.set()));
    assert!(text.contains("k1"));
    assert!(!text.contains("s3cret") && !text.contains(minter.jwk()["x"].as_str().unwrap()));
}
