//! Every notation of a key in every wrapping that files, variables and secret stores give it,
//! through every way in: taken, or refused with what it is and what to do.

use std::collections::BTreeMap;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;
use openssl::x509::X509Builder;
use serde_json::{Value, json};

use super::{KeyOptions, Signer as _, SigningKey};
use crate::error::Error;
use crate::secret::Secret;

const PASSPHRASE: &str = "open";
const KEY_ID: &str = "k1";

fn options() -> KeyOptions {
    KeyOptions::default().passphrase(Secret::new(PASSPHRASE)).key_id(KEY_ID)
}

fn keys() -> [PKey<Private>; 2] {
    let pem: [&[u8]; 2] = [
        include_bytes!("../../keys/sample-p256.pem"),
        include_bytes!("../../keys/sample-rsa-2048.pem"),
    ];
    pem.map(|pem| PKey::private_key_from_pem(pem).unwrap())
}

fn public_jwk(key: &PKey<Private>) -> Value {
    let pem = key.private_key_to_pem_pkcs8().unwrap();
    let key = SigningKey::parse(&pem, &KeyOptions::default().key_id(KEY_ID)).unwrap();
    serde_json::to_value(key.public_jwk()).unwrap()
}

fn thumbprint(key: &PKey<Private>) -> String {
    let pem = key.private_key_to_pem_pkcs8().unwrap();
    SigningKey::parse(&pem, &KeyOptions::default()).unwrap().public_jwk().thumbprint()
}

fn private_jwk(key: &PKey<Private>) -> Value {
    let mut jwk = public_jwk(key);
    let number = |bytes: Vec<u8>| Value::from(URL_SAFE_NO_PAD.encode(bytes));
    if let Ok(ec) = key.ec_key() {
        jwk["d"] = number(ec.private_key().to_vec_padded(32).unwrap());
        return jwk;
    }
    let rsa = key.rsa().unwrap();
    jwk["d"] = number(rsa.d().to_vec());
    let others = [rsa.p(), rsa.q(), rsa.dmp1(), rsa.dmq1(), rsa.iqmp()];
    for (name, value) in ["p", "q", "dp", "dq", "qi"].into_iter().zip(others) {
        jwk[name] = number(value.unwrap().to_vec());
    }
    jwk
}

/// The seven notations of issue and RFC, and their siblings.
fn notations(key: &PKey<Private>) -> Vec<(&'static str, String)> {
    let text = |pem: Vec<u8>| String::from_utf8(pem).unwrap();
    let pkcs8 = text(key.private_key_to_pem_pkcs8().unwrap());
    let encrypted = key
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), PASSPHRASE.as_bytes())
        .unwrap();
    let jwk = private_jwk(key);
    let with = |edit: &dyn Fn(&mut Value)| {
        let mut jwk = jwk.clone();
        edit(&mut jwk);
        jwk
    };
    let halves = json!({"keys": [public_jwk(key), jwk]});
    let mut all = vec![
        ("PKCS#8", pkcs8),
        ("encrypted PKCS#8", text(encrypted)),
        ("JWK", serde_json::to_string_pretty(&jwk).unwrap()),
        (
            "JWK with null",
            with(&|jwk| {
                (jwk["use"], jwk["alg"], jwk["key_ops"]) = (Value::Null, Value::Null, Value::Null);
            })
            .to_string(),
        ),
        ("JWK Set", serde_json::to_string_pretty(&json!({"keys": [jwk]})).unwrap()),
        ("JWK Set with both halves", halves.to_string()),
    ];
    if let Ok(ec) = key.ec_key() {
        let sec1 = text(ec.private_key_to_pem().unwrap());
        let parameters =
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        all.push(("with EC PARAMETERS", format!("{parameters}{sec1}")));
        all.push(("SEC 1", sec1));
    }
    if let Ok(rsa) = key.rsa() {
        let locked = rsa
            .private_key_to_pem_passphrase(Cipher::aes_128_cbc(), PASSPHRASE.as_bytes())
            .unwrap();
        let pkcs1 = text(rsa.private_key_to_pem().unwrap());
        all.push(("PKCS#1 under PKCS#8's label", pkcs1.replace("RSA PRIVATE", "PRIVATE")));
        all.push(("PKCS#1", pkcs1));
        all.push(("encrypted PKCS#1", text(locked)));
        all.push((
            "JWK with n, e and d alone",
            with(&|jwk| {
                jwk.as_object_mut()
                    .unwrap()
                    .retain(|name, _| !["p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
            })
            .to_string(),
        ));
    }
    all
}

fn certificate(key: &PKey<Private>) -> String {
    let mut builder = X509Builder::new().unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, openssl::hash::MessageDigest::sha256()).unwrap();
    String::from_utf8(builder.build().to_pem().unwrap()).unwrap()
}

