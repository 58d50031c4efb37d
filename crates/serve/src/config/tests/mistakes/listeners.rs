//! Mistakes in listeners, origins and callers.

use test_support::tls::{Identity, authority, issue};

use super::*;

#[test]
fn mistakes_in_origins_and_callers_are_told() {
    const HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    check(&[
        (
            "origins: [{url: a.example}]",
            &[
                "origins[0].url (line 2): the URL is not one of http or https; write scheme and host, such as https://api.acme.example",
            ],
        ),
        (
            "origins: [{url: 'https://a.example/path'}]",
            &[
                "origins[0].url (line 2): the URL has a path; what the proxy takes off is add_prefix",
            ],
        ),
        (
            "origins: [{url: 'https://ada:secret@a.example'}]",
            &[
                "origins[0].url (line 2): the URL has no host that is a name or an IPv4 address; write scheme and host, such as https://api.acme.example",
            ],
        ),
        (
            "origins: [{url: 'https://a.example'}, {url: 'https://A.example:443'}]",
            &["origins[1].url (line 2): another origin has the same host"],
        ),
        (
            "origins: [{url: 'https://a.example', strip_prefix: internal/}]",
            &[
                "origins[0].strip_prefix (line 2): this is not a path of plain segments; write it like /internal",
            ],
        ),
        (
            "origins: [{url: 'http://a.example'}]\nrules: [{path: /a, require: {}}]",
            &[
                "warning: origins[0].url (line 2): clients send their tokens in clear; write https, if that is what clients use",
            ],
        ),
        (
            "callers: [{name: a, secret_sha256: s3cret}]",
            &[
                "callers[0].secret_sha256 (line 2): this is not the SHA-256 of a secret in 64 hexadecimal digits; take the first word of what `printf %s \"$SECRET\" | sha256sum` prints",
            ],
        ),
        (
            "callers: [{name: a, secret_sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}]",
            &[
                "callers[0].secret_sha256 (line 2): this is the SHA-256 of an empty secret; take the first word of what `printf %s \"$SECRET\" | sha256sum` prints",
            ],
        ),
        ("callers: [{name: a}]", &["callers[0].secret_sha256 (line 2): missing"]),
        (
            "callers: [{name: a, secret_sha256: x, requests_per_second: 0}]",
            &["callers[0].requests_per_second (line 2): cannot be 0: 1 to 10000000"],
        ),
    ]);
    let place = Place::with_app();
    let twice = format!(
        "listeners: [{{mode: nginx}}]\ncallers:\n- {{name: a, secret_sha256: {HASH}}}\n- {{name: a, secret_sha256: {HASH}}}"
    );
    assert_eq!(
        place.lines(&twice),
        [
            "callers[1].name (line 4): another caller has the same name",
            "callers[1].secret_sha256 (line 4): another caller has the same secret",
        ]
    );
}

#[test]
fn trap_a_name_that_begins_as_loopback_does_is_not_on_this_computer() {
    const WARNING: &str = "warning: origins[0].url (line 2): clients send their tokens in clear; write https, if that is what clients use";
    check_whole(
        &Place::with_app(),
        &[
            ("listeners: [{mode: nginx}]\norigins: [{url: 'http://127.0.0.1:8080'}]", &[]),
            ("listeners: [{mode: nginx}]\norigins: [{url: 'http://127.1.2.3'}]", &[]),
            ("listeners: [{mode: nginx}]\norigins: [{url: 'http://127.acme.example'}]", &[WARNING]),
        ],
    );
}

