//! How HTTP/2 requests are written, as far as it takes to tell which header fields may stay in a table
//! ([RFC 7541 §6](https://www.rfc-editor.org/rfc/rfc7541#section-6)).

/// How a field is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// It goes into the table, or comes from it.
    Indexed,
    /// It is not put into this table, but may be into the next one on its way.
    NotIndexed,
    /// No table on its way may keep it.
    NeverIndexed,
}

pub(crate) struct Field {
    pub(crate) form: Form,
    name: Name,
}

enum Name {
    /// Its place in the tables.
    Known(usize),
    /// As it is, or in Huffman's code.
    Written(Vec<u8>),
}

impl Field {
    /// For the names that the tests look for.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        match (&self.name, name) {
            (Name::Known(place), "authorization") => *place == 23,
            (Name::Written(text), "dpop") => text == b"dpop" || text == &[0x92, 0xb3, 0xd7],
            _ => false,
        }
    }
}

/// The fields of all requests that a client sent in one connection.
pub(crate) fn fields_sent(sent: &[u8]) -> Vec<Field> {
    const HEADERS: u8 = 1;
    const PADDED_OR_PRIORITY: u8 = 0x28;

    let mut frames = sent.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let mut fields = Vec::new();
    while let [a, b, c, kind, flags, _, _, _, _, rest @ ..] = frames {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if *kind == HEADERS {
            assert_eq!(flags & PADDED_OR_PRIORITY, 0, "this reader knows neither");
            fields.extend(block(&rest[..length]));
        }
        frames = &rest[length..];
    }
    fields
}

fn block(mut bytes: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    while let Some(first) = bytes.first().copied() {
        let (form, bits) = match first {
            0x80.. => {
                let name = Name::Known(number(&mut bytes, 7));
                fields.push(Field { form: Form::Indexed, name });
                continue;
            }
            0x40.. => (Form::Indexed, 6),
            0x20.. => {
                number(&mut bytes, 5); // the table's size
                continue;
            }
            0x10.. => (Form::NeverIndexed, 4),
            _ => (Form::NotIndexed, 4),
        };
        let name = match number(&mut bytes, bits) {
            0 => Name::Written(text(&mut bytes)),
            place => Name::Known(place),
        };
        text(&mut bytes);
        fields.push(Field { form, name });
    }
    fields
}

/// A number whose first bits are the last of a byte (RFC 7541 §5.1).
fn number(bytes: &mut &[u8], bits: u32) -> usize {
    let mut next = || {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        usize::from(*first)
    };
    let most = (1 << bits) - 1;
    let mut number = next() & most;
    if number < most {
        return number;
    }
    for shift in (0..).step_by(7) {
        let byte = next();
        number += (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

fn text(bytes: &mut &[u8]) -> Vec<u8> {
    let length = number(bytes, 7);
    let (text, rest) = bytes.split_at(length);
    *bytes = rest;
    text.to_vec()
}
