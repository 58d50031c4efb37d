//! Client secrets at the sandbox: how they come, what is said of wrong ones, and how they are managed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use okta_introspect::sandbox::{App, AppStatus, AuthMethod, ClientSecret, Sandbox};
use serde_json::json;

use crate::org::{Answer, CLIENT, Org, form_request};

const INTROSPECT: &str = "/oauth2/v1/introspect";
const TOKEN: &str = "/oauth2/v1/token";
const CUSTOM: &str = "/oauth2/default/v1/token";
const APP: &str = "0oa3secret";
const SECRET: &str = "s3cret-of-the-app";

const FAILED: &str =
    "Client authentication failed. Either the client or the client credentials are invalid.";
const WRONG: &str = "The client secret supplied for a confidential client is invalid.";
const KEY: &str = "Client Credentials requests to the Org Authorization Server must use the private_key_jwt token_endpoint_auth_method.";

async fn org(method: AuthMethod) -> Org {
    let app = App::service(APP).auth_method(method).secret(SECRET).grant("okta.apps.manage");
    Org::start_with(|builder, _| builder.app(app)).await
}

/// Posts a form with this `Authorization` header, if there is one.
async fn post(org: &Org, path: &str, header: Option<&str>, members: &[(&str, &str)]) -> Answer {
    let form: Vec<_> =
        members.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut request = form_request(org.http.post(org.url(path)), &form);
    if let Some(pair) = header {
        request = request.header("authorization", format!("Basic {}", STANDARD.encode(pair)));
    }
    Answer::of(request).await
}

/// What introspection says about these credentials; nothing, if it takes them.
async fn said(org: &Org, header: Option<&str>, members: &[(&str, &str)]) -> String {
    let members = [&[("token", "x")], members].concat();
    let answer = post(org, INTROSPECT, header, &members).await;
    match answer.status {
        200 => String::new(),
        401 if !answer.member("error_description").is_empty() => answer.member("error_description"),
        401 => answer.member("errorSummary"),
        status => format!("{status} {}", answer.text),
    }
}

#[test_support::test]
async fn a_secret_in_the_header_is_judged() {
    let org = org(AuthMethod::ClientSecretBasic).await;
    let pair = format!("{APP}:{SECRET}");
    for (header, members, expected) in [
        (pair.as_str(), &[][..], ""),
        (&pair, &[("client_id", APP)], ""),
        (&pair, &[("client_id", CLIENT)], "Invalid value for 'client_id' parameter."),
        ("0oa3secret:s3cret%2dof%2Dthe-app", &[], ""),
        ("0oa3secret:s3cret-of-the-ap", &[], WRONG),
        ("0oa3secret:S3cret-of-the-app", &[], WRONG),
        ("0oa3secret:", &[], WRONG),
        ("0oa9:s3cret-of-the-app", &[], "Invalid value for 'client_id' parameter."),
        (CLIENT, &[], "Found Authentication header but was not valid client credentials."),
    ] {
        assert_eq!(said(&org, Some(header), members).await, expected, "{header}");
    }
    let in_form = [("client_id", APP), ("client_secret", SECRET)];
    assert_eq!(said(&org, None, &in_form).await, FAILED);
    assert_eq!(said(&org, None, &[("client_id", APP)]).await, FAILED);
    let both = post(&org, INTROSPECT, Some(&pair), &in_form).await;
    assert!(both.member("error_description").starts_with("Cannot supply multiple client"));
    org.sandbox.set_app_status(APP, AppStatus::Inactive).unwrap();
    assert_eq!(said(&org, Some(&pair), &[]).await, FAILED);
}

#[test_support::test]
async fn a_secret_in_the_form_and_a_public_client_are_judged() {
    let secret = org(AuthMethod::ClientSecretPost).await;
    let form = |secret: &'static str| [("client_id", APP), ("client_secret", secret)];
    assert_eq!(said(&secret, None, &form(SECRET)).await, "");
    assert_eq!(said(&secret, None, &form("wrong")).await, WRONG);
    assert_eq!(said(&secret, None, &form("")).await, FAILED, "as none");
    assert_eq!(said(&secret, None, &form(SECRET)[1..]).await, "No client credentials found.");
    assert_eq!(said(&secret, Some(&format!("{APP}:{SECRET}")), &[]).await, FAILED);
    let public = org(AuthMethod::None).await;
    assert_eq!(said(&public, None, &[("client_id", APP)]).await, "");
    assert_eq!(said(&public, None, &form(SECRET)).await, FAILED);
}

