//! What `serve --check` shows: the configuration as it is understood, for people to compare with what
//! they meant.

use std::cmp::Reverse;

use okta_introspect::checker::{CheckerConfig, SignalMode};

use super::document::{Replay, RequireDocument, RuleSignals, Span};
use super::resolved::{
    Config, IdentityConfig, ListenerConfig, ReceiveConfig, RuleConfig, SignalsConfig,
};
use crate::identity::{BackendCredentials, IdentityFact};
use crate::original::{Mode, Origin};
use crate::path::Decoding;

/// The columns of a line.
const WIDTH: usize = 80;

/// How far the second line of an entry is indented.
const INDENT: usize = 6;

impl Config {
    /// The configuration as it is understood, in lines of at most 80 columns where words permit: where
    /// the sidecar listens, which server it asks, the rules in the order in which they are matched, what
    /// the services are told. Has no secret and no hash of one.
    pub fn check_lines(&self) -> String {
        let mut lines = Lines::default();
        self.show_listeners(&mut lines);
        self.show_servers(&mut lines);
        let is_shared = self.show_shared(&mut lines);
        self.show_signals(is_shared, &mut lines);
        self.show_origins(&mut lines);
        self.show_rules(&mut lines);
        self.show_rest(&mut lines);
        lines.0
    }

    fn show_listeners(&self, lines: &mut Lines) {
        lines.heading("listeners");
        for listener in &self.listeners {
            lines.entry(&listener.address.to_string(), &of_listener(listener));
        }
        lines.heading("management");
        lines.entry(&self.management.to_string(), &[]);
        lines.heading("callers");
        if self.callers.is_empty() {
            lines.entry("everybody who can connect", &[]);
        }
        for caller in &self.callers {
            let limit = |limit: Option<u32>, what| Some(format!("{} {what} a second", limit?));
            let limits = [
                limit(caller.limits.requests_per_second, "requests"),
                limit(caller.limits.misses_per_second, "misses"),
            ];
            let limits: Vec<String> = limits.into_iter().flatten().collect();
            lines.entry(&caller.name, &limits);
        }
    }

    fn show_servers(&self, lines: &mut Lines) {
        lines.heading("servers");
        let okta = &self.okta;
        let (issuer, client) = match self.settings() {
            Ok(settings) => (
                settings.issuer().map(|issuer| issuer.as_str().to_owned()).ok(),
                settings.client_id().map(str::to_owned).ok(),
            ),
            Err(_) => (None, None),
        };
        let client: Vec<String> = client.map(|id| format!("client {id}")).into_iter().collect();
        lines.entry(issuer.as_deref().unwrap_or("none"), &client);
        for issuer in &okta.further_issuers {
            lines.entry(issuer.as_str(), &[]);
        }
        lines.entry("answers", &of_checker(&self.checker));
    }

    /// What is shared, wherever that is configured, and whether anything is.
    fn show_shared(&self, lines: &mut Lines) -> bool {
        lines.heading("shared store");
        let shown = self.settings().map(|settings| settings.shown()).unwrap_or_default();
        let value =
            |name: &str| shown.iter().find(|it| it.name == name).map(|it| it.value.as_str());
        let Some(url) = value("shared_url") else {
            lines.entry("none: each sidecar asks for itself", &[]);
            return false;
        };
        let has = |names: [&str; 2]| names.into_iter().any(|name| value(name).is_some());
        let mut words = Vec::new();
        words.extend(value("shared_username").map(|name| format!("user {name}")));
        if has(["shared_password", "shared_password_file"]) {
            words.push("with a password".to_owned());
        }
        if has(["shared_ca", "shared_ca_file"]) {
            words.push("with authorities of its own".to_owned());
        }
        words.push(match has(["shared_secret", "shared_secret_file"]) {
            true => "sealed with a secret of its own".to_owned(),
            false => "sealed with a secret of the app's key".to_owned(),
        });
        if has(["shared_previous_secret", "shared_previous_secret_file"]) {
            words.push("a further secret opens as well".to_owned());
        }
        lines.entry(url, &words);
        true
    }

    fn show_signals(&self, is_shared: bool, lines: &mut Lines) {
        lines.heading("signals");
        let SignalsConfig { poll, receive } = &self.signals;
        let is_told = is_shared && self.checker.signals != SignalMode::Off;
        if poll.is_none() && receive.is_none() && !is_told {
            return lines.entry("none: what was revoked is seen once its answer is too old", &[]);
        }
        if is_told {
            lines.entry("shared store", &["what other sidecars hear".to_owned()]);
        }
        if let Some(poll) = poll {
            let mut words = vec![format!("asked every {}", Span(poll.interval))];
            match &poll.cursor {
                _ if is_shared => words.push("by one sidecar for all".to_owned()),
                Some(cursor) => words.push(format!("goes on at {}", cursor.display())),
                None => {}
            }
            lines.entry("System Log", &words);
        }
        if let Some(receive) = receive {
            let at = format!("received on {}, {}", receive.address, receive.path);
            lines.entry(&at, &of_receive(receive));
        }
        lines.entry("what they name", &of_mode(&self.checker));
    }

