//! `completions`: what a shell needs to complete our command lines.

use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::Shell;

use crate::args::{Args, CompletionsArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut command = Args::command();
    command.build();
    let mut command = with_value_hints(command);
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "okta-introspect", &mut script);
    let script = String::from_utf8_lossy(&script);
    let script = match args.shell {
        Shell::Bash => for_bash(&script),
        Shell::Fish => script.into_owned() + &arguments_for_fish(&command),
        _ => script.into_owned(),
    };
    output::data(script.trim_end())?;
    Ok(Exit::Done)
}

/// Completes names of files where files are meant, and only there.
fn with_value_hints(command: Command) -> Command {
    let hint = |arg: Arg| match arg.get_value_hint() {
        ValueHint::AnyPath => arg.value_hint(ValueHint::FilePath),
        ValueHint::Unknown if is_free(&arg) => arg.value_hint(ValueHint::Other),
        _ => arg,
    };
    command.mut_args(hint).mut_subcommands(with_value_hints)
}

/// Whether it has a value, and any.
fn is_free(arg: &Arg) -> bool {
    arg.get_action().takes_values() && arg.get_possible_values().is_empty()
}

/// clap_complete 4.6 gives the commands of a name with a hyphen two labels, and takes the `=` of
/// `--hint=x`, which is a word to bash, for an option.
fn for_bash(script: &str) -> String {
    const PREVIOUS: &str = "    prev=\"$3\"\n";
    let option = "    if [[ \"${prev}\" == \"=\" ]]; then\n        prev=\"${COMP_WORDS[COMP_CWORD-2]}\"\n    fi\n";
    script.replace("okta__subcmd__introspect", "okta__introspect").replacen(
        PREVIOUS,
        &format!("{PREVIOUS}{option}"),
        1,
    )
}

/// clap_complete 4.6 leaves out the values of arguments without a name, as in `completions fish`, and
/// takes the word `help` itself for the command to tell about.
fn arguments_for_fish(command: &Command) -> String {
    let line = |command: &Command| {
        let values = command.get_positionals().flat_map(Arg::get_possible_values);
        let mut values: Vec<_> = values.map(|value| value.get_name().to_owned()).collect();
        if command.get_name() == "help" {
            values.extend(command.get_subcommands().map(|below| below.get_name().to_owned()));
        }
        let values = Some(values.join(" ")).filter(|values| !values.is_empty())?;
        let condition = format!("__fish_okta_introspect_using_subcommand {}", command.get_name());
        Some(format!("complete -c okta-introspect -n \"{condition}\" -f -a \"{values}\"\n"))
    };
    command.get_subcommands().filter_map(line).collect()
}
