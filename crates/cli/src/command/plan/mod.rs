//! `plan`: how many calls a service takes, and whether they fit, before anything is deployed.

mod plot;
mod report;

use okta_introspect::plan::{Fit, Plan};

use crate::args::PlanArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

pub(super) fn run(args: &PlanArgs) -> Result<Exit, Failure> {
    let plan = plan(args);
    let estimate = plan.estimate()?;
    if let Some(path) = &args.plot {
        plot::draw(&plan, path)?;
    }
    match args.json {
        true => output::json(&report::json(&estimate))?,
        false => {
            output::report(report::text(&plan, &estimate))?;
        }
    }
    Ok(if estimate.fit == Fit::No { Exit::Denied } else { Exit::Done })
}

fn plan(args: &PlanArgs) -> Plan {
    let mut plan = Plan::new(args.tokens, args.max_age);
    plan.checks = args.checks;
    plan.instances = args.instances;
    plan.shared = args.shared;
    plan.signals = args.signals;
    plan.extension_limit = args.extension_limit;
    plan.interval = args.interval;
    plan.log_lag = args.log_lag;
    plan.limit = args.limit;
    plan.share_percent = args.share;
    plan.log_limit = args.log_limit;
    plan
}
