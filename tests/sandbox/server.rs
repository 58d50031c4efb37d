//! The sandbox as a server: routes, discovery, management endpoints, records, its end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use okta_introspect::sandbox::{App, Grant, Sandbox, Seed, SignIn, User, UserStatus};
use okta_introspect::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::org::{Answer, CLIENT, Org, USER, decode, http_client};

#[test_support::test]
async fn unknown_routes_and_methods_are_refused_in_the_shape_of_the_api() {
    let org = Org::start().await;
    for path in [
        "/",
        "/oauth2",
        "/oauth2/v1/authorize",
        "/oauth2/none/v1/keys",
        "/oauth2/none/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/oauth2/none",
        "/.well-known/openid-configuration/oauth2/default",
        "/api/v1/zones",
        "/api/v2/users",
    ] {
        let answer = org.get(path).await;
        assert_eq!(
            (answer.status, answer.member("errorCode").as_str()),
            (404, "E0000007"),
            "{path}"
        );
        assert!(answer.json()["errorCauses"].is_array(), "{path}");
    }
    for path in ["/oauth2/v1/token", "/oauth2/default/v1/introspect", "/oauth2/v1/revoke"] {
        let answer = org.get(path).await;
        assert_eq!(
            (answer.status, answer.member("errorCode").as_str()),
            (405, "E0000022"),
            "{path}"
        );
    }
    for path in ["/oauth2/v1/keys", "/.well-known/openid-configuration", "/api/v1/users"] {
        let answer = Answer::of(org.http.post(org.url(path))).await;
        assert_eq!(answer.status, 405, "{path}");
    }
}

#[test_support::test]
async fn discovery_is_found_in_every_form_and_names_what_is_served() {
    let org = Org::start().await;
    let forms = [
        ("/.well-known/openid-configuration", ""),
        ("/.well-known/oauth-authorization-server", ""),
        ("/oauth2/default/.well-known/openid-configuration", "/oauth2/default"),
        ("/oauth2/default/.well-known/oauth-authorization-server", "/oauth2/default"),
        ("/.well-known/oauth-authorization-server/oauth2/default", "/oauth2/default"),
    ];
    for (path, issuer) in forms {
        let document = org.get(path).await.json();
        assert_eq!(document["issuer"], org.url(issuer), "{path}");
        let is_openid = path.ends_with("openid-configuration");
        for member in ["userinfo_endpoint", "id_token_signing_alg_values_supported"] {
            assert_eq!(document.get(member).is_some(), is_openid, "{path}: {member}");
        }
        assert_eq!(document["registration_endpoint"], org.url("/oauth2/v1/clients"), "{path}");
        let algorithms = document["request_object_signing_alg_values_supported"].as_array();
        assert!(algorithms.unwrap().contains(&json!("ES256")), "{path}");
        let base = if issuer.is_empty() { "/oauth2" } else { issuer };
        for (member, name) in [
            ("end_session_endpoint", "logout"),
            ("device_authorization_endpoint", "device/authorize"),
            ("pushed_authorization_request_endpoint", "par"),
            ("token_endpoint", "token"),
            ("introspection_endpoint", "introspect"),
            ("revocation_endpoint", "revoke"),
            ("jwks_uri", "keys"),
        ] {
            assert_eq!(document[member], org.url(&format!("{base}/v1/{name}")), "{path}");
        }
    }
    let issuer = org.sandbox.custom_issuer("default").unwrap();
    let endpoints = issuer.endpoints().unwrap();
    assert_eq!(endpoints.jwks.as_str(), org.url("/oauth2/default/v1/keys"));
    assert!(org.sandbox.custom_issuer("none").is_none());
}

#[test_support::test]
async fn discovery_for_an_unknown_client_is_refused() {
    let org = Org::start().await;
    let path = "/.well-known/openid-configuration?client_id=";
    let answer = org.get(&format!("{path}0oa9")).await;
    assert_eq!((answer.status, answer.member("errorCode").as_str()), (400, "invalid_client"));
    assert_eq!(org.get(&format!("{path}{CLIENT}")).await.status, 200);
}

