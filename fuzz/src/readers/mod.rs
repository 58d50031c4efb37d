//! What must hold of the library's own readers for any input. This is a module of the library,
//! where it is fuzzed (`--cfg fuzzing` and the feature `_fuzzing`) or tested: the readers are private. The tests here replay
//! the committed inputs.

mod answer;
mod link;
mod proof;
mod written;

pub use answer::{error_answer, headers};
pub use link::link;
pub use proof::{dpop_proof, htu};

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Runs a target on each file of its corpus; how many there are.
    fn replay(target: &str, check: fn(&[u8])) -> usize {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        files.map(|file| check(&std::fs::read(file).unwrap())).count()
    }

    #[test]
    fn error_answers_hold() {
        assert!(replay("error_answer", super::error_answer) >= 10);
    }

    #[test]
    fn headers_hold() {
        assert!(replay("headers", super::headers) >= 10);
    }

    #[test]
    fn proofs_hold() {
        assert!(replay("dpop_proof", super::dpop_proof) >= 10);
    }

    #[test]
    fn urls_of_proofs_hold() {
        assert!(replay("htu", super::htu) >= 10);
    }

    #[test]
    fn links_hold() {
        assert!(replay("link", super::link) >= 10);
    }
}
