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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Unix = Unix(1_700_000_000_999);

    #[test]
    fn a_token_is_good_for_a_day_and_thirty_seconds_longer() {
        let tokens = Tokens::new(b"secret");
        let token = tokens.issue("room", "player", NOW, None);
        let end = (1_700_000_000 + LIFETIME_SECONDS + 30) * 1000;
        let claims = tokens.check(&token, Unix(end - 1)).unwrap();
        assert_eq!(
            (claims.room_id.as_str(), claims.player_id.as_str()),
            ("room", "player")
        );
        assert_eq!(tokens.check(&token, Unix(end)), Err(Refusal::Expired));
    }

    #[test]
    fn a_renewed_token_ends_at_another_time() {
        let tokens = Tokens::new(b"secret");
        let claims = |token: &str| tokens.check(token, NOW).unwrap();
        let first = tokens.issue("room", "player", NOW, None);
        let second = tokens.issue("room", "player", NOW, Some(&claims(&first)));
        let third = tokens.issue("room", "player", NOW, Some(&claims(&second)));
        assert_ne!(first, second);
        assert_eq!(first, third, "renewing again and again leads nowhere");
    }

    /// What becomes of a token with these claims beside those that it must have.
    fn checked(more: Value) -> Result<Claims, Refusal> {
        let mut claims = json!({"room_id": "room", "player_id": "player", "exp": 1_700_000_060});
        claims
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let tokens = Tokens::new(b"secret");
        tokens.check(&tokens.sign(&claims), NOW)
    }

    #[test]
    fn a_time_may_have_a_fraction_and_thirty_seconds_of_leeway() {
        for exp in [
            json!(1_700_000_060.25),
            json!(1.70000006e9),
            json!(1_699_999_971.0),
        ] {
            assert!(checked(json!({"exp": exp})).is_ok(), "{exp}");
        }
        let past = checked(json!({"exp": 1_699_999_970.5}));
        assert_eq!(past, Err(Refusal::Expired));
        assert!(checked(json!({"nbf": 1_700_000_030.5})).is_ok());
        assert_eq!(
            checked(json!({"nbf": 1_700_000_031})),
            Err(Refusal::TooEarly)
        );
        for wrong in [json!("1700000060"), json!(null), json!([1_700_000_060])] {
            assert_eq!(checked(json!({"exp": wrong})), Err(Refusal::BadToken));
            assert_eq!(checked(json!({"nbf": wrong})), Err(Refusal::BadToken));
        }
        for ever in [json!(-1), json!(-1e300)] {
            assert_eq!(checked(json!({"exp": ever})), Err(Refusal::Expired));
        }
    }

    #[test]
    fn claims_of_others_are_not_looked_at() {
        for more in [
            json!({"aud": "game"}),
            json!({"aud": ["game"], "iss": "x", "sub": 7, "jti": "x"}),
            json!({"iat": 1_900_000_000.5, "role": ["a"]}),
        ] {
            assert!(checked(more).is_ok());
        }
    }

    #[test]
    fn a_header_with_something_critical_is_refused() {
        let tokens = Tokens::new(b"secret");
        for crit in [vec![], vec![String::from("exp")]] {
            let header = Header {
                crit: Some(crit),
                ..Header::new(Algorithm::HS256)
            };
            let claims = json!({"room_id": "", "player_id": "", "exp": u64::MAX});
            let token = encode(&header, &claims, &tokens.sign).unwrap();
            assert_eq!(tokens.check(&token, NOW), Err(Refusal::BadToken));
        }
    }

    #[test]
    fn a_token_of_another_secret_is_no_good() {
        let token = Tokens::new(b"other").issue("room", "player", NOW, None);
        let checked = Tokens::new(b"secret").check(&token, NOW);
        assert_eq!(checked, Err(Refusal::BadToken));
    }

    #[test]
    fn one_changed_character_anywhere_is_noticed() {
        let tokens = Tokens::new(b"secret");
        let token = tokens.issue("room", "player", NOW, None);
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
        for exp in [json!(u64::MAX), json!(1e300)] {
            let claims = json!({"room_id": "", "player_id": "", "exp": exp});
            assert!(tokens.check(&tokens.sign(&claims), NOW).is_ok(), "{exp}");
        }
    }
}
