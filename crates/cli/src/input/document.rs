//! Documents that commands are given: key sets, bodies, seeds.

use std::path::Path;

use crate::failure::Failure;
use crate::text::{self, BYTE_ORDER_MARK, is_utf_16};

/// A document without the mark that editors put before UTF-8; `what` names it in the error.
pub(crate) fn unmarked<'a>(
    what: &str,
    path: &Path,
    document: &'a [u8],
) -> Result<&'a [u8], Failure> {
    if is_utf_16(document) {
        let what = format!("{what} is in UTF-16, not in UTF-8: {}", text::path(path));
        return Err(Failure::usage(what)
            .advise("save it as UTF-8, or convert it with `iconv -f UTF-16 -t UTF-8`"));
    }
    let mut mark = [0; 4];
    let mark = BYTE_ORDER_MARK.encode_utf8(&mut mark).as_bytes();
    Ok(document.strip_prefix(mark).unwrap_or(document))
}
