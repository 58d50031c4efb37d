//! `man`: the manual pages.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::args::{Args, ManArgs};
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::output;

pub(super) fn run(args: &ManArgs) -> Result<Exit, Failure> {
    let mut root = Args::command();
    root.build();
    match (&args.out_dir, &args.page) {
        (Some(folder), _) => write_all(&root, folder)?,
        (None, None) => output::data(page(&root)?.trim_end())?,
        (None, Some(name)) => {
            let command = root.find_subcommand(name).ok_or_else(|| {
                Failure::usage("there is no such command to tell about")
                    .advise("see `okta-introspect --help` for their names")
            })?;
            output::data(page(command)?.trim_end())?;
        }
    }
    Ok(Exit::Done)
}

fn write_all(root: &clap::Command, folder: &Path) -> Result<(), Failure> {
    for command in std::iter::once(root).chain(root.get_subcommands()) {
        let path = folder.join(format!("{}.1", full_name(command)));
        fs::write(&path, page(command)?).map_err(|cause| {
            Failure::usage(format!("the page cannot be written: {}", failure::path(&path)))
                .because(&cause)
                .advise("name a folder that is there, such as ~/.local/share/man/man1")
        })?;
    }
    Ok(())
}

fn page(command: &clap::Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).title(full_name(command));
    man.render(&mut page)
        .map_err(|cause| Failure::new(Exit::Unknown, "the page cannot be made").because(&cause))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// `okta-introspect-token`.
fn full_name(command: &clap::Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}
