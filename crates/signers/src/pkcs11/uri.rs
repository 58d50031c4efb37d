//! `pkcs11:` URIs ([RFC 7512](https://www.rfc-editor.org/rfc/rfc7512)).

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use super::fault::Fault;
use super::pin::{PinSource, file_path};

/// Which key, in which token, through which module. `Debug` shows the URI's attributes, none of which
/// is a secret: a PIN in the URI is refused.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Uri {
    pub(super) token: Token,
    pub(super) object: Option<String>,
    pub(super) id: Option<Vec<u8>>,
    pub(super) module: Option<ModuleName>,
    pub(super) pin: Option<PinSource>,
    /// The file with the public half, if the token does not tell it. An attribute of our own.
    pub(super) public_key: Option<PathBuf>,
}

/// What tells a token from others.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Token {
    pub(super) label: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) model: Option<String>,
    pub(super) slot_id: Option<u64>,
    pub(super) slot_manufacturer: Option<String>,
    pub(super) slot_description: Option<String>,
    pub(super) library_manufacturer: Option<String>,
    pub(super) library_description: Option<String>,
    pub(super) library_version: Option<String>,
}

/// How a URI names the module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum ModuleName {
    Path(PathBuf),
    /// Without `lib` and `.so`, in one of the system's folders.
    Name(String),
}

/// A label or an id in a token is far shorter.
const MAX_LEN: usize = 4096;

impl Uri {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        let rest = match text.split_at_checked("pkcs11:".len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("pkcs11:") => rest,
            _ => return Err(wrong("it does not begin with `pkcs11:`")),
        };
        if text.len() > MAX_LEN || text.contains(char::is_control) {
            return Err(wrong("it is longer than 4096 bytes, or has control characters"));
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        // An attribute may stand once in a URI (RFC 7512 §2.3).
        let mut seen = Vec::new();
        for attribute in path.split(';').filter(|it| !it.is_empty()) {
            let (name, value) = pair(attribute, &mut seen)?;
            uri.take_path(name, value)?;
        }
        for attribute in query.split('&').filter(|it| !it.is_empty()) {
            let (name, value) = pair(attribute, &mut seen)?;
            uri.take_query(name, value)?;
        }
        Ok(uri)
    }

    fn take_path(&mut self, name: &str, value: Vec<u8>) -> Result<(), Fault> {
        if name == "id" {
            self.id = Some(value);
            return Ok(());
        }
        let value = utf8(name, value)?;
        let token = &mut self.token;
        let place = match name {
            "token" => &mut token.label,
            "manufacturer" => &mut token.manufacturer,
            "serial" => &mut token.serial,
            "model" => &mut token.model,
            "slot-manufacturer" => &mut token.slot_manufacturer,
            "slot-description" => &mut token.slot_description,
            "library-manufacturer" => &mut token.library_manufacturer,
            "library-description" => &mut token.library_description,
            "library-version" => &mut token.library_version,
            "object" => &mut self.object,
            "slot-id" => {
                let id = value.parse().map_err(|_| wrong("`slot-id` is no number"))?;
                token.slot_id = Some(id);
                return Ok(());
            }
            "type" => {
                return match value.as_str() {
                    "private" => Ok(()),
                    _ => Err(wrong("`type` names something else than a private key")),
                };
            }
            // What a path attribute demands must hold, so one that is not understood cannot be
            // passed over.
            _ => return Err(wrong(&format!("its attribute `{}` is not known", shown(name)))),
        };
        *place = Some(value);
        Ok(())
    }

    fn take_query(&mut self, name: &str, value: Vec<u8>) -> Result<(), Fault> {
        match name {
            // However it is written: what is passed over stays in lists and logs.
            _ if is_pin_value(name) => {
                return Err(Fault::new(
                    "the `pkcs11:` URI holds the PIN itself, and URIs are seen in lists of processes and in logs",
                    "change the PIN, and name its file: `pin-source=file:/path/of/pin`",
                ));
            }
            "pin-source" => self.pin = Some(PinSource::parse(&utf8(name, value)?)?),
            "module-path" => self.take_module(ModuleName::Path(utf8(name, value)?.into()))?,
            "module-name" => self.take_module(ModuleName::Name(utf8(name, value)?))?,
            "public-key-source" => {
                let text = utf8(name, value)?;
                let path = file_path(&text).ok_or_else(|| {
                    wrong("`public-key-source` is no absolute path, such as file:/path/of/key.pem")
                })?;
                self.public_key = Some(path);
            }
            // Those of other programs, which do not say which key is meant.
            _ => {}
        }
        Ok(())
    }

    fn take_module(&mut self, module: ModuleName) -> Result<(), Fault> {
        match self.module.replace(module) {
            None => Ok(()),
            Some(_) => Err(wrong("it has both `module-path` and `module-name`")),
        }
    }
}

impl fmt::Display for Token {
    /// What was asked for, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot_id = self.slot_id.map(|id| id.to_string());
        let mut attributes = [
            ("token", &self.label),
            ("manufacturer", &self.manufacturer),
            ("serial", &self.serial),
            ("model", &self.model),
            ("slot-id", &slot_id),
            ("slot-manufacturer", &self.slot_manufacturer),
            ("slot-description", &self.slot_description),
            ("library-manufacturer", &self.library_manufacturer),
            ("library-description", &self.library_description),
            ("library-version", &self.library_version),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)))
        .peekable();
        if attributes.peek().is_none() {
            return f.write_str("any token");
        }
        for (index, (name, value)) in attributes.enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name} {value:?}")?;
        }
        Ok(())
    }
}

