//! A process for each signature.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use okta_introspect::{Algorithm, Error, ErrorKind, ManualClock, Signer, SigningKey};
use okta_introspect_signers::command::CommandSigner;
use tokio::task::JoinSet;

use crate::program::{INPUT, Program, lacks};

const SIGN: &str = "cat > input; openssl dgst -sha256 -sign key.pem input";

#[test_support::test]
async fn the_signature_is_taken_as_it_is_or_in_base64() {
    if let Some(reason) = lacks() {
        return println!("-- skipped: the command signer, a process a signature ({reason})");
    }
    for (algorithm, der, script) in [
        (Algorithm::Rs256, false, SIGN.to_owned()),
        (Algorithm::Rs256, false, format!("{SIGN} | base64")),
        (Algorithm::Rs256, false, format!("{SIGN} | base64 -w0 | tr '+/' '-_' | tr -d =")),
        (Algorithm::Es256, true, SIGN.to_owned()),
    ] {
        let program = Program::new(algorithm, &script);
        let builder = program.builder().public_key(program.public());
        let builder = if der { builder.signatures_in_der() } else { builder };
        let signer = builder.once(algorithm, None).unwrap();
        assert_eq!(signer.key_id(), Some("k1"));
        let signature = signer.sign(INPUT).await.unwrap();
        assert!(program.key.public_jwk().verifies(INPUT, &signature), "{script}");
        assert_eq!(program.read("input").as_bytes(), INPUT, "nothing else");
        program.assert_gone();
    }
}

#[test_support::test]
async fn what_a_program_does_wrong_is_one_error_and_leaves_no_process() {
    if lacks().is_some() {
        return;
    }
    for (name, script, kind, says) in [
        ("fails", "echo no slot >&2; exit 3", ErrorKind::Key, "exit status: 3; it says: no slot"),
        (
            "fails with a signature",
            "cat > /dev/null; head -c 64 /dev/zero; exit 1",
            ErrorKind::Key,
            "exit status: 1",
        ),
        ("says nothing", "cat > /dev/null", ErrorKind::Key, "0 bytes"),
        (
            "says something else",
            "cat > /dev/null; echo 'the signature is: x'",
            ErrorKind::Key,
            "bytes, which are no signature",
        ),
        ("writes for ever", "cat /dev/zero", ErrorKind::Malformed, "more than"),
        ("gives DER", SIGN, ErrorKind::Key, "in DER, where"),
        ("traces", "set -x; read -r input; : $input; exit 1", ErrorKind::Key, "[masked]"),
    ] {
        let program = Program::new(Algorithm::Es256, script);
        let signer = program.builder().once(Algorithm::Es256, Some("k1")).unwrap();
        let error = signer.sign(INPUT).await.unwrap_err().downcast::<Error>().unwrap();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert!(!format!("{error:?}").contains("eyJhbGciOi"), "{name}: {error:?}");
        program.assert_gone();
    }
}

#[test_support::test]
async fn a_slow_one_is_ended() {
    if lacks().is_some() {
        return;
    }
    let clock = ManualClock::stepped(DateTime::UNIX_EPOCH);
    let program = Program::new(Algorithm::Es256, "sleep 1000");
    let signer = program.builder().clock(clock.clone()).once(Algorithm::Es256, None).unwrap();
    let mut signing = signer.sign(INPUT);
    let error = loop {
        tokio::select! {
            biased;
            result = &mut signing => break result.unwrap_err().downcast::<Error>().unwrap(),
            () = tokio::task::yield_now() => {
                // Not before it is there.
                if !program.pids().is_empty() {
                    clock.advance(Duration::from_secs(1));
                }
            }
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    program.assert_gone();
}

#[test_support::test]
async fn no_more_run_at_once_than_are_allowed() {
    if lacks().is_some() {
        return;
    }
    let script = format!("mkdir run.$$; ls -d run.* | wc -l >> counts; {SIGN}.$$; rmdir run.$$")
        .replace("cat > input;", "cat > input.$$;");
    let program = Program::new(Algorithm::Rs256, &script);
    let builder = program.builder().max_processes(2).public_key(program.public());
    let signer = Arc::new(builder.once(Algorithm::Rs256, None).unwrap());
    let mut signatures = JoinSet::new();
    for _ in 0..12 {
        let signer = Arc::clone(&signer);
        signatures.spawn(async move { signer.sign(INPUT).await.unwrap() });
    }
    signatures.join_all().await;
    let counts: Vec<u32> =
        program.read("counts").lines().map(|line| line.trim().parse().unwrap()).collect();
    assert_eq!(counts.len(), 12);
    assert!(counts.iter().all(|count| *count <= 2), "{counts:?}");
}

#[test_support::test]
async fn settings_out_of_bounds_are_refused() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let builder = || CommandSigner::builder(["sign"]);
    let hour = Duration::from_secs(3600);
    for (name, builder, kind) in [
        ("no program", CommandSigner::builder([""; 0]), ErrorKind::Configuration),
        ("an empty name", CommandSigner::builder([""]), ErrorKind::Configuration),
        ("no time", builder().time_limit(Duration::ZERO), ErrorKind::Configuration),
        (
            "too much",
            builder().time_limit(hour + Duration::from_nanos(1)),
            ErrorKind::Configuration,
        ),
        ("none at once", builder().max_processes(0), ErrorKind::Configuration),
        ("too many", builder().max_processes(65), ErrorKind::Configuration),
        ("another curve", builder().public_key(key.public_jwk().clone()), ErrorKind::Key),
    ] {
        let error = builder.once(Algorithm::Es384, None).expect_err(name);
        assert_eq!(error.kind(), kind, "{name}");
    }
    assert!(builder().time_limit(hour).max_processes(64).once(Algorithm::Es384, None).is_ok());
}