#[test_support::test]
async fn every_answer_is_dated_by_the_servers_clock_and_has_an_id() {
    let org = Org::start().await;
    org.sandbox.set_clock_offset(TimeDelta::seconds(90));
    let mut ids = Vec::new();
    for path in ["/oauth2/v1/keys", "/oauth2/v1/token", "/none"] {
        let answer = org.get(path).await;
        assert_eq!(answer.header("date"), "Fri, 15 Jan 2027 08:01:30 GMT");
        assert_eq!(answer.headers.get_all("date").iter().count(), 1);
        ids.push(answer.header("x-okta-request-id"));
    }
    let recorded: Vec<_> = org.sandbox.requests().iter().map(|r| r.id().to_owned()).collect();
    assert_eq!(ids, recorded);
}

#[test_support::test]
async fn management_endpoints_want_a_good_token_with_the_scope() {
    let org = Org::start().await;
    let read = org.bearer(&["okta.users.read"]);
    let manage = org.bearer(&["okta.users.manage"]);
    let logs = org.bearer(&["okta.logs.read"]);
    let custom = Grant::to_client(CLIENT).server("default").scope("okta.users.read");
    let custom = org.sandbox.issue(&custom).unwrap().expose().to_owned();
    let revoked = org.bearer(&["okta.users.read"]);
    org.sandbox.revoke(&okta_introspect::Token::parse(&revoked).unwrap());
    let short = Grant::to_client(CLIENT).lifetime(Duration::ZERO);
    let expired = org.sandbox.issue(&short).unwrap().expose().to_owned();
    let cases = [
        ("read", read.as_str(), 200, ""),
        ("manage", &manage, 200, ""),
        ("other scope", &logs, 403, "insufficient_scope"),
        ("garbage", "x", 401, "The access token is invalid."),
        ("custom server", &custom, 401, "not intended for Okta"),
        ("revoked", &revoked, 401, "has been revoked"),
        ("expired", &expired, 401, "has expired"),
    ];
    for (name, token, status, challenge) in cases {
        let answer = org.get_with("/api/v1/users", token).await;
        assert_eq!(answer.status, status, "{name}");
        assert!(answer.header("www-authenticate").contains(challenge), "{name}");
        let code = match status {
            401 => "E0000011",
            403 => "E0000006",
            _ => continue,
        };
        assert_eq!(answer.member("errorCode"), code, "{name}");
    }
    let answer = org.get("/api/v1/users").await;
    assert_eq!((answer.status, answer.member("errorCode").as_str()), (403, "E0000005"));
    org.sandbox.register(App::service(CLIENT).admin(false));
    let answer = org.get_with("/api/v1/users", &read).await;
    assert_eq!((answer.status, answer.member("errorCode").as_str()), (403, "E0000006"));
    assert_eq!(answer.header("www-authenticate"), "");
}

