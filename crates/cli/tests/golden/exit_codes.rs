//! Each way in which a command ends.

use std::fs;

use okta_introspect::sandbox::{App, Fault, Grant, Times};

use super::session::Session;
use crate::common::sample;

const TOKEN: &str = "okta-introspect token --scope okta.users.read > token.txt";
const ORDERS: &str = "okta-introspect token --auth-server default --scope orders.read > orders.txt";

/// Where nobody listens.
const NOBODY: &str = "--issuer http://127.0.0.1:9";

/// Where nothing can be written.
const FULL: &str = "> /dev/full";

#[test_support::test]
fn token() {
    let token = "okta-introspect token --scope okta.users.read";
    let mut session = Session::with_refresh_token("refresh.txt");
    session
        .run(&format!("{token} > token.txt"))
        .run("okta-introspect token")
        .run("okta-introspect token --scpe okta.users.read")
        .run("okta-introspect token --scope okta.users.read,okta.logs.read")
        .run(&format!("{token} --key-file no.pem"))
        .run(&format!("{token} --dpop sometimes"))
        .run(&format!("env -u OKTA_CLIENT_ORGURL {token}"))
        .run(&format!("{token} {NOBODY}"))
        .run(&format!("{token} {FULL}"))
        .run(&format!("{token} --key-id k9"))
        .run(&format!("{token} --client-id 0oa9"))
        .run("okta-introspect token --scope okta.groups.read");
    let refresh = "okta-introspect token --auth-server default --client-id 0oa2web";
    session.org.world.write("wrong.txt", "made-up");
    session
        .run(&format!("{refresh} --refresh < wrong.txt"))
        .run(&format!("{refresh} --refresh < /dev/null"))
        .run(&format!("{refresh} --refresh-token-file no.txt"))
        .run(&format!("{refresh} --refresh-token-file no/refresh.txt --refresh < refresh.txt"))
        .run(&format!("{refresh} --refresh --scope orders.write < refresh.txt"));
    let lost = Fault::truncated().at("/oauth2/default/v1/token").acting_first(true);
    session.org.sandbox.faults().inject(lost, Times::Once);
    session
        .run(&format!("{refresh} --refresh-token-file refresh.txt"))
        .run(&format!("{refresh} --refresh-token-file refresh.txt {FULL}"))
        .is("token.exit-codes.txt");
}

#[test_support::test]
fn introspect() {
    let introspect = "okta-introspect introspect";
    let mut session = Session::new();
    session.prepare(TOKEN);
    session
        .run(&format!("{introspect} < token.txt"))
        .run(&format!("echo made-up | {introspect}"))
        .run(&format!("{introspect} --token-file no.txt"))
        .run(&format!("{introspect} < /dev/null"))
        .run(&format!("echo 'two words' | {introspect}"))
        .run(&format!("{introspect} eyJhbGciOiJub25lIn0.e30."))
        .run(&format!("{introspect} --concurrency 4 < token.txt"))
        .run(&format!("echo 'two words' | {introspect} --batch"))
        .run(&format!("{introspect} {NOBODY} < token.txt"))
        .run(&format!("{introspect} --auth-server nowhere < token.txt"))
        .run(&format!("{introspect} {FULL} < token.txt"))
        .run(&format!("{introspect} --key-id k9 < token.txt"))
        .run(&format!("{introspect} --batch --key-id k9 < token.txt"))
        .interrupt("okta-introspect introspect --batch", "made-up\n", 1)
        .is("introspect.exit-codes.txt");
}

#[test_support::test]
fn watch() {
    let watch = "okta-introspect watch";
    let mut session = Session::new();
    session.prepare(TOKEN);
    session
        .run(&format!("{watch} --for 3s < token.txt"))
        .run(&format!("echo made-up | {watch} --until-inactive"))
        .run(&format!("{watch} --for 3s --max-age 0 < token.txt"))
        .run(&format!("{watch} --for soon < token.txt"))
        .run(&format!("{watch} < /dev/null"))
        .run(&format!("{watch} --token-file no.txt"))
        .run(&format!("{watch} --for 3s {NOBODY} < token.txt"))
        .run(&format!("{watch} {FULL} < token.txt"))
        .run(&format!("{watch} --key-id k9 < token.txt"))
        .interrupt(&format!("{watch} --token-file token.txt"), "", 1)
        .is("watch.exit-codes.txt");
}

