//! Every refusal, as each of its readers sees it.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::challenge::{Cause, Rejection, Scheme, Terms};
use super::gate::Gate;
use super::head::RequestHead;
use super::mcp::BodyFault;
use super::resource::ResourceMetadata;
use crate::checker::{
    Answered, AudienceFault, Checker, Denied, ProofDenial, Reason, Requirement, SendTime, Upstream,
};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind};
use crate::issuer::Issuer;
use crate::secret::Token;
use crate::support::boxed_future::BoxFuture;
use crate::verify::InvalidToken;

const TOKEN: &str = "t0ken-that-must-never-show";

/// Stands for a server that is never asked.
#[derive(Debug)]
struct Unasked(Issuer);

impl Upstream for Unasked {
    fn issuer(&self) -> &Issuer {
        &self.0
    }

    fn introspect<'a>(
        &'a self,
        _: &'a Token,
        _: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Box::pin(async { Err(Error::new(ErrorKind::Unreachable, "it is never asked")) })
    }
}

/// Every reason, and every kind of one that is answered differently.
fn reasons() -> Vec<Reason> {
    let proofs = [
        ProofDenial::Missing,
        ProofDenial::Invalid,
        ProofDenial::Mismatch,
        ProofDenial::Time,
        ProofDenial::Replayed,
        ProofDenial::Key,
        ProofDenial::NotBound,
        ProofDenial::Unsupported,
    ];
    let mut reasons = vec![
        Reason::Malformed,
        Reason::UnknownIssuer,
        Reason::Issuer,
        Reason::Verification(Box::new(InvalidToken::Encrypted)),
        Reason::Inactive,
        Reason::NotAccessToken,
        Reason::Expired,
        Reason::NotYetValid,
        Reason::Audience(AudienceFault::Other),
        Reason::Audience(AudienceFault::TrailingSlash),
        Reason::Client,
        Reason::NoUser,
        Reason::Scope { missing: vec!["orders.write".to_owned()] },
        Reason::Predicate,
    ];
    for name in Reason::NAMES.iter().filter(|name| **name != "proof") {
        assert!(reasons.iter().any(|reason| reason.as_str() == *name), "{name} is not here");
    }
    reasons.extend(proofs.map(Reason::Proof));
    reasons
}

#[test]
fn every_reader_of_a_refusal_learns_what_the_table_says() {
    let heard = Arc::new(Mutex::new(String::new()));
    let hook = Arc::clone(&heard);
    let gate = Gate::new(Checker::builder(Unasked(issuer())).build().unwrap());
    let gate = gate.on_rejection(move |rejection, request| {
        let place = (request.method(), request.uri().path());
        writeln!(hook.lock().unwrap(), "  hook       {} {place:?}", rejection.reason()).unwrap();
    });
    let requirement = Requirement::new().scope("orders.write");
    let requirement = &requirement;
    let terms = Terms { realm: Some("orders"), dpop: true, resource: None, requirement };
    let mut rejections =
        vec![Rejection::no_token(terms), Rejection::malformed(terms), Rejection::no_rule()];
    for reason in reasons() {
        rejections.push(Rejection::denied(Denied::new(reason), Scheme::Bearer, terms));
    }
    rejections
        .extend([BodyFault::TooLarge, BodyFault::TooSlow, BodyFault::NoTool].map(Rejection::body));
    rejections.push(Rejection::unknown(Error::new(ErrorKind::Unreachable, "it is down")));
    let mut table = String::new();
    for rejection in rejections {
        writeln!(table, "{}", name(&rejection)).unwrap();
        table.push_str(&rows(&gate, &rejection, requirement, &heard));
    }
    let resource = ResourceMetadata::builder("https://api.acme.example/mcp");
    let resource = resource.authorization_server(&issuer()).build().unwrap();
    let terms = Terms { dpop: false, resource: Some(&resource), ..terms };
    let mut rejections =
        vec![Rejection::no_token(terms), Rejection::malformed(terms), Rejection::no_rule()];
    for reason in reasons() {
        rejections.push(Rejection::denied(Denied::new(reason), Scheme::Bearer, terms));
    }
    writeln!(table, "\nof a resource that has metadata").unwrap();
    for rejection in rejections {
        let told = rows(&gate, &rejection, requirement, &heard);
        writeln!(table, "{}", name(&rejection)).unwrap();
        for line in told.lines().filter(|line| line.contains("www-authenticate")) {
            writeln!(table, "{line}").unwrap();
        }
    }
    assert!(!table.contains(TOKEN), "{table}");
    let golden = include_str!("refusals.golden");
    if table != golden {
        let path = std::env::temp_dir().join("refusals.golden");
        std::fs::write(&path, &table).unwrap();
        panic!("the table differs from src/adapter/refusals.golden; it is in {}", path.display());
    }
}

fn name(rejection: &Rejection) -> String {
    match rejection.cause() {
        Cause::Denied(denied) => format!("Denied({:?})", denied.reason()),
        Cause::Unknown(_) => "Unknown".to_owned(),
        cause => format!("{cause:?}"),
    }
}

fn issuer() -> Issuer {
    Issuer::parse("https://acme.okta.com").unwrap()
}

