use http::request::{Parts, Request};
use http::uri::Scheme;
use http::{Method, StatusCode, Version};
use okta_introspect::adapter::Gate;
use okta_introspect::checker::{Answered, SendTime, Upstream};
use okta_introspect::{BoxFuture, Checker, Error, Issuer, Requirement, Token};

use super::*;
use crate::path::PathPolicy;

const FORWARDED: [(&str, &str); 4] = [
    ("x-forwarded-method", "PUT"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "api.acme.example"),
    ("x-forwarded-uri", "/orders/7?full=1"),
];
const NGINX: [(&str, &str); 2] =
    [("x-original-method", "PUT"), ("x-original-url", "https://api.acme.example/orders/7?full=1")];
const FORGED: [(&str, &str); 6] = [
    ("x-forwarded-method", "GET"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-uri", "/public"),
    ("x-forwarded-prefix", "/public"),
    ("forwarded", "host=evil.example;proto=http"),
];

/// What a proxy sends with these headers and this request target.
fn asked(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let request = headers
        .iter()
        .fold(Request::get(uri), |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap().into_parts().0
}

/// The headers with one of them said otherwise.
fn with<'a>(headers: &[(&'a str, &'a str)], name: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    headers
        .iter()
        .map(|header| if header.0 == name { (header.0, value) } else { *header })
        .collect()
}

fn put_orders(scheme: Option<Scheme>) -> Original<'static> {
    Original {
        method: Method::PUT,
        scheme,
        host: "api.acme.example".into(),
        target: "/orders/7?full=1".into(),
    }
}

#[test]
fn each_mode_reads_its_own_source() {
    let parts = asked("/authz", &NGINX);
    assert_eq!(Mode::Nginx.read(&parts, "").unwrap(), put_orders(Some(Scheme::HTTPS)));
    let parts = asked("/authz", &FORWARDED);
    for mode in [Mode::Caddy, Mode::Traefik, Mode::Haproxy] {
        assert_eq!(mode.read(&parts, "").unwrap(), put_orders(Some(Scheme::HTTPS)), "{mode}");
    }
    let mut parts = asked("/authz/orders/7?full=1", &[("host", "API.acme.example")]);
    parts.method = Method::PUT;
    assert_eq!(Mode::Envoy.read(&parts, "/authz").unwrap(), put_orders(None));
}

#[test]
fn an_authority_is_the_host_and_may_not_differ_from_the_header() {
    let target = "https://api.acme.example/authz/orders";
    let mut parts = asked(target, &[]);
    parts.version = Version::HTTP_2;
    assert_eq!(Mode::Envoy.read(&parts, "/authz").unwrap().host, "api.acme.example");
    let parts = asked(target, &[("host", "API.acme.example")]);
    assert_eq!(Mode::Envoy.read(&parts, "/authz").unwrap().host, "api.acme.example");
    for host in ["evil.example", "api.acme.example:443"] {
        let read = asked(target, &[("host", "api.acme.example"), ("host", host)]);
        assert_eq!(Mode::Envoy.read(&read, "/authz"), Err(Malformed::TwoHosts.into()), "{host}");
    }
}

#[test]
fn path_and_query_are_told_apart_at_the_first_question_mark() {
    let original = Original::new(b"GET", None, "a.example", "/x?a=/y?b").unwrap();
    assert_eq!(original.path(), "/x");
    assert_eq!(PathPolicy::split(&original.target), ("/x", Some("a=/y?b")));
    let original = Original::new(b"GET", None, "a.example", "/x").unwrap();
    assert_eq!(original.path(), "/x");
    assert_eq!(PathPolicy::split(&original.target), ("/x", None));
}

#[test]
fn nothing_is_copied_where_the_host_is_in_small_letters() {
    let envoy = [("host", "api.acme.example")];
    for (mode, uri, headers) in [
        (Mode::Nginx, "/authz", &NGINX[..]),
        (Mode::Caddy, "/authz", &FORWARDED),
        (Mode::Envoy, "/authz/orders/7?full=1", &envoy),
    ] {
        let parts = asked(uri, headers);
        let read = || assert!(mode.read(&parts, "/authz").is_ok());
        assert_eq!(allocation_counter::measure(read).count_total, 0, "{mode}");
    }
}

#[test]
fn websockets_begin_as_requests_of_http() {
    for (proto, scheme) in [("ws", Scheme::HTTP), ("wss", Scheme::HTTPS), ("http", Scheme::HTTP)] {
        let parts = asked("/authz", &with(&FORWARDED, "x-forwarded-proto", proto));
        assert_eq!(Mode::Traefik.read(&parts, "").unwrap().scheme, Some(scheme));
    }
}

