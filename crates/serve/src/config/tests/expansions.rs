//! Variables and files.

use super::*;

const NGINX: &str = "listeners: [{mode: nginx}]\n";

/// A place, and the name that its only caller has.
fn name_of_caller(place: &Place, name: &str) -> Result<String, Vec<String>> {
    let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let text = format!("{NGINX}callers:\n- secret_sha256: {hash}\n  name: {name}");
    let faults = |faults: Vec<Fault>| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (config, _) = place.load(&text).map_err(faults)?;
    Ok(config.callers[0].name.clone())
}

#[test]
fn texts_may_be_variables_with_defaults_and_files() {
    let mut place = Place::with_app();
    place.environment = place
        .environment
        .clone()
        .variable("SET", "orders")
        .variable("EMPTY", "")
        .variable("FILE", "name.txt");
    place.write("name.txt", "from-file\r\n\n");
    for (written, meant) in [
        ("${SET}", "orders"),
        ("a-${SET}-b", "a-orders-b"),
        ("${SET:-other}", "orders"),
        ("${UNSET:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("file:name.txt", "from-file"),
        ("file:${FILE}", "from-file"),
        ("\"file: ${FILE}\"", "from-file"),
    ] {
        assert_eq!(name_of_caller(&place, written).as_deref(), Ok(meant), "{written}");
    }
}

#[test]
fn a_variable_brings_neither_members_nor_files_nor_variables_along() {
    let mut place = Place::with_app();
    place.write("name.txt", "from-file");
    for value in ["x}\n  requests_per_second: 1", "file:name.txt", "a: ${HOME}"] {
        place.environment = place.environment.clone().variable("EVIL", value);
        let line = "callers[0].name (line 4): this is not the name of a caller; take letters, digits, - . and _, 253 at most";
        assert_eq!(name_of_caller(&place, "${EVIL}"), Err(vec![line.to_owned()]), "{value}");
    }
}

#[test]
fn a_variable_is_a_number_or_a_flag_where_one_belongs_and_written_text_is_not() {
    let mut place = Place::with_app();
    place.environment = place.environment.clone().variable("N", "7").variable("YES", "true");
    let text =
        format!("{NGINX}checker: {{capacity: \"${{N}}\"}}\ndry_run: ${{YES}}\ndrain: ${{N}}s");
    let (config, _) = place.load(&text).unwrap();
    assert_eq!((config.checker.capacity, config.dry_run), (7, true));
    assert_eq!(config.drain, Duration::from_secs(7));
    assert_eq!(
        place.lines(&format!("{NGINX}checker: {{capacity: \"7\"}}")),
        ["checker.capacity (line 2): a text in place of a whole number"]
    );
}

#[test]
fn a_dollar_is_written_twice_before_a_brace_and_once_at_the_end_of_an_expression() {
    let place = Place::with_app();
    let text = format!(
        "{NGINX}rules: [{{path: \"/{{id}}\", where: {{id: \"[0-9]+$$\"}}, require: {{}}}}]"
    );
    assert_eq!(place.load(&text).unwrap().0.rule_configs[0].pattern.where_["id"], "[0-9]+$");
    assert_eq!(
        place.load(&text.replace("$$", "$")).unwrap().0.rule_configs[0].pattern.where_["id"],
        "[0-9]+$"
    );
}

#[test]
fn what_cannot_be_expanded_is_told_with_its_name_and_its_place() {
    let mut place = Place::with_app();
    place.environment = place.environment.clone().variable("EMPTY", "");
    place.write("empty.txt", "\n\n");
    place.write("long.txt", &"x".repeat(1024 * 1024 + 1));
    fs::write(place.path("binary"), [0xff, 0x00, 0xff]).unwrap();
    fs::create_dir(place.path("folder")).unwrap();
    for (written, says) in [
        ("${UNSET}", "the variable UNSET is not set; set it, or write `${UNSET:-default}`"),
        ("${EMPTY}", "the variable EMPTY is empty; set it, or write `${EMPTY:-default}`"),
        (
            "\"${1X}\"",
            "`${…}` names no variable; write `${VAR}` or `${VAR:-default}`, and `$$` for a dollar",
        ),
        ("\"${X\"", "`${` has no `}`; write `$$` for a dollar"),
        ("\"file:\"", "`file:` names no file; write `file:PATH`"),
        ("file:none", "there is no file FOLDER/none; check its path"),
        ("file:empty.txt", "the file FOLDER/empty.txt is empty"),
        ("file:long.txt", "the file FOLDER/long.txt is longer than 1024 KiB"),
        ("file:binary", "the file FOLDER/binary is not text in UTF-8"),
        ("file:folder", "FOLDER/folder is not a regular file"),
    ] {
        let text = format!("{NGINX}callers:\n- name: {written}\n  secret_sha256: x");
        assert_eq!(place.lines(&text), [format!("callers[0].name (line 3): {says}")], "{written}");
    }
}

#[test]
fn the_key_may_be_a_credential_of_systemds() {
    let mut place = Place::new();
    let text = format!("{NGINX}okta: {{issuer: https://acme.okta.com, client_id: 0oa1b2c3d4}}");
    assert_eq!(
        place.lines(&text),
        [
            "okta.private_key (line 2): missing; give issuer, client_id and private_key together, or none of them"
        ]
    );
    let folder = place.path("");
    place.environment = place.environment.clone().variable("CREDENTIALS_DIRECTORY", folder);
    let (config, _) = place.load(&text).unwrap();
    assert!(config.settings().unwrap().credentials().is_ok());
}

#[cfg(unix)]
#[test]
fn a_key_that_every_user_can_read_is_worth_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let okta = "okta: {issuer: https://acme.okta.com, client_id: 0oa1b2c3d4, private_key: file:private-key}\n";
    let text = format!("{NGINX}{okta}rules: [{{path: /a, require: {{}}}}]");
    assert_eq!(place.lines(&text), [] as [&str; 0]);
    fs::set_permissions(place.path("private-key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(
        place.lines(&text),
        [
            "warning: okta.private_key (line 2): every user of this computer can read FOLDER/private-key; chmod o-r"
        ]
    );
}

#[test]
fn a_key_may_be_named_by_its_uri() {
    let place = Place::new();
    let lines = place.lines(
        "listeners: [{mode: nginx}]\nokta: {issuer: 'https://acme.okta.com', client_id: 0oa1b2c3d4, private_key: 'pkcs11:object=app?module-name=none'}",
    );
    let [line] = &lines[..] else { panic!("{lines:?}") };
    // What is wrong is said by what looks for the key, or would with its feature.
    assert!(!line.contains("neither a key in PEM"), "{line}");
    assert!(
        line.contains("no PKCS#11 module of this name") || line.contains("was built without"),
        "{line}"
    );
    assert!(line.contains("okta.private_key"), "{line}");
}