#[test_support::test]
async fn users_are_listed_in_pages() {
    let org = Org::start_with(|builder, _| {
        (2..=5).fold(builder, |builder, n| {
            builder.user(User::new(format!("00u{n}"), format!("user{n}@example.test")))
        })
    })
    .await;
    org.sandbox.set_user_status("00u3", UserStatus::Deprovisioned).unwrap();
    let token = org.bearer(&["okta.users.read"]);
    let (mut seen, mut sizes) = (Vec::new(), Vec::new());
    let mut next = Some(org.url("/api/v1/users?limit=2"));
    while let Some(url) = next {
        let answer = Answer::of(org.http.get(url).bearer_auth(&token)).await;
        let page: Vec<Value> = serde_json::from_str(&answer.text).unwrap();
        sizes.push(page.len());
        seen.extend(page.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
        next = answer.link("next");
    }
    assert_eq!(seen, [USER, "00u2", "00u4", "00u5"]);
    assert_eq!(sizes, [2, 2]);
}

#[test_support::test]
async fn a_user_is_found_by_id_and_by_login() {
    let org = Org::start().await;
    let token = org.bearer(&["okta.users.read"]);
    for name in [USER, "ada%40example.test", "ada@example.test"] {
        let user = org.get_with(&format!("/api/v1/users/{name}"), &token).await.json();
        assert_eq!(user["id"], USER, "{name}");
        assert_eq!(user["status"], "ACTIVE");
        assert_eq!(user["profile"]["firstName"], "Ada");
        assert_eq!(user["profile"]["email"], "ada@example.test");
    }
    assert_eq!(org.get_with("/api/v1/users/00u9", &token).await.status, 404);
}

#[test_support::test]
async fn searches_and_bad_limits_are_refused_and_not_ignored() {
    let org = Org::start().await;
    let token = org.bearer(&["okta.users.read", "okta.logs.read", "okta.groups.read"]);
    for path in [
        "/api/v1/users?search=status",
        "/api/v1/users?q=ada",
        "/api/v1/users?limit=none",
        "/api/v1/groups?q=a",
        "/api/v1/logs?since=yesterday",
        "/api/v1/logs?after=x",
    ] {
        assert_eq!(org.get_with(path, &token).await.status, 400, "{path}");
    }
}

#[test_support::test]
async fn an_apps_keys_are_listed_with_their_status() {
    let org = Org::start().await;
    let token = org.bearer(&["okta.apps.read"]);
    org.sandbox.deactivate_key(CLIENT, "k1").unwrap();
    let path = format!("/api/v1/apps/{CLIENT}/credentials/jwks");
    let keys = org.get_with(&path, &token).await.json();
    assert_eq!(org.get_with(&format!("/api/v1/apps/{CLIENT}/jwks"), &token).await.json(), keys);
    assert_eq!(keys[0]["kid"], "k1");
    assert_eq!(keys[0]["status"], "INACTIVE");
    assert_eq!(keys[0]["kty"], "EC");
    let missing = "/api/v1/apps/0oa9/credentials/jwks";
    assert_eq!(org.get_with(missing, &token).await.status, 404);
}

#[test_support::test]
async fn an_apps_settings_grants_and_roles_can_be_read() {
    let org = Org::start().await;
    let get = async |path: String, scope: &str| {
        let answer = org.get_with(&path, &org.bearer(&[scope])).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.json()
    };
    let app = get(format!("/api/v1/apps/{CLIENT}"), "okta.apps.read").await;
    assert_eq!(app["credentials"]["oauthClient"]["token_endpoint_auth_method"], "private_key_jwt");
    let settings = &app["settings"]["oauthClient"];
    assert_eq!(settings["application_type"], "service");
    assert_eq!(settings["dpop_bound_access_tokens"], false);
    org.sandbox.grant(CLIENT, "okta.devices.read").unwrap();
    let grants = get(format!("/api/v1/apps/{CLIENT}/grants"), "okta.appGrants.read").await;
    assert!(grants.as_array().unwrap().iter().any(|grant| grant["scopeId"] == "okta.devices.read"));
    let roles = get(format!("/oauth2/v1/clients/{CLIENT}/roles"), "okta.roles.read").await;
    assert_eq!(roles.as_array().unwrap().len(), 1);
}

#[test_support::test]
async fn keys_are_added_and_deactivated_with_the_scope_to_manage_apps() {
    let org = Org::start().await;
    let manage = org.bearer(&["okta.apps.manage"]);
    let read = org.bearer(&["okta.apps.read"]);
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k2".to_owned()));
    let jwk = key.public_jwk().to_json();
    let keys = format!("/api/v1/apps/{CLIENT}/credentials/jwks");
    let id = org.get_with(&keys, &read).await.json()[0]["id"].as_str().unwrap().to_owned();
    let first = format!("{keys}/{id}/lifecycle/deactivate");
    for (name, path, token, body, status) in [
        ("only to read", &keys, &read, jwk.as_str(), 403),
        ("no key", &keys, &manage, "{}", 400),
        ("not JSON", &keys, &manage, "x", 400),
        ("the last active key", &first, &manage, "", 400),
        ("a new key", &keys, &manage, &jwk, 201),
        ("the same key id", &keys, &manage, &jwk, 400),
        ("a key that is not there", &format!("{keys}/pks9/lifecycle/deactivate"), &manage, "", 404),
        ("the old key", &first, &manage, "", 200),
    ] {
        assert_eq!(org.change_with(path, token, body).await.status, status, "{name}");
    }
    let listed = org.get_with(&keys, &read).await.json();
    assert_eq!((&listed[0]["status"], &listed[1]["kid"]), (&json!("INACTIVE"), &json!("k2")));
}

/// Okta's attributes have a character at least, or are null: its Python SDK believes it.
#[test_support::test]
async fn a_user_without_names_has_none() {
    let org = Org::start_with(|builder, _| {
        let user = |id: &str| User::new(id, format!("{id}@example.test"));
        builder.user(user("00u2")).user(user("00u3").name("Grace", ""))
    })
    .await;
    let token = org.bearer(&["okta.users.read", "okta.logs.read"]);
    for (id, first, name) in
        [("00u2", json!(null), json!(null)), ("00u3", json!("Grace"), json!("Grace"))]
    {
        let user = org.get_with(&format!("/api/v1/users/{id}"), &token).await.json();
        assert_eq!(
            (&user["profile"]["firstName"], &user["profile"]["lastName"]),
            (&first, &json!(null))
        );
        let sign_in = SignIn::new(CLIENT, id).scope("profile");
        let (_, claims) = decode(org.sandbox.issue_id_token(&sign_in).unwrap().expose());
        assert_eq!((&claims["given_name"], &claims["name"]), (&first, &name), "{claims}");
        assert_eq!(claims["family_name"], json!(null), "{claims}");
    }
    org.sandbox.set_user_status("00u2", UserStatus::Suspended).unwrap();
    assert_eq!(org.sandbox.log()[0].target[0].display_name, "00u2@example.test");
}

#[test_support::test]
async fn the_org_server_publishes_the_key_after_the_next_signature() {
    let org = Org::start().await;
    let keys = org.get("/oauth2/v1/keys").await.json();
    let ids: Vec<&Value> = keys["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
}

#[test_support::test]
async fn a_key_goes_from_its_registration_to_its_removal() {
    let org = Org::start().await;
    let (manage, read) = (org.bearer(&["okta.apps.manage"]), org.bearer(&["okta.apps.read"]));
    let keys = format!("/api/v1/apps/{CLIENT}/credentials/jwks");
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k2".to_owned()));
    let mut jwk: Value = serde_json::from_str(&key.public_jwk().to_json()).unwrap();
    jwk["use"] = json!(null);
    let added = org.change_with(&keys, &manage, &jwk.to_string()).await.json();
    assert_eq!((&added["use"], &added["status"]), (&json!("sig"), &json!("ACTIVE")), "{added}");
    assert_eq!(added["created"], "2027-01-15T08:00:00.000Z");
    let path = format!("{keys}/{}", added["id"].as_str().unwrap());
    assert_eq!(org.get_with(&path, &read).await.json(), added);
    let delete = async || Answer::of(org.http.delete(org.url(&path)).bearer_auth(&manage)).await;
    assert_eq!(delete().await.status, 400, "an active key stays");
    let change = async |what: &str| {
        org.change_with(&format!("{path}/lifecycle/{what}"), &manage, "").await.json()
    };
    assert_eq!(change("deactivate").await["status"], "INACTIVE");
    assert_eq!(change("activate").await["status"], "ACTIVE");
    assert_eq!(change("deactivate").await["_links"]["activate"]["hints"]["allow"][0], "POST");
    let deleted = delete().await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(org.get_with(&path, &read).await.status, 404);
    assert_eq!(org.get_with(&keys, &read).await.json().as_array().unwrap().len(), 1);
    let log = org.sandbox.log();
    let told: Vec<&str> = log.iter().map(|event| event.event_type).collect();
    let expected = ["create", "deactivate", "activate", "deactivate", "delete"];
    assert_eq!(told, expected.map(|what| format!("app.oauth2.credentials.lifecycle.{what}")));
    assert!(log.iter().all(|event| event.actor.id == CLIENT));
}

#[test_support::test]
async fn groups_are_made_and_found() {
    let org = Org::start().await;
    let (manage, read) = (org.bearer(&["okta.groups.manage"]), org.bearer(&["okta.groups.read"]));
    let create = async |token: &str, body: Value| {
        org.change_with("/api/v1/groups", token, &body.to_string()).await
    };
    let auditors = json!({"profile": {"name": "Auditors"}});
    assert_eq!(create(&read, auditors.clone()).await.status, 403);
    assert_eq!(create(&manage, json!({"profile": {"name": ""}})).await.status, 400);
    let made = create(&manage, auditors.clone()).await;
    assert_eq!((made.status, &made.json()["profile"]["name"]), (200, &json!("Auditors")));
    assert_eq!(create(&manage, auditors).await.status, 400, "a name is taken once");
    create(&manage, json!({"profile": {"name": "Others", "description": "no auditors"}})).await;
    let first = org.get_with("/api/v1/groups?limit=1", &read).await;
    assert_eq!(first.json()[0], made.json());
    let next = first.link("next").unwrap();
    let second = Answer::of(org.http.get(next).bearer_auth(&read)).await;
    assert_eq!(second.json()[0]["profile"]["description"], "no auditors");
    assert_eq!(second.link("next"), None);
    let path = format!("/api/v1/groups/{}", made.member("id"));
    assert_eq!(org.get_with(&path, &read).await.json(), made.json());
    assert_eq!(org.get_with("/api/v1/groups/00g9", &read).await.status, 404);
    assert_eq!(org.sandbox.log()[0].event_type, "group.lifecycle.create");
}

#[test_support::test]
async fn requests_are_recorded_with_their_parts() {
    let org = Org::start().await;
    org.introspect("/oauth2/v1/introspect", "s3cret").await;
    org.get("/oauth2/v1/keys?client_id=0oa1service").await;
    let requests = org.sandbox.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[0].method(), requests[0].status()), ("POST", 200));
    assert_eq!(requests[0].path(), "/oauth2/v1/introspect");
    assert_eq!(requests[0].form("token"), Some("s3cret"));
    assert_eq!(requests[0].at(), org.sandbox.now());
    assert_eq!(requests[1].query("client_id"), Some(CLIENT));
    let assertion = requests[0].form("client_assertion").unwrap();
    let shown = format!("{requests:?} {:?}", org.sandbox);
    assert!(!shown.contains("s3cret") && !shown.contains(assertion), "{shown}");
    org.sandbox.clear_requests();
    assert!(org.sandbox.requests().is_empty());
}

