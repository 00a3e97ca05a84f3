//! Display names: what is one, and which are the same.

use roomcast::apps::rooms::name::DisplayName;

fn parse(text: &str) -> Option<String> {
    DisplayName::parse(text).map(|name| name.as_str().to_owned())
}

#[test]
fn a_name_is_counted_in_characters_as_it_is_enforced() {
    let longest = "\u{1f600}".repeat(32);
    assert_eq!(parse(&format!(" \u{3000}{longest} ")), Some(longest));
    assert_eq!(parse(&"é".repeat(33)), None);
    // Two letters for one, and one for two.
    assert_eq!(parse(&"ﬁ".repeat(16)), Some("fi".repeat(16)));
    assert_eq!(parse(&"ﬁ".repeat(17)), None);
    assert_eq!(parse(&"e\u{301}".repeat(32)), Some("é".repeat(32)));
    assert_eq!(
        parse(&"a  ".repeat(10)),
        Some("a ".repeat(10).trim().into())
    );
    assert_eq!(parse(&format!("a{}", " ".repeat(600))), None);
    // Eighteen for one, four of them blanks.
    assert_eq!(parse("\u{fdfa}").unwrap().chars().count(), 18);
    assert_eq!(parse(&"\u{fdfa}".repeat(170)), None);
    for empty in ["", " ", "\u{3000}\u{a0}"] {
        assert_eq!(parse(empty), None, "{empty:?}");
    }
}

#[test]
fn what_cannot_be_seen_is_refused() {
    for character in [
        '\n',
        '\t',
        '\0',
        '\u{7f}',
        '\u{85}',
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{17b4}',
        '\u{180b}',
        '\u{180e}',
        '\u{180f}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{2028}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2800}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{1d159}',
        '\u{1d173}',
        '\u{e0041}',
        '\u{e0100}',
        '\u{e000}',
        '\u{378}',
        '\u{fff0}',
        '\u{ffff}',
        '\u{1fbff}',
        '\u{10fffe}',
        '\u{1bca0}',
        '\u{13430}',
    ] {
        for text in [
            format!("a{character}b"),
            format!("क\u{94d}{character}ष"),
            String::from(character),
        ] {
            assert_eq!(parse(&text), None, "{text:?}");
        }
    }
}

#[test]
fn a_name_has_more_than_marks() {
    assert_eq!(parse("\u{301}"), None);
    assert_eq!(parse(" \u{301}\u{302}"), None);
    for text in ["7", "!", "+", "字", "\u{1f1e9}\u{1f1ea}", "a\u{323}\u{304}"] {
        assert!(parse(text).is_some(), "{text:?}");
    }
}

#[test]
fn characters_that_are_younger_than_the_table_are_characters() {
    for text in [
        "\u{1f916}",
        "\u{1fae8}",
        "\u{1f972}",
        "\u{1e900}",
        "\u{20c0}",
        "\u{323b0}",
    ] {
        assert_eq!(parse(text).as_deref(), Some(text));
    }
}

#[test]
fn a_character_that_needs_others_beside_it_is_refused_without_them() {
    assert_eq!(parse("col·lega").as_deref(), Some("col·lega"));
    assert_eq!(parse("a·b"), None);
}

#[test]
fn names_are_alike_in_any_case_and_spelling() {
    let alike = |left: &str, right: &str| {
        DisplayName::parse(left)
            .unwrap()
            .is_like(&DisplayName::parse(right).unwrap())
    };
    assert!(alike("Ada", " aDA "));
    assert!(alike("ÄRGER", "a\u{308}rger"));
    assert!(alike("José", "Jose\u{301}"));
    assert!(alike("ΟΔΟΣ", "οδοσ"));
    // Letter by letter, so the form of the last one counts.
    assert!(!alike("ΟΔΟΣ", "οδος"));
    assert!(!alike("Straße", "STRASSE"));
    assert!(alike("Ａｄａ", "ada"));
    assert!(alike("Ada  Byron", "ada\u{a0}byron"));
    assert!(alike("ﬀ", "FF"));
    assert!(!alike("Ada", "Ada2"));
    assert!(!alike("a", "á"));
}
