//! Profiles: several apps of several orgs in one settings file, and the choice among them.

use std::fs;

use okta_introspect::sandbox::{App, Sandbox};
use okta_introspect::{KeyOptions, SigningKey};
use test_support::secrets::Secrets;
use tokio::runtime::Runtime;

use crate::common::World;

/// Two orgs, each with an app and a key of its own, both in the user's settings file.
struct Orgs {
    world: World,
    production: Sandbox,
    staging: Sandbox,
    _runtime: Runtime,
}

impl Orgs {
    fn new() -> Self {
        let world = World::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let org = |name: &str| {
            let file = world.home().join(format!("{name}.pem"));
            world.run(&["keygen", file.to_str().unwrap()]).exits(0);
            let options = KeyOptions::default().key_id(format!("k-{name}"));
            let key = SigningKey::from_file(&file, &options).unwrap();
            let app =
                App::service(format!("0oa-{name}")).key(key.public_jwk()).grant("okta.users.read");
            runtime.block_on(Sandbox::builder().app(app).start()).unwrap()
        };
        let (production, staging) = (org("production"), org("staging"));
        let orgs = Self { world, production, staging, _runtime: runtime };
        orgs.write(&format!(
            "okta:\n  client:\n{}  profiles:\n    staging:\n{}",
            orgs.app("production", 4),
            orgs.app("staging", 6)
        ));
        orgs
    }

    fn org(&self, name: &str) -> &Sandbox {
        match name {
            "production" => &self.production,
            _ => &self.staging,
        }
    }

    /// The members of an app, indented.
    fn app(&self, name: &str, indent: usize) -> String {
        let indent = " ".repeat(indent);
        let issuer = self.org(name).issuer();
        format!(
            "{indent}orgUrl: {issuer}\n{indent}clientId: 0oa-{name}\n{indent}privateKey: ~/{name}.pem\n\
             {indent}keyId: k-{name}\n{indent}scopes: [okta.users.read]\n"
        )
    }

    /// Writes the user's settings file.
    fn write(&self, text: &str) {
        let folder = self.world.home().join(".okta");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("okta.yaml"), text).unwrap();
    }

    /// Which app gets a token under these circumstances.
    #[track_caller]
    fn app_with(&self, args: &[&str], variables: &[(&str, &str)]) -> String {
        let run = self.run(&[&["token"], args].concat(), variables);
        run.exits(0);
        let apps = ["production", "staging"];
        let token = run.stdout.trim();
        let claims = self.world.pipe(&["decode", "--json"], token).json();
        let of = claims["claims"]["cid"].as_str().unwrap();
        apps.iter().find(|name| of == format!("0oa-{name}")).unwrap().to_string()
    }

    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> crate::common::Run {
        let mut command = self.world.command(args);
        let output = command.envs(variables.iter().copied()).stdin(std::process::Stdio::null());
        crate::common::Run::of(args, output.output().unwrap())
    }
}

#[test_support::test]
fn two_orgs_are_used_side_by_side() {
    let orgs = Orgs::new();
    let staging = [("OKTA_PROFILE", "staging")];
    assert_eq!(orgs.app_with(&[], &[]), "production");
    assert_eq!(orgs.app_with(&["--profile", "staging"], &[]), "staging");
    assert_eq!(orgs.app_with(&["--profile", "default"], &staging), "production");
    assert_eq!(orgs.app_with(&[], &staging), "staging");
    assert_eq!(orgs.app_with(&[], &[("OKTA_PROFILE", "")]), "production");

    // A token of one org is good there, and unknown to the other.
    for (profile, code) in [("staging", 0), ("default", 1)] {
        let token = orgs.run(&["token", "--profile", "staging"], &[]);
        let ask = ["introspect", "--profile", profile];
        let told = orgs.world.pipe(&ask, token.stdout.trim());
        assert_eq!(told.code == 0, code == 0, "{told:?}");
    }

    orgs.run(&["config", "use", "staging"], &[]).exits(0);
    assert_eq!(orgs.app_with(&[], &[]), "staging");
    assert_eq!(orgs.app_with(&["--profile", "default"], &[]), "production");
    orgs.run(&["config", "use", "default"], &[]).exits(0);
    assert_eq!(orgs.app_with(&[], &[]), "production");
}

