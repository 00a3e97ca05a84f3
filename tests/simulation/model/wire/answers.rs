//! A client's own idea of HTTP/1.1: answers read with every rule that this server promises to keep.

use serde_json::Value;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
    /// With its head.
    pub bytes: usize,
}

/// Reads an answer from the front; `None` while it is not whole. An answer to `HEAD` has no body.
pub fn read(bytes: &[u8], to_head: bool) -> Result<Option<Answer>, String> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "an answer's head is text")?;
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..4)?.strip_suffix(' ')?.parse().ok())
        .ok_or(format!("not a status line: {line:?}"))?;
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line
            .split_once(": ")
            .ok_or(format!("not a header: {line:?}"))?;
        headers.push((name.to_ascii_lowercase(), value.to_string()));
    }
    let mut answer = Answer {
        status,
        headers,
        body: String::new(),
        bytes: end + 4,
    };
    let has_body = status >= 200 && status != 204 && !to_head;
    let length = match answer.header("content-length") {
        Some(length) if status >= 200 && status != 204 => length
            .parse()
            .map_err(|_| format!("a length of {length:?}"))?,
        Some(_) => return Err(format!("a {status} has no length")),
        None if has_body => return Err(format!("a {status} without a length")),
        None => 0,
    };
    if has_body {
        let Some(body) = bytes.get(end + 4..end + 4 + length) else {
            return Ok(None);
        };
        answer.body = String::from_utf8(body.to_vec()).map_err(|_| "a body that is not text")?;
        answer.bytes += length;
    }
    answer.check()?;
    Ok(Some(answer))
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        values.next().map(|(_, value)| value.as_str())
    }

    /// Whether nothing follows it.
    pub fn closes(&self) -> bool {
        let close = (String::from("connection"), String::from("close"));
        self.headers.contains(&close)
    }

    /// What every answer of a status has.
    fn check(&self) -> Result<(), String> {
        let status = self.status;
        let needs: &[&str] = match status {
            401 => &["www-authenticate"],
            405 => &["allow"],
            426 => &["upgrade", "sec-websocket-version"],
            429 | 503 => &["retry-after"],
            _ => &[],
        };
        if let Some(name) = needs.iter().find(|name| self.header(name).is_none()) {
            return Err(format!("a {status} needs {name}"));
        }
        if status < 400 || self.body.is_empty() || self.body.contains("\"reasons\"") {
            return Ok(());
        }
        let error: Value = serde_json::from_str(&self.body)
            .map_err(|_| format!("the body of a {status} is JSON, not {:?}", self.body))?;
        let (code, message) = (&error["error"]["code"], &error["error"]["message"]);
        if !code.is_string() || !message.is_string() {
            return Err(format!("an error has a code and a message: {error}"));
        }
        Ok(())
    }
}