#[test_support::test]
async fn the_org_server_gives_tokens_for_no_secret_and_none_to_public_clients() {
    let grant = [("grant_type", "client_credentials"), ("scope", "okta.users.read")];
    let basic = org(AuthMethod::ClientSecretBasic).await;
    let pair = format!("{APP}:{SECRET}");
    let refused = post(&basic, TOKEN, Some(&pair), &grant).await;
    assert_eq!(refused.refusal(), (401, "invalid_client".to_owned(), KEY.to_owned()));
    let wrong = post(&basic, TOKEN, Some("0oa3secret:wrong"), &grant).await;
    assert_eq!(wrong.member("error_description"), WRONG);
    let custom = [("grant_type", "client_credentials"), ("scope", "read")];
    assert_eq!(post(&basic, CUSTOM, Some(&pair), &custom).await.status, 200);
    let event = basic.sandbox.log().pop().unwrap();
    assert_eq!(event.debug_context["debugData"]["clientAuthType"], "client_secret_basic");
    let public = org(AuthMethod::None).await;
    let refused = post(&public, CUSTOM, None, &[&custom[..], &[("client_id", APP)]].concat()).await;
    assert_eq!((refused.status, refused.member("error").as_str()), (400, "unauthorized_client"));
}

#[test_support::test]
async fn secrets_are_managed_two_at_a_time() {
    let org = org(AuthMethod::ClientSecretBasic).await;
    let manager = App::service("0oa4manager").grant("okta.apps.manage");
    org.sandbox.register(manager);
    let grant = okta_introspect::sandbox::Grant::to_client("0oa4manager").scope("okta.apps.manage");
    let token = org.sandbox.issue(&grant).unwrap();
    let token = token.expose();
    let path = format!("/api/v1/apps/{APP}/credentials/secrets");
    let list = org.get_with(&path, token).await.json();
    assert_eq!((&list[0]["client_secret"], &list[0]["status"]), (&json!(SECRET), &json!("ACTIVE")));
    let first = list[0]["id"].as_str().unwrap();
    let change = async |below: &str| {
        let answer = org.change_with(&format!("{path}/{below}"), token, "").await;
        (answer.status, answer.member("status"))
    };
    let deactivate = format!("{first}/lifecycle/deactivate");
    assert_eq!(change(&deactivate).await.0, 400, "the last active one");
    let made = org.change_with(&path, token, "").await;
    assert_eq!(made.status, 201, "{}", made.text);
    let second = made.member("client_secret");
    assert!(second.len() >= 40, "{second}");
    assert_eq!(org.change_with(&path, token, "").await.status, 400, "a third one");
    let pair = |secret: &str| format!("{APP}:{secret}");
    assert_eq!(said(&org, Some(&pair(&second)), &[]).await, "");
    assert_eq!(change(&deactivate).await, (200, "INACTIVE".to_owned()));
    assert_eq!(said(&org, Some(&pair(SECRET)), &[]).await, WRONG);
    assert_eq!(change(&format!("{first}/lifecycle/activate")).await.0, 200);
    assert_eq!(said(&org, Some(&pair(SECRET)), &[]).await, "");
    let delete = async |id: &str| {
        let request = org.http.delete(org.url(&format!("{path}/{id}"))).bearer_auth(token);
        Answer::of(request).await.status
    };
    assert_eq!(delete(first).await, 400, "an active one");
    change(&deactivate).await;
    assert_eq!(delete(first).await, 204);
    assert_eq!(delete(first).await, 404);
    let own = r#"{"client_secret": "short"}"#;
    assert_eq!(org.change_with(&path, token, own).await.status, 400);
    let own = r#"{"client_secret": "chosen-by-hand-1"}"#;
    assert_eq!(org.change_with(&path, token, own).await.status, 201);
    assert_eq!(said(&org, Some(&pair("chosen-by-hand-1")), &[]).await, "");
}

#[test_support::test]
async fn a_seed_with_three_secrets_starts_no_sandbox() {
    let two = App::web(APP).secret("one").secret(ClientSecret::new("two").active(false));
    assert!(Sandbox::builder().app(two.clone()).start().await.is_ok());
    let error = Sandbox::builder().app(two.secret("three")).start().await.unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(told.contains("more than two") && !told.contains("three"), "{told}");
}
