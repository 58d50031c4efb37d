//! Users' refresh tokens at the sandbox: exchanged, narrowed, rotated, used twice, revoked, and refused in
//! Okta's words.

use std::time::Duration;

use okta_introspect::Algorithm;
use okta_introspect::sandbox::{App, AppStatus, SignIn, SignedIn, TokensOf, UserStatus};
use serde_json::{Value, json};

use crate::org::{
    ASSERTION_TYPE, Answer, CLIENT, Org, USER, decode, form_request, key, proof, sign,
};

const WEB: &str = "0oa2web";
const OTHER: &str = "0oa3other";
const TOKEN: &str = "/oauth2/default/v1/token";
const INTROSPECT: &str = "/oauth2/default/v1/introspect";
const REVOKE: &str = "/oauth2/default/v1/revoke";
const EVENT: &str = "app.oauth2.as.token.detect_reuse";

async fn org(app: fn(App) -> App) -> Org {
    Org::start_with(|builder, key| {
        let web = |id: &str| App::web(id).key(key.public_jwk());
        builder.app(app(web(WEB))).app(web(OTHER))
    })
    .await
}

async fn rotating() -> Org {
    org(|app| app.rotates_refresh_tokens(30)).await
}

fn sign_in(org: &Org) -> SignedIn {
    let sign_in = SignIn::new(WEB, USER).server("default").scope("offline_access").scope("read");
    org.sandbox.sign_in(&sign_in).unwrap()
}

/// The refresh token of a user who has just signed in.
fn refresh_token(org: &Org) -> String {
    sign_in(org).refresh_token.unwrap().expose().to_owned()
}

async fn post(org: &Org, client: &str, path: &str, members: &[(&str, &str)]) -> Answer {
    let mut claims = org.claims(path);
    (claims["iss"], claims["sub"]) = (json!(client), json!(client));
    let assertion = sign(&org.key, &json!({"alg": "ES256", "kid": "k1"}), &claims);
    let credentials = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)];
    let form: Vec<_> = members.iter().copied().chain(credentials).collect();
    let form: Vec<_> = form.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    org.post_form(path, &form).await
}

