//! Mistakes in what is said of signals.

use super::*;

#[test]
fn modes_of_signals_that_cannot_do_what_they_are_for_are_told() {
    check(&[
        (
            "signals: {mode: extend}",
            &[
                "signals.mode (line 2): answers are extended only where the System Log is followed, the one source that is complete; add `poll: {}`, or write `mode: purge`",
            ],
        ),
        (
            "signals: {mode: shadow}",
            &[
                "signals.mode (line 2): what ends without a signal is counted only where the System Log is followed, the one source that is complete; add `poll: {}`, or write `mode: purge`",
            ],
        ),
        (
            "okta: {issuer: https://acme.okta.com/oauth2/default, client_id: 0oa1, private_key: file:private-key, further_issuers: [https://acme.okta.com, https://other.okta.com]}\nsignals: {mode: extend, poll: {}}",
            &[
                "okta.further_issuers[1] (line 2): at another address than https://acme.okta.com, whose System Log is followed: what is revoked here may not be in it; write `signals: {mode: purge}`, or have a sidecar for each",
            ],
        ),
        (
            "signals: {mode: 'off', poll: {}}",
            &[
                "warning: rules: none, so every request of a proxy is denied",
                "warning: signals.mode (line 2): without effect is what the System Log tells, which is followed all the same; leave `poll` out, or write `mode: purge`",
            ],
        ),
        (
            "signals: {poll: {interval: 999ms}}",
            &["signals.poll.interval (line 2): cannot be 999ms: 1s to 1m"],
        ),
        (
            "signals: {poll: {interval: 61s}}",
            &["signals.poll.interval (line 2): cannot be 61s: 1s to 1m"],
        ),
        (
            "signals: {mode: extend, poll: {}, extension_limit: 601s}",
            &["signals.extension_limit (line 2): cannot be 601s: 0s to 10m"],
        ),
        (
            "checker: {max_age_limit: 1m}\nsignals: {poll: {}, extension_limit: 61s}",
            &["signals.extension_limit (line 3): cannot be 61s: 0s to 1m"],
        ),
        (
            "signals: {mode: shadow, poll: {}}\nrules: [{path: /, require: {signals: extend}}]",
            &[
                "warning: rules[0].require.signals (line 3): without effect unless `signals.mode` is `extend`",
            ],
        ),
        (
            "signals: {mode: extend, poll: {}}\nrules: [{path: /, require: {signals: shadow}}]",
            &[
                "rules[0].require.signals (line 3): none of the words that can stand here; write one of purge, extend",
            ],
        ),
    ]);
}

#[test]
fn where_signals_of_a_socket_of_systemds_are_received_is_judged_once_it_is_known() {
    let place = Place::with_app();
    let text = "listeners: [{mode: nginx}]\n\
                signals: {receive: {listen: {systemd: signals}, event_hook: {secret: 0123456789abcdef}}}";
    let (config, _) = place.load(text).unwrap();
    let receive = config.signals.receive.unwrap();
    for (address, is_safe) in [
        ("127.0.0.1:1", true),
        ("[::ffff:127.0.0.1]:1", true),
        ("192.0.2.7:1", false),
        ("0.0.0.0:1", false),
    ] {
        assert_eq!(receive.unsafe_at(&address.parse().unwrap()).is_none(), is_safe, "{address}");
    }
}

#[test]
fn what_cannot_be_received_is_told() {
    check(&[
        (
            "signals: {receive: {listen: {tcp: '127.0.0.1:9443'}}}",
            &[
                "signals.receive (line 2): nothing is received; write universal_logout, event_hook, event_bridge or security_events",
            ],
        ),
        (
            "signals: {receive: {event_hook: {secret: 0123456789abcdef}}}",
            &["signals.receive.listen (line 2): missing"],
        ),
        (
            "signals: {receive: {listen: {}, event_hook: {secret: 0123456789abcdef}}}",
            &[
                "signals.receive.listen (line 2): none or several of `tcp`, `unix` and `systemd`; write one of them",
            ],
        ),
        (
            "signals: {receive: {listen: {tcp: '0.0.0.0:9443'}, event_hook: {secret: 0123456789abcdef}}}",
            &[
                "signals.receive.listen.tcp (line 2): secrets would cross the network in clear; add `tls`, or listen at 127.0.0.1 or a unix socket behind a proxy that has it",
            ],
        ),
        (
            "signals: {receive: {listen: {tcp: '127.0.0.1:9443', permissions: '0600'}, event_hook: {secret: 0123456789abcdef}}}",
            &[
                "signals.receive.listen.permissions (line 2): only a unix socket has permissions; remove it",
            ],
        ),
        (
            "management: {tcp: '127.0.0.1:9443'}\nsignals: {receive: {listen: {tcp: '127.0.0.1:9443'}, event_hook: {secret: 0123456789abcdef}}}",
            &["signals.receive.listen (line 3): management listens at the same address"],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, path: signals, event_hook: {secret: 0123456789abcdef}}}",
            &[
                "signals.receive.path (line 2): no path; begin it with `/`, and write no query, such as /signals",
            ],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, universal_logout: {client_id: 0oa1}}}",
            &[
                "signals.receive.public_url (line 2): missing; Universal Logout names it: write the URL as Okta has it",
            ],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, public_url: /signals, universal_logout: {client_id: 0oa1}}}",
            &[
                "signals.receive.public_url (line 2): no URL of an endpoint; write the URL that Okta calls, such as https://api.acme.example/signals",
            ],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, event_hook: {secret: tooshort}}}",
            &[
                "signals.receive.event_hook (line 2): the secret of event hooks is too short, too long, or no header's value; take what `openssl rand -hex 32` prints; 16 to 4096 visible characters",
            ],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, event_bridge: {header: 'X Key', secret: 0123456789abcdef}}}",
            &[
                "signals.receive.event_bridge (line 2): the header of EventBridge has no possible name; write a name such as X-Signals-Key",
            ],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, security_events: {audience: ''}}}",
            &[
                "signals.receive.security_events.audience (line 2): empty; write the audience of the stream",
            ],
        ),
        (
            "signals: {recieve: {}}",
            &["signals.recieve (line 2): no such member; did you mean `receive`?"],
        ),
    ]);
}