/// What is answered and told, to a plain request and to one of gRPC.
fn rows(
    gate: &Gate,
    rejection: &Rejection,
    requirement: &Requirement,
    heard: &Arc<Mutex<String>>,
) -> String {
    let authorization = match rejection.cause() {
        Cause::NoToken => "Basic".to_owned(),
        Cause::Malformed => format!("Bearer {TOKEN} {TOKEN}"),
        _ => format!("Bearer {TOKEN}"),
    };
    let request = |media_type: &str| {
        let request = Request::delete("/orders/7?x=1").header("content-type", media_type);
        request.header("authorization", &authorization).body(()).unwrap()
    };
    let refused = |request: &Request<()>| {
        let head = RequestHead::request(request);
        gate.refuse(rejection.clone(), &head, Some(requirement))
    };
    let (plain, grpc) = (request("application/json"), request("application/grpc+proto"));
    let log = Log(Arc::clone(heard));
    let told = tracing::subscriber::with_default(log, || refused(&plain));
    let mut rows = std::mem::take(&mut *heard.lock().unwrap());
    let bare: Response<String> = told.clone().response();
    assert_eq!(bare.body(), "");
    let problem: Response<String> = told.response_with_problem();
    writeln!(rows, "  status     {}", bare.status().as_u16()).unwrap();
    for (name, value) in bare.headers() {
        writeln!(rows, "  {name}: {}", value.to_str().unwrap()).unwrap();
    }
    writeln!(rows, "  problem    {}", problem.body()).unwrap();
    let grpc: Response<String> = refused(&grpc).response_with_problem();
    heard.lock().unwrap().clear();
    assert_eq!((grpc.status().as_u16(), grpc.body().as_str()), (200, ""));
    let of_grpc = |name: &str| name.starts_with("grpc-") || name == "content-type";
    for (name, value) in grpc.headers().iter().filter(|(name, _)| of_grpc(name.as_str())) {
        writeln!(rows, "  {name}: {}", value.to_str().unwrap()).unwrap();
    }
    rows
}

/// Writes down events.
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("  {:<10}", event.metadata().level().as_str()));
        event.record(&mut line);
        self.0.lock().unwrap().push_str(&(line.0 + "\n"));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

/// Stands for a server that knows of tokens for these audiences.
#[derive(Debug)]
struct Knowing(Issuer, Vec<String>);

impl Upstream for Knowing {
    fn issuer(&self) -> &Issuer {
        &self.0
    }

    fn introspect<'a>(
        &'a self,
        _: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        let sent = send_time.record(SystemClock.monotonic());
        let answer = serde_json::json!({"active": true, "aud": self.1});
        let introspection = serde_json::from_value(answer).unwrap();
        Box::pin(async move { Ok(Answered { introspection, sent }) })
    }
}

/// What the log has as the detail of a refusal, which the hook can say too, and no client learns.
async fn told_of_audience(own: &[&str], resource: &str, requirement: &Requirement) -> String {
    let own = own.iter().map(|&audience| audience.to_owned()).collect();
    let heard = Arc::new(Mutex::new(String::new()));
    let hook = Arc::clone(&heard);
    let resource = ResourceMetadata::builder(resource).authorization_server(&issuer());
    let gate = Gate::new(Checker::builder(Knowing(issuer(), own)).build().unwrap())
        .resource(resource.build().unwrap())
        .on_rejection(move |rejection, _| {
            writeln!(hook.lock().unwrap(), "{rejection}").unwrap();
        });
    let (parts, ()) =
        Request::get("/").header("authorization", "Bearer known").body(()).unwrap().into_parts();
    let log = Log(Arc::clone(&heard));
    let guard = tracing::subscriber::set_default(log);
    let refused = gate.check(&parts, requirement).await.unwrap_err();
    drop(guard);
    let answer: Response<String> = refused.clone().response_with_problem();
    let shown = format!("{:?} {}", answer.headers(), answer.body());
    assert!(!shown.contains("api://") && !shown.contains("the token has:"), "{shown}");
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    let (line, hooked) = heard.trim_end().rsplit_once('\n').unwrap();
    assert!(line.ends_with(&format!(" detail={hooked:?}")), "{heard}");
    let audiences = hooked.split_once(" (").map_or("none are named", |(_, audiences)| audiences);
    audiences.trim_end_matches(')').to_owned()
}

#[test_support::test]
async fn the_log_and_the_hook_name_the_audience_that_was_wanted_and_those_of_the_token() {
    const HERE: &str = "https://api.acme.example";
    let any = Requirement::new;
    let wants = |audience: &str| any().audience(audience);
    let jwt = format!("eyJhbGciOiJub25lIn0.{}.x", "e30".repeat(10));
    let long = format!("api://{}", "long-".repeat(100));
    for (own, requirement, expected) in [
        (&["api://a"][..], any(), format!("wanted: {HERE}; the token has: api://a")),
        (&[], wants("api://b"), format!("wanted: {HERE}; the token has: none")),
        (&[HERE], wants("api://b"), format!("wanted: api://b; the token has: {HERE}")),
        (
            &[HERE, "api://a"],
            any().and(wants("api://a").and(wants("api://c"))),
            format!("wanted: api://c; the token has: {HERE}, api://a"),
        ),
        (
            &["1", "2", "3", "4", "5", "6", "7"],
            any(),
            format!("wanted: {HERE}; the token has: 1, 2, 3, 4, 5 and 2 more"),
        ),
        (
            &["1", "2", "3", "4", "5"],
            any(),
            format!("wanted: {HERE}; the token has: 1, 2, 3, 4, 5"),
        ),
        (&[&*jwt], any(), format!("wanted: {HERE}; the token has: [masked]")),
        (&[HERE], wants(&jwt), format!("wanted: [masked]; the token has: {HERE}")),
        (&["a\nb"], any(), format!("wanted: {HERE}; the token has: a b")),
        (&[&*long], any(), format!("wanted: {HERE}; the token has: {}…", &long[..256])),
    ] {
        assert_eq!(told_of_audience(own, HERE, &requirement).await, expected);
    }
    let slash = told_of_audience(&["https://api.acme.example/"], HERE, &any()).await;
    assert_eq!(slash, format!("wanted: {HERE}; the token has: {HERE}/"));
}
