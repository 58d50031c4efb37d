//! What commands show on a terminal.

use super::session::Session;

#[test_support::test]
fn verdicts_and_reports_have_colours() {
    for (command, line) in [
        ("introspect", "okta-introspect introspect --token-file token.txt"),
        ("explain", "okta-introspect explain --token-file made-up.txt"),
        ("revoke", "okta-introspect revoke --confirm --token-file token.txt"),
        (
            "verify",
            "okta-introspect verify --auth-server default --audience a --token-file token.txt",
        ),
        ("decode", "okta-introspect decode --token-file token.txt"),
        ("doctor", "okta-introspect doctor --scope okta.users.read --key-id k9"),
        ("api", "okta-introspect api /api/v1/users/00u1ada"),
        ("token", "okta-introspect token"),
    ] {
        let mut session = Session::new();
        session.prepare("okta-introspect token --scope okta.users.read > token.txt");
        session.org.world.write("made-up.txt", "made-up");
        session.on_terminal(line).is(&format!("{command}.terminal.txt"));
    }
}
