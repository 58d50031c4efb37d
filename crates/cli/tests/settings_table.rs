//! The README's table of settings, whole: each flag, variable and member of it is set alone, and then
//! `config show` tells the value and where it comes from. A program that uses the crate of the
//! settings is told the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use okta_introspect_settings::{Environment, Setting, Settings};
use serde_json::Value;

use crate::common::{World, sample};

const THUMBPRINT: &str = "tHQt9GAt2_cmyE50wMg1LUvTu8ZFTJKwsvt3K5dzymg";

/// A row of the table, and what is written and shown of it.
struct Row {
    /// How the row begins.
    what: &'static str,
    /// Its settings. For each: what is written, and how it is shown.
    settings: &'static [(Setting, &'static str, &'static str)],
}

const fn row(
    what: &'static str,
    settings: &'static [(Setting, &'static str, &'static str)],
) -> Row {
    Row { what, settings }
}

const KEY_SHOWN: &str = "the sample key";

const ROWS: &[Row] = &[
    row("org, or", &[(Setting::Issuer, "https://acme.okta.com", "https://acme.okta.com")]),
    row("custom authorization server by id", &[(Setting::AuthServer, "default", "default")]),
    row("client id", &[(Setting::ClientId, "0oa9", "0oa9")]),
    row("private key", &[(Setting::Key, "key.pem", KEY_SHOWN)]),
    row("key id", &[(Setting::KeyId, "k9", "k9")]),
    row("passphrase", &[(Setting::Passphrase, "passphrase.txt", "[set]")]),
    row("algorithm", &[(Setting::Algorithm, "ES256", "ES256")]),
    row("scopes", &[(Setting::Scopes, "okta.users.read", "okta.users.read")]),
    row("time for one call", &[(Setting::Timeout, "9", "9 s")]),
    row("time to connect", &[(Setting::ConnectTimeout, "8", "8 s")]),
    row("retries", &[(Setting::Retries, "0", "0")]),
    row("longest pause", &[(Setting::MaxBackoff, "7", "7 s")]),
    row("DPoP", &[(Setting::Dpop, "never", "never")]),
    row(
        "proxy",
        &[
            (Setting::ProxyHost, "proxy.example", "proxy.example"),
            (Setting::ProxyPort, "3128", "3128"),
            (Setting::ProxyUsername, "ada", "ada"),
            (Setting::ProxyPassword, "s3cret", "[set]"),
        ],
    ),
    row("certificate authorities", &[(Setting::CaFile, "ca.pem", "ca.pem")]),
    row(
        "store that instances share",
        &[
            (Setting::SharedUrl, "rediss://redis.example:6380", "rediss://redis.example:6380"),
            (Setting::SharedUsername, "orders", "orders"),
            (Setting::SharedPassword, "s3cret", "[set]"),
            (Setting::SharedPasswordFile, "passphrase.txt", "passphrase.txt"),
            (Setting::SharedCaFile, "ca.pem", "ca.pem"),
            (Setting::SharedSecretFile, "passphrase.txt", "passphrase.txt"),
            (Setting::SharedPreviousSecretFile, "passphrase.txt", "passphrase.txt"),
        ],
    ),
    row(
        "how the app authenticates",
        &[(Setting::AuthorizationMode, "client_secret_post", "client_secret_post")],
    ),
    row("client secret", &[(Setting::ClientSecret, "s3cret", "[set]")]),
    row(
        "file of the client secret",
        &[(Setting::ClientSecretFile, "passphrase.txt", "passphrase.txt")],
    ),
];

/// A row as the README has it.
struct Written {
    what: String,
    flags: Vec<String>,
    variables: Vec<String>,
    members: Vec<String>,
}

/// The rows of the README, with what stands between backticks in their columns.
fn written() -> Vec<Written> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (_, table) = readme.split_once("| what | flag |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let mut variables: Vec<String> = quoted(cells[2]);
        let stem = variables.first().and_then(|first| Some(first.rsplit_once('_')?.0.to_owned()));
        for name in &mut variables {
            *name = name.replace('…', stem.as_deref().unwrap_or_default());
        }
        Written {
            what: cells[0].to_owned(),
            flags: quoted(cells[1]),
            variables,
            members: quoted(cells[3]),
        }
    })
    .collect()
}

/// A world with the files that rows name.
fn world() -> World {
    let world = World::new();
    fs::copy(sample("sample-p256.pem"), world.path("key.pem")).unwrap();
    world.write("passphrase.txt", "s3cret");
    world.write("ca.pem", "");
    world
}

