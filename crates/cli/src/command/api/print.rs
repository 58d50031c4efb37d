//! What is shown of an answer.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use okta_introspect::{Error, ResourceAnswer};
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::json_path::JsonPath;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Reader};
use crate::text::json::{indented, on_one_line};
use crate::text::{self, BYTE_ORDER_MARK};

/// Prints answers as the command line asks.
pub(super) struct Printer {
    filter: Option<JsonPath>,
    lines: bool,
    raw: bool,
    include: bool,
}

impl Printer {
    pub(super) fn new(filter: Option<JsonPath>, lines: bool, raw: bool, include: bool) -> Self {
        Self { filter, lines, raw, include }
    }

    /// A whole answer.
    pub(super) fn answer(&self, answer: &ResourceAnswer) -> Result<(), Failure> {
        if self.include {
            output::data(head(answer))?;
        }
        let text = String::from_utf8_lossy(&answer.body);
        if text.trim().is_empty() {
            return Ok(());
        }
        match (&self.filter, self.lines) {
            (Some(filter), _) => self.selected(filter, &answer.body).map(|_| ()),
            (None, true) => items(&list(&answer.body)?).map(|_| ()),
            (None, false) => {
                whole(text.trim_end(), self.raw)?;
                check_announced(answer)
            }
        }
    }

    /// What the API wrote beside its refusal, as it came: scripts read members of it, such as
    /// `errorCauses`, that have no place in a line for people.
    pub(super) fn refusal(&self, error: &Error) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(error.body().unwrap_or_default());
        match text.trim().is_empty() {
            true => Ok(()),
            false => whole(text.trim_end(), self.raw).map(|_| ()),
        }
    }

    /// One page of a list. Pages are joined into one list, unless there is a line for each item.
    pub(super) fn page(&self, body: &[u8], first: bool) -> Result<Reader, Failure> {
        if let Some(filter) = &self.filter {
            return self.selected(filter, body);
        }
        let list = list(body)?;
        if self.lines {
            return items(&list);
        }
        let mut text = String::from(if first { "[" } else { "" });
        for (index, item) in list.iter().enumerate() {
            let separator = if first && index == 0 { "\n" } else { ",\n" };
            text.push_str(separator);
            text.push_str(&on_one_line(item.get()));
        }
        output::part(&text)
    }

    /// What comes after the last page.
    pub(super) fn end(&self) -> Result<(), Failure> {
        match self.filter.is_none() && !self.lines {
            true => output::data("\n]"),
            false => Ok(()),
        }
    }

    fn selected(&self, filter: &JsonPath, body: &[u8]) -> Result<Reader, Failure> {
        let value: Value = serde_json::from_slice(body).map_err(|_| not_json())?;
        let line = |value: &&Value| match value {
            Value::String(text) if self.raw => format!("{}\n", text.replace(char::is_control, " ")),
            other => format!("{other}\n"),
        };
        let lines: String = filter.select(&value).iter().map(line).collect();
        if self.raw { output::foreign(&lines) } else { output::part(&lines) }
    }
}

/// A body as it came; on a terminal, JSON is indented unless it is wanted `raw`.
fn whole(text: &str, raw: bool) -> Result<Reader, Failure> {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return output::foreign(&format!("{text}\n"));
    }
    match raw || !output::stdout_is_terminal() {
        true => output::part(&format!("{text}\n")),
        false => output::part(&(indented(text) + "\n")),
    }
}

/// Fails if the answer is announced as JSON and is something else: cut off, or the page of a proxy.
fn check_announced(answer: &ResourceAnswer) -> Result<(), Failure> {
    let announced = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let announced = announced.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    let announced = announced.to_ascii_lowercase();
    let is_json = announced == "application/json" || announced.ends_with("+json");
    let text = std::str::from_utf8(&answer.body);
    let text = text.map(|text| text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text));
    if !is_json || text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok()) {
        return Ok(());
    }
    Err(Failure::new(Exit::Unknown, "the answer is announced as JSON and is none")
        .advise("see whether it was cut off, or is the page of something between, such as a proxy"))
}

fn items(items: &[&RawValue]) -> Result<Reader, Failure> {
    let lines: String = items.iter().map(|item| on_one_line(item.get()) + "\n").collect();
    output::part(&lines)
}

/// The items of a list, as they are written.
fn list(body: &[u8]) -> Result<Vec<&RawValue>, Failure> {
    serde_json::from_slice(body).map_err(|_| {
        Failure::new(Exit::Unknown, "the answer is not a list")
            .advise("leave out --paginate and --lines, or name what to show with --filter")
    })
}

fn not_json() -> Failure {
    Failure::new(Exit::Unknown, "the answer is not JSON").advise("leave out --filter")
}

fn head(answer: &ResourceAnswer) -> String {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}\n", text::one_line(&String::from_utf8_lossy(value.as_bytes())))
    };
    let headers: String = answer.headers.iter().map(line).collect();
    format!("HTTP {}\n{headers}", answer.status.as_u16())
}