#[test_support::test]
fn signals_watch() {
    let watch = "okta-introspect signals watch";
    let mut session = Session::new();
    session.prepare(TOKEN);
    session.prepare("okta-introspect revoke < token.txt");
    session
        .run(&format!("{watch} --for 1s"))
        .run(&format!("{watch} --interval 999ms"))
        .run(&format!("{watch} --since 91d"))
        .run("okta-introspect signals")
        .run("okta-introspect signals wach")
        .run(&format!("{watch} --for 1s {NOBODY}"))
        .run(&format!("{watch} --for 9s {FULL}"))
        .run(&format!("{watch} --for 9s --key-id k9"))
        .interrupt(watch, "", 1)
        .is("signals-watch.exit-codes.txt");
}

#[test_support::test]
fn signals_test() {
    let test = "okta-introspect signals test";
    Session::new()
        .run(&format!("{test} --json > test.json"))
        .run(&format!("{test} --fixhints"))
        .run(&format!("{test} --issuer acme"))
        .run(&format!("{test} {NOBODY}"))
        .run(&format!("{test} --key-id k9"))
        .is("signals-test.exit-codes.txt");
}

/// A server takes the revocation of a token of another app, and does nothing.
#[test_support::test]
fn revoke() {
    let mut session = Session::new();
    session.prepare(TOKEN);
    session.org.sandbox.register(App::service("0oa2"));
    let other = session.org.sandbox.issue(&Grant::to_client("0oa2")).unwrap();
    session.org.world.write("other.txt", other.expose());
    session
        .run("okta-introspect revoke --confirm < token.txt")
        .run("okta-introspect revoke --confirm < other.txt")
        .run("okta-introspect revoke --confirm --json < other.txt")
        .run("okta-introspect revoke --hint any < token.txt")
        .run(&format!("okta-introspect revoke {NOBODY} < token.txt"))
        .run("okta-introspect revoke --key-id k9 < token.txt")
        .is("revoke.exit-codes.txt");
}

#[test_support::test]
fn rotate() {
    let rotate = "okta-introspect rotate --overlap 0s";
    let mut session = Session::of(|app| app.grant("okta.apps.manage").admin(true));
    session.run(&format!("{rotate} > done.txt"));
    session.org.world.unset("OKTA_CLIENT_KEYID");
    session
        .run(&format!("{rotate} > done.txt"))
        .run("okta-introspect rotate --overlap soon")
        .run(&format!("{rotate} --key-file no/such/key.pem"))
        .run(&format!("{rotate} --new-key-file no/such/key.pem"))
        .run(&format!("{rotate} --as nobody"))
        .run(&format!("{rotate} {NOBODY}"));
    session.org.sandbox.register(App::service("0oa2"));
    session.run(&format!("{rotate} --client-id 0oa2 --key-file key.pem"));
    session.is("rotate.exit-codes.txt");
}

#[test_support::test]
fn verify() {
    let verify = "okta-introspect verify --auth-server default --audience";
    let mut session = Session::new();
    session.prepare(TOKEN);
    session.prepare(ORDERS);
    session
        .run(&format!("{verify} api://default < orders.txt"))
        .run(&format!("{verify} api://other < orders.txt"))
        .run(&format!("{verify} api://default < token.txt"))
        .run(&format!("echo made-up | {verify} api://default"))
        .run("okta-introspect verify --auth-server default < orders.txt")
        .run("okta-introspect verify --audience api://default < orders.txt")
        .run("okta-introspect verify --signature-only < orders.txt")
        .run(&format!("{verify} api://default --jwks no.json < orders.txt"))
        .run(&format!("{verify} api://default {NOBODY} < orders.txt"));
    for fault in [Fault::html(500), Fault::api(403, "E0000006")] {
        session.org.sandbox.faults().clear();
        session.org.sandbox.faults().inject(fault, Times::Always);
        session.run(&format!("{verify} api://default < orders.txt"));
    }
    session.is("verify.exit-codes.txt");
}

#[test_support::test]
fn api() {
    let api = "okta-introspect api";
    Session::new()
        .run(&format!("{api} /api/v1/users/00u1ada > user.json"))
        .run(api)
        .run(&format!("{api} /api/v1/users --lines --filter .[].id"))
        .run(&format!("{api} /api/v1/users --filter 'id['"))
        .run(&format!("{api} POST /api/v1/users -f login"))
        .run(&format!("{api} /api/v2/users"))
        .run(&format!("{api} https://evil.example/api/v1/users"))
        .run(&format!("{api} /api/v1/users {NOBODY}"))
        .run(&format!("{api} /api/v1/users/00u1ada --lines"))
        .run(&format!("{api} /api/v1/users/00u9"))
        .run(&format!("{api} /api/v1/groups"))
        .run(&format!("{api} /api/v1/users --scope okta.logs.read"))
        .is("api.exit-codes.txt");
}

