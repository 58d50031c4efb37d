use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};

use super::*;
use crate::error::Fault;

const SECRET: &str = "orders-secret-5b1f";

fn hash_of(secret: &str) -> SecretHash {
    SecretHash::of(secret.as_bytes())
}

fn caller(name: &str) -> Arc<Caller> {
    Arc::new(Caller::new(name, Limits::default()).unwrap())
}

fn beyond_loopback() -> Option<IpAddr> {
    Some("0.0.0.0".parse().unwrap())
}

fn tcp(address: &str) -> Peer {
    Peer::Tcp(format!("{address}:4711").parse().unwrap())
}

fn tls(names: &[&str]) -> Peer {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Peer::Tls { addr: "192.0.2.1:4711".parse().unwrap(), names }
}

const UNIX: Peer = Peer::Unix { uid: 33, gid: 33, pid: None };

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn with_secrets() -> CallersBuilder {
    Callers::builder()
        .secret(hash_of(SECRET), caller("orders"))
        .secret(hash_of("a:b c%+é"), caller("odd"))
        .secret(hash_of("billing-secret"), caller("billing"))
}

fn name(found: Result<&Arc<Caller>, Refused>) -> Result<&str, Refused> {
    found.map(|caller| caller.name())
}

/// A moment; how far it is from others is all that matters.
#[allow(clippy::disallowed_methods)]
fn some_moment() -> Instant {
    Instant::now()
}

fn limited(requests: u32) -> Caller {
    let limits = Limits { requests_per_second: Some(requests), ..Limits::default() };
    Caller::new("limited", limits).unwrap()
}

