//! `api` against the sandbox, and against servers that lead astray.

use serde_json::{Value, json};

use crate::common::server::{answer, answering, json};
use crate::common::{Run, Sandbox, World};

/// A world with a sandbox of so many users, whose app demands DPoP.
fn org(users: usize) -> (World, Sandbox, Vec<String>) {
    let (world, key_id) = World::with_key();
    let jwk = world.run(&["jwk", "--key-file", "key.pem"]).json();
    let app = |id: &str, admin: bool| {
        json!({
            "client_id": id, "dpop_required": true, "admin": admin, "jwks": {"keys": [jwk]},
            "scopes": ["okta.users.read", "okta.logs.read"],
        })
    };
    let users: Vec<Value> = (0..users)
        .map(|n| json!({"id": format!("00u{n:05}"), "login": format!("u{n}@example.test")}))
        .collect();
    let seed = json!({"apps": [app("0oaapi", true), app("0oanobody", false)], "users": users});
    world.write("seed.json", seed.to_string());
    let sandbox = Sandbox::start(&world, &["--seed", "seed.json"]);
    let client = ["--issuer", sandbox.text("issuer"), "--key-file", "key.pem", "--key-id", &key_id];
    let client = client.map(str::to_owned).to_vec();
    (world, sandbox, client)
}

fn api(world: &World, client: &[String], more: &[&str]) -> Run {
    let client: Vec<&str> = client.iter().map(String::as_str).collect();
    let id: &[&str] = if more.contains(&"--client-id") { &[] } else { &["--client-id", "0oaapi"] };
    world.run(&[&["api"], &client[..], id, more].concat())
}

