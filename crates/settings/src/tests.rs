//! Settings as a service meets them: in an environment made for the test.

use std::fs;

use okta_introspect::{Algorithm, ErrorKind, Signer as _, SigningKey};
use tempfile::TempDir;

use super::*;

const SECRET: &str = "s3cret";

/// A computer with a user's settings file, and a key.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) environment: Environment,
}

impl World {
    pub(crate) fn new(home: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".okta")).unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        fs::write(folder.path().join(".okta/okta.yaml"), home).unwrap();
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        key.write_new_file(folder.path().join("app.pem")).unwrap();
        let environment =
            Environment::empty().home(folder.path()).working_folder(folder.path().join("work"));
        Self { folder, environment }
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.environment = self.environment.variable(name, value);
        self
    }

    pub(crate) fn load(&self) -> Settings {
        Settings::loader().environment(self.environment.clone()).load().unwrap()
    }
}

const APP: &str = "okta: {client: {orgUrl: 'https://acme.okta.com', clientId: 0oa1, privateKey: \
                   ~/app.pem, scopes: [okta.users.read]}}";

#[test]
fn a_service_gets_its_client_checker_and_tokens_from_the_users_file() {
    let world = World::new(APP);
    let settings = world.load();
    let client = settings.client().unwrap();
    assert_eq!(client.client_id(), "0oa1");
    assert_eq!(client.issuer().as_str(), "https://acme.okta.com");
    settings.checker_builder().unwrap().build().unwrap();
    settings.token_source().unwrap();
    assert_eq!(settings.profiles().len(), 1);
    assert!(!settings.are_none() && settings.notes().next().is_none());
}

#[test]
fn the_uri_of_a_key_is_taken_wherever_a_path_is() {
    const URI: &str = "pkcs11:token=none;object=app?pin-source=env:NO_SUCH_PIN";
    let told = |settings: &Settings| {
        let error = settings.key().map(|_| ()).unwrap_err().to_string();
        assert!(!error.contains("cannot be read") && !error.contains("neither PEM"), "{error}");
        error
    };
    let file = World::new(&APP.replace("~/app.pem", &format!("'{URI}'")));
    assert!(told(&file.load()).contains("okta.client.privateKey"));
    for variable in ["OKTA_CLIENT_PRIVATEKEY", "OKTA_CLIENT_JWK"] {
        let world = World::new("").set(variable, &format!("\"{URI}\""));
        assert!(told(&world.load()).contains(variable));
    }
    let flag = Found::new(Source::key_flag(URI.into()), Origin::Flag("--key-file"));
    let layer = Layer { key: Some(flag), ..Layer::default() };
    let environment = Environment::empty();
    let settings = Settings::loader().layer(layer).environment(environment).load().unwrap();
    assert!(told(&settings).contains("--key-file"));
    assert!(matches!(Source::key_flag("./pkcs11:app".into()), Source::File(_)));
    assert!(
        !format!("{:?}", Source::key_flag("pkcs11:?pin-value=90817263".into()))
            .contains("90817263")
    );
}

#[cfg(feature = "pkcs11")]
#[test]
fn a_file_in_the_working_folder_names_no_module() {
    let world = World::new("");
    let working = |uri: &str| {
        let text = APP.replace("~/app.pem", &format!("'{uri}'"));
        fs::write(world.folder.path().join("work/okta.yaml"), text).unwrap();
        world.load().key().map(|_| ()).unwrap_err().to_string()
    };
    for uri in [
        "pkcs11:object=app?module-path=/tmp/evil.so",
        "PKCS11:object=app?Module-Path=/tmp/evil.so",
        "pkcs11:token=a?pin-source=file:/etc/shadow",
    ] {
        assert!(working(uri).contains("does not say which code is run"), "{uri}");
    }
    assert!(!working("pkcs11:object=app?module-name=none").contains("which code is run"));
}

#[cfg(feature = "pkcs11")]
#[test]
fn a_pin_in_a_uri_is_shown_nowhere() {
    let uri = "pkcs11:object=app?module-name=none&pin-value=90817263";
    let world = World::new(&APP.replace("~/app.pem", &format!("'{uri}'")));
    let settings = world.load();
    let error = settings.key().unwrap_err();
    let told = format!("{error} {error:?} {settings:?} {:?}", settings.shown());
    assert!(error.to_string().contains("the PIN itself") && !told.contains("90817263"), "{told}");
}

