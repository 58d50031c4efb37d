//! A sandbox that speaks TLS, and the commands that call it.

use openssl::asn1::Asn1Time;
use openssl::pkey::PKey;

use crate::common::{Sandbox, World, sample};

#[test_support::test]
fn a_sandbox_with_its_own_certificate_is_trusted_by_the_commands_beside_it() {
    let world = World::new();
    let sandbox = Sandbox::start(&world, &["--tls"]);
    assert!(sandbox.text("issuer").starts_with("https://127.0.0.1:"));
    let ca = std::fs::read_to_string(sandbox.text("ca_file")).unwrap();
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"));
    let token = world.run(&["token", "--scope", "okta.users.read"]).exits(0).stdout.clone();
    world.pipe(&["introspect"], token.trim()).exits(0);

    // A client that does not know the authority stays away.
    let stranger = World::new();
    let (issuer, client_id) = (sandbox.text("issuer"), sandbox.text("client_id"));
    let args = ["--issuer", issuer, "--client-id", client_id, "--key-file"];
    let args = [&["introspect"], &args[..], &[sandbox.text("key_file")]].concat();
    stranger.pipe(&args, "t").fails(3, "could not be trusted");
    let known = [&args[..], &["--ca-file", sandbox.text("ca_file")]].concat();
    stranger.pipe(&known, "t").exits(1);
    let marked = stranger.write("marked.pem", format!("\u{feff}{ca}"));
    stranger.pipe(&[&args[..], &["--ca-file", &marked]].concat(), "t").exits(1);
}

#[test_support::test]
fn the_export_lines_of_a_tls_sandbox_name_its_authority() {
    let world = World::new();
    let mut child = world.command(&["sandbox", "--tls"]).spawn().unwrap();
    let lines = crate::common::read_lines(&mut child, 7);
    let _ = child.kill();
    let _ = child.wait();
    assert!(lines[6].starts_with("export OKTA_CLIENT_CAFILE="), "{lines:?}");
}

#[test_support::test]
fn a_sandbox_takes_a_certificate_of_ours() {
    let world = World::new();
    let (certificate, key) = own_certificate();
    world.write("tls.key", key);
    world.write("tls.pem", certificate);
    let sandbox = Sandbox::start(&world, &["--tls-cert", "tls.pem", "--tls-key", "tls.key"]);
    assert_eq!(sandbox.told.get("ca_file"), None);
    let token = ["token", "--scope", "okta.users.read", "--ca-file", "tls.pem"];
    world.run(&token).exits(0);

    for (args, told) in [
        (&["--tls-cert", "tls.pem"][..], "--tls-key"),
        (&["--tls", "--tls-cert", "tls.pem", "--tls-key", "tls.key"], "exclude each other"),
        (&["--tls-cert", "missing.pem", "--tls-key", "tls.key"], "missing.pem"),
        (&["--tls-cert", "tls.key", "--tls-key", "tls.key"], "certificate"),
        (&["--tls-cert", "tls.pem", "--tls-key", &sample("sample-p256.pem")], "certificate"),
    ] {
        world.run(&[&["sandbox"], args].concat()).fails(2, told);
    }
}

/// A certificate, and its key.
pub(crate) fn own_certificate() -> (Vec<u8>, Vec<u8>) {
    let key = PKey::from_ec_key(
        openssl::ec::EcKey::generate(
            &openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap(),
        )
        .unwrap(),
    )
    .unwrap();
    (certificate(&key), key.private_key_to_pem_pkcs8().unwrap())
}

/// A certificate for 127.0.0.1 that is its own authority.
fn certificate(key: &PKey<openssl::pkey::Private>) -> Vec<u8> {
    use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
    use openssl::x509::{X509Builder, X509NameBuilder};

    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "127.0.0.1").unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.append_extension(BasicConstraints::new().critical().build().unwrap()).unwrap();
    let names =
        SubjectAlternativeName::new().ip("127.0.0.1").build(&builder.x509v3_context(None, None));
    builder.append_extension(names.unwrap()).unwrap();
    builder.sign(key, openssl::hash::MessageDigest::sha256()).unwrap();
    builder.build().to_pem().unwrap()
}
