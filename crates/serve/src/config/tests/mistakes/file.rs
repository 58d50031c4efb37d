//! Files that are no configuration, or whose app cannot be used.

use super::*;

#[test]
fn mistakes_in_the_app_are_told() {
    let place = Place::new();
    check_whole(
        &place,
        &[
            (
                "listeners: [{mode: nginx}]",
                &[
                    "okta: no issuer was given; set OKTA_CLIENT_ORGURL or okta.client.orgUrl (in okta.yaml)",
                ],
            ),
            (
                "listeners: [{mode: nginx}]\nokta: {issuer: 'https://acme.okta.com'}",
                &[
                    "okta.client_id (line 2): missing; give issuer, client_id and private_key together, or none of them",
                    "okta.private_key (line 2): missing; give issuer, client_id and private_key together, or none of them",
                ],
            ),
            (
                "listeners: [{mode: nginx}]\nokta: {issuer: 'https://acme-admin.okta.com', client_id: 0oa1b2c3d4, private_key: private-key}",
                &[
                    "okta.private_key (line 2): neither a key in PEM nor a JWK; write `file:PATH` for its file, or the `pkcs11:` URI of a key in a token",
                    "okta.issuer (line 2): the issuer is the address of the admin console: acme-admin.okta.com; use https://acme.okta.com",
                ],
            ),
            (
                "listeners: [{mode: nginx}]\nokta: {settings: none.yaml}",
                &[
                    "okta (line 2): the file with the settings cannot be read: FOLDER/none.yaml; check the path of the file",
                ],
            ),
            (
                "listeners: [{mode: nginx}]\nokta: {key_id: k1}",
                &[
                    "okta.issuer (line 2): missing; give issuer, client_id and private_key together, or none of them",
                    "okta.client_id (line 2): missing; give issuer, client_id and private_key together, or none of them",
                    "okta.private_key (line 2): missing; give issuer, client_id and private_key together, or none of them",
                ],
            ),
        ],
    );
}

#[test]
fn what_is_no_yaml_is_told_with_its_line_and_nothing_of_it_is_quoted() {
    let place = Place::with_app();
    check_whole(
        &place,
        &[
            (
                "listeners:\n\t- mode: nginx",
                &[
                    "line 2: a tab stands before the first word; indent with blanks: YAML takes no tabs there",
                ],
            ),
            (
                "listeners: [{mode: nginx}]\nlisteners: []",
                &["line 2: a member is there twice; keep one of the two"],
            ),
            (
                "listeners: [{mode: nginx}]\n---\nrules: []",
                &["the file has more than one document; keep one, and remove the lines with `---`"],
            ),
            (
                "okta:\n  private_key: |\n-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n",
                &[
                    "line 3: a key is not indented; write `private_key: |`, and below it the lines of the key, two blanks further in; better keep the key in a file of its own, `file:PATH`",
                ],
            ),
            (
                "listeners: [{mode: s3cret",
                &[
                    "line 1: no valid YAML from column 13 on; check indentation, colons and quotation marks",
                ],
            ),
            (
                "listeners: [{unix: ${PATH}, mode: nginx}]",
                &["line 1: no valid YAML; put `${…}` in quotation marks inside of { } and [ ]"],
            ),
            (
                "rules: [\n  {path: '/orders/{id}', methods: [GET]},\n  {methods: [GET], path: /orders/{id}, public: true},\n]",
                &[
                    "line 3: no valid YAML; put a text that has { } into quotation marks, such as path: \"/orders/{id}\"",
                ],
            ),
            (
                "- listeners",
                &["a list in place of a map; write `name: value` for each member, further in"],
            ),
            (
                "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
                &["the file is too large or too deeply nested for a configuration"],
            ),
        ],
    );
}

