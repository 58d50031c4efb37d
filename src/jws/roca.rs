//! RSA keys of the ROCA kind, whose private half can be computed from the public one.

use openssl::bn::BigNumRef;
use openssl::error::ErrorStack;

/// Whether a modulus has the fingerprint of the keys that Infineon's library made until 2017
/// (CVE-2017-15361; Nemec et al., "The Return of Coppersmith's Attack", §3.1).
///
/// Their primes are powers of 65537 modulo the product of the first small primes, and so is the
/// modulus. Another modulus is so for each of these primes at once with a chance of about 2⁻²⁷.
pub(super) fn is_fingerprinted(modulus: &BigNumRef) -> Result<bool, ErrorStack> {
    for prime in PRIMES {
        // The remainder of a division by a number under 168 fits.
        let remainder = modulus.mod_word(prime)? as u32;
        if !is_power_of_65537(remainder, prime) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The odd primes under 168: those of the shortest such keys, and a part of all longer ones'.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

fn is_power_of_65537(number: u32, prime: u32) -> bool {
    let generator = 65537 % prime;
    let mut power = 1;
    loop {
        if power == number {
            return true;
        }
        power = power * generator % prime;
        if power == 1 {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::bn::{BigNum, BigNumContext};
    use openssl::rsa::Rsa;

    #[test]
    fn a_power_of_the_generator_is_found_out_and_an_ordinary_modulus_is_not() {
        let mut context = BigNumContext::new().unwrap();
        let mut product = BigNum::from_u32(1).unwrap();
        for prime in PRIMES {
            product.mul_word(prime).unwrap();
        }
        let mut modulus = BigNum::new().unwrap();
        let (generator, exponent) =
            (BigNum::from_u32(65537).unwrap(), BigNum::from_u32(1_234_567).unwrap());
        modulus.mod_exp(&generator, &exponent, &product, &mut context).unwrap();
        assert!(is_fingerprinted(&modulus).unwrap());
        assert!(!is_fingerprinted(Rsa::generate(2048).unwrap().n()).unwrap());
    }
}
