//! Programs that do something else. Each is one clear error of its kind, and no process stays.

use std::time::Duration;

use chrono::DateTime;
use okta_introspect::{Algorithm, Error, ErrorKind, ManualClock, Signer, SigningKey};

use crate::program::{INPUT, OPENSSL, Program, lacks, runs};

fn clock() -> ManualClock {
    ManualClock::stepped(DateTime::UNIX_EPOCH)
}

/// Signs, and gives the error.
async fn error_of(signer: &dyn Signer) -> Error {
    *signer.sign(INPUT).await.unwrap_err().downcast::<Error>().unwrap()
}

/// Lets time pass until the work is done.
async fn passing<T>(clock: &ManualClock, by: Duration, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::task::yield_now() => clock.advance(by),
        }
    }
}

#[test_support::test]
async fn what_a_program_does_wrong_is_one_error_and_leaves_no_process() {
    if let Some(reason) = lacks() {
        return println!("-- skipped: faults of the command signer ({reason})");
    }
    let der = OPENSSL.replace("cat header", "cat header; echo 'to stderr' >&2");
    let wrong_key = OPENSSL.replace("key.pem", "other.pem");
    let answer = |answer: &str| format!("cat header\nwhile read -r id input; do {answer}; done");
    for (name, script, kind, says) in [
        (
            "dies",
            answer("echo 'the slot is on fire' >&2; exit 7"),
            ErrorKind::Unreachable,
            "exit status: 7; it says: the slot is on fire",
        ),
        ("is killed", answer("kill -9 $$"), ErrorKind::Unreachable, "signal: 9"),
        (
            "closes its output",
            answer("exec 1>&-; sleep 1000"),
            ErrorKind::Unreachable,
            "ended with",
        ),
        (
            "talks",
            answer("echo 'signing now'"),
            ErrorKind::Malformed,
            "neither a signature nor an error",
        ),
        (
            "answers something else",
            answer("echo '99 signature AAAA'"),
            ErrorKind::Malformed,
            "was not asked",
        ),
        (
            "answers the past",
            answer("echo '0 signature AAAA'"),
            ErrorKind::Malformed,
            "was not asked",
        ),
        (
            "writes binary",
            answer("head -c 300 /dev/urandom; echo"),
            ErrorKind::Malformed,
            "a line of the command",
        ),
        (
            "does not end its line",
            answer("head -c 100000 /dev/zero"),
            ErrorKind::Malformed,
            "longer than",
        ),
        ("cannot", answer("echo \"$id error wrong PIN\""), ErrorKind::Key, "wrong PIN"),
        ("gives three bytes", answer("echo \"$id signature AQID\""), ErrorKind::Key, "3 bytes"),
        ("gives DER", der, ErrorKind::Key, "in DER, where"),
        ("has another key", wrong_key, ErrorKind::Key, "64 bytes|another key|in DER"),
    ] {
        let program = Program::new(Algorithm::Es256, &script);
        let other = SigningKey::generate(Algorithm::Es256).unwrap();
        other.write_new_file(program.path("other.pem")).unwrap();
        let builder = program.builder();
        let builder = if name == "has another key" { builder.signatures_in_der() } else { builder };
        let signer = builder.start().expect(name);
        let error = error_of(&signer).await;
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(says.split('|').any(|says| error.to_string().contains(says)), "{name}: {error}");
        assert!(!error.advice().is_empty(), "{name}");
        assert!(!format!("{error:?}").contains("eyJhbGciOi"), "{name}: {error:?}");
        if matches!(kind, ErrorKind::Unreachable | ErrorKind::Malformed) {
            program.assert_gone();
        }
    }
}

#[test_support::test]
async fn a_slow_program_is_ended_with_all_that_it_started() {
    if lacks().is_some() {
        return;
    }
    let script = "cat header; while read -r line; do sleep 1000 & echo $! > grandchild; echo 'wait' >&2; wait; done";
    let (program, clock) = (Program::new(Algorithm::Es256, script), clock());
    let signer = program.builder().clock(clock.clone()).start().unwrap();
    let limit = Duration::from_secs(10);
    let signing = error_of(&signer);
    let waits_for_its_child = async {
        while program.read("grandchild").is_empty() {
            tokio::task::yield_now().await;
        }
        // The time limit less a moment changes nothing.
        clock.advance(limit - Duration::from_millis(1));
    };
    let (error, ()) = tokio::join!(
        async {
            let mut signing = std::pin::pin!(signing);
            tokio::select! {
                biased;
                _ = &mut signing => panic!("it was too soon"),
                () = waits_for_its_child => {}
            }
            passing(&clock, Duration::from_millis(1), signing).await
        },
        async {}
    );
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(error.to_string().contains("within 10s"), "{error}");
    program.assert_gone();
    let grandchild = program.read("grandchild");
    while runs(grandchild.trim()) {
        tokio::task::yield_now().await;
    }
}