#[test]
fn the_environment_of_the_test_process_does_not_count() {
    assert!(Environment::process().names().count() > Environment::empty().names().count());
    let settings = Settings::loader().environment(Environment::empty()).load().unwrap();
    assert!(settings.are_none() && settings.shown().is_empty() && settings.profiles().is_empty());
    let error = settings.token_source().map(|_| ()).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Configuration, "no issuer was given")
    );
}

#[test]
fn a_key_id_goes_with_the_key_of_its_own_source_or_of_a_flag() {
    let world = World::new("okta: {client: {keyId: k-home}}");
    let path = world.folder.path().join("app.pem");
    let path = path.to_str().unwrap();
    let shown = |loader: Loader| {
        let settings = loader.environment(world.environment.clone()).load().unwrap();
        settings.key().unwrap().key_id().map(str::to_owned)
    };
    let flag = Settings::loader().set(Setting::Key, "--key", path);
    assert_eq!(shown(flag).as_deref(), Some("k-home"));
    fs::write(
        world.folder.path().join("work/okta.yaml"),
        format!("okta: {{client: {{privateKey: {path}}}}}"),
    )
    .unwrap();
    assert_ne!(shown(Settings::loader()).as_deref(), Some("k-home"));
}

/// What is formatted, and what errors say, has none of the secrets that were given.
#[test]
fn no_type_and_no_error_shows_a_secret() {
    let world = World::new(
        "okta: {client: {privateKey: '{\"kty\":\"s3cret\"}', proxy: {password: s3cret}, shared: {url: \
         'redis://:s3cret@redis', password: s3cret}}}",
    )
    .set("OKTA_CLIENT_PRIVATEKEY", "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----")
    .set("OKTA_CLIENT_PRIVATEKEYPASSPHRASE", SECRET)
    .set("HTTPS_PROXY", "http://ada:s3cret@proxy.example");
    let loader = Settings::loader()
        .environment(world.environment.clone())
        .set(Setting::ProxyPassword, "--password", SECRET)
        .layer(Layer {
            passphrase: Some(Found::new(
                Source::Text(okta_introspect::Secret::new(SECRET)),
                Origin::Sandbox,
            )),
            ..Layer::default()
        });
    let settings = loader.clone().load().unwrap();
    let mut said =
        format!("{:?} {loader:?} {settings:?} {:?}", world.environment, settings.origins());
    said += &format!("{:?} {:?} {:?}", settings.shown(), settings.profiles(), settings.layer);
    for error in [
        settings.client().map(|_| ()).unwrap_err(),
        settings.key().map(|_| ()).unwrap_err(),
        settings.proxy().map(|_| ()).unwrap_err(),
        loader.clone().set(Setting::Timeout, "--timeout", SECRET).load().unwrap_err(),
        loader.clone().set(Setting::ProxyPort, "--port", SECRET).load().unwrap_err(),
        loader.clone().set(Setting::Dpop, "--dpop", SECRET).load().unwrap_err(),
        loader.clone().set(Setting::Algorithm, "--algorithm", SECRET).load().unwrap_err(),
        loader.clone().set(Setting::ClientId, "--id", format!("'{SECRET}'")).load().unwrap_err(),
        loader.clone().profile("--profile", SECRET).load().unwrap_err(),
        loader.file("no.yaml").load().unwrap_err(),
    ] {
        said += &format!("{error} {error:?} {}", error.advice());
    }
    assert!(!said.contains(SECRET), "{said}");
}

/// A user's settings with a store: all of it in one place, or the words of the error.
fn store_of(world: &World) -> Result<Option<String>, String> {
    let settings = world.load();
    let shown = settings.shown();
    let usable = shown.iter().find(|shown| shown.name == "shared").map(|shown| &shown.value);
    if let Some(refused) = usable {
        return Err(refused.clone());
    }
    let url = shown.into_iter().find(|shown| shown.name == "shared_url");
    Ok(url.map(|shown| format!("{} ({})", shown.value, shown.origin)))
}

