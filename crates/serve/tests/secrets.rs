//! Nothing that a secret could be found in.

use okta_introspect::sandbox::Grant;
use okta_introspect::{Algorithm, SigningKey};
use okta_introspect_serve::{Mode, SecretHash, config};
use okta_introspect_settings::Environment;
use test_support::secrets::Secrets;
use test_support::sha256_hex;

use crate::http::{Connection, ask, request};
use crate::world::{Client, HOST, PORTAL, RULES, USER, World, listeners, proof, start_of_time};

const CALLER: &str = "c4ller-s3cret-0123456789";

/// A sidecar that logs all it can, and is told everything that can be told.
async fn world() -> (World, Secrets) {
    let mut world = World::org(start_of_time()).await;
    let mut secrets = Secrets::default();
    secrets.add_key("the app's key", &world.key);
    secrets.add("the caller's secret", CALLER);
    let (identity, _) = crate::world::private_key("id");
    secrets.add_key("the key of identity tokens", &identity);
    std::fs::write(world.path("identity.pem"), identity.private_key_to_pem_pkcs8().unwrap())
        .unwrap();
    let listeners = listeners(", introspection: true");
    world.write_whole(&format!(
        "{}{listeners}{RULES}origins: [{{url: \"https://{HOST}\"}}]
callers: [{{name: one, secret_sha256: \"{}\", misses_per_second: 50}}]
identity: {{token: {{audience: \"https://orders.internal\", key: \"file:identity.pem\"}}}}
log: {{level: trace, decisions: true}}
",
        world.okta(),
        sha256_hex(CALLER)
    ));
    world.start().await.unwrap();
    world.ready().await;
    (world, secrets)
}

#[test_support::test]
async fn what_is_secret_shows_nowhere() {
    let (world, mut secrets) = world().await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let bound = Grant::to_client(PORTAL).user(USER).scope("orders.read");
    let bound = world.issue(bound.bound_to(key.public_jwk().thumbprint()));
    let (good, revoked) = (world.token("orders.read"), world.token("orders.read"));
    world.sandbox.revoke(&*revoked);
    let made_up = "m4de-up-t0ken-0123456789".to_owned();
    for (name, token) in [("bound", &bound), ("good", &good), ("revoked", &revoked)] {
        secrets.add_jwt(name, token);
    }
    secrets.add("made up", &made_up);
    let mut answers = String::new();
    for mode in Mode::ALL {
        let url = format!("https://{HOST}/orders");
        let proof = proof(&world, &key, "GET", &url, &bound, &format!("jti-of-{mode}"));
        secrets.add_jwt("proof", &proof);
        for authorization in [
            format!("Bearer {good}"),
            format!("Bearer {revoked}"),
            format!("Bearer {made_up}"),
            format!("Bearer {good}, Bearer {made_up}"),
            format!("Basic {made_up}"),
            format!("DPoP {bound}"),
            format!("DPoP {good}"),
            made_up.clone(),
        ] {
            for target in ["/orders", "/new", "/now", "/nowhere", "//orders"] {
                let target = format!("{target}?access_token={good}");
                for caller in [CALLER, "wr0ng-caller-s3cret-0123"] {
                    let client = Client::get(&target).header("authorization", &authorization);
                    let client =
                        client.header("dpop", &proof).header("x-okta-introspect-key", caller);
                    let mut reply = world.ask(mode, &client).await;
                    reply.headers.retain(|(name, _)| name != "x-auth-token");
                    answers.push_str(&format!("{reply:?}\n"));
                }
            }
        }
        for token in [&good, &revoked, &made_up, &bound] {
            for caller in [CALLER, "wr0ng-caller-s3cret-0123"] {
                let authorization = format!("Bearer {caller}");
                let headers = [
                    ("authorization", &*authorization),
                    ("content-type", "application/x-www-form-urlencoded"),
                ];
                for body in [
                    format!("token={token}"),
                    format!("token={token}&token={token}"),
                    format!("token=%00{token}"),
                ] {
                    let post = request("POST", "/introspect", &headers, &body);
                    answers.push_str(&format!("{:?}\n", ask(&world.socket(mode), &post).await));
                }
            }
        }
    }
    secrets.add("a wrong caller's secret", "wr0ng-caller-s3cret-0123");
    for mode in Mode::ALL {
        let mut odd = Connection::open(&world.socket(mode)).await;
        odd.send(
            format!("GET /{good} HTTP/9.9\r\nauthorization: Bearer {good}\r\n\r\n").as_bytes(),
        )
        .await;
        answers.push_str(&String::from_utf8_lossy(&odd.rest().await));
    }
    secrets.assert_absent("answers", &answers);
    for path in ["/metrics", "/readyz", "/healthz"] {
        secrets.assert_absent(path, &format!("{:?}", world.management(path).await));
    }
    let log = world.log.text();
    assert!(log.contains("a request is let in") && log.contains("a request is not let in"));
    secrets.assert_absent("the log", &log);
}

#[test_support::test]
async fn debug_and_errors_show_no_secret() {
    let (world, mut secrets) = world().await;
    let pem = String::from_utf8(world.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let (config, warnings) =
        config::load(&world.path("serve.yaml"), &Environment::empty()).unwrap();
    secrets.assert_absent("Config", &format!("{config:?} {config:#?} {warnings:?}"));
    secrets.assert_absent("check", &config.check_lines());
    secrets
        .assert_absent("hash", &format!("{:?}", SecretHash::parse(&sha256_hex(CALLER)).unwrap()));
    secrets.add("the text of a key", pem.lines().nth(1).unwrap());
    let text = std::fs::read_to_string(world.path("serve.yaml")).unwrap();
    // A secret where none belongs, each in a file of its own.
    let key = pem.replace('\n', "\\n");
    for (from, to) in [
        ("X-Auth", CALLER),
        ("mode: caddy", &*format!("mode: {CALLER}")),
        ("client_id: 0oa1backend", &*format!("client_id: \"{key}\"")),
        ("key_id: k1", &*format!("key_ids: \"{key}\"")),
        ("file:key.pem", &*key.replace("PRIVATE KEY", "PRIVAT KEY")),
        ("file:identity.pem", &*format!("x{key}")),
        (&*sha256_hex(CALLER), CALLER),
        ("name: one", &*format!("name: \"{key}\"")),
        ("level: trace", &*format!("level: {CALLER}")),
        ("issuer: \"", &*format!("issuer: \"https://user:{CALLER}@")),
        ("audience: \"", &*format!("audience: \"{key}")),
        ("path: /orders", &*format!("path: \"{{{CALLER}\"")),
        ("api.acme.example", &*format!("{CALLER}@api.acme.example")),
    ] {
        world.write_whole(&text.replacen(from, to, 1));
        let Err(faults) = config::load(&world.path("serve.yaml"), &Environment::empty()) else {
            continue;
        };
        let told = faults.iter().map(|fault| format!("{fault} {fault:?}\n")).collect::<String>();
        assert!(!told.is_empty());
        secrets.assert_absent(&format!("a fault of {from}"), &told);
    }
}
