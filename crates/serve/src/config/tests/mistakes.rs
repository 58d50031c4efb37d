//! Every kind of mistake, and the exact line that is said of it.

mod file;
mod listeners;
mod members;
mod rules;
mod shared;
mod signals;

use super::*;

/// A mistake: the text below `listeners: [{mode: nginx}]`, so that it begins in line 2, and the lines that
/// are said of it.
type Row = (&'static str, &'static [&'static str]);

#[track_caller]
fn check(rows: &[Row]) {
    let place = Place::with_app();
    let mut wrong = String::new();
    for (text, expected) in rows {
        let said = place.lines(&format!("listeners: [{{mode: nginx}}]\n{text}"));
        if said != *expected {
            wrong.push_str(&format!("{text}\n  is said to be {said:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// As [`check`], for listeners; the text is the whole file.
#[track_caller]
fn check_whole(place: &Place, rows: &[Row]) {
    let mut wrong = String::new();
    for (text, expected) in rows {
        let said: Vec<String> =
            place.lines(text).into_iter().filter(|line| !line.contains("rules: none")).collect();
        if said != *expected {
            wrong.push_str(&format!("{text}\n  is said to be {said:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
