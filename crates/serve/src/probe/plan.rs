//! What is sent: each request is a case of its own.

use super::message::Message;
use super::report::Trap;
use super::setup::Probe;
use super::spelling::{self, Spelling};

/// A request, and what must not come of it.
pub(super) struct Case {
    pub(super) trap: Trap,
    pub(super) sent: String,
    pub(super) message: Message,
    pub(super) expect: Expect,
}

/// What is right about the answer to a case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Expect {
    /// It must not reach the service.
    Refused,
    /// It may; nothing that was made up may come along as an identity, and none may be missing.
    Identity,
    /// It may, under a path that can be read in one way only and is not the forbidden one.
    Path,
}

/// What the sidecar says of a request.
pub(super) const FACTS: [&str; 9] =
    ["Sub", "Client-Id", "Uid", "Username", "Scope", "Exp", "Issuer", "Age-Ms", "Source"];

/// More than a proxy or the sidecar accepts in a line: the sidecar has no answer that means no.
const OVERSIZED: usize = 40_000;

impl Probe {
    pub(super) fn good(&self) -> Message {
        self.bearer(Message::get(&*self.url.target))
    }

    fn bearer(&self, message: Message) -> Message {
        message.with("Authorization", format!("Bearer {}", self.token.expose()))
    }

    /// What nobody has issued, and is recognised when it is seen again.
    pub(super) fn mark(&self) -> String {
        format!("probe-forged-{}", self.run)
    }

    fn anonymous(&self) -> Message {
        Message::get(&*self.url.target)
    }

    /// Those that need no answer to the good token.
    pub(super) fn credentials(&self) -> Vec<Case> {
        let good = format!("Bearer {}", self.token.expose());
        let made_up = format!("Bearer {}", self.mark());
        let authorization = |values: &[&str]| {
            values.iter().fold(self.anonymous(), |it, value| it.with("Authorization", *value))
        };
        let joined = |first: &str, second: &str| authorization(&[&format!("{first}, {second}")]);
        let mut cases = vec![
            case(Trap::NoToken, "no token", self.anonymous()),
            case(Trap::MadeUpToken, "a made-up token", authorization(&[&made_up])),
        ];
        let mut two =
            |sent: &str, message| cases.push(case(Trap::TwoAuthorizations, sent, message));
        two("two Authorization headers, the good one first", authorization(&[&good, &made_up]));
        two("two Authorization headers, the good one last", authorization(&[&made_up, &good]));
        two("two tokens in one Authorization, the good one first", joined(&good, &made_up));
        two("two tokens in one Authorization, the good one last", joined(&made_up, &good));
        let long = format!("Bearer {}", "a".repeat(OVERSIZED));
        cases.push(case(Trap::FailureLetsThrough, "a token of 40 KB", authorization(&[&long])));
        if let Some(bound) = &self.bound_token {
            let bound = format!("Bearer {}", bound.expose());
            let sent = "a DPoP-bound token as plain bearer";
            cases.push(case(Trap::BoundAsBearer, sent, authorization(&[&bound])));
        }
        cases
    }

    /// A yes, and the same URL again without a token.
    pub(super) fn cache(&self) -> Vec<Case> {
        let target = self.with_query(&format!("probe={}", self.run));
        let with = Case {
            expect: Expect::Identity,
            ..case(Trap::CachedYes, "the good token, for a URL of its own", {
                self.bearer(Message::get(&*target))
            })
        };
        let without =
            || case(Trap::CachedYes, "the same URL without a token", Message::get(&*target));
        vec![with, without(), without()]
    }

    /// Identity headers that the client makes up, in each way of writing their names.
    pub(super) fn forged_identity(&self) -> Vec<Case> {
        let names: Vec<String> =
            FACTS.iter().map(|fact| format!("{}{fact}", self.prefix)).collect();
        let last = |name: &str| match name.rsplit_once('-') {
            Some((before, after)) => format!("{before}_{after}"),
            None => name.to_owned(),
        };
        type Way<'a> = (&'a str, Trap, &'a dyn Fn(&str) -> String);
        let ways: [Way<'_>; 6] = [
            ("with hyphens", Trap::ClientsIdentity, &str::to_owned),
            ("in lower case", Trap::ClientsIdentity, &str::to_ascii_lowercase),
            ("in capitals", Trap::ClientsIdentity, &str::to_ascii_uppercase),
            ("with underscores", Trap::UnderscoreTwins, &|name| name.replace('-', "_")),
            ("with one underscore", Trap::UnderscoreTwins, &|name| name.replacen('-', "_", 1)),
            ("with an underscore at last", Trap::UnderscoreTwins, &last),
        ];
        let mut cases = Vec::new();
        for (way, trap, spell) in ways {
            let forge = |message: Message| {
                names.iter().fold(message, |it, name| it.with(spell(name), self.mark()))
            };
            let sent = format!("forged {}* {way}", self.prefix);
            let with = case(trap, &sent, forge(self.good()));
            cases.push(Case { expect: Expect::Identity, ..with });
            cases.push(case(trap, &format!("{sent}, no token"), forge(self.anonymous())));
        }
        let twice = names.iter().fold(self.good(), |it, name| {
            it.with(name.clone(), self.mark()).with(name.clone(), self.mark())
        });
        let sent = format!("forged {}* twice", self.prefix);
        cases.push(Case { expect: Expect::Identity, ..case(Trap::ClientsIdentity, &sent, twice) });
        for name in &self.drop {
            let message = self.good().with(name.clone(), self.mark());
            let with = case(Trap::Undropped, &format!("forged {name}"), message);
            cases.push(Case { expect: Expect::Identity, ..with });
        }
        cases.extend(self.takes_identity_away(&names));
        cases
    }

