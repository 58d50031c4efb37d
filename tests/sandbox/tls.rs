//! The sandbox behind TLS.

use std::error::Error as _;
use std::io::ErrorKind;
use std::time::Duration;

use okta_introspect::sandbox::{Fault, Reset, Sandbox, ServerIdentity, Times};
use okta_introspect::{Client, HttpConfig, Scopes};
use reqwest::{Certificate, Version};

use crate::old_tls::OldTlsPeer;
use crate::org::{Answer, CLIENT, Org};

const INTROSPECT: &str = "/oauth2/v1/introspect";

/// An HTTP client that trusts this authority and no other.
fn http(ca_pem: &str) -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = Certificate::from_pem(ca_pem.as_bytes()).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([root])
}

async fn tls_org() -> Org {
    let mut org = Org::start_with(|builder, _| builder.tls_self_made()).await;
    org.http = http(org.sandbox.ca_pem().unwrap()).build().unwrap();
    org
}

#[test_support::test]
async fn issuers_and_audiences_are_https() {
    let org = tls_org().await;
    let issuer = org.sandbox.issuer();
    assert_eq!(issuer.as_str(), format!("https://{}", org.sandbox.address()));
    let answer = org.token("/oauth2/v1/token", "okta.users.read").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let document = org.get("/.well-known/openid-configuration").await.json();
    assert_eq!(document["issuer"], issuer.as_str());
}

#[test_support::test]
async fn clients_choose_between_http_2_and_1() {
    let org = tls_org().await;
    let ca_pem = org.sandbox.ca_pem().unwrap();
    let clients = [
        (http(ca_pem).build().unwrap(), Version::HTTP_2),
        (http(ca_pem).http1_only().build().unwrap(), Version::HTTP_11),
    ];
    let port = org.sandbox.address().port();
    for (client, version) in clients {
        for host in ["127.0.0.1", "localhost"] {
            let base = format!("https://{host}:{port}");
            let url = format!("{base}/.well-known/openid-configuration");
            let response = client.get(url).send().await.unwrap();
            assert_eq!(response.version(), version);
            let document: serde_json::Value =
                serde_json::from_str(&response.text().await.unwrap()).unwrap();
            assert_eq!(document["issuer"], base);
        }
    }
}

#[test_support::test]
async fn our_own_client_works_with_the_authority_as_an_extra_root() {
    let org = tls_org().await;
    let mut config = HttpConfig::default();
    config.extra_roots = org.sandbox.ca_pem().unwrap().as_bytes().to_vec();
    let client = Client::builder(org.sandbox.issuer(), CLIENT, org.key.clone())
        .http(config)
        .clock(org.clock.clone())
        .build()
        .unwrap();
    let token = client.request_token(&Scopes::parse("okta.users.read").unwrap()).await.unwrap();
    assert!(client.introspect(token.token(), None).await.unwrap().active);
}

#[test_support::test]
async fn certificates_that_are_not_good_are_not_trusted() {
    let other = ServerIdentity::self_made().unwrap();
    let cases = [
        ("unknown authority", ServerIdentity::self_made().unwrap(), other.ca_pem()),
        ("expired", ServerIdentity::self_made_expired().unwrap(), None),
        ("wrong host", ServerIdentity::self_made_for("other.example").unwrap(), None),
    ];
    for (name, identity, ca_pem) in cases {
        let ca_pem = ca_pem.or_else(|| identity.ca_pem()).unwrap().to_owned();
        let sandbox = Sandbox::builder().tls(identity).start().await.unwrap();
        let url = format!("{}/oauth2/v1/keys", sandbox.issuer());
        let error = http(&ca_pem).build().unwrap().get(url).send().await.expect_err(name);
        assert!(error.is_connect(), "{name}: {error:?}");
        assert!(sandbox.requests().is_empty(), "{name}");
    }
}

#[test_support::test]
async fn an_identity_can_come_from_pem() {
    let key = openssl_pem();
    let identity = ServerIdentity::from_pem(&key.0, &key.1).unwrap();
    let sandbox = Sandbox::builder().tls(identity).start().await.unwrap();
    assert_eq!(sandbox.ca_pem(), None);
    let url = format!("https://localhost:{}/oauth2/v1/nothing", sandbox.address().port());
    let client = http(std::str::from_utf8(&key.0).unwrap()).build().unwrap();
    assert_eq!(client.get(url).send().await.unwrap().status(), 404);
}

/// A certificate for localhost that vouches for itself, and its key.
fn openssl_pem() -> (Vec<u8>, Vec<u8>) {
    use openssl::x509::extension::SubjectAlternativeName;
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let key = openssl::ec::EcKey::generate(&group).unwrap();
    let key = openssl::pkey::PKey::from_ec_key(key).unwrap();
    let mut builder = openssl::x509::X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let days = |days| openssl::asn1::Asn1Time::days_from_now(days).unwrap();
    builder.set_not_before(&days(0)).unwrap();
    builder.set_not_after(&days(1)).unwrap();
    builder.set_pubkey(&key).unwrap();
    let mut names = SubjectAlternativeName::new();
    let names = names.dns("localhost").build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    (builder.build().to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap())
}

/// Whether a TCP reset lies under this error.
fn is_reset(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if format!("{cause:?}").contains(&format!("{:?}", ErrorKind::ConnectionReset)) {
            return true;
        }
        source = cause.source();
    }
    false
}

#[test_support::test]
async fn faults_strike_both_protocols() {
    let mut org = tls_org().await;
    let ca_pem = org.sandbox.ca_pem().unwrap().to_owned();
    for http in [http(&ca_pem).build().unwrap(), http(&ca_pem).http1_only().build().unwrap()] {
        org.http = http;
        let send = async |fault| {
            org.sandbox.faults().inject(fault, Times::Once);
            let form = org.form(INTROSPECT, &[("token", "x")]);
            let request = org.http.post(org.url(INTROSPECT));
            let response = crate::org::form_request(request, &form).send().await?;
            response.text().await
        };
        let before = send(Fault::reset(Reset::BeforeAnswer)).await;
        assert!(is_reset(&before.unwrap_err()));
        let during = send(Fault::reset(Reset::DuringAnswer)).await;
        assert!(during.is_err());
        assert!(send(Fault::truncated()).await.is_err());
        let right = r#"{"active":false}"#;
        assert_eq!(send(Fault::reset(Reset::AfterAnswer)).await.unwrap(), right);
        assert_eq!(send(Fault::drip(1, Duration::from_secs(1))).await.unwrap(), right);
        assert!(send(Fault::huge(100_000).unannounced()).await.unwrap().len() > 100_000);
    }
}

#[test_support::test]
async fn a_server_that_knows_no_tls_above_1_1_is_not_talked_to() {
    let peer = OldTlsPeer::start();
    let ca = ServerIdentity::self_made().unwrap();
    let client = http(ca.ca_pem().unwrap()).build().unwrap();
    let answer = client.get(format!("https://127.0.0.1:{}/", peer.port())).send().await;
    assert!(answer.unwrap_err().is_connect());
    peer.assert_refused();
}

#[test_support::test]
async fn plain_http_on_the_tls_port_gets_no_answer() {
    let org = tls_org().await;
    let url = format!("http://{}/oauth2/v1/keys", org.sandbox.address());
    assert!(crate::org::http_client().get(url).send().await.is_err());
    assert!(Answer::of(org.http.get(org.url("/oauth2/v1/keys"))).await.status == 200);
}
