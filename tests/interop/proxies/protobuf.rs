//! As much of protobuf's wire format as one message each way needs.

/// All values of a length-delimited field.
pub(super) fn fields(mut message: &[u8], wanted: u64) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    while !message.is_empty() {
        let key = number(&mut message);
        let value = match key & 7 {
            0 => {
                number(&mut message);
                continue;
            }
            1 => take(&mut message, 8),
            5 => take(&mut message, 4),
            _ => {
                let length = usize::try_from(number(&mut message)).unwrap();
                take(&mut message, length)
            }
        };
        if key >> 3 == wanted {
            values.push(value);
        }
    }
    values
}

fn take(message: &mut &[u8], length: usize) -> Vec<u8> {
    let (value, rest) = message.split_at(length);
    *message = rest;
    value.to_vec()
}

fn number(message: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(message, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}

fn encoded(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

pub(super) fn varint(field: u64, value: u64) -> Vec<u8> {
    [encoded(field << 3), encoded(value)].concat()
}

pub(super) fn field(number: u64, value: &[u8]) -> Vec<u8> {
    let length = u64::try_from(value.len()).unwrap();
    [encoded(number << 3 | 2), encoded(length), value.to_vec()].concat()
}

pub(super) fn text(number: u64, value: &str) -> Vec<u8> {
    field(number, value.as_bytes())
}
