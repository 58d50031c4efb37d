//! Every client authentication at a real server: tokens, introspection, revocation, and refresh tokens that
//! rotate. The same at the sandbox is in `tests/client/methods.rs`.

use okta_introspect::{
    Algorithm, Client, ClientAuth, HmacAlgorithm, Issuer, Secret, SigningKey, Token,
};
use serde_json::{Value, json};

use crate::node::{Provider, http};
use crate::walk::{SignedIn, assert_refused, walk};

const CLIENT_ID: &str = "0oa-interop:%+ 1";
const SCOPE: &str = "okta.users.read";
const USER_SCOPES: &str = "openid offline_access";

/// What is hard to encode; samples that open nothing. The server takes visible ASCII only.
fn secrets() -> [String; 3] {
    let awkward = "a%2B+b c:d&e=f/g?h#\"\\~!'();@$,[]-sample".to_owned();
    [awkward, format!("%%25::++{}", "x".repeat(40)), "%+: ~aZ9".repeat(128)]
}

/// A registration with its client's side, and one whose secret or key is another.
struct Method {
    registration: Value,
    right: ClientAuth,
    wrong: Option<ClientAuth>,
}

fn methods() -> Vec<Method> {
    let key = || {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let thumbprint = key.public_jwk().thumbprint();
        key.with_key_id(Some(thumbprint))
    };
    let own = key();
    let jwk: Value = serde_json::from_str(&own.public_jwk().to_json()).unwrap();
    let mut methods = vec![
        Method {
            registration: json!({"auth_method": "private_key_jwt", "jwks": {"keys": [jwk]}, "alg": "ES256"}),
            wrong: Some(key().with_key_id(own.public_jwk().key_id().map(str::to_owned)).into()),
            right: own.into(),
        },
        Method {
            registration: json!({"auth_method": "none"}),
            right: ClientAuth::None,
            wrong: None,
        },
    ];
    for secret in secrets() {
        let wrong = format!("{secret}x");
        let with = |secret: &str, algorithm: Option<HmacAlgorithm>, in_header: bool| {
            let secret = Secret::new(secret);
            match algorithm {
                Some(algorithm) => ClientAuth::client_secret_jwt(secret, algorithm),
                None if in_header => ClientAuth::ClientSecretBasic(secret),
                None => ClientAuth::ClientSecretPost(secret),
            }
        };
        let assertions =
            HmacAlgorithm::ALL.into_iter().filter(|it| secret.len() >= it.min_secret_len());
        let assertions = assertions.map(|algorithm| (Some(algorithm), false));
        for (algorithm, in_header) in [(None, true), (None, false)].into_iter().chain(assertions) {
            let right = with(&secret, algorithm, in_header);
            let mut registration = json!({"auth_method": right.method(), "secret": secret});
            if let Some(algorithm) = algorithm {
                registration["alg"] = algorithm.name().into();
            }
            methods.push(Method {
                registration,
                right,
                wrong: Some(with(&wrong, algorithm, in_header)),
            });
        }
    }
    methods
}

#[test_support::test(multi_thread)]
async fn every_method_gets_asks_revokes_and_refreshes_at_a_real_server() {
    for Method { mut registration, right, wrong } in methods() {
        registration["client_id"] = CLIENT_ID.into();
        registration["refresh"] = true.into();
        registration["scopes"] = json!([SCOPE, "openid", "offline_access"]);
        let provider = Provider::start(&json!({"clients": [registration], "audience": "endpoint"}));
        println!("oidc-provider {}: {}", provider.version(), right.method());
        let client = |auth| {
            let issuer = Issuer::parse(provider.issuer()).unwrap();
            Client::builder(issuer, CLIENT_ID, auth).build().unwrap()
        };
        walk(&client(right), SCOPE, "ada", async || sign_in(&provider).await).await;
        if let Some(wrong) = wrong {
            assert_refused(&client(wrong), &sign_in(&provider).await).await;
        }
    }
}

async fn sign_in(provider: &Provider) -> SignedIn {
    let url = provider.control_url("/control/sign-in");
    let body = json!({"client_id": CLIENT_ID, "scope": USER_SCOPES}).to_string();
    let answer = http().post(url).body(body).send().await.unwrap().bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).expect("the provider signs in");
    let token = |name: &str| Token::parse(answer[name].as_str().unwrap()).unwrap();
    SignedIn { access: token("access_token"), refresh: token("refresh_token") }
}