const BAG: &str = "Bag Attributes\n    friendlyName: M\u{fc}ller: service {app}\n    localKeyID: 01 02\nKey Attributes: <No Attributes>\n";

/// What happens to a text on its way.
fn wrappings(text: &str, key: &PKey<Private>) -> Vec<(&'static str, Vec<u8>)> {
    let lines: Vec<&str> = text.lines().collect();
    let escaped = lines.join("\\n");
    let certificate = certificate(key);
    let texts = [
        ("plain", text.to_owned()),
        ("without its last line break", text.trim_end().to_owned()),
        ("CR LF", lines.join("\r\n") + "\r\n"),
        ("CR alone", lines.join("\r")),
        ("byte order mark", format!("\u{feff}{text}")),
        ("written-out breaks", escaped.clone()),
        ("written-out CR LF", lines.join("\\r\\n")),
        ("breaks written out twice", lines.join("\\\\n")),
        ("one line with blanks", lines.join(" ")),
        ("one line with nothing", lines.concat()),
        ("indented", lines.iter().map(|line| format!("    {line}\n")).collect()),
        ("indented by tabs", lines.iter().map(|line| format!("\t{line}\n")).collect()),
        ("blanks at the ends", lines.iter().map(|line| format!("{line}  \n")).collect()),
        ("empty lines between", lines.join("\n\n")),
        ("base64", STANDARD.encode(text)),
        ("base64 without padding", STANDARD.encode(text).trim_end_matches('=').to_owned()),
        ("base64url", URL_SAFE_NO_PAD.encode(text)),
        ("base64 in lines", in_lines(&STANDARD.encode(text))),
        ("base64 twice", STANDARD.encode(STANDARD.encode(text))),
        ("base64 in quotes", format!("\"{}\"", STANDARD.encode(text))),
        ("single quotes", format!("'{text}'")),
        ("double quotes", format!("\"{text}\"")),
        ("double quotes around written-out breaks", format!("\"{escaped}\"")),
        ("a string of JSON", json!(text).to_string()),
        ("certificate before", format!("{certificate}{text}")),
        ("certificate behind", format!("{text}{certificate}")),
        ("certificates around", format!("{certificate}{text}{certificate}")),
        ("bag attributes", format!("{BAG}{text}")),
        ("bag attributes and certificate", format!("{BAG}{text}{BAG}{certificate}")),
        ("bag attributes on one line", format!("{BAG}{text}").replace('\n', " ")),
    ];
    let mut all: Vec<_> = texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    let latin1 = BAG.chars().map(|c| c as u8).chain(text.bytes()).collect();
    all.push(("bag attributes in Latin-1", latin1));
    let wide = |mark: &str| format!("{mark}{text}").encode_utf16().collect::<Vec<u16>>();
    all.push(("UTF-16 LE", wide("\u{feff}").into_iter().flat_map(u16::to_le_bytes).collect()));
    all.push(("UTF-16 BE", wide("\u{feff}").into_iter().flat_map(u16::to_be_bytes).collect()));
    all.push(("UTF-16 unmarked", wide("").into_iter().flat_map(u16::to_le_bytes).collect()));
    all
}

fn in_lines(text: &str) -> String {
    text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + "\r\n").collect()
}

/// What must be said of a cell that is not taken; nothing for the others.
fn refusal(notation: &str, wrapping: &str) -> Option<&'static str> {
    match wrapping {
        _ if wrapping.starts_with("UTF-16") => Some("UTF-16"),
        // The encryption's own lines cannot be told from Base64 then.
        "one line with nothing" if notation == "encrypted PKCS#1" => Some("damaged"),
        _ => None,
    }
}

