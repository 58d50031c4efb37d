//! Lags, calls and ages, as drawings.

use std::error::Error;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use okta_introspect::checker::AnswerSource;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::record::{AGE_STEP, CALL_STEP};
use crate::run::{Outcome, SOURCES};
use crate::table::Table;

const SIZE: (u32, u32) = (1000, 480);

/// How much of the width the legend has, beside the curves.
const LEGEND: u32 = 190;

const COLOURS: [RGBColor; 11] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xd6, 0x8a, 0x10),
    RGBColor(0x2c, 0x8c, 0x4a),
    RGBColor(0xc0, 0x39, 0x2b),
    RGBColor(0x80, 0x5a, 0xa8),
    RGBColor(0x7a, 0x55, 0x48),
    RGBColor(0xc2, 0x5b, 0x9d),
    RGBColor(0x60, 0x60, 0x60),
    RGBColor(0x9a, 0x9a, 0x1a),
    RGBColor(0x17, 0x9e, 0xb4),
    RGBColor(0x20, 0x20, 0x20),
];

type Curve<'a> = (&'a str, Vec<(f64, f64)>);

/// One drawing.
struct Drawing<'a> {
    curves: Vec<Curve<'a>>,
    x: Range<f64>,
    y: Range<f64>,
    /// What is on the two axes.
    names: [&'a str; 2],
    /// What stands upright at the top, and from where on.
    notes: Vec<(f64, &'a str)>,
}

/// Draws what came of runs into a folder: `lag.svg`, `calls.svg` (of the first one) and `ages.svg`.
///
/// # Errors
///
/// If a file cannot be written.
pub fn plot(outcomes: &[Outcome], table: &Table, folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    lags(table, &folder.join("lag.svg"))?;
    ages(outcomes, &folder.join("ages.svg"))?;
    match outcomes.first() {
        Some(first) => calls(first, &folder.join("calls.svg")),
        None => Ok(()),
    }
}

/// Which part of revoked tokens is let in nowhere any more, over the time since the revocation.
fn lags(table: &Table, path: &Path) -> Result<(), Box<dyn Error>> {
    let lags = table.lags();
    let curves: Vec<Curve<'_>> = lags
        .iter()
        .map(|(name, lags)| {
            let part = |at: usize| (at + 1) as f64 * 100.0 / lags.len() as f64;
            let points = lags.iter().enumerate().map(|(at, lag)| (lag.as_secs_f64(), part(at)));
            (*name, points.collect())
        })
        .collect();
    let last = lags.values().filter_map(|lags| lags.last()).max();
    let last = last.map_or(0.0, Duration::as_secs_f64);
    let names = ["seconds since the revocation", "per cent let in no more"];
    let x = 0.0..(last / 5.0).ceil().max(1.0) * 5.0;
    draw(path, &Drawing { curves, x, y: 0.0..100.0, names, notes: Vec::new() })
}

/// Which part of answers is no older than that.
fn ages(outcomes: &[Outcome], path: &Path) -> Result<(), Box<dyn Error>> {
    let sum = |step: usize, source: usize| -> u64 {
        outcomes.iter().map(|outcome| outcome.ages[step][source]).sum()
    };
    let steps = outcomes.first().map_or(0, |outcome| outcome.ages.len());
    let curve = |source: usize| {
        let all: u64 = (0..steps).map(|step| sum(step, source)).sum();
        let mut below = 0;
        let points = (0..steps).map(|step| {
            below += sum(step, source);
            let age = (step + 1) as f64 * AGE_STEP.as_secs_f64();
            (age, below as f64 * 100.0 / all.max(1) as f64)
        });
        (AnswerSource::NAMES[source], points.collect())
    };
    let curves = (0..SOURCES).map(curve).collect();
    let names = ["age of answers, in seconds", "per cent no older"];
    draw(path, &Drawing { curves, x: 0.0..330.0, y: 0.0..100.0, names, notes: Vec::new() })
}

/// Calls over time, beside what is planned for each window.
fn calls(outcome: &Outcome, path: &Path) -> Result<(), Box<dyn Error>> {
    let step = CALL_STEP.as_secs_f64();
    let per_minute = |calls: f64| calls * 60.0 / step;
    let made = outcome.calls.iter().enumerate();
    let made = made.map(|(at, calls)| (at as f64 * step / 60.0, per_minute(*calls as f64)));
    let planned = |which: usize| -> Vec<(f64, f64)> {
        let windows = outcome.windows.iter().flat_map(|window| {
            let (from, to) = (window.from.seconds() / 60.0, window.to.seconds() / 60.0);
            let calls = window.planned[which] / (to - from).max(1e-9);
            [(from, calls), (to, calls)]
        });
        windows.collect()
    };
    let curves = vec![("calls", made.collect()), ("at most", planned(0)), ("expected", planned(1))];
    let most = curves.iter().flat_map(|(_, points): &Curve<'_>| points).map(|point| point.1);
    let (most, last) = (most.fold(1.0, f64::max), outcome.windows.last());
    let minutes = last.map_or(1.0, |window| window.to.seconds() / 60.0);
    let notes = outcome.windows.iter();
    let notes = notes.map(|window| (window.from.seconds() / 60.0, &*window.name)).collect();
    let names = ["minutes", "calls a minute"];
    // With room for the notes.
    draw(path, &Drawing { curves, x: 0.0..minutes, y: 0.0..most * 1.6, names, notes })
}

fn draw(path: &Path, drawing: &Drawing<'_>) -> Result<(), Box<dyn Error>> {
    let mut svg = String::new();
    let Drawing { curves, x, y, names, notes } = drawing;
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .margin_right(LEGEND)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d(x.clone(), y.clone())?;
        let whole = |number: &f64| format!("{number:.0}");
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(WHITE).x_desc(names[0]).y_desc(names[1]);
        mesh.x_label_formatter(&whole).y_label_formatter(&whole);
        mesh.label_style(("sans-serif", 14)).draw()?;
        for ((_, points), colour) in curves.iter().zip(COLOURS.iter().cycle()) {
            let shown = points.iter().copied().filter(|point| point.0 <= x.end);
            chart.draw_series(LineSeries::new(shown, colour.stroke_width(2)))?;
        }
        let upright = ("sans-serif", 12).into_font().transform(FontTransform::Rotate90);
        let upright = upright.color(&BLACK).pos(Pos::new(HPos::Left, VPos::Bottom));
        chart.draw_series(notes.iter().map(|(from, note)| {
            EmptyElement::at((*from, y.end))
                + Text::new((*note).to_owned(), (4, 4), upright.clone())
        }))?;
        // Beside the chart, where it hides nothing.
        let left = (SIZE.0 - LEGEND) as i32 + 16;
        for (at, ((name, _), colour)) in curves.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let y = 24 + 20 * at as i32;
            let line = [(left, y), (left + 20, y)];
            area.draw(&PathElement::new(line, colour.stroke_width(3)))?;
            let beside = ("sans-serif", 14).into_font().color(&BLACK);
            let beside = beside.pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new((*name).to_owned(), (left + 28, y), beside))?;
        }
        area.present()?;
    }
    std::fs::write(path, svg)?;
    Ok(())
}