#[test_support::test]
fn a_flag_chooses_above_the_environment_and_a_variable_beside_another_app_is_refused() {
    let orgs = Orgs::new();
    let key = orgs.world.home().join("production.pem");
    let issuer = orgs.production.issuer().to_string();
    let app = [
        ("OKTA_CLIENT_ORGURL", issuer.as_str()),
        ("OKTA_CLIENT_CLIENTID", "0oa-production"),
        ("OKTA_CLIENT_PRIVATEKEY", key.to_str().unwrap()),
        ("OKTA_CLIENT_KEYID", "k-production"),
    ];
    assert_eq!(orgs.app_with(&[], &app), "production");
    // The key id of the environment's key does not go with the profile's key.
    assert_eq!(orgs.app_with(&["--profile", "staging"], &app), "staging");
    let both = [&app[..], &[("OKTA_PROFILE", "staging")]].concat();
    let run = orgs.run(&["token"], &both);
    run.fails(2, "the variable OKTA_PROFILE chooses a profile, and OKTA_CLIENT_ORGURL is set");
    assert_eq!(orgs.staging.requests().len() + orgs.production.requests().len(), 2);
}

#[test_support::test]
fn an_unknown_profile_is_refused_with_the_names_there_are() {
    let orgs = Orgs::new();
    for (args, variables, by) in [
        (&["token", "--profile", "s3cret"][..], &[][..], "--profile"),
        (&["token"], &[("OKTA_PROFILE", "s3cret")], "OKTA_PROFILE"),
        (&["config", "list", "--profile", "s3cret"], &[], "--profile"),
        (&["config", "use", "s3cret"], &[], "okta.yaml"),
    ] {
        let run = orgs.run(args, variables);
        run.fails(2, "choose one of default, staging").hides("s3cret");
        assert!(run.stderr.contains(by), "{run:?}");
    }
    orgs.write("okta: {profile: s3cret, profiles: {a: {}, b: {}}}");
    orgs.run(&["token"], &[]).fails(2, "choose one of a, b").hides("s3cret");
    // What chooses for one call is not disturbed by it.
    orgs.run(&["config", "show", "--profile", "a"], &[]).exits(0);
}

/// Server, client id and key come from one profile, and no key goes to an org that another profile
/// names it for.
#[test_support::test]
fn a_profile_that_names_the_key_of_another_org_is_refused_with_the_reason() {
    let orgs = Orgs::new();
    let copy = orgs.world.home().join("copy.pem");
    fs::copy(orgs.world.home().join("production.pem"), &copy).unwrap();
    let production = orgs.app("production", 4);
    let staging = orgs.staging.issuer().to_string();
    let reason = format!("which is for {}", orgs.production.issuer());
    for (profile, told) in [
        (format!("{{orgUrl: '{staging}'}}"), "are not sent together"),
        (format!("{{orgUrl: '{staging}', clientId: 0oa-staging}}"), "are not sent together"),
        ("{clientId: 0oa-staging, privateKey: ~/staging.pem}".to_owned(), "not sent together"),
        (
            format!("{{orgUrl: '{staging}', clientId: a, privateKey: ~/production.pem}}"),
            "the private key of the profile default",
        ),
        (
            format!("{{orgUrl: '{staging}', clientId: a, privateKey: ~/copy.pem}}"),
            "the private key of the profile default",
        ),
        (
            format!("{{orgUrl: '{staging}', clientId: 0oa-production, privateKey: ~/staging.pem}}"),
            "the client id of the profile default",
        ),
    ] {
        orgs.write(&format!("okta:\n  client:\n{production}  profiles:\n    it: {profile}\n"));
        for command in
            [&["token"][..], &["assertion", "--endpoint", "token"], &["api", "/api/v1/users"]]
        {
            let run = orgs.run(&[command, &["--profile", "it"]].concat(), &[]);
            run.fails(2, told);
            let is_foreign = told.contains("profile default");
            assert_eq!(run.stderr.contains(&reason), is_foreign, "{run:?}");
        }
    }
    assert_eq!(orgs.staging.requests().len() + orgs.production.requests().len(), 0);
    // The same org under a second profile is no other one.
    let server = format!("{}/oauth2/default", orgs.production.issuer());
    orgs.write(&format!(
        "okta:\n  client:\n{production}  profiles:\n    it: {{issuer: '{server}', clientId: 0oa-production, privateKey: ~/production.pem}}\n"
    ));
    orgs.run(&["assertion", "--endpoint", "token", "--claims", "--profile", "it"], &[]).exits(0);
}

#[cfg(unix)]
#[test_support::test]
fn a_file_in_the_working_folder_decides_nothing_by_its_profiles_either() {
    use std::os::unix::fs::PermissionsExt;

    let orgs = Orgs::new();
    let other = "okta: {profile: x, profiles: {x: {orgUrl: 'https://other.example'}}}";
    let path = orgs.world.write("okta.yaml", other);
    // The server is that file's, and the rest the user's.
    orgs.run(&["token"], &[]).fails(2, "are not sent together");
    // It cannot choose among the user's own profiles.
    orgs.world.write("okta.yaml", "okta: {profile: staging}");
    orgs.run(&["token"], &[]).fails(2, "names a profile that this file does not have");
    // A name that both have is not taken for either.
    orgs.world.write("okta.yaml", "okta: {profiles: {staging: {orgUrl: 'https://other.example'}}}");
    let run = orgs.run(&["token", "--profile", "staging"], &[]);
    run.fails(2, "the profile staging is in okta.yaml and in");
    // Nor is one that other users can write.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    orgs.run(&["token", "--profile", "staging"], &[]).fails(2, "can be written to by other users");
    fs::remove_file(&path).unwrap();
    assert_eq!(orgs.app_with(&["--profile", "staging"], &[]), "staging");
}