#[test]
fn a_secret_in_its_own_header_names_the_proxy() {
    let callers = with_secrets().build(beyond_loopback()).unwrap();
    let identify = |lines: &[(&'static str, &str)]| {
        name(callers.identify(&tcp("192.0.2.1"), &headers(lines))).map(str::to_owned)
    };
    assert_eq!(identify(&[("x-okta-introspect-key", SECRET)]).unwrap(), "orders");
    assert_eq!(identify(&[("x-okta-introspect-key", "billing-secret")]).unwrap(), "billing");
    let longest = "x".repeat(MAX_SECRET);
    let too_long = "x".repeat(MAX_SECRET + 1);
    let list = format!("{SECRET},{SECRET}");
    for (value, refused) in [
        ("wrong", Refused::WrongSecret),
        ("orders-secret-5b1F", Refused::WrongSecret),
        (&longest, Refused::WrongSecret),
        (&too_long, Refused::Malformed),
        (&list, Refused::Malformed),
        ("two words", Refused::Malformed),
        ("", Refused::Malformed),
    ] {
        assert_eq!(identify(&[("x-okta-introspect-key", value)]), Err(refused), "{value}");
    }
    assert_eq!(identify(&[]), Err(Refused::NoCredentials));
}

#[test]
fn nothing_is_copied_to_identify_a_proxy() {
    let callers = with_secrets().local(caller("local")).build(None).unwrap();
    for lines in [&[][..], &[("x-okta-introspect-key", SECRET)]] {
        let headers = headers(lines);
        let identify =
            || assert!(callers.identify(&UNIX, &headers).unwrap().admit(some_moment()).is_ok());
        // The first use of OpenSSL sets it up.
        identify();
        assert_eq!(allocation_counter::measure(identify).count_total, 0, "{lines:?}");
    }
}

#[test]
fn trap_the_authorization_of_a_proxys_client_is_no_secret_of_the_proxy() {
    let callers = with_secrets().build(beyond_loopback()).unwrap();
    let lines = headers(&[("authorization", &format!("Bearer {SECRET}"))]);
    assert_eq!(name(callers.identify(&tcp("192.0.2.1"), &lines)), Err(Refused::NoCredentials));
    let lines = headers(&[("x-okta-introspect-key", SECRET)]);
    assert_eq!(
        name(callers.identify_client(&tcp("192.0.2.1"), &lines)),
        Err(Refused::NoCredentials)
    );
}

#[test]
fn clients_of_rfc_7662_show_their_secret_in_authorization() {
    let callers = with_secrets().build(beyond_loopback()).unwrap();
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    for (value, expected) in [
        (format!("Bearer {SECRET}"), Ok("orders")),
        (format!("bEARER   {SECRET} "), Ok("orders")),
        (basic(&format!("orders:{SECRET}")), Ok("orders")),
        (basic(&format!("%6Frders:{SECRET}")), Ok("orders")),
        (basic("odd:a%3Ab+c%25%2B%C3%A9"), Ok("odd")),
        (basic("odd:a:b c%25%2B%C3%A9"), Ok("odd")),
        // As clients send it that do not form-encode.
        (basic("odd:a:b c%+é"), Ok("odd")),
        (basic("odd:a:b c%25+é"), Err(Refused::WrongSecret)),
        // The secret of another caller is a wrong one.
        (basic(&format!("billing:{SECRET}")), Err(Refused::WrongSecret)),
        (basic(&format!(":{SECRET}")), Err(Refused::WrongSecret)),
        (basic("orders:wrong"), Err(Refused::WrongSecret)),
        (basic("orders:"), Err(Refused::Malformed)),
        (basic("orders"), Err(Refused::Malformed)),
        (basic(&format!("orders:{}", "x".repeat(MAX_SECRET + 1))), Err(Refused::Malformed)),
        (format!("Basic {}", "A".repeat(100_000)), Err(Refused::Malformed)),
        ("Basic !".to_owned(), Err(Refused::Malformed)),
        ("Basic".to_owned(), Err(Refused::Malformed)),
        (format!("Digest {SECRET}"), Err(Refused::Malformed)),
        ("Bearer wrong".to_owned(), Err(Refused::WrongSecret)),
        ("Bearer ".to_owned(), Err(Refused::Malformed)),
    ] {
        let lines = headers(&[("authorization", &value)]);
        let found = callers.identify_client(&tcp("192.0.2.1"), &lines);
        assert_eq!(name(found), expected, "{value}");
    }
}

#[test]
fn trap_two_authorization_headers_or_a_list_are_no_credentials() {
    let callers = with_secrets().local(caller("local")).build(None).unwrap();
    let bearer = format!("Bearer {SECRET}");
    let list = format!("{bearer}, {bearer}");
    for lines in [
        &[("authorization", &*bearer), ("authorization", &*bearer)][..],
        &[("authorization", &*bearer), ("authorization", "Bearer wrong")],
        &[("authorization", &*list)],
    ] {
        let found = callers.identify_client(&UNIX, &headers(lines));
        assert_eq!(name(found), Err(Refused::Malformed), "{lines:?}");
    }
    let twice = headers(&[("x-okta-introspect-key", SECRET); 2]);
    assert_eq!(name(callers.identify(&UNIX, &twice)), Err(Refused::Malformed));
}

#[test]
fn everybody_on_this_machine_may_be_one_caller() {
    for listener in [None, Some("127.0.0.1".parse().unwrap()), Some("::1".parse().unwrap())] {
        let callers = Callers::builder().local(caller("local")).build(listener).unwrap();
        // Without secrets no header is looked at.
        let none = headers(&[("authorization", "whatever"), ("x-okta-introspect-key", "")]);
        for peer in [UNIX, tcp("127.0.0.1"), tcp("[::1]"), tcp("[::ffff:127.0.0.1]")] {
            assert_eq!(name(callers.identify(&peer, &none)), Ok("local"), "{peer:?}");
            assert_eq!(name(callers.identify_client(&peer, &none)), Ok("local"), "{peer:?}");
        }
        for peer in [tcp("192.0.2.1"), tcp("[::ffff:192.0.2.1]"), tls(&["local"])] {
            let found = callers.identify(&peer, &none);
            assert_eq!(name(found), Err(Refused::NoCredentials), "{peer:?}");
        }
    }
}

#[test]
fn a_wrong_secret_is_refused_even_where_everybody_may_call() {
    let callers = with_secrets().local(caller("local")).build(None).unwrap();
    for (value, expected) in [("wrong", Err(Refused::WrongSecret)), (SECRET, Ok("orders"))] {
        let lines = headers(&[("x-okta-introspect-key", value)]);
        assert_eq!(name(callers.identify(&UNIX, &lines)), expected);
    }
    assert_eq!(name(callers.identify(&UNIX, &HeaderMap::new())), Ok("local"));
}

#[test]
fn a_certificate_names_its_caller_and_nothing_else_does() {
    let callers = with_secrets()
        .certificate("gateway.acme.example", caller("gateway"))
        .certificate("spiffe://acme/Edge", caller("edge"))
        .build(beyond_loopback())
        .unwrap();
    let lines = headers(&[("x-okta-introspect-key", SECRET)]);
    for (peer, expected) in [
        (tls(&["other.example", "GATEWAY.acme.example"]), Ok("gateway")),
        (tls(&["spiffe://acme/Edge"]), Ok("edge")),
        (tls(&["spiffe://acme/edge"]), Err(Refused::UnknownCertificate)),
        (tls(&["xgateway.acme.example"]), Err(Refused::UnknownCertificate)),
        (tls(&["*.acme.example"]), Err(Refused::UnknownCertificate)),
        (tls(&[]), Err(Refused::UnknownCertificate)),
        (tcp("127.0.0.1"), Err(Refused::UnknownCertificate)),
    ] {
        assert_eq!(name(callers.identify(&peer, &lines)), expected, "{peer:?}");
        assert_eq!(name(callers.identify_client(&peer, &lines)), expected, "{peer:?}");
    }
}

#[test]
fn trap_a_listener_beyond_loopback_never_lets_everybody_call() {
    for address in ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1"] {
        let address: IpAddr = address.parse().unwrap();
        for builder in [
            Callers::builder(),
            Callers::builder().local(caller("local")),
            with_secrets().local(caller("local")),
            Callers::builder().certificate("a.example", caller("a")).local(caller("local")),
        ] {
            let fault = builder.build(Some(address)).unwrap_err();
            assert!(fault.to_string().contains("beyond loopback"), "{fault}");
        }
        assert!(with_secrets().build(Some(address)).is_ok());
    }
    assert!(Callers::builder().build(None).unwrap_err().to_string().contains("nobody"));
}

