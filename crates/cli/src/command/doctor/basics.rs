//! What every call needs: the server's address, its clock, the private key, an assertion.

use okta_introspect::{
    Client, ClockOffset, Error, ErrorKind, Issuer, Metadata, PublicJwk, Signer as _,
};
use okta_introspect_settings::Key;

use super::examination::Examination;
use super::finding::Finding;
use crate::command::setup;
use crate::files::owner::is_readable_by_others;

/// The library back-dates assertions by 10 s: a smaller clock difference is harmless.
const HARMLESS_OFFSET_MILLIS: i64 = 10_000;

impl Examination<'_> {
    /// The server that the settings name.
    pub(super) fn issuer(&mut self) -> Option<Issuer> {
        match self.settings.issuer() {
            Ok(issuer) => {
                let kind = match issuer.custom_id() {
                    None => "the org server".to_owned(),
                    Some(id) => format!("the custom server {id}"),
                };
                let place =
                    self.settings.origins().server.map(|origin| format!(" (from {origin})"));
                let seen = format!("{issuer}, {kind}{}", place.unwrap_or_default());
                self.found(Finding::ok("issuer", seen));
                Some(issuer)
            }
            Err(failure) => {
                self.found(Finding::failure("issuer", failure));
                None
            }
        }
    }

    /// The proxy that calls go through; nothing where there is none.
    pub(super) fn proxy(&mut self) {
        match self.settings.proxy() {
            Ok(Some(proxy)) => {
                let bypass = self.settings.proxy_bypass().map(|why| format!(", {why}"));
                let bypass = bypass.unwrap_or_default();
                let seen = format!("{}{bypass} (from {})", proxy.value, proxy.origin);
                self.found(Finding::ok("proxy", seen));
            }
            Ok(None) => {}
            Err(failure) => self.found(Finding::failure("proxy", failure)),
        }
    }

    /// Discovery and the clock. Returns whether the server can be called.
    pub(super) async fn discovery(&mut self, issuer: Option<&Issuer>) -> bool {
        let Some(issuer) = issuer else {
            self.skip(&["discovery", "clock"]);
            return false;
        };
        let anonymous = match self.settings.anonymous_client(issuer.clone()) {
            Ok(anonymous) => anonymous,
            Err(failure) => {
                self.found(Finding::failure("discovery", failure));
                self.skip(&["clock"]);
                return false;
            }
        };
        let reachable = match anonymous.metadata().await {
            Ok(metadata) => {
                self.found(compare(&metadata, issuer));
                self.scopes_of_server = metadata.scopes_supported;
                true
            }
            Err(error) if is_other_name(&error) => {
                self.found(Finding::error("discovery", &error).into_warning());
                true
            }
            Err(error) => {
                self.found(self.unreachable(&error));
                false
            }
        };
        self.found(clock(anonymous.clock_offset()));
        reachable
    }

    fn unreachable(&self, error: &Error) -> Finding {
        let finding = Finding::error("discovery", error);
        if error.kind() == ErrorKind::Unreachable {
            // A sandbox that has ended is not a network failure.
            let failure = setup::explain(self.settings, error.clone());
            let cause = finding.cause.clone().unwrap_or_default();
            return Finding::failure("discovery", failure).because(cause);
        }
        finding
    }

    /// The private key.
    pub(super) fn key(&mut self) -> Option<Key> {
        let key = match self.settings.key() {
            Ok(key) => key,
            Err(failure) => {
                self.found(Finding::failure("key", failure));
                return None;
            }
        };
        let key_id =
            key.key_id().map_or_else(|| "no key id".to_owned(), |id| format!("key id {id}"));
        let origins = self.settings.origins();
        let place = origins.key.map(|origin| format!(" (from {origin})")).unwrap_or_default();
        let algorithm = key.algorithm();
        let thumbprint =
            key.public_jwk().map_or_else(|| "unknown".to_owned(), PublicJwk::thumbprint);
        let seen = format!("{algorithm}, {key_id}, thumbprint {thumbprint}{place}");
        let open_file = origins.key_file.filter(|path| is_readable_by_others(path));
        let finding = match open_file {
            None => Finding::ok("key", seen),
            Some(path) => Finding::warn("key", seen)
                .because("other users of this computer can read the key's file")
                .cure("take their right to read it away")
                .hint(format!("chmod 600 {}", path.display())),
        };
        self.found(finding);
        Some(key)
    }

    /// The client, and the claims of its assertions.
    pub(super) async fn assertion(
        &mut self,
        issuer: Option<&Issuer>,
        key: Option<&Key>,
    ) -> Option<Client> {
        let (Some(_), Some(key)) = (issuer, key) else {
            // The client id can be checked without a key.
            match self.settings.client_id() {
                Ok(_) => self.skip(&["assertion"]),
                Err(failure) => self.found(Finding::failure("assertion", failure)),
            }
            return None;
        };
        let client = match self.settings.client() {
            Ok(client) => client,
            Err(failure) => {
                self.found(Finding::failure("assertion", failure));
                return None;
            }
        };
        match client.assertion(&client.endpoints().token).await {
            Ok(assertion) => {
                let kid = key.key_id().unwrap_or("none");
                let seen = format!(
                    "iss and sub {}, aud {}, kid {kid}",
                    client.client_id(),
                    assertion.audience()
                );
                self.found(Finding::ok("assertion", seen));
                Some(client)
            }
            Err(error) => {
                self.found(Finding::error("assertion", &error));
                None
            }
        }
    }
}

/// Whether the metadata is there under another issuer, which may be intended (a custom domain).
fn is_other_name(error: &Error) -> bool {
    error.refusal().is_none() && error.diagnosis().is_some_and(|found| found.about == "issuer")
}

/// The endpoints follow from the issuer; the document should say the same.
fn compare(metadata: &Metadata, issuer: &Issuer) -> Finding {
    let named = metadata.endpoints().ok();
    if named.is_some() && named == issuer.endpoints() {
        return Finding::ok("discovery", "the metadata names the endpoints that are called");
    }
    Finding::warn("discovery", "the metadata names other endpoints than those that are called")
        .because(
            "the server is not Okta's, or something between here and there changes its answers",
        )
        .cure("see what stands at the issuer's address, below /.well-known/openid-configuration")
}

fn clock(offset: Option<ClockOffset>) -> Finding {
    let Some(offset) = offset else {
        return Finding::skipped("clock", "the server did not say what time it is");
    };
    if offset.millis.abs() <= HARMLESS_OFFSET_MILLIS + offset.uncertainty_millis {
        return Finding::ok("clock", format!("{offset}, which makes no difference"));
    }
    Finding::warn("clock", offset.to_string())
        .because("this computer's clock is not set by the network")
        .cure("set it by NTP; until then each command needs a second try, by the server's clock")
        .hint("timedatectl set-ntp true")
}
