//! Which server is asked about a token, and whether its answer is a verdict.

use std::cell::RefCell;
use std::collections::HashMap;

use okta_introspect::{
    ClaimedIssuer, Client, Error, ErrorKind, Introspection, Issuer, Token, TokenTypeHint,
};

use crate::failure::Failure;
use crate::input::jwt;
use crate::output;
use crate::settings::Settings;

use super::destination::Destination;
use super::setup;

/// The server that is asked about a token.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) client: Client,
    /// Whether this is the server of the settings.
    pub(super) is_configured: bool,
    claimed: ClaimedIssuer,
    /// Whether the token is a JWT that has lost a part.
    is_damaged: bool,
}

impl Asked {
    /// The server of the settings, or the one of the same org that the token names; a note says so.
    pub(super) fn about(
        token: &Token,
        client: Client,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let servers = Servers::new(client.clone(), |issuer| Ok(settings.client_at(issuer)?));
        let asked = servers.bound_to(Destination::of(settings)?).for_token(token)?;
        if !asked.is_configured {
            output::note(format_args!(
                "asking {}, which the token names, and not {}",
                asked.client.issuer(),
                client.issuer()
            ));
        }
        Ok(asked)
    }

    /// The server of the settings, whatever the token names.
    #[cfg(test)]
    pub(super) fn configured(token: &Token, client: Client) -> Self {
        let claimed = ClaimedIssuer::of(token, client.issuer());
        Self { client, is_configured: true, claimed, is_damaged: false }
    }

    /// Asks. An answer from a server that cannot know the token is an error.
    pub(super) async fn introspect(
        &self,
        token: &Token,
        hint: Option<TokenTypeHint>,
    ) -> Result<Introspection, Error> {
        let answer = self.client.introspect(token, hint).await?;
        self.claimed.judge(answer, self.client.issuer())
    }

    /// Whether the token names the server that is asked, which then knows it.
    pub(super) fn is_named(&self) -> bool {
        self.claimed == ClaimedIssuer::Asked
    }

    /// Whether the token names no server.
    pub(super) fn is_unstated(&self) -> bool {
        self.claimed == ClaimedIssuer::Unstated
    }

    /// Takes note that the server has called the token active: it knows the token, and when it says
    /// *inactive* later, that counts.
    pub(super) fn has_known_it(&mut self) {
        self.claimed = ClaimedIssuer::Asked;
    }

    /// What *inactive* proves of a token that names no server.
    pub(super) fn note_what_inactive_proves(&self, answer: &Introspection) {
        if answer.active {
            return;
        }
        if self.is_damaged {
            output::note(
                "the token is a damaged JWT, perhaps cut off: inactive says nothing of the whole one",
            );
        } else if self.is_unstated() {
            output::note(opaque(self.client.issuer(), "the token names no server"));
        }
    }

    /// The failure that an error of this server is, in the words of the command line.
    pub(super) fn explain(&self, settings: &Settings, error: Error) -> Failure {
        let advice = (error.kind() == ErrorKind::WrongServer).then(|| self.which_issuer());
        let failure = setup::explain(settings, error);
        match advice {
            Some(advice) => failure.advise(advice),
            None => failure,
        }
    }

    /// How to ask the server that the token names.
    pub(super) fn which_issuer(&self) -> String {
        match &self.claimed {
            ClaimedIssuer::Other(Some(named)) => {
                format!("ask it with --issuer {named}, and an app that it knows")
            }
            ClaimedIssuer::Unreadable => {
                "look at its claims with `okta-introspect decode`".to_owned()
            }
            _ => "name the server that issued it with --issuer".to_owned(),
        }
    }
}

/// What *inactive* proves, of one token or several.
pub(super) fn opaque(asked: &Issuer, which: &str) -> String {
    format!("{which}: inactive means that {asked} does not take it; the server that issued it may")
}

/// The servers of one org: each token is asked about where it can be known.
pub(super) struct Servers<'a> {
    configured: Client,
    client_at: Box<dyn Fn(Issuer) -> Result<Client, Failure> + 'a>,
    others: RefCell<HashMap<String, Client>>,
    destination: Destination,
}

impl<'a> Servers<'a> {
    /// What tokens name is unverified, and must not fill the memory.
    const MAX: usize = 64;

    /// `client_at` makes the client of another server.
    pub(super) fn new(
        configured: Client,
        client_at: impl Fn(Issuer) -> Result<Client, Failure> + 'a,
    ) -> Self {
        let destination = Destination::default();
        Self { configured, client_at: Box::new(client_at), others: RefCell::default(), destination }
    }

    /// The same, as far as tokens may be sent there.
    #[must_use]
    pub(super) fn bound_to(self, destination: Destination) -> Self {
        Self { destination, ..self }
    }

    /// The server of the settings.
    pub(super) fn configured(&self) -> &Client {
        &self.configured
    }

    /// The server to ask about this token.
    pub(super) fn for_token(&self, token: &Token) -> Result<Asked, Failure> {
        self.destination.check(token)?;
        let is_damaged = jwt::is_damaged(token.expose());
        match ClaimedIssuer::of(token, self.configured.issuer()) {
            ClaimedIssuer::SameOrg(issuer) => Ok(Asked {
                client: self.other(issuer)?,
                is_configured: false,
                claimed: ClaimedIssuer::Asked,
                is_damaged,
            }),
            claimed => {
                let client = self.configured.clone();
                Ok(Asked { client, is_configured: true, claimed, is_damaged })
            }
        }
    }

    fn other(&self, issuer: Issuer) -> Result<Client, Failure> {
        let mut others = self.others.borrow_mut();
        if let Some(client) = others.get(issuer.as_str()) {
            return Ok(client.clone());
        }
        if others.len() >= Self::MAX {
            return Err(Failure::usage("the tokens name more servers of the org than are asked")
                .advise("ask about the tokens of each server by themselves, with --issuer"));
        }
        let client = (self.client_at)(issuer.clone())?;
        others.insert(issuer.to_string(), client.clone());
        Ok(client)
    }
}
