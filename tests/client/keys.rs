//! Private keys in every notation, and a clear word for whatever is not one.

use okta_introspect::{
    Algorithm, Client, ErrorKind, Issuer, KeyOptions, Secret, Signer, SigningKey,
};
use openssl::bn::BigNumRef;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Rsa, RsaPrivateKeyBuilder};
use openssl::symm::Cipher;
use openssl::x509::X509Builder;

fn options() -> KeyOptions {
    KeyOptions::default()
}

fn sample(name: &str) -> String {
    format!("{}/keys/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn samples() -> Vec<(&'static str, KeyOptions, Algorithm)> {
    vec![
        ("sample-p256.pem", options(), Algorithm::Es256),
        ("sample-p384.pem", options(), Algorithm::Es384),
        ("sample-rsa-2048.pem", options(), Algorithm::Rs256),
        (
            "sample-p256-encrypted.pem",
            options().passphrase(Secret::new("sample")),
            Algorithm::Es256,
        ),
        ("sample-set.jwks.json", options().key_id("sample-set-es256"), Algorithm::Es256),
        ("sample-set.jwks.json", options().key_id("sample-set-rs256"), Algorithm::Rs256),
    ]
}

fn ec(nid: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(nid).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

#[test]
fn every_sample_loads_with_the_algorithm_of_its_kind() {
    for (file, options, algorithm) in samples() {
        let key = SigningKey::from_file(sample(file), &options).expect(file);
        assert_eq!(key.algorithm(), algorithm, "{file}");
    }
}

#[test]
fn every_sample_is_refused_away_from_loopback() {
    for (file, options, _) in samples() {
        let key = SigningKey::from_file(sample(file), &options).expect(file);
        let real = Issuer::parse("https://acme.okta.com").unwrap();
        let error = Client::builder(real, "0oa1", key.clone()).build().expect_err(file);
        assert_eq!(error.kind(), ErrorKind::Configuration, "{file}");
        let loopback = Issuer::parse("http://127.0.0.1:1").unwrap();
        assert!(Client::builder(loopback, "0oa1", key).build().is_ok(), "{file}");
    }
}

#[test]
fn a_sample_is_refused_when_only_an_endpoint_is_elsewhere() {
    let key = SigningKey::from_file(sample("sample-p256.pem"), &options()).unwrap();
    let loopback = Issuer::parse("http://127.0.0.1:1").unwrap();
    let mut endpoints = loopback.endpoints().unwrap();
    endpoints.introspection = "https://acme.okta.com/oauth2/v1/introspect".parse().unwrap();
    assert!(Client::builder(loopback, "0oa1", key).endpoints(endpoints).build().is_err());
}

#[test]
fn traditional_notations_load_too() {
    let rsa = Rsa::generate(2048).unwrap();
    let ec = ec(Nid::SECP521R1).ec_key().unwrap();
    let mut with_parameters =
        b"-----BEGIN EC PARAMETERS-----\nBgUrgQQAIw==\n-----END EC PARAMETERS-----\n".to_vec();
    with_parameters.extend(ec.private_key_to_pem().unwrap());
    let locked = rsa.private_key_to_pem_passphrase(Cipher::aes_128_cbc(), b"open").unwrap();
    for (name, pem, options, algorithm) in [
        ("PKCS#1", rsa.private_key_to_pem().unwrap(), options(), Algorithm::Rs256),
        ("SEC 1", ec.private_key_to_pem().unwrap(), options(), Algorithm::Es512),
        ("SEC 1 after its parameters", with_parameters, options(), Algorithm::Es512),
        (
            "PKCS#1 locked the old way",
            locked,
            options().passphrase(Secret::new("open")),
            Algorithm::Rs256,
        ),
    ] {
        assert_eq!(SigningKey::parse(&pem, &options).expect(name).algorithm(), algorithm, "{name}");
    }
}

#[test]
fn a_jwk_brings_its_algorithm_and_id_and_options_go_first() {
    let set: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(sample("sample-set.jwks.json")).unwrap())
            .unwrap();
    let mut jwk = set["keys"][1].clone();
    jwk["alg"] = "RS384".into();
    let text = jwk.to_string();
    let key = SigningKey::parse(text.as_bytes(), &options()).unwrap();
    assert_eq!((key.algorithm(), key.key_id()), (Algorithm::Rs384, Some("sample-set-rs256")));
    let chosen = options().algorithm(Algorithm::Ps256).key_id("other");
    let key = SigningKey::parse(text.as_bytes(), &chosen).unwrap();
    assert_eq!((key.algorithm(), key.key_id()), (Algorithm::Ps256, Some("other")));
}

#[test]
fn what_is_not_a_usable_private_key_is_named_for_what_it_is() {
    let p256 = ec(Nid::X9_62_PRIME256V1);
    let public = p256.public_key_to_pem().unwrap();
    let certificate = {
        let mut builder = X509Builder::new().unwrap();
        builder.set_pubkey(&p256).unwrap();
        builder.sign(&p256, openssl::hash::MessageDigest::sha256()).unwrap();
        builder.build().to_pem().unwrap()
    };
    let locked = p256.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"open").unwrap();
    let set = std::fs::read(sample("sample-set.jwks.json")).unwrap();
    let mut mixed: serde_json::Value = serde_json::from_slice(&set).unwrap();
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    let other: serde_json::Value = serde_json::from_str(&other.public_jwk().to_json()).unwrap();
    mixed["keys"][0]["x"] = other["x"].clone();
    mixed["keys"][0]["y"] = other["y"].clone();
    let jwk = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut set: serde_json::Value = serde_json::from_slice(&set).unwrap();
        edit(&mut set["keys"][0]);
        set["keys"][0].to_string().into_bytes()
    };
    let wrong_passphrase = options().passphrase(Secret::new("shut"));
    let es256 = options().algorithm(Algorithm::Es256);

    for (name, text, options, says) in [
        ("empty", vec![], options(), "is empty"),
        ("blank", b" \n".to_vec(), options(), "is empty"),
        ("neither PEM nor JSON", b"hello".to_vec(), options(), "neither PEM nor JSON"),
        ("binary", vec![0, 1, 0xff], options(), "neither PEM nor JSON, but binary"),
        ("damaged DER", vec![0x30, 0x82, 0, 1, 0xff], options(), "its DER is not that of a key"),
        ("public key", public, options(), "public key"),
        ("certificate", certificate, options(), "certificate"),
        ("OpenSSH", b"-----BEGIN OPENSSH PRIVATE KEY-----\n".to_vec(), options(), "OpenSSH"),
        ("other PEM", b"-----BEGIN CMS-----\n".to_vec(), options(), "CMS"),
        (
            "damaged PEM",
            b"-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n".to_vec(),
            options(),
            "damaged",
        ),
        ("no passphrase", locked.clone(), options(), "no passphrase"),
        ("wrong passphrase", locked, wrong_passphrase, "cannot be decrypted"),
        ("RSA-1024", rsa(1024).private_key_to_pem_pkcs8().unwrap(), options(), "1024 bits"),
        (
            "foreign curve",
            ec(Nid::SECP256K1).private_key_to_pem_pkcs8().unwrap(),
            options(),
            "curve",
        ),
        (
            "Ed25519",
            PKey::generate_ed25519().unwrap().private_key_to_pem_pkcs8().unwrap(),
            options(),
            "neither RSA nor EC",
        ),
        (
            "ES256 with RSA",
            rsa(2048).private_key_to_pem_pkcs8().unwrap(),
            es256.clone(),
            "does not fit",
        ),
        (
            "ES256 with P-384",
            ec(Nid::SECP384R1).private_key_to_pem_pkcs8().unwrap(),
            es256,
            "does not fit",
        ),
        ("JSON that ends early", b"{\"kty\":\"EC\"".to_vec(), options(), "not a JWK"),
        ("JSON of something else", b"{\"a\":1}".to_vec(), options(), "not a JWK"),
        (
            "public JWK",
            jwk(&|jwk| drop(jwk.as_object_mut().unwrap().remove("d"))),
            options(),
            "public key",
        ),
        ("encryption JWK", jwk(&|jwk| jwk["use"] = "enc".into()), options(), "not for signing"),
        ("symmetric JWK", b"{\"kty\":\"oct\",\"k\":\"AAAA\"}".to_vec(), options(), "oct"),
        (
            "JWK without a coordinate",
            jwk(&|jwk| drop(jwk.as_object_mut().unwrap().remove("x"))),
            options(),
            "`x` is missing",
        ),
        ("halves of two keys", mixed["keys"][0].to_string().into_bytes(), options(), "together"),
        ("halves of two RSA keys", mixed_rsa(), options(), "together"),
        ("JWK Set with two keys", set.clone(), options(), "2 keys"),
        ("JWK Set without the id", set, options().key_id("k9"), "the chosen id"),
        ("empty JWK Set", b"{\"keys\":[]}".to_vec(), options(), "no key"),
    ] {
        let error = SigningKey::parse(&text, &options).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Key, "{name}");
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert!(!error.advice().is_empty(), "{name}: {error}");
    }
}

