//! `serve snippet`: what to write into a proxy's configuration.

use std::path::Path;

use okta_introspect_serve::{Address, Fault, SnippetConfig, SnippetFile};

use crate::args::SnippetArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::text;

pub(super) fn run(args: &SnippetArgs) -> Result<Exit, Failure> {
    let usage = |fault: Fault| Failure::usage(fault.to_string());
    let sidecar = args.sidecar.as_deref().map(str::parse).transpose();
    let sidecar = sidecar.map_err(|fault: Fault| usage(fault.at("--sidecar")))?;
    let mut config = match (&args.config, sidecar) {
        (Some(file), sidecar) => configured(file, args, sidecar)?,
        (None, Some(sidecar)) => SnippetConfig { sidecar, ..SnippetConfig::default() },
        (None, None) => SnippetConfig::default(),
    };
    config.upstream = args.backend.parse().map_err(|fault: Fault| usage(fault.at("--backend")))?;
    config.listen = args.listen.parse().map_err(|fault: Fault| usage(fault.at("--listen")))?;
    let files = config.files(args.proxy.into()).map_err(usage)?;
    match &args.directory {
        Some(folder) => write(folder, &files)?,
        None => output::data(joined(&files))?,
    }
    Ok(Exit::Done)
}

/// What the sidecar's configuration says that concerns the proxy.
fn configured(
    file: &Path,
    args: &SnippetArgs,
    sidecar: Option<Address>,
) -> Result<SnippetConfig, Failure> {
    let config = super::load(file)?;
    SnippetConfig::of(&config, args.proxy.into(), sidecar)
        .map_err(|fault| Failure::usage(fault.to_string()))
}

/// One file as it is; of several, each under its name.
fn joined(files: &[SnippetFile]) -> String {
    match files {
        [file] => file.text.trim_end().to_owned(),
        _ => {
            let named = |file: &SnippetFile| format!("# ==== {} ====\n{}", file.name, file.text);
            files.iter().map(named).collect::<Vec<_>>().join("\n").trim_end().to_owned()
        }
    }
}

fn write(folder: &Path, files: &[SnippetFile]) -> Result<(), Failure> {
    for file in files {
        let path = folder.join(file.name);
        let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
        written
            .and_then(|mut open| std::io::Write::write_all(&mut open, file.text.as_bytes()))
            .map_err(|cause| {
                Failure::usage(format!("the file cannot be written: {}", text::path(&path)))
                    .because(&cause)
                    .advise("name a folder that is there, and has no such file yet")
            })?;
        output::data(path.display())?;
    }
    Ok(())
}
