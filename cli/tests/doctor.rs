//! `doctor` names the true cause of what is broken, and finds nothing where nothing is.

mod common;

use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;

use chrono::TimeDelta;
use common::World;
use common::org::Org;
use okta_introspect::sandbox::{
    App, AppKey, AppKind, AppStatus, AuthMethod, Bucket, Fault, SandboxBuilder, ServerIdentity,
    Times,
};
use okta_introspect::{Algorithm, SigningKey};
use serde_json::{Value, json};

/// One broken set-up, and what must be said of it.
struct Case {
    name: &'static str,
    app: fn(App) -> App,
    build: fn(SandboxBuilder) -> SandboxBuilder,
    after: fn(&Org),
    changes: &'static [(&'static str, &'static str)],
    /// The first check that is not well, its status, and a part of the likely cause.
    found: (&'static str, &'static str, &'static str),
    exit: i32,
}

impl Case {
    const WELL: Self = Self {
        name: "",
        app: |app| app,
        build: |builder| builder,
        after: |_| {},
        changes: &[],
        found: ("", "", ""),
        exit: 0,
    };

    /// A setting that is wrong.
    const fn setting(
        name: &'static str,
        changes: &'static [(&'static str, &'static str)],
        found: (&'static str, &'static str, &'static str),
        exit: i32,
    ) -> Self {
        Self { name, changes, found, exit, ..Self::WELL }
    }

    /// An app that is registered wrongly.
    const fn app(name: &'static str, app: fn(App) -> App, cause: &'static str, exit: i32) -> Self {
        Self { name, app, found: ("token okta.users.read", "fail", cause), exit, ..Self::WELL }
    }

    /// A server that misbehaves.
    const fn server(
        name: &'static str,
        after: fn(&Org),
        found: (&'static str, &'static str, &'static str),
        exit: i32,
    ) -> Self {
        Self { name, after, found, exit, ..Self::WELL }
    }

    #[track_caller]
    fn check(&self) {
        let org = Org::with(self.app, self.build);
        (self.after)(&org);
        let mut changes = self.changes.to_vec();
        if !changes.iter().any(|(name, _)| *name == "--scope") {
            changes.push(("--scope", "okta.users.read"));
        }
        let run = org.run(&["doctor", "--json"], &changes, "");
        let report: Value = run.exits(self.exit).json();
        let checks = report["checks"].as_array().unwrap();
        let ill = checks.iter().find(|check| check["status"] == self.found.1);
        let ill = ill.unwrap_or_else(|| panic!("{}: nothing found: {report:#}", self.name));
        assert_eq!(ill["check"], self.found.0, "{}: {report:#}", self.name);
        let told = format!("{} | {} | {}", ill["seen"], ill["cause"], ill["cure"]);
        assert!(told.contains(self.found.2), "{}: {told}", self.name);
        let failed = checks.iter().any(|check| check["status"] == "fail");
        assert_eq!(report["healthy"], !failed, "{}", self.name);
        assert_eq!(failed, self.exit != 0, "{}: {report:#}", self.name);
        let said = ill["cause"].as_str().is_some() || ill["cure"].as_str().is_some();
        assert!(said, "{}: neither cause nor cure: {ill:#}", self.name);
    }
}

const TOKEN: &str = "token okta.users.read";

#[test]
fn wrong_settings() {
    for case in [
        Case::setting(
            "a placeholder",
            &[("--issuer", "https://{yourOktaDomain}")],
            ("issuer", "fail", "put your own org's name"),
            2,
        ),
        Case::setting(
            "the console's host",
            &[("--issuer", "https://acme-admin.okta.com")],
            ("issuer", "fail", "-admin"),
            2,
        ),
        Case::setting(
            "no https",
            &[("--issuer", "http://acme.okta.com")],
            ("issuer", "fail", "https"),
            2,
        ),
        Case::setting(
            "a mistyped path",
            &[("--issuer", "https://acme.okta.com/oath2/default")],
            ("issuer", "fail", "/oauth2/default"),
            2,
        ),
        Case::setting(
            "no issuer",
            &[("--issuer", "")],
            ("issuer", "fail", "no issuer was given"),
            2,
        ),
        Case::setting(
            "no client id",
            &[("--client-id", "")],
            ("assertion", "fail", "no client id was given"),
            2,
        ),
        Case::setting(
            "the client id of another org",
            &[("--client-id", "0oa9")],
            (TOKEN, "fail", "the client id is not known to this org"),
            4,
        ),
        Case::setting(
            "no key",
            &[("--key-file", ""), ("--key-id", "")],
            ("key", "fail", "no private key was given"),
            2,
        ),
        Case::setting(
            "a key file that is not there",
            &[("--key-file", "no.pem")],
            ("key", "fail", "check the path"),
            2,
        ),
        Case::setting(
            "an algorithm that does not fit",
            &[("--algorithm", "RS256")],
            ("key", "fail", "does not fit the key"),
            2,
        ),
        Case::setting(
            "an unknown key id",
            &[("--key-id", "k9")],
            (TOKEN, "fail", "names no active key of the app"),
            4,
        ),
        Case::setting(
            "no certificate authorities",
            &[("--ca-file", "no.pem")],
            ("discovery", "fail", "certificate authorities"),
            2,
        ),
        Case::setting(
            "a scope with a comma",
            &[("--scope", "a,b")],
            ("token", "fail", "contains a comma"),
            2,
        ),
        Case::setting(
            "a scope that is not granted",
            &[("--scope", "okta.groups.read")],
            ("token okta.groups.read", "fail", "none of the requested scopes is granted"),
            4,
        ),
        Case::setting(
            "a custom scope at the org server",
            &[("--scope", "orders.read")],
            ("token orders.read", "fail", "a custom scope was requested from the org server"),
            4,
        ),
        Case::setting(
            "an OpenID scope",
            &[("--scope", "openid")],
            ("token openid", "fail", "OpenID scopes are for users"),
            4,
        ),
        Case::setting(
            "a scope for users",
            &[("--scope", "okta.users.read.self")],
            ("token okta.users.read.self", "fail", "`.self` scopes are for users"),
            4,
        ),
        Case::setting(
            "an Okta scope at a custom server",
            &[("--auth-server", "default")],
            (TOKEN, "fail", "the custom server does not have this scope"),
            4,
        ),
        Case::setting(
            "an unknown custom server",
            &[("--auth-server", "nowhere")],
            ("discovery", "fail", "the org has nothing at this address"),
            3,
        ),
        Case::setting(
            "a server whose policy leaves us out",
            &[("--auth-server", "closed"), ("--scope", "orders.read")],
            ("token orders.read", "fail", "no access policy and rule"),
            4,
        ),
        Case::setting(
            "DPoP where it is not demanded",
            &[("--dpop", "always")],
            (TOKEN, "fail", "not bound"),
            3,
        ),
    ] {
        case.check();
    }
}

#[test]
fn wrong_registrations() {
    for case in [
        Case::app(
            "another public key",
            |app| with_keys(app, &[json_key("k1")]),
            "the private key does not belong to the public key",
            4,
        ),
        Case::app("no public key", |app| with_keys(app, &[]), "the app has no public key", 4),
        Case::app(
            "two keys with one id",
            |app| app.key(AppKey::from_jwk(&json_key("k1")).unwrap()),
            "key set is damaged",
            4,
        ),
        Case {
            after: |org| register(org, "use", "enc"),
            ..Case::app(
                "a key for encryption",
                |app| app,
                "the registered key is for encryption",
                4,
            )
        },
        Case {
            after: |org| register(org, "alg", "ES512"),
            ..Case::app(
                "another algorithm registered",
                |app| app,
                "the algorithm is not allowed",
                4,
            )
        },
        Case::app(
            "a client secret",
            |app| app.auth_method(AuthMethod::ClientSecretBasic),
            "authenticates by client secret",
            4,
        ),
        Case::app(
            "a deactivated app",
            |app| app.status(AppStatus::Inactive),
            "does not authenticate by public key",
            4,
        ),
        Case::app("a web app", as_web, "not an API Services app", 4),
        Case {
            changes: &[("--dpop", "never")],
            ..Case::app(
                "DPoP is demanded and turned off",
                |app| app.dpop_required(true),
                "the app demands DPoP",
                4,
            )
        },
        Case {
            changes: &[("--key-id", "")],
            ..Case::app(
                "two keys and no key id",
                |app| app.key(AppKey::from_jwk(&json_key("k2")).unwrap()),
                "the key id is missing",
                4,
            )
        },
        Case {
            after: |org| org.sandbox.deactivate_key("0oa1", "k1").unwrap(),
            ..Case::app("a deactivated key", |app| app, "names no active key of the app", 4)
        },
        Case {
            found: ("api okta.users.read", "fail", "lacks an admin role"),
            ..Case::app("no admin role", |app| app.admin(false), "", 4)
        },
    ] {
        case.check();
    }
}

#[test]
fn servers_that_do_not_do_their_part() {
    for case in [
        Case::setting(
            "nobody listens",
            &[("--issuer", "http://127.0.0.1:9")],
            ("discovery", "fail", "no connection"),
            3,
        ),
        Case::setting(
            "no such host",
            &[("--issuer", "https://nobody.invalid")],
            ("discovery", "fail", "no connection"),
            3,
        ),
        Case::server(
            "a web page",
            |org| always(org, Fault::html(200)),
            ("discovery", "fail", "not JSON"),
            3,
        ),
        Case::server(
            "a redirect",
            |org| always(org, Fault::redirect(302, "https://evil.example/")),
            ("discovery", "fail", "never followed"),
            3,
        ),
        Case::server(
            "an outage",
            |org| always(org, Fault::html(503)),
            ("discovery", "fail", "is failing"),
            3,
        ),
        Case::server(
            "tokens fail",
            |org| at(org, Fault::oauth(500, "server_error"), "token"),
            (TOKEN, "fail", "is failing"),
            3,
        ),
        Case::server(
            "no API Access Management",
            |org| at(org, Fault::api(401, "E0000015"), "token"),
            (TOKEN, "fail", "does not have API Access Management"),
            4,
        ),
        Case::server(
            "a proxy at introspection",
            |org| at(org, Fault::html(200), "introspect"),
            ("introspect", "fail", "not JSON"),
            3,
        ),
        Case::server(
            "active is text",
            |org| at(org, Fault::active("true"), "introspect"),
            ("introspect", "fail", "members"),
            3,
        ),
        Case::server(
            "revocation is refused",
            |org| at(org, Fault::oauth(400, "invalid_request"), "revoke"),
            ("revoke", "fail", "refused the request"),
            4,
        ),
        Case::server("the rate limit is used up", use_up, (TOKEN, "fail", "called too often"), 3),
        Case::server(
            "too many calls at once",
            |org| org.sandbox.set_concurrency_limit(0),
            (TOKEN, "fail", "fewer calls in parallel"),
            3,
        ),
        Case::server(
            "our clock is slow",
            |org| org.sandbox.set_clock_offset(TimeDelta::minutes(10)),
            ("clock", "warn", "slow"),
            0,
        ),
        Case::server(
            "our clock is fast",
            |org| org.sandbox.set_clock_offset(TimeDelta::minutes(-10)),
            ("clock", "warn", "fast"),
            0,
        ),
        Case::server(
            "little is left",
            |org| org.sandbox.set_rate_limit(Bucket::Org, 6),
            ("rate_limit", "warn", "share this limit"),
            0,
        ),
        Case::server(
            "the key lies open",
            lay_open,
            ("key", "warn", "other users of this computer"),
            0,
        ),
    ] {
        case.check();
    }
}

#[test]
fn certificates_that_are_not_trusted() {
    let tls = |name: &'static str, build: fn(SandboxBuilder) -> SandboxBuilder| Case {
        build,
        ..Case::setting(name, &[], ("discovery", "fail", "could not be trusted"), 3)
    };
    for case in [
        tls("an unknown authority", SandboxBuilder::tls_self_made),
        tls("an expired certificate", |builder| {
            builder.tls(ServerIdentity::self_made_expired().unwrap())
        }),
        tls("another host's certificate", |builder| {
            builder.tls(ServerIdentity::self_made_for("other.example").unwrap())
        }),
    ] {
        case.check();
    }
}

/// As behind a custom domain, or a proxy that changes the host: what we call is not what the
/// server calls itself.
#[test]
fn a_server_under_another_address() {
    let org = Org::new();
    let other = forward_to(org.sandbox.address());
    let run =
        org.run(&["doctor", "--json"], &[("--issuer", &other), ("--scope", "okta.users.read")], "");
    let report = run.exits(4).json();
    let check = |name: &str| {
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["check"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(check("discovery")["status"], "warn");
    assert!(check("discovery")["cause"].as_str().unwrap().contains("custom domain"), "{report:#}");
    let cause = check(TOKEN)["cause"].as_str().unwrap().to_owned();
    assert!(cause.contains("audience is not exactly the URL") && cause.contains(&other), "{cause}");
}

#[test]
fn a_healthy_app_has_no_warning() {
    let all = |app: App| {
        ["okta.apps.read", "okta.appGrants.read", "okta.roles.read", "okta.logs.read"]
            .into_iter()
            .fold(app, App::grant)
    };
    for (name, app, changes) in [
        (
            "as it is",
            (|app| app) as fn(App) -> App,
            &[("--scope", "okta.users.read okta.logs.read")][..],
        ),
        ("DPoP", |app| app.dpop_required(true), &[("--scope", "okta.users.read")]),
        ("a custom server", |app| app, &[("--scope", "orders.read"), ("--auth-server", "default")]),
        ("no scope", |app| app, &[]),
    ] {
        let org = Org::with(|own| all(app(own)), |builder| builder);
        let run = org.run(&["doctor", "--json"], changes, "");
        let report = run.exits(0).json();
        assert_eq!(
            report["verdict"], "healthy: everything that was checked works",
            "{name}: {report:#}"
        );
        let statuses: Vec<&Value> =
            report["checks"].as_array().unwrap().iter().map(|check| &check["status"]).collect();
        assert!(!statuses.contains(&&json!("warn")), "{name}: {report:#}");
        let keys = report["checks"].as_array().unwrap().iter().find(|it| it["check"] == "app_keys");
        assert_eq!(keys.unwrap()["status"], "ok", "{name}: {report:#}");
        assert_eq!(run.stderr, "", "{name}");
        run.hides("eyJ");
    }
}

#[test]
fn what_may_not_be_read_is_skipped_and_the_scope_for_it_named() {
    let org = Org::new();
    let run = org.run(&["doctor"], &[("--scope", "okta.users.read")], "");
    let told = &run.exits(0).stdout;
    assert!(told.contains("this needs the scope okta.apps.read"), "{told}");
    assert!(told.ends_with("healthy: everything that was checked works\n"), "{told}");
    for line in told.lines().take(8) {
        assert!(line.starts_with("ok "), "{told}");
    }
}

#[test]
fn hints_are_for_those_who_ask() {
    let org = Org::with(|app| app.dpop_required(true), |builder| builder);
    let changes = [("--scope", "okta.users.read"), ("--dpop", "never")];
    let plain = org.run(&["doctor"], &changes, "");
    let hinted = org.run(&["doctor", "--fix-hints"], &changes, "");
    assert!(!plain.exits(4).stdout.contains("try: "), "{plain:?}");
    assert!(
        hinted.exits(4).stdout.contains("try: export OKTA_CLIENT_DPOPENABLED=true"),
        "{hinted:?}"
    );
    assert!(plain.stderr.starts_with("error: 1 of "), "{plain:?}");
}

#[test]
fn a_sandbox_that_has_ended_is_the_first_thing_to_be_said() {
    let world = World::new();
    let sandbox = common::Sandbox::start(&world, &[]);
    world.run(&["doctor"]).exits(0);
    #[cfg(unix)]
    assert_eq!(sandbox.terminate(), 0);
    #[cfg(not(unix))]
    drop(sandbox);
    let run = world.run(&["doctor"]);
    assert!(run.exits(3).stdout.contains("the sandbox is not running"), "{run:?}");
}

/// A public key that is nobody's.
fn json_key(id: &str) -> Value {
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some(id.to_owned()));
    serde_json::from_str(&key.public_jwk().to_json()).unwrap()
}

fn with_keys(mut app: App, keys: &[Value]) -> App {
    app.jwks = keys.iter().map(|key| AppKey::from_jwk(key).unwrap()).collect();
    app
}

fn as_web(mut app: App) -> App {
    app.kind = AppKind::Web;
    app
}

/// Registers the app's own key with another member.
fn register(org: &Org, member: &str, value: &str) {
    let own = common::org::key(&org.world).public_jwk().to_json();
    let mut jwk: Value = serde_json::from_str(&own).unwrap();
    jwk[member] = json!(value);
    let app = App::service(common::org::CLIENT).key(AppKey::from_jwk(&jwk).unwrap());
    org.sandbox.register(app.grant("okta.users.read"));
}

fn always(org: &Org, fault: Fault) {
    org.sandbox.faults().inject(fault, Times::Always);
}

/// The app has half of a limit of two.
fn use_up(org: &Org) {
    org.sandbox.set_rate_limit(Bucket::OrgToken, 2);
    org.run(&["token"], &[("--scope", "okta.users.read")], "").exits(0);
}

/// At one endpoint of the org server.
fn at(org: &Org, fault: Fault, endpoint: &str) {
    always(org, fault.at(format!("/oauth2/v1/{endpoint}")));
}

fn lay_open(org: &Org) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let readable = PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(org.world.path("key.pem"), readable).unwrap();
    }
}

/// Passes every byte on, in both directions; gives the address under which it does.
fn forward_to(server: std::net::SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                // Either side may hang up.
                thread::spawn(move || io::copy(&mut from, &mut to));
            }
        }
    });
    address
}
