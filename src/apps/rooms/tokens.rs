//! Room tokens: JWTs (RFC 7519) signed with HS256, each good for one player of one room until it expires.
//!
//! jsonwebtoken reads and writes them. It would compare `exp` with the system's clock; here the time is an argument, so
//! that check is ours. A back-end with the secret may sign tokens too, with claims of its own beside ours: hence the
//! fractions that RFC 7519 allows, and a little leeway, for its clock is not ours.

mod hs256;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::time::Unix;

/// How long a token is good for, in seconds: a day.
pub const LIFETIME_SECONDS: u64 = 24 * 60 * 60;

/// The longest token that is looked at, in bytes: a back-end's own has room for twenty claims more.
pub const TOKEN_BYTES_MAX: usize = 2048;

/// What the clocks of two machines may differ by, in milliseconds: more than any that is set by the network.
const LEEWAY: f64 = 30_000.0;

/// What a token says. Others are ignored, so that a back-end with the secret may add its own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Claims {
    /// The room it opens.
    pub room_id: String,
    /// The player it stands for.
    pub player_id: String,
    /// When it ends, in seconds since 1970; from then on it is no good (RFC 7519 §4.1.4).
    pub exp: f64,
    /// When it begins; before that it is no good (RFC 7519 §4.1.5).
    #[serde(default)]
    pub nbf: f64,
}

impl Claims {
    /// The end, with the leeway.
    pub fn ends(&self) -> Unix {
        // Beyond what fits, the conversion stays at the end of all time.
        Unix((self.exp * 1000.0 + LEEWAY) as u64)
    }
}

/// Makes tokens and checks them.
pub struct Tokens {
    sign: EncodingKey,
    verify: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// Tokens signed with this secret.
    pub fn new(secret: &[u8]) -> Tokens {
        hs256::install();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Tokens {
            sign: EncodingKey::from_secret(secret),
            verify: DecodingKey::from_secret(secret),
            validation,
        }
    }

    /// A token for a player of a room, good from now on for [`LIFETIME_SECONDS`]. It does not end with the one that is
    /// renewed.
    pub fn issue(
        &self,
        room_id: &str,
        player_id: &str,
        now: Unix,
        renewed: Option<&Claims>,
    ) -> String {
        let exp = now.0 / 1000 + LIFETIME_SECONDS;
        let is_same = renewed.is_some_and(|claims| claims.exp == exp as f64);
        let exp = exp + u64::from(is_same);
        self.sign(&json!({"room_id": room_id, "player_id": player_id, "exp": exp}))
    }

    /// A token that says this.
    ///
    /// # Panics
    /// Never: the claims are JSON, and the backend signs HS256 with a secret of any length.
    pub fn sign(&self, claims: &Value) -> String {
        encode(&Header::new(Algorithm::HS256), claims, &self.sign)
            .expect("claims are JSON, and a secret of any length signs HS256")
    }

    /// What a token says, if it is one of ours and has not expired.
    pub fn check(&self, token: &str, now: Unix) -> Result<Claims, Refusal> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::BadToken);
        }
        let token = decode::<Claims>(token, &self.verify, &self.validation)
            .map_err(|_| Refusal::BadToken)?;
        // Nothing that a header may call critical is understood here (RFC 7515 §4.1.11).
        if token.header.crit.is_some() {
            return Err(Refusal::BadToken);
        }
        let claims = token.claims;
        if now >= claims.ends() {
            return Err(Refusal::Expired);
        }
        if now.0 as f64 + LEEWAY < claims.nbf * 1000.0 {
            return Err(Refusal::TooEarly);
        }
        Ok(claims)
    }
}
