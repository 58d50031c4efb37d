//! On a terminal: colours, a line of progress, indented JSON. Everywhere else: none of them.

use crate::common::org::Org;
use crate::common::terminal::on_terminal;

/// An org with the app's settings in the environment, a token of it, and a made-up one.
pub(crate) fn org() -> Org {
    let org = Org::new().in_the_environment();
    let token = org.run(&["token"], &[("--scope", "okta.users.read")], "");
    org.world.write("token.txt", &token.exits(0).stdout);
    org.world.write("made-up.txt", "made-up");
    org
}

/// Everything that has colours.
const COLOURED: [&str; 9] = [
    "okta-introspect --help",
    "okta-introspect introspect --token-file token.txt",
    "okta-introspect introspect --token-file made-up.txt",
    "okta-introspect explain --token-file made-up.txt",
    "okta-introspect verify --auth-server default --audience a --token-file token.txt",
    "okta-introspect decode --token-file token.txt",
    "okta-introspect doctor --scope okta.users.read",
    "okta-introspect revoke --confirm --token-file token.txt",
    "okta-introspect tokn",
];

#[test_support::test]
fn colours_are_for_terminals() {
    let org = org();
    for line in COLOURED {
        let coloured = |line: &str, settings: &[(&str, &str)]| {
            on_terminal(&org.world, line, settings).1.contains('\u{1b}')
        };
        assert!(coloured(line, &[]), "{line}");
        for setting in [("NO_COLOR", "1"), ("TERM", "dumb"), ("CLICOLOR", "0")] {
            assert!(!coloured(line, &[setting]), "{line}: {setting:?}");
        }
        // What goes through a pipe is read by another program, unless somebody insists.
        let piped = format!("{line} 2>&1 | cat");
        assert!(!coloured(&piped, &[]), "{piped}");
        assert!(coloured(&piped, &[("CLICOLOR_FORCE", "1")]), "{piped}");
        assert!(!coloured(&piped, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "{piped}");
    }
}

#[test_support::test]
fn json_has_no_colours_on_a_terminal_either() {
    let org = org();
    for line in COLOURED.iter().filter(|line| line.contains(".txt")) {
        let json = format!("{line} --json 2> notes.txt");
        let (_, shown) = on_terminal(&org.world, &json, &[("CLICOLOR_FORCE", "1")]);
        assert!(shown.starts_with('{') && !shown.contains('\u{1b}'), "{json}: {shown}");
    }
}

#[test_support::test]
fn a_batch_shows_how_far_it_is_and_takes_it_away_again() {
    let org = org();
    org.world.write("tokens.txt", "made-up\n".repeat(20));
    let line = "okta-introspect introspect --batch tokens.txt > answers.jsonl";
    let (code, shown) = on_terminal(&org.world, line, &[]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains(" inactive") && shown.contains(" %"), "{shown}");
    assert!(shown.contains("20 lines: 0 active, 20 inactive"), "{shown}");
    let answers = std::fs::read_to_string(org.world.path("answers.jsonl")).unwrap();
    assert_eq!(answers.lines().filter(|line| line.starts_with('{')).count(), 20);
    assert!(!answers.contains('\u{1b}'));
    // What is kept of stderr has no line that comes and goes.
    let kept = format!("{line} 2> notes.txt");
    let (_, shown) = on_terminal(&org.world, &kept, &[("CLICOLOR_FORCE", "1")]);
    assert_eq!(shown, "");
    let notes = std::fs::read_to_string(org.world.path("notes.txt")).unwrap();
    assert_eq!(notes.lines().count(), 2, "{notes}");
    assert!(notes.ends_with("20 lines: 0 active, 20 inactive\n"), "{notes}");
    // With the answers on the same terminal, a line of progress would tear them apart.
    let (_, shown) = on_terminal(&org.world, "okta-introspect introspect --batch tokens.txt", &[]);
    assert!(!shown.contains(" %"), "{shown}");
}

#[test_support::test]
fn an_answer_of_an_api_is_indented() {
    let org = org();
    let user = "okta-introspect api /api/v1/users/00u1ada";
    let (code, shown) = on_terminal(&org.world, user, &[]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("{\r\n  \""), "{shown}");
    let (_, shown) = on_terminal(&org.world, &format!("{user} --raw"), &[]);
    assert!(shown.starts_with("{\"") && shown.lines().count() == 1, "{shown}");
}

#[test_support::test]
fn a_report_is_wrapped_and_names_a_fingerprint_in_full_once() {
    let org = org();
    let id = crate::common::org::key(&org.world).public_jwk().thumbprint();
    let doctor = format!(
        "stty rows 24 cols 80; okta-introspect doctor --scope okta.users.read --key-id {id} --fix-hints"
    );
    let (code, shown) = on_terminal(&org.world, &doctor, &[("NO_COLOR", "1")]);
    assert_eq!(code, 4, "{shown}");
    let report: Vec<&str> = shown.lines().take_while(|line| !line.starts_with("error:")).collect();
    for line in &report {
        let words = line.split_whitespace().count();
        assert!(line.chars().count() <= 80 || words == 1, "{line}\n{shown}");
    }
    assert_eq!(report.join("\n").matches(&id).count(), 1, "{shown}");
}

/// What a terminal would act on, in a text.
const ACTIVE: &str = "x\u{1b}[2J\u{7f}\u{85}\u{9b}31m\u{202e}nimda\u{2066}y\u{7}";

/// A server that is asked about a token, and has an API; it answers with what a terminal acts on.
fn active_answers() -> (crate::common::World, String) {
    let (world, _) = crate::common::World::with_key();
    let issuer = crate::common::server::answering(|body| {
        let text = match body {
            _ if body.contains("grant_type") => {
                serde_json::json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 60})
                    .to_string()
            }
            // Written out: serializers leave these characters as they are.
            _ => format!(
                "{{\"active\":true,\"username\":\"{0}\",\"x{0}\":\"{0}\"}}",
                ACTIVE.replace(['\u{1b}', '\u{7}'], "")
            ),
        };
        crate::common::server::json("200 OK", &text)
    });
    let world = world
        .set("OKTA_CLIENT_ORGURL", &issuer)
        .set("OKTA_CLIENT_CLIENTID", "0oa1")
        .set("OKTA_CLIENT_PRIVATEKEY", "key.pem");
    world.write("token.txt", "opaque\n");
    let part = |text: String| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let claims = serde_json::json!({"iss": issuer, "sub": ACTIVE}).to_string();
    world.write("jwt.txt", format!("{}.{}.c2ln", part("{\"alg\":\"RS256\"}".into()), part(claims)));
    (world, issuer)
}

