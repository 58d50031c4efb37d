//! What can go wrong with a request.

use std::time::Duration;

use serde_json::Value;

/// Something that goes wrong with requests; see [`Faults::inject`](crate::Faults::inject).
///
/// A fault has up to three parts: a wait, another answer than the right one, and a way in which
/// the answer is delivered. A constructor sets one of them, and methods add others:
///
/// ```
/// use std::time::Duration;
/// use okta_sandbox::Fault;
///
/// // A gateway that gives up after half a minute.
/// let fault = Fault::html(504).delayed(Duration::from_secs(30));
/// // An answer that is lost after the server has acted.
/// let fault = Fault::oauth(503, "temporarily_unavailable").acting_first(true);
/// ```
///
/// Whether the server acts on the request first (uses up its assertion and its part of the rate
/// limit, issues or revokes a token) depends on the constructor, and can be set with
/// [`acting_first`](Self::acting_first).
#[derive(Clone, Debug)]
#[must_use]
pub struct Fault {
    pub(crate) path: Option<String>,
    pub(crate) acts_first: bool,
    pub(crate) wait: Option<Wait>,
    pub(crate) change: Option<Change>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) delivery: Delivery,
}

/// Why a request is kept waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    UntilReleased,
    For(Duration),
    ForEver,
}

/// What becomes of the answer.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    OAuth { status: u16, error: String },
    Api { status: u16, code: String },
    Html { status: u16 },
    Empty { status: u16 },
    Huge { bytes: usize },
    Gzip { unpacked: usize },
    ContentType(String),
    Active(Value),
}

impl Change {
    /// Whether nothing of the right answer is left.
    fn replaces(&self) -> bool {
        match self {
            Self::OAuth { .. }
            | Self::Api { .. }
            | Self::Html { .. }
            | Self::Empty { .. }
            | Self::Huge { .. } => true,
            Self::Gzip { .. } | Self::ContentType(_) | Self::Active(_) => false,
        }
    }
}

/// How an answer reaches the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Delivery {
    Whole,
    /// Whole, in chunks instead of with a `Content-Length`.
    Unannounced,
    Reset(Reset),
    Truncated,
    Drip {
        bytes: usize,
        pause: Duration,
    },
}

/// When a connection is reset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reset {
    /// When the request has been read, instead of an answer.
    BeforeAnswer,
    /// After half of the answer's body.
    DuringAnswer,
    /// After the whole answer: the client notices at the next use of the connection.
    AfterAnswer,
}

impl Fault {
    /// An error in OAuth's shape ([RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2))
    /// instead of the right answer. The server does not act.
    ///
    /// # Panics
    ///
    /// As for all constructors that take one, if `status` is not between 200 and 999.
    pub fn oauth(status: u16, error: impl Into<String>) -> Self {
        Self::answering(Change::OAuth { status: checked(status), error: error.into() })
    }

    /// An error in the shape of Okta's API instead of the right answer, such as
    /// `Fault::api(429, "E0000047")`. The server does not act.
    pub fn api(status: u16, code: impl Into<String>) -> Self {
        Self::answering(Change::Api { status: checked(status), code: code.into() })
    }

    /// A web page instead of the right answer, as from a proxy. The server does not act.
    pub fn html(status: u16) -> Self {
        Self::answering(Change::Html { status: checked(status) })
    }

    /// A status without a body instead of the right answer, such as 204. The server does not act.
    pub fn empty(status: u16) -> Self {
        Self::answering(Change::Empty { status: checked(status) })
    }

