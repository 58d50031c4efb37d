//! Keys that cannot be loaded, and whatever is given in the wrong place, show nothing.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use okta_introspect::sandbox::ServerIdentity;
use okta_introspect::*;
use openssl::pkey::{PKey, Private};
use serde_json::{Value, json};
use test_support::secrets::Secrets;

use crate::said::{CLIENT, PASSPHRASE, ec_key, outcome, private_jwk, rsa_key, signing_key, told};

/// Texts made of a key that are not quite a notation of it, as they come out of vaults, copies
/// and pipelines.
fn spoilt(key: &PKey<Private>) -> Vec<(&'static str, String)> {
    let pem = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let lines: Vec<&str> = pem.lines().collect();
    let body = lines[1..lines.len() - 1].join("\n");
    let jwk = private_jwk(key);
    let with = |member: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[member] = value;
        jwk.to_string()
    };
    let d = jwk["d"].clone();
    let (head, foot) = (lines[0], lines[lines.len() - 1]);
    vec![
        ("without its last line", lines[..lines.len() - 1].join("\n")),
        ("without its first line", lines[1..].join("\n")),
        ("cut in the middle", pem[..pem.len() / 2].to_owned()),
        ("without its middle", format!("{head}\n{}\n{foot}\n", &body[..body.len() / 2])),
        ("with blanks for line breaks", lines.join(" ")),
        ("with nothing for line breaks", lines.concat()),
        ("with \\n for line breaks", lines.join("\\n")),
        ("with commas for line breaks", lines.join(",")),
        ("under another label", pem.replace("PRIVATE KEY", "SECRET")),
        ("under the label of a public key", pem.replace("PRIVATE", "PUBLIC")),
        ("under the label of OpenSSH", pem.replace("PRIVATE", "OPENSSH PRIVATE")),
        ("under the label of an encrypted one", pem.replace("PRIVATE", "ENCRYPTED PRIVATE")),
        ("with a sign that is not Base64", pem.replace(&body[..1], "!")),
        ("Base64 alone", body.replace('\n', "")),
        ("PEM in Base64", STANDARD.encode(&pem)),
        ("PEM in JSON", json!({"key": pem}).to_string()),
        ("PEM as a string of JSON", json!(pem).to_string()),
        ("PEM in a JWK", json!({"kty": pem}).to_string()),
        ("a broken JWK", jwk.to_string().replace('}', "")),
        ("a JWK with two commas", jwk.to_string().replace(',', ",,")),
        ("a JWK in an array", json!([jwk]).to_string()),
        ("a JWK Set with the key twice", json!({"keys": [jwk, jwk]}).to_string()),
        ("a JWK Set that is an object", json!({"keys": jwk}).to_string()),
        ("a JWK Set of texts", json!({"keys": [d]}).to_string()),
        ("a JWK whose d is an array", with("d", json!([d]))),
        ("a JWK whose d is an object", with("d", json!({"value": d}))),
        ("a JWK whose d is not Base64", with("d", json!(format!("{}!", d.as_str().unwrap())))),
        ("a JWK whose d is a part", with("d", json!(d.as_str().unwrap()[..30]))),
        ("a JWK with its d for x and n", {
            let mut jwk = jwk.clone();
            (jwk["x"], jwk["n"], jwk["y"]) = (d.clone(), d.clone(), d.clone());
            jwk.to_string()
        }),
        ("a JWK of another type", with("kty", json!("oct"))),
        ("a JWK of no type", with("kty", Value::Null)),
        ("a JWK for encryption", with("use", json!("enc"))),
        ("a JWK with a foreign algorithm", with("alg", json!("HS256"))),
        ("a JWK with its d for crv", with("crv", d.clone())),
        ("a JWK with its d for kty", with("kty", d.clone())),
        ("a JWK with its d for alg", with("alg", d.clone())),
    ]
}

