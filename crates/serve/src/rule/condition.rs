//! What parameters have to look like.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};

use super::template::Template;
use crate::error::Fault;

/// How many bytes a compiled expression may take, so that `\w{200}` is refused.
const SIZE_LIMIT: usize = 1 << 20;

/// A regular expression for the text of one parameter.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// Which parameter, from the left.
    at: usize,
    whole: Regex,
}

impl Condition {
    /// Reads the `where` of a pattern.
    pub(super) fn read(
        where_: &BTreeMap<String, String>,
        template: &Template,
    ) -> Result<Vec<Self>, Fault> {
        let conditions = where_.iter().map(|(name, expression)| {
            let Some(at) = template.parameters().position(|parameter| parameter == name) else {
                let message = format!("there is no parameter {name:?} in the path");
                return Err(Fault::new(message).at("where"));
            };
            let place = |fault: Fault| fault.at(format!("where.{name}"));
            whole(expression).map(|whole| Self { at, whole }).map_err(place)
        });
        conditions.collect()
    }

    /// Looks at the parameters of a path, from the left; a rest that is empty is not among them.
    pub(super) fn is_met(&self, parameters: &matchit::Params<'_, '_>) -> bool {
        let text = parameters.iter().nth(self.at).map_or("", |(_, text)| text);
        self.whole.is_match(text)
    }
}

/// An expression that matches whole texts only.
fn whole(expression: &str) -> Result<Regex, Fault> {
    // By itself first: `a)|(b` would be balanced between our parentheses.
    compile(expression)?;
    compile(&format!(r"\A(?:{expression})\z"))
}

fn compile(expression: &str) -> Result<Regex, Fault> {
    let mut builder = RegexBuilder::new(expression);
    builder.size_limit(SIZE_LIMIT).dfa_size_limit(SIZE_LIMIT).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => Fault::new("the regular expression is too large")
            .advise("repeat less, or write [0-9] and [A-Za-z] for \\d and \\w"),
        // The last line of several says what is wrong; those before it draw where.
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Fault::new(format!("the regular expression is not valid: {reason}"))
        }
    })
}