#[test]
fn trap_a_missing_header_is_never_made_up_from_another_source() {
    for mode in [Mode::Nginx, Mode::Caddy, Mode::Traefik, Mode::Haproxy] {
        for missing in mode.headers() {
            // All other sources are there.
            let all = [&FORWARDED[..], &NGINX, &[("host", "api.acme.example")]].concat();
            let without: Vec<_> = all.into_iter().filter(|header| header.0 != *missing).collect();
            let fault = mode.read(&asked("/orders/7", &without), "").unwrap_err();
            assert_eq!(fault, Misconfigured::Missing(mode, missing).into());
            assert_eq!(fault.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert!(fault.to_string().contains(missing) && fault.to_string().contains("snippet"));
        }
    }
    let fault = Mode::Envoy.read(&asked("/authz/x", &FORWARDED), "/authz").unwrap_err();
    assert_eq!(fault, Misconfigured::Missing(Mode::Envoy, "host").into());
}

#[test]
fn an_empty_value_is_what_a_proxy_makes_of_a_clients_odd_request() {
    let no_proto = Misconfigured::Unusable(Mode::Caddy, "x-forwarded-proto");
    for (name, expected) in [
        ("x-forwarded-method", Malformed::Method.into()),
        ("x-forwarded-proto", no_proto.into()),
        // HTTP/1.0 without a host.
        ("x-forwarded-host", Malformed::Host.into()),
        // `OPTIONS *`
        ("x-forwarded-uri", Malformed::Target.into()),
    ] {
        let parts = asked("/", &with(&FORWARDED, name, ""));
        assert_eq!(Mode::Caddy.read(&parts, ""), Err(expected), "{name}");
    }
    let parts = asked("/", &with(&NGINX, "x-original-url", "http:///orders"));
    assert_eq!(Mode::Nginx.read(&parts, ""), Err(Malformed::Host.into()));
}

#[test]
fn trap_a_doubled_header_is_refused_whichever_comes_first() {
    for (mode, headers) in [(Mode::Nginx, &NGINX[..]), (Mode::Caddy, &FORWARDED)] {
        for header in headers {
            for doubled in [[&[*header][..], headers].concat(), [headers, &[*header]].concat()] {
                let fault = mode.read(&asked("/", &doubled), "").unwrap_err();
                assert_eq!(fault, Misconfigured::Doubled(mode, header.0).into());
                assert!(fault.to_string().contains(header.0), "{fault}");
            }
        }
    }
    let fault = Mode::Envoy.read(&asked("/x", &[("host", "a.example"); 2]), "").unwrap_err();
    assert_eq!(fault, Misconfigured::Doubled(Mode::Envoy, "host").into());
}

#[test]
fn trap_a_list_in_one_header_is_a_doubled_header() {
    for (name, list) in [
        ("x-forwarded-method", "GET,PUT"),
        ("x-forwarded-proto", "https, http"),
        ("x-forwarded-host", "api.acme.example, evil.example"),
    ] {
        let fault = Mode::Traefik.read(&asked("/", &with(&FORWARDED, name, list)), "").unwrap_err();
        assert_eq!(fault, Misconfigured::Doubled(Mode::Traefik, name).into());
    }
    // A comma is a character of paths.
    let parts = asked("/", &with(&FORWARDED, "x-forwarded-uri", "/a,b"));
    assert_eq!(Mode::Traefik.read(&parts, "").unwrap().target, "/a,b");
}

#[test]
fn trap_a_clients_forwarded_uri_chooses_no_rule_with_nginx_and_envoy() {
    let parts = asked("/authz", &[&FORGED[..], &NGINX].concat());
    assert_eq!(Mode::Nginx.read(&parts, "").unwrap(), put_orders(Some(Scheme::HTTPS)));
    let forged = [&FORGED[..], &NGINX, &[("host", "api.acme.example")]].concat();
    let mut parts = asked("/authz/orders/7?full=1", &forged);
    parts.method = Method::PUT;
    assert_eq!(Mode::Envoy.read(&parts, "/authz").unwrap(), put_orders(None));
    // And its original URL none with the others.
    let original = [("x-original-method", "GET"), ("x-original-url", "http://evil.example/public")];
    let parts = asked("/authz", &[&original[..], &FORWARDED].concat());
    assert_eq!(Mode::Caddy.read(&parts, "").unwrap(), put_orders(Some(Scheme::HTTPS)));
}

/// A server that must not be asked.
#[derive(Debug)]
struct Unasked(Issuer);

impl Upstream for Unasked {
    fn issuer(&self) -> &Issuer {
        &self.0
    }

    fn introspect<'a>(
        &'a self,
        _: &'a Token,
        _: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        panic!("the token of a request with two was sent to the server")
    }
}