    fn show_origins(&self, lines: &mut Lines) {
        lines.heading("origins");
        if self.origins.iter().next().is_none() {
            lines.entry("none: any host, and no tokens that are bound to a key", &[]);
        }
        for origin in self.origins.iter() {
            lines.entry(origin.url(), &self.of_origin(origin));
        }
    }

    /// What the root of an origin is for the proxy, as far as prefixes differ.
    fn of_origin(&self, origin: &Origin) -> Vec<String> {
        let mut words = Vec::new();
        let Some(config) = self.origin_configs.get(origin.index()) else { return words };
        if !config.strip_prefix.is_empty() {
            words.push(format!("without {}", config.strip_prefix));
        }
        if !config.add_prefix.is_empty() {
            words.push(format!("with {}", config.add_prefix));
        }
        if config.resource.is_some() {
            words.push("metadata".to_owned());
            words.push(format!("tokens must be for {}", origin.url()));
        }
        words
    }

    fn show_rules(&self, lines: &mut Lines) {
        lines.heading("rules, the most specific first");
        let mut rules: Vec<&RuleConfig> = self.rule_configs.iter().collect();
        rules.sort_by_key(|config| order(config));
        for config in rules {
            let pattern = config.pattern.to_string();
            let all = if config.pattern.methods.is_empty() { "all " } else { "" };
            let name = match config.rule.name == pattern {
                true => String::new(),
                false => format!(" ({})", config.rule.name),
            };
            lines.entry(&format!("{all}{pattern}{name}"), &self.of_rule(config));
        }
        lines.entry("all others", &["denied".to_owned()]);
    }

    fn of_rule(&self, config: &RuleConfig) -> Vec<String> {
        let mut words: Vec<String> = config
            .pattern
            .where_
            .iter()
            .map(|(name, regex)| format!("{name} is {regex}"))
            .collect();
        match &config.written {
            Some(written) => words.extend(of_requirement(written, &self.checker)),
            None => words.push("no token needed".to_owned()),
        }
        if config.rule.dry_run {
            words.push("only logged (dry run)".to_owned());
        }
        words
    }

    fn show_rest(&self, lines: &mut Lines) {
        lines.heading("services are told");
        let identity = &self.identity;
        let authorization = match identity.credentials {
            BackendCredentials::Keep => "Authorization is kept",
            BackendCredentials::Strip => "Authorization is removed",
        };
        let mut words = vec![authorization.to_owned()];
        if let Some(token) = &identity.token {
            let lifetime = Span(token.lifetime);
            words.push(format!(
                "{}Token for {}, good for {lifetime}",
                identity.prefix, token.audience
            ));
        }
        lines.entry(&of_headers(identity), &words);
        lines.heading("besides");
        let decodings: Vec<&str> =
            self.decodings.iter().map(|decoding| of_decoding(*decoding)).collect();
        lines.entry("paths", &[format!("the same {}", decodings.join(" and "))]);
        let repeat = Span(self.dpop.repeat_within);
        let proofs = match self.dpop.replay {
            Replay::Consume => format!("used once, repeated within {repeat}"),
            Replay::CheckOnly => format!("looked up and not recorded, repeated within {repeat}"),
            Replay::Off => "used as often as one likes".to_owned(),
        };
        lines.entry("proofs", &[proofs]);
        lines.entry("drain", &[Span(self.drain).to_string()]);
    }
}

/// The headers by their names, unless they are all that there are.
fn of_headers(identity: &IdentityConfig) -> String {
    match identity.identity() {
        Ok(declared) if identity.headers.len() < IdentityFact::ALL.len() => {
            let names: Vec<&str> = declared.names().iter().map(|name| name.as_str()).collect();
            format!("headers {}", names.join(", "))
        }
        _ => format!("headers {}…", identity.prefix),
    }
}

fn of_listener(listener: &ListenerConfig) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(mode) = listener.mode {
        words.push(mode.to_string());
    }
    if listener.mode == Some(Mode::Envoy) {
        words.push(format!("prefix {}", listener.path_prefix));
    }
    if listener.introspection {
        words.push("POST /introspect".to_owned());
    }
    if !listener.trusted.is_empty() {
        let networks: Vec<String> = listener.trusted.iter().map(ToString::to_string).collect();
        words.push(format!("trusts {}", networks.join(", ")));
    }
    if let Some(tls) = &listener.tls {
        words.push("TLS".to_owned());
        if !tls.client_names.is_empty() {
            words.push(format!("clients {}", tls.client_names.join(", ")));
        }
    }
    words
}

fn of_receive(receive: &ReceiveConfig) -> Vec<String> {
    let mut words = Vec::new();
    if receive.tls.is_some() {
        words.push("TLS".to_owned());
    }
    if let (Some(client), Some(url)) = (&receive.universal_logout, &receive.public_url) {
        words.push(format!("Universal Logout of client {client} at {url}"));
    }
    if let Some(hook) = &receive.event_hook {
        words.push(format!("event hooks with a secret in {}", hook.header));
    }
    if let Some(bridge) = &receive.event_bridge {
        words.push(format!("EventBridge with a secret in {}", bridge.header));
    }
    if let Some(events) = &receive.security_events {
        let issuer = events.issuer.as_ref().map_or("the org", |issuer| issuer.as_str());
        words.push(format!("security events of {issuer} for {}", events.audience));
        if events.authorization.is_some() {
            words.push("with a secret in authorization".to_owned());
        }
    }
    words
}