#[test]
fn what_is_there_twice_is_a_fault() {
    let orders = caller("orders");
    let again =
        Callers::builder().secret(hash_of("a"), caller("a")).secret(hash_of("a"), caller("b"));
    assert_eq!(again.build(None).unwrap_err().place(), Some("b"));
    let names = Callers::builder().certificate("a.example", caller("a"));
    let names = names.certificate("A.example", caller("b"));
    assert_eq!(names.build(None).unwrap_err().place(), Some("A.example"));
    let namesakes = Callers::builder().secret(hash_of("a"), orders.clone()).local(caller("orders"));
    assert_eq!(namesakes.build(None).unwrap_err().place(), Some("orders"));
    // One caller may have two secrets, while one is exchanged for the other.
    let two = Callers::builder().secret(hash_of("a"), orders.clone()).secret(hash_of("b"), orders);
    assert!(two.build(None).is_ok());
}

#[test]
fn a_hash_is_sixty_four_digits_and_not_that_of_nothing() {
    let digits = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    for digits in [digits.to_owned(), digits.to_uppercase()] {
        let hash = SecretHash::parse(&digits).unwrap();
        assert!(hash.is_of("secret") && !hash.is_of("secret\n"));
    }
    let short = &digits[1..];
    for wrong in [
        "",
        SECRET,
        short,
        &format!("{digits}0"),
        &format!("g{short}"),
        &format!(" {short}"),
        &format!("+{short}"),
        // `printf '' | sha256sum` and `echo | sha256sum`
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b",
    ] {
        let fault = SecretHash::parse(wrong).unwrap_err();
        assert!(fault.advice().is_some(), "{wrong}");
        assert!(wrong.is_empty() || !fault.to_string().contains(wrong), "{fault}");
    }
}