#[test]
fn a_store_is_named_by_one_line_or_with_what_belongs_to_it() {
    let home = |shared: &str| {
        let app = APP.replace("scopes:", &format!("shared: {shared}, scopes:"));
        store_of(&World::new(&app)).unwrap().unwrap()
    };
    for (shared, expected) in [
        ("rediss://redis.example", "rediss://redis.example (okta.client.shared in "),
        ("{url: rediss://redis.example}", "rediss://redis.example (okta.client.shared.url in "),
        (
            "{url: 'rediss://ada:s3cret@redis.example', passwordFile: ~/pw, secretFile: seal}",
            "rediss://…@redis.example (okta.client.shared.url in ",
        ),
    ] {
        let told = home(shared);
        assert!(told.starts_with(expected), "{shared}: {told}");
    }
    assert_eq!(store_of(&World::new(APP)), Ok(None));
    let folder = World::new(&APP.replace("scopes:", "shared: {secretFile: seal}, scopes:"));
    let missing = store_of(&folder).unwrap_err();
    assert!(missing.contains("has no URL (from okta.client.shared.secretFile"), "{missing}");
}

/// A world with this store, and the files that it may name.
fn with_store(shared: &str) -> World {
    let world = World::new(&APP.replace("scopes:", &format!("shared: {shared}, scopes:")));
    for (name, text) in [
        ("seal", "b2xkIHNlY3JldCBvZiB0aGUgZmxlZXQhISEhISEhISE\n"),
        ("other", "bmV3IHNlY3JldCBvZiB0aGUgZmxlZXQhISEhISEhISE"),
        ("short", SECRET),
        ("empty", " \n"),
    ] {
        fs::write(world.folder.path().join(".okta").join(name), text).unwrap();
    }
    world
}

#[cfg(feature = "redis")]
#[test]
fn a_store_is_opened_without_being_asked() {
    for shared in [
        "redis://127.0.0.1:9",
        "{url: rediss://redis.example, username: orders, password: s3cret, secretFile: seal}",
        "{url: 'redis://a,b', passwordFile: seal, secretFile: seal, previousSecretFile: ~/app.pem}",
    ] {
        let world = with_store(shared);
        let settings = world.load();
        assert!(settings.shared().unwrap().is_some(), "{shared}");
        settings.checker_builder().unwrap().build().unwrap();
    }
    assert!(World::new(APP).load().shared().unwrap().is_none());
}

#[cfg(not(feature = "redis"))]
#[test]
fn a_store_that_cannot_be_opened_here_is_told() {
    let world = with_store("redis://127.0.0.1:9");
    let settings = world.load();
    let error = settings.shared().map(|_| ()).unwrap_err();
    let expected = "a shared store is named, and this program was built without one (from okta.client.shared in ";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert!(error.advice().contains("the feature `redis`"), "{}", error.advice());
    assert_eq!(settings.checker_builder().map(|_| ()).unwrap_err().to_string(), error.to_string());
}

#[test]
fn what_a_store_is_opened_with_is_compared_whole() {
    // A folder for all, since the app's key counts.
    let world = with_store("redis://a");
    let settings = |shared: &str| {
        let app = APP.replace("scopes:", &format!("shared: {shared}, scopes:"));
        fs::write(world.folder.path().join(".okta/okta.yaml"), app).unwrap();
        world.load()
    };
    let one = settings("{url: redis://a, password: s3cret, secretFile: seal}");
    let one = one.shared_settings().unwrap().unwrap();
    // A line break at the end of a secret is none of it.
    let same = settings("{url: redis://a, password: s3cret, secretFile: seal}");
    assert_eq!(same.shared_settings().unwrap(), Some(one.clone()));
    for other in [
        "{url: redis://b, password: s3cret, secretFile: seal}",
        "{url: redis://a, password: s3cre, secretFile: seal}",
        "{url: redis://a, secretFile: seal}",
        "{url: redis://a, passwordFile: seal, secretFile: seal}",
        "{url: redis://a, password: s3cret, username: ada, secretFile: seal}",
        "{url: redis://a, password: s3cret, secretFile: other}",
        "{url: redis://a, password: s3cret, secretFile: ~/app.pem}",
        "{url: redis://a, password: s3cret}",
        "{url: redis://a, password: s3cret, secretFile: seal, previousSecretFile: other}",
        "{url: redis://a, password: s3cret, secretFile: seal, previousSecretFile: ~/app.pem}",
        "{url: redis://a, password: s3cret, secretFile: seal, caFile: seal}",
    ] {
        let other = settings(other).shared_settings().unwrap().unwrap();
        assert_ne!(other, one, "{other:?}");
    }
    let said = format!("{one:?}");
    assert!(!said.contains(SECRET) && !said.contains("redis://"), "{said}");
}

