//! The configurations that the documents show.

use test_support::tls::{authority, issue};

use super::*;

/// The blocks of YAML that are this file's; those of the settings and of the sandbox have neither word.
fn blocks(document: &str) -> impl Iterator<Item = String> + '_ {
    let block = |part: &str| part.split("```").next().unwrap_or_default().to_owned();
    let is_ours = |text: &String| {
        text.lines().any(|line| {
            ["listeners:", "rules:", "origins:", "shared:", "signals:"]
                .iter()
                .any(|word| line.starts_with(word))
        })
    };
    document.split("```yaml\n").skip(1).map(block).filter(is_ours)
}

#[test]
fn what_the_documents_show_is_taken_without_a_warning() {
    for (name, document, count) in [
        ("README.md", include_str!("../../../../../README.md"), 1),
        ("docs/serve.md", include_str!("../../../../../docs/serve.md"), 4),
        ("docs/redis.md", include_str!("../../../../../docs/redis.md"), 2),
        ("docs/signals.md", include_str!("../../../../../docs/signals.md"), 1),
    ] {
        let blocks: Vec<_> = blocks(document).collect();
        assert!(blocks.len() >= count, "{name}: {blocks:#?}");
        for text in blocks {
            let place = place_of(&text);
            let mut whole = text.replace('…', &"0123456789abcdef".repeat(4));
            for (part, least) in
                [("listeners:", "[{mode: nginx}]"), ("rules:", "[{path: /, public: true}]")]
            {
                if !whole.contains(part) {
                    whole.push_str(&format!("{part} {least}\n"));
                }
            }
            assert_eq!(place.lines(&whole), [""; 0], "{name}: {whole}");
        }
    }
}

/// A folder with everything that a block names; an app of its own where the block has none.
fn place_of(text: &str) -> Place {
    let mut place = if text.contains("okta:") { Place::new() } else { Place::with_app() };
    if text.contains("${OKTA_CLIENT_") {
        for (name, value) in [
            ("ORGURL", "https://acme.okta.com"),
            ("CLIENTID", "0oa1b2c3d4"),
            ("PRIVATEKEY", "private-key"),
            ("PRIVATEKEYID", "k1"),
        ] {
            place.environment = place.environment.variable(format!("OKTA_CLIENT_{name}"), value);
        }
    }
    for name in ["key.pem", "identity.pem"] {
        fs::copy(place.path("private-key"), place.path(name)).unwrap();
    }
    let tls = issue(&authority(), "sidecar.example", 3600);
    fs::write(place.path("tls.pem"), tls.certificate.to_pem().unwrap()).unwrap();
    let key = String::from_utf8(tls.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    place.write("tls.key", &key);
    fs::write(place.path("redis-ca.pem"), authority().certificate.to_pem().unwrap()).unwrap();
    place.write("redis-password", "r3dis-s3cret");
    for name in ["fleet-secret", "fleet-secret-before"] {
        place.write(name, &format!("{name}-0123456789abcdefghijkl"));
    }
    for name in ["hook-secret", "bridge-secret", "stream-secret"] {
        place.write(name, &format!("{name}-0123456789abcdef"));
    }
    place
}
