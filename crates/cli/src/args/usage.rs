//! Errors of the command line, one line each, without what may be a secret.
//!
//! A token that was passed as an argument by mistake must not get into a log of stderr as well: so
//! values are never quoted, and names only if they look like names.

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::failure::Failure;
use crate::text;

use super::{Args, duration};

/// What is wrong with the command line.
pub(crate) fn failure(error: &clap::Error) -> Failure {
    let option = context(error, ContextKind::InvalidArg);
    let what = match error.kind() {
        ErrorKind::UnknownArgument => match option.as_deref().and_then(option_name) {
            Some(name) => format!("there is no such option here: {name}"),
            None => "an argument was given where none belongs".to_owned(),
        },
        ErrorKind::InvalidSubcommand => match context(error, ContextKind::InvalidSubcommand) {
            Some(name) if is_word(&name) => format!("there is no such command: {name}"),
            _ => "the first argument is not a command".to_owned(),
        },
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "no command was given".to_owned()
        }
        ErrorKind::MissingRequiredArgument => {
            format!("missing on the command line: {}", option.unwrap_or_default())
        }
        ErrorKind::ArgumentConflict => {
            let (option, prior) =
                (option.unwrap_or_default(), context(error, ContextKind::PriorArg));
            match prior.unwrap_or_default() {
                prior if prior == option => format!("given twice on the command line: {option}"),
                prior => format!("two options exclude each other: {option} and {prior}"),
            }
        }
        ErrorKind::InvalidValue
            if context(error, ContextKind::InvalidValue).is_some_and(|value| value.is_empty()) =>
        {
            format!("a value is missing on the command line: {}", option.unwrap_or_default())
        }
        ErrorKind::TooManyValues => match option.filter(|option| option.starts_with('-')) {
            Some(option) => format!("no value belongs to {option}"),
            None => "there are too many arguments".to_owned(),
        },
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => match option {
            Some(option) => format!("not a possible value: {option}"),
            None => "not a possible value".to_owned(),
        },
        ErrorKind::InvalidUtf8 => "the command line is not UTF-8".to_owned(),
        _ => match option {
            Some(option) => format!("not understood on the command line: {option}"),
            None => "the command line was not understood".to_owned(),
        },
    };
    Failure::usage(what).advise(advice(error))
}

fn advice(error: &clap::Error) -> String {
    let help = match asked_command() {
        Some(command) => format!("see `okta-introspect {command} --help`"),
        None => "see `okta-introspect --help`".to_owned(),
    };
    let suggestion = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand]
        .into_iter()
        .find_map(|kind| context(error, kind));
    match (suggestion, context(error, ContextKind::ValidValue), error.kind()) {
        (Some(name), ..) => format!("did you mean {name}? {help}"),
        (None, Some(values), _) if !values.is_empty() => format!("use one of {values}"),
        (None, _, ErrorKind::ValueValidation) => match context(error, ContextKind::InvalidArg) {
            Some(option) => form(&option).map_or(help, str::to_owned),
            None => help,
        },
        (None, _, ErrorKind::UnknownArgument) => match usage(error) {
            Some(usage) => format!("the form is: {usage}; {help}"),
            None => help,
        },
        _ => help,
    }
}

/// The notation of an option's value, by the name that its help gives it.
fn form(option: &str) -> Option<&'static str> {
    let name = option.split_once('<')?.1;
    Some(match name {
        "DURATION>" if option.starts_with("--max-age ") => duration::INTERVAL,
        "DURATION>" if option.starts_with("--interval ") => duration::POLL,
        "DURATION>" if option.starts_with("--since ") => duration::SINCE,
        "DURATION>" if option.starts_with("--overlap ") => duration::OVERLAP,
        "DURATION>" => duration::NOTATION,
        "SECONDS>" => "give a whole number of seconds, such as 30",
        "COUNT>" if option.starts_with("--checks ") => "give a number above 0, such as 0.5 or 60",
        "COUNT>" => "give a whole number of at least 1",
        "PERCENT>" => "give a whole number from 1 to 100",
        "N>" => "give a number from 1 to 64",
        "ADDR:PORT>" => "give an address and a port, such as 127.0.0.1:8080",
        _ => return None,
    })
}