#[test]
fn files_of_a_store_that_are_none_are_told_by_their_place() {
    for (shared, expected) in [
        (
            "{url: redis://a, secretFile: none}",
            "the file with the secret of the shared store cannot be read: ",
        ),
        ("{url: redis://a, secretFile: short}", "the shared secret is too short"),
        ("{url: redis://a, previousSecretFile: empty}", "the shared secret is empty"),
        (
            "{url: redis://a, passwordFile: none}",
            "the file with the password of the shared store cannot be read: ",
        ),
        ("{url: redis://a, caFile: empty}", "the shared store's certificate authorities are empty"),
    ] {
        let world = with_store(shared);
        let error = world.load().shared_settings().unwrap_err().to_string();
        let is_placed = error.contains("(from okta.client.shared.");
        assert!(error.starts_with(expected) && is_placed && !error.contains(SECRET), "{error}");
    }
}

/// The settings file that the documents show.
#[test]
fn the_line_of_the_documents_names_a_store() {
    let documents = include_str!("../../../docs/redis.md");
    let blocks = documents.split("```yaml\n").filter_map(|part| part.split_once("```"));
    let blocks: Vec<_> =
        blocks.map(|(block, _)| block).filter(|block| block.starts_with("okta:")).collect();
    assert_eq!(blocks.len(), 1);
    let world = World::new(blocks[0]);
    let told = store_of(&world).unwrap().unwrap();
    assert!(told.starts_with("rediss://redis.internal (okta.client.shared in "), "{told}");
    let variables = documents.split("export ").skip(1).filter_map(|line| line.split_once('='));
    let known = variables.filter(|(name, _)| super::variables().contains(name));
    assert_eq!(known.count(), documents.matches("export ").count());
}

#[test]
fn what_belongs_to_a_store_comes_from_the_place_that_names_it() {
    let of_file = "shared: {url: rediss://redis.example, password: s3cret}, scopes:";
    let world = World::new(&APP.replace("scopes:", of_file));
    assert!(store_of(&world).unwrap().is_some());
    for name in ["URL", "USERNAME", "PASSWORD", "PASSWORDFILE", "CAFILE", "SECRETFILE"] {
        let world = World::new(&APP.replace("scopes:", of_file));
        let world = world.set(&format!("OKTA_CLIENT_SHARED_{name}"), "rediss://other.example");
        let refused = store_of(&world).unwrap_err();
        let expected = "they are not sent together";
        assert!(refused.contains(expected) && !refused.contains("s3cret"), "{name}: {refused}");
    }
    // A flag is a choice for this one call.
    let given = Settings::loader().environment(world.environment.clone());
    let given = given.set(Setting::SharedUrl, "--redis", "rediss://other.example").load().unwrap();
    assert!(given.shown().iter().all(|shown| shown.name != "shared"), "{:?}", given.shown());
    let both = World::new(APP)
        .set("OKTA_CLIENT_SHARED_PASSWORD", SECRET)
        .set("OKTA_CLIENT_SHARED_PASSWORDFILE", "pw");
    let both = Settings::loader().environment(both.environment.clone()).load().unwrap_err();
    let expected = "the shared store's password is named twice: by OKTA_CLIENT_SHARED_PASSWORD \
                    and by OKTA_CLIENT_SHARED_PASSWORDFILE";
    assert_eq!(both.to_string(), expected);
}

