//! `--name value`, as `run` writes them.

use std::collections::HashMap;
use std::str::FromStr;

/// What a role is told.
pub struct Options(HashMap<String, String>);

impl Options {
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut options = HashMap::new();
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_else(|| panic!("{name} needs a value"));
            options.insert(name.trim_start_matches("--").to_owned(), value);
        }
        Self(options)
    }

    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("--{name} is missing"))
    }

    pub fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        let text = self.0.get(name)?;
        Some(text.parse().unwrap_or_else(|_| panic!("--{name} is no number: {text}")))
    }

    /// The lines of a file.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.text(name)).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// What came of a load, as one line of JSON.
pub fn report(mut nanos: Vec<u64>, failed: usize, seconds: f64) {
    nanos.sort_unstable();
    let at = |share: f64| {
        let index = (nanos.len() as f64 * share) as usize;
        nanos.get(index.min(nanos.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    println!(
        r#"{{"requests":{},"failed":{failed},"seconds":{seconds},"p50":{},"p99":{},"p999":{}}}"#,
        nanos.len(),
        at(0.5),
        at(0.99),
        at(0.999),
    );
}
