//! Lists that come in pages.

use okta_introspect::{ErrorKind, ResourceAnswer, ResourceCall};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Reader;
use crate::text::link;

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
    let mut first = true;
    loop {
        let answer = match first {
            true => api.call(&call).await?,
            false => api.next_page(&call).await?,
        };
        if printer.page(&answer.body, first)? == Reader::Gone {
            return Ok(());
        }
        first = false;
        match next(&answer, &call) {
            Some(path) => call.path = path,
            None => return printer.end(),
        }
    }
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
fn next(answer: &ResourceAnswer, call: &ResourceCall) -> Option<String> {
    let links = answer.headers.get_all("link").iter();
    let next = link::next(links.filter_map(|value| value.to_str().ok()))?;
    let is_log = call.path.contains("/api/v1/logs");
    let empty = answer.body.trim_ascii() == b"[]";
    (next != call.path && !(is_log && empty)).then(|| next.to_owned())
}