#[test_support::test]
fn another_file_is_read_in_place_of_the_usual_ones() {
    let orgs = Orgs::new();
    let file =
        orgs.world.write("other.yaml", format!("okta:\n  client:\n{}", orgs.app("staging", 4)));
    assert_eq!(orgs.app_with(&["--config", &file], &[]), "staging");
    orgs.run(&["token", "--config", &file, "--profile", "staging"], &[])
        .fails(2, "choose one of default");
    orgs.run(&["token", "--config", "no.yaml"], &[]).fails(2, "check the path");
    // Where a file was named, nothing else is taken in its place.
    orgs.world.write("empty.yaml", "");
    let sandbox = crate::common::Sandbox::start(&orgs.world, &[]);
    let run = orgs.run(&["token", "--scope", "a", "--config", "empty.yaml"], &[]);
    run.fails(2, "no issuer was given");
    drop(sandbox);
}

#[test_support::test]
fn the_list_tells_which_one_is_in_use_and_why() {
    let orgs = Orgs::new();
    let list = |variables: &[(&str, &str)], args: &[&str]| {
        let run = orgs.run(&[&["config", "list", "--json"], args].concat(), variables);
        let told = run.exits(0).json();
        let used = told["profiles"].as_array().unwrap().iter().find(|it| it["in_use"] == true);
        let text = |value: &serde_json::Value| value.as_str().unwrap_or("nothing").to_owned();
        let used = used.map(|it| (text(&it["name"]), text(&it["chosen_by"])));
        (used.map(|(name, by)| format!("{name} by {by}")), text(&told["other"]))
    };
    let used = |text: &str| (Some(text.to_owned()), "nothing".to_owned());
    assert_eq!(list(&[], &[]), used("default by nothing"));
    assert_eq!(list(&[], &["--profile", "staging"]), used("staging by --profile"));
    assert_eq!(list(&[("OKTA_PROFILE", "staging")], &[]), used("staging by OKTA_PROFILE"));
    orgs.run(&["config", "use", "staging"], &[]).exits(0);
    let file = orgs.world.home().join(".okta/okta.yaml");
    let by_file = format!("staging by okta.profile in {}", file.display());
    assert_eq!(list(&[], &[]), used(&by_file));
    let org = [("OKTA_CLIENT_ORGURL", "https://acme.okta.com")];
    assert_eq!(list(&org, &[]), (None, "OKTA_CLIENT_ORGURL".to_owned()));
}

#[test_support::test]
fn an_app_is_written_down_and_used() {
    let orgs = Orgs::new();
    let (world, file) = (&orgs.world, orgs.world.home().join(".okta/okta.yaml"));
    let before = fs::read_to_string(&file).unwrap();
    let key = world.home().join("staging.pem");
    let issuer = orgs.staging.issuer().to_string();
    let app = |name: &str| {
        let args = [
            "config",
            "init",
            "--issuer",
            &issuer,
            "--client-id",
            "0oa-staging",
            "--key-file",
            key.to_str().unwrap(),
            "--key-id",
            "k-staging",
            "--scope",
            "okta.users.read",
        ];
        let args = args
            .into_iter()
            .chain(["--profile", name])
            .filter(|it| !name.is_empty() || (!it.is_empty() && *it != "--profile"));
        args.map(str::to_owned).collect::<Vec<_>>()
    };
    let run = |args: &[String], more: &[&str]| {
        let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
        orgs.run(&args, &[])
    };
    run(&app(""), &[]).fails(2, "is there already");
    run(&app("staging"), &[]).fails(2, "has a profile of this name already");
    run(&app("staging"), &["--force"]).fails(2, "would remove the other apps");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    let mut wrong = app("wrong");
    (wrong[3], wrong[5]) = ("https://acme.okta.com".to_owned(), "0oa-acme".to_owned());
    run(&wrong, &[]).fails(2, "the private key of the profile staging");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    run(&app("again"), &[]).exits(0);
    assert_eq!(orgs.app_with(&["--profile", "again"], &[]), "staging");
    // Another org's key is refused before it is written.
    let before = fs::read_to_string(&file).unwrap();
    let mut wrong = app("wrong");
    wrong[3] = "https://acme.okta.com".to_owned();
    run(&wrong, &[]).fails(2, "a key is sent nowhere but to its own org");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    // A new file, and one that is replaced.
    run(&app(""), &["--config", "new.yaml"]).exits(0);
    run(&app(""), &["--config", "new.yaml"]).fails(2, "is there already");
    run(&app(""), &["--config", "new.yaml", "--force"]).exits(0);
    assert_eq!(orgs.app_with(&["--config", "new.yaml"], &[]), "staging");
    run(&app("only"), &["--config", "newer.yaml"]).exits(0);
    assert_eq!(orgs.app_with(&["--config", "newer.yaml", "--profile", "only"], &[]), "staging");
    // A script is not asked.
    orgs.run(&["config", "init", "--config", "x.yaml"], &[]).fails(2, "--issuer is missing");
    assert!(!world.path("x.yaml").exists());
}

