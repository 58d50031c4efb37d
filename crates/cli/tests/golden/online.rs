//! What commands say that call a server.

use super::session::Session;

const TOKEN: &str = "okta-introspect token --scope okta.users.read > token.txt";
const ORDERS: &str = "okta-introspect token --auth-server default --scope orders.read > token.txt";

#[test_support::test]
fn token() {
    let mut session = Session::new();
    session
        .run("okta-introspect token --scope okta.users.read")
        .run("okta-introspect token --scope 'okta.users.read okta.logs.read' > token.txt")
        .run("okta-introspect token --auth-server default --scope orders.read")
        .is("token.human.txt");
    session.prints("okta-introspect token --scope okta.users.read --json", "token.json");

    let mut bound = Session::of(|app| app.dpop_required(true));
    bound.run("okta-introspect token --scope okta.users.read").is("token.dpop.human.txt");
    bound.prints("okta-introspect token --scope okta.users.read --json", "token.dpop.json");
}

#[test_support::test]
fn refresh() {
    let mut session = Session::with_refresh_token("refresh.txt");
    let refresh = "okta-introspect token --auth-server default --client-id 0oa2web";
    session
        .run(&format!("{refresh} --refresh-token-file refresh.txt"))
        .run(&format!("{refresh} --refresh --scope orders.read < refresh.txt"))
        .run(&format!("{refresh} --refresh < refresh.txt > token.txt"))
        .is("token.refresh.human.txt");
    let session = Session::with_refresh_token("refresh.txt");
    session.prints(&format!("{refresh} --refresh --json < refresh.txt"), "token.refresh.json");
}

#[test_support::test]
fn introspect() {
    let mut session = Session::new();
    session
        .run(TOKEN)
        .run("okta-introspect introspect < token.txt")
        .run("okta-introspect introspect --auth-server default --token-file token.txt");
    session.prints("okta-introspect introspect --json < token.txt", "introspect.json");
    session
        .run("okta-introspect revoke < token.txt")
        .run("okta-introspect introspect < token.txt")
        .is("introspect.human.txt");
    session.prints("okta-introspect introspect --json < token.txt", "introspect.inactive.json");
}

#[test_support::test]
fn introspect_batch() {
    let mut session = Session::new();
    session.prepare(TOKEN);
    session
        .run("(cat token.txt; echo made-up; echo '{\"token\": \"other\", \"user\": 7}') > tokens.txt")
        .run("okta-introspect introspect --batch tokens.txt")
        .run("echo 'two words' | okta-introspect introspect --batch")
        .run("okta-introspect introspect --batch tokens.txt --resume state.json > answers.jsonl")
        .run("okta-introspect introspect --batch tokens.txt --resume state.json")
        .run("cat state.json")
        .is("introspect.batch.human.txt");
}

#[test_support::test]
fn introspect_batch_that_is_interrupted() {
    Session::new()
        .interrupt("okta-introspect introspect --batch --resume state.json", "t1\nt2\nt3\n", 3)
        .is("introspect.interrupted.human.txt");
}

#[test_support::test]
fn watch() {
    let watch = "okta-introspect watch --max-age 100ms";
    let mut session = Session::new();
    let from_file = format!("{watch} --token-file token.txt");
    session.run(TOKEN).run(&format!("{watch} --for 3s < token.txt")).interrupt(&from_file, "", 1);
    session.prints_until_interrupted("okta-introspect watch --json < token.txt", "watch.json");
    let alone = "okta-introspect watch --json --for 3s --issuer http://127.0.0.1:9 < token.txt";
    session.prints(alone, "watch.unknown.json");
    // Revoked as soon as it is told to be active.
    let revoke = "while read -r line; do echo \"$line\"; okta-introspect revoke < token.txt; done";
    session
        .run(&format!("{watch} --until-inactive < token.txt | {revoke}"))
        .run(&format!("{watch} --until-inactive < token.txt || echo revoked"))
        .is("watch.human.txt");
    let last = "okta-introspect watch --json --until-inactive < token.txt";
    session.prints(last, "watch.inactive.json");
}

