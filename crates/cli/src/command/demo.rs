//! `demo`: the whole story on a sandbox inside this process.

use std::time::Duration;

use okta_introspect::sandbox::{App, Sandbox};
use okta_introspect::{
    AccessToken, Algorithm, Audience, Client, ClientBuilder, Clock, Error, Issuer, Scopes,
    SeededRandom, SigningKey, SystemClock, Token,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::DemoArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::jwt::Unverified;
use crate::output;
use crate::text;
use crate::text::human;

use super::runtime::wait_for;

const CLIENT_ID: &str = "0oademo";
const SCOPE: &str = "okta.users.read";

pub(super) fn run(args: &DemoArgs) -> Result<Exit, Failure> {
    let mut story = Story { steps: Vec::new(), json: args.json };
    wait_for(play(&mut story)).map_err(|failure| {
        let step = story.steps.len() + 1;
        failure.with_exit(Exit::Unknown).during(format_args!("step {step} of the demo"))
    })?;
    if args.json {
        output::json(&json!({ "steps": story.steps }))?;
    }
    Ok(Exit::Done)
}

async fn play(story: &mut Story) -> Result<(), Failure> {
    let key = SigningKey::generate(Algorithm::Es256)?;
    let key = key.clone().with_key_id(Some(key.public_jwk().thumbprint()));
    let sandbox = start(&key).await?;
    let app = DemoApp { issuer: sandbox.issuer(), key };

    story.add(
        "sandbox",
        "start a server that checks everything, as Okta does",
        json!({"issuer": app.issuer.as_str()}),
    )?;
    story.add(
        "key",
        "make a key and register its public half with a service app",
        json!({
            "client_id": CLIENT_ID, "alg": app.key.public_jwk().algorithm(),
            "kid": app.key.public_jwk().key_id(),
        }),
    )?;
    let client = app.client().build()?;
    show_assertion(story, &client).await?;
    let token = client.request_token(&Scopes::parse(SCOPE)?).await?;
    story.add(
        "token",
        "get a service token, proving who we are with such an assertion",
        facts_of(&token),
    )?;
    introspect(story, &client, token.token(), true).await?;
    client.revoke(token.token(), None).await?;
    story.add(
        "revoke",
        "revoke it, with a new assertion for /revoke",
        json!({"accepted": true}),
    )?;
    introspect(story, &client, token.token(), false).await?;
    show_refusals(story, &app, token.token()).await
}

async fn start(key: &SigningKey) -> Result<Sandbox, Failure> {
    let app = App::service(CLIENT_ID).key(key.public_jwk()).grant(SCOPE);
    Sandbox::builder().app(app).start().await.map_err(|cause| {
        Failure::new(Exit::Unknown, "the sandbox cannot listen on loopback").because(&cause)
    })
}

/// The app of the demo, for clients with different settings.
struct DemoApp {
    issuer: Issuer,
    key: SigningKey,
}

impl DemoApp {
    fn client(&self) -> ClientBuilder {
        Client::builder(self.issuer.clone(), CLIENT_ID, self.key.clone())
    }
}

async fn show_assertion(story: &mut Story, client: &Client) -> Result<(), Failure> {
    let assertion = client.assertion(&client.endpoints().introspection).await?;
    let Some(jwt) = Unverified::decode(assertion.expose()) else {
        return Err(unexpected("the assertion is not a JWT"));
    };
    let mut facts = jwt.header;
    facts.extend(jwt.claims);
    let title = "sign an assertion: good for one call of one endpoint, for five minutes";
    story.add("assertion", title, Value::Object(facts))
}

async fn introspect(
    story: &mut Story,
    client: &Client,
    token: &Token,
    expected: bool,
) -> Result<(), Failure> {
    let answer = client.introspect(token, None).await?;
    if answer.active != expected {
        return Err(unexpected(format!("active is {}", answer.active)));
    }
    let title = if expected { "ask whether the token is good" } else { "ask again" };
    let facts = serde_json::to_value(&answer).map_err(|cause| {
        Failure::new(Exit::Unknown, "the answer cannot be shown").because(&cause)
    })?;
    story.add("introspect", title, facts)
}

/// How the server refuses two common mistakes.
async fn show_refusals(story: &mut Story, app: &DemoApp, token: &Token) -> Result<(), Failure> {
    let elsewhere = app.client().audience(Audience::TokenEndpoint).build()?;
    let refusal = elsewhere.introspect(token, None).await.err();
    let title = "send an assertion that is for /token to /introspect";
    story.add_refusal("wrong_audience", title, refusal.as_ref(), "aud")?;

    // Two clients that draw the same random numbers: their first assertions share one `jti`.
    let draw = || app.client().random(SeededRandom::new(1)).build();
    draw()?.introspect(token, None).await?;
    let refusal = draw()?.introspect(token, None).await.err();
    let title = "send an assertion whose jti has been used";
    story.add_refusal("used_assertion", title, refusal.as_ref(), "jti")
}

/// What may be shown of a token, which is all but the token itself.
fn facts_of(token: &AccessToken) -> Value {
    json!({
        "token_type": token.token_type().as_str(),
        "scope": token.scopes(),
        "expires_in": token.lifetime().as_ref().map(Duration::as_secs),
        "sha256": token.token().fingerprint(),
    })
}

/// The steps so far. As text they are printed one by one, as JSON together at the end.
struct Story {
    steps: Vec<Step>,
    json: bool,
}

/// One step; the names are stable.
#[derive(Serialize)]
struct Step {
    step: &'static str,
    title: &'static str,
    facts: Value,
}

impl Story {
    fn add(
        &mut self,
        step: &'static str,
        title: &'static str,
        facts: Value,
    ) -> Result<(), Failure> {
        if !self.json {
            output::report(format_args!("{}. {title}{}", self.steps.len() + 1, lines(&facts)))?;
        }
        self.steps.push(Step { step, title, facts });
        Ok(())
    }

    /// A step that must be refused, for a reason that is about one claim.
    fn add_refusal(
        &mut self,
        step: &'static str,
        title: &'static str,
        error: Option<&Error>,
        about: &str,
    ) -> Result<(), Failure> {
        let refused = error.and_then(|error| Some((error.refusal()?, error.diagnosis()?)));
        match refused {
            Some((refusal, diagnosis)) if diagnosis.about == about => self.add(
                step,
                title,
                json!({
                    "status": refusal.status,
                    "error": refusal.code,
                    "error_description": refusal.description,
                }),
            ),
            _ => Err(unexpected(format!("the server did not refuse the {about}"))),
        }
    }
}

/// An outcome that contradicts the rules of the client or of the sandbox.
fn unexpected(what: impl Into<String>) -> Failure {
    Failure::new(Exit::Unknown, what).advise("please report this as a bug")
}

/// Facts as lines below a title.
fn lines(facts: &Value) -> String {
    let now = SystemClock.now();
    let line = |(name, value): (&String, &Value)| {
        format!("\n   {name}: {}", text::one_line(&human::member(name, value, now)))
    };
    facts.as_object().into_iter().flatten().map(line).collect()
}