/// Every cell: its name, its bytes, the thumbprint of its key, and what refuses it.
fn cells() -> Vec<(String, Vec<u8>, String, Option<&'static str>)> {
    let mut cells = Vec::new();
    for (kind, key) in ["EC", "RSA"].into_iter().zip(&keys()) {
        let thumbprint = thumbprint(key);
        for (notation, text) in notations(key) {
            for (wrapping, bytes) in wrappings(&text, key) {
                let name = format!("{kind}, {notation}, {wrapping}");
                cells.push((name, bytes, thumbprint.clone(), refusal(notation, wrapping)));
            }
        }
    }
    cells
}

/// The thumbprint, or what is said of the failure.
fn outcome(result: Result<SigningKey, Error>) -> Result<String, String> {
    match result {
        Ok(key) => {
            assert_eq!(key.key_id(), Some(KEY_ID));
            Ok(key.public_jwk().thumbprint())
        }
        Err(error) => {
            assert!(!error.advice().is_empty(), "{error}");
            Err(error.to_string())
        }
    }
}

fn check(
    cell: &str,
    found: &Result<String, String>,
    key: &str,
    refusal: Option<&str>,
) -> Option<String> {
    match (found, refusal) {
        (Ok(found), _) if found != key => Some(format!("{cell}: another key")),
        (Ok(_), None) => None,
        (Ok(_), Some(_)) => Some(format!("{cell}: taken")),
        (Err(said), Some(says)) if said.contains(says) => None,
        (Err(said), _) => Some(format!("{cell}: {said}")),
    }
}

#[test]
fn every_cell_is_taken_or_named_from_text_and_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let mut faults = Vec::new();
    let cells = cells();
    for (name, bytes, key, refusal) in &cells {
        std::fs::write(&path, bytes).unwrap();
        let text = outcome(SigningKey::parse(bytes, &options()));
        assert_eq!(outcome(SigningKey::from_file(&path, &options())), text, "{name}");
        faults.extend(check(name, &text, key, *refusal));
    }
    assert!(cells.len() > 500, "only {} cells", cells.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Variables belong to a whole process, so this test runs again in one of its own.
#[test]
#[allow(clippy::print_stdout)] // that is how the process tells its parent
fn every_cell_is_taken_or_named_from_a_variable() {
    const PREFIX: &str = "KEY_MATRIX_";
    let variables = || std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut own = variables().filter(|name| name.starts_with(PREFIX)).peekable();
    if own.peek().is_some() {
        for name in own {
            let found = outcome(SigningKey::from_env(&name, &options()));
            println!("\n{PREFIX}{}", json!([name, found.clone().ok(), found.err()]));
        }
        return;
    }
    let mut found = BTreeMap::new();
    let name = "key::matrix::every_cell_is_taken_or_named_from_a_variable";
    // A variable is a text without zeros.
    let cells: Vec<_> = cells()
        .into_iter()
        .filter(|cell| std::str::from_utf8(&cell.1).is_ok_and(|text| !text.contains('\0')))
        .collect();
    for (chunk, group) in cells.chunks(100).enumerate() {
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", name, "--nocapture"]);
        for (at, cell) in group.iter().enumerate() {
            process.env(
                format!("{PREFIX}{}", 100 * chunk + at),
                std::str::from_utf8(&cell.1).unwrap(),
            );
        }
        let run = process.output().unwrap();
        let said = String::from_utf8(run.stdout).unwrap();
        for line in said.lines().filter_map(|line| line.strip_prefix(PREFIX)) {
            let (name, key, fault): (String, Option<String>, Option<String>) =
                serde_json::from_str(line).unwrap();
            found.insert(name, key.ok_or_else(|| fault.unwrap()));
        }
    }
    let faults: Vec<_> = cells
        .iter()
        .enumerate()
        .filter_map(|(at, (name, _, key, refusal))| {
            check(name, found.get(&format!("{PREFIX}{at}")).expect(name), key, *refusal)
        })
        .collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
