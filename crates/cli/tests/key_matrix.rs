//! Every notation of a key, in every wrapping that tools and people give it, through every way into
//! the command: the same key comes out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use okta_introspect::{KeyOptions, SigningKey};
use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;
use openssl::x509::X509Builder;
use serde_json::{Value, json};

use crate::common::{Run, World, sample};

const PASSPHRASE: &str = "open";

/// How a key comes into the command.
#[derive(Clone, Copy, Debug)]
enum Way {
    File,
    Variable,
    Stdin,
    /// As a YAML string with escapes, in which every character keeps its place.
    YamlString,
    /// As people paste it: a block where it has lines, a mapping where it is JSON.
    YamlAsPasted,
}

const WAYS: [Way; 5] = [Way::File, Way::Variable, Way::Stdin, Way::YamlString, Way::YamlAsPasted];

struct Cell {
    notation: &'static str,
    wrapping: &'static str,
    text: String,
    thumbprint: String,
}

#[test]
#[allow(clippy::print_stdout)] // the figure, with --nocapture
fn every_cell_of_notation_wrapping_and_way_gives_the_same_key() {
    let cells = cells();
    let (next, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let world = World::new().set("OKTA_CLIENT_PRIVATEKEYPASSPHRASE", PASSPHRASE);
        let mut faults = Vec::new();
        while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            for way in WAYS {
                let run = cell.run(&world, way);
                let is_taken = run.code == 0 && run.stdout.trim() == cell.thumbprint;
                let expected = match cell.refusal(way) {
                    None => is_taken,
                    Some((what, cure)) => {
                        run.code == 2 && run.stderr.contains(what) && run.stderr.contains(cure)
                    }
                };
                taken.fetch_add(usize::from(is_taken), Ordering::Relaxed);
                if !expected {
                    let told = format!("{}{}", run.stdout, run.stderr);
                    faults.push(format!("{}, {}, {way:?}: {told}", cell.notation, cell.wrapping));
                }
            }
        }
        faults
    };
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let faults: Vec<String> = thread::scope(|scope| {
        let all: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        all.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let (all, taken) = (cells.len() * WAYS.len(), taken.into_inner());
    println!("{all} cells: {taken} taken, {} refused with a cure", all - taken - faults.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join(""));
    assert!(taken > 400, "{taken} of {all}");
}

impl Cell {
    fn run(&self, world: &World, way: Way) -> Run {
        let args: &[&str] = match way {
            Way::File => &["jwk", "--thumbprint", "--key-file", "key"],
            Way::Stdin => &["jwk", "--thumbprint", "-"],
            Way::Variable | Way::YamlString | Way::YamlAsPasted => &["jwk", "--thumbprint"],
        };
        let mut command = world.command(args);
        match way {
            Way::File => _ = world.write("key", &self.text),
            Way::Variable => _ = command.env("OKTA_CLIENT_PRIVATEKEY", &self.text),
            Way::Stdin => return world.pipe(args, &self.text),
            Way::YamlString => _ = world.write("okta.yaml", yaml(&json!(self.text).to_string())),
            Way::YamlAsPasted => _ = world.write("okta.yaml", self.pasted()),
        }
        let run = Run::of(args, command.output().unwrap());
        // The next way is to find nothing of this one.
        for name in ["key", "okta.yaml"] {
            let _ = std::fs::remove_file(world.path(name));
        }
        run
    }

    /// What is said, and which cure is named, where the key cannot be taken.
    fn refusal(&self, way: Way) -> Option<(&'static str, &'static str)> {
        let is_json = self.notation.ends_with("JWK") || self.notation.ends_with("Set");
        let clashes = ["written-out breaks", "quoted"].contains(&self.wrapping);
        // YAML has backslashes and quotes of its own.
        (matches!(way, Way::YamlAsPasted) && is_json && clashes)
            .then_some(("has a key at line 3", "write `privateKey: |`"))
    }

    /// A settings file with the key as it is. What an editor does, it does to the whole file.
    fn pasted(&self) -> String {
        let (mark, text) = match self.text.strip_prefix('\u{feff}') {
            Some(text) => ("\u{feff}", text),
            None => ("", self.text.as_str()),
        };
        let plain = text.replace("\r\n", "\n");
        let indented: Vec<String> = plain.lines().map(|line| format!("      {line}")).collect();
        let is_mapping = plain.trim_start().starts_with('{') && !plain.contains("BEGIN");
        let is_block = indented.len() > 1 && !is_mapping && !plain.starts_with('"');
        let value = match is_block {
            true => format!("|\n{}", indented.join("\n")),
            false => indented.join("\n").trim_start().to_owned(),
        };
        let file = format!("{mark}{}", yaml(&value));
        if plain == text { file } else { file.replace('\n', "\r\n") }
    }
}

fn yaml(value: &str) -> String {
    format!("okta:\n  client:\n    privateKey: {value}\n    scopes: [okta.users.read]\n")
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for name in ["sample-p256.pem", "sample-rsa-2048.pem"] {
        let pem = std::fs::read(sample(name)).unwrap();
        let key = PKey::private_key_from_pem(&pem).unwrap();
        let public = SigningKey::parse(&pem, &KeyOptions::default()).unwrap();
        let thumbprint = public.public_jwk().thumbprint();
        let public = serde_json::to_value(public.public_jwk()).unwrap();
        for (notation, text) in notations(&key, public) {
            for (wrapping, text) in wrappings(&text, &key) {
                cells.push(Cell { notation, wrapping, text, thumbprint: thumbprint.clone() });
            }
        }
    }
    cells
}

fn notations(key: &PKey<Private>, public: Value) -> Vec<(&'static str, String)> {
    let text = |pem: Vec<u8>| String::from_utf8(pem).unwrap();
    let encrypted = key
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), PASSPHRASE.as_bytes())
        .unwrap();
    let jwk = private_jwk(key, public);
    let pretty = |json: &Value| serde_json::to_string_pretty(json).unwrap() + "\n";
    if let Ok(rsa) = key.rsa() {
        // The notations that RSA has for itself; the others are the same for both.
        let pkcs1 = text(rsa.private_key_to_pem().unwrap());
        return vec![("PKCS#1", pkcs1), ("RSA JWK", pretty(&jwk))];
    }
    let sec1 = text(key.ec_key().unwrap().private_key_to_pem().unwrap());
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    vec![
        ("PKCS#8", text(key.private_key_to_pem_pkcs8().unwrap())),
        ("encrypted PKCS#8", text(encrypted)),
        ("SEC 1 with EC PARAMETERS", format!("{parameters}{sec1}")),
        ("SEC 1", sec1),
        ("JWK", pretty(&jwk)),
        ("JWK Set", pretty(&json!({ "keys": [jwk] }))),
    ]
}