async fn refresh(org: &Org, token: &str) -> Answer {
    post(org, WEB, TOKEN, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

async fn is_active(org: &Org, client: &str, token: &str) -> bool {
    post(org, client, INTROSPECT, &[("token", token)]).await.json()["active"] == true
}

fn is_refused(answer: &Answer) -> bool {
    answer.refusal()
        == (400, "invalid_grant".to_owned(), "The refresh token is invalid or expired.".to_owned())
}

fn events(org: &Org) -> Vec<(&'static str, Option<String>)> {
    let log = org.sandbox.log();
    log.iter().map(|event| (event.event_type, event.outcome.reason.clone())).collect()
}

#[test_support::test]
async fn a_static_token_stays_and_gives_all_that_the_user_granted() {
    let org = org(|app| app).await;
    let signed_in = sign_in(&org);
    let first = signed_in.refresh_token.unwrap();
    org.clock.advance(Duration::from_secs(100));
    for _ in 0..2 {
        let answer = refresh(&org, first.expose()).await.json();
        assert_eq!(answer["refresh_token"], first.expose());
        assert_eq!(answer["scope"], "offline_access openid read");
        assert_eq!(
            (&answer["token_type"], &answer["expires_in"]),
            (&json!("Bearer"), &json!(3600))
        );
        let (_, access) = decode(answer["access_token"].as_str().unwrap());
        let (_, id) = decode(answer["id_token"].as_str().unwrap());
        let signed_in_at = org.sandbox.now().timestamp() - 100;
        for claims in [&access, &id] {
            assert_eq!(claims["auth_time"], signed_in_at, "{claims}");
            assert_eq!(claims["iat"], signed_in_at + 100, "{claims}");
        }
        assert_eq!(
            (&access["cid"], &access["uid"], &id["aud"]),
            (&json!(WEB), &json!(USER), &json!(WEB))
        );
    }
    assert!(is_active(&org, WEB, signed_in.access_token.expose()).await, "it lives on");
}

#[test_support::test]
async fn scopes_are_narrowed_and_never_widened() {
    let org = rotating().await;
    let token = refresh_token(&org);
    let ask = async |scope: &str| {
        let members =
            [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("scope", scope)];
        post(&org, WEB, TOKEN, &members).await
    };
    let narrow = ask("read").await.json();
    assert_eq!((&narrow["scope"], &narrow["id_token"]), (&json!("read"), &Value::Null));
    assert_eq!(narrow["refresh_token"], Value::Null, "without offline_access");
    for wide in ["write", "read write", "read  openid"] {
        assert_eq!(ask(wide).await.refusal().1, "invalid_scope", "{wide}");
    }
    org.clock.advance(Duration::from_secs(31));
    let whole = refresh(&org, &token).await.json();
    assert_eq!(whole["scope"], "offline_access openid read", "the token is as it was");
}

#[test_support::test]
async fn a_rotated_token_works_until_its_leeway_is_over() {
    for leeway in [0, 30, 60] {
        let org = Org::start_with(|builder, key| {
            builder.app(App::web(WEB).key(key.public_jwk()).rotates_refresh_tokens(leeway))
        })
        .await;
        let first = refresh_token(&org);
        let second = refresh(&org, &first).await.member("refresh_token");
        assert_ne!(first, second);
        if leeway > 0 {
            org.clock.advance(Duration::from_secs(u64::from(leeway) - 1));
            let third = refresh(&org, &first).await.member("refresh_token");
            assert!(![first.as_str(), second.as_str(), ""].contains(&third.as_str()));
            assert!(is_active(&org, WEB, &first).await);
            org.clock.advance(Duration::from_secs(1));
        }
        assert!(!is_active(&org, WEB, &first).await, "{leeway} s");
        assert!(is_active(&org, WEB, &second).await, "to ask is not to use");
        assert!(is_refused(&refresh(&org, &first).await), "{leeway} s");
        assert!(is_refused(&refresh(&org, &second).await), "{leeway} s");
    }
}

#[test_support::test]
async fn reuse_ends_everything_since_the_sign_in_and_nothing_else() {
    let org = rotating().await;
    let (signed_in, other) = (sign_in(&org), sign_in(&org));
    let first = signed_in.refresh_token.unwrap();
    let answer = refresh(&org, first.expose()).await;
    let (second, access) = (answer.member("refresh_token"), answer.member("access_token"));
    org.clock.advance(Duration::from_secs(30));
    assert!(is_refused(&refresh(&org, first.expose()).await));
    for token in [signed_in.access_token.expose(), &access, &second, first.expose()] {
        assert!(!is_active(&org, WEB, token).await);
    }
    assert!(is_active(&org, WEB, answer.member("id_token").as_str()).await, "it cannot be revoked");
    assert!(is_active(&org, WEB, other.access_token.expose()).await, "another sign-in");
    assert!(is_refused(&refresh(&org, first.expose()).await), "once more");
    let invalid = || Some("invalid_refresh_token".to_owned());
    let expected = [
        ("app.oauth2.as.token.grant.access_token", None),
        ("app.oauth2.as.token.grant.refresh_token", None),
        ("app.oauth2.as.token.grant.id_token", None),
        (EVENT, None),
        ("app.oauth2.as.token.grant", invalid()),
        ("app.oauth2.as.token.grant", invalid()),
    ];
    assert_eq!(events(&org), expected);
    let reuse = &org.sandbox.log()[3];
    let kinds: Vec<_> = reuse.target.iter().map(|target| target.kind).collect();
    assert_eq!(kinds, ["User", "refresh_token"]);
    assert_eq!(reuse.target[1].detail_entry["hash"], first.fingerprint());
    assert_eq!((reuse.actor.id.as_str(), reuse.outcome.result), (WEB, "SUCCESS"));
    let told: Vec<_> = org.sandbox.log().iter().map(|event| format!("{event:?}")).collect();
    assert!(!told.concat().contains(first.expose()) && !told.concat().contains(&second));
}

#[test_support::test]
async fn a_refresh_token_is_its_own_clients() {
    let org = rotating().await;
    let token = refresh_token(&org);
    let members = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    assert!(is_refused(&post(&org, OTHER, TOKEN, &members).await));
    assert!(!is_active(&org, OTHER, &token).await && is_active(&org, WEB, &token).await);
    assert_eq!(post(&org, OTHER, REVOKE, &[("token", &token)]).await.status, 200);
    assert!(is_active(&org, WEB, &token).await, "another client cannot revoke it");
    let answer = post(&org, WEB, INTROSPECT, &[("token", &token)]).await.json();
    let exp = org.sandbox.now().timestamp() + 7 * 86_400;
    let expected = json!({
        "active": true, "token_type": "Bearer", "scope": "offline_access openid read", "client_id": WEB,
        "username": "ada@example.test", "sub": "ada@example.test", "exp": exp,
    });
    assert_eq!(answer, expected);
    // A service app has no users.
    let (status, error, said) = post(&org, CLIENT, TOKEN, &members).await.refusal();
    assert_eq!((status, error.as_str()), (400, "unauthorized_client"));
    assert!(said.ends_with("Configured grant types: [client_credentials]."), "{said}");
    assert!(org.sandbox.sign_in(&SignIn::new(CLIENT, USER)).is_err());
}

#[test_support::test]
async fn what_is_no_good_refresh_token_is_refused_in_one_text() {
    let org = rotating().await;
    let signed_in = sign_in(&org);
    for wrong in ["made-up", signed_in.access_token.expose(), signed_in.id_token.unwrap().expose()]
    {
        assert!(is_refused(&refresh(&org, wrong).await));
    }
    let members = [("grant_type", "refresh_token")];
    assert_eq!(post(&org, WEB, TOKEN, &members).await.refusal().1, "invalid_request");
    let token = signed_in.refresh_token.unwrap();
    let at_org = [("grant_type", "refresh_token"), ("refresh_token", token.expose())];
    assert!(is_refused(&post(&org, WEB, "/oauth2/v1/token", &at_org).await), "another server's");
    org.sandbox.set_user_status(USER, UserStatus::Suspended).unwrap();
    assert!(is_refused(&refresh(&org, token.expose()).await), "the user is suspended");
    org.sandbox.set_user_status(USER, UserStatus::Active).unwrap();
    assert_eq!(refresh(&org, token.expose()).await.status, 200);
    org.sandbox.set_app_status(WEB, AppStatus::Inactive).unwrap();
    org.sandbox.set_app_status(WEB, AppStatus::Active).unwrap();
    assert!(is_refused(&refresh(&org, token.expose()).await), "the app was deactivated");
}

#[test_support::test]
async fn a_token_ends_seven_days_after_its_last_use() {
    let week = Duration::from_secs(7 * 86_400);
    let second = Duration::from_secs(1);
    let org = org(|app| app).await;
    let token = refresh_token(&org);
    for _ in 0..2 {
        org.clock.advance(week - second);
        assert_eq!(refresh(&org, &token).await.status, 200);
    }
    org.clock.advance(week);
    assert!(is_refused(&refresh(&org, &token).await));
    assert!(!events(&org).iter().any(|(event, _)| event.contains("reuse")));
}

#[test_support::test]
async fn revoking_a_refresh_token_takes_its_access_tokens_along_and_not_the_other_way_round() {
    let org = rotating().await;
    let signed_in = sign_in(&org);
    let first = signed_in.refresh_token.unwrap();
    post(&org, WEB, REVOKE, &[("token", signed_in.access_token.expose())]).await;
    assert!(!is_active(&org, WEB, signed_in.access_token.expose()).await);
    let answer = refresh(&org, first.expose()).await;
    let (second, access) = (answer.member("refresh_token"), answer.member("access_token"));
    assert!(is_active(&org, WEB, &access).await, "the refresh token stayed");
    let hint = [("token", second.as_str()), ("token_type_hint", "refresh_token")];
    assert_eq!(post(&org, WEB, REVOKE, &hint).await.status, 200);
    for token in [&access, &second, first.expose()] {
        assert!(!is_active(&org, WEB, token).await);
    }
    assert!(is_refused(&refresh(&org, &second).await));
    let log = org.sandbox.log();
    let revoked: Vec<_> = log.iter().filter(|event| event.event_type.ends_with("revoke")).collect();
    let kinds: Vec<_> = revoked.iter().map(|event| event.target[1].kind).collect();
    assert_eq!(kinds, ["access_token", "refresh_token"]);
}

#[test_support::test]
async fn an_administrator_ends_sign_ins_too() {
    let org = rotating().await;
    let ends: [fn(&Org, &SignedIn); 3] = [
        |org, tokens| assert!(org.sandbox.revoke(tokens.refresh_token.as_ref().unwrap())),
        |org, tokens| assert!(org.sandbox.revoke_silently(tokens.refresh_token.as_ref().unwrap())),
        |org, _| assert_eq!(org.sandbox.revoke_all(TokensOf::User(USER)).unwrap(), 1),
    ];
    for end in ends {
        let tokens = sign_in(&org);
        end(&org, &tokens);
        assert!(!is_active(&org, WEB, tokens.access_token.expose()).await);
        assert!(is_refused(&refresh(&org, tokens.refresh_token.unwrap().expose()).await));
    }
}

#[test_support::test]
async fn a_bound_access_token_needs_a_proof_and_a_demand_for_a_nonce_uses_nothing_up() {
    let org = org(|app| app.rotates_refresh_tokens(0).dpop_required(true)).await;
    let token = refresh_token(&org);
    let prover = key(Algorithm::Es256, "p1");
    let ask = async |nonce: Option<String>, with_proof: bool| {
        let mut claims = org.proof_claims("POST", TOKEN);
        if let Some(nonce) = nonce {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        let mut own = org.claims(TOKEN);
        (own["iss"], own["sub"]) = (json!(WEB), json!(WEB));
        let assertion = sign(&org.key, &json!({"alg": "ES256", "kid": "k1"}), &own);
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str()),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion.as_str()),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = form_request(org.http.post(org.url(TOKEN)), &form);
        Answer::of(if with_proof {
            request.header("dpop", proof(&prover, &claims))
        } else {
            request
        })
        .await
    };
    assert_eq!(ask(None, false).await.refusal().1, "invalid_dpop_proof");
    let demand = ask(None, true).await;
    assert_eq!(demand.refusal().1, "use_dpop_nonce");
    let answer = ask(Some(demand.header("dpop-nonce")), true).await;
    assert_eq!(answer.member("token_type"), "DPoP");
    let (_, claims) = decode(&answer.member("access_token"));
    assert_eq!(claims["cnf"]["jkt"], prover.public_jwk().thumbprint());
}

#[test]
fn a_leeway_out_of_bounds_is_refused_in_a_seed() {
    let seed = |leeway: u32| {
        let settings = json!({"rotation_type": "ROTATE", "leeway": leeway});
        let app = json!({"client_id": "0oa1", "type": "web", "refresh_token": settings});
        serde_json::from_value::<okta_introspect::sandbox::Seed>(json!({"apps": [app]}))
    };
    assert_eq!(seed(60).unwrap().apps[0].refresh_token.leeway, 60);
    assert!(seed(256).is_err());
}
