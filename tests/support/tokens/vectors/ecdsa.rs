//! ECDSA signatures at the edges of their numbers, and in other notations.

use okta_introspect::Algorithm;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::EcGroup;
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;

use super::Case;
use crate::tokens::minter::{Minter, decode, encode, split};

pub fn cases() -> Vec<Case> {
    let curves = [
        (Minter::p256(), Nid::X9_62_PRIME256V1, 32),
        (Minter::generate(Algorithm::Es384, "k1"), Nid::SECP384R1, 48),
        (Minter::generate(Algorithm::Es512, "k1"), Nid::SECP521R1, 66),
    ];
    curves.into_iter().flat_map(|(minter, curve, half)| of_curve(&minter, curve, half)).collect()
}

fn of_curve(minter: &Minter, curve: Nid, half: i32) -> Vec<Case> {
    let good = minter.sign(&minter.header().to_string(), "{}");
    let (header, payload, signature) = split(&good);
    let bytes = decode(signature);
    let order = order(curve);
    let mut signatures = edges(&order, half);
    signatures.extend(notations(&bytes, &order, half));
    let alg = minter.algorithm();
    let keys = minter.document();
    let mut cases: Vec<Case> = signatures
        .into_iter()
        .map(|(name, signature)| {
            let jws = format!("{header}.{payload}.{}", encode(signature));
            Case::refused(format!("{alg} numbers: {name}"), jws, &keys, "bad_signature")
        })
        .collect();
    // Whoever knows (r, s) knows (r, n − s), and RFC 7518 has no rule that excludes it.
    let (r, s) = bytes.split_at(half as usize);
    let mut mirrored = BigNum::new().unwrap();
    mirrored.checked_sub(&order, &BigNum::from_slice(s).unwrap()).unwrap();
    let mirrored = [r, &mirrored.to_vec_padded(half).unwrap()].concat();
    let jws = format!("{header}.{payload}.{}", encode(mirrored));
    cases.push(Case::valid(format!("{alg} numbers: s mirrored"), jws, &keys));
    cases
}

fn order(curve: Nid) -> BigNum {
    let (mut order, mut context) = (BigNum::new().unwrap(), BigNumContext::new().unwrap());
    EcGroup::from_curve_name(curve).unwrap().order(&mut order, &mut context).unwrap();
    order
}

/// Every pair of 0, 1, n − 1 and n.
fn edges(order: &BigNum, half: i32) -> Vec<(String, Vec<u8>)> {
    let order = || BigNum::from_slice(&order.to_vec()).unwrap();
    let mut before = order();
    before.sub_word(1).unwrap();
    let numbers = [
        ("0", BigNum::from_u32(0).unwrap()),
        ("1", BigNum::from_u32(1).unwrap()),
        ("n − 1", before),
        ("n", order()),
    ];
    let mut edges = Vec::new();
    for (r_name, r) in &numbers {
        for (s_name, s) in &numbers {
            let bytes = [r, s].map(|number| number.to_vec_padded(half).unwrap()).concat();
            edges.push((format!("r = {r_name}, s = {s_name}"), bytes));
        }
    }
    edges
}

fn notations(good: &[u8], order: &BigNum, half: i32) -> Vec<(String, Vec<u8>)> {
    let (r, s) = good.split_at(half as usize);
    let number = |bytes: &[u8]| BigNum::from_slice(bytes).unwrap();
    let der = EcdsaSig::from_private_components(number(r), number(s)).unwrap().to_der().unwrap();
    let largest = vec![0xff; half as usize];
    let mut named = vec![
        ("in DER", der),
        ("r alone", r.to_vec()),
        ("s before r", [s, r].concat()),
        ("r too large", [&largest, s].concat()),
        ("s too large", [r, &largest].concat()),
        ("zeros before both halves", [&[0], r, &[0], s].concat()),
        ("zeros behind", [good, &[0, 0]].concat()),
        ("a third half", [r, s, r].concat()),
        ("very long", vec![0x5a; 4096]),
    ];
    // r + n is the same modulo n, and may or may not fit.
    let mut sum = BigNum::new().unwrap();
    sum.checked_add(&number(r), order).unwrap();
    if let Ok(sum) = sum.to_vec_padded(half) {
        named.push(("r not reduced", [&sum, s].concat()));
    } else {
        named.push(("r not reduced", [&sum.to_vec(), s].concat()));
    }
    named.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}