/// HTTP passes two lines on, and the map of Envoy's gRPC joins them with a comma.
#[test_support::test]
async fn trap_two_authorization_headers_or_one_joined_by_comma_are_no_credentials() {
    let server = Unasked(Issuer::parse("https://acme.okta.com").unwrap());
    let gate = Gate::new(Checker::builder(server).build().unwrap());
    for lines in [
        &[("authorization", "Bearer good"), ("authorization", "Bearer forged")][..],
        &[("authorization", "Bearer good"), ("authorization", "Basic eDp5")],
        &[("authorization", "Bearer good,Bearer forged")],
        &[("authorization", "Bearer good, Bearer forged")],
        &[("authorization", "Bearer good,forged")],
        &[("authorization", "DPoP good"), ("dpop", "a.b.c"), ("dpop", "d.e.f")],
    ] {
        let parts = asked("/authz", &[lines, &FORWARDED].concat());
        let rejection = gate.check(&parts, &Requirement::new()).await.unwrap_err();
        assert_eq!(rejection.reason(), "malformed_header", "{lines:?}");
        assert_eq!(rejection.status(), StatusCode::BAD_REQUEST, "{lines:?}");
    }
}

#[test]
fn trap_a_forwarded_prefix_is_no_part_of_anything() {
    let headers = [&FORWARDED[..], &[("x-forwarded-prefix", "/public/..")]].concat();
    let parts = asked("/authz", &headers);
    assert_eq!(Mode::Traefik.read(&parts, "").unwrap(), put_orders(Some(Scheme::HTTPS)));
}

#[test]
fn trap_a_host_with_more_than_a_name_and_a_port_is_refused_before_anything_is_joined() {
    for host in [
        "resource.com/path?",
        "resource.com/path",
        "resource.com?",
        "resource.com#",
        "resource.com\\",
        "user@resource.com",
        "user:pw@resource.com",
        "resource.com:",
        "resource.com:x",
        "resource.com:80:80",
        ":80",
        "[::1]:80",
        "a b",
        "a_b",
        "a%2fb",
        "é.example",
        "",
    ] {
        assert_eq!(Original::new(b"GET", None, host, "/").unwrap_err(), Malformed::Host, "{host}");
        if host.is_ascii() && !host.is_empty() {
            let parts = asked("/", &with(&FORWARDED, "x-forwarded-host", host));
            assert_eq!(Mode::Caddy.read(&parts, ""), Err(Malformed::Host.into()), "{host}");
            let parts = asked("/x", &[("host", host)]);
            assert_eq!(Mode::Envoy.read(&parts, ""), Err(Malformed::Host.into()), "{host}");
        }
    }
    for host in ["a", "a.example", "A.example", "a-b.example:8443", "127.0.0.1:80"] {
        let original = Original::new(b"GET", None, host, "/").unwrap();
        assert_eq!(original.host, host.to_ascii_lowercase());
    }
}

#[test]
fn trap_the_host_of_an_original_url_ends_at_its_first_slash() {
    for url in [
        "https://api.acme.example?x/orders",
        "https://api.acme.example#/orders",
        "https://evil@api.acme.example/orders",
        "https://api.acme.example\\/orders",
        "https:///orders",
        "https://*",
    ] {
        let parts = asked("/", &with(&NGINX, "x-original-url", url));
        assert_eq!(Mode::Nginx.read(&parts, ""), Err(Malformed::Host.into()), "{url}");
    }
    for url in ["/orders", "api.acme.example/orders", "ftp://a.example/", "://a.example/", "HTTPS"]
    {
        let parts = asked("/", &with(&NGINX, "x-original-url", url));
        let expected = Misconfigured::Unusable(Mode::Nginx, "x-original-url");
        assert_eq!(Mode::Nginx.read(&parts, ""), Err(expected.into()), "{url}");
    }
}