#[test_support::test]
fn doctor() {
    let doctor = "okta-introspect doctor --scope okta.users.read";
    Session::new()
        .run(doctor)
        .run(&format!("{doctor} --key-file no.pem --fix-hints"))
        .run(&format!("{doctor} {NOBODY} --fix-hints"))
        .run(&format!("{doctor} --client-id 0oa9 --fix-hints"))
        .is("doctor.exit-codes.txt");
}

#[test_support::test]
fn explain() {
    let mut session = Session::new();
    session.prepare(TOKEN);
    session
        .run("okta-introspect explain < token.txt")
        .run("echo '\"made up\"' | okta-introspect explain")
        .run("echo made-up | okta-introspect explain")
        .run("okta-introspect explain < /dev/null")
        .run(&format!("okta-introspect explain {NOBODY} < token.txt"))
        .run("okta-introspect explain --key-id k9 < token.txt")
        .is("explain.exit-codes.txt");
}

#[test_support::test]
fn assertion() {
    Session::new()
        .run("okta-introspect assertion --endpoint token")
        .run("okta-introspect assertion")
        .run("okta-introspect assertion --endpoint tokens")
        .run("okta-introspect assertion --endpoint token --client-id ''")
        .run("env -u OKTA_CLIENT_CLIENTID okta-introspect assertion --endpoint token")
        .run(&format!("okta-introspect assertion --endpoint token {FULL}"))
        .is("assertion.exit-codes.txt");
}

#[test_support::test]
fn decode() {
    let mut session = Session::new();
    session.prepare(TOKEN);
    session
        .run("okta-introspect decode < token.txt > claims.txt")
        .run("echo made-up | okta-introspect decode")
        .run("okta-introspect decode --token-file no.txt")
        .run(&format!("okta-introspect decode {FULL} < token.txt"))
        .is("decode.exit-codes.txt");
}

#[test_support::test]
fn keygen() {
    Session::new()
        .run("okta-introspect keygen service-app.pem > public.jwk")
        .run("okta-introspect keygen service-app.pem")
        .run("okta-introspect keygen")
        .run("okta-introspect keygen no/such/folder.pem")
        .run("okta-introspect keygen rsa.pem --rsa 1024")
        .run("okta-introspect keygen rsa.pem --rsa 2048 --algorithm ES256")
        .run(&format!("okta-introspect keygen full.pem {FULL}"))
        .is("keygen.exit-codes.txt");
}

#[test_support::test]
fn jwk() {
    let mut session = Session::new();
    session.org.world.write("empty.pem", "");
    fs::copy(sample("sample-p256-encrypted.pem"), session.org.world.path("locked.pem")).unwrap();
    session
        .run("okta-introspect jwk > public.jwk")
        .run("okta-introspect jwk --key-file no.pem")
        .run("okta-introspect jwk --key-file empty.pem")
        .run("okta-introspect jwk --key-file locked.pem")
        .run("okta-introspect jwk --algorithm RS256")
        .run("okta-introspect jwk --set --thumbprint")
        .run("env -u OKTA_CLIENT_PRIVATEKEY okta-introspect jwk")
        .run(&format!("okta-introspect jwk {FULL}"))
        .is("jwk.exit-codes.txt");
}

#[test_support::test]
fn config_show() {
    Session::new()
        .run("okta-introspect config show > settings.txt")
        .run("OKTA_CLIENT_REQUESTTIMEOUT=soon okta-introspect config show")
        .run("okta-introspect config show --timeout soon")
        .run("okta-introspect config")
        .run("okta-introspect config set")
        .run(&format!("okta-introspect config show {FULL}"))
        .run("echo 'okta: [' > okta.yaml; okta-introspect config show")
        .is("config-show.exit-codes.txt");
}

#[test_support::test]
fn config_list() {
    Session::new()
        .run("okta-introspect config list > profiles.txt")
        .run("okta-introspect config list --profile staging")
        .run("okta-introspect config list --config no.yaml")
        .run("OKTA_PROFILE=staging okta-introspect config list")
        .run(&format!("okta-introspect config list --json {FULL}"))
        .is("config-list.exit-codes.txt");
}

