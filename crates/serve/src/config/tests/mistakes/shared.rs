//! Mistakes in what is said of the store that sidecars share.

use super::*;

const NO_RULES: &str = "warning: rules: none, so every request of a proxy is denied";

#[test]
fn a_store_that_cannot_be_reached_like_that_is_told_without_its_text() {
    check(&[
        ("shared: redis://redis.example", &[NO_RULES]),
        ("shared: {url: 'rediss://a,b,c', username: orders, password: s3cret}", &[NO_RULES]),
        (
            "shared: s3cret",
            &[
                "shared (line 2): the URL of Redis begins with neither redis:// nor rediss://, alone or with +sentinel or +cluster (from shared.url in FOLDER/serve.yaml)",
            ],
        ),
        (
            "shared: 'redis://ada:s3cret/1@redis'",
            &[
                "shared (line 2): the URL of Redis has a host or port that cannot be one; in a password, / is written %2F, @ %40 and , %2C (from shared.url in FOLDER/serve.yaml)",
            ],
        ),
        ("shared: {}", &["shared.url (line 2): missing"]),
        (
            "shared: [redis://a]",
            &[
                "shared (line 2): a list in place of a map; write `name: value` for each member, further in",
            ],
        ),
        (
            "shared: {url: redis://a, pasword: s3cret}",
            &["shared.pasword (line 2): no such member; did you mean `password`?"],
        ),
        (
            "shared: {url: redis://a, password: 12}",
            &["shared.password (line 2): a number in place of a text; put it in quotation marks"],
        ),
        (
            "shared:\n  url: rediss://a\n  ca: s3cret",
            &["shared.ca (line 4): no certificate in PEM; write `file:PATH` for its file"],
        ),
        (
            "shared: {url: rediss://a, username: ada}",
            &[
                "shared (line 2): a user of Redis is named without a password (from shared.url in FOLDER/serve.yaml)",
            ],
        ),
        (
            "shared: {url: 'rediss://:s3cret@a', password: s3cret}",
            &[
                "shared (line 2): the password of Redis is given twice (from shared.url in FOLDER/serve.yaml)",
            ],
        ),
    ]);
}

#[test]
fn a_password_in_clear_is_worth_a_word_but_on_this_computer() {
    const CLEAR: &str = "warning: shared.url (line 2): the store's password crosses the network in clear; write rediss:// if the store has TLS";
    check(&[
        ("shared: {url: redis://a, password: s3cret}", &[NO_RULES, CLEAR]),
        ("shared: 'redis://ada:s3cret@192.0.2.7:6379/1'", &[NO_RULES, CLEAR]),
        ("shared: 'redis://:s3cret@localhost,a'", &[NO_RULES, CLEAR]),
        ("shared: 'redis://:s3cret@localhost,127.0.0.9:7000,[::1]:6379'", &[NO_RULES]),
        ("shared: 'rediss://:s3cret@a'", &[NO_RULES]),
    ]);
}

#[test]
fn secrets_that_are_none_are_told() {
    check(&[
        (
            "shared: {url: redis://a, secret: s3cret}",
            &[
                "shared.secret (line 2): the shared secret is too short: it needs 32 characters; take what `openssl rand -base64 32` prints, the same for all instances",
            ],
        ),
        (
            "shared: {url: redis://a, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY, previous_secret: '                                    '}",
            &[
                "shared.previous_secret (line 2): the shared secret is empty; take what `openssl rand -base64 32` prints, the same for all instances",
            ],
        ),
        (
            "shared: {url: redis://a, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY, previous_secret: ' MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY '}",
            &[
                NO_RULES,
                "warning: shared.previous_secret (line 2): without effect: the same as `secret`; remove it",
            ],
        ),
        // The key of the app before, from which the secret was derived.
        ("shared: {url: redis://a, previous_secret: file:private-key}", &[NO_RULES]),
    ]);
}

#[test]
fn a_store_of_this_file_gets_no_secret_of_another_source() {
    let place = |name: &str| {
        let mut place = Place::with_app();
        let name = format!("OKTA_CLIENT_SHARED_{name}");
        place.environment = place.environment.variable(name, "redis://other.example");
        place
    };
    let text = "listeners: [{mode: nginx}]\nshared: rediss://redis.example";
    let told = |place: &Place, text: &str| place.lines(text).join("\n");
    let refused = "shared (line 2): the shared store is named by shared.url in FOLDER/serve.yaml, and the shared store's password by OKTA_CLIENT_SHARED_PASSWORD: they are not sent together; name the store with its secrets in one place";
    assert_eq!(told(&place("PASSWORD"), text), refused);
    assert_eq!(told(&place("URL"), text), NO_RULES);
    // Without one in this file, variables name it as they name the app.
    let alone = "listeners: [{mode: nginx}]";
    let lines = place("URL").load(alone).unwrap().0.check_lines();
    let expected = "shared store\n  redis://other.example: sealed with a secret of the app's key\n";
    assert!(lines.contains(expected), "{lines}");
    let stray = "okta: a shared store is described, but has no URL (from OKTA_CLIENT_SHARED_PASSWORD); set OKTA_CLIENT_SHARED_URL or okta.client.shared.url";
    assert_eq!(told(&place("PASSWORD"), alone), stray);
}

#[test]
fn files_of_secrets_that_all_can_read_are_told() {
    let place = Place::with_app();
    for name in ["pw", "seal", "old"] {
        place.write(name, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(place.path(name), open).unwrap();
    }
    let text = "listeners: [{mode: nginx}]\nshared: {url: rediss://a, password: file:pw, secret: file:seal, ca: file:ca}";
    let tls = test_support::tls::authority().certificate.to_pem().unwrap();
    fs::write(place.path("ca"), tls).unwrap();
    let of = |member: &str, file: &str| {
        format!(
            "warning: shared.{member} (line 2): every user of this computer can read FOLDER/{file}; chmod o-r"
        )
    };
    let expected = [NO_RULES.to_owned(), of("password", "pw"), of("secret", "seal")];
    assert_eq!(place.lines(text), expected);
}
