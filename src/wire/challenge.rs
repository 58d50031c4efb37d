//! What a server says in `WWW-Authenticate`.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use crate::support::quoted;

/// A parameter of the challenges ([RFC 9110 §11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)),
/// of the first that has it.
pub(crate) fn parameter(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let lines = headers.get_all(WWW_AUTHENTICATE).into_iter();
    lines.filter_map(|line| line.to_str().ok()).find_map(|line| parameter_in(line, wanted))
}

/// One line may hold several challenges. A string that does not end ends the line.
fn parameter_in(line: &str, wanted: &str) -> Option<String> {
    let mut rest = line.trim_start_matches(GAPS);
    while !rest.is_empty() {
        // A parameter's name, or a scheme.
        let end = rest.find(['=', ',', ' ', '\t']).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..].trim_start_matches(BLANKS);
        if let Some(value) = rest.strip_prefix('=') {
            let (value, behind) = quoted::value(value.trim_start_matches(BLANKS), &GAPS)?;
            if name.eq_ignore_ascii_case(wanted) {
                return Some(value);
            }
            rest = behind;
        }
        rest = rest.trim_start_matches(GAPS);
    }
    None
}

const BLANKS: [char; 2] = [' ', '\t'];
const GAPS: [char; 3] = [' ', '\t', ','];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_wherever_it_stands_and_nothing_else_is() {
        for (name, lines, error) in [
            ("nothing", &[][..], None),
            ("a scheme alone", &["Bearer"], None),
            (
                "Okta's",
                &[r#"DPoP algs="RS256", error="invalid_dpop_proof""#],
                Some("invalid_dpop_proof"),
            ),
            ("without quotes", &["Bearer error=invalid_token, scope=a"], Some("invalid_token")),
            ("blanks", &["Bearer\terror = \"invalid_token\" ,x=1"], Some("invalid_token")),
            ("capitals", &["bearer ERROR=\"x\""], Some("x")),
            ("the second challenge", &[r#"Basic realm="a", Bearer error="x""#], Some("x")),
            ("the second line", &[r#"Basic realm="a""#, r#"Bearer error="x""#], Some("x")),
            ("behind token68", &["Negotiate YWJj==, Bearer error=x"], Some("x")),
            ("escapes", &[r#"Bearer error="a \"b\" \\ c""#], Some(r#"a "b" \ c"#)),
            ("another's name", &[r#"Bearer xerror="x", error_uri="y""#], None),
            ("in a string", &[r#"Bearer realm="a, error=\"x\"""#], None),
            ("an open string", &[r#"Bearer realm="a, error=x"#], None),
            ("no name", &["=, =\"error=x\""], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(WWW_AUTHENTICATE, line.parse().unwrap());
            }
            assert_eq!(parameter(&headers, "error").as_deref(), error, "{name}");
        }
    }
}
