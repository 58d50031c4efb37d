//! The calls over the bound, as a drawing.

use std::path::Path;
use std::time::Duration;

use okta_introspect::checker::SignalMode;
use okta_introspect::plan::Plan;
use plotters::prelude::*;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::text;

/// The bounds that are drawn, in seconds.
const BOUNDS: std::ops::Range<f64> = 1.0..600.0;

/// In pixels.
const SIZE: (u32, u32) = (800, 480);

/// In how many steps a curve is drawn.
const STEPS: u32 = 120;

/// A way to run the service: its name, its colour, whether answers are shared, and what signals do.
type Way = (&'static str, RGBColor, bool, SignalMode);

const WAYS: [Way; 4] = [
    ("each for itself", RGBColor(0xc0, 0x39, 0x2b), false, SignalMode::Off),
    ("signals extend", RGBColor(0xd6, 0x8a, 0x10), false, SignalMode::Extend),
    ("shared", RGBColor(0x1f, 0x77, 0xb4), true, SignalMode::Off),
    ("shared, signals extend", RGBColor(0x2c, 0x8c, 0x4a), true, SignalMode::Extend),
];

/// Draws the calls of each way to run the service, over how old answers may be.
pub(super) fn draw(plan: &Plan, path: &Path) -> Result<(), Failure> {
    let mut curves = Vec::new();
    for (name, colour, shared, signals) in WAYS {
        let mut way = plan.clone();
        (way.shared, way.signals) = (shared, signals);
        curves.push((name, colour, curve(&way)?));
    }
    let mut svg = String::new();
    let room = plan.estimate()?.room;
    render(&mut svg, &curves, room).map_err(|cause| {
        Failure::new(Exit::Unknown, "the plot cannot be drawn").because(&*cause)
    })?;
    std::fs::write(path, svg).map_err(|cause| {
        Failure::usage(format!("the plot cannot be written: {}", text::path(path)))
            .because(&cause)
            .advise("check the path and the right to write there")
    })
}

/// Expected calls a minute for each bound, which are spread evenly on a logarithmic axis.
fn curve(plan: &Plan) -> Result<Vec<(f64, f64)>, Failure> {
    let bound = |step: u32| {
        let part = f64::from(step) / f64::from(STEPS);
        BOUNDS.start * (BOUNDS.end / BOUNDS.start).powf(part)
    };
    let point = |step| {
        let mut plan = plan.clone();
        plan.max_age = Duration::from_secs_f64(bound(step));
        Ok((bound(step), plan.estimate()?.calls.expected))
    };
    (0..=STEPS).map(point).collect()
}

type Curve = (&'static str, RGBColor, Vec<(f64, f64)>);

fn render(svg: &mut String, curves: &[Curve], room: f64) -> Result<(), Box<dyn std::error::Error>> {
    let points = || curves.iter().flat_map(|(.., points)| points.iter().map(|(_, calls)| *calls));
    let least = points().fold(room, f64::min) / 2.0;
    let most = points().fold(room, f64::max) * 2.0;
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(80)
        .build_cartesian_2d(BOUNDS.log_scale(), (least..most).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("how old an answer may be, in seconds")
        .y_desc("calls a minute")
        .label_style(("sans-serif", 14))
        .draw()?;
    for (name, colour, points) in curves {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(*name)
            .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    let line = [(BOUNDS.start, room), (BOUNDS.end, room)];
    chart
        .draw_series(LineSeries::new(line, BLACK.stroke_width(1)))?
        .label("room")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], BLACK));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK)
        .label_font(("sans-serif", 14))
        .draw()?;
    area.present()?;
    Ok(())
}
