//! How values lie in the store: sealed, and bound to their names.
//!
//! A value is `version (1) ‖ key id (4) ‖ nonce (32) ‖ AEGIS-256 of the plain text ‖ tag (32)`; the
//! version, the key id and the whole name are authenticated with it. A nonce of 256 random bits
//! does not come twice, however many instances seal under one key.

use aegis::aegis256::Aegis256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use zeroize::Zeroizing;

use super::secret::SharedSecret;
use crate::error::Error;
use crate::support::random::Random;

/// What a value of this notation begins with.
const VERSION: u8 = 1;

const KID: usize = 4;
const NONCE: usize = 32;
const TAG: usize = 32;

/// Version and key id, which are authenticated as they are.
const HEAD: usize = 1 + KID;

/// How much longer a value is than what is in it.
pub(super) const OVERHEAD: usize = HEAD + NONCE + TAG;

/// The keys of one secret. Without `Debug`.
pub(super) struct Keys {
    names: PKey<Private>,
    seal: Zeroizing<[u8; 32]>,
    kid: [u8; KID],
}

impl Keys {
    pub(super) fn new(secret: &SharedSecret) -> Result<Self, Error> {
        let names = PKey::hmac(&*secret.derive("names")?)
            .map_err(|cause| Error::key("no key can be made of the secret").because(cause))?;
        let [a, b, c, d, ..] = *secret.derive("key id")?;
        Ok(Self { names, seal: secret.derive("seal")?, kid: [a, b, c, d] })
    }

    /// HMAC-SHA-256 of these parts, each with its length before it; `None` if OpenSSL fails.
    pub(super) fn mac(&self, parts: &[&str]) -> Option<[u8; 32]> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.names).ok()?;
        for part in parts {
            signer.update(&(part.len() as u64).to_be_bytes()).ok()?;
            signer.update(part.as_bytes()).ok()?;
        }
        let mut mac = [0; 32];
        (signer.sign(&mut mac).ok()? == mac.len()).then_some(mac)
    }

    /// The key id as text. It stands before each value, and tells nothing of the keys.
    pub(super) fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.kid)
    }

    pub(super) fn seal(&self, random: &dyn Random, name: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let mut value = Vec::with_capacity(OVERHEAD.saturating_add(plain.len()));
        value.push(VERSION);
        value.extend(self.kid);
        let about = about(&value, name);
        let (sealed, tag) = Aegis256::<TAG>::new(&self.seal, &nonce).encrypt(plain, &about);
        value.extend(nonce);
        value.extend(sealed);
        value.extend(tag);
        value
    }

    /// What is in a value; `None` if it was not sealed with these keys for this name.
    pub(super) fn open(&self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let (head, rest) = value.split_at_checked(HEAD)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
        let (sealed, tag) = rest.split_last_chunk::<TAG>()?;
        if head[0] != VERSION || head[1..] != self.kid {
            return None;
        }
        Aegis256::<TAG>::new(&self.seal, nonce).decrypt(sealed, tag, &about(head, name)).ok()
    }
}

/// What is authenticated with a value and is not in it.
fn about(head: &[u8], name: &str) -> Vec<u8> {
    [head, name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::random::SeededRandom;

    const NAME: &str = "oi1:{acme.okta.com}:e:name";

    fn keys(secret: &str) -> Keys {
        Keys::new(&SharedSecret::parse(secret.as_bytes()).unwrap()).unwrap()
    }

    fn own() -> Keys {
        keys("0123456789abcdefghijklmnopqrstuvwxyz")
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        own().seal(&SeededRandom::new(1), NAME, plain)
    }

    #[test]
    fn what_is_sealed_for_a_name_opens_under_that_name_alone() {
        for plain in [b"".as_slice(), b"x", &[7; 60_000]] {
            let value = sealed(plain);
            assert_eq!(value.len(), plain.len() + OVERHEAD);
            assert_eq!(own().open(NAME, &value).unwrap(), plain);
            for other in ["", "oi1:{acme.okta.com}:n:name", "oi1:{acme.okta.com}:e:nam"] {
                assert_eq!(own().open(other, &value), None, "{other}");
            }
        }
    }

    #[test]
    fn no_bit_can_be_changed_and_no_byte_be_left_out_or_added() {
        let value = sealed(b"active");
        for bit in 0..value.len() * 8 {
            let mut other = value.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(own().open(NAME, &other), None, "{bit}");
        }
        for len in 0..value.len() {
            assert_eq!(own().open(NAME, &value[..len]), None, "{len}");
            assert_eq!(own().open(NAME, &value[value.len() - len..]), None, "{len}");
        }
        assert_eq!(own().open(NAME, &[&value[..], &[0]].concat()), None);
    }

    #[test]
    fn a_bit_of_the_name_is_as_good_as_one_of_the_value() {
        // That the name is authenticated with the head must not make their border movable.
        let (keys, random) = (own(), SeededRandom::new(1));
        let value = keys.seal(&random, "ab", b"active");
        assert_eq!(keys.open("b", &value), None);
        assert_eq!(keys.open("aab", &value), None);
    }

    #[test]
    fn what_says_that_it_is_of_another_version_or_key_is_not_tried() {
        let (keys, nonce) = (own(), [7; NONCE]);
        let sealed_as = |head: &[u8]| {
            let cipher = Aegis256::<TAG>::new(&keys.seal, &nonce);
            let (sealed, tag) = cipher.encrypt(b"active", &about(head, NAME));
            [head, &nonce, &sealed, &tag].concat()
        };
        let mut head = vec![VERSION];
        head.extend(keys.kid);
        assert_eq!(keys.open(NAME, &sealed_as(&head)).unwrap(), b"active");
        for at in 0..HEAD {
            head[at] ^= 1;
            assert_eq!(keys.open(NAME, &sealed_as(&head)), None, "{at}");
            head[at] ^= 1;
        }
    }

    #[test]
    fn another_secret_has_another_id_other_names_and_opens_nothing() {
        let other = keys("0123456789abcdefghijklmnopqrstuvwxyZ");
        assert_ne!(other.kid, own().kid);
        assert_ne!(other.mac(&["a"]), own().mac(&["a"]));
        let mut value = sealed(b"active");
        assert_eq!(other.open(NAME, &value), None);
        // Nor if it is said to be this one's.
        value[1..HEAD].copy_from_slice(&other.kid);
        assert_eq!(other.open(NAME, &value), None);
    }

    #[test]
    fn the_same_is_never_sealed_to_the_same() {
        let (keys, random) = (own(), SeededRandom::new(1));
        let [one, other] = [(); 2].map(|()| keys.seal(&random, NAME, b"active"));
        assert_ne!(one[HEAD..], other[HEAD..]);
        assert!(!one.windows(6).any(|window| window == b"active"));
    }

    #[test]
    fn a_mac_tells_where_its_parts_end() {
        let keys = own();
        assert_ne!(keys.mac(&["ab", "c"]), keys.mac(&["a", "bc"]));
        assert_ne!(keys.mac(&["abc"]), keys.mac(&["abc", ""]));
        // HMAC-SHA-256 as others compute it.
        let mut text = 3_u64.to_be_bytes().to_vec();
        text.extend(b"abc");
        let mut signer = Signer::new(MessageDigest::sha256(), &keys.names).unwrap();
        let mac = signer.sign_oneshot_to_vec(&text).unwrap();
        assert_eq!(keys.mac(&["abc"]).unwrap()[..], mac);
    }
}