#[test_support::test]
fn every_page_is_fetched_once_and_in_order_with_dpop() {
    let (world, _sandbox, client) = org(2_500);
    let ids: Vec<String> = (0..2_500).map(|n| format!("00u{n:05}")).collect();

    let joined = api(&world, &client, &["/api/v1/users", "--paginate"]);
    let users: Vec<Value> = serde_json::from_str(&joined.exits(0).stdout).unwrap();
    assert_eq!(users.iter().map(|user| user["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);

    let lines =
        api(&world, &client, &["/api/v1/users", "-f", "limit=150", "--paginate", "--lines"]);
    let of_line = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].clone();
    assert_eq!(lines.exits(0).stdout.lines().map(of_line).collect::<Vec<_>>(), ids);

    let raw = ["api/v1/users", "--paginate", "--filter", ".[].id", "--raw"];
    assert_eq!(api(&world, &client, &raw).exits(0).stdout.lines().collect::<Vec<_>>(), ids);
}

#[test_support::test]
fn answers_are_shown_as_asked() {
    let (world, sandbox, client) = org(3);
    let one = api(&world, &client, &["/api/v1/users/u1@example.test"]);
    assert_eq!(one.exits(0).json()["id"], "00u00001");
    // A whole URL of the org is a path, too.
    let url = format!("{}/api/v1/users/00u00001", sandbox.text("issuer"));
    assert_eq!(api(&world, &client, &["GET", &url]).exits(0).stdout, one.stdout);
    let page = api(&world, &client, &["/api/v1/users", "-f", "limit=2"]);
    assert_eq!(page.exits(0).json().as_array().unwrap().len(), 2);
    let logins = api(&world, &client, &["/api/v1/users", "--filter", ".[].profile.login"]);
    assert_eq!(
        logins.exits(0).stdout,
        "\"u0@example.test\"\n\"u1@example.test\"\n\"u2@example.test\"\n"
    );
    let headers = api(&world, &client, &["-i", "/api/v1/users"]);
    assert!(headers.exits(0).stdout.starts_with("HTTP 200\n"), "{headers:?}");
    assert!(headers.stdout.contains("\nlink: <"), "{headers:?}");
    // The System Log has always a next page; its list ends all the same.
    let log = api(&world, &client, &["/api/v1/logs", "--paginate", "--filter", ".[].eventType"]);
    assert!(log.exits(0).stdout.contains("app.oauth2.token.grant"), "{log:?}");
}

#[test_support::test]
fn refusals_have_their_exit_codes() {
    let (world, _sandbox, client) = org(1);
    for (args, code, told) in [
        (&["/api/v1/groups"][..], 4, "no token with the scope okta.groups.read: "),
        (&["/api/v1/users", "--dpop", "never"], 4, "the app demands DPoP"),
        (&["/api/v1/unheard-of"], 2, "name it with --scope"),
        (&["https://evil.example/api/v1/users"], 2, "another host"),
        (&["//evil.example/api/v1/users"], 2, "name it with --scope"),
        (&["/api/v1/users", "-f", "s3cret"], 2, "key=value"),
        (&["/api/v1/users", "--filter", "id"], 2, "--filter is not a path"),
        (&["/api/v1/users", "--input", "seed.json"], 2, "a GET has no body"),
        (&["POST", "/api/v1/users", "--input", "missing.json"], 2, "missing.json"),
        (&["DELETE", "/api/v1/users", "--paginate", "--scope", "okta.users.read"], 2, "only a GET"),
        (&["PO5T", "/api/v1/users"], 2, "method"),
        (&["a", "b", "c"], 2, "error"),
        (&["/api/v1/users/00u00000", "--lines"], 3, "not a list"),
    ] {
        api(&world, &client, args).fails(code, told).hides("s3cret");
    }
}

#[test_support::test]
fn what_an_api_writes_beside_its_refusal_is_printed_as_it_came() {
    let (world, _sandbox, client) = org(1);
    let run = api(&world, &client, &["/api/v1/users/nobody"]);
    let body: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(body["errorCode"], "E0000007");
    assert!(body["errorCauses"].is_array(), "{body}");
    for (args, told) in [
        (&["/api/v1/users/nobody"][..], "Resource not found"),
        (&["/api/v1/users/nobody", "--paginate"], "Resource not found"),
        (&["/api/v1/zones", "--scope", "okta.users.read"], "check the path"),
        (&["/api/v1/logs", "--scope", "okta.users.read"], "does not have the scope"),
        (&["/api/v1/users", "--client-id", "0oanobody"], "admin role"),
    ] {
        let run = api(&world, &client, args);
        assert!(run.exits(4).stderr.contains(told), "{run:?}");
        assert!(run.stdout.starts_with("{\"errorCode\":"), "{run:?}");
    }
}

#[test_support::test]
fn a_custom_server_in_the_settings_does_not_hide_the_org() {
    let (world, sandbox, mut client) = org(1);
    client[1] = format!("{}/oauth2/default", sandbox.text("issuer"));
    api(&world, &client, &["/api/v1/users"]).exits(0);
}

#[test_support::test]
fn what_is_sent_arrives() {
    let (world, _) = World::with_key();
    let issuer = answering(|body| match body {
        token if token.contains("grant_type") => json(
            "200 OK",
            r#"{"access_token":"s3cret-t0ken","token_type":"Bearer","expires_in":3600}"#,
        ),
        body => json("201 Created", body),
    });
    let args = ["api", "--issuer", &issuer, "--client-id", "0oa1", "--key-file", "key.pem"];
    let body = ["POST", "/api/v1/groups", "-f", "profile.name=Auditors", "-f", "a=1"];
    let sent = world.run(&[&args[..], &body].concat());
    assert_eq!(
        sent.exits(0).hides("s3cret").json(),
        json!({"profile": {"name": "Auditors"}, "a": "1"})
    );
    let input = ["PUT", "/api/v1/groups/1", "--input", "-"];
    let sent = world.pipe(&[&args[..], &input].concat(), "{\"from\": \"stdin\"}");
    assert_eq!(sent.exits(0).stdout, "{\"from\": \"stdin\"}\n");
}

#[test_support::test]
fn a_next_page_on_another_host_is_refused() {
    let (world, _) = World::with_key();
    let elsewhere = crate::common::server::recording(answer("200 OK", "", "[]"));
    for target in ["https://evil.example/api/v1/users", &elsewhere.issuer()] {
        let link = format!("Link: <{target}>; rel=\"next\"\r\nContent-Type: application/json\r\n");
        let issuer = answering(move |body| match body.contains("grant_type") {
            true => json("200 OK", r#"{"access_token":"s3cret-t0ken","token_type":"Bearer"}"#),
            false => answer("200 OK", &link, "[1,\n2]"),
        });
        let args = ["api", "--issuer", &issuer, "--client-id", "0oa1", "--key-file", "key.pem"];
        let run = world.run(&[&args[..], &["/api/v1/users", "--paginate", "--lines"]].concat());
        run.exits(3).hides("s3cret");
        assert_eq!(run.stdout, "1\n2\n");
        assert!(run.stderr.contains("another host, which must not see the token"), "{run:?}");
    }
    assert!(elsewhere.requests().is_empty(), "somebody else was called");
}

#[test_support::test]
fn the_help_tells_which_scope_is_requested() {
    let help = World::new().run(&["api", "--help"]).exits(0).stdout.clone();
    for told in ["[METHOD] <PATH>", "/api/v1/zones: networkZones", "Examples:", "Exit codes:"] {
        assert!(help.contains(told), "{told}: {help}");
    }
}

/// Pages that never end by themselves: two that name each other, and empty ones.
#[test_support::test]
fn a_list_that_leads_back_or_to_nothing_ends_with_a_word() {
    let (world, _) = World::with_key();
    for (name, body, length, told) in [
        ("a cycle", "[1]", 3, "page 3 of the list links to one that came before"),
        ("a page that names itself", "[1]", 1, "page 1 of the list links to one that came before"),
        ("empty pages", "[ ]", u32::MAX, "page 50 of the list is empty, as were those before it"),
    ] {
        let served = std::sync::atomic::AtomicU32::new(0);
        let issuer = answering(move |form| {
            if form.contains("grant_type") {
                return json("200 OK", r#"{"access_token":"s3cret-t0ken","token_type":"Bearer"}"#);
            }
            let number = served.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let next = (number + 1) % length;
            // Links are whole URLs as a rule, but a path is one too.
            let headers = format!(
                "Link: </api/v1/users?after={next}>; rel=\"next\"\r\nContent-Type: application/json\r\n"
            );
            answer("200 OK", &headers, body)
        });
        let args = ["api", "--issuer", &issuer, "--client-id", "0oa1", "--key-file", "key.pem"];
        let run = world.run(&[&args[..], &["/api/v1/users?after=0", "--paginate"]].concat());
        assert!(run.exits(3).stderr.contains(told), "{name}: {run:?}");
        assert!(serde_json::from_str::<Value>(&run.stdout).unwrap().is_array(), "{name}: {run:?}");
    }
}
