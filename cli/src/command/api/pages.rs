//! Lists that come in pages.

use okta_introspect::{ErrorKind, ResourceAnswer, ResourceCall};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::link;
use crate::output::Reader;

use super::Api;
use super::print::Printer;

/// Prints every page as it comes, and follows the links between them, of which Okta says to take
/// them as they are. Each page must be on the org's own address: the token goes with the request.
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
    /// The library sends the token to no other origin; that it was led there is the server's
    /// fault, not the user's.
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

/// The next page. The System Log has one for ever, for those who wait for new events: its list
/// ends with the first empty page, or where a page leads to itself.
fn next(answer: &ResourceAnswer, call: &ResourceCall) -> Option<String> {
    let links = answer.headers.get_all("link").iter();
    let next = link::next(links.filter_map(|value| value.to_str().ok()))?;
    let is_log = call.path.contains("/api/v1/logs");
    let empty = answer.body.trim_ascii() == b"[]";
    (next != call.path && !(is_log && empty)).then(|| next.to_owned())
}
