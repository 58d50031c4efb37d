//! What is canonical, what is refused, and which fault is named.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Decoding, PathFault, PathPolicy};

const ALL: [Decoding; 3] = [Decoding::Raw, Decoding::Once, Decoding::Twice];

/// One policy for each set of decodings, none of them left out.
fn policies() -> Vec<PathPolicy> {
    let sets =
        (0..8).map(|set| ALL.into_iter().enumerate().filter(move |(at, _)| set >> at & 1 == 1));
    let sets = sets.map(|set| set.map(|(_, decoding)| decoding).collect::<Vec<_>>());
    sets.map(|set| PathPolicy::new(&set).knowing("")).collect()
}

fn once() -> PathPolicy {
    PathPolicy::new(&[Decoding::Once])
}

/// Every policy refuses the path, with this fault.
#[track_caller]
fn refused_by_all(path: &str, fault: PathFault) {
    for policy in policies() {
        assert_eq!(policy.canonical(path), Err(fault), "{path} by {policy:?}");
    }
}

#[test]
fn plain_paths_are_borrowed() {
    for policy in policies() {
        for path in ["/", "/orders/7", "/orders/", "/a.b/..c/.well-known/~x", "/@a:b/(c),d=e'!*+&$"]
        {
            let canonical = policy.canonical(path);
            assert!(matches!(canonical, Ok(Cow::Borrowed(same)) if same == path), "{path}");
        }
    }
}

#[test]
fn escapes_are_decoded_once() {
    let canonical = |path| once().canonical(path).unwrap().into_owned();
    assert_eq!(canonical("/%61d%6Din/%7e%2E%2d"), "/admin/~.-");
    assert_eq!(canonical("/caf%c3%A9/%F0%9F%98%80"), "/café/😀");
    assert_eq!(canonical("/100%25/%2541"), "/100%/%41");
}

#[test]
fn trap_the_query_is_no_part_of_the_path() {
    // heimdall, GHSA-r8x2-fhmf-6mxp: the query was parsed as part of the path.
    for path in
        ["/admin?x=/public/", "/public/?/../admin", "/admin#/public", "/admin%3fx", "/admin%23x"]
    {
        refused_by_all(path, PathFault::Query);
    }
    assert_eq!(PathPolicy::split("/admin?x=/public/?y"), ("/admin", Some("x=/public/?y")));
    assert_eq!(PathPolicy::split("/admin"), ("/admin", None));
    assert_eq!(PathPolicy::split("/admin?"), ("/admin", Some("")));
}

#[test]
fn trap_dot_segments_are_refused_raw_and_encoded() {
    // heimdall, GHSA-3q34-rx83-r6mq, as all of the next three.
    for path in ["/user/../admin", "/user/..", "/./admin", "/.", "/user/.", "/..", "/user/./.."] {
        refused_by_all(path, PathFault::DotSegment);
    }
    for path in ["/user/%2e%2e/admin", "/user/.%2E", "/%2e/admin", "/user/%2E.", "/%2e"] {
        assert_eq!(once().canonical(path), Err(PathFault::DotSegment), "{path}");
        assert!(policies().iter().all(|policy| policy.canonical(path).is_err()), "{path}");
    }
}

#[test]
fn trap_encoded_separators_are_refused() {
    for path in ["/user%2fadmin", "/user/..%2Fadmin", "/%2F", "/%2f%2e%2e"] {
        refused_by_all(path, PathFault::EncodedSlash);
    }
    for path in ["/user%5cadmin", "/user/%5C", "/user\\admin", "/user/..\\..\\admin"] {
        refused_by_all(path, PathFault::Backslash);
    }
}

#[test]
fn trap_path_parameters_are_refused() {
    for path in ["/admin;x", "/user;x=1/7", "/user/..;/admin", "/;", "/admin%3bx", "/user/%3B/"] {
        refused_by_all(path, PathFault::Parameter);
    }
}

#[test]
fn trap_repeated_slashes_are_refused() {
    for path in ["//", "//admin", "/user//admin", "/admin//", "///"] {
        refused_by_all(path, PathFault::EmptySegment);
    }
}

#[test]
fn trap_a_path_without_its_slash_is_refused() {
    // grpc-go, CVE-2026-33186: `:path` without a slash at its beginning.
    for path in [
        "",
        "admin",
        "orders.Orders/Delete",
        "*",
        "https://api.acme.example/admin",
        "%2fadmin",
        "?/admin",
        "\\admin",
    ] {
        refused_by_all(path, PathFault::NotAbsolute);
    }
}

#[test]
fn control_characters_are_refused() {
    for path in ["/admin%00", "/admin%00.css", "/%0d%0a", "/%7F", "/a\tb", "/a\0", "/a\x7f"] {
        refused_by_all(path, PathFault::Control);
    }
    // Those of Latin-1.
    refused_by_all("/%C2%85", PathFault::Control);
    refused_by_all("/%c2%9f", PathFault::Control);
}