fn pair<'a>(attribute: &'a str, seen: &mut Vec<&'a str>) -> Result<(&'a str, Vec<u8>), Fault> {
    let (name, value) =
        attribute.split_once('=').ok_or_else(|| wrong("an attribute of it has no value"))?;
    if seen.contains(&name) {
        return Err(wrong(&format!("it has `{}` twice", shown(name))));
    }
    seen.push(name);
    let value = decoded(value).ok_or_else(|| {
        wrong(&format!("in `{}`, a % is not followed by two hexadecimal digits", shown(name)))
    })?;
    Ok((name, value))
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(16 * high + low).ok()?
            }
            other => other,
        });
    }
    Some(bytes)
}

fn utf8(name: &str, value: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(value).map_err(|_| wrong(&format!("`{}` is not UTF-8", shown(name))))
}

/// A name may be what should have been a value.
fn shown(name: &str) -> Cow<'_, str> {
    let is_usual = |c: char| c.is_ascii_lowercase() || c == '-';
    match name.len() <= 32 && name.chars().all(is_usual) {
        true => Cow::Borrowed(name),
        false => Cow::Borrowed("…"),
    }
}

fn wrong(what: &str) -> Fault {
    Fault::new(
        format!("the `pkcs11:` URI cannot be read: {what}"),
        "write it as in pkcs11:token=LABEL;object=LABEL?pin-source=file:/path/of/pin (RFC 7512), and copy what `p11tool --list-all` prints",
    )
}

/// Whether the name of an attribute means the PIN, in any case and encoding.
fn is_pin_value(name: &str) -> bool {
    decoded(name).is_some_and(|name| name.eq_ignore_ascii_case(b"pin-value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_and_percent_encoding_is_taken_off() {
        let uri = Uri::parse(
            "PKCS11:token=My%20token;manufacturer=M;serial=0%31;model=m;slot-id=7;object=caf%C3%A9;\
             id=%00%fF;type=private?pin-source=file:/etc/pin&module-path=/usr/lib/m.so&x-other=1",
        )
        .unwrap();
        assert_eq!(uri.token.label.as_deref(), Some("My token"));
        assert_eq!(uri.token.serial.as_deref(), Some("01"));
        assert_eq!(uri.token.slot_id, Some(7));
        assert_eq!(uri.object.as_deref(), Some("café"));
        assert_eq!(uri.id, Some(vec![0, 0xff]));
        assert_eq!(uri.pin, Some(PinSource::File("/etc/pin".into())));
        assert_eq!(uri.module, Some(ModuleName::Path("/usr/lib/m.so".into())));
        assert!(uri.token.to_string().starts_with(r#"token "My token", manufacturer "M""#));
        let empty = Uri::parse("pkcs11:").unwrap();
        assert_eq!(empty, Uri::default());
        assert_eq!(empty.token.to_string(), "any token");
        let library =
            Uri::parse("pkcs11:library-version=2.6;slot-description=S?module-name=softhsm2");
        assert_eq!(library.unwrap().module, Some(ModuleName::Name("softhsm2".to_owned())));
    }

    #[test]
    fn what_cannot_be_obeyed_is_refused() {
        for (text, says) in [
            ("file:x", "does not begin"),
            ("pkcs11", "does not begin"),
            ("pkcs11:token", "no value"),
            ("pkcs11:token=a;token=b", "`token` twice"),
            ("pkcs11:token=%4", "two hexadecimal digits"),
            ("pkcs11:token=%zz", "two hexadecimal digits"),
            ("pkcs11:token=%ff", "not UTF-8"),
            ("pkcs11:slot-id=x", "no number"),
            ("pkcs11:type=cert", "something else"),
            ("pkcs11:x-vendor=1", "`x-vendor` is not known"),
            ("pkcs11:Secret%201=1", "`…` is not known"),
            ("pkcs11:a=1?module-name=a", "`a` is not known"),
            ("pkcs11:?module-name=a&module-path=/b", "both"),
            ("pkcs11:?pin-source=|cat", "pin-source"),
            ("pkcs11:?public-key-source=key.pem", "no absolute path"),
            ("pkcs11:token=a\nb", "control characters"),
        ] {
            let error = okta_introspect::Error::from(Uri::parse(text).unwrap_err());
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
        assert!(Uri::parse(&format!("pkcs11:token={}", "a".repeat(MAX_LEN - 13))).is_ok());
        assert!(Uri::parse(&format!("pkcs11:token={}", "a".repeat(MAX_LEN - 12))).is_err());
    }

    #[test]
    fn a_pin_in_the_uri_is_refused_and_not_repeated() {
        for text in [
            "pkcs11:?pin-value=98765",
            "pkcs11:token=a?module-name=b&pin-value=98765",
            "pkcs11:token=a?PIN-Value=98765",
            "pkcs11:token=a?pin%2dvalue=98765",
        ] {
            let error = okta_introspect::Error::from(Uri::parse(text).unwrap_err());
            assert!(error.to_string().contains("the PIN itself"), "{error}");
            assert!(!format!("{error} {error:?} {}", error.advice()).contains("98765"));
        }
    }
}
