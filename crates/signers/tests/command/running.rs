//! A program that is kept running.

use std::num::NonZeroU32;
use std::process::Command;
use std::sync::Arc;

use okta_introspect::sandbox::{App, Sandbox};
use okta_introspect::{Algorithm, Client, Scopes, Signer, SignerLimits};
use tokio::task::JoinSet;

use crate::program::{INPUT, OPENSSL, Program, is_there, lacks};

/// Answers with 256 times the id, which has one figure.
const CANNED: &str = r#"
echo '{"alg":"RS256"}'
canned() { printf '%s signature %s\n' "$1" "$(head -c 256 /dev/zero | tr '\0' "$1" | base64 -w0)"; }
"#;

#[test_support::test]
async fn a_hundred_signatures_at_once_are_each_the_right_one() {
    if let Some(reason) = lacks() {
        return println!("-- skipped: the command signer ({reason})");
    }
    for (algorithm, der) in [(Algorithm::Rs256, false), (Algorithm::Es256, true)] {
        let program = Program::new(algorithm, OPENSSL);
        let builder = program.builder();
        let builder = if der { builder.signatures_in_der() } else { builder };
        let signer = Arc::new(builder.start().unwrap());
        assert_eq!((signer.algorithm(), signer.key_id()), (algorithm, Some("k1")));
        assert_eq!(signer.public_jwk(), Some(program.key.public_jwk()));
        let mut signatures = JoinSet::new();
        for number in 0..100 {
            let signer = Arc::clone(&signer);
            signatures.spawn(async move {
                let input = format!("e30.{number}");
                (signer.sign(input.as_bytes()).await.unwrap(), input)
            });
        }
        for (signature, input) in signatures.join_all().await {
            assert!(program.key.public_jwk().verifies(input.as_bytes(), &signature), "{input}");
        }
        // Nothing but the ids and the signing inputs came to the program.
        let requests = program.read("requests");
        let mut inputs: Vec<_> =
            requests.lines().map(|line| line.split_once(' ').unwrap()).collect();
        inputs.sort_by_key(|(id, _)| id.parse::<u64>().unwrap());
        let ids: Vec<_> = inputs.iter().map(|(id, _)| (*id).to_owned()).collect();
        assert_eq!(ids, (1..=100).map(|id| id.to_string()).collect::<Vec<_>>());
        let mut inputs: Vec<_> = inputs.into_iter().map(|(_, input)| input.to_owned()).collect();
        let mut expected: Vec<_> = (0..100).map(|number| format!("e30.{number}")).collect();
        inputs.sort();
        expected.sort();
        assert_eq!(inputs, expected);
        assert_eq!(program.pids().len(), 1);
        drop(signer);
        let pids = program.pids();
        while is_there(&pids[0]) {
            tokio::task::yield_now().await;
        }
    }
}

#[test_support::test]
async fn a_client_signs_with_it() {
    if lacks().is_some() {
        return;
    }
    let program = Program::new(Algorithm::Es256, OPENSSL);
    let app = App::service("0oa1service").key(program.key.public_jwk()).grant("okta.users.read");
    let sandbox = Sandbox::builder().app(app).start().await.unwrap();
    let signer = program.builder().signatures_in_der().start().unwrap();
    let client = Client::builder(sandbox.issuer(), "0oa1service", signer).build().unwrap();
    let token = client.request_token(&Scopes::parse("okta.users.read").unwrap()).await.unwrap();
    assert!(client.introspect(token.token(), None).await.unwrap().active);
    client.revoke(token.token(), None).await.unwrap();
    assert!(!client.introspect(token.token(), None).await.unwrap().active);
    assert_eq!(program.read("requests").lines().count(), 4);
}

#[test_support::test]
async fn answers_come_in_any_order_and_none_is_taken_for_another() {
    if lacks().is_some() {
        return;
    }
    let script = format!(
        "{CANNED}
        mkfifo gate; read -r a rest; read -r b rest; read -r c rest; : > taken; read -r go < gate
        canned $c; canned $b; canned $a
        while read -r id rest; do canned $id; done"
    );
    let program = Program::new(Algorithm::Rs256, &script);
    let signer = Arc::new(program.builder().start().unwrap());
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(signer.sign(INPUT));
    }
    // The second gives up when its request is made, and its answer comes all the same.
    let polled = std::future::poll_fn(|cx| {
        for future in &mut waiting {
            assert!(future.as_mut().poll(cx).is_pending());
        }
        std::task::Poll::Ready(())
    });
    polled.await;
    while !program.path("taken").exists() {
        tokio::task::yield_now().await;
    }
    drop(waiting.remove(1));
    std::fs::write(program.path("gate"), "go\n").unwrap();
    let third = waiting.remove(1).await.unwrap();
    let first = waiting.remove(0).await.unwrap();
    assert_eq!((first, third), (vec![b'1'; 256], vec![b'3'; 256]));
    assert_eq!(signer.sign(INPUT).await.unwrap(), vec![b'4'; 256]);
}

#[test_support::test]
async fn the_program_finds_no_secret_of_ours_in_its_environment() {
    const INNER: &str = "OKTA_TEST_INNER";
    if lacks().is_some() {
        return;
    }
    if std::env::var_os(INNER).is_none() {
        // Once more, with something in the environment.
        let name = "running::the_program_finds_no_secret_of_ours_in_its_environment";
        let again = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .envs([
                (INNER, "1"),
                ("OKTA_CLIENT_CLIENTSECRET", "s3cret-value"),
                ("KEPT", "kept-value"),
            ])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&again.stdout).into_owned();
        return assert!(again.status.success() && said.contains("1 passed"), "{said}");
    }
    let program = Program::new(Algorithm::Rs256, "env > environment; cat header; cat > /dev/null");
    let signer = program.builder().start().unwrap();
    let environment = program.read("environment");
    assert!(
        !environment.contains("s3cret-value") && !environment.contains("OKTA_"),
        "{environment}"
    );
    assert!(environment.contains("kept-value"));
    drop(signer);
}

#[test_support::test]
async fn what_it_shows_of_itself_has_no_argument_in_it() {
    if lacks().is_some() {
        return;
    }
    let program = Program::new(Algorithm::Rs256, "cat header; cat > /dev/null");
    let limits = SignerLimits::default().max_per_second(NonZeroU32::new(7));
    let builder = program.builder().limits(limits);
    let folder = program.path("").display().to_string();
    assert!(!format!("{builder:?}").contains(&folder));
    let signer = builder.start().unwrap();
    assert_eq!(signer.limits(), limits);
    let shown = format!("{signer:?}");
    assert!(
        shown.contains("\"sh\"") && shown.contains("k1") && !shown.contains(&folder),
        "{shown}"
    );
}