/// The form of the command that was typed.
fn usage(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::Usage)? {
        ContextValue::StyledStr(usage) => {
            Some(text::one_line(usage.to_string().strip_prefix("Usage:")?))
        }
        _ => None,
    }
}

/// The command on the command line, with the one below it: as far as they are ours.
fn asked_command() -> Option<String> {
    let root = Args::command();
    let mut command = &root;
    let mut names = Vec::new();
    // The options that stand before a command have no values.
    let words = std::env::args_os().skip(1);
    for word in words.filter(|word| !word.as_encoded_bytes().starts_with(b"-")) {
        match command.find_subcommand(word) {
            Some(below) => command = below,
            None => break,
        }
        names.push(command.get_name());
    }
    (!names.is_empty()).then(|| names.join(" "))
}

/// A part of what clap found, as text.
fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => Some(texts.join(", ")),
        _ => None,
    }
}

/// The name of what was meant to be an option, without its value.
fn option_name(argument: &str) -> Option<&str> {
    let name = argument.split('=').next()?;
    let letter = name.strip_prefix('-').filter(|letter| letter.len() == 1);
    if letter.is_some_and(|letter| letter.starts_with(|c: char| c.is_ascii_alphabetic())) {
        return Some(name);
    }
    is_word(name.trim_start_matches('-')).then_some(name).filter(|name| name.starts_with('-'))
}

/// Whether the text is a word as commands and options are; tokens, keys and passphrases are not.
fn is_word(text: &str) -> bool {
    (1..=24).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn refuse(line: &[&str]) -> String {
        let line = ["okta-introspect"].iter().chain(line);
        failure(&Args::try_parse_from(line).unwrap_err()).to_string()
    }

    #[test]
    fn every_wrong_line_is_told_in_one_line() {
        for (line, told) in [
            (&[][..], "no command was given"),
            (&["tokn"], "there is no such command: tokn; did you mean token"),
            (
                &["token", "--scop", "a"],
                "there is no such option here: --scop; did you mean --scope",
            ),
            (
                &["introspect", "--hint", "x"],
                "not a possible value: --hint <HINT>; use one of access_token",
            ),
            (
                &["token", "--timeout", "x"],
                "not a possible value: --timeout <SECONDS>; give a whole number of seconds",
            ),
            (
                &["introspect", "--batch", "--concurrency", "65"],
                "not a possible value: --concurrency <N>; give a number from 1 to 64",
            ),
            (
                &["watch", "--for", "soon"],
                "not a possible value: --for <DURATION>; give a number above",
            ),
            (
                &["sandbox", "--listen", "80"],
                "not a possible value: --listen <ADDR:PORT>; give an addr",
            ),
            (&["api", "GET", "POST", "/x"], "there are too many arguments; see `okta-introspect"),
            (
                &["jwk", "--key-file", ""],
                "a value is missing on the command line: --key-file <FILE>",
            ),
            (&["assertion"], "missing on the command line: --endpoint <ENDPOINT>"),
            (
                &["jwk", "--set", "--thumbprint"],
                "two options exclude each other: --set and --thumbprint",
            ),
            (
                &["watch", "--for", "1s", "--for", "2s"],
                "given twice on the command line: --for <DURATION>; see `okta-introspect",
            ),
            (&["token", "--scope"], "a value is missing on the command line: --scope <SCOPE>"),
            (&["token", "--json=x"], "no value belongs to --json; see `okta-introspect"),
        ] {
            let message = refuse(line);
            assert!(message.starts_with(told), "{line:?}: {message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_repeated() {
        for line in [
            &["token", "eyJhbGci.s3cret"][..],
            &["eyJhbGci.s3cret"],
            &["introspect", "--eyJhbGci.s3cret"],
            &["introspect", "--token=s3cret"],
            &["introspect", "-s3cret"],
            &["introspect", "--hint", "s3cret"],
            &["token", "--timeout=s3cret"],
            &["token", "--json=s3cret"],
        ] {
            let message = refuse(line);
            assert!(!message.contains("s3cret"), "{message}");
        }
    }
}
