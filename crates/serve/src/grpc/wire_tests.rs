//! What is on the wire: by hand with Envoy's numbers, and against a compiler of `proto/`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use http::{Extensions, HeaderMap, HeaderName, StatusCode};
use prost::Message as _;

use super::generated::authorization::{CheckRequest, CheckResponse};
use super::question::{MAX_HEADERS, Question};
use super::reply::{Answer, Denial, OnUnknown};
use super::unread::Unread;

/// A field of bytes, as protobuf writes it.
fn field(number: u32, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut field = Vec::new();
    prost::encoding::encode_varint(u64::from(number << 3 | 2), &mut field);
    prost::encoding::encode_varint(bytes.as_ref().len() as u64, &mut field);
    field.extend_from_slice(bytes.as_ref());
    field
}

fn entry(number: u32, key: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    field(number, [field(1, key), field(2, value)].concat())
}

/// The bytes of a request with these fields of its `HttpRequest`, and all that Envoy sends beside.
fn request(http: &[Vec<u8>]) -> Vec<u8> {
    let beside = [field(1, "7"), field(10, "HTTP/1.1"), vec![9 << 3, 12], field(11, "body")];
    let http = [http.concat(), beside.concat()].concat();
    let address = field(1, field(1, [field(2, "192.0.2.7"), vec![3 << 3, 80]].concat()));
    let source = [address, field(4, "spiffe://acme/web")].concat();
    let asked = [field(1, [1 << 3, 7]), field(2, http)].concat();
    let context = [entry(10, "region", "eu"), entry(10, "okta-introspect-rule", "orders")];
    let attributes =
        [field(1, source), field(4, asked), context.concat(), field(13, field(1, "m"))];
    field(1, attributes.concat())
}

