//! What binds a password to the connection that it goes through (SCRAM-SHA-256-PLUS): a hash of the server's certificate, by
//! which it finds out whether somebody else is in between. <https://www.rfc-editor.org/rfc/rfc5929#section-4.1>

use sha2::{Digest, Sha256, Sha384, Sha512};

/// RSA with a hash, but for the last byte, which says with which one.
const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// ECDSA with SHA-1.
const ECDSA_SHA1: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
/// ECDSA with a newer hash, but for the last byte.
const ECDSA: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];

/// The hash of a certificate by the algorithm that it was signed with, but for the broken ones; `None`: that has none.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (whole, _) = element(certificate)?;
    let (_content, signed) = element(whole)?;
    let (algorithm, _) = element(signed)?;
    let (name, _) = element(algorithm)?;
    let hash = if name == ECDSA_SHA1 {
        1
    } else {
        let (last, family) = name.split_last()?;
        match (family, *last) {
            (family, 4 | 5 | 11) if family == RSA => 1,
            (family, 2) if family == ECDSA => 1,
            (family, 12) if family == RSA => 2,
            (family, 3) if family == ECDSA => 2,
            (family, 13) if family == RSA => 3,
            (family, 4) if family == ECDSA => 3,
            _ => return None,
        }
    };
    Some(match hash {
        1 => Sha256::digest(certificate).to_vec(),
        2 => Sha384::digest(certificate).to_vec(),
        _ => Sha512::digest(certificate).to_vec(),
    })
}

/// The content of the first element in DER, and what follows it.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.get(1..)?.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ ..0x80 => (short, rest),
        long => {
            let (digits, rest) = rest.split_at_checked(long - 0x80)?;
            let digits = digits.iter().filter(|_| digits.len() <= 4);
            (digits.fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};

    use super::*;

    #[test]
    fn a_certificate_is_hashed_as_it_was_signed() {
        let signed = |by: &'static SignatureAlgorithm| {
            let key = KeyPair::generate_for(by).expect("a key");
            let made = CertificateParams::new(vec!["localhost".into()]).expect("a name").self_signed(&key);
            made.expect("a certificate").der().to_vec()
        };
        let one = signed(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(end_point(&one), Some(Sha256::digest(&one).to_vec()));
        let two = signed(&rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(end_point(&two), Some(Sha384::digest(&two).to_vec()));
        let three = signed(&rcgen::PKCS_ECDSA_P521_SHA512);
        assert_eq!(end_point(&three), Some(Sha512::digest(&three).to_vec()));
        assert_eq!(end_point(&signed(&rcgen::PKCS_ED25519)), None);
        for length in 0..one.len() {
            assert_eq!(end_point(&one[..length]), None, "of {length} bytes");
        }
    }
}
