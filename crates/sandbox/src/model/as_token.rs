//! Tokens as a test holds them.

/// Something that is a token: text, or a type that guards it.
pub trait AsToken {
    /// The token itself.
    fn as_token(&self) -> &str;
}

impl AsToken for str {
    fn as_token(&self) -> &str {
        self
    }
}

impl AsToken for String {
    fn as_token(&self) -> &str {
        self
    }
}

impl<T: AsToken + ?Sized> AsToken for &T {
    fn as_token(&self) -> &str {
        (**self).as_token()
    }
}