    /// A redirect instead of the right answer. The server does not act.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::empty(status).header("location", location)
    }

    /// A good JSON object of about so many bytes, `{"active": true, …}`, instead of the right
    /// answer. The server does not act.
    pub fn huge(bytes: usize) -> Self {
        Self::answering(Change::Huge { bytes })
    }

    /// The right answer as gzip, though it was not asked for. The server acts first.
    pub fn gzip() -> Self {
        Self::gzip_bomb(0)
    }

    /// The right answer as gzip which, once unpacked, has blanks at its end up to so many bytes.
    /// The server acts first.
    pub fn gzip_bomb(unpacked_bytes: usize) -> Self {
        Self::acting(Some(Change::Gzip { unpacked: unpacked_bytes }))
    }

    /// The right answer under another content type. The server acts first.
    pub fn content_type(content_type: impl Into<String>) -> Self {
        Self::acting(Some(Change::ContentType(content_type.into())))
    }

    /// The right answer with another value of `active`, such as `"true"`. The server acts first.
    pub fn active(value: impl Into<Value>) -> Self {
        Self::acting(Some(Change::Active(value.into())))
    }

    /// A connection that is reset. The server acts first, unless it is
    /// [before the answer](Reset::BeforeAnswer).
    pub fn reset(when: Reset) -> Self {
        let acts_first = when != Reset::BeforeAnswer;
        Self { acts_first, delivery: Delivery::Reset(when), ..Self::acting(None) }
    }

    /// Half of the right answer, and then the end of the connection. The server acts first.
    pub fn truncated() -> Self {
        Self { delivery: Delivery::Truncated, ..Self::acting(None) }
    }

    /// The right answer, of which so many bytes come at a time with a pause before each, by the
    /// sandbox's [clock](crate::Clock). The server acts first.
    pub fn drip(bytes: usize, pause: Duration) -> Self {
        let bytes = bytes.max(1);
        Self { delivery: Delivery::Drip { bytes, pause }, ..Self::acting(None) }
    }

    /// No answer, on a connection that stays open. The server does not act.
    pub fn silence() -> Self {
        Self { acts_first: false, wait: Some(Wait::ForEver), ..Self::acting(None) }
    }

    /// The right answer, kept back until [`Faults::release`](crate::Faults::release). The server
    /// acts first, so the answer is as old as the request.
    pub fn hold() -> Self {
        Self::acting(None).held()
    }

    /// The right answer, late by so much of the sandbox's [clock](crate::Clock). The server acts
    /// first, so the answer is as old as the request.
    pub fn delay(by: Duration) -> Self {
        Self::acting(None).delayed(by)
    }

    /// Only for requests to this path, such as `/oauth2/v1/token`. Default: for all.
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Sets whether the server acts on the request before anything else happens.
    pub fn acting_first(mut self, acts_first: bool) -> Self {
        self.acts_first = acts_first;
        self
    }

    /// Keeps the answer back until [`Faults::release`](crate::Faults::release).
    pub fn held(mut self) -> Self {
        self.wait = Some(Wait::UntilReleased);
        self
    }

    /// Delays the answer by so much of the sandbox's clock.
    pub fn delayed(mut self, by: Duration) -> Self {
        self.wait = Some(Wait::For(by));
        self
    }

    /// Adds a header to the answer, beside others of the same name.
    ///
    /// # Panics
    ///
    /// If name or value cannot stand in a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        assert!(
            hyper::header::HeaderName::try_from(&name).is_ok()
                && hyper::header::HeaderValue::try_from(&value).is_ok(),
            "not a header: {name}: {value}"
        );
        self.headers.push((name, value));
        self
    }

    /// Sends the body in chunks, without a `Content-Length`.
    pub fn unannounced(mut self) -> Self {
        self.delivery = Delivery::Unannounced;
        self
    }

    /// Whether it concerns a request to this path.
    pub(crate) fn concerns(&self, path: &str) -> bool {
        self.path.as_ref().is_none_or(|own| own == path)
    }

    /// Whether the right answer is needed for the one that the client gets.
    pub(crate) fn needs_right_answer(&self) -> bool {
        !self.change.as_ref().is_some_and(Change::replaces)
    }

    fn answering(change: Change) -> Self {
        Self { acts_first: false, ..Self::acting(Some(change)) }
    }

    fn acting(change: Option<Change>) -> Self {
        Self {
            path: None,
            acts_first: true,
            wait: None,
            change,
            headers: Vec::new(),
            delivery: Delivery::Whole,
        }
    }
}

fn checked(status: u16) -> u16 {
    // What is below 200 is no answer yet (RFC 9110 §15.2).
    assert!((200..=999).contains(&status), "not the status of an answer: {status}");
    status
}