#[test_support::test]
fn nothing_in_claims_or_answers_acts_on_a_terminal() {
    let (world, _) = active_answers();
    for line in [
        "introspect --token-file token.txt",
        "introspect --token-file token.txt --json",
        "introspect --batch token.txt",
        "watch --token-file token.txt --for 100ms",
        "watch --token-file token.txt --for 100ms --json",
        "explain --token-file token.txt --json",
        "decode --token-file jwt.txt",
        "decode --token-file jwt.txt --json",
        "api /api/v1/users",
        "api /api/v1/users --raw",
        "api /api/v1/users --include",
        "api /api/v1/users --filter .username",
        "api /api/v1/users --filter .username --raw",
    ] {
        let line = format!("okta-introspect {line}");
        let (code, shown) = on_terminal(&world, &line, &[("NO_COLOR", "1")]);
        assert_eq!(code, 0, "{line}: {shown}");
        let acts = |c: char| {
            (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!shown.contains(acts), "{line}: {shown:?}");
        let has_no_members = line.contains("explain") || line.ends_with("100ms");
        assert!(shown.contains("nimda") || has_no_members, "{line}: {shown}");
        if line.contains("--json") || line.contains("--batch") {
            let json: serde_json::Value =
                serde_json::from_str(shown.lines().next().unwrap()).unwrap();
            let same = json.to_string().contains("\u{202e}nimda");
            assert!(same || line.contains("explain"), "{line}: {json}");
        }
    }
}

#[test_support::test]
fn json_on_a_pipe_is_passed_byte_for_byte() {
    let (world, _) = active_answers();
    let sent = ACTIVE.replace(['\u{1b}', '\u{7}'], "");
    for command in [
        &["introspect", "--token-file", "token.txt", "--json"][..],
        &["introspect", "--batch", "token.txt"],
        &["api", "/api/v1/users"],
        &["api", "/api/v1/users", "--raw"],
        &["api", "/api/v1/users", "--filter", ".username"],
    ] {
        let run = world.run(command);
        assert!(run.stdout.contains(&sent), "{command:?}: {:?}", run.stdout);
    }
}
