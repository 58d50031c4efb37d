//! A sandbox within the test, for what the command's own sandbox cannot be made to do.

use okta_introspect::sandbox::{App, CustomServer, Sandbox, SandboxBuilder, User};
use okta_introspect::{KeyOptions, SigningKey};
use tokio::runtime::Runtime;

use super::{Run, World};

pub(crate) const CLIENT: &str = "0oa1";

/// A world with a key, and an org that knows it under the id `k1`.
pub(crate) struct Org {
    pub(crate) world: World,
    pub(crate) sandbox: Sandbox,
    /// Serves the sandbox.
    pub(crate) runtime: Runtime,
}

impl Org {
    pub(crate) fn new() -> Self {
        Self::with(|app| app, |builder| builder)
    }

    /// The org with another app, or more than an app.
    pub(crate) fn with(
        app: impl FnOnce(App) -> App,
        build: impl FnOnce(SandboxBuilder) -> SandboxBuilder,
    ) -> Self {
        let world = World::new();
        world.run(&["keygen", "key.pem", "--key-id", "k1"]).exits(0);
        let own = App::service(CLIENT).key(key(&world).public_jwk()).grant("okta.users.read");
        let builder = Sandbox::builder()
            .app(app(own))
            .user(User::new("00u1ada", "ada@example.test"))
            .server(CustomServer::new("default").scope("orders.read"))
            .server(CustomServer::new("closed").scope("orders.read").client("0oa-other"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let sandbox = runtime.block_on(build(builder).start()).unwrap();
        Self { world, sandbox, runtime }
    }

    /// The same with the app's settings in the environment, for command lines as users type them.
    pub(crate) fn in_the_environment(mut self) -> Self {
        let issuer = self.sandbox.issuer().to_string();
        for (name, value) in [
            ("ORGURL", issuer.as_str()),
            ("CLIENTID", CLIENT),
            ("PRIVATEKEY", "key.pem"),
            ("KEYID", "k1"),
        ] {
            self.world.put(&format!("OKTA_CLIENT_{name}"), value);
        }
        self
    }

    /// Runs a command as the app, with other options in place of these; an empty value takes
    /// one away, and `{org}` stands for the org's address.
    pub(crate) fn run(&self, command: &[&str], changes: &[(&str, &str)], input: &str) -> Run {
        let own = [
            ("--issuer", "{org}"),
            ("--client-id", CLIENT),
            ("--key-file", "key.pem"),
            ("--key-id", "k1"),
        ];
        let mut line: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        let kept = own.iter().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
        for (name, value) in kept.chain(changes).filter(|(_, value)| !value.is_empty()) {
            line.push((*name).to_owned());
            line.push(value.replace("{org}", self.sandbox.issuer().as_str()));
        }
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        self.world.pipe(&line, input)
    }
}

/// The key of the world, under the id `k1`.
pub(crate) fn key(world: &World) -> SigningKey {
    SigningKey::from_file(world.path("key.pem"), &KeyOptions::default().key_id("k1")).unwrap()
}
