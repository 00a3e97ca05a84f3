//! Decimal numbers, as they stand in values and in what was kept as text.

/// A number of 64 bits, as decimal digits behind a sign or none.
pub fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A number with a fraction and an exponent or without; infinity, or what is no number.
pub fn double(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether this is decimal digits behind a sign or none.
pub fn is_decimal(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+"));
    let digits = digits.unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
