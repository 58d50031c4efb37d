//! How the app authenticates, from every source.

use std::fs;

use okta_introspect::HmacAlgorithm;

use crate::tests::World;
use crate::{AuthMode, Setting, Settings};

/// Long enough to sign with.
const SECRET: &str = "s3cret-0123456789-0123456789-0123456789-0123456789-0123456789-012";

const ORG: &str = "orgUrl: 'https://acme.okta.com', clientId: 0oa1";

fn file(members: &str) -> World {
    World::new(&format!("okta: {{client: {{{ORG}, {members}}}}}"))
}

/// How the app of these settings authenticates, or why not.
fn method(settings: &Settings) -> Result<&'static str, String> {
    let client = settings.client().map_err(|error| format!("{error}; {}", error.advice()))?;
    Ok(client.auth_method())
}

#[test]
fn every_mode_makes_a_client_that_authenticates_so() {
    for (members, expected) in [
        ("privateKey: ~/app.pem", "private_key_jwt"),
        ("privateKey: ~/app.pem, authorizationMode: JWK", "private_key_jwt"),
        ("clientSecret: S", "client_secret_basic"),
        ("clientSecret: S, authorizationMode: client_secret_basic", "client_secret_basic"),
        ("clientSecret: S, authorizationMode: client_secret_post", "client_secret_post"),
        ("clientSecret: S, authorizationMode: client_secret_jwt", "client_secret_jwt"),
        ("clientSecret: S, authorizationMode: 'client_secret_jwt:HS512'", "client_secret_jwt"),
        ("authorizationMode: none", "none"),
        // Where both are there, and nothing says which.
        ("privateKey: ~/app.pem, clientSecret: S", "private_key_jwt"),
        (
            "privateKey: ~/app.pem, clientSecret: S, authorizationMode: client_secret_post",
            "client_secret_post",
        ),
    ] {
        let world = file(&members.replace(": S", &format!(": '{SECRET}'")));
        assert_eq!(method(&world.load()).as_deref(), Ok(expected), "{members}");
    }
    let jwt =
        file(&format!("clientSecret: '{SECRET}', authorizationMode: 'client_secret_jwt:hs384'"));
    let mode = AuthMode::ClientSecretJwt(HmacAlgorithm::Hs384);
    assert_eq!(jwt.load().auth_mode().unwrap(), mode);
}

