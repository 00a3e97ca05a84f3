//! Room tokens: what is taken for one, and until when.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use roomcast::apps::rooms::refusal::Refusal;
use roomcast::apps::rooms::tokens::{Claims, LIFETIME_SECONDS, Tokens};
use roomcast::time::Unix;
use serde_json::{Value, json};

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
fn a_token_of_more_than_two_kibibytes_is_none() {
    let token = |more: usize| {
        let more = json!({"x": "x".repeat(more)});
        checked(more).map(|claims| claims.player_id)
    };
    assert_eq!(token(1_300), Ok("player".into()));
    assert_eq!(token(1_500), Err(Refusal::BadToken));
    let head = format!(r#"{{"alg":"HS256","z":[{}1]}}"#, "1,".repeat(7_000));
    let encoded = data_encoding::BASE64URL_NOPAD.encode(head.as_bytes());
    let long = format!("{encoded}.e30.AA");
    assert_eq!(
        Tokens::new(b"secret").check(&long, NOW),
        Err(Refusal::BadToken)
    );
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
        let token = encode(&header, &claims, &EncodingKey::from_secret(b"secret")).unwrap();
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