#[test]
fn unsafe_listeners_are_refused() {
    let place = Place::with_app();
    check_whole(
        &place,
        &[
            ("{}", &["listeners: missing"]),
            ("", &["listeners: missing"]),
            ("listeners: []", &["listeners (line 1): empty"]),
            (
                "listeners: [{unix: a.sock}]",
                &[
                    "listeners[0].mode (line 1): missing; name the proxy: nginx, caddy, traefik, haproxy or envoy; or write `introspection: true`",
                ],
            ),
            (
                "listeners: [{mode: ngnix}]",
                &[
                    "listeners[0].mode (line 1): none of the words that can stand here; did you mean `nginx`?",
                ],
            ),
            (
                "listeners: [{unix: a.sock, tcp: '127.0.0.1:1', mode: nginx}]",
                &[
                    "listeners[0] (line 1): more than one of `unix`, `tcp` and `systemd`; write a listener for each",
                ],
            ),
            (
                "listeners: [{tcp: 'localhost:80', mode: nginx}]",
                &[
                    "listeners[0].tcp (line 1): no IP address with a port; write it as 127.0.0.1:9180 or [::1]:9180",
                ],
            ),
            (
                "listeners: [{tcp: '0.0.0.0:9180', mode: nginx}]",
                &[
                    "listeners[0].trusted (line 1): a listener beyond loopback has no trusted networks; list the proxy's addresses, such as 10.1.2.3/32",
                    "listeners[0].tcp (line 1): other computers reach 0.0.0.0:9180, and tokens would cross the network in clear; add `tls`, or listen at 127.0.0.1 or a unix socket",
                    "listeners[0].tcp (line 1): other computers reach 0.0.0.0:9180, and any of them could ask; add `tls.client_ca` and `tls.client_names`, or `callers`",
                ],
            ),
            (
                "callers: [{name: a, secret_sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b}]\nlisteners: [{tcp: '[::]:9180', introspection: true}]",
                &[
                    "listeners[0].tcp (line 2): other computers reach [::]:9180, and tokens would cross the network in clear; add `tls`, or listen at 127.0.0.1 or a unix socket",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: [0.0.0.0/0]}]",
                &[
                    "listeners[0].trusted (line 1): the trusted networks are all of IPv4; list the proxy's addresses, such as 10.1.2.3/32",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: ['10.0.0.0/8', '::/0']}]",
                &[
                    "listeners[0].trusted (line 1): the trusted networks are all of IPv6; list the proxy's addresses, such as 10.1.2.3/32",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: [gateway]}]",
                &[
                    "listeners[0].trusted[0] (line 1): no network; write it as 10.0.0.0/8, or an IP address alone",
                ],
            ),
            (
                "listeners: [{mode: nginx, trusted: [10.0.0.1]}]",
                &[
                    "listeners[0].trusted (line 1): everybody who can connect to a unix socket is trusted; remove it: `permissions` say who may connect",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: [0.0.0.0/1, 128.0.0.0/1]}]",
                &[
                    "listeners[0].trusted (line 1): the trusted networks are all of IPv4; list the proxy's addresses, such as 10.1.2.3/32",
                ],
            ),
            (
                "listeners: [{mode: nginx, permissions: '0666'}]",
                &[
                    "listeners[0].permissions (line 1): every user of this computer could ask; end it in 0, such as \"0660\"",
                ],
            ),
            (
                "listeners: [{mode: nginx, permissions: 0660}]",
                &[
                    "listeners[0].permissions (line 1): a number in place of a text; put it in quotation marks",
                ],
            ),
            (
                "listeners: [{mode: nginx, permissions: rw-rw----}]",
                &[
                    "listeners[0].permissions (line 1): no permissions in octal; write them as \"0660\"",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:1', mode: nginx, permissions: '0660'}]",
                &[
                    "listeners[0].permissions (line 1): only a unix socket has permissions; remove it; systemd has `SocketMode=`",
                ],
            ),
            (
                "listeners: [{mode: nginx, path_prefix: /a}]",
                &["listeners[0].path_prefix (line 1): only mode `envoy` has a prefix; remove it"],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: authz/}]",
                &[
                    "listeners[0].path_prefix (line 1): no path before another one; begin it with `/`, and end it without, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: /a/../b}]",
                &[
                    "listeners[0].path_prefix (line 1): no path before another one; begin it with `/`, and end it without, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: /a//b}]",
                &[
                    "listeners[0].path_prefix (line 1): no path before another one; begin it with `/`, and end it without, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: /authz/}]",
                &[
                    "listeners[0].path_prefix (line 1): no path before another one; begin it with `/`, and end it without, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: ''}]",
                &[
                    "listeners[0].path_prefix (line 1): no path before another one; begin it with `/`, and end it without, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: /envoy.service.auth.v3.Authorization}]",
                &[
                    "listeners[0].path_prefix (line 1): that of the listener's gRPC services; take another one, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: /grpc.health.v1.Health/Check}]",
                &[
                    "listeners[0].path_prefix (line 1): that of the listener's gRPC services; take another one, such as /authz",
                ],
            ),
            ("listeners: [{mode: envoy, path_prefix: /envoy.service.auth.v3}]", &[]),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: [10.0.0.5/8, 10.0.0.0/8]}]",
                &[
                    "listeners[0].trusted[0] (line 1): an address and a network in one; write 10.0.0.0/8 for the network, or 10.0.0.5 for the address",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: ['2001:db8::5/32']}]",
                &[
                    "listeners[0].trusted[0] (line 1): an address and a network in one; write 2001:db8::/32 for the network, or 2001:db8::5 for the address",
                ],
            ),
            (
                "listeners:\n- {mode: nginx}\n- {unix: /run/okta-introspect/authz.sock, mode: caddy}",
                &["listeners[1] (line 3): listeners[0] listens at the same address"],
            ),
            (
                "listeners:\n- {tcp: '127.0.0.1:9464', mode: nginx}",
                &["management: listeners[0] listens at the same address"],
            ),
            (
                "listeners: [{mode: nginx}]\nmanagement: {}",
                &["management (line 2): neither or both of `tcp` and `unix`; write one of them"],
            ),
            (
                "listeners: [{mode: nginx}]\nmanagement: {tcp: '0.0.0.0:9464'}",
                &["warning: management.tcp (line 2): other computers can read the metrics"],
            ),
            (
                "listeners: [{mode: envoy}]\nchecker: {timeout: 200ms}",
                &[
                    "warning: checker.timeout (line 2): Envoy itself gives up after 200 ms unless it is told otherwise; write less, or set the timeout of ext_authz as well",
                ],
            ),
            ("listeners: [{mode: envoy}]\nchecker: {timeout: 199ms}", &[]),
            ("listeners: [{mode: nginx}]\nchecker: {timeout: 200ms}", &[]),
        ],
    );
}