#[test]
fn trap_an_anchor_is_refused_where_it_stands_and_nothing_is_expanded() {
    let place = Place::with_app();
    let nested: String = ["a", "b", "c", "d", "e", "f", "g"]
        .windows(2)
        .map(|names| {
            format!(
                "{}: &{} [{}]\n",
                names[1],
                names[1],
                [&*format!("*{}", names[0]); 9].join(", ")
            )
        })
        .collect();
    let bomb = format!("listeners: [{{mode: nginx}}]\na: &a [x, x, x, x, x, x, x, x, x]\n{nested}");
    let said = |line: u64| {
        format!(
            "line {line}: YAML takes a text that begins with `&` or `*` for an anchor or alias, which have no use here; put it in quotation marks, or write out what is meant"
        )
    };
    for (text, line) in [
        (bomb.as_str(), 2),
        ("listeners: &l [{mode: nginx}]", 1),
        // The line of the value itself.
        ("listeners: [{mode: nginx}]\nlog: &l\n  level: info", 3),
        ("listeners: [{mode: nginx}]\nrules:\n- {path: /a, methods: [*], public: true}", 3),
        ("listeners: [{mode: nginx}]\nrules:\n- path: *rest", 3),
    ] {
        assert_eq!(place.lines(text), [said(line)], "{text}");
    }
}

#[test]
fn a_file_that_is_too_long_or_not_there_is_told() {
    let place = Place::with_app();
    let long = "#".repeat(1024 * 1024 + 1);
    assert_eq!(place.lines(&long), ["the file FOLDER/serve.yaml is longer than 1024 KiB"]);
    let faults = load(&place.path("none.yaml"), &place.environment).unwrap_err();
    let said = faults[0].to_string();
    assert!(said.starts_with("there is no file") && said.contains("none.yaml"), "{said}");
}

#[cfg(unix)]
#[test]
fn trap_a_file_that_others_can_write_to_decides_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::with_app();
    place.write("serve.yaml", "listeners: [{mode: nginx}]\nrules: [{path: /a, public: true}]");
    let path = place.path("serve.yaml");
    for (mode, is_refused) in [
        (0o600, false),
        (0o640, false),
        (0o644, false),
        (0o620, true),
        (0o602, true),
        (0o664, true),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let said = match load(&path, &place.environment) {
            Ok((_, warnings)) => warnings,
            Err(faults) => faults,
        };
        let shown = path.display();
        let expected = format!(
            "the file {shown} can be written to by other users, so it decides nothing; look at it, then `chmod go-w {shown}`"
        );
        let said: Vec<String> = said.iter().map(ToString::to_string).collect();
        assert_eq!(said, if is_refused { vec![expected] } else { Vec::new() }, "{mode:o}");
    }
}

#[test]
fn a_quarter_of_a_million_values_are_the_most() {
    let place = Place::with_app();
    let text = |count| format!("listeners: [{{mode: nginx}}]\nx: [{}]", vec!["1"; count].join(","));
    assert_eq!(
        place.lines(&text(250_001)),
        ["the file is too large or too deeply nested for a configuration"]
    );
    let lines = place.lines(&text(249_000));
    assert!(lines[0].starts_with("x (line 2): no such member"), "{lines:?}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_in_order() {
    let place = Place::with_app();
    let text = "listeners:\n- {mode: ngnix}\n- {mode: nginx, permissions: '0666'}\n\
                callers:\n- {name: a, secret_sha256: '${UNSET}'}\n\
                rules:\n- {path: a, require: {}}\n- {pth: /b}\ndrain: 5h\nlogs: {}\n";
    let lines = place.lines(text);
    let places: Vec<&str> = lines.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "listeners[0].mode (line 2)",
            "listeners[1].permissions (line 3)",
            "callers[0].secret_sha256 (line 5)",
            "rules[0].path (line 7)",
            "rules[1].pth (line 8)",
            "rules[1].path (line 8)",
            "drain (line 9)",
            "logs (line 10)",
        ],
        "{lines:#?}"
    );
}