#[test_support::test]
async fn an_observer_is_told_of_each_answer_and_nothing_is_kept_where_it_need_not_be() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    let org = Org::start_with(move |builder, _| {
        builder.record_requests(false).on_answer(move |request| {
            let line =
                (request.path().to_owned(), request.status(), request.refusal().map(str::to_owned));
            seen.lock().unwrap().push(line);
        })
    })
    .await;
    org.get("/oauth2/default/v1/keys").await;
    org.token("/oauth2/v1/token", "orders.read").await;
    org.get("/api/v1/users").await;
    let line = |path: &str, status: u16, refusal: Option<&str>| {
        (path.to_owned(), status, refusal.map(str::to_owned))
    };
    assert_eq!(
        *told.lock().unwrap(),
        [
            line("/oauth2/default/v1/keys", 200, None),
            line(
                "/oauth2/v1/token",
                400,
                Some("invalid_scope: Custom scopes are not allowed for this request.")
            ),
            line("/api/v1/users", 403, Some("E0000005: Invalid session")),
        ]
    );
    assert!(org.sandbox.requests().is_empty());
}

#[test_support::test]
async fn a_body_that_is_too_long_is_refused() {
    let org = Org::start().await;
    let request = org.http.post(org.url("/oauth2/v1/token")).body(vec![b'a'; 300 * 1024]);
    if let Ok(response) = request.send().await {
        assert_eq!(response.status(), 400);
    }
}

