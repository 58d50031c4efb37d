//! Makes throw-away certificates with OpenSSL.

use std::net::IpAddr;

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};

use crate::clock::{Clock, SystemClock};

/// When a certificate is good.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Validity {
    /// From yesterday for a month.
    Month,
    /// For the two days before yesterday.
    UntilYesterday,
}

/// A certificate, its key, and the authority that signed it.
pub(crate) struct Made {
    pub(crate) ca_pem: String,
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: Vec<u8>,
}

/// Makes an authority, and a certificate of it for `hosts`. The authority's key is forgotten.
pub(crate) fn make(hosts: &[&str], validity: Validity) -> Result<Made, ErrorStack> {
    let (ca_key, key) = (new_key()?, new_key()?);
    let ca_name = name("okta-sandbox CA")?;
    let ca = authority(&ca_name, &ca_key)?;
    let mut builder = begin(&name("okta-sandbox")?, &ca_name, &key, validity)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
    let context = builder.x509v3_context(Some(&ca), None);
    let identifier = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
    let mut names = SubjectAlternativeName::new();
    for host in hosts {
        match host.parse::<IpAddr>() {
            Ok(_) => names.ip(host),
            Err(_) => names.dns(host),
        };
    }
    let names = names.build(&context)?;
    builder.append_extension(identifier)?;
    builder.append_extension(names)?;
    builder.sign(&ca_key, MessageDigest::sha256())?;
    Ok(Made {
        ca_pem: text(ca.to_pem()?),
        certificate_pem: text(builder.build().to_pem()?),
        key_pem: key.private_key_to_pem_pkcs8()?,
    })
}

fn authority(ca_name: &X509Name, key: &PKey<Private>) -> Result<X509, ErrorStack> {
    let mut builder = begin(ca_name, ca_name, key, Validity::Month)?;
    builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
    let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(identifier)?;
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build())
}

/// What every certificate has.
fn begin(
    subject: &X509Name,
    issuer: &X509Name,
    key: &PKey<Private>,
    validity: Validity,
) -> Result<X509Builder, ErrorStack> {
    const DAY: i64 = 86_400;
    // Clients check certificates by the computer's clock, whatever clock the sandbox was given.
    let now = SystemClock.now().timestamp();
    let (from, until) = match validity {
        Validity::Month => (now - DAY, now + 30 * DAY),
        Validity::UntilYesterday => (now - 3 * DAY, now - DAY),
    };
    let mut serial = BigNum::new()?;
    serial.rand(128, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?; // counted from zero: version 3
    builder.set_serial_number(Asn1Integer::from_bn(&serial)?.as_ref())?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(issuer)?;
    builder.set_not_before(Asn1Time::from_unix(from)?.as_ref())?;
    builder.set_not_after(Asn1Time::from_unix(until)?.as_ref())?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn name(common_name: &str) -> Result<X509Name, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    Ok(name.build())
}

fn text(pem: Vec<u8>) -> String {
    // PEM is ASCII.
    String::from_utf8(pem).unwrap_or_default()
}
