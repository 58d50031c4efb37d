//! Answers that no authorization server should give: never a verdict, and the right exit code.

use crate::common::server::{answer, answering, json, silent};
use crate::common::{Run, World};

const TOKEN: &str = "s3cret-token-0123456789";

/// With so many seconds for the call, which takes real time.
fn introspect(world: &World, issuer: &str, seconds: &str) -> Run {
    let args = [
        "introspect",
        "--json",
        "--timeout",
        seconds,
        "--issuer",
        issuer,
        "--client-id",
        "0oa1",
        "--key-file",
        "key.pem",
    ];
    world.pipe(&args, TOKEN)
}

#[test_support::test]
fn nonsense_is_no_verdict() {
    let (world, _) = World::with_key();
    let html = "Content-Type: text/html\r\n";
    let long = format!("{{\"active\":true,\"x\":\"{}\"}}", "x".repeat(10 * 1024 * 1024));
    for (name, bytes, told) in [
        ("HTML", answer("200 OK", html, "<html>sign in</html>"), "text/html"),
        ("empty body", json("200 OK", ""), "is empty"),
        ("truncated", json("200 OK", "{\"active\":tr"), "JSON"),
        ("text for true", json("200 OK", "{\"active\":\"true\"}"), "members"),
        ("number for true", json("200 OK", "{\"active\":1}"), "members"),
        ("no active", json("200 OK", "{}"), "members"),
        ("an array", json("200 OK", "[{\"active\":true}]"), "members"),
        ("10 MB", json("200 OK", &long), "longer than"),
        (
            "wrong type",
            answer("200 OK", "Content-Type: text/plain\r\n", "{\"active\":true}"),
            "not JSON",
        ),
        ("no type", answer("200 OK", "", "{\"active\":true}"), "no content type"),
        (
            "redirect",
            answer("302 Found", "Location: https://evil.example/\r\n", ""),
            "never followed",
        ),
        ("no endpoint", answer("404 Not Found", html, "<html></html>"), "not one of the protocol"),
        ("failing", answer("503 Service Unavailable", html, "<html></html>"), "is failing"),
        (
            "too many requests",
            json(
                "429 Too Many Requests",
                "{\"errorCode\":\"E0000047\",\"errorSummary\":\"API call exceeded rate limit\"}",
            ),
            "called too often",
        ),
        ("broken off", Vec::new(), "connection"),
    ] {
        let run = introspect(&world, &answering(move |_| bytes.clone()), "20");
        assert_eq!(run.code, 3, "{name}: {run:?}");
        run.fails(3, told).hides(TOKEN);
    }
}

#[test_support::test]
fn a_refusal_of_ours_is_not_an_inactive_token() {
    let (world, _) = World::with_key();
    for (status, error, description, told) in [
        (
            "401 Unauthorized",
            "invalid_client",
            "The client_assertion JWT kid is invalid.",
            "key id",
        ),
        ("401 Unauthorized", "invalid_client", "The client_assertion token is expired.", "clock"),
        ("401 Unauthorized", "invalid_client", "Something new.", "check the client id"),
        ("400 Bad Request", "invalid_request", "The 'token' parameter is required.", "token"),
        ("403 Forbidden", "access_denied", "Policy evaluation failed.", "policy"),
    ] {
        let body = format!("{{\"error\":\"{error}\",\"error_description\":\"{description}\"}}");
        let run = introspect(&world, &answering(move |_| json(status, &body)), "20");
        run.fails(4, description).hides(TOKEN);
        assert!(run.stderr.contains(told), "{told}: {run:?}");
    }
}

#[test_support::test]
fn a_server_that_repeats_the_request_does_not_make_us_tell_it() {
    let (world, _) = World::with_key();
    for status in ["200 OK", "401 Unauthorized"] {
        let issuer = answering(move |body| {
            json(
                status,
                &format!("{{\"error\":\"invalid_client\",\"error_description\":\"{body}\"}}"),
            )
        });
        let run = introspect(&world, &issuer, "20");
        run.hides(TOKEN).hides("eyJ");
        assert!(matches!(run.code, 3 | 4), "{run:?}");
    }
}

#[test_support::test]
fn no_answer_before_the_deadline_is_exit_code_3() {
    let (world, _) = World::with_key();
    let (issuer, _listener) = silent();
    introspect(&world, &issuer, "1").fails(3, "in time");
}
