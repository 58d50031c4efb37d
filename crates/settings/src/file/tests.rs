use okta_introspect::DpopMode;

use super::*;

fn file(text: &str) -> Result<SettingsFile, SettingsError> {
    let path = PathBuf::from("dir/okta.yaml");
    SettingsFile::parse(text, path, Place::Home, &Environment::empty())
}

fn layer(text: &str) -> Result<Layer, SettingsError> {
    file(text).map(|file| file.client)
}

#[test]
fn the_members_of_all_sdks_are_read_and_others_ignored() {
    let layer = layer(
        "okta:\n  client:\n    orgUrl: https://acme.okta.com/\n    clientId: 0oa1\n    \
         authorizationMode: PrivateKey\n    kid: k1\n    scopes: [a, 'b,c']\n    \
         privateKey: keys/app.pem\n    requestTimeout: 5\n    connectionTimeout: 0\n    \
         rateLimit: {maxRetries: 0, maxBackoff: 30, x: 1}\n    \
         token: x\n    dpopEnabled: true\n    proxy: {host: p.example, port: 1}\n  testing: {disableHttpsCheck: true}\nother: 1\n",
    )
    .unwrap();
    let server = layer.server.unwrap();
    assert_eq!(server.value, "https://acme.okta.com/");
    assert_eq!(server.origin.to_string(), "okta.client.orgUrl in dir/okta.yaml");
    assert_eq!(layer.client_id.unwrap().value, "0oa1");
    assert_eq!(layer.key_id.unwrap().origin.to_string(), "okta.client.kid in dir/okta.yaml");
    assert_eq!(layer.scopes.unwrap().value, "a b c");
    assert_eq!(layer.timeout.unwrap().value, 5);
    assert_eq!(layer.retries.unwrap().value, 0);
    assert_eq!(layer.max_backoff.unwrap().value, 30);
    assert_eq!(layer.dpop.unwrap().value, DpopMode::Always);
    assert_eq!(layer.proxy.host.unwrap().value, "p.example");
    assert!(matches!(
        layer.key.unwrap().value,
        Source::File(path) if path == Path::new("dir/keys/app.pem")
    ));
}

#[test]
fn a_key_may_be_a_block_of_text_or_a_mapping() {
    for text in [
        "okta: {client: {privateKey: \"-----BEGIN X-----\\nAA\\n-----END X-----\"}}",
        "okta:\n  client:\n    privateKey: |\n      -----BEGIN X-----\n      AA\n",
        "okta: {client: {privateKey: {kty: EC, d: s3cret}}}",
        "okta: {client: {jwk: '{\"kty\":\"EC\"}'}}",
    ] {
        assert!(matches!(layer(text).unwrap().key.unwrap().value, Source::Text(_)), "{text}");
    }
}

#[test]
fn a_file_without_settings_is_an_empty_layer() {
    for text in ["", "# nothing\n", "okta:\n", "okta:\n  client:\n", "okta: {client: {clientId: }}"]
    {
        assert!(layer(text).unwrap().names_no_app(), "{text}");
    }
}

#[test]
fn a_malformed_file_is_named_and_never_quoted() {
    for text in [
        "okta: [s3cret",
        "okta:\n  client:\n    privateKey: [s3cret]",
        "okta:\n  client:\n    requestTimeout: s3cret",
        "s3cret",
        "okta:\n  client:\n\tclientId: s3cret",
        "okta: {client: {kid: s3cret1, kid: s3cret2}}",
        "okta: {client: {kid: *s3cret}}",
    ] {
        let message = layer(text).expect_err(text).to_string();
        assert!(message.contains("dir/okta.yaml"), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line_or_member_and_the_right_form() {
    let key = "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n";
    for (text, what, cure) in [
        (
            "okta:\n  client:\n    requestTimeout: soon",
            "okta.client.requestTimeout is not a whole number",
            "such as 30",
        ),
        (
            "okta: {client: {rateLimit: {maxRetries: -1}}}",
            "okta.client.rateLimit.maxRetries is not",
            "such as 30",
        ),
        ("okta: {client: {proxy: {port: 70000}}}", "okta.client.proxy.port is not", "such as 3128"),
        (
            "okta: {client: {dpopEnabled: perhaps}}",
            "okta.client.dpopEnabled is no DPoP mode",
            "true, false or auto",
        ),
        ("okta: {client: {clientId: [a]}}", "line 1, column 27", "below it `client:`"),
        (
            "okta: {client: {clientId: '\"0oa1\"'}}",
            "okta.client.clientId has quotes around it",
            "the value alone",
        ),
        ("okta:\n  client:\n\tclientId: 0oa1", "a tab at the beginning of line 3", "blanks"),
        (
            &format!("okta:\n  client:\n    privateKey: |\n{key}"),
            "a key at line 4 that is not indented",
            "privateKey: |",
        ),
    ] {
        let error = layer(text).expect_err(text);
        assert!(error.to_string().contains(what), "{text}: {error}");
        assert!(error.advice().contains(cure), "{text}: {}", error.advice());
    }
}

#[test]
fn empty_texts_are_not_set_and_numbers_may_be_in_quotes() {
    let text = "okta: {client: {requestTimeout: '5', connectionTimeout: '', dpopEnabled: '', proxy: {host: '', port: '', username: '', password: ''}}}";
    let layer = layer(text).unwrap();
    assert_eq!(layer.timeout.unwrap().value, 5);
    assert!(layer.connect_timeout.is_none() && layer.dpop.is_none());
    let proxy = layer.proxy;
    assert!(proxy.host.is_none() && proxy.port.is_none());
    assert!(proxy.username.is_none() && proxy.password.is_none());
}

#[test]
fn profiles_are_read_below_okta_or_at_the_root_and_name_their_members() {
    for (text, origin) in [
        ("okta: {profile: a, profiles: {a: {orgUrl: x}, b: }}", "okta.profiles.a.orgUrl"),
        ("{okta: {profile: a}, profiles: {a: {orgUrl: x}, b: }}", "profiles.a.orgUrl"),
    ] {
        let file = file(text).unwrap();
        let server = file.get("a").unwrap().server.as_ref().unwrap();
        assert_eq!(server.origin.to_string(), format!("{origin} in dir/okta.yaml"));
        assert_eq!(file.profile.unwrap().value, "a");
        let names: Vec<_> = file.profiles.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "b"]);
    }
    let both = "{okta: {profiles: {a: }}, profiles: {b: }}";
    assert!(file(both).unwrap_err().to_string().contains("twice"));
    let taken = file("okta: {profiles: {default: {}}}").unwrap_err();
    assert!(taken.to_string().contains("the name of okta.client"), "{taken}");
    let wrong = file("okta: {profiles: {a: {requestTimeout: s3cret}}}").unwrap_err();
    assert!(wrong.to_string().contains("okta.profiles.a.requestTimeout is not"), "{wrong}");
}