#[test]
fn a_file_in_the_working_folder_names_a_store_for_its_own_server_only() {
    let world = World::new(APP);
    let working = |text: &str| fs::write(world.folder.path().join("work/okta.yaml"), text).unwrap();
    working("okta: {client: {shared: 'redis://evil.example'}}");
    let refused = store_of(&world).unwrap_err();
    assert!(refused.contains("the shared store by okta.client.shared in "), "{refused}");
    let own = "okta: {client: {orgUrl: 'https://b.example', clientId: b, privateKey: k, ";
    working(&format!("{own} shared: 'redis://redis.example'}}}}"));
    assert!(store_of(&world).unwrap().is_some());
    // A profile has a store of its own.
    working(&format!("{own} shared: 'redis://a'}}, profiles: {{s: {{shared: 'redis://b'}}}}}}"));
    let loader = Settings::loader().environment(world.environment.clone());
    let chosen = loader.profile("--profile", "s").load().unwrap().shown();
    let url = chosen.into_iter().find(|shown| shown.name == "shared_url").unwrap();
    assert_eq!(url.value, "redis://b");
}

/// However the file names it: as `okta.client` as well as by a profile.
#[test]
fn a_file_in_the_working_folder_takes_no_key_of_the_users_to_another_org() {
    let world = World::new(APP);
    let working = |org: &str, key: &str| {
        let text = format!("okta: {{client: {{orgUrl: '{org}', clientId: b, privateKey: {key}}}}}");
        fs::write(world.folder.path().join("work/.okta.yaml"), text).unwrap();
        world.load().client().map(|client| client.issuer().as_str().to_owned())
    };
    fs::copy(world.folder.path().join("app.pem"), world.folder.path().join("copy.pem")).unwrap();
    for key in ["~/app.pem", "~/copy.pem"] {
        let error = working("https://other.example", key).unwrap_err().to_string();
        let expected = "names https://other.example and the private key of the profile default";
        assert!(error.starts_with("okta.client in ") && error.contains(expected), "{error}");
        assert_eq!(working("https://acme.okta.com", key).unwrap(), "https://acme.okta.com");
    }
    let own = SigningKey::generate(Algorithm::Es256).unwrap();
    own.write_new_file(world.folder.path().join("own.pem")).unwrap();
    assert!(working("https://other.example", "~/own.pem").is_ok());
}

#[test]
fn a_key_in_the_place_of_another_setting_is_not_shown() {
    let jwk = r#"'{"kty":"EC","d":"s3cret"}'"#;
    let pem = r#""-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----""#;
    for secret in [jwk, pem] {
        for member in ["orgUrl", "clientId", "keyId", "authorizationMode"] {
            let settings = World::new(&format!("okta: {{client: {{{member}: {secret}}}}}")).load();
            let error = settings.client().map(|_| ()).unwrap_err();
            let said = format!("{:?} {:?} {error}", settings.shown(), settings.profiles());
            assert!(!said.contains(SECRET), "{member}: {said}");
        }
        let app = APP.replace("scopes:", &format!("authorizationMode: {secret}, scopes:"));
        let error = World::new(&app).load().client().map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("authorization mode") && !error.contains(SECRET), "{error}");
    }
}

#[test]
fn neither_the_query_of_a_server_nor_a_key_in_the_place_of_a_path_is_shown() {
    let url = format!("https://acme.okta.com/?token={SECRET}");
    let world = World::new(&format!("okta: {{client: {{orgUrl: '{url}'}}}}"));
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----");
    let environment = world.environment.clone().variable("OKTA_CLIENT_CAFILE", pem);
    let settings = Settings::loader().environment(environment).load().unwrap();
    let said = format!("{:?} {:?}", settings.shown(), settings.profiles());
    assert!(said.contains("acme.okta.com") && !said.contains(SECRET), "{said}");
}

#[test]
fn what_is_shown_tells_that_an_app_is_refused() {
    let profile = |app: &str| {
        let world = World::new(&format!("{}, profiles: {{s: {{{app}}}}}}}", &APP[..APP.len() - 1]));
        let loader = Settings::loader().environment(world.environment.clone());
        let shown = loader.profile("--profile", "s").load().unwrap().shown();
        shown.into_iter().find(|shown| shown.name == "app").map(|shown| shown.value)
    };
    let other = "orgUrl: 'https://other.example'";
    for (app, reason) in [
        (other.to_owned(), "are not sent together"),
        (format!("{other}, clientId: b, privateKey: ~/app.pem"), "the private key of the profile"),
    ] {
        let value = profile(&app).unwrap();
        assert!(value.starts_with("not usable: ") && value.contains(reason), "{value}");
    }
    assert_eq!(profile("scopes: [okta.groups.read]"), None);
}