#[test_support::test]
fn rotate() {
    let mut session = Session::of(|app| app.grant("okta.apps.manage").admin(true));
    // The key file says it by itself after the first rotation.
    session.org.world.unset("OKTA_CLIENT_KEYID");
    session.prints("okta-introspect rotate --key-id k1 --dry-run --json", "rotate.plan.json");
    session
        .run("okta-introspect rotate --key-id k1 --dry-run --delete")
        .run("okta-introspect rotate --key-id k1 --overlap 10ms --delete")
        .run("okta-introspect rotate --dry-run")
        .is("rotate.human.txt");
    session.prints("okta-introspect rotate --overlap 0s --json", "rotate.json");
}

#[test_support::test]
fn revoke() {
    let mut session = Session::new();
    session
        .run(TOKEN)
        .run("okta-introspect revoke < token.txt")
        .run("okta-introspect revoke --confirm < token.txt")
        .is("revoke.human.txt");
    session.prints("okta-introspect revoke --json < token.txt", "revoke.json");
    let confirmed = "okta-introspect revoke --confirm --json < token.txt";
    session.prints(confirmed, "revoke.confirmed.json");
}

#[test_support::test]
fn verify() {
    let verify = "okta-introspect verify --auth-server default --audience";
    let mut session = Session::new();
    session
        .run(ORDERS)
        .run(&format!("{verify} api://default < token.txt"))
        .run(&format!("{verify} api://other < token.txt"))
        .run(&format!("{verify} api://default --scope orders.write < token.txt"))
        .run("okta-introspect verify --auth-server default --id-token < token.txt")
        .run("okta-introspect api /oauth2/default/v1/keys --scope okta.users.read > keys.json")
        .run("okta-introspect verify --jwks keys.json --signature-only < token.txt")
        .is("verify.human.txt");
    session.prints(&format!("{verify} api://default --json < token.txt"), "verify.json");
    session.prints(&format!("{verify} api://other --json < token.txt"), "verify.rejected.json");
}

#[test_support::test]
fn api() {
    Session::new()
        .run("okta-introspect api /api/v1/users/00u1ada")
        .run("okta-introspect api /api/v1/users --paginate")
        .run("okta-introspect api /api/v1/users --paginate --filter '.[].profile.login' --raw")
        .run("okta-introspect api /api/v1/users/00u1ada --include | head -n 1")
        .is("api.human.txt");
}

#[test_support::test]
fn doctor() {
    let mut session = Session::new();
    session
        .run("okta-introspect doctor --scope okta.users.read")
        .run("okta-introspect doctor --scope okta.groups.read --key-id k9 --fix-hints")
        .is("doctor.human.txt");
    let json = "okta-introspect doctor --scope okta.users.read --json";
    session.prints(json, "doctor.json");
    session.prints(&format!("{json} --key-id k9"), "doctor.failed.json");
}

#[test_support::test]
fn signals_watch() {
    let watch = "okta-introspect signals watch --interval 1s";
    let mut session = Session::new();
    session.prepare(TOKEN);
    session.prepare("cp token.txt first.txt");
    session.prepare(TOKEN);
    // A token is revoked when the line about the other has come.
    let then = "while read -r line; do echo \"$line\"; okta-introspect revoke < token.txt; done";
    session
        .run("okta-introspect revoke < first.txt")
        .run(&format!("{watch} --for 5s | {then}"))
        .is("signals-watch.human.txt");
    let session = Session::new();
    session.prepare(TOKEN);
    session.prepare("okta-introspect revoke < token.txt");
    session.prints("okta-introspect signals watch --json --for 1s", "signals-watch.json");
}

#[test_support::test]
fn signals_test() {
    let mut session = Session::new();
    session
        .run("okta-introspect signals test")
        .run("okta-introspect signals test --key-id k9 --fix-hints")
        .run("okta-introspect doctor --scope okta.users.read --signals | grep signals")
        .is("signals-test.human.txt");
    session.prints("okta-introspect signals test --json", "signals-test.json");
}

#[test_support::test]
fn explain() {
    let mut session = Session::new();
    session.run(TOKEN).run("okta-introspect explain < token.txt");
    session.prints("okta-introspect explain --json < token.txt", "explain.json");
    session
        .run("okta-introspect revoke < token.txt")
        .run("okta-introspect explain < token.txt")
        .run("echo made-up | okta-introspect explain");
    session.prints("okta-introspect explain --json < token.txt", "explain.inactive.json");
    session.run(ORDERS).run("okta-introspect explain < token.txt").is("explain.human.txt");
}
