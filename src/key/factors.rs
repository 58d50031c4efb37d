//! The prime factors of an RSA modulus, from the private exponent
//! ([NIST SP 800-56B, appendix C.1](https://doi.org/10.6028/NIST.SP.800-56Br2)).

use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::error::ErrorStack;

/// The factors of `n`, the greater one first; `None` if the three numbers are not those of a key.
pub(super) fn factors(
    n: &BigNumRef,
    e: &BigNumRef,
    d: &BigNumRef,
) -> Result<Option<(BigNum, BigNum)>, ErrorStack> {
    let mut context = BigNumContext::new_secure()?;
    let one = BigNum::from_u32(1)?;
    let mut k = BigNum::new_secure()?;
    k.checked_mul(e, d, &mut context)?;
    k.sub_word(1)?;
    let is_possible = n.is_odd() && k.num_bits() > 0 && !k.is_odd();
    if !is_possible || k.num_bits() > MAX_BITS || n.num_bits() > MAX_BITS {
        return Ok(None);
    }
    // k is a multiple of the order of every number modulo n, so that halving it often enough
    // leads to a root of one; for half of all bases it is neither 1 nor −1, and tells a factor.
    let mut odd = BigNum::new_secure()?;
    let halvings = (1..).find(|bit| k.is_bit_set(*bit)).unwrap_or(1);
    odd.rshift(&k, halvings)?;
    for base in BASES {
        let mut root = BigNum::new_secure()?;
        root.mod_exp(&*BigNum::from_u32(base)?, &odd, n, &mut context)?;
        for _ in 0..halvings {
            let mut square = BigNum::new_secure()?;
            square.mod_sqr(&root, n, &mut context)?;
            if square == one {
                break;
            }
            root = square;
        }
        if let Some(factors) = split(n, &root, &mut context)? {
            return Ok(Some(factors));
        }
    }
    Ok(None)
}

/// The factors that `root − 1` has in common with `n`, unless they are `n` and 1.
fn split(
    n: &BigNumRef,
    root: &BigNumRef,
    context: &mut BigNumContext,
) -> Result<Option<(BigNum, BigNum)>, ErrorStack> {
    let one = BigNum::from_u32(1)?;
    if root.num_bits() == 0 {
        return Ok(None);
    }
    let [mut less, mut p, mut q, mut rest] = [
        BigNum::new_secure()?,
        BigNum::new_secure()?,
        BigNum::new_secure()?,
        BigNum::new_secure()?,
    ];
    less.checked_sub(root, &one)?;
    p.gcd(&less, n, context)?;
    if p <= one || &*p == n {
        return Ok(None);
    }
    q.div_rem(&mut rest, n, &p, context)?;
    Ok(Some(if p > q { (p, q) } else { (q, p) }))
}

/// Twice the longest modulus that OpenSSL takes: beyond it these numbers are no key's, and cost.
const MAX_BITS: i32 = 2 * 16 * 1024;

/// Each fails for every second key, so that all of them fail for one in 2³².
const BASES: [u32; 32] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131,
];

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::rsa::Rsa;

    #[test]
    fn the_factors_of_a_key_are_found_again() {
        for bits in [512, 1024, 2048] {
            let key = Rsa::generate(bits).unwrap();
            let found = factors(key.n(), key.e(), key.d()).unwrap().unwrap();
            let (p, q) = (key.p().unwrap(), key.q().unwrap());
            let expected = if p > q { (p, q) } else { (q, p) };
            assert_eq!((&*found.0, &*found.1), expected);
        }
    }

    #[test]
    fn numbers_of_two_keys_have_none() {
        let (one, other) = (Rsa::generate(1024).unwrap(), Rsa::generate(1024).unwrap());
        assert!(factors(other.n(), one.e(), one.d()).unwrap().is_none());
        let zero = BigNum::new().unwrap();
        for (n, e, d) in
            [(&*zero, one.e(), one.d()), (one.n(), &*zero, one.d()), (one.n(), one.e(), &*zero)]
        {
            assert!(factors(n, e, d).unwrap().is_none());
        }
    }
}
