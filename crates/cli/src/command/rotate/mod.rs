//! `rotate`: put another key in the place of the app's, without a moment in which none works.

mod files;
mod plan;
mod registered;
mod report;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use okta_introspect::{
    Clock, Error, ErrorKind, KeyFile, KeyOptions, Scopes, Signer, SigningKey, SystemClock, Token,
};
use serde_json::Value;

use crate::args::RotateArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::settings::{Flags, Origin, Settings};

use super::api::org::Api;
use super::runtime::wait_for;
use super::setup;
use super::times::later;

use files::{Files, key_in};
use plan::{Situation, Step, is_same};
use registered::AppKeys;
use report::Report;

/// The scope that changes an app's keys, and reads them.
const SCOPE: &str = "okta.apps.manage";

/// How long a new key may take to be taken everywhere at the org.
const MAX_PROPAGATION: Duration = Duration::from_secs(60);

/// The pause between two questions whether it is.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) fn run(args: RotateArgs) -> Result<Exit, Failure> {
    let RotateArgs { dry_run, new_key_file, overlap, delete, admin, json, client, dpop } = args;
    let config = client.key.source.config.clone();
    let settings = setup::settings(client.requesting(&[], &dpop))?;
    let admin = admin.map(|profile| admin_settings(&settings, profile, config)).transpose()?;
    let files = Files::of(&settings)?;
    let _lock = (!dry_run).then(|| files.lock()).transpose()?;
    let given = new_key_file.as_deref().map(key_in).transpose()?;
    let client_id = settings.client_id()?;
    let caller = admin.as_ref().unwrap_or(&settings);
    let current = files.current_key()?;
    let org = match &admin {
        Some(admin) => admin.org_client()?,
        None => {
            // Followed, since a long overlap may take a token more, after the switch.
            let key = KeyFile::open(&files.current, options(&settings, &current))?;
            settings.builder(settings.org()?, client_id, key)?.build()?
        }
    };
    let scopes = Scopes::parse(SCOPE)?;
    let resource = org.resource(scopes.clone());
    let keys = AppKeys { api: Api { resource, scopes, settings: caller }, client_id };
    let is_own = admin.is_none();
    let rotation = Rotation { settings: &settings, files, keys, given, overlap, delete, is_own };
    let report = wait_for(async {
        match dry_run {
            true => rotation.foretell().await,
            false => rotation.run(!json).await,
        }
    })?;
    report.print(json)?;
    Ok(Exit::Done)
}

/// The settings of the app that changes the keys. It must be of the same org.
fn admin_settings(
    settings: &Settings,
    profile: String,
    config: Option<std::path::PathBuf>,
) -> Result<Settings, Failure> {
    let admin = setup::settings(Flags { profile: Some(profile), config, ..Flags::default() })?;
    match admin.org()? == settings.org()? {
        true => Ok(admin),
        false => Err(Failure::usage("the app of --as is of another org")
            .advise("name a profile of the org whose app's key is to be rotated")),
    }
}

/// The id of the key is the one that its file gives it, or else that of the settings.
fn options(settings: &Settings, key: &SigningKey) -> KeyOptions {
    match (key.key_id(), settings.key_id()) {
        (None, Some(id)) => KeyOptions::default().key_id(id),
        _ => KeyOptions::default(),
    }
}

struct Rotation<'a> {
    settings: &'a Settings,
    files: Files,
    keys: AppKeys<'a>,
    /// The new key, if it was given.
    given: Option<SigningKey>,
    overlap: Duration,
    delete: bool,
    /// Whether the app changes its own keys.
    is_own: bool,
}

