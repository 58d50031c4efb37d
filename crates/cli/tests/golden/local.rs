//! What commands say that call no server, and those that are one.

use std::fs;

use super::session::Session;
use crate::common::sample;

#[test_support::test]
fn demo() {
    let mut session = Session::new();
    session.run("okta-introspect demo").is("demo.human.txt");
    session.prints("okta-introspect demo --json", "demo.json");
}

#[test_support::test]
fn sandbox() {
    Session::new().interrupt("okta-introspect sandbox", "", 6).is("sandbox.human.txt");
    let mut session = Session::new();
    session.interrupt("okta-introspect sandbox --tls", "", 7).is("sandbox.tls.human.txt");
    session.prints_until_interrupted("okta-introspect sandbox --json", "sandbox.json");
}

#[test_support::test]
fn assertion() {
    let mut session = Session::new();
    session
        .run("okta-introspect assertion --endpoint token")
        .run("okta-introspect assertion --endpoint token --claims")
        .is("assertion.human.txt");
    session.prints("okta-introspect assertion --endpoint introspect --json", "assertion.json");
    let claims = "okta-introspect assertion --endpoint introspect --claims";
    session.prints(claims, "assertion.claims.json");
}

#[test_support::test]
fn decode() {
    let mut session = Session::new();
    session.prepare("okta-introspect token --scope okta.users.read > token.txt");
    session.prepare("okta-introspect token --auth-server default --scope orders.read > custom.txt");
    session
        .run("okta-introspect decode < token.txt")
        .run("okta-introspect decode --token-file custom.txt")
        .is("decode.human.txt");
    session.prints("okta-introspect decode --json < token.txt", "decode.json");
}

#[test_support::test]
fn keygen() {
    let mut session = Session::new();
    session
        .run("okta-introspect keygen service-app.pem")
        .run("okta-introspect keygen next.pem --algorithm ES384 --key-id 2026-11")
        .is("keygen.human.txt");
    session.prints("okta-introspect keygen third.pem --json", "keygen.json");
}

/// With a key that is the same in each run.
#[test_support::test]
fn jwk() {
    let mut session = Session::new();
    fs::copy(sample("sample-p256.pem"), session.org.world.path("service-app.pem")).unwrap();
    let jwk = "okta-introspect jwk --key-file service-app.pem";
    session
        .run(jwk)
        .run(&format!("{jwk} --set > jwks.json"))
        .run(&format!("{jwk} --thumbprint"))
        .is("jwk.human.txt");
    session.prints(&format!("{jwk} --json"), "jwk.json");
    session.prints(&format!("{jwk} --set --json"), "jwk.set.json");
    session.prints(&format!("{jwk} --thumbprint --json"), "jwk.thumbprint.json");
}

#[test_support::test]
fn config_show() {
    let mut session = Session::new();
    session.org.world.write("okta.yaml", "okta: {client: {clientid: 0oa2, requestTimeout: 7}}");
    session
        .run("okta-introspect config show --scope okta.users.read --dpop never")
        .run("env -u OKTA_CLIENT_PRIVATEKEY okta-introspect config show --key-file no.pem")
        .is("config-show.human.txt");
    session.prints("okta-introspect config show --json", "config-show.json");
}

/// An org's app in the user's own file, and another one's beside it.
fn two_apps() -> Session {
    let mut session = Session::new();
    for name in ["ORGURL", "CLIENTID", "PRIVATEKEY", "KEYID"] {
        session.org.world.unset(&format!("OKTA_CLIENT_{name}"));
    }
    session.prepare("okta-introspect keygen staging.pem > staging.jwk");
    let init = "okta-introspect config init";
    let production = "--issuer https://acme.okta.com --client-id 0oa1 --key-file key.pem";
    let staging = "--issuer https://acme.oktapreview.com --client-id 0oa2 --key-file staging.pem";
    session.prepare(&format!("{init} {production}"));
    session.prepare(&format!("{init} --profile staging {staging}"));
    session
}

#[test_support::test]
fn config_list() {
    let mut session = two_apps();
    let list = "okta-introspect config list";
    session
        .run(list)
        .run(&format!("{list} --profile staging"))
        .run(&format!("OKTA_CLIENT_ORGURL=https://acme.okta.com {list}"))
        .run("rm ~/.okta/okta.yaml; okta-introspect config list")
        .is("config-list.human.txt");
    two_apps().prints("okta-introspect config list --json", "config-list.json");
}

#[test_support::test]
fn config_use() {
    let mut session = two_apps();
    session
        .run("okta-introspect config use staging")
        .run("okta-introspect config show")
        .run("OKTA_PROFILE=default okta-introspect config use staging")
        .is("config-use.human.txt");
    session.prints("okta-introspect config use default --json", "config-use.json");
}

#[test_support::test]
fn config_init() {
    let mut session = two_apps();
    let init = "okta-introspect config init --issuer https://beta.okta.com --client-id 0oa3";
    let custom = "okta-introspect config init --issuer https://beta.okta.com/oauth2/default";
    session.prepare("okta-introspect keygen beta.pem > beta.jwk");
    session
        .run("cat ~/.okta/okta.yaml")
        .run(&format!("{init} --key-file beta.pem --scope okta.users.read --profile beta"))
        .run(&format!("{init} --key-file beta.pem --key-id k3 --config beta.yaml"))
        .run("cat beta.yaml")
        .run(&format!("{custom} --client-id 0oa3 --key-file beta.pem --config custom.yaml"))
        .run("cat custom.yaml")
        .is("config-init.human.txt");
    session
        .prints(&format!("{init} --key-file beta.pem --config b.yaml --json"), "config-init.json");
}

#[test_support::test]
fn plan() {
    let mut session = Session::new();
    let plan = "okta-introspect plan --tokens 1000 --max-age 30s";
    session
        .run("okta-introspect plan --tokens 200 --max-age 1m")
        .run(&format!("{plan} --instances 10"))
        .run(&format!("{plan} --instances 10 --shared --signals extend"))
        .run(&format!(
            "{plan} --instances 10 --checks 2 --signals purge --interval 1m --limit 3000"
        ))
        .run(&format!("{plan} --limit 3000 --plot plan.svg && head -c 38 plan.svg && echo '…'"))
        .is("plan.human.txt");
    let json = format!("{plan} --instances 10 --shared --signals extend --json");
    session.prints(&json, "plan.json");
    session.prints(&format!("{plan} --instances 10 --json"), "plan.no-fit.json");
}

#[test_support::test]
fn completions() {
    // The commands only: the rest is what helps say, in the words of a shell.
    Session::new()
        .run("okta-introspect completions fish | grep 'needs_command\" -f'")
        .is("completions.human.txt");
}

#[test_support::test]
fn man() {
    Session::new()
        .run("okta-introspect man | grep -v '^[.]TP'")
        .run("okta-introspect man jwk")
        .run("mkdir man1 && okta-introspect man --out-dir man1 && ls man1")
        .is("man.human.txt");
}