#[test]
fn what_a_path_may_only_have_encoded_is_refused_unencoded() {
    for path in
        ["/a b", "/caf\u{e9}", "/\u{ff0e}\u{ff0e}/", "/a|b", "/\"", "/<", "/{id}", "/[", "/^", "/`"]
    {
        refused_by_all(path, PathFault::Unencoded);
    }
}

#[test]
fn bad_escapes_are_refused() {
    for path in ["/%", "/%2", "/%zz", "/%4", "/a%g0", "/%u002f", "/%+1", "/%%30"] {
        refused_by_all(path, PathFault::BadEscape);
    }
}

#[test]
fn what_is_no_utf8_is_refused() {
    // Overlong slash, dot and NUL, a surrogate, a byte that begins nothing, a character cut off.
    for path in [
        "/%c0%af",
        "/%c0%ae%c0%ae",
        "/%e0%80%af",
        "/%C0%80",
        "/%ED%A0%80",
        "/%ff",
        "/%c3",
        "/%f0%80%80%af",
    ] {
        refused_by_all(path, PathFault::NotUtf8);
    }
}

#[test]
fn an_encoded_percent_is_refused_where_something_decodes_twice() {
    for twice in [PathPolicy::new(&[Decoding::Twice]), PathPolicy::new(&ALL).knowing("")] {
        for path in ["/%25", "/%252e%252e/admin", "/%2561dmin", "/100%25"] {
            assert_eq!(twice.canonical(path), Err(PathFault::EncodedPercent), "{path}");
        }
    }
}

#[test]
fn unreserved_characters_are_refused_encoded_where_something_decodes_nothing() {
    for policy in [PathPolicy::default().knowing(""), PathPolicy::new(&[Decoding::Raw]).knowing("")]
    {
        for path in ["/%61dmin", "/a%2Db", "/%5F", "/%7e", "/a%2eb", "/%39", "/%5A"] {
            assert_eq!(policy.canonical(path), Err(PathFault::Encoded), "{path}");
        }
        assert_eq!(policy.canonical("/ada%40acme.example/%20").unwrap(), "/ada@acme.example/ ");
        assert_eq!(policy.canonical("/caf%C3%A9").unwrap(), "/café");
    }
}

#[test]
fn characters_of_patterns_are_refused_encoded_where_something_decodes_nothing() {
    let policy = PathPolicy::default().knowing("things:batch");
    assert_eq!(policy.canonical("/things%3Abatch"), Err(PathFault::Encoded));
    assert_eq!(policy.canonical("/things:batch").unwrap(), "/things:batch");
    assert_eq!(policy.canonical("/%40").unwrap(), "/@");
    assert_eq!(once().knowing("things:batch").canonical("/%3A").unwrap(), "/:");
}

#[test]
fn a_policy_that_knows_no_rules_refuses_every_escape_beside_raw() {
    for path in ["/%61", "/%40", "/%20", "/%C3%A9", "/%25"] {
        assert_eq!(PathPolicy::default().canonical(path), Err(PathFault::Encoded), "{path}");
    }
}

#[test]
fn no_declared_decoding_stands_for_all() {
    let policy = PathPolicy::new(&[]).knowing("");
    assert_eq!(policy.canonical("/%61"), Err(PathFault::Encoded));
    assert_eq!(policy.canonical("/%25"), Err(PathFault::EncodedPercent));
}

#[test]
fn without_case_the_canonical_path_is_in_lower_case() {
    let policy = once().case_insensitive();
    assert_eq!(policy.canonical("/Admin/%41B").unwrap(), "/admin/ab");
    assert!(matches!(policy.canonical("/admin"), Ok(Cow::Borrowed("/admin"))));
    // The sign of Kelvin is a k in lower case, and the long s an S in upper case.
    for path in ["/%E2%84%AA", "/%C5%BF", "/caf%C3%A9"] {
        assert_eq!(policy.canonical(path), Err(PathFault::NonAscii), "{path}");
    }
    for path in ["/admin.", "/admin%20", "/admin./x", "/.../x", "/..%20/x"] {
        assert_eq!(policy.canonical(path), Err(PathFault::TrailingDot), "{path}");
    }
    assert_eq!(once().canonical("/Admin.").unwrap(), "/Admin.");
}

#[test]
fn long_paths_are_refused() {
    let path = |length| "/".to_owned() + &"a".repeat(length - 1);
    assert!(once().canonical(&path(PathPolicy::MAX_LENGTH)).is_ok());
    for length in [PathPolicy::MAX_LENGTH + 1, PathPolicy::MAX_LENGTH * 100] {
        assert_eq!(once().canonical(&path(length)), Err(PathFault::TooLong));
    }
}

#[test]
fn each_fault_has_a_name_and_a_text_of_its_own() {
    let names: BTreeSet<_> = PathFault::NAMES.into_iter().collect();
    assert_eq!(names.len(), PathFault::NAMES.len());
    assert!(PathFault::NAMES.contains(&PathFault::TrailingDot.as_str()));
    assert_eq!(
        PathFault::Query.to_string(),
        "there is a ? or # within the path, at which some servers cut it off"
    );
}
