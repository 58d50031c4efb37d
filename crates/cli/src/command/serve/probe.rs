//! `serve probe`: forged and odd requests through a running proxy.

use std::fmt::Write as _;
use std::path::Path;

use okta_introspect::{Random as _, SystemRandom};
use okta_introspect_serve::{Dial, Echo, Fault, Finding, Probe, ProbeReport, ProbeUrl, Verdict};

use crate::args::ProbeArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::input::token::{self, Source};
use crate::output;
use crate::text::{self, one_line, wrap::wrapped};

/// Columns of the table: what was sent, status, verdict. With blanks between, they fit a terminal.
const SENT: usize = 58;
const COLUMNS: usize = 80;

pub(super) fn run(args: &ProbeArgs) -> Result<Exit, Failure> {
    let (probe, dial) = prepare(args)?;
    let report = super::runtime()?.block_on(async {
        if let Some(address) = args.echo {
            let echo = Echo::bind(address).await.map_err(|cause| {
                Failure::usage(format!("cannot listen at {address}"))
                    .because(&cause)
                    .advise("give --echo the address at which the proxy expects its service")
            })?;
            // Ends with the runtime.
            tokio::spawn(echo.serve());
        }
        Ok::<_, Failure>(probe.run(&dial).await)
    })?;
    match args.json {
        true => output::json(&report)?,
        false => output::data(page(&report))?,
    }
    Ok(match report.verdict() {
        Verdict::Ok => Exit::Done,
        Verdict::GotThrough => Exit::Denied,
        Verdict::CannotTell => Exit::Unknown,
    })
}

fn prepare(args: &ProbeArgs) -> Result<(Probe, Dial), Failure> {
    let usage = |fault: Fault| Failure::usage(fault.to_string());
    let url = ProbeUrl::parse(&args.url).map_err(|fault| usage(fault.at("URL")))?;
    if let Some(path) = &args.forbidden {
        ProbeUrl::parse(&format!("http://host{path}"))
            .ok()
            .filter(|_| path.len() > 1 && path.starts_with('/') && !path.contains('?'))
            .ok_or_else(|| Failure::usage("--forbidden is no path").advise("write /PATH"))?;
    }
    let authorities = args.ca_file.as_deref().map(read).transpose()?.unwrap_or_default();
    let dial = Dial::new(&url, args.connect.as_deref(), &authorities);
    let dial = dial.map_err(|fault| usage(fault.at("the connection to the proxy")))?;
    let mut probe = Probe::new(url, token::read(args.token_source())?, run_id());
    let bound = args.bound_token_file.as_deref();
    probe.bound_token = bound.map(|path| token::read(Source::File(path))).transpose()?;
    probe.forbidden = args.forbidden.clone();
    probe.prefix = header_name(&args.prefix)?;
    probe.drop = args.drop.iter().map(|name| header_name(name)).collect::<Result<_, _>>()?;
    Ok((probe, dial))
}

/// Eight digits that no other run has.
fn run_id() -> String {
    let mut bytes = [0; 4];
    SystemRandom.fill(&mut bytes);
    format!("{:08x}", u32::from_be_bytes(bytes))
}

fn header_name(name: &str) -> Result<String, Failure> {
    match http::HeaderName::from_bytes(name.as_bytes()) {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => Err(Failure::usage("this is no name of a header; see --prefix and --drop")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let found = files::read(path).map_err(|cause| {
        Failure::usage(format!("the certificates cannot be read: {}", text::path(path)))
            .because(&cause)
    })?;
    Ok(found.to_vec())
}

/// A line for each request, what else there is to know below it, and the whole in the end.
fn page(report: &ProbeReport) -> String {
    let mut page = format!("{:SENT$}  {:>6}  verdict\n", "sent", "status");
    for finding in &report.findings {
        add(&mut page, finding);
    }
    page.push_str("\nnot to be seen from outside:\n");
    for what in report.unseen {
        line(&mut page, &format!("  - {what}"), 4);
    }
    let through = report.findings.iter().filter(|it| it.verdict == Verdict::GotThrough).count();
    let all = report.findings.len();
    let summary = match report.verdict() {
        Verdict::Ok => format!("ok: of {all} requests, nothing got through that should not"),
        Verdict::GotThrough => format!("GOT THROUGH: {through} of {all} requests"),
        Verdict::CannotTell => "cannot tell: see the lines that say so".to_owned(),
    };
    let style = style(report.verdict());
    let _ = write!(page, "\n{style}{summary}{style:#}");
    page
}

fn add(page: &mut String, finding: &Finding) {
    let (style, verdict) = (style(finding.verdict), finding.verdict.as_str());
    let status = finding.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let sent = one_line(&finding.sent);
    let (sent, above) = match sent.chars().count() > SENT {
        true => ("", format!("{sent}\n")),
        false => (&*sent, String::new()),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(page, "{above}{sent:SENT$}  {status:>6}  {style}{verdict}{style:#}");
    for detail in &finding.details {
        line(page, &format!("    {}", one_line(detail)), 4);
    }
}

fn line(page: &mut String, text: &str, indent: usize) {
    // The indentation at the beginning is no blank to break at.
    let lead: String = text.chars().take_while(|c| *c == ' ').collect();
    let rest = wrapped(text.trim_start(), COLUMNS - lead.len(), indent - lead.len());
    let between = format!("\n{lead}");
    let _ = writeln!(page, "{lead}{}", rest.replace('\n', &between));
}

fn style(verdict: Verdict) -> anstyle::Style {
    match verdict {
        Verdict::Ok => output::GOOD,
        Verdict::GotThrough => output::BAD,
        Verdict::CannotTell => output::CAUTION,
    }
}
