//! `man`: the manual pages.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::args::{Args, ManArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::text;

/// The source that the last line of a page names.
const SOURCE: &str = concat!("okta-introspect ", env!("CARGO_PKG_VERSION"));

pub(super) fn run(args: &ManArgs) -> Result<Exit, Failure> {
    let mut root = Args::command();
    root.build();
    match (&args.out_dir, args.page.as_slice()) {
        (Some(folder), _) => write_all(&root, folder)?,
        (None, names) => {
            let found = names.iter().try_fold(&root, |above, name| above.find_subcommand(name));
            let command = found.ok_or_else(|| {
                Failure::usage("there is no such command to tell about")
                    .advise("see `okta-introspect --help` for their names")
            })?;
            output::data(page(command)?.trim_end())?;
        }
    }
    Ok(Exit::Done)
}

/// The page of a command, and those of the commands below it.
fn write_all(command: &clap::Command, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(format!("{}.1", full_name(command)));
    fs::write(&path, page(command)?).map_err(|cause| {
        Failure::usage(format!("the page cannot be written: {}", text::path(&path)))
            .because(&cause)
            .advise("name a folder that is there, such as ~/.local/share/man/man1")
    })?;
    command.get_subcommands().try_for_each(|below| write_all(below, folder))
}

fn page(command: &clap::Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).title(full_name(command)).source(SOURCE);
    man.render(&mut page)
        .map_err(|cause| Failure::new(Exit::Unknown, "the page cannot be made").because(&cause))?;
    Ok(with_usual_sections(&String::from_utf8_lossy(&page)))
}

/// Turns the end of a help into the usual sections of a manual page.
fn with_usual_sections(page: &str) -> String {
    page.replace(".SH EXTRA\nExit codes:\n", ".SH EXIT STATUS\n")
        .replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n")
        .replace("\n\nExamples:\n", "\n.SH EXAMPLES\n")
        .replace("\n\nExit codes are", "\n.SH EXIT STATUS\nExit codes are")
}

/// `okta-introspect-token`.
fn full_name(command: &clap::Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}
