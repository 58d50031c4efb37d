//! Everything that is wrong, in the order of the file.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Fault;

/// The most faults that are told: nobody reads more, and a file may have a million.
const MAX_FAULTS: usize = 100;

/// Collects what is wrong, and what is only worth a word.
#[derive(Debug, Default)]
pub(super) struct Faults {
    lines: BTreeMap<String, u64>,
    places: BTreeSet<String>,
    errors: Vec<(u64, Fault)>,
    warnings: Vec<(u64, Fault)>,
}

impl Faults {
    /// Remembers in which line a place is.
    pub(super) fn set_line(&mut self, place: &str, line: u64) {
        self.lines.insert(place.to_owned(), line);
    }

    /// Something is wrong at `place`, such as `rules[3].path`; empty for the whole file.
    pub(super) fn error(&mut self, place: &str, fault: Fault) {
        self.places.insert(place.to_owned());
        let found = self.located(place, fault);
        self.errors.push(found);
    }

    /// Something is wrong inside of `place`, where the fault itself says, such as at `where.id`.
    pub(super) fn error_within(&mut self, place: &str, fault: Fault) {
        let inside = fault.place().map(|inside| format!("{place}.{inside}"));
        self.error(inside.as_deref().unwrap_or(place), fault);
    }

    /// Something is worth a word at `place`.
    pub(super) fn warn(&mut self, place: &str, fault: Fault) {
        let found = self.located(place, fault);
        self.warnings.push(found);
    }

    /// Whether something is wrong at `place` or inside it.
    pub(super) fn any_within(&self, place: &str) -> bool {
        let mut from = self.places.range(place.to_owned()..);
        // Between a place and what is inside it others sort, such as `rules[1]` and `rules[10]`.
        from.by_ref()
            .take_while(|found| found.starts_with(place))
            .any(|found| matches!(found.as_bytes().get(place.len()), None | Some(b'.' | b'[')))
    }

    /// What was found: errors and warnings, each in the order of the file.
    pub(super) fn into_parts(mut self) -> (Vec<Fault>, Vec<Fault>) {
        let more = self.errors.len().saturating_sub(MAX_FAULTS);
        let mut errors = in_order(&mut self.errors);
        if more > 0 {
            errors.push(Fault::new(format!("{more} more faults")));
        }
        (errors, in_order(&mut self.warnings))
    }

    fn located(&self, place: &str, fault: Fault) -> (u64, Fault) {
        if place.is_empty() {
            return (0, fault);
        }
        (self.line(place).unwrap_or_default(), fault.at(self.place(place)))
    }

    /// A place with its line, as it is told.
    pub(super) fn place(&self, place: &str) -> String {
        match self.line(place) {
            Some(line) => format!("{place} (line {line})"),
            None => place.to_owned(),
        }
    }

    /// The line of a place, or of the nearest one around it: a member that is missing has none.
    fn line(&self, place: &str) -> Option<u64> {
        let mut place = place;
        loop {
            if let Some(line) = self.lines.get(place) {
                return Some(*line);
            }
            place = &place[..place.rfind(['.', '['])?];
        }
    }
}

fn in_order(found: &mut Vec<(u64, Fault)>) -> Vec<Fault> {
    found.sort_by_key(|(line, _)| *line);
    found.drain(..).take(MAX_FAULTS).map(|(_, fault)| fault).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_holds_what_is_inside_it_and_not_its_neighbours() {
        let mut faults = Faults::default();
        faults.error("rules[10].path", Fault::new("wrong"));
        faults.error("rules[1]-x", Fault::new("wrong"));
        assert!(faults.any_within("rules[10]"));
        assert!(faults.any_within("rules[10].path"));
        assert!(faults.any_within("rules"));
        assert!(!faults.any_within("rules[1]"));
        assert!(!faults.any_within("rule"));
    }

    #[test]
    fn faults_come_in_the_order_of_the_file_and_a_hundred_of_them_at_most() {
        let mut faults = Faults::default();
        for line in (1..=101).rev() {
            let place = format!("rules[{line}]");
            faults.set_line(&place, line);
            faults.error(&format!("{place}.path"), Fault::new("missing"));
        }
        let (errors, _) = faults.into_parts();
        assert_eq!(errors.len(), 101);
        assert_eq!(errors[0].to_string(), "rules[1].path (line 1): missing");
        assert_eq!(errors[100].to_string(), "1 more faults");
    }
}
