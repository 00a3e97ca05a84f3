//! HS256 (RFC 7518 §3.2) for jsonwebtoken, and nothing else.
//!
//! The backends that jsonwebtoken can bring bring every algorithm there is, RSA and elliptic curves among them. It
//! takes a backend of ours as well: two traits over HMAC and SHA-256. A token that names another algorithm finds none.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};
use sha2::Sha256;

static BACKEND: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // These take RSA and other keys apart, which nobody here has.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes this the process's backend; a second time changes nothing.
pub fn install() {
    let _ = BACKEND.install_default();
}

/// The keyed state, before any message.
struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(algorithm: Algorithm, family: AlgorithmFamily, secret: &[u8]) -> Result<Hs256> {
        if algorithm != Algorithm::HS256 {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        if family != AlgorithmFamily::Hmac {
            return Err(ErrorKind::InvalidKeyFormat.into());
        }
        let keyed = Hmac::new_from_slice(secret).map_err(|_| ErrorKind::InvalidKeyFormat)?;
        Ok(Hs256(keyed))
    }
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    let keyed = Hs256::new(*algorithm, key.family(), key.as_bytes())?;
    Ok(Box::new(keyed))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let keyed = Hs256::new(*algorithm, key.family(), key.try_get_as_bytes()?)?;
    Ok(Box::new(keyed))
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        let signed = self.0.clone().chain_update(message).finalize();
        Ok(signed.into_bytes().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    /// Compares in constant time.
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        let signed = self.0.clone().chain_update(message);
        signed
            .verify_slice(signature)
            .map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7515 §A.1: the key, what is signed, and the signature.
    const KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    const MESSAGE: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const SIGNATURE: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    #[test]
    fn the_example_of_the_rfc_is_signed_and_verified() {
        install();
        let sign = EncodingKey::from_urlsafe_base64_secret(&format!("{KEY}==")).unwrap();
        let verify = DecodingKey::from_secret(sign.as_bytes());
        let signed =
            jsonwebtoken::crypto::sign(MESSAGE.as_bytes(), &sign, Algorithm::HS256).unwrap();
        assert_eq!(signed, SIGNATURE);
        let is_good = |message: &str, algorithm| {
            jsonwebtoken::crypto::verify(SIGNATURE, message.as_bytes(), &verify, algorithm)
        };
        assert_eq!(is_good(MESSAGE, Algorithm::HS256), Ok(true));
        assert_eq!(is_good("another", Algorithm::HS256), Ok(false));
        assert!(is_good(MESSAGE, Algorithm::HS512).is_err());
        assert!(is_good(MESSAGE, Algorithm::RS256).is_err());
    }
}