#[cfg(unix)]
#[test_support::test]
fn what_is_not_given_is_asked_for_on_a_terminal() {
    let orgs = Orgs::new();
    let key = orgs.world.home().join("staging.pem");
    let answers =
        format!("{}\n0oa-staging\n{}\nk-staging\n\n", orgs.staging.issuer(), key.display());
    orgs.world.write("answers.txt", answers);
    // `script` would give the program a terminal that it cannot leave; Python's `pty` copies stdin.
    let ask = "import os, pty, sys\ntext = open('answers.txt', 'rb').read()\nsent = [0]\n\
               def read(fd):\n    data = os.read(fd, 1024)\n    if b': ' in data and text[sent[0]:]:\n        \
               line = text[sent[0]:].split(b'\\n')[0] + b'\\n'\n        sent[0] += len(line)\n        os.write(fd, line)\n    return data\n\
               sys.exit(os.waitstatus_to_exitcode(pty.spawn(['okta-introspect', 'config', 'init', '--config', 'asked.yaml'], read)))";
    let mut command = orgs.world.with_path("python3", &["-c", ask]);
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("The client id of the service app: "), "{shown}");
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert_eq!(
        orgs.app_with(&["--config", "asked.yaml", "--scope", "okta.users.read"], &[]),
        "staging"
    );
}

#[test_support::test]
fn no_secret_of_any_profile_is_shown() {
    let orgs = Orgs::new();
    let (production, staging) = (orgs.pem("production"), orgs.pem("staging"));
    let app = |org: &Sandbox, key: &str, id: &str| {
        format!("orgUrl: '{}', clientId: {id}, privateKey: {key}", org.issuer())
    };
    let proxy = "proxy: {host: p.example, username: ada, password: pr0xy-passw0rd}";
    let (first, second) =
        (app(&orgs.production, &production, "a"), app(&orgs.staging, &staging, "b"));
    orgs.show_nothing(&format!("{first}, {proxy}"), &second);
    let foreign = app(&orgs.staging, &production, "b");
    orgs.show_nothing(&first, &format!("{foreign}, {proxy}"));
}

#[test_support::test]
fn no_secret_in_the_wrong_place_is_shown() {
    let orgs = Orgs::new();
    let (production, staging) = (orgs.pem("production"), orgs.pem("staging"));
    let keys = format!("orgUrl: '{}', keyId: {staging}", orgs.staging.issuer());
    orgs.show_nothing(&format!("orgUrl: {production}, clientId: a"), &keys);
    orgs.show_nothing(&format!("requestTimeout: {production}"), "");
    orgs.show_nothing("", &format!("proxy: {{port: {staging}}}, privateKey: x"));
}

impl Orgs {
    /// A key as a member of a settings file.
    fn pem(&self, name: &str) -> String {
        let pem = fs::read_to_string(self.world.home().join(format!("{name}.pem"))).unwrap();
        serde_json::Value::from(pem).to_string()
    }

    /// Checks that no command shows a secret of these members of `okta.client` and of a profile.
    #[track_caller]
    fn show_nothing(&self, client: &str, profile: &str) {
        let mut secrets = Secrets::default();
        secrets.add("the proxy's password", "pr0xy-passw0rd");
        for name in ["production", "staging"] {
            let pem = fs::read(self.world.home().join(format!("{name}.pem"))).unwrap();
            secrets.add_key(name, &openssl::pkey::PKey::private_key_from_pem(&pem).unwrap());
        }
        self.write(&format!("okta:\n  client: {{{client}}}\n  profiles:\n    it: {{{profile}}}\n"));
        let init = "config init --profile n --issuer https://acme.okta.com --client-id c --key-file ../home/staging.pem";
        for line in [
            "config list",
            "config list --json",
            "config use it",
            "config show --profile it",
            "token --scope a --profile it",
            init,
        ] {
            let args: Vec<&str> = line.split(' ').collect();
            let run = self.run(&args, &[("RUST_LOG", "trace")]);
            secrets.assert_absent(line, &run.stdout);
            secrets.assert_absent(line, &run.stderr);
            assert!(!run.stderr.contains("panicked"), "{run:?}");
        }
    }
}