#[test]
fn no_secret_and_no_hash_is_shown() {
    let builder = with_secrets();
    let mut shown = format!("{builder:?}");
    let callers = builder.build(None).unwrap();
    let lines = headers(&[("x-okta-introspect-key", "guess-7731")]);
    let refused = callers.identify(&UNIX, &lines).unwrap_err();
    shown += &format!("{callers:?} {refused:?} {refused} {:?}", hash_of(SECRET));
    let hash = openssl::sha::sha256(SECRET.as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    for secret in [SECRET, "guess-7731", &hex[..8], &format!("{}, {}", hash[0], hash[1])] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("orders"));
}

#[test]
fn a_guesser_has_a_budget_of_its_own() {
    let now = some_moment();
    let callers = with_secrets().attempts_per_second(3).build(beyond_loopback()).unwrap();
    let guess = headers(&[("x-okta-introspect-key", "guess")]);
    let answers: Vec<_> =
        (0..5).map(|_| callers.refuse(callers.identify(&UNIX, &guess).unwrap_err(), now)).collect();
    assert_eq!(answers[..3], [Refused::WrongSecret; 3]);
    assert!(answers[3..].iter().all(|answer| matches!(answer, Refused::TooMany(_))), "{answers:?}");
    assert_eq!(answers[4].status(), StatusCode::TOO_MANY_REQUESTS);
    // Nobody else pays for it.
    let good = headers(&[("x-okta-introspect-key", SECRET)]);
    let found = callers.identify(&UNIX, &good).unwrap();
    assert_eq!((found.name(), found.admit(now)), ("orders", Ok(())));
    let later = now + Duration::from_secs(1);
    assert_eq!(callers.refuse(Refused::NoCredentials, later), Refused::NoCredentials);
    let fault = with_secrets().attempts_per_second(0).build(None).unwrap_err();
    assert_eq!(fault.place(), Some("attempts_per_second"));
}

#[test]
fn a_refusal_challenges_and_has_a_word_of_its_own() {
    let all = [
        Refused::NoCredentials,
        Refused::Malformed,
        Refused::WrongSecret,
        Refused::UnknownCertificate,
        Refused::TooMany(Duration::ZERO),
    ];
    assert_eq!(all.map(Refused::as_str), Refused::NAMES);
    assert_eq!(all.map(|refused| refused.status().as_u16()), [401, 401, 401, 401, 429]);
    let challenge = Refused::NoCredentials.challenge();
    assert!(challenge.to_str().unwrap().starts_with("Bearer realm="));
    assert!(challenge.to_str().unwrap().contains(", Basic realm="));
}

#[test]
fn a_budget_is_a_seconds_worth_at_once_and_then_the_rate() {
    let (start, caller) = (some_moment(), limited(4));
    for taken in 0..4 {
        assert_eq!(caller.admit(start), Ok(()), "{taken}");
    }
    assert_eq!(caller.admit(start), Err(Duration::from_millis(250)));
    let just_before = start + Duration::from_millis(250) - Duration::from_nanos(1);
    assert_eq!(caller.admit(just_before), Err(Duration::from_nanos(1)));
    assert_eq!(caller.admit(start + Duration::from_millis(250)), Ok(()));
    assert_eq!(caller.admit(start + Duration::from_millis(251)), Err(Duration::from_millis(249)));
    // A long pause fills it with a second's worth and no more.
    let later = start + Duration::from_secs(3600);
    let taken = (0..100).filter(|_| caller.admit(later).is_ok()).count();
    assert_eq!(taken, 4);
}

#[test]
fn a_budget_does_not_drift() {
    // A third of a second is no whole number of nanoseconds.
    let (start, caller) = (some_moment(), limited(3));
    let asked = (0..100_000_u32).map(|tenth| start + Duration::from_millis(100) * tenth);
    let taken = asked.filter(|now| caller.admit(*now).is_ok()).count();
    // 10,000 seconds at 3 a second, and the first second's worth; never more.
    assert!((29_990..=30_002).contains(&taken), "{taken}");
}

