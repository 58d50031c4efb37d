use std::fs;

use super::*;

fn app(org: &str, client_id: &str) -> NewApp {
    NewApp {
        issuer: format!("https://{org}"),
        client_id: client_id.to_owned(),
        key_file: "/keys/\"app\".pem".into(),
        ..NewApp::default()
    }
}

fn read(path: &Path) -> SettingsFile {
    parsed(&fs::read_to_string(path).unwrap(), path).unwrap()
}

#[test]
fn what_people_wrote_stays_and_what_is_new_stands_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("okta.yaml");
    for text in [
        "# mine\nokta:\n  # the app\n  client: {clientId: a} # here\n\nother: [1]\n",
        "okta:\n    client:\n        clientId: a\n    profiles:\n\n        # one\n        b: {clientId: b}\n",
        "okta:\n  profiles: # all\n    b:\n      clientId: b\n  profile: b # in use\n  client: {clientId: a}\n",
        "okta:\n  client: {clientId: a}\nprofiles:\n  b: {clientId: b}\n",
        "okta:\r\n  client: {clientId: a}\r\n",
        "\u{feff}okta:\n  client: {clientId: a}\n",
    ] {
        fs::write(&path, text).unwrap();
        add_profile(&path, "new", &app("new.example", "c")).unwrap();
        let file = read(&path);
        let new = file.get("new").unwrap();
        assert_eq!(new.client_id.as_ref().unwrap().value, "c", "{text}");
        assert_eq!(file.client.client_id.as_ref().unwrap().value, "a", "{text}");
        assert_eq!(file.get("b").is_some(), text.contains("b:"), "{text}");

        for name in ["new", "default", "new"] {
            choose(&path, name).unwrap();
            assert_eq!(read(&path).profile.unwrap().value, name, "{text}");
        }
        let now = fs::read_to_string(&path).unwrap();
        let comments = text.lines().filter(|line| line.trim_start().starts_with('#'));
        assert!(comments.into_iter().all(|comment| now.contains(comment)), "{now}");
        let behind = text.lines().filter_map(|line| Some(line.split_once(" #")?.1));
        assert!(behind.into_iter().all(|comment| now.contains(comment)), "{now}");
        assert_eq!(now.starts_with('\u{feff}'), text.starts_with('\u{feff}'), "{now}");
    }
}

#[test]
fn a_custom_server_is_written_as_the_issuer_and_an_org_as_okta_names_it() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (server, member)) in [
        ("acme.okta.com", "orgUrl"),
        ("acme.okta.com/oauth2/default", "issuer"),
        ("login.acme.example/oauth2/aus1", "issuer"),
    ]
    .into_iter()
    .enumerate()
    {
        for profile in [None, Some("new")] {
            let path = folder.path().join(format!("{number}{profile:?}.yaml"));
            create(&path, profile, &app(server, "a"), false).unwrap();
            let file = read(&path);
            let layer = profile.map_or(&file.client, |name| file.get(name).unwrap());
            let found = layer.server.as_ref().unwrap();
            assert_eq!(found.value, format!("https://{server}"));
            assert!(found.origin.to_string().contains(&format!(".{member} in")), "{found:?}");
        }
    }
}

#[test]
fn a_form_that_is_not_understood_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("okta.yaml");
    for text in [
        "okta: {client: {clientId: a}, profiles: {b: {clientId: b}}}\n",
        "{okta: {client: {clientId: a}, profiles: {b: {clientId: b}}}}\n",
        "okta:\n  {client: {clientId: a}, profiles: {b: {clientId: b}}}\n",
        "\"okta\":\n  client: {clientId: a}\n  profiles: {b: {clientId: b}}\n",
        "text: |\n  okta:\n    x\nokta: {profiles: {b: {clientId: b}}}\n",
    ] {
        fs::write(&path, text).unwrap();
        for done in [choose(&path, "b"), add_profile(&path, "c", &app("c.example", "c"))] {
            if done.is_err() {
                continue;
            }
            assert!(read(&path).get("b").is_some(), "{text}");
        }
        choose(&path, "nobody").expect_err(text);
    }
    let flow = "okta: {client: {clientId: a}, profiles: {b: {clientId: b}}}\n";
    fs::write(&path, flow).unwrap();
    let refused = choose(&path, "b").unwrap_err();
    assert!(refused.to_string().contains("not of a form"), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), flow);
}

