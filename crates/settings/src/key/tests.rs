//! Files of keys and secrets that are replaced while a client uses them.

use std::fs;

use okta_introspect::{Algorithm, ClientAuth, Signer, SigningKey};

use crate::tests::World;

fn key(id: &str) -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some(id.to_owned()))
}

#[test_support::test]
async fn the_file_of_a_key_is_followed_and_its_pipe_is_not() {
    let world = World::new("");
    let path = world.folder.path().join("app.jwk");
    key("k1").write_new_jwk_file(&path).unwrap();
    let world = world.set("OKTA_CLIENT_PRIVATEKEY", path.to_str().unwrap());
    let settings = world.load();
    let used = settings.key().unwrap();
    let first = used.current().await.unwrap();
    assert_eq!(first.key_id(), Some("k1"));
    fs::remove_file(&path).unwrap();
    key("k2").write_new_jwk_file(&path).unwrap();
    assert!(used.refused(&first).await);
    assert_eq!(used.current().await.unwrap().key_id(), Some("k2"));
    assert_eq!(used.local().unwrap().public_jwk().key_id(), Some("k1"), "what it derives stays");
}

#[test]
fn the_file_of_a_secret_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "s3cret-of-the-app\n").unwrap();
    for (mode, expected) in [
        ("client_secret_basic", "client_secret_basic"),
        ("client_secret_post", "client_secret_post"),
    ] {
        let settings = World::new("")
            .set("OKTA_CLIENT_ORGURL", "https://acme.okta.com")
            .set("OKTA_CLIENT_CLIENTID", "0oa1")
            .set("OKTA_CLIENT_CLIENTSECRETFILE", path.to_str().unwrap())
            .set("OKTA_CLIENT_AUTHORIZATIONMODE", mode)
            .load();
        let auth = settings.client_auth().unwrap();
        assert!(matches!(auth, ClientAuth::SecretFile(_)), "{mode}");
        assert_eq!(auth.method(), expected);
    }
}