    /// Headers by which a client may have others removed, after the sidecar has set them.
    fn takes_identity_away(&self, names: &[String]) -> [Case; 2] {
        let list = names.join(", ");
        let envoy = self.good().with("x-envoy-auth-headers-to-remove", list.to_lowercase());
        let hop = self.good().with("Connection", format!("close, {list}"));
        [
            ("X-Envoy-Auth-Headers-To-Remove of the client", envoy),
            ("Connection that names the identity headers", hop),
        ]
        .map(|(sent, message)| Case {
            expect: Expect::Identity,
            ..case(Trap::IdentityTakenAway, sent, message)
        })
    }

    /// Headers of the client that look as if the proxy had made them.
    pub(super) fn forged_forwarding(&self, forbidden: Option<&str>) -> Vec<Case> {
        let (path, host) = (self.url.path(), &*self.url.host);
        let url = format!("{}://{host}{path}", self.url.scheme());
        type Forged<'a> = (Trap, &'a str, Vec<(&'a str, String)>);
        let sets: [Forged<'_>; 6] = [
            (
                Trap::ForwardedUri,
                "X-Forwarded-Uri",
                vec![
                    ("X-Forwarded-Method", "GET".to_owned()),
                    ("X-Forwarded-Proto", self.url.scheme().to_owned()),
                    ("X-Forwarded-Host", host.to_owned()),
                    ("X-Forwarded-Uri", path.to_owned()),
                ],
            ),
            (
                Trap::ForwardedUri,
                "X-Original-URL",
                vec![
                    ("X-Original-Method", "GET".to_owned()),
                    ("X-Original-URL", url.clone()),
                    ("X-Original-URI", path.to_owned()),
                ],
            ),
            (Trap::ForwardedUri, "X-Rewrite-URL", vec![("X-Rewrite-URL", path.to_owned())]),
            (
                Trap::ForwardedUri,
                "X-Envoy-Original-Path",
                vec![
                    ("X-Envoy-Original-Path", path.to_owned()),
                    ("X-Envoy-Internal", "true".to_owned()),
                ],
            ),
            (
                Trap::ForwardedPrefix,
                "X-Forwarded-Prefix",
                vec![("X-Forwarded-Prefix", path.to_owned())],
            ),
            (
                Trap::ForwardedUri,
                "Forwarded",
                vec![("Forwarded", format!("host={host};path={path}"))],
            ),
        ];
        let Some(forbidden) = forbidden else { return Vec::new() };
        let cases = sets.into_iter().map(|(trap, name, headers)| {
            let begin = self.bearer(Message::get(forbidden));
            let message = headers.into_iter().fold(begin, |it, (name, value)| it.with(name, value));
            let sent = format!("the forbidden path, {name} names the permitted one");
            Case { expect: Expect::Path, ..case(trap, &sent, message) }
        });
        cases.collect()
    }

    /// Headers that the service may believe; whether they arrive is told, and no fault by itself.
    pub(super) fn believed(&self) -> Vec<Case> {
        let names = [
            "X-Forwarded-Prefix",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Forwarded-For",
            "Forwarded",
            "X-Original-URL",
            "X-HTTP-Method-Override",
        ];
        let names = names
            .into_iter()
            .filter(|name| !self.drop.iter().any(|dropped| dropped.eq_ignore_ascii_case(name)));
        let key = ("X-Okta-Introspect-Key", Trap::SidecarKey);
        let all = names.map(|name| (name, Trap::ForgedForwarding)).chain([key]);
        all.map(|(name, trap)| Case {
            expect: Expect::Identity,
            ..case(trap, &format!("forged {name}"), self.good().with(name, self.mark()))
        })
        .collect()
    }

    /// Hosts that are more than a host.
    pub(super) fn hosts(&self) -> Vec<Case> {
        let (host, path) = (&*self.url.host, self.url.path());
        let odd = [
            format!("{host}{path}?"),
            format!("{host}/"),
            format!("{host}#"),
            format!("{host}?"),
            format!("probe.invalid@{host}"),
            format!("{host}, probe.invalid"),
        ];
        let mut cases: Vec<_> = odd
            .into_iter()
            .map(|odd| {
                let sent = format!("Host: {odd}");
                case(Trap::HostLaundering, &sent, self.good().with("Host", odd))
            })
            .collect();
        let two = self.good().with("Host", host).with("Host", "probe.invalid");
        cases.push(case(Trap::HostLaundering, "two Host headers", two));
        cases
    }

    /// The forbidden path and the permitted one, spelt in odd ways.
    pub(super) fn paths(&self, forbidden: &str) -> Vec<Case> {
        let (path, host) = (self.url.path(), &*self.url.host);
        let cases = |of: &'static str, spellings: Vec<Spelling>| {
            spellings.into_iter().map(move |Spelling { id, target }| Case {
                trap: Trap::of_spelling(id),
                sent: format!("{of} path, {}", id.replace('-', " ")),
                message: self.bearer(Message::get(target)),
                expect: Expect::Path,
            })
        };
        cases("forbidden", spelling::of_forbidden(path, forbidden, host))
            .chain(cases("permitted", spelling::of_permitted(path, forbidden, host)))
            .collect()
    }

    /// The forbidden path as it is.
    pub(super) fn forbidden(&self, forbidden: &str) -> Case {
        let message = self.bearer(Message::get(forbidden));
        case(Trap::ForbiddenPath, "the forbidden path as it is", message)
    }

    fn with_query(&self, query: &str) -> String {
        let mark = if self.url.target.contains('?') { '&' } else { '?' };
        format!("{}{mark}{query}", self.url.target)
    }
}

fn case(trap: Trap, sent: &str, message: Message) -> Case {
    Case { trap, sent: sent.to_owned(), message, expect: Expect::Refused }
}