#[test]
fn names_that_yaml_reads_otherwise_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("okta.yaml");
    for name in ["", "default", "no", "True", "1e5", "a b", "a:", "- a", "ä", &"a".repeat(65)] {
        fs::write(&path, "okta:\n  client: {clientId: a}\n").unwrap();
        let refused = add_profile(&path, name, &app("a.example", "b")).expect_err(name);
        let told = match name {
            "1e5" | "ä" => "begin with a letter",
            "no" | "True" => "YAML reads this word as something else",
            _ => "",
        };
        assert!(refused.advice().contains(told), "{name}: {}", refused.advice());
    }
}

#[test]
fn a_new_file_is_its_owners_alone_and_never_takes_the_place_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".okta/okta.yaml");
    create(&path, None, &app("a.example", "a"), false).unwrap();
    let refused = create(&path, None, &app("b.example", "b"), false).unwrap_err();
    assert!(refused.to_string().contains("is there already"), "{refused}");
    assert_eq!(read(&path).client.client_id.unwrap().value, "a");
    create(&path, Some("p"), &app("b.example", "b"), true).unwrap();
    assert_eq!(read(&path).get("p").unwrap().client_id.as_ref().unwrap().value, "b");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_the_file_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("mine"), folder.path().join("okta.yaml"));
    fs::write(&path, "okta:\n  client: {clientId: a}\n").unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    choose(&link, "default").unwrap();
    assert!(link.is_symlink());
    assert_eq!(read(&path).profile.unwrap().value, "default");
}

#[cfg(unix)]
#[test]
fn a_new_file_replaces_a_link_wherever_it_leads() {
    let folder = tempfile::tempdir().unwrap();
    let (other, link) = (folder.path().join("other"), folder.path().join("okta.yaml"));
    for text in [None, Some("okta:\n  client: {clientId: a}\n")] {
        let _ = fs::remove_file(&link);
        text.into_iter().for_each(|text| fs::write(&other, text).unwrap());
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let refused = create(&link, None, &app("b.example", "b"), false).unwrap_err();
        assert!(refused.to_string().contains("is there already"), "{refused}");
        create(&link, None, &app("b.example", "b"), true).unwrap();
        assert_eq!(read(&link).client.client_id.unwrap().value, "b");
        assert!(link.symlink_metadata().unwrap().is_file());
        assert_eq!(fs::read_to_string(&other).ok().as_deref(), text);
    }
}

/// Root may edit the file of a user.
#[cfg(unix)]
#[test]
fn a_file_that_is_changed_keeps_its_owner_and_its_group() {
    use std::os::unix::fs::{MetadataExt, chown};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("okta.yaml");
    fs::write(&path, "okta:\n  client: {clientId: a}\n").unwrap();
    // Only root can give a file away; for others it checks that their own stays theirs.
    let _ = chown(&path, Some(65_534), Some(65_533));
    let owner = |path: &Path| path.metadata().map(|it| (it.uid(), it.gid())).unwrap();
    let before = owner(&path);
    choose(&path, "default").unwrap();
    assert_eq!(owner(&path), before);
}

#[test]
fn a_change_of_anything_else_is_noticed() {
    let before = "okta: {client: {clientId: a}}";
    for (after, is_same) in [
        ("okta: {client: {clientId: a}, profile: b}", true),
        ("okta: {client: {clientId: a}, profile: b, profiles: }", true),
        ("okta: {client: {clientId: b}, profile: b}", false),
        ("okta: {client: {}, profile: b}", false),
        ("okta: {client: {clientId: a}, profiles: {b: {clientId: b}}}", false),
        ("okta: {client: {clientId: a}}\nother: 1", false),
        ("okta: [", false),
    ] {
        assert_eq!(is_same_but(before, after, lines::without_choice), is_same, "{after}");
    }
    let added = "okta: {client: {clientId: a}, profiles: {b: {clientId: b}}}";
    for (name, is_same) in [("b", true), ("a", false)] {
        let without = |it: &mut Value| lines::without_profile(it, name);
        assert_eq!(is_same_but(before, added, without), is_same, "{name}");
    }
}

#[test]
fn a_file_that_another_run_changes_is_no_fault_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("okta.yaml");
    fs::write(&path, "okta: {client: {clientId: a}}\n").unwrap();
    let other = Exclusive::new(&path);
    other.lock().unwrap();
    let error = choose(&path, "default").unwrap_err();
    assert!(error.to_string().ends_with("is being changed by another run"), "{error}");
    assert_eq!(error.advice(), "try again");
}