fn read<T>(bytes: &[u8], look: impl FnOnce(Result<Question<'_>, Unread>) -> T) -> T {
    let message = CheckRequest::decode(bytes).unwrap();
    let attributes = message.attributes.as_ref().unwrap();
    let http = attributes.request.as_ref().unwrap().http.as_ref().unwrap();
    look(Question::read(attributes, http, &Extensions::new(), &HeaderMap::new()))
}

fn get() -> [Vec<u8>; 4] {
    [field(2, "GET"), field(4, "/orders?x=1"), field(5, "api.acme.example"), field(6, "https")]
}

#[test]
fn a_request_is_read_by_the_numbers_of_envoy() {
    let headers = [entry(3, ":path", "/forged"), entry(3, "accept", "a"), entry(3, "dpop", "p")];
    read(&request(&[get().concat(), headers.concat()]), |question| {
        let question = question.unwrap();
        assert_eq!(question.method, "GET");
        assert_eq!(question.target, "/orders?x=1");
        assert_eq!(question.host, "api.acme.example");
        assert_eq!(question.scheme, Some(http::uri::Scheme::HTTPS));
        assert_eq!(question.rule, Some("orders"));
        assert_eq!(question.principal, Some("spiffe://acme/web"));
        assert_eq!(question.headers, named(&[("accept", "a"), ("dpop", "p")]));
        assert!(!format!("{question:?}").contains("x=1"), "{question:?}");
    });
}

#[test]
fn raw_headers_stand_in_place_of_the_map() {
    let raw = |key: &str, value: &[u8]| field(1, [field(1, key), field(3, value)].concat());
    let raw = [raw("a", b"1, 2"), raw("a", b"\xff"), raw("authorization", b"Bearer a")].concat();
    read(&request(&[get().concat(), entry(3, "b", "3"), field(13, raw)]), |question| {
        let headers = question.unwrap().headers;
        let values: Vec<_> = headers.get_all("a").iter().map(|value| value.as_bytes()).collect();
        assert_eq!(values, [b"1, 2".as_slice(), b"\xff"]);
        assert_eq!(headers.len(), 3);
    });
    read(&request(&[get().concat(), entry(3, "b", "3"), field(13, "")]), |question| {
        assert!(question.unwrap().headers.is_empty());
    });
}

#[test]
fn trap_two_authorizations_or_a_list_in_one_are_refused() {
    let bearer = |value: &str| entry(3, "authorization", value);
    let raw = |value: &str| field(1, [field(1, "authorization"), field(3, value)].concat());
    for fields in [
        vec![bearer("Bearer a,Bearer b")],
        vec![bearer("Basic a, Bearer b")],
        vec![bearer("Bearer a"), bearer("Bearer a")],
        vec![field(13, [raw("Bearer a"), raw("Bearer b")].concat())],
        vec![field(13, raw("Bearer a,Bearer b"))],
    ] {
        let bytes = request(&[get().concat(), fields.concat()]);
        read(&bytes, |question| assert_eq!(question.unwrap_err(), Unread::Tokens));
    }
    let denial = Unread::Tokens.denial();
    assert_eq!(denial.status, StatusCode::BAD_REQUEST);
    assert_eq!(denial.headers["www-authenticate"], r#"Bearer error="invalid_request""#);
}

#[test]
fn trap_a_target_without_a_leading_slash_is_refused() {
    for target in
        ["", "orders", "*", "api.acme.example:443", "https://api.acme.example/", " /", "\\"]
    {
        let bytes = request(&[field(2, "GET"), field(4, target)]);
        read(&bytes, |question| assert_eq!(question.unwrap_err(), Unread::Target, "{target}"));
    }
}

#[test]
fn what_a_client_may_have_sent_is_refused_rather_than_unreadable() {
    let many: Vec<_> = (0..=MAX_HEADERS).map(|n| entry(3, &format!("h{n}"), "")).collect();
    for (name, fields, fault) in [
        ("target", field(4, b"/\xff"), Unread::Target),
        ("host", field(5, b"\xff"), Unread::Host),
        ("method", field(2, "GE T"), Unread::Method),
        ("no method", field(2, ""), Unread::Method),
        ("header", entry(3, "a", "b\r\nc: d"), Unread::Header),
        ("name", entry(3, "a b", "c"), Unread::Header),
        ("headers", many.concat(), Unread::Headers),
    ] {
        // The last of two fields counts.
        let bytes = request(&[get().concat(), fields]);
        read(&bytes, |question| assert_eq!(question.unwrap_err(), fault, "{name}"));
        assert!(fault.denial().status.is_client_error(), "{name}");
    }
    read(&request(&[get().concat(), entry(3, "a", b"\xff")]), |question| {
        assert_eq!(question.unwrap().headers["a"].as_bytes(), b"\xff");
    });
}

fn named(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), value.parse().unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn yes() -> Answer {
    let headers = named(&[("x-auth-sub", "ada"), ("x-auth-scope", "a b")]);
    let remove = ["x-auth-sub", "x_auth_sub", "authorization"].map(HeaderName::from_static);
    Answer::Yes { headers, remove: remove.into() }
}

fn no() -> Denial {
    let mut headers = named(&[("content-length", "9")]);
    headers.append("www-authenticate", "Bearer".parse().unwrap());
    headers.append("www-authenticate", "DPoP algs=\"ES256\"".parse().unwrap());
    Denial::new(StatusCode::UNAUTHORIZED).headers(headers).body("{}")
}

#[test]
fn an_answer_is_written_by_the_numbers_of_envoy() {
    let option = |key: &str, value: &str| {
        let header = field(1, [field(1, key), field(2, value)].concat());
        [header, vec![3 << 3, 2]].concat()
    };
    let set = [("x-auth-sub", "ada"), ("x-auth-scope", "a b")];
    let set = set.map(|(key, value)| field(2, option(key, value)));
    // Envoy removes after it has added: what is set stays.
    let removed = ["x_auth_sub", "authorization"].map(|name| field(5, name));
    let expected = [field(1, ""), field(3, [set.concat(), removed.concat()].concat())];
    assert_eq!(yes().message(OnUnknown::Deny).encode_to_vec(), expected.concat());

    let status = field(1, [1 << 3, 0x91, 3]);
    let challenges = option("www-authenticate", "Bearer, DPoP algs=\"ES256\"");
    let denied = [status, field(2, challenges), field(3, "{}")].concat();
    let expected = [field(1, [1 << 3, 16]), field(2, denied)].concat();
    assert_eq!(Answer::No(no()).message(OnUnknown::Error).encode_to_vec(), expected);

    let retry = field(2, option("retry-after", "1"));
    let denied = [field(1, [1 << 3, 0xf7, 3]), retry].concat();
    for (unknown, code, number) in [(OnUnknown::Deny, 7, 2), (OnUnknown::Error, 14, 5)] {
        let expected = [field(1, [1 << 3, code]), field(number, &denied)].concat();
        let answer = Answer::No(Denial::unknown());
        assert_eq!(answer.message(unknown).encode_to_vec(), expected, "{unknown:?}");
    }
}

#[test]
fn a_denial_is_never_sent_with_a_status_that_is_no_error() {
    for status in [StatusCode::OK, StatusCode::FOUND, StatusCode::CONTINUE] {
        let message = Answer::No(Denial::new(status)).message(OnUnknown::Deny);
        let expected = Answer::No(Denial::new(StatusCode::FORBIDDEN)).message(OnUnknown::Deny);
        assert_eq!(message, expected, "{status}");
    }
}

#[test]
fn trap_an_identity_header_that_cannot_be_written_is_taken_from_the_client() {
    let mut headers = named(&[("x-auth-uid", "7")]);
    headers.insert("x-auth-sub", http::HeaderValue::from_bytes(b"\xff").unwrap());
    let remove = [HeaderName::from_static("x-auth-sub")].into();
    let message = Answer::Yes { headers, remove }.message(OnUnknown::Deny);
    let text = format!("{message:?}");
    assert!(text.contains(r#"headers_to_remove: ["x-auth-sub"]"#), "{text}");
    assert!(text.contains(r#"key: "x-auth-uid""#), "{text}");
}

/// Gives bytes to protoc for a message of `proto/authorization.proto`; nothing where it is not installed.
fn protoc(action: &str, message: &str, input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("protoc")
        .arg(format!("--proto_path={}/proto", env!("CARGO_MANIFEST_DIR")))
        .arg(format!("{action}=envoy.service.auth.v3.{message}"))
        .arg("authorization.proto")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "protoc refuses {message}");
    Some(output.stdout)
}

#[test]
fn what_is_kept_is_what_a_compiler_makes_of_the_description() {
    let text = r#"
        attributes {
          source { principal: "ada" }
          request { http {
            method: "GET" path: "/" host: "h" scheme: "http"
            headers { key: "a" value: "1" }
            header_map { headers { key: "b" value: "2" raw_value: "3" } }
          } }
          context_extensions { key: "okta-introspect-rule" value: "r" }
        }"#;
    let Some(bytes) = protoc("--encode", "CheckRequest", text.as_bytes()) else { return };
    assert_eq!(CheckRequest::decode(&bytes[..]).unwrap().encode_to_vec(), bytes);
    read(&bytes, |question| {
        let question = question.unwrap();
        assert_eq!((question.rule, question.principal), (Some("r"), Some("ada")));
        assert_eq!((question.host, question.target), ("h", "/"));
        assert_eq!(question.headers, named(&[("b", "3")]));
    });
    for answer in [yes(), Answer::No(no()), Answer::No(Denial::unknown())] {
        let message = answer.message(OnUnknown::Error);
        let text = protoc("--decode", "CheckResponse", &message.encode_to_vec()).unwrap();
        // A field that the description does not have is a number in the text, which is no field's name.
        let bytes = protoc("--encode", "CheckResponse", &text).unwrap();
        assert_eq!(CheckResponse::decode(&bytes[..]).unwrap(), message);
    }
}
