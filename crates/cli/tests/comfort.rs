//! What makes the command pleasant: manual pages, a look at the settings, requests told, mistakes
//! understood.

use crate::common::{Sandbox, World};

#[test_support::test]
fn manual_pages_are_printed_and_written() {
    let world = World::new();
    let page = world.run(&["man", "introspect"]);
    assert!(page.exits(0).stdout.contains(".TH okta-introspect-introspect 1"), "{page:?}");
    for part in
        [".SH EXIT STATUS", ".SH ENVIRONMENT", "OKTA_CLIENT_KID", ".SH FILES", ".SH SEE ALSO"]
    {
        assert!(page.stdout.contains(part), "{part}: {page:?}");
    }
    let local = world.run(&["man", "completions"]);
    assert!(!local.exits(0).stdout.contains(".SH ENVIRONMENT"), "{local:?}");
    let below = world.run(&["man", "config", "show"]);
    assert!(below.exits(0).stdout.contains(".TH okta-introspect-config-show 1"), "{below:?}");
    assert!(world.run(&["man"]).exits(0).stdout.contains(".TH okta-introspect 1"));
    world.run(&["man", "s3cret"]).fails(2, "not a possible value: [COMMAND]").hides("s3cret");
    std::fs::create_dir(world.path("man1")).unwrap();
    world.run(&["man", "--out-dir", "man1"]).exits(0);
    assert!(world.path("man1/okta-introspect-doctor.1").exists());
    assert!(world.path("man1/okta-introspect.1").exists());
    world.run(&["man", "--out-dir", "no/such"]).fails(2, "cannot be written");
}

#[test_support::test]
#[cfg(unix)]
fn manual_pages_are_for_all_and_replace_a_link_without_following_it() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::new();
    world.write("precious", "old");
    std::fs::create_dir(world.path("man1")).unwrap();
    let page = world.path("man1/okta-introspect.1");
    std::os::unix::fs::symlink(world.path("precious"), &page).unwrap();
    let line = "umask 022; okta-introspect man --out-dir man1";
    assert!(world.shell(line).output().unwrap().status.success());
    assert_eq!(std::fs::read_to_string(world.path("precious")).unwrap(), "old");
    let written = page.symlink_metadata().unwrap();
    assert_eq!((written.is_file(), written.permissions().mode() & 0o777), (true, 0o644));
    // On a full disk, no page is cut short, and none of another name is left behind.
    let before = std::fs::read_dir(world.path("man1")).unwrap().count();
    let line = "trap '' XFSZ; ulimit -f 0; okta-introspect man --out-dir man1";
    assert_eq!(world.shell(line).output().unwrap().status.code(), Some(2));
    assert!(std::fs::read_to_string(&page).unwrap().starts_with(".ie"));
    assert_eq!(std::fs::read_dir(world.path("man1")).unwrap().count(), before);
}

#[test_support::test]
fn settings_are_shown_with_their_places_and_without_secrets() {
    let (world, key_id) = World::with_key();
    world.write(
        "okta.yaml",
        "okta: {client: {orgUrl: 'https://acme.okta.com', privateKey: key.pem, proxy: {host: p, password: s3cret}}}",
    );
    let world =
        world.set("OKTA_CLIENT_CLIENTID", "0oa1").set("OKTA_CLIENT_PRIVATEKEYPASSPHRASE", "s3cret");
    let shown = world.run(&["config", "show", "--timeout", "7", "--scope", "a"]);
    shown.exits(0).hides("s3cret");
    for line in [
        "  issuer          https://acme.okta.com (from okta.client.orgUrl in okta.yaml)",
        "  client_id       0oa1 (from OKTA_CLIENT_CLIENTID)",
        &format!(
            "  key             ES256 key, thumbprint {key_id} (from okta.client.privateKey in okta.yaml)"
        ),
        "  passphrase      [set] (from OKTA_CLIENT_PRIVATEKEYPASSPHRASE)",
        "  scopes          a (from --scope)",
        "  timeout         7 s (from --timeout)",
        "  proxy_password  [set] (from okta.client.proxy.password in okta.yaml)",
    ] {
        assert!(shown.stdout.lines().any(|told| told == line), "{line}: {}", shown.stdout);
    }
    let json = world.run(&["config", "show", "--json"]).exits(0).json();
    assert_eq!(json["settings"][1]["name"], "client_id");
    assert_eq!(json["settings"][1]["origin"], "OKTA_CLIENT_CLIENTID");

    let world = World::new().set("OKTA_CLIENT_PRIVATEKEY", "{\"d\": \"s3cret\"}");
    let broken = world.run(&["config", "show"]);
    assert!(broken.exits(0).hides("s3cret").stdout.contains("cannot be loaded"), "{broken:?}");
    assert_eq!(World::new().run(&["config", "show"]).exits(0).stdout, "");
}