fn private_jwk(key: &PKey<Private>, mut jwk: Value) -> Value {
    let number = |bytes: Vec<u8>| Value::from(URL_SAFE_NO_PAD.encode(bytes));
    if let Ok(ec) = key.ec_key() {
        jwk["d"] = number(ec.private_key().to_vec_padded(32).unwrap());
    }
    if let Ok(rsa) = key.rsa() {
        jwk["d"] = number(rsa.d().to_vec());
        let others = [rsa.p(), rsa.q(), rsa.dmp1(), rsa.dmq1(), rsa.iqmp()];
        for (name, value) in ["p", "q", "dp", "dq", "qi"].into_iter().zip(others) {
            jwk[name] = number(value.unwrap().to_vec());
        }
    }
    jwk
}

/// What happens to a text on its way.
fn wrappings(text: &str, key: &PKey<Private>) -> Vec<(&'static str, String)> {
    const BAG: &str = "Bag Attributes\n    friendlyName: service {app}\n    localKeyID: 01 02\nKey Attributes: <No Attributes>\n";

    let lines: Vec<&str> = text.lines().collect();
    let certificate = certificate(key);
    vec![
        ("plain", text.to_owned()),
        ("CR LF", lines.join("\r\n") + "\r\n"),
        ("byte order mark", format!("\u{feff}{text}")),
        ("written-out breaks", lines.join("\\n")),
        ("one line with blanks", lines.join(" ")),
        ("one line with nothing", lines.concat()),
        ("indented", lines.iter().map(|line| format!("    {line}\n")).collect()),
        ("base64", STANDARD.encode(text)),
        ("quoted", format!("\"{}\"", text.trim_end())),
        ("certificates around", format!("{certificate}{text}{certificate}")),
        ("bag attributes and certificate", format!("{BAG}{text}{BAG}{certificate}")),
    ]
}

fn certificate(key: &PKey<Private>) -> String {
    let mut builder = X509Builder::new().unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, openssl::hash::MessageDigest::sha256()).unwrap();
    String::from_utf8(builder.build().to_pem().unwrap()).unwrap()
}