#[test_support::test]
async fn clones_share_one_server_and_the_last_one_ends_it() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let (http, url) = (http_client(), format!("{}/oauth2/v1/nothing", sandbox.issuer()));
    let clone = sandbox.clone();
    drop(sandbox);
    assert_eq!(http.get(&url).send().await.unwrap().status(), 404);
    assert_eq!(clone.requests().len(), 1);
    drop(clone);
    // The server's tasks end when the runtime next runs them.
    while http.get(&url).send().await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[test_support::test]
async fn a_seed_document_fills_a_sandbox() {
    let seed: Seed = serde_json::from_str(
        r#"{
            "apps": [{"client_id": "0oa1", "type": "web", "jwks": {"keys": []}}],
            "users": [{"id": "00u1", "login": "ada@example.test", "status": "SUSPENDED"}],
            "servers": [{"id": "aus1", "audience": "api://x", "scopes": ["read"]}]
        }"#,
    )
    .unwrap();
    let sandbox = Sandbox::builder().seed(seed).start().await.unwrap();
    assert!(sandbox.custom_issuer("aus1").is_some());
    assert!(sandbox.issue(&Grant::to_client("0oa1").user("00u1").server("aus1")).is_ok());
}

#[test_support::test]
async fn a_sandbox_that_cannot_be_is_not_started() {
    let twice = Sandbox::builder().app(App::service("0oa1")).app(App::service("0oa1"));
    assert_eq!(twice.start().await.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    let public = Sandbox::builder().listen("0.0.0.0:0".parse().unwrap());
    assert_eq!(public.start().await.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    let first = Sandbox::builder().start().await.unwrap();
    let taken = Sandbox::builder().listen(first.address());
    assert_eq!(taken.start().await.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}