#[test]
fn trap_a_target_without_a_leading_slash_is_refused() {
    for target in [
        "",
        "*",
        "orders",
        "http://evil.example/orders",
        "api.acme.example:443",
        "?x",
        ".",
        "\\orders",
        "/orders#x",
        "/or ders",
        "/orders\t",
        "/\u{7f}",
        "/é",
    ] {
        let read = Original::new(b"GET", None, "a.example", target);
        assert_eq!(read.unwrap_err(), Malformed::Target, "{target}");
    }
    for target in ["*", "orders", "http://evil.example/orders", "/é"] {
        let parts = asked("/", &with(&FORWARDED, "x-forwarded-uri", target));
        assert_eq!(Mode::Haproxy.read(&parts, ""), Err(Malformed::Target.into()), "{target}");
    }
    let bad_target = Err(Malformed::Target.into());
    let host = [("host", "a.example")];
    for uri in ["/authz", "/authz*", "/authzorders", "/authz?x"] {
        assert_eq!(Mode::Envoy.read(&asked(uri, &host), "/authz"), bad_target, "{uri}");
    }
}

#[test]
fn a_path_beside_the_prefix_is_the_proxys_mistake() {
    for uri in ["/orders", "/", "/auth/orders", "*"] {
        let fault = Mode::Envoy.read(&asked(uri, &[("host", "a.example")]), "/authz").unwrap_err();
        assert_eq!(fault, Misconfigured::OutsidePrefix.into(), "{uri}");
        assert!(fault.to_string().contains("path_prefix"));
    }
}

#[test]
fn trap_a_method_is_a_word_of_capital_letters_and_never_connect() {
    let longest = "M".repeat(MAX_METHOD);
    for method in ["GET", "QUERY", "PROPFIND", "BASELINE-CONTROL", "VERSION_2", &longest] {
        let parts = asked("/", &with(&FORWARDED, "x-forwarded-method", method));
        assert_eq!(Mode::Caddy.read(&parts, "").unwrap().method.as_str(), method);
    }
    let too_long = "M".repeat(MAX_METHOD + 1);
    for method in ["get", "Get", "CONNECT", "G T", "GET/", "GET:", &too_long] {
        let parts = asked("/", &with(&FORWARDED, "x-forwarded-method", method));
        assert_eq!(Mode::Caddy.read(&parts, ""), Err(Malformed::Method.into()), "{method}");
        let parts = asked("/", &with(&NGINX, "x-original-method", method));
        assert_eq!(Mode::Nginx.read(&parts, ""), Err(Malformed::Method.into()), "{method}");
    }
    let mut parts = asked("/", &[("host", "a.example")]);
    parts.method = Method::CONNECT;
    assert_eq!(Mode::Envoy.read(&parts, ""), Err(Malformed::Method.into()));
}

#[test]
fn an_unusable_scheme_is_the_proxys_mistake() {
    for proto in ["ftp", "HTTPS", "https ", "on"] {
        let parts = asked("/", &with(&FORWARDED, "x-forwarded-proto", proto));
        let expected = Misconfigured::Unusable(Mode::Caddy, "x-forwarded-proto");
        assert_eq!(Mode::Caddy.read(&parts, ""), Err(expected.into()), "{proto}");
    }
}

#[test]
fn each_reason_has_a_word_of_its_own_and_a_status() {
    let misconfigured = [
        Misconfigured::Missing(Mode::Nginx, "x"),
        Misconfigured::Doubled(Mode::Nginx, "x"),
        Misconfigured::Unusable(Mode::Nginx, "x"),
        Misconfigured::OutsidePrefix,
    ];
    assert_eq!(misconfigured.map(Misconfigured::as_str), Misconfigured::NAMES);
    let malformed = [Malformed::Host, Malformed::TwoHosts, Malformed::Method, Malformed::Target];
    assert_eq!(malformed.map(Malformed::as_str), Malformed::NAMES);
    assert_eq!(malformed.map(|fault| Unread::from(fault).status().as_u16()), [400; 4]);
    assert_eq!(misconfigured.map(|fault| Unread::from(fault).status().as_u16()), [500; 4]);
    let all = [&Misconfigured::NAMES[..], &Malformed::NAMES].concat();
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    for mode in Mode::ALL {
        assert_eq!(Mode::named(mode.as_str()), Some(mode));
    }
    for name in ["apache", "", "n", "Nginx", "nginx "] {
        assert_eq!(Mode::named(name), None, "{name}");
    }
}

#[test]
fn a_token_in_a_path_is_not_shown() {
    let long = "x".repeat(65);
    for (path, shown) in [
        ("/orders/7?token=eyJ.a.b", "/orders/7".to_owned()),
        ("/nope/eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "/nope/[masked]".to_owned()),
        (&*format!("/{long}/7"), "/[masked]/7".to_owned()),
        (&format!("/{}", &long[1..]), format!("/{}", &long[1..])),
    ] {
        let original = Original::new(b"GET", None, "api.acme.example", path).unwrap();
        assert_eq!(original.shown_path(), shown);
    }
}
