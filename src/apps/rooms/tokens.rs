//! Room tokens: JWTs (RFC 7519) signed with HS256, each good for one player of one room until it expires.
//!
//! jsonwebtoken reads and writes them. It would compare `exp` with the system's clock; here the time is an argument, so
//! that check is ours. There is no leeway: the server that checks a token is the one that made it.

mod hs256;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::time::Unix;

/// How long a token is good for, in seconds: a day.
pub const LIFETIME_SECONDS: u64 = 24 * 60 * 60;

/// What a token says. Others are ignored, so that a back-end with the secret may add its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The room it opens.
    pub room_id: String,
    /// The player it stands for.
    pub player_id: String,
    /// When it ends, in seconds since 1970; from then on it is no good (RFC 7519 §4.1.4).
    pub exp: u64,
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
        Tokens {
            sign: EncodingKey::from_secret(secret),
            verify: DecodingKey::from_secret(secret),
            validation,
        }
    }

    /// A token for a player of a room, good from now on for [`LIFETIME_SECONDS`].
    pub fn issue(&self, room_id: &str, player_id: &str, now: Unix) -> String {
        self.sign(&Claims {
            room_id: room_id.to_owned(),
            player_id: player_id.to_owned(),
            exp: now.0 / 1000 + LIFETIME_SECONDS,
        })
    }

    /// A token that says this.
    ///
    /// # Panics
    /// Never: the claims are JSON, and the backend signs HS256 with a secret of any length.
    pub fn sign(&self, claims: &Claims) -> String {
        encode(&Header::new(Algorithm::HS256), claims, &self.sign)
            .expect("claims are JSON, and a secret of any length signs HS256")
    }

    /// What a token says, if it is one of ours and has not expired.
    pub fn check(&self, token: &str, now: Unix) -> Result<Claims, Refusal> {
        let claims = decode::<Claims>(token, &self.verify, &self.validation)
            .map_err(|_| Refusal::BadToken)?
            .claims;
        if now.0 >= claims.exp.saturating_mul(1000) {
            return Err(Refusal::Expired);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Unix = Unix(1_700_000_000_999);

    #[test]
    fn a_token_is_good_for_a_day_and_not_a_millisecond_longer() {
        let tokens = Tokens::new(b"secret");
        let token = tokens.issue("room", "player", NOW);
        let end = (1_700_000_000 + LIFETIME_SECONDS) * 1000;
        let claims = tokens.check(&token, Unix(end - 1)).unwrap();
        assert_eq!(
            (claims.room_id.as_str(), claims.player_id.as_str()),
            ("room", "player")
        );
        assert_eq!(tokens.check(&token, Unix(end)), Err(Refusal::Expired));
    }

    #[test]
    fn a_token_of_another_secret_is_no_good() {
        let token = Tokens::new(b"other").issue("room", "player", NOW);
        let checked = Tokens::new(b"secret").check(&token, NOW);
        assert_eq!(checked, Err(Refusal::BadToken));
    }

    #[test]
    fn one_changed_character_anywhere_is_noticed() {
        let tokens = Tokens::new(b"secret");
        let token = tokens.issue("room", "player", NOW);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(
                tokens.check(&changed, NOW),
                Err(Refusal::BadToken),
                "at {at}"
            );
        }
        assert_eq!(tokens.check("", NOW), Err(Refusal::BadToken));
    }

    #[test]
    fn an_exp_beyond_all_time_does_not_wrap() {
        let tokens = Tokens::new(b"secret");
        let claims = Claims {
            room_id: String::new(),
            player_id: String::new(),
            exp: u64::MAX,
        };
        assert_eq!(tokens.check(&tokens.sign(&claims), NOW), Ok(claims));
    }
}