#[test_support::test]
async fn a_program_that_says_nothing_when_it_starts_is_ended() {
    if lacks().is_some() {
        return;
    }
    for (name, script, kind) in [
        ("nothing", "sleep 1000", ErrorKind::TimedOut),
        ("no JSON", "echo ready; sleep 1000", ErrorKind::Malformed),
        ("it ends", "echo no slot >&2; exit 3", ErrorKind::Unreachable),
    ] {
        let (program, clock) = (Program::new(Algorithm::Es256, script), clock());
        let builder = program.builder().clock(clock.clone());
        let starting = tokio::task::spawn_blocking(move || builder.start().unwrap_err());
        let error = match kind {
            ErrorKind::TimedOut => passing(&clock, Duration::from_secs(1), starting).await,
            _ => starting.await,
        };
        assert_eq!(error.unwrap().kind(), kind, "{name}");
        program.assert_gone();
    }
    let missing = okta_introspect_signers::command::CommandSigner::builder(["/nowhere/sign"]);
    assert_eq!(missing.start().unwrap_err().kind(), ErrorKind::Configuration);
}

#[test_support::test]
async fn a_good_program_that_ends_is_started_again_and_nobody_notices() {
    if lacks().is_some() {
        return;
    }
    // Each process makes one signature, and ends at the next request.
    let script = OPENSSL.replace("done", "read -r id input; exit 1; done");
    let program = Program::new(Algorithm::Rs256, &script);
    let signer = program.builder().start().unwrap();
    for _ in 0..3 {
        signer.sign(INPUT).await.unwrap();
    }
    assert_eq!(program.pids().len(), 3);
}

#[test_support::test]
async fn a_program_that_answers_nothing_is_not_started_again_at_once() {
    if lacks().is_some() {
        return;
    }
    let (program, clock) =
        (Program::new(Algorithm::Rs256, "cat header; read -r line; exit 1"), clock());
    let signer = program.builder().clock(clock.clone()).start().unwrap();
    for _ in 0..10 {
        assert_eq!(error_of(&signer).await.kind(), ErrorKind::Unreachable);
    }
    assert_eq!(program.pids().len(), 1);
    clock.advance(Duration::from_millis(999));
    error_of(&signer).await;
    assert_eq!(program.pids().len(), 1);
    clock.advance(Duration::from_millis(1));
    error_of(&signer).await;
    assert_eq!(program.pids().len(), 2);
    program.assert_gone();
}

#[test_support::test]
async fn another_key_after_a_restart_is_an_error() {
    if lacks().is_some() {
        return;
    }
    let script = OPENSSL
        .replace("cat header", "cat header; cp other header")
        .replace("done", "exit 1; done");
    let program = Program::new(Algorithm::Rs256, &script);
    std::fs::write(program.path("other"), "{\"alg\":\"RS256\",\"kid\":\"k2\"}\n").unwrap();
    let signer = program.builder().start().unwrap();
    signer.sign(INPUT).await.unwrap();
    let error = error_of(&signer).await;
    assert_eq!(error.kind(), ErrorKind::Key);
    assert!(error.to_string().contains("another key"), "{error}");
    program.assert_gone();
}

#[test_support::test]
async fn what_is_no_signing_input_never_leaves() {
    if lacks().is_some() {
        return;
    }
    let program = Program::new(Algorithm::Rs256, OPENSSL);
    let signer = program.builder().start().unwrap();
    for input in [&b"a\n2 b"[..], b"", b"a b", b"\xff"] {
        let error = signer.sign(input).await.unwrap_err().downcast::<Error>().unwrap();
        assert_eq!(error.kind(), ErrorKind::Input);
    }
    assert_eq!(program.read("requests"), "");
}
