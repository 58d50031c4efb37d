//! Lists that come in pages.

use std::collections::HashSet;

use okta_introspect::{ErrorKind, ResourceAnswer, ResourceCall};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Reader;

use super::org::Api;
use super::print::Printer;

/// Prints every page as it comes, and follows the links between them unchanged, as Okta asks for.
/// Each page must be on the org's own origin: the token goes with the request.
pub(super) async fn follow(
    api: &Api<'_>,
    mut call: ResourceCall,
    printer: Printer,
) -> Result<(), Failure> {
    if call.method != "GET" {
        return Err(Failure::usage("only a GET has pages").advise("leave out --paginate"));
    }
    let mut pages = Pages::of(api.settings.issuer()?.org());
    loop {
        let first = pages.is_first();
        pages.visit(&call.path);
        let answer = match first {
            true => api.call(&call).await?,
            false => api.next_page(&call).await?,
        };
        if printer.page(&answer.body, first)? == Reader::Gone {
            return Ok(());
        }
        let Some(path) = next(&answer, &call, &pages) else { return printer.end() };
        if let Err(failure) = pages.check(&path, is_empty(&answer)) {
            printer.end()?;
            return Err(failure);
        }
        call.path = path;
    }
}

/// The pages so far: links that lead back, or to nothing for ever, end the list.
struct Pages {
    origin: String,
    visited: HashSet<String>,
    empty_in_a_row: usize,
}

impl Pages {
    /// A list may have empty pages between others, where the server filters what it has read.
    const MAX_EMPTY: usize = 50;

    fn of(origin: &str) -> Self {
        Self { origin: origin.to_owned(), visited: HashSet::new(), empty_in_a_row: 0 }
    }

    fn is_first(&self) -> bool {
        self.visited.is_empty()
    }

    fn visit(&mut self, path: &str) {
        self.visited.insert(self.local(path).to_owned());
    }

    /// Links are whole URLs, and what is typed is a path.
    fn local<'a>(&self, link: &'a str) -> &'a str {
        link.strip_prefix(&self.origin).unwrap_or(link)
    }

    /// Whether the list goes on at `next`, after a page that may be empty.
    fn check(&mut self, next: &str, empty: bool) -> Result<(), Failure> {
        self.empty_in_a_row = if empty { self.empty_in_a_row + 1 } else { 0 };
        let what = if self.visited.contains(self.local(next)) {
            format!("page {} links back to an earlier one", self.visited.len())
        } else if self.empty_in_a_row >= Self::MAX_EMPTY {
            format!("the last {} pages are empty and link to more", self.empty_in_a_row)
        } else {
            return Ok(());
        };
        Err(Failure::new(Exit::Unknown, format!("the list may not be whole: {what}"))
            .advise("see whether a proxy changes the answers, or ask for a part of the list"))
    }
}

fn is_empty(answer: &ResourceAnswer) -> bool {
    let body = answer.body.iter().filter(|byte| !byte.is_ascii_whitespace());
    body.eq(b"[]")
}

impl Api<'_> {
    /// The library sends the token to no other origin and calls such a link wrong input; here it
    /// came from the server, not from the user.
    async fn next_page(&self, call: &ResourceCall) -> Result<ResourceAnswer, Failure> {
        match self.try_call(call).await {
            Err(error) if error.kind() == ErrorKind::Input => Err(Failure::new(
                Exit::Unknown,
                "the next page is on another host, which must not see the token",
            )
            .advise("see whether a proxy changes the answers' Link headers")),
            answer => answer.map_err(|error| self.explain(error)),
        }
    }
}

/// The next page. The System Log always links to one, for polling: its list ends with the first
/// empty page, or where a page links to itself.
fn next(answer: &ResourceAnswer, call: &ResourceCall, pages: &Pages) -> Option<String> {
    let next = answer.next_link()?;
    let is_log = call.path.contains("/api/v1/logs");
    let is_end = is_empty(answer) || pages.local(&next) == pages.local(&call.path);
    (!(is_log && is_end)).then_some(next)
}
