//! Lists that come in pages.

use std::collections::HashSet;

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Resource, ResourceAnswer, ResourceCall, link};
use crate::error::{Error, ErrorKind, redact};
use crate::support::json_misfit::Misfit;

/// The pages of a list, one after the other, as the server links them: by the header `Link`, or by
/// `_links.next` of the answer, as Okta's IAM APIs do. Links are followed unchanged, on the same
/// origin alone, and never twice. The System Log, which always links to a next page, ends with its
/// first empty one.
///
/// # Example: the logins of all users
///
/// ```no_run
/// use okta_introspect::{Error, Resource, ResourceCall};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct User {
///     id: String,
/// }
///
/// async fn ids(users: &Resource) -> Result<Vec<String>, Error> {
///     let mut pages = users.pages(ResourceCall::get("/api/v1/users?limit=200"));
///     let mut ids = Vec::new();
///     while let Some(page) = pages.next_page().await? {
///         ids.extend(page.json::<Vec<User>>()?.into_iter().map(|user| user.id));
///     }
///     Ok(ids)
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Pages {
    resource: Resource,
    call: ResourceCall,
    state: State,
    /// The paths of the pages that were asked for.
    asked: HashSet<String>,
    empty_in_a_row: usize,
    max_pages: usize,
}

#[derive(Debug)]
enum State {
    /// There is one more.
    More,
    /// The list is complete.
    Complete,
    /// It cannot be told how the list goes on.
    Broken(Error),
}

impl Pages {
    /// How many pages are read at most, unless [`max_pages`](Self::max_pages) says otherwise.
    pub const DEFAULT_MAX_PAGES: usize = 10_000;

    /// How many empty pages in a row may link to more: servers that filter what they have read send
    /// a few, and one that has nothing more to say could go on for ever.
    pub const MAX_EMPTY: usize = 50;

    pub(super) fn new(resource: Resource, call: ResourceCall) -> Self {
        let state = match call.method {
            Method::GET => State::More,
            _ => State::Broken(Error::input("only a GET has pages")),
        };
        let max_pages = Self::DEFAULT_MAX_PAGES;
        Self { resource, call, state, asked: HashSet::new(), empty_in_a_row: 0, max_pages }
    }

    /// How many pages are read at most; a list that has more is an error, never a short list.
    /// Default: [`DEFAULT_MAX_PAGES`](Self::DEFAULT_MAX_PAGES).
    pub fn max_pages(mut self, max_pages: usize) -> Self {
        self.max_pages = max_pages;
        self
    }

    /// The next page; `None` after the last one.
    ///
    /// # Errors
    ///
    /// Those of [`Resource::call`], after which the same page may be asked for again;
    /// [`Input`](ErrorKind::Input) if the call is no `GET` or the list has too many pages;
    /// [`Malformed`](ErrorKind::Malformed) if a page links to another origin or to a page that came
    /// before, or if [`MAX_EMPTY`](Self::MAX_EMPTY) pages in a row are empty.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe: the same page is asked for again.
    pub async fn next_page(&mut self) -> Result<Option<ResourceAnswer>, Error> {
        match &self.state {
            State::More => {}
            State::Complete => return Ok(None),
            State::Broken(error) => return Err(error.clone()),
        }
        if self.asked.len() >= self.max_pages {
            return Err(Error::input(format!("the list has more than {} pages", self.max_pages))
                .advise("ask for larger pages, or allow more with `max_pages`"));
        }
        let answer = match self.resource.call(&self.call).await {
            // The caller's own path was checked with the first page; this one is the server's.
            Err(error) if error.kind() == ErrorKind::Input && !self.asked.is_empty() => {
                return Err(elsewhere().because(error));
            }
            answer => answer?,
        };
        self.asked.insert(self.local(&self.call.path).to_owned());
        self.go_on(&answer);
        Ok(Some(answer))
    }

    /// Finds out where the list goes on.
    fn go_on(&mut self, answer: &ResourceAnswer) {
        let Some(next) = next(answer) else {
            self.state = State::Complete;
            return;
        };
        let is_empty = is_empty(answer);
        self.empty_in_a_row = if is_empty { self.empty_in_a_row + 1 } else { 0 };
        let is_log = self.call.path.contains("/api/v1/logs");
        let is_same = self.local(&next) == self.local(&self.call.path);
        let is_known = self.asked.contains(self.local(&next));
        self.state = match () {
            // The log links to a page for pollers. Elsewhere too, nothing is missing behind a
            // page that has nothing.
            () if is_log && (is_empty || is_same) || is_empty && is_known => State::Complete,
            () if is_known => State::Broken(self.unending("links to one that came before")),
            () if self.empty_in_a_row >= Self::MAX_EMPTY => {
                State::Broken(self.unending("is empty, as were those before it, and links to more"))
            }
            () => {
                self.call.path = next;
                State::More
            }
        };
    }

    /// Links may be whole URLs, where the caller has written a path.
    fn local<'a>(&self, link: &'a str) -> &'a str {
        let origin = self.resource.inner.origin.as_str().trim_end_matches('/');
        link.strip_prefix(origin).filter(|path| path.starts_with('/')).unwrap_or(link)
    }

    fn unending(&self, what: &str) -> Error {
        Error::malformed(format!("page {} of the list {what}", self.asked.len()))
            .advise("do not take what has come so far for the whole list")
    }
}

fn is_empty(answer: &ResourceAnswer) -> bool {
    answer.body.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b"[]")
}

fn elsewhere() -> Error {
    Error::malformed("the next page is on another host, which must not see the token")
        .advise("see whether a proxy changes the links in the answers")
}

/// Where the next page is, if there is one.
fn next(answer: &ResourceAnswer) -> Option<String> {
    let lines = answer.headers.get_all("link").iter();
    let in_header = link::next(lines.filter_map(|value| value.to_str().ok()));
    // Not `json`, which would read a list once more to say why it is no object.
    let in_body = || serde_json::from_slice::<Body>(&answer.body).ok()?.links?.next?.href;
    in_header.map(str::to_owned).or_else(in_body)
}

/// What an answer says about pages.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "_links")]
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

impl ResourceAnswer {
    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// [`Malformed`](ErrorKind::Malformed) if it is not JSON or does not fit the type. The error
    /// quotes nothing of it.
    ///
    /// # Example
    ///
    /// ```
    /// use okta_introspect::{Error, ResourceAnswer};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct User {
    ///     id: String,
    ///     status: String,
    /// }
    ///
    /// fn is_active(answer: &ResourceAnswer) -> Result<bool, Error> {
    ///     Ok(answer.json::<User>()?.status == "ACTIVE")
    /// }
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|cause| {
            let (line, column) = (cause.line(), cause.column());
            // Not the cause itself: its text may quote what stands in the body.
            let document = || serde_json::from_slice(&self.body).unwrap_or_default();
            let what = match cause.is_data().then(|| Misfit::of_foreign::<T>(&document())) {
                Some(Some(misfit)) => {
                    let member = redact::excerpt(misfit.to_string().as_bytes(), &[]);
                    format!("does not fit the type wanted: {member}")
                }
                Some(None) => "does not fit the type wanted".to_owned(),
                None => "is not whole JSON".to_owned(),
            };
            Error::malformed(format!("the API's answer {what} (line {line}, column {column})"))
                .advise("make members that may be absent optional, and compare their types")
        })
    }
}