#[test]
fn a_secret_comes_from_a_variable_a_member_or_a_file_and_says_from_where() {
    let app = |world: World| {
        world.set("OKTA_CLIENT_ORGURL", "https://acme.okta.com").set("OKTA_CLIENT_CLIENTID", "0oa1")
    };
    let write = |world: &World, name: &str, text: &str| {
        let path = world.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let bare = World::new("");
    let path = write(&bare, "secret.txt", &format!("\u{feff}{SECRET}\r\n\n"));
    let shown = |settings: &Settings| {
        let shown = settings.shown().into_iter().find(|it| it.name.starts_with("client_secret"));
        let shown = shown.unwrap();
        (shown.name, shown.value, shown.origin)
    };
    let world = app(bare).set("OKTA_CLIENT_CLIENTSECRETFILE", &path);
    let of_file = world.load();
    assert_eq!(of_file.client_secret().unwrap().expose(), SECRET);
    let origin = "OKTA_CLIENT_CLIENTSECRETFILE".to_owned();
    assert_eq!(shown(&of_file), ("client_secret_file", path, origin));
    assert!(of_file.origins().secret_file.is_some());
    let variable = app(World::new("")).set("OKTA_CLIENT_CLIENTSECRET", SECRET).load();
    assert_eq!(method(&variable).as_deref(), Ok("client_secret_basic"));
    let origin = "OKTA_CLIENT_CLIENTSECRET".to_owned();
    assert_eq!(shown(&variable), ("client_secret", "[set]".to_owned(), origin));
    let member = file("clientSecretFile: secret.txt");
    fs::write(member.folder.path().join(".okta/secret.txt"), format!("{SECRET}\n")).unwrap();
    assert_eq!(member.load().client_secret().unwrap().expose(), SECRET);
    let both = app(World::new("")).set("OKTA_CLIENT_CLIENTSECRET", SECRET);
    let both = both.set("OKTA_CLIENT_CLIENTSECRETFILE", "s.txt");
    let error = Settings::loader().environment(both.environment.clone()).load().unwrap_err();
    assert!(error.to_string().contains("named twice"), "{error}");
}

#[test]
fn what_is_no_secret_is_told_by_its_place_and_not_repeated() {
    for (members, told) in [
        ("authorizationMode: client_secret_post", "no client secret was given"),
        ("clientSecret: '{clientSecret}'", "still a placeholder"),
        ("clientSecret: '\"s3cr\"'", "has quotes around it"),
        ("clientSecret: \"s3cr\\n\"", "line break"),
        ("clientSecret: \"s3cr\\u0001x\"", "control character"),
        ("clientSecret: s3cr, authorizationMode: client_secret_jwt", "has 4 bytes"),
        ("clientSecretFile: none.txt", "cannot be read"),
        ("privateKey: ~/app.pem, authorizationMode: SSWS", "API tokens cannot introspect"),
        ("clientSecret: s3cr, authorizationMode: client_secret", "not a known one"),
        ("clientSecret: s3cr, authorizationMode: PrivateKey", "no private key was given"),
    ] {
        let error = method(&file(members).load()).unwrap_err();
        assert!(error.contains(told), "{members}: {error}");
        assert!(!error.contains("s3cr"), "{members}: {error}");
    }
    let empty = file("clientSecretFile: secret.txt");
    fs::write(empty.folder.path().join(".okta/secret.txt"), "\n").unwrap();
    assert!(method(&empty.load()).unwrap_err().contains("is empty"));
    // A mode that takes no key says so to what needs one.
    let secret = file(&format!("clientSecret: '{SECRET}'")).load();
    let error = secret.credentials().map(drop).unwrap_err().to_string();
    assert!(error.contains("takes a private key"), "{error}");
}

#[test]
fn a_secret_goes_only_where_the_same_source_sends_it() {
    let variable = || file("scopes: [a]").set("OKTA_CLIENT_CLIENTSECRET", SECRET);
    let error = method(&variable().load()).unwrap_err();
    assert!(error.contains("OKTA_CLIENT_CLIENTSECRET") && error.contains("one place"), "{error}");
    // A flag is a choice for this one call.
    let world = file("privateKey: ~/app.pem, authorizationMode: PrivateKey");
    let flag = Settings::loader().set(Setting::ClientSecret, "--secret", SECRET);
    let settings = flag.environment(world.environment.clone()).load().unwrap();
    assert_eq!(method(&settings).as_deref(), Ok("client_secret_basic"));
    // And so is a key, above an app with a secret.
    let world = file(&format!("clientSecret: '{SECRET}', authorizationMode: client_secret_post"));
    let flag = Settings::loader().set(Setting::Key, "--key", world.folder.path().join("app.pem"));
    let settings = flag.environment(world.environment.clone()).load().unwrap();
    assert_eq!(method(&settings).as_deref(), Ok("private_key_jwt"));
}

#[test]
fn a_file_in_the_working_folder_takes_no_secret_of_the_users_to_another_org() {
    let world = file(&format!("clientSecret: '{SECRET}'"));
    let secret = format!("clientSecret: '{SECRET}'");
    for (members, told) in [
        ("orgUrl: 'https://evil.example', clientId: 0oa2", "one place"),
        (
            &*format!("orgUrl: 'https://evil.okta.com', clientId: 0oa2, {secret}"),
            "sent nowhere but to its own org",
        ),
    ] {
        let text = format!("okta: {{client: {{{members}}}}}");
        fs::write(world.folder.path().join("work/okta.yaml"), text).unwrap();
        let error = method(&world.load()).unwrap_err();
        assert!(error.contains(told), "{members}: {error}");
        assert!(!error.contains(SECRET));
    }
}

#[test]
fn without_a_key_no_secret_of_a_shared_store_is_derived() {
    let world = file(&format!("clientSecret: '{SECRET}', shared: 'redis://127.0.0.1:9'"));
    let error = world.load().shared().map(drop).unwrap_err();
    let told = format!("{error}; {}", error.advice());
    assert!(told.contains("none can be derived") && told.contains("one secret"), "{told}");
}
