//! Several short texts in one piece of memory.

/// Some texts, or their absence, one after the other: each behind its length, as characters.
///
/// Of its own, a `String` takes 24 bytes here and a piece of memory there, which is often more than
/// the text in it.
#[derive(Debug)]
pub(crate) struct Texts(Box<str>);

/// What stands in place of a length.
const ABSENT: usize = 0;
/// The text is the one before once more: many a user's subject is their login.
const AGAIN: usize = 1;
const SHORTEST: usize = 2;

/// A character has so many bits of a length, and another one that says whether more follow. So it
/// is ASCII, and all of it is a text.
const BITS: u32 = 6;
const MORE: u8 = 1 << BITS;

impl Texts {
    pub(crate) fn new<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let (mut all, mut before) = (String::new(), None);
        for text in texts {
            match text {
                None => write_length(&mut all, ABSENT),
                Some(_) if text == before => write_length(&mut all, AGAIN),
                Some(text) => {
                    write_length(&mut all, SHORTEST.saturating_add(text.len()));
                    all.push_str(text);
                }
            }
            before = text;
        }
        Self(all.into())
    }

    /// The text with this number, if it is there.
    pub(crate) fn get(&self, number: usize) -> Option<&str> {
        self.iter().nth(number).flatten()
    }

    /// All of them, and what is absent, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        let (mut left, mut before) = (&*self.0, None);
        std::iter::from_fn(move || {
            let (length, behind) = read_length(left)?;
            left = behind;
            before = match length {
                ABSENT => None,
                AGAIN => before,
                length => {
                    let (text, behind) = left.split_at_checked(length - SHORTEST)?;
                    left = behind;
                    Some(text)
                }
            };
            Some(before)
        })
    }
}

fn write_length(to: &mut String, mut length: usize) {
    while length >= usize::from(MORE) {
        to.push(char::from(MORE | (length as u8 & (MORE - 1))));
        length >>= BITS;
    }
    to.push(char::from(length as u8)); // one that needs no further character
}

/// The length at the beginning, and what is behind it.
fn read_length(from: &str) -> Option<(usize, &str)> {
    let mut length = 0;
    for (at, byte) in from.bytes().enumerate() {
        length |= usize::from(byte & (MORE - 1)).checked_shl(BITS.checked_mul(at as u32)?)?;
        if byte & MORE == 0 {
            return Some((length, from.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(texts: &[Option<&str>]) -> Texts {
        Texts::new(texts.iter().copied())
    }

    #[test]
    fn what_is_there_comes_back_and_what_is_not_does_not() {
        let long = "ä".repeat(40_000);
        let some = [None, Some(""), Some("ada"), Some("ada"), None, Some("ada"), Some(&long)];
        let texts = kept(&some);
        for (number, text) in some.iter().enumerate() {
            assert_eq!(texts.get(number), *text, "{number}");
        }
        assert_eq!(texts.get(some.len()), None);
        assert_eq!(kept(&[]).get(0), None);
    }

    #[test]
    fn each_length_at_which_it_is_written_otherwise_is_read_as_it_is() {
        for length in [0, 1, 61, 62, 63, 64, 65, 4093, 4094, 4095, 4096, 262_142, 262_143] {
            let text = "x".repeat(length);
            let texts = kept(&[Some(&text), Some("behind")]);
            assert_eq!(texts.get(0), Some(&*text), "{length}");
            assert_eq!(texts.get(1), Some("behind"), "{length}");
        }
    }

    #[test]
    fn a_text_takes_one_byte_more_than_it_has_and_none_if_it_is_the_one_before() {
        let login = "ada@acme.example";
        assert_eq!(kept(&[Some(login), Some(login), None]).0.len(), login.len() + 3);
    }
}
