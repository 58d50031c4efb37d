//! What PromQL names: metrics with their labels, and labels to group by. No more of it is understood.

use std::collections::{BTreeMap, BTreeSet};

/// What a query names.
#[derive(Debug, Default)]
pub struct Query {
    /// Each metric with the labels that it is chosen by, and the values of these.
    pub metrics: Vec<(String, Vec<(String, String)>)>,
    /// The labels of `by` and `on`.
    pub grouped_by: BTreeSet<String>,
}

/// What is there to be asked for: the values of each label, by name of the metric.
pub type Scrape = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

impl Query {
    pub fn read(text: &str) -> Self {
        let (mut query, mut rest, mut open) = (Self::default(), text, 0);
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_ascii_alphanumeric() || "_.:$".contains(c);
            let end = match first {
                '{' => query.choose(until(rest, '}')),
                '[' => until(rest, ']').len() + 2,
                '(' | ')' => {
                    open += if first == '(' { 1 } else { -1 };
                    1
                }
                _ if is_word(first) => {
                    let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
                    word.len() + query.word(word, rest[word.len()..].trim_start())
                }
                _ => first.len_utf8(),
            };
            assert!(open >= 0, "a parenthesis too many: {text}");
            rest = &rest[end..];
        }
        assert_eq!(open, 0, "a parenthesis is open: {text}");
        query
    }

    /// Takes a word before what follows; gives how much of that it takes along.
    fn word(&mut self, word: &str, follows: &str) -> usize {
        match word {
            "by" | "on" => {
                let labels = until(follows, ')').split(',').map(|label| label.trim().to_owned());
                self.grouped_by.extend(labels);
                // With the blank before it.
                until(follows, ')').len() + 3
            }
            "and" | "or" | "unless" => 0,
            _ if word.starts_with(|c: char| c.is_ascii_digit()) => 0,
            _ if follows.starts_with('(') => 0,  // a function
            _ if follows.starts_with("by") => 0, // an aggregation
            _ => {
                self.metrics.push((word.to_owned(), Vec::new()));
                0
            }
        }
    }

    fn choose(&mut self, labels: &str) -> usize {
        for one in labels.split(',') {
            let (label, value) = one.split_once('=').unwrap();
            let value = value.trim_start_matches('~').trim_matches('"').to_owned();
            self.metrics.last_mut().unwrap().1.push((label.trim().to_owned(), value));
        }
        labels.len() + 2
    }

    /// What the query names that a scrape does not have.
    pub fn missing(&self, scrape: &Scrape) -> Vec<String> {
        let by_prometheus = |label: &str| matches!(label, "job" | "instance" | "le");
        let mut missing = Vec::new();
        for (metric, chosen_by) in &self.metrics {
            let Some(labels) = scrape.get(metric) else {
                missing.push(metric.clone());
                continue;
            };
            for (label, values) in chosen_by.iter().filter(|(label, _)| !by_prometheus(label)) {
                let known =
                    |value: &&str| labels.get(label).is_some_and(|all| all.contains(*value));
                let unknown = values.split('|').filter(|value| !known(value));
                missing.extend(unknown.map(|value| format!("{metric}{{{label}={value}}}")));
            }
        }
        let has = |label: &str| {
            let mut metrics = self.metrics.iter().filter_map(|(metric, _)| scrape.get(metric));
            by_prometheus(label) || metrics.any(|labels| labels.contains_key(label))
        };
        missing.extend(self.grouped_by.iter().filter(|label| !has(label)).cloned());
        missing
    }
}

/// What stands between the first character and this one.
fn until(text: &str, end: char) -> &str {
    &text[1..text.find(end).unwrap_or_else(|| panic!("no {end} in {text}"))]
}

/// Reads what Prometheus reads.
pub fn read(text: &str) -> Scrape {
    let mut scrape = Scrape::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let own = scrape.entry(name.to_owned()).or_default();
        for one in labels.trim_end_matches('}').split("\",").filter(|one| !one.is_empty()) {
            let (label, value) = one.split_once("=\"").unwrap();
            let value = value.trim_end_matches('"').to_owned();
            own.entry(label.to_owned()).or_default().insert(value);
        }
    }
    scrape
}
