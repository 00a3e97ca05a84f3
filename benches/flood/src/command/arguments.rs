//! Values on the command line: how each kind is written, and its bounds. The sentence of a refusal says what was
//! expected.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::target::mark::MARK_BYTES;

/// The longest message that can be asked for, in bytes.
const SIZE_MAX: usize = 16 << 20;

/// An address to connect to; only loopback, so that nobody else is ever flooded.
pub fn loopback(text: &str) -> Result<SocketAddr, String> {
    let server = match text.strip_prefix("localhost:") {
        Some(port) => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        None => text.to_owned(),
    };
    let server: SocketAddr = server
        .parse()
        .map_err(|_| "expected an address and a port, like 127.0.0.1:8080".to_owned())?;
    let server = SocketAddr::new(server.ip().to_canonical(), server.port());
    match (server.ip().is_loopback(), server.port()) {
        (false, _) => Err("floods go to loopback only".to_owned()),
        (true, 0) => Err("port 0 is nobody's".to_owned()),
        (true, _) => Ok(server),
    }
}

/// A value that can stand in a header.
pub fn header_value(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    match fits {
        true => Ok(text.to_owned()),
        false => Err("expected visible ASCII characters".to_owned()),
    }
}

/// A time with its unit, up to an hour.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match duration <= Duration::from_secs(3600) {
        true => Ok(duration),
        false => Err("an hour is the longest".to_owned()),
    }
}

/// Things a second; 0 stands for as fast as they go.
pub fn rate(text: &str) -> Result<f64, String> {
    let fits = |rate: f64| rate == 0.0 || (0.01..=1_000_000.0).contains(&rate);
    number(text, fits, "expected 0, or 0.01 to 1000000 a second")
}

/// A part of a whole.
pub fn share(text: &str) -> Result<f64, String> {
    let fits = |share: f64| share > 0.0 && share < 1.0;
    number(
        text,
        fits,
        "expected a share between 0 and 1, both excluded",
    )
}

/// A part of a hundred.
pub fn percent(text: &str) -> Result<f64, String> {
    let fits = |percent: f64| percent > 0.0 && percent <= 100.0;
    number(text, fits, "expected a percentage, above 0 and up to 100")
}

/// How many times something may be something else.
pub fn ratio(text: &str) -> Result<f64, String> {
    let fits = |ratio: f64| ratio > 0.0 && ratio.is_finite();
    number(text, fits, "expected a ratio above 0, such as 1.5")
}

fn number(text: &str, fits: fn(f64) -> bool, expected: &str) -> Result<f64, String> {
    let number = text.parse().map_err(|_| "expected a number".to_owned())?;
    fits(number)
        .then_some(number)
        .ok_or_else(|| expected.to_owned())
}

/// Bytes, plain or with a unit; at least a mark must fit.
pub fn size(text: &str) -> Result<u32, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(digits);
    let unit = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return Err("expected bytes, like 128, 4KiB or 1MiB".to_owned()),
    };
    let bytes = digits.parse::<u32>().ok().and_then(|n| n.checked_mul(unit));
    match bytes {
        Some(bytes) if (MARK_BYTES..=SIZE_MAX).contains(&(bytes as usize)) => Ok(bytes),
        _ => Err(format!("expected {MARK_BYTES} bytes to 16MiB")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_flooded() {
        assert!(loopback("127.0.0.1:8080").is_ok());
        assert!(loopback("127.8.8.8:1").is_ok());
        assert!(loopback("[::1]:8080").is_ok());
        let mapped = loopback("[::ffff:127.0.0.1]:8080").unwrap();
        assert_eq!(mapped, loopback("localhost:8080").unwrap());
        for elsewhere in ["10.0.0.1:80", "0.0.0.0:80", "[::]:80", "[2001:db8::1]:80"] {
            assert_eq!(
                loopback(elsewhere).unwrap_err(),
                "floods go to loopback only"
            );
        }
        assert!(loopback("example.com:80").is_err());
        assert!(loopback("127.0.0.1").is_err());
    }

    #[test]
    fn values_that_would_break_a_request_are_refused() {
        assert!(header_value("a b").is_err());
        assert!(header_value("a\r\nb").is_err());
        assert!(rate("-1").is_err());
        assert!(rate("NaN").is_err());
        assert!(duration("2h").is_err());
    }

    #[test]
    fn sizes_have_units_and_bounds() {
        assert_eq!(size("128"), Ok(128));
        assert_eq!(size("1MiB"), Ok(1 << 20));
        for wrong in ["3", "17MiB", "1GiB", "MiB", "-5", "4096KiB9"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