#[test_support::test]
fn config_use() {
    let mut session = Session::new();
    session.org.world.write("one.yaml", "okta: {profiles: {a: {clientId: 0oa1}}}");
    session.org.world.write("two.yaml", "okta:\n  profiles: {a: {clientId: 0oa1}}\n");
    session
        .run("okta-introspect config use a --config two.yaml")
        .run("okta-introspect config use b --config two.yaml")
        .run("okta-introspect config use a --config one.yaml")
        .run("okta-introspect config use a")
        .run("okta-introspect config use")
        .run(&format!("okta-introspect config use a --config two.yaml --json {FULL}"))
        .is("config-use.exit-codes.txt");
}

#[test_support::test]
fn config_init() {
    let init = "okta-introspect config init --client-id 0oa1";
    let issuer = "--issuer https://acme.okta.com";
    Session::new()
        .run(&format!("{init} {issuer} --key-file key.pem"))
        .run(&format!("{init} {issuer} --key-file key.pem"))
        .run(&format!("{init} {issuer} --key-file key.pem --profile default"))
        .run(&format!("{init} {issuer} --key-file key.pem --profile 'a b'"))
        .run(&format!("{init} {issuer} --key-file no.pem --config b.yaml"))
        .run(&format!("{init} --issuer http://acme.okta.com --key-file key.pem --config b.yaml"))
        .run(&format!("{init} --key-file key.pem --config b.yaml"))
        .run(&format!("{init} {issuer} --key-file key.pem --config b.yaml --json {FULL}"))
        .is("config-init.exit-codes.txt");
}

#[test_support::test]
fn demo() {
    Session::new()
        .run("okta-introspect demo > story.txt")
        .run("okta-introspect demo please")
        .run(&format!("okta-introspect demo {FULL}"))
        .is("demo.exit-codes.txt");
}

#[test_support::test]
fn sandbox() {
    let mut session = Session::new();
    session.org.world.write("seed.yaml", "app:\n  - client_id: 0oa1\n");
    session
        .interrupt("okta-introspect sandbox", "", 6)
        .run("okta-introspect sandbox --listen 8080")
        .run("okta-introspect sandbox --listen 192.0.2.1:8080")
        .run("okta-introspect sandbox --seed no.yaml")
        .run("okta-introspect sandbox --seed seed.yaml")
        .run("okta-introspect sandbox --tls-cert cert.pem")
        .run(&format!("okta-introspect sandbox {FULL}"))
        .is("sandbox.exit-codes.txt");
}

#[test_support::test]
fn plan() {
    let plan = "okta-introspect plan --tokens 100";
    Session::new()
        .run(&format!("{plan} > estimate.txt"))
        .run(&format!("{plan} --instances 100 > estimate.txt"))
        .run("okta-introspect plan")
        .run("okta-introspect plan --tokens 0")
        .run("okta-introspect plan --tokens -1")
        .run("okta-introspect plan --tokens 1e9")
        .run("okta-introspect plan --tokens 1000000000")
        .run(&format!("{plan} --instances 1000001"))
        .run(&format!("{plan} --checks nan"))
        .run(&format!("{plan} --max-age 25h"))
        .run(&format!("{plan} --share 101"))
        .run(&format!("{plan} --signals extended"))
        .run(&format!("{plan} --plot no/such/folder.svg"))
        .run(&format!("{plan} {FULL}"))
        .is("plan.exit-codes.txt");
}

#[test_support::test]
fn completions() {
    Session::new()
        .run("okta-introspect completions bash > completions.bash")
        .run("okta-introspect completions")
        .run("okta-introspect completions csh")
        .run(&format!("okta-introspect completions bash {FULL}"))
        .is("completions.exit-codes.txt");
}

#[test_support::test]
fn man() {
    Session::new()
        .run("okta-introspect man token > token.1")
        .run("okta-introspect man tokn")
        .run("okta-introspect man --out-dir no/such/folder")
        .run(&format!("okta-introspect man {FULL}"))
        .is("man.exit-codes.txt");
}

#[test_support::test]
fn the_command_itself() {
    Session::new()
        .run("okta-introspect --version")
        .run("okta-introspect")
        .run("okta-introspect tokn")
        .run("okta-introspect --tokn")
        .run("okta-introspect eyJhbGciOiJub25lIn0.e30.")
        .is("okta-introspect.exit-codes.txt");
}
