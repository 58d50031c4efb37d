//! Times as nobody should state them, in tokens and in answers about them: they are shown or refused,
//! and end no command with a panic.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::common::org::Org;
use crate::common::server::{answering, json};
use crate::common::{Run, World};

/// The last two are the first and the last second that the command's own type can hold.
const WRITTEN: [&str; 13] = [
    "0",
    "1",
    "-1",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "1.5",
    "1e400",
    "\"soon\"",
    "1795211259000",
    "8210266876799",
    "-8334601228800",
];

const TIMES: [&str; 4] = ["exp", "iat", "nbf", "auth_time"];

#[track_caller]
fn ended_well(run: &Run, case: &str) {
    assert!((0..=4).contains(&run.code), "{case}: {run:?}");
    assert!(!run.stderr.contains("panicked"), "{case}: {run:?}");
    if run.code >= 2 {
        assert!(run.stderr.lines().any(|line| line.starts_with("error: ")), "{case}: {run:?}");
    }
}

#[test_support::test]
fn times_of_tokens() {
    let org = Org::with(|app| app.grant("okta.logs.read"), |builder| builder);
    for value in WRITTEN {
        let issuer = org.sandbox.custom_issuer("default").unwrap();
        let times = TIMES.map(|name| format!("\"{name}\":{value}")).join(",");
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let claims = format!("{{\"iss\":\"{issuer}\",\"jti\":\"AT.1\",{times}}}");
        let jwt = format!("{}.{}.c2ln", part(r#"{"alg":"RS256","kid":"k"}"#), part(&claims));
        for command in [&["explain"][..], &["introspect"], &["watch", "--for", "1ms"]] {
            ended_well(&org.run(command, &[], &jwt), &format!("{command:?} {value}"));
        }
        for command in [&["decode"][..], &["decode", "--json"]] {
            ended_well(&org.world.pipe(command, &jwt), &format!("{command:?} {value}"));
        }
        let verify = ["verify", "--audience", "a", "--issuer", issuer.as_str()];
        ended_well(&org.world.pipe(&verify, &jwt), &format!("verify {value}"));
    }
}

#[test_support::test]
fn times_of_answers() {
    let (world, _) = World::with_key();
    world.write("token.txt", "opaque\n");
    for value in WRITTEN {
        let times = TIMES.map(|name| format!("\"{name}\":{value}")).join(",");
        let answer = format!(
            "{{\"active\":true,{times},\"expires_in\":{value},\"access_token\":\"t\",\"token_type\":\"Bearer\"}}"
        );
        let issuer = answering(move |_| json("200 OK", &answer));
        let server = ["--issuer", &issuer, "--client-id", "0oa1", "--key-file", "key.pem"];
        for command in [
            &["introspect", "--token-file", "token.txt"][..],
            &["introspect", "--token-file", "token.txt", "--json"],
            &["introspect", "--batch", "token.txt"],
            &["watch", "--token-file", "token.txt", "--for", "1ms"],
            &["explain", "--token-file", "token.txt"],
            &["token", "--scope", "a", "--json"],
            &["api", "/api/v1/users", "--token-cache"],
        ] {
            let run = world.run(&[command, &server].concat());
            ended_well(&run, &format!("{command:?} {value}"));
            if command.ends_with(&["--json"]) && run.code == 0 {
                serde_json::from_str::<Value>(&run.stdout).unwrap();
            }
        }
    }
}