#[test_support::test]
fn requests_are_told_to_those_who_ask_and_nothing_secret_with_them() {
    let world = World::new();
    let _sandbox = Sandbox::start(&world, &[]);
    let token = ["token", "--scope", "okta.users.read"];
    let told = world.run(&[&token[..], &["--verbose"]].concat());
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.stderr.contains("request: answered"), "{told:?}");
    assert!(told.stderr.contains("status=200"), "{told:?}");
    assert!(told.stderr.contains("method=POST host=\"127.0.0.1\""), "{told:?}");
    let trace = world.run(&[&["--trace"], &token[..]].concat());
    assert!(trace.stderr.contains("hyper_util::client"), "{trace:?}");
    for run in [&told, &trace] {
        let token = run.stdout.trim();
        assert!(!run.stderr.contains("eyJ") && !run.stderr.contains(token), "{run:?}");
        assert!(!run.stderr.contains('\u{1b}'), "{run:?}");
    }
    let quiet = world.run(&token);
    assert!(!quiet.exits(0).stderr.contains("request:"), "{quiet:?}");
}

#[test_support::test]
fn notes_are_left_out_for_those_who_want_quiet() {
    let world = World::new();
    let _sandbox = Sandbox::start(&world, &[]);
    let token = ["token", "--scope", "okta.users.read"];
    assert!(world.run(&token).exits(0).stderr.contains("using the sandbox"));
    assert_eq!(world.run(&[&token[..], &["--quiet"]].concat()).exits(0).stderr, "");
    assert_eq!(world.run(&[&["--quiet"], &token[..]].concat()).exits(0).stderr, "");
    world.run(&["token", "--scope", "okta.other", "--quiet"]).fails(4, "none of the requested");
}

#[test_support::test]
fn rust_log_is_heard_as_far_as_nothing_secret_is_told() {
    let world = World::new();
    let _sandbox = Sandbox::start(&world, &[]);
    let run = |wanted: &str| {
        let mut command = world.command(&["token", "--scope", "okta.users.read"]);
        crate::common::Run::of(&[wanted], command.env("RUST_LOG", wanted).output().unwrap())
    };
    for (wanted, told) in [
        ("debug", &["request:", "okta_introspect::wire::call", "hyper_util::client"][..]),
        ("okta_introspect=debug", &["okta_introspect::wire::call"]),
        ("trace", &["okta_introspect::wire::call"]),
        ("error", &[]),
        ("off", &[]),
        ("", &[]),
    ] {
        let run = run(wanted);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(told.iter().all(|part| run.stderr.contains(part)), "{wanted}: {run:?}");
        assert_eq!(run.stderr.contains("request:"), !told.is_empty(), "{wanted}: {run:?}");
        assert!(!run.stderr.contains(run.stdout.trim()), "{wanted}");
        assert!(!run.stderr.contains("client_assertion"), "{wanted}");
    }
    assert!(run("a=b=c").exits(0).stderr.contains("the variable RUST_LOG is not understood"));
}

#[test_support::test]
fn a_misspelt_scope_and_the_sandbox_have_cures_of_their_own() {
    let world = World::new();
    let sandbox = Sandbox::start(&world, &[]);
    let named = ["--issuer", sandbox.text("issuer"), "--key-file", sandbox.text("key_file")];
    let stranger = ["token", "--scope", "okta.users.read", "--client-id", "0oanone"];
    let stranger = [&stranger[..], &named].concat();
    for (args, told) in [
        (&["token", "--scope", "okta.user.read"][..], "did you mean okta.users.read?"),
        (&["token", "--scope", "okta.policies.read"], "okta-introspect sandbox --seed FILE"),
        (&["api", "DELETE", "/api/v1/users/00uada"], "okta-introspect sandbox --seed FILE"),
        (&stranger, "okta-introspect sandbox --seed FILE"),
    ] {
        let run = world.run(args);
        run.exits(4);
        assert!(run.stderr.contains(told), "{told}: {run:?}");
        assert!(!run.stderr.contains("Okta API Scopes tab"), "{run:?}");
    }
    let doctor = world.run(&["doctor", "--scope", "okta.user.read", "--fix-hints"]);
    assert!(doctor.stdout.contains("did you mean okta.users.read?"), "{doctor:?}");
    assert!(!doctor.stdout.contains("Admin Console"), "{doctor:?}");
}