impl Rotation<'_> {
    async fn situation(&self) -> Result<Situation, Failure> {
        let situation = Situation {
            current: self.files.current_key()?,
            next: self.files.next_key()?,
            retiring: self.files.retiring_key()?,
            registered: self.keys.list().await?,
        };
        match (&self.given, situation.new_key()) {
            (Some(given), Some(new)) if !is_same(given, new) => {
                Err(Failure::usage("a rotation to another key is under way")
                    .advise("finish it first, without --new-key-file"))
            }
            (Some(given), None) if is_same(given, &situation.current) => {
                Err(Failure::usage("the new key is the one that is in use")
                    .advise("leave --new-key-file out to have a key made"))
            }
            _ => Ok(situation),
        }
    }

    /// Says what is there and what would be done.
    async fn foretell(&self) -> Result<Report, Failure> {
        let situation = self.situation().await?;
        let steps = situation.steps(self.delete)?;
        self.check_id_is_the_files()?;
        Ok(Report::new(&self.files, &self.keys, &situation, steps, true))
    }

    /// Does what is left to be done, and tells each step if it `tells`.
    async fn run(&self, tells: bool) -> Result<Report, Failure> {
        let mut situation = self.situation().await?;
        let steps = situation.steps(self.delete)?;
        if self.check_id_is_the_files().is_err() && steps.contains(&Step::Name) {
            // Harmless, and without it the setting could not be left out.
            self.step(Step::Name, &mut situation).await?;
        }
        self.check_id_is_the_files()?;
        for step in &steps {
            let done = self.step(*step, &mut situation).await;
            done.map_err(|failure| again(failure, *step))?;
            if tells {
                output::data(report::line(*step, &self.files, &situation, false))?;
            }
        }
        situation.registered = self.keys.list().await?;
        Ok(Report::new(&self.files, &self.keys, &situation, steps, false))
    }

    async fn step(&self, step: Step, situation: &mut Situation) -> Result<(), Failure> {
        match step {
            Step::Name => {
                let id = situation.entry(&situation.current).and_then(|key| key.key_id.clone());
                situation.current = situation.current.clone().with_key_id(id);
                self.files.name(&situation.current)
            }
            Step::Make => {
                let new = self.new_key(&situation.current)?;
                self.files.put_next(&new)?;
                situation.next = Some(new);
                Ok(())
            }
            Step::Register => {
                self.keys.add(new_key(situation)?).await?;
                situation.registered = self.keys.list().await?;
                Ok(())
            }
            Step::Activate => match situation.entry(new_key(situation)?) {
                Some(entry) => self.keys.set_active(entry, true).await,
                None => Err(vanished()),
            },
            Step::Verify => self.verify(new_key(situation)?).await,
            Step::Switch => {
                self.files.switch()?;
                let Some(new) = situation.next.take() else { return Err(vanished()) };
                situation.retiring = Some(std::mem::replace(&mut situation.current, new));
                Ok(())
            }
            Step::Overlap => {
                self.wait(self.overlap).await;
                Ok(())
            }
            Step::Deactivate => match situation.entry(situation.old()) {
                Some(entry) => self.keys.set_active(entry, false).await,
                None => Ok(()),
            },
            Step::Delete => match situation.entry(situation.old()) {
                Some(entry) => self.keys.delete(entry).await,
                None => Ok(()),
            },
            Step::Finish => self.files.finish(),
        }
    }

    /// The key that was given, or a new one of the kind that is in use; under an id of its own.
    fn new_key(&self, current: &SigningKey) -> Result<SigningKey, Failure> {
        let key = match &self.given {
            Some(given) => given.clone(),
            None => match rsa_bits(current) {
                Some(bits) => SigningKey::generate_rsa(current.algorithm(), bits)?,
                None => SigningKey::generate(current.algorithm())?,
            },
        };
        let id = key.key_id().map_or_else(|| key.public_jwk().thumbprint(), str::to_owned);
        Ok(key.with_key_id(Some(id)))
    }

    /// Waits until the server takes a key: what was registered may take a while to be known
    /// everywhere.
    async fn verify(&self, key: &SigningKey) -> Result<(), Failure> {
        let until = later(SystemClock.monotonic(), MAX_PROPAGATION);
        let mut is_told = false;
        loop {
            let Err(error) = self.prove(key).await? else { return Ok(()) };
            let is_over = later(SystemClock.monotonic(), PAUSE) >= until;
            if error.kind() != ErrorKind::ClientRefused || is_over {
                let failure = setup::explain(self.settings, error);
                return Err(failure.during("the new key does not work"));
            }
            if !std::mem::replace(&mut is_told, true) {
                output::note(
                    "the server does not take the new key yet: waiting for up to a minute",
                );
            }
            SystemClock.sleep_until(later(SystemClock.monotonic(), PAUSE)).await;
        }
    }

    /// Authenticates by a key: requests a token for the configured scopes, or for the one that
    /// rotates; an app that has neither asks about a token that does not exist.
    async fn prove(&self, key: &SigningKey) -> Result<Result<(), Error>, Failure> {
        let client_id = self.settings.client_id()?;
        let client = |issuer| self.settings.builder(issuer, client_id, key.clone());
        if let Ok(scopes) = self.settings.scopes() {
            let client = client(self.settings.issuer()?)?.build()?;
            return Ok(client.request_token(&scopes).await.map(drop));
        }
        if self.is_own {
            let client = client(self.settings.org()?)?.build()?;
            return Ok(client.request_token(&Scopes::parse(SCOPE)?).await.map(drop));
        }
        let client = client(self.settings.issuer()?)?.build()?;
        let unknown = Token::parse("the-new-key-is-tried")?;
        Ok(client.introspect(&unknown, None).await.map(drop))
    }

    async fn wait(&self, wait: Duration) {
        if !wait.is_zero() {
            let shown = humantime::format_duration(wait);
            output::note(format_args!(
                "both keys are good: waiting {shown} for programs to take up the new one"
            ));
            SystemClock.sleep_until(later(SystemClock.monotonic(), wait)).await;
        }
    }

    /// The next key has another id, so that only the key file can say which. A flag is for this run.
    fn check_id_is_the_files(&self) -> Result<(), Failure> {
        match self.settings.origins().key_id {
            None | Some(Origin::Flag(_) | Origin::Sandbox) => Ok(()),
            Some(origin) => Err(Failure::usage(
                "the settings name the key's id, and the next key has another one",
            )
            .found_in(origin)
            .advise("leave the id out there: `rotate` keeps it in the key file, with the key")),
        }
    }
}

fn new_key(situation: &Situation) -> Result<&SigningKey, Failure> {
    situation.new_key().ok_or_else(vanished)
}

/// Nothing but another program can have done it.
fn vanished() -> Failure {
    Failure::new(Exit::Unknown, "the new key has vanished while it was put to use")
        .advise("see that nothing else changes the app's keys and the files of the key")
}

/// What was done stays done, and the rest can follow.
fn again(failure: Failure, step: Step) -> Failure {
    let advice = match failure.advice() {
        "" => "run it again, and it goes on where it stopped".to_owned(),
        advice => format!("{advice}; then run it again, and it goes on where it stopped"),
    };
    failure.during(format_args!("{}", report::doing(step))).advise(advice)
}

/// How long the modulus of an RSA key is, of the lengths in which keys are made.
fn rsa_bits(key: &SigningKey) -> Option<u32> {
    let jwk: Value = serde_json::from_str(&key.public_jwk().to_json()).ok()?;
    let modulus = URL_SAFE_NO_PAD.decode(jwk.get("n")?.as_str()?).ok()?;
    Some(match modulus.len() * 8 {
        ..=2048 => 2048,
        2049..=3072 => 3072,
        _ => 4096,
    })
}
