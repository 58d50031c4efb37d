//! Lists that come in pages, and answers as JSON.

use http::Method;
use okta_introspect::{Error, ErrorKind, ResourceAnswer, ResourceCall, Scopes};
use serde::Deserialize;
use test_support::{Peer, Recorded, reply, reply_with};

use crate::support::{all_text, client, clock, seconds};

const GRANTED: &str =
    r#"{"access_token":"t1","token_type":"Bearer","expires_in":3600,"scope":"a"}"#;

/// An org whose lists are answered by `page`, from the part of the path behind `/api/v1/`.
async fn org(page: impl Fn(&str, &Recorded) -> Vec<u8> + Send + Sync + 'static) -> Peer {
    Peer::answering(move |request| match request.target.strip_prefix("/api/v1/") {
        Some(rest) => page(rest, request),
        None => reply(200, "application/json", GRANTED),
    })
    .await
}

fn linked(body: &str, next: &str) -> Vec<u8> {
    let link = format!(r#"<{next}>; rel="next""#);
    reply_with(200, &[("content-type", "application/json"), ("link", &link)], body)
}

fn plain(body: &str) -> Vec<u8> {
    reply(200, "application/json", body)
}

/// The bodies of all pages, and how the list ended.
async fn read(peer: &Peer, path: &str, max_pages: usize) -> (Vec<String>, Result<(), Error>) {
    let resource = client(peer, &clock()).resource(Scopes::parse("a").unwrap());
    let mut pages = resource.pages(ResourceCall::get(path)).max_pages(max_pages);
    let mut bodies = Vec::new();
    loop {
        match pages.next_page().await {
            Ok(Some(page)) => bodies.push(String::from_utf8(page.body).unwrap()),
            Ok(None) => return (bodies, Ok(())),
            Err(error) => {
                let again = pages.next_page().await;
                assert!(again.is_err(), "a broken list never looks complete");
                return (bodies, Err(error));
            }
        }
    }
}

#[test_support::test]
async fn pages_are_followed_in_each_form_until_there_are_no_more() {
    let peer = org(|rest, request| {
        let own = format!("http://{}/api/v1", request.header("host").unwrap());
        match rest {
            "users" => linked("[1]", &format!("{own}/users?after=a")),
            "users?after=a" => linked("[2]", "/api/v1/users?after=b"),
            "iam" => plain(&format!(r#"{{"_links":{{"next":{{"href":"{own}/iam?after=a"}}}}}}"#)),
            "iam?after=a" => plain(r#"{"_links":{"self":{}}}"#),
            "logs" => linked("[1]", "/api/v1/logs?after=a"),
            "logs?after=a" => linked("[]", "/api/v1/logs?after=b"),
            "same" => linked("[]", "/api/v1/same"),
            "logs/same" => linked("[1]", &format!("{own}/logs/same")),
            "sparse" => linked("[ ]", &format!("{own}/sparse1")),
            sparse if sparse.len() < 55 && sparse.starts_with("sparse") => {
                linked("[\n]", &format!("/api/v1/{sparse}1"))
            }
            _ => plain("[3]"),
        }
    })
    .await;
    for (path, count) in [
        ("users", 3),
        ("iam", 2),
        ("logs", 2),
        ("same", 1),
        ("logs/same", 1),
        ("sparse", 50),
        ("other", 1),
    ] {
        let (bodies, end) = read(&peer, &format!("/api/v1/{path}"), 100).await;
        assert_eq!((bodies.len(), end.is_ok()), (count, true), "{path}: {bodies:?}");
    }
}

#[test_support::test]
async fn lists_that_do_not_end_are_errors_and_no_lists() {
    let peer = org(|rest, request| match rest {
        "whole" => {
            let host = request.header("host").unwrap();
            linked("[1]", &format!("http://{host}/api/v1/whole"))
        }
        "full" => linked("[1]", "/api/v1/fullx"),
        full if full.starts_with("full") => linked("[1]", &format!("/api/v1/{full}x")),
        "circle" => linked("[1]", "/api/v1/circle?after=a"),
        "circle?after=a" => linked("[2]", "/api/v1/circle"),
        "elsewhere" => linked("[1]", "https://evil.example/api/v1/users"),
        endless => linked("[]", &format!("/api/v1/{endless}x")),
    })
    .await;
    for (path, count, kind, says) in [
        ("circle", 2, ErrorKind::Malformed, "page 2 of the list links to one that came before"),
        ("whole", 1, ErrorKind::Malformed, "page 1 of the list links to one that came before"),
        ("elsewhere", 1, ErrorKind::Malformed, "another host"),
        ("full", 100, ErrorKind::Input, "more than 100 pages"),
        ("endless", 50, ErrorKind::Malformed, "page 50 of the list is empty"),
    ] {
        let (bodies, end) = read(&peer, &format!("/api/v1/{path}"), 100).await;
        let error = end.unwrap_err();
        assert_eq!((bodies.len(), error.kind()), (count, kind), "{path}");
        assert!(error.to_string().contains(says), "{path}: {error}");
    }
    let resource = client(&peer, &clock()).resource(Scopes::parse("a").unwrap());
    let post = ResourceCall::json(Method::POST, "/api/v1/users", "{}");
    let sent = peer.requests().len();
    assert_eq!(resource.pages(post).next_page().await.unwrap_err().kind(), ErrorKind::Input);
    assert_eq!(peer.requests().len(), sent);
}

#[test_support::test]
async fn answers_are_read_as_the_types_of_the_caller_and_errors_quote_nothing() {
    #[derive(Debug, Deserialize)]
    struct User {
        id: String,
    }
    let peer = org(|rest, _| match rest {
        "users/1" => plain(r#"{"id": "00u1", "profile": {}}"#),
        "users/2" => plain(r#""s3cret""#),
        "users/3" => plain(r#"{"id": "s3cret"#),
        _ => plain("s3cret"),
    })
    .await;
    let resource = client(&peer, &clock()).resource(Scopes::parse("a").unwrap());
    let get = async |path: &str| -> ResourceAnswer {
        resource.call(&ResourceCall::get(format!("/api/v1/users/{path}"))).await.unwrap()
    };
    assert_eq!(get("1").await.json::<User>().unwrap().id, "00u1");
    for (path, says) in [("2", "does not fit"), ("3", "not whole JSON"), ("4", "not whole JSON")] {
        let error = get(path).await.json::<User>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        let said = all_text(&error);
        assert!(said.contains(says) && !said.contains("s3cret"), "{said}");
    }
}

#[test_support::test]
async fn a_token_tells_how_long_it_lives_and_shows_no_clock() {
    let peer = org(|_, _| plain("[]")).await;
    let clock = clock();
    let token = client(&peer, &clock).request_token(&Scopes::parse("a").unwrap()).await.unwrap();
    assert_eq!(token.time_left(&clock), Some(seconds(3600)));
    clock.advance(seconds(3599));
    assert_eq!(token.time_left(&clock), Some(seconds(1)));
    let end = okta_introspect::Clock::now(&clock) + chrono::TimeDelta::seconds(1);
    assert_eq!(token.expires_at(&clock), Some(end));
    clock.advance(seconds(10));
    assert_eq!(token.time_left(&clock), Some(seconds(0)));
    let shown = format!("{token:?}");
    assert!(shown.contains("3600s") && shown.contains("Bearer"), "{shown}");
    assert!(!shown.contains("Clock") && !shown.contains("requested_at"), "{shown}");
}
