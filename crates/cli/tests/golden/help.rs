//! Helps, long, and short where that is another one.

use crate::commands;
use crate::file;

#[test]
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