#[test]
fn keys_that_cannot_be_loaded_show_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut leaks = BTreeMap::new();
    let mut failures = 0;
    for (kind, key) in [("EC", ec_key()), ("RSA", rsa_key())] {
        let mut secrets = Secrets::default();
        secrets.add_key("the key", &key);
        secrets.add("the passphrase", PASSPHRASE);
        for (case, text) in spoilt(&key) {
            let file = folder.path().join("key");
            fs::write(&file, &text).unwrap();
            for options in [
                KeyOptions::default(),
                KeyOptions::default().passphrase(Secret::new(PASSPHRASE)),
                KeyOptions::default().algorithm(Algorithm::Es384).key_id("other"),
            ] {
                let results = [
                    SigningKey::parse(text.as_bytes(), &options),
                    SigningKey::from_file(&file, &options),
                ];
                for result in results {
                    failures += usize::from(result.is_err());
                    if let Some(found) = secrets.find(&(outcome(&result) + &said!(options))) {
                        leaks.insert(format!("{kind}: {case}"), found);
                    }
                }
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks: {leaks:#?}", leaks.len());
    assert!(failures > 100, "only {failures} texts were refused");
}

/// Reads the key from a variable, in a process of its own: the variables of a process are for all
/// of its threads.
#[test]
#[allow(clippy::print_stdout)] // that is how the process tells its parent
fn keys_in_variables_that_cannot_be_loaded_show_nothing() {
    const VARIABLE: &str = "KEY_UNDER_TEST";
    if std::env::var_os(VARIABLE).is_some() {
        print!("{}", outcome(&SigningKey::from_env(VARIABLE, &KeyOptions::default())));
        return;
    }
    let key = ec_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    let alone = private_jwk(&key)["d"].as_str().unwrap().to_owned();
    for (case, text) in spoilt(&key).into_iter().chain([("the private number alone", alone)]) {
        let name = "keys::keys_in_variables_that_cannot_be_loaded_show_nothing";
        let mut process = std::process::Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", name, "--nocapture"]).env(VARIABLE, text);
        let run = process.output().unwrap();
        assert!(run.status.success(), "{case}");
        let said = [run.stdout, run.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
        assert!(said.contains(" {"), "{case}: {said}");
        secrets.assert_absent(case, &said);
    }
}

#[test]
fn contents_that_are_taken_for_paths_are_not_shown() {
    let key = ec_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    let good = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    for (case, text) in spoilt(&key).into_iter().chain([("as it should be", good)]) {
        let result = SigningKey::from_file(&text, &KeyOptions::default());
        secrets.assert_absent(case, &told(&result.unwrap_err()));
    }
}

#[test]
fn keys_among_the_certificates_show_nothing() {
    let key = ec_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    for (case, text) in spoilt(&key) {
        let mut http = HttpConfig::default();
        http.extra_roots = text.into_bytes();
        let issuer = Issuer::parse("https://acme.okta.com").unwrap();
        let builder = Client::builder(issuer, CLIENT, signing_key(&key, "k1")).http(http.clone());
        let mut said = said!(http) + &said!(builder);
        said += &outcome(&builder.build());
        secrets.assert_absent(case, &said);
    }
}

#[test]
fn keys_of_servers_that_cannot_be_used_show_nothing() {
    let made = ServerIdentity::self_made().unwrap();
    let certificate = made.ca_pem().unwrap().as_bytes();
    let key = ec_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    for (case, text) in spoilt(&key) {
        for (chain, key) in [(certificate, text.as_bytes()), (text.as_bytes(), text.as_bytes())] {
            let result = ServerIdentity::from_pem(chain, key);
            secrets.assert_absent(case, &told(&result.unwrap_err().into()));
        }
    }
}

#[test]
fn keys_for_client_ids_show_nothing() {
    let key = ec_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    let issuer = Issuer::parse("https://acme.okta.com").unwrap();
    let jwk = private_jwk(&key).to_string();
    let builder = Client::builder(issuer, jwk, signing_key(&key, "k1"));
    secrets.assert_absent("a JWK for a client id", &told(&builder.build().unwrap_err()));
}

#[test]
fn addresses_with_credentials_do_not_show_them() {
    let (password, slashed) = ("p4ssw0rd-0f-somebody", "s3cret/with/slashes");
    let mut secrets = Secrets::default();
    secrets.add("the password", password);
    secrets.add("the password with slashes", slashed);
    for address in [
        format!("https://user:{password}@acme.okta.com"),
        format!("https:/user:{password}@acme.okta.com"),
        format!("https:user:{password}@acme.okta.com"),
        format!("https:///user:{password}@acme.okta.com"),
        format!("https:\\\\user:{password}@acme.okta.com"),
        format!("HTTPS://user:{password}@acme.okta.com/oauth2/default"),
        format!("https://user:{slashed}@acme.okta.com"),
        format!("https://user:a#{password}@acme.okta.com"),
        format!("https://user:{password}#a@acme.okta.com"),
        format!("https://user:{password}?a@acme.okta.com"),
        format!("https://user:{password}%@acme.okta.com"),
        format!("https://user:{password}@{{yourOktaDomain}}"),
        format!("http://user:{password}@acme.okta.com"),
        format!("user:{password}@acme.okta.com"),
        format!("ftp://user:{password}@acme.okta.com"),
        format!("https://https://user:{password}@acme.okta.com"),
        format!("https://acme.okta.com/oauth2/default?token={password}"),
        format!("https://acme.okta.com/#token={password}"),
        format!("https://acme.okta.com/?next=https://user:{password}@acme.okta.com"),
    ] {
        let errors = [
            Issuer::parse(&address).unwrap_err(),
            Issuer::parse_other(&address).unwrap_err(),
            EndpointUrl::parse(&address).unwrap_err(),
            address.parse::<Issuer>().unwrap_err(),
        ];
        for error in errors {
            secrets.assert_absent(&address, &told(&error));
        }
    }
}
