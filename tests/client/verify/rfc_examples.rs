//! The examples that the RFCs print.

use okta_introspect::verify::signature_only;
use okta_introspect::{Algorithm, InvalidToken, JwkSet};

/// RFC 7515, appendix A.2.
const A2_KEY: &str = concat!(
    r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw"#,
    "-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_",
    "7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZl",
    "xvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb",
    r#"54h4FRWyuXpoQ","e":"AQAB"}"#,
);
const A2_JWS: &str = concat!(
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGx",
    "lLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5R",
    "Zmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrn",
    "byTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHW",
    "EsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig",
    "cN_IoypGlUPQGe77Rw",
);

/// RFC 7515, appendix A.3.
const A3_KEY: &str = concat!(
    r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#,
    r#""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
);
const A3_JWS: &str = concat!(
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGx",
    "lLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8I",
    "SlSApmWQxfKTUJqPP3-Kg6NU1Q",
);

/// RFC 7515, appendix A.4.
const A4_KEY: &str = concat!(
    r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_"#,
    r#"NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S"#,
    r#"1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#,
);
const A4_JWS: &str = concat!(
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWR",
    "Oc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8",
    "vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
);

/// RFC 7515, appendix A.5: not signed at all.
const A5_JWS: &str = concat!(
    "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl",
    "LmNvbS9pc19yb290Ijp0cnVlfQ.",
);

/// RFC 7638 §3.1.
const THUMBPRINT_KEY: &str = concat!(
    r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK"#,
    "7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf",
    "0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD",
    "08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awap",
    r#"JzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
);

/// The key of the proofs in RFC 9449; its thumbprint is in §6.1.
const DPOP_KEY: &str = concat!(
    r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","#,
    r#""y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#,
);

/// The proofs of RFC 9449 §4.1 and §7.1 have the same header.
const DPOP_HEADER: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0",
    "VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10",
    "NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19",
);
const TOKEN_PROOF: &str = concat!(
    ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1",
    "wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQ",
    "g4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
);
const RESOURCE_PROOF: &str = concat!(
    ".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGF",
    "tcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTN",
    "Fc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR",
    "6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
);

fn set(jwk: &str) -> JwkSet {
    JwkSet::parse(jwk.as_bytes()).unwrap()
}

#[test]
fn the_signatures_of_rfc_7515_verify() {
    for (name, key, jws, algorithm) in [
        ("A.2", A2_KEY, A2_JWS, Algorithm::Rs256),
        ("A.3", A3_KEY, A3_JWS, Algorithm::Es256),
        ("A.4", A4_KEY, A4_JWS, Algorithm::Es512),
    ] {
        let verified = signature_only(jws, &set(key)).into_result().expect(name);
        assert_eq!(verified.algorithm(), algorithm, "{name}");
        assert_eq!(verified.key_id(), None, "{name}");
    }
    let payload = signature_only(A2_JWS, &set(A2_KEY)).into_result().unwrap().into_claims();
    assert!(payload.bytes().starts_with(b"{\"iss\":\"joe\",\r\n"));
    let payload = signature_only(A4_JWS, &set(A4_KEY)).into_result().unwrap().into_claims();
    assert_eq!(payload.bytes(), b"Payload");
}

#[test]
fn the_unsigned_one_of_rfc_7515_does_not() {
    let verified = signature_only(A5_JWS, &set(A2_KEY));
    assert_eq!(verified.reason(), Some(&InvalidToken::Unsigned));
}

#[test]
fn the_thumbprints_of_rfc_7638_and_rfc_9449_come_out() {
    for (key, key_id, thumbprint) in [
        (THUMBPRINT_KEY, Some("2011-04-29"), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (DPOP_KEY, None, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
    ] {
        let set = set(key);
        assert_eq!(set.thumbprints().collect::<Vec<_>>(), [(key_id, thumbprint.to_owned())]);
    }
}

/// A proof carries its key with it, and so must never pass for a token.
#[test]
fn the_proofs_of_rfc_9449_are_no_tokens() {
    for proof in [TOKEN_PROOF, RESOURCE_PROOF] {
        let verified = signature_only(&format!("{DPOP_HEADER}{proof}"), &set(DPOP_KEY));
        assert_eq!(verified.reason(), Some(&InvalidToken::KeyFromSender { name: "jwk" }));
    }
}