/// What `config show` tells, and what a program is told; both must be the same but for the folder.
#[track_caller]
fn shown(
    world: &World,
    args: &[String],
    variables: &[(&str, &str)],
    given: &[(Setting, &'static str, &str)],
) -> Value {
    let args: Vec<&str> =
        ["config", "show", "--json"].into_iter().chain(args.iter().map(String::as_str)).collect();
    let output = world.command(&args).envs(variables.iter().copied()).output().unwrap();
    let run = crate::common::Run::of(&args, output);
    let of_command = run.exits(0).json()["settings"].clone();

    let folder = world.path("");
    let environment = Environment::empty().home(world.home()).working_folder(&folder);
    let environment =
        variables.iter().fold(environment, |it, (name, value)| it.variable(name, value));
    let loader = Settings::loader().environment(environment);
    let loader =
        given.iter().fold(loader, |it, (setting, name, value)| it.set(*setting, name, value));
    let settings = loader.load().unwrap();
    let text = serde_json::to_string(&settings.shown()).unwrap();
    assert!(!format!("{settings:?}").contains("s3cret"), "{settings:?}");
    let of_program: Value =
        serde_json::from_str(&text.replace(folder.to_str().unwrap(), "")).unwrap();
    assert_eq!(of_program, of_command, "{args:?} {variables:?}");
    of_command
}

/// Checks that the setting is told with this value and origin.
#[track_caller]
fn tells(told: &Value, name: &str, value: &str, origin: &str) {
    let found = told.as_array().unwrap().iter().find(|it| it["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {told}"));
    let key = format!("ES256 key, thumbprint {THUMBPRINT}");
    let value = if value == KEY_SHOWN { &key } else { value };
    assert_eq!((&found["value"], &found["origin"]), (&value.into(), &origin.into()), "{told}");
}

#[test_support::test]
fn every_row_is_tested_and_names_everything_that_is_read() {
    let written = written();
    let names = |of: fn(&Written) -> &Vec<String>| -> BTreeSet<&str> {
        written.iter().flat_map(of).map(String::as_str).collect()
    };
    let variables: BTreeSet<_> = okta_introspect_settings::variables().into_iter().collect();
    let others = BTreeSet::from(["HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]);
    assert_eq!(names(|it| &it.variables), &variables | &others);
    for row in &written {
        let known = ROWS.iter().filter(|known| row.what.starts_with(known.what)).count();
        assert_eq!(known, usize::from(row.what != "profile"), "{}", row.what);
    }
    let settings: BTreeSet<_> =
        ROWS.iter().flat_map(|row| row.settings).map(|it| it.0.name()).collect();
    assert_eq!(settings, Setting::ALL.map(Setting::name).into());
}

#[test_support::test]
fn every_flag_of_the_table() {
    let world = world();
    let mut tried = 0;
    for_every_row(|row, written| {
        for flag in &written.flags {
            let [(setting, value, expected)] = row.settings else { panic!("{}", row.what) };
            let args = [flag.clone(), (*value).to_owned()];
            let name: &'static str = flag.clone().leak();
            // The flag names a file, where the setting is the passphrase itself.
            if *setting == Setting::Passphrase {
                let run = world.run(&["config", "show", "--json", flag, value]).json();
                tells(&run["settings"], "passphrase", value, flag);
            } else {
                let told = shown(&world, &args, &[], &[(*setting, name, value)]);
                tells(&told, setting.name(), expected, flag);
            }
            tried += 1;
        }
    });
    assert_eq!(tried, 13);
}

#[test_support::test]
fn every_variable_of_the_table() {
    let world = world();
    let mut tried = 0;
    for_every_row(|row, written| {
        for variable in &written.variables {
            let setting =
                row.settings.iter().find(|it| it.0.variables().contains(&variable.as_str()));
            match (setting, variable.as_str()) {
                (Some((setting, value, expected)), _) => {
                    let told = shown(&world, &[], &[(variable, value)], &[]);
                    tells(&told, setting.name(), expected, variable);
                }
                (None, "NO_PROXY") => {}
                (None, _) => {
                    let proxy = "http://proxy.example:3128";
                    let told =
                        shown(&world, &[], &[(variable, proxy), ("NO_PROXY", "a.example")], &[]);
                    tells(&told, "proxy", proxy, variable);
                }
            }
            tried += 1;
        }
    });
    let variables = okta_introspect_settings::variables();
    assert_eq!(tried, variables.len() - 1 + 3);
    let empty: Vec<_> = variables.iter().map(|name| (*name, " ")).collect();
    assert_eq!(shown(&world, &[], &empty, &[]), Value::Array(Vec::new()));
}

#[test_support::test]
fn every_member_of_the_table() {
    let world = world();
    let mut tried = 0;
    for_every_row(|row, written| {
        for member in &written.members {
            let (setting, name) = setting_of(row, member).unwrap();
            let (_, value, expected) = row.settings.iter().find(|it| it.0 == setting).unwrap();
            world.write("okta.yaml", format!("okta: {}", yaml(&name, value)));
            tried += 1;
            // The content of these is sent, so the working folder's file may not name them.
            if ["clientSecretFile", "passwordFile"].iter().any(|it| name.ends_with(it)) {
                world.run(&["config", "show"]).fails(2, "whose content would be sent");
                continue;
            }
            let told = shown(&world, &[], &[], &[]);
            tells(&told, setting.name(), expected, &format!("okta.{name} in okta.yaml"));
        }
    });
    let members: usize = Setting::ALL.iter().map(|setting| setting.members().len()).sum();
    assert_eq!(tried, members + 1);
}

/// The same in the other files that are read, and in a profile: all settings at once.
#[test_support::test]
fn every_setting_of_a_file_in_every_place() {
    let world = world();
    let folder = world.home().join(".okta");
    fs::create_dir(&folder).unwrap();
    fs::copy(world.path("key.pem"), folder.join("key.pem")).unwrap();
    let home = folder.join("okta.yaml");
    let settings = ROWS.iter().flat_map(|row| row.settings);
    let settings = settings.filter(|it| !it.0.members().is_empty());
    // Either a secret or its file.
    let files = [Setting::SharedPasswordFile, Setting::ClientSecretFile];
    let settings: Vec<_> = settings.filter(|it| !files.contains(&it.0)).collect();
    let last = |members: &'static [&'static str]| *members.last().unwrap();
    let lines = settings.iter().map(|(setting, value, _)| {
        let name = last(setting.members());
        name.rsplit('.').fold(format!("{value:?}"), |below, it| format!("{it}: {below}"))
    });
    // Members of one mapping, which cannot stand there twice.
    let (plain, nested): (Vec<_>, Vec<_>) = lines.partition(|line| line.matches(": ").count() == 1);
    let of = |name: &str| {
        let lines = nested.iter().filter_map(|line| line.strip_prefix(&format!("{name}: ")));
        format!("{name}: {{{}}}", lines.collect::<Vec<_>>().join(", "))
    };
    let members = [plain.join(", "), of("rateLimit"), of("proxy"), of("shared")].join(", ");
    let client = format!("okta: {{client: {{{members}}}}}");
    let profile = format!("okta: {{profiles: {{it: {{{members}}}}}}}");
    for (path, text, place, variables) in [
        (world.path(".okta.yaml"), &client, "client", &[][..]),
        (home.clone(), &client, "client", &[]),
        (home.clone(), &profile, "profiles.it", &[("OKTA_PROFILE", "it")]),
    ] {
        fs::write(&path, text).unwrap();
        let told = shown(&world, &[], variables, &[]);
        let file = if path == home { home.to_str().unwrap() } else { ".okta.yaml" };
        for (setting, _, expected) in &settings {
            let origin = format!("okta.{place}.{} in {file}", last(setting.members()));
            // The paths of a file begin at its folder.
            let is_far_file = path == home && setting.name().ends_with("_file");
            let path = folder.join(expected);
            let expected = if is_far_file { path.to_str().unwrap() } else { expected };
            tells(&told, setting.name(), expected, &origin);
        }
        fs::remove_file(&path).unwrap();
    }
}

/// `client.proxy.port` with its value, as YAML.
fn yaml(name: &str, value: &str) -> String {
    name.rsplit('.').fold(format!("{value:?}"), |below, it| format!("{{{it}: {below}}}"))
}

fn for_every_row(mut each: impl FnMut(&Row, &Written)) {
    for written in written() {
        if let Some(row) = ROWS.iter().find(|row| written.what.starts_with(row.what)) {
            each(row, &written);
        }
    }
}

/// The setting of a member as the README writes it, and the member's name below `okta`.
fn setting_of(row: &Row, member: &str) -> Option<(Setting, String)> {
    if member == "okta: idx: issuer" {
        return Some((Setting::Issuer, "idx.issuer".to_owned()));
    }
    let member = member.replace(": ", ".");
    row.settings.iter().find_map(|(setting, ..)| {
        let mut known = setting.members().iter();
        let stems = ["proxy.", "shared."];
        let is_below = |it: &str| stems.iter().any(|stem| it.strip_prefix(stem) == Some(&*member));
        let name = known.find(|it| **it == member || is_below(it))?;
        Some((*setting, format!("client.{name}")))
    })
}