#[test]
fn a_clock_that_is_read_late_takes_nothing_back() {
    let (start, caller) = (some_moment(), limited(2));
    let now = start + Duration::from_secs(1);
    assert_eq!((caller.admit(now), caller.admit(now)), (Ok(()), Ok(())));
    // Another thread read the clock a second ago.
    assert_eq!(caller.admit(start), Err(Duration::from_millis(500)));
    assert_eq!(caller.admit(now), Err(Duration::from_millis(500)));
}

#[test]
fn a_callers_flood_harms_that_caller_only() {
    let now = some_moment();
    let limits = Limits { requests_per_second: Some(5), misses_per_second: Some(1) };
    let (loud, quiet) =
        (Caller::new("loud", limits).unwrap(), Caller::new("quiet", limits).unwrap());
    assert_eq!((0..1000).filter(|_| loud.admit(now).is_ok()).count(), 5);
    assert_eq!((0..1000).filter(|_| loud.admit_miss(now).is_ok()).count(), 1);
    assert_eq!((quiet.admit(now), quiet.admit_miss(now)), (Ok(()), Ok(())));
}

#[test]
fn a_reload_gives_nobody_a_full_budget() {
    let now = some_moment();
    let before = [caller("local"), Arc::new(limited(1))];
    assert_eq!(before[1].admit(now), Ok(()));
    let kept = limited(1).kept(&before);
    assert_eq!(kept.admit(now), Err(Duration::from_secs(1)));
    // Another limit is another budget, and another name another caller.
    assert_eq!(limited(2).kept(&before).admit(now), Ok(()));
    let other =
        Caller::new("other", Limits { requests_per_second: Some(1), misses_per_second: None });
    assert_eq!(other.unwrap().kept(&before).admit(now), Ok(()));
}

#[test]
fn requests_and_misses_are_counted_apart_and_no_limit_is_none() {
    let now = some_moment();
    let limits = Limits { requests_per_second: None, misses_per_second: Some(1) };
    let caller = Caller::new("orders", limits).unwrap();
    assert!((0..1000).all(|_| caller.admit(now).is_ok()));
    assert_eq!(caller.admit_miss(now), Ok(()));
    assert_eq!(caller.admit_miss(now), Err(Duration::from_secs(1)));
}

#[test]
fn threads_together_get_a_seconds_worth_and_no_more() {
    let (now, caller) = (some_moment(), limited(5_000));
    let taken: usize = thread::scope(|scope| {
        let count = || (0..2_000).filter(|_| caller.admit(now).is_ok()).count();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(count)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 5_000);
}

#[test]
fn limits_and_names_have_bounds() {
    let with = |requests, misses| {
        let limits = Limits { requests_per_second: requests, misses_per_second: misses };
        Caller::new("orders", limits)
    };
    assert!(with(Some(1), Some(MAX_PER_SECOND)).is_ok());
    for (requests, misses, place) in [
        (Some(0), None, "requests_per_second"),
        (None, Some(0), "misses_per_second"),
        (Some(MAX_PER_SECOND + 1), None, "requests_per_second"),
        (None, Some(u32::MAX), "misses_per_second"),
    ] {
        let fault: Fault = with(requests, misses).unwrap_err();
        assert_eq!(fault.place(), Some(place));
    }
    let longest = "x".repeat(253);
    assert!(Caller::new(&longest, Limits::default()).is_ok());
    for name in ["", "two words", "a:b", "a\"b", "a\\b", "é", "a\n", &format!("{longest}x")] {
        let fault = Caller::new(name, Limits::default()).unwrap_err();
        assert_eq!(fault.place(), Some("name"), "{name}");
        let certified = Caller::certified(name, Limits::default());
        assert_eq!(certified.is_ok(), name == "a:b", "{name}");
    }
}