#[test]
fn tls_of_listeners_is_checked() {
    let place = Place::with_app();
    let authority = authority();
    let pem = |name: &str, identity: &Identity| {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        place.write(&format!("{name}.pem"), &text(identity.certificate.to_pem().unwrap()));
        place
            .write(&format!("{name}.key"), &text(identity.key.private_key_to_pem_pkcs8().unwrap()));
    };
    pem("ca", &authority);
    pem("one", &issue(&authority, "one.example", 3600));
    pem("two", &issue(&authority, "two.example", 3600));
    check_whole(
        &place,
        &[
            (
                "listeners: [{tcp: '0.0.0.0:9180', mode: envoy, trusted: [10.0.0.1], tls: {certificate: file:one.pem, key: file:one.key, client_ca: file:ca.pem, client_names: [gateway.acme.example]}}]",
                &[],
            ),
            (
                "callers: [{name: a, secret_sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b}]\nlisteners: [{tcp: '0.0.0.0:9180', introspection: true, tls: {certificate: file:one.pem, key: file:one.key}}]",
                &[],
            ),
            (
                "listeners: [{tcp: '0.0.0.0:9180', mode: envoy, trusted: [], tls: {certificate: file:one.pem, key: file:one.key, client_ca: file:ca.pem}}]",
                &[
                    "listeners[0].trusted (line 1): a listener beyond loopback has no trusted networks; list the proxy's addresses, such as 10.1.2.3/32",
                    "listeners[0].tcp (line 1): other computers reach 0.0.0.0:9180, and any of them could ask; add `tls.client_ca` and `tls.client_names`, or `callers`",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: envoy, tls: {certificate: file:one.pem, key: file:two.key}}]",
                &["listeners[0].tls.key (line 1): not the key of the certificate"],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: envoy, tls: {certificate: one.pem, key: one.key}}]",
                &[
                    "listeners[0].tls.certificate (line 1): no certificate in PEM; write `file:PATH` for its file",
                    "listeners[0].tls.key (line 1): no private key in PEM; write `file:PATH` for its file; one under a passphrase cannot be read",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: envoy, tls: {certificate: file:one.pem}}]",
                &["listeners[0].tls.key (line 1): missing"],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: envoy, tls: {certificate: file:one.pem, key: file:one.key, client_names: ['*.acme.example']}}]",
                &[
                    "listeners[0].tls.client_ca (line 1): missing: without it nobody shows a certificate",
                    "listeners[0].tls.client_names[0] (line 1): no name of a client; write the whole DNS name or URI",
                ],
            ),
            (
                "listeners: [{mode: envoy, tls: {certificate: file:one.pem, key: file:one.key}}]",
                &[
                    "listeners[0].tls (line 1): a unix socket has no TLS; remove it: `permissions` say who may connect",
                ],
            ),
        ],
    );
}
