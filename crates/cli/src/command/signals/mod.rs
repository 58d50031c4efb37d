//! `signals`: what Okta tells of revocations.

mod line;
mod names;
mod watch;

use crate::args::{SignalsArgs, SignalsCommand};
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: SignalsArgs) -> Result<Exit, Failure> {
    match args.command {
        SignalsCommand::Watch(args) => watch::run(args),
        SignalsCommand::Test(args) => super::doctor::signals(args),
    }
}
