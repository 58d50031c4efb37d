//! Lists that come in pages.

use okta_introspect::{ErrorKind, ResourceCall};

use crate::failure::Failure;
use crate::output::Reader;

use super::org::Api;
use super::print::Printer;

/// Prints every page as it comes.
pub(super) async fn follow(
    api: &Api<'_>,
    call: ResourceCall,
    printer: Printer,
) -> Result<(), Failure> {
    if call.method != "GET" {
        return Err(Failure::usage("only a GET has pages").advise("leave out --paginate"));
    }
    let mut pages = api.resource.pages(call).max_pages(usize::MAX);
    let mut first = true;
    loop {
        match api.next_page(&mut pages).await {
            Ok(Some(page)) => {
                if printer.page(&page.body, first)? == Reader::Gone {
                    return Ok(());
                }
            }
            Ok(None) => return printer.end(),
            Err(error) => {
                match first {
                    true => printer.refusal(&error)?,
                    // What the links say may be wrong, but what has come is a list.
                    false if error.kind() == ErrorKind::Malformed => printer.end()?,
                    false => {}
                }
                return Err(api.explain(error));
            }
        }
        first = false;
    }
}
