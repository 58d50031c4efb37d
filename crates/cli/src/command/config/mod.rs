//! `config`: which settings there are, which apps, and which one is used.

mod init;
mod list;
mod show;
mod switch;

use crate::args::{ConfigArgs, ConfigCommand};
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: ConfigArgs) -> Result<Exit, Failure> {
    match args.command {
        ConfigCommand::Show(args) => show::run(args),
        ConfigCommand::List(args) => list::run(args),
        ConfigCommand::Use(args) => switch::run(&args),
        ConfigCommand::Init(args) => init::run(args),
    }
}