#[test_support::test]
fn mistyped_settings_are_noted_with_what_was_meant() {
    let (world, _) = World::with_key();
    world.write("okta.yaml", "okta: {client: {clientid: s3cret, token: x, orgURl: s3cret}}");
    let world = world.set("OKTA_CLIENT_CLIENT_ID", "s3cret").set("OKTA_CLIENT_TOKEN", "x");
    let run = world.run(&["jwk", "--key-file", "key.pem"]);
    run.exits(0).hides("s3cret");
    for told in [
        "note: nothing reads the variable OKTA_CLIENT_CLIENT_ID; did you mean OKTA_CLIENT_CLIENTID?",
        "note: nothing reads okta.client.clientid in okta.yaml; did you mean clientId?",
        "note: nothing reads okta.client.orgURl in okta.yaml; did you mean orgUrl?",
    ] {
        assert!(run.stderr.lines().any(|line| line == told), "{told}: {run:?}");
    }
    assert_eq!(run.stderr.lines().count(), 3, "{run:?}");
}

#[test_support::test]
fn colours_are_for_those_who_want_them() {
    let world = World::new();
    let jwt = "eyJhbGciOiJub25lIn0.e30.";
    assert!(!world.pipe(&["decode"], jwt).exits(0).stdout.contains('\u{1b}'));
    let world = world.set("CLICOLOR_FORCE", "1");
    assert!(world.pipe(&["decode"], jwt).stdout.contains('\u{1b}'));
    let world = world.set("NO_COLOR", "1").set("CLICOLOR_FORCE", "0");
    assert!(!world.pipe(&["decode"], jwt).stdout.contains('\u{1b}'));
}

#[test_support::test]
fn help_is_shown_however_it_is_asked_for() {
    let world = World::new();
    for command in [&["introspect"][..], &["config", "show"], &[]] {
        let help = world.run(&[command, &["--help"]].concat()).exits(0).stdout.clone();
        assert_eq!(world.run(&[&["help"], command].concat()).exits(0).stdout, help);
    }
    for (asked, meant) in [
        (&["help", "--help"][..], &["--help"][..]),
        (&["help", "-h"], &["--help"]),
        (&["help", "introspect", "--help"], &["introspect", "--help"]),
        (&["--quiet", "help", "introspect", "-h"], &["introspect", "--help"]),
        (&["config", "help", "--help"], &["config", "--help"]),
    ] {
        let help = world.run(meant).exits(0).stdout.clone();
        assert_eq!(world.run(asked).exits(0).stdout, help, "{asked:?}");
    }
    // Not exit code 0, which would say of an empty variable that a token is active.
    for command in [&[][..], &["config"]] {
        let run = world.run(command);
        assert_eq!(run.exits(2).stdout, world.run(&[command, &["-h"]].concat()).stdout);
        assert!(run.stderr.contains("no command was given"), "{run:?}");
    }
    world.run(&["help", "s3cret"]).fails(2, "not a command").hides("s3cret");
}

#[test_support::test]
fn files_and_methods_may_stand_where_people_put_them() {
    let (world, _) = World::with_key();
    let jwt = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4IiwiZXhwIjoxfQ.";
    world.write("token.txt", jwt);
    let decoded = world.pipe(&["decode", "--json"], jwt).exits(0).stdout.clone();
    assert_eq!(world.run(&["decode", "token.txt", "--json"]).exits(0).stdout, decoded);
    assert_eq!(world.pipe(&["decode", "-", "--json"], jwt).exits(0).stdout, decoded);
    let jwk = world.run(&["jwk", "--key-file", "key.pem"]).exits(0).stdout.clone();
    assert_eq!(world.run(&["jwk", "key.pem"]).exits(0).stdout, jwk);
    for (line, told) in [
        (&["decode", "token.txt", "--token-file", "x"][..], "exclude each other"),
        (&["jwk", "key.pem", "--key-file", "x"], "exclude each other"),
        (&["api", "/x", "-X", "GETT"], "the HTTP method is not one"),
        (&["api", "POST", "/x", "-X", "GET"], "the method is given twice"),
        (&["token", "okta.users.read"], "the form is: okta-introspect token [OPTIONS]"),
        (&["token", "-X"], "there is no such option here: -X"),
        (&["--quiet", "token", "-X"], "see `okta-introspect token --help`"),
    ] {
        world.run(line).fails(2, told);
    }
}

#[test_support::test]
fn an_argument_that_may_be_a_token_is_not_repeated() {
    let world = World::new();
    for command in ["introspect", "watch", "revoke", "explain", "decode"] {
        let args = ["--issuer", "https://acme.okta.com", "--client-id", "0oa1"];
        let args: &[&str] = if command == "decode" { &[] } else { &args };
        let run = world.run(&[&[command, "00s3cret"], args].concat());
        run.exits(2).hides("s3cret");
    }
    world.run(&["decode", "00s3cret"]).fails(2, "the argument is not a file that can be read");
}