/// One key's private numbers under the modulus of another.
fn mixed_rsa() -> Vec<u8> {
    let (one, other) = (rsa(2048).rsa().unwrap(), rsa(2048).rsa().unwrap());
    let own = |number: &BigNumRef| number.to_owned().unwrap();
    let part = |number: Option<&BigNumRef>| own(number.unwrap());
    RsaPrivateKeyBuilder::new(own(other.n()), own(one.e()), own(one.d()))
        .and_then(|key| key.set_factors(part(one.p()), part(one.q())))
        .and_then(|key| key.set_crt_params(part(one.dmp1()), part(one.dmq1()), part(one.iqmp())))
        .and_then(|key| key.build().private_key_to_pem())
        .unwrap()
}

#[test]
fn a_key_file_that_is_missing_or_a_folder_is_named() {
    for path in [sample("missing.pem"), sample("")] {
        let error = SigningKey::from_file(&path, &options()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key);
        assert!(error.to_string().contains(&path));
    }
}

#[test]
fn a_written_key_is_read_back_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    key.write_new_file(&path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let read = SigningKey::from_file(&path, &options()).unwrap();
    assert_eq!(read.public_jwk().thumbprint(), key.public_jwk().thumbprint());

    let before = std::fs::read(&path).unwrap();
    let error = SigningKey::generate(Algorithm::Es256).unwrap().write_new_file(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn signatures_of_every_algorithm_verify() {
    use openssl::sign::{RsaPssSaltlen, Verifier};
    let rsa = SigningKey::generate(Algorithm::Rs256).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rsa_file = folder.path().join("rsa.pem");
    rsa.write_new_file(&rsa_file).unwrap();
    for algorithm in Algorithm::ALL {
        let is_rsa = !algorithm.name().starts_with('E');
        let file = folder.path().join(algorithm.name());
        let key = if is_rsa {
            std::fs::copy(&rsa_file, &file).unwrap();
            SigningKey::from_file(&file, &options().algorithm(algorithm)).unwrap()
        } else {
            let key = SigningKey::generate(algorithm).unwrap();
            key.write_new_file(&file).unwrap();
            key
        };
        let signature = key.sign_blocking(b"input").unwrap();
        // The file holds the same key, read here by OpenSSL alone.
        let key = PKey::private_key_from_pem(&std::fs::read(&file).unwrap()).unwrap();
        let digest = match &algorithm.name()[2..] {
            "256" => openssl::hash::MessageDigest::sha256(),
            "384" => openssl::hash::MessageDigest::sha384(),
            _ => openssl::hash::MessageDigest::sha512(),
        };
        let mut verifier = Verifier::new(digest, &key).unwrap();
        let signature = if is_rsa {
            if algorithm.name().starts_with('P') {
                verifier.set_rsa_padding(openssl::rsa::Padding::PKCS1_PSS).unwrap();
                verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
            }
            signature
        } else {
            let (r, s) = signature.split_at(signature.len() / 2);
            let number = |bytes| openssl::bn::BigNum::from_slice(bytes).unwrap();
            openssl::ecdsa::EcdsaSig::from_private_components(number(r), number(s))
                .unwrap()
                .to_der()
                .unwrap()
        };
        assert!(verifier.verify_oneshot(&signature, b"input").unwrap(), "{algorithm}");
    }
}

#[test]
fn the_thumbprint_of_a_sample_is_the_known_one() {
    // Worked out from the JWK by other means than this code.
    let key = SigningKey::from_file(sample("sample-p256.pem"), &options()).unwrap();
    assert_eq!(key.public_jwk().thumbprint(), "tHQt9GAt2_cmyE50wMg1LUvTu8ZFTJKwsvt3K5dzymg");
}

#[test]
fn a_key_shows_nothing_but_its_public_half() {
    let file = std::fs::read_to_string(sample("sample-set.jwks.json")).unwrap();
    let set: serde_json::Value = serde_json::from_str(&file).unwrap();
    for jwk in set["keys"].as_array().unwrap() {
        let key = SigningKey::parse(jwk.to_string().as_bytes(), &options()).unwrap();
        let shown = format!("{key:?} {:?} {}", key.public_jwk(), key.public_jwk().to_json());
        for member in ["d", "p", "q", "dp", "dq", "qi"] {
            if let Some(secret) = jwk[member].as_str() {
                assert!(!shown.contains(secret), "{member}");
            }
        }
    }
}
