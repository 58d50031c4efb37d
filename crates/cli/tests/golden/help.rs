//! Helps, long, and short where that is another one.

use super::commands;
use super::file;

#[test_support::test]
fn the_helps_of_every_command() {
    for command in commands::all() {
        let name = command.name();
        file::check(&format!("{name}.help.txt"), &command.help);
        let short = command.tell("-h");
        if short != command.help {
            file::check(&format!("{name}.short-help.txt"), &short);
        }
    }
}

#[test_support::test]
fn the_helps_of_every_command_fit_a_terminal_of_80_columns() {
    for command in commands::all() {
        for option in ["--help", "-h"] {
            let help = command.tell_at(option, 80);
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{} {option}: {line}", command.name());
            }
        }
    }
}
