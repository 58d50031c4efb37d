//! The requests that came, as far as there is room for them.

use std::collections::VecDeque;

use super::recorded::RecordedRequest;

/// The latest requests, in bounded memory.
pub(crate) struct Records {
    /// Whether requests are kept at all.
    pub(crate) enabled: bool,
    requests: VecDeque<RecordedRequest>,
    bytes: usize,
}

impl Records {
    /// How many requests are kept.
    const MAX_COUNT: usize = 10_000;

    /// How many bytes are kept, all parts of the requests together. Of longer ones fewer are kept,
    /// and the latest always.
    const MAX_BYTES: usize = 32 * 1024 * 1024;

    pub(crate) fn push(&mut self, request: &RecordedRequest) {
        if !self.enabled {
            return;
        }
        self.bytes += request.size();
        self.requests.push_back(request.clone());
        while self.requests.len() > Self::MAX_COUNT
            || (self.bytes > Self::MAX_BYTES && self.requests.len() > 1)
        {
            let oldest = self.requests.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| oldest.size());
        }
    }

    /// Takes note of what was answered to the request with this id.
    pub(crate) fn note_answer(&mut self, id: &str, status: u16, refusal: Option<&str>) {
        // Most answers are to the latest requests.
        if let Some(request) = self.requests.iter_mut().rev().find(|request| request.id() == id) {
            let before = request.size();
            request.note_answer(status, refusal);
            self.bytes += request.size() - before;
        }
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.requests.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.requests.clear();
        self.bytes = 0;
    }
}

impl Default for Records {
    fn default() -> Self {
        Self { enabled: true, requests: VecDeque::new(), bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(body: usize) -> RecordedRequest {
        RecordedRequest::example(vec![b'a'; body])
    }

    #[test]
    fn records_are_bounded_by_number_and_by_bytes() {
        let mut records = Records::default();
        for _ in 0..Records::MAX_COUNT + 1 {
            records.push(&record(0));
        }
        assert_eq!(records.requests.len(), Records::MAX_COUNT);
        for _ in 0..1000 {
            records.push(&record(256 * 1024));
        }
        assert!(records.bytes <= Records::MAX_BYTES);
        assert!(records.requests.len() > 100);
        let sizes: usize = records.requests.iter().map(RecordedRequest::size).sum();
        assert_eq!(records.bytes, sizes);
        records.push(&record(Records::MAX_BYTES));
        assert_eq!(records.requests.len(), 1, "the latest is kept whatever its size");
        records.clear();
        assert_eq!((records.requests.len(), records.bytes), (0, 0));
        records.enabled = false;
        records.push(&record(0));
        assert!(records.requests.is_empty());
    }
}
