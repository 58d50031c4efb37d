//! RSA keys with which anybody can sign.

use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::error::ErrorStack;

/// Whether a modulus and an exponent make no secret: an even number, an exponent that is 1 or wider
/// than any that is used, or a modulus that Infineon's library made until 2017 (CVE-2017-15361).
pub(super) fn is_weak(modulus: &BigNumRef, exponent: &BigNumRef) -> bool {
    const MAX_EXPONENT_BITS: i32 = 64;
    let exponent_is_used =
        exponent.is_odd() && (2..=MAX_EXPONENT_BITS).contains(&exponent.num_bits());
    !modulus.is_odd() || !exponent_is_used || is_infineons(modulus).unwrap_or(true)
}

/// The primes of that library are powers of 65537 for each of these moduli (Nemec et al., "The
/// Return of Coppersmith's Attack", 2017), and so is their product. For another key that comes
/// about once in a hundred million times.
fn is_infineons(modulus: &BigNumRef) -> Result<bool, ErrorStack> {
    // The remainders of a prime form a cyclic group, so the powers of 65537 are just those whose
    // power by the order of 65537 is 1.
    let mut context = BigNumContext::new()?;
    for prime in 3..=167 {
        let divides = |divisor: u32| prime % divisor == 0;
        if (2..prime).any(divides) {
            continue;
        }
        let base = BigNum::from_u32(modulus.mod_word(prime)? as u32)?;
        let order = BigNum::from_u32(order_of_65537(prime))?;
        let mut power = BigNum::new()?;
        power.mod_exp(&base, &order, &*BigNum::from_u32(prime)?, &mut context)?;
        if power != BigNum::from_u32(1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The least power of 65537 that leaves the remainder 1.
fn order_of_65537(prime: u32) -> u32 {
    let mut power = 65537 % prime;
    let mut order = 1;
    while power != 1 {
        power = power * 65537 % prime;
        order += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> BigNum {
        BigNum::from_dec_str(text).unwrap()
    }

    /// A number that is a power of 65537 for each of the primes, as such a modulus is.
    fn infineons() -> BigNum {
        let mut context = BigNumContext::new().unwrap();
        let mut product = BigNum::from_u32(1).unwrap();
        for prime in (3..=167).filter(|prime| (2..*prime).all(|divisor| prime % divisor != 0)) {
            let mut next = BigNum::new().unwrap();
            next.checked_mul(&product, &BigNum::from_u32(prime).unwrap(), &mut context).unwrap();
            product = next;
        }
        // An even multiple of the product beside the odd power.
        let mut power = BigNum::new().unwrap();
        power.exp(&number("65537"), &number("3"), &mut context).unwrap();
        let mut multiple = BigNum::new().unwrap();
        multiple.lshift(&product, 100).unwrap();
        let mut modulus = BigNum::new().unwrap();
        modulus.checked_add(&multiple, &power).unwrap();
        modulus
    }

    #[test]
    fn what_makes_no_secret_is_weak() {
        let (good, usual) = (number("1000000016000000063"), number("65537"));
        assert!(!is_weak(&good, &usual));
        assert!(!is_weak(&good, &number("3")));
        for exponent in ["1", "2", "65538", "18446744073709551617"] {
            assert!(is_weak(&good, &number(exponent)), "{exponent}");
        }
        assert!(is_weak(&number("1000000016000000064"), &usual));
        assert!(is_weak(&infineons(), &usual));
    }
}