fn of_checker(checker: &CheckerConfig) -> Vec<String> {
    let mut words = vec![
        format!("at most {} old", Span(checker.max_age)),
        format!("no rule gets more than {}", Span(checker.max_age_limit)),
    ];
    if !checker.stale_if_error.is_zero() {
        words.push(format!("{} more in an outage", Span(checker.stale_if_error)));
    }
    words.push(format!("waited for at most {}", Span(checker.timeout)));
    words
}

/// What comes of signals.
fn of_mode(checker: &CheckerConfig) -> Vec<String> {
    let mode = checker.signals;
    if mode == SignalMode::Off {
        return vec!["is of no account".to_owned()];
    }
    let mut words = vec!["is asked about again".to_owned()];
    if matches!(mode, SignalMode::Shadow | SignalMode::Extend) {
        words.push("what ends without one is counted".to_owned());
    }
    if mode == SignalMode::Extend {
        let limit = Span(checker.extension_limit.min(checker.max_age_limit));
        words.push(format!("the rest can stay fresh for {limit}"));
    }
    words
}

fn of_decoding(decoding: Decoding) -> &'static str {
    match decoding {
        Decoding::Raw => "raw",
        Decoding::Once => "decoded once",
        Decoding::Twice => "decoded twice",
    }
}

/// The requirement in words.
fn of_requirement(require: &RequireDocument, checker: &CheckerConfig) -> Vec<String> {
    let mut words = Vec::new();
    let all = require.scopes.as_deref().unwrap_or_default();
    let any = require.any_scope.as_deref().unwrap_or_default();
    let clients = require.client_ids.as_deref().unwrap_or_default();
    if !all.is_empty() {
        words.push(format!("scopes {}", all.join(" ")));
    }
    if !any.is_empty() {
        words.push(format!("one of the scopes {}", any.join(" ")));
    }
    if let Some(audience) = &require.audience {
        words.push(format!("for {audience}"));
    }
    if let Some(issuer) = &require.issuer {
        words.push(format!("of {issuer}"));
    }
    if !clients.is_empty() {
        words.push(format!("client {}", clients.join(" or ")));
    }
    if require.user.unwrap_or_default() {
        words.push("a user's".to_owned());
    }
    if require.bound.unwrap_or_default() {
        words.push("bound to a key".to_owned());
    }
    if words.is_empty() {
        words.push("any active token".to_owned());
    }
    let max_age = require.max_age.unwrap_or(Span(checker.max_age));
    words.push(match max_age.0.is_zero() {
        true => "asked for now".to_owned(),
        false => format!("at most {max_age} old"),
    });
    if require.signals == Some(RuleSignals::Extend) && checker.signals == SignalMode::Extend {
        words.push("signals extend it".to_owned());
    }
    if let Some(stale) = require.stale_if_error {
        words.push(format!("{stale} more in an outage"));
    }
    if let Some(timeout) = require.timeout {
        words.push(format!("waited for at most {timeout}"));
    }
    words
}

/// Text before parameters before the rest; with a host before without; with methods before without.
fn order(config: &RuleConfig) -> impl Ord + use<> {
    let rule = &config.pattern;
    let segments: Vec<(u8, String)> = rule
        .path
        .split('/')
        .map(|segment| match segment {
            _ if segment.contains("{*") => (2, String::new()),
            _ if segment.contains('{') => (1, segment.to_owned()),
            _ => (0, segment.to_owned()),
        })
        .collect();
    let methods: Vec<String> = rule.methods.iter().map(ToString::to_string).collect();
    (
        Reverse(rule.host.is_some()),
        rule.host.clone(),
        segments,
        Reverse(!rule.methods.is_empty()),
        methods,
    )
}

/// Lines as they are written.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn heading(&mut self, heading: &str) {
        self.0.push_str(heading);
        self.0.push('\n');
    }

    /// A title, and what there is to say of it: beside it, or below.
    fn entry(&mut self, title: &str, words: &[String]) {
        let words = words.join("; ");
        let title = format!("  {title}");
        let beside = format!("{title}: {words}");
        match (words.is_empty(), beside.chars().count() <= WIDTH) {
            (true, _) => self.0.push_str(&title),
            (false, true) => self.0.push_str(&beside),
            (false, false) => {
                self.0.push_str(&title);
                self.wrapped(&words);
            }
        }
        self.0.push('\n');
    }

    fn wrapped(&mut self, words: &str) {
        let mut column = WIDTH;
        for word in words.split(' ') {
            let length = word.chars().count();
            if column.saturating_add(length) >= WIDTH {
                self.0.push('\n');
                self.0.push_str(&" ".repeat(INDENT));
                column = INDENT;
            } else {
                self.0.push(' ');
                column = column.saturating_add(1);
            }
            self.0.push_str(word);
            column = column.saturating_add(length);
        }
    }
}
