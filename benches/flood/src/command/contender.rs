//! One server of a comparison, as it stands on the command line: `[NAME=]FILE@ADDR@PID`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::command::arguments::loopback;

/// One server of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// What it is called; that of its description if it is not named.
    pub name: Option<String>,
    /// Its description; roomcast's if there is no file.
    pub file: Option<PathBuf>,
    /// Where it listens.
    pub server: SocketAddr,
    /// Its processes.
    pub pids: Vec<u32>,
}

/// Reads `[NAME=]FILE@ADDR@PID`; there may be several ids, separated by commas.
pub fn contender(text: &str) -> Result<Contender, String> {
    let expected = "expected [NAME=]FILE@ADDR@PID, like roomcast@127.0.0.1:8080@4711";
    let (name, rest) = match text.split_once('=') {
        Some((name, rest)) => (Some(name.to_owned()), rest),
        None => (None, text),
    };
    let parts: Vec<&str> = rest.split('@').collect();
    let [file, server, pids] = parts[..] else {
        return Err(expected.to_owned());
    };
    let pids = pids.split(',').map(|pid| pid.parse().map_err(|_| expected));
    Ok(Contender {
        name,
        file: (file != "roomcast").then(|| PathBuf::from(file)),
        server: loopback(server)?,
        pids: pids.collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contender_is_a_description_an_address_and_processes() {
        let expected = Contender {
            name: Some("bun".to_owned()),
            file: Some(PathBuf::from("x/rival.toml")),
            server: "127.0.0.1:99".parse().unwrap(),
            pids: vec![7, 8],
        };
        assert_eq!(contender("bun=x/rival.toml@127.0.0.1:99@7,8"), Ok(expected));
        let plain = contender("roomcast@localhost:1@2").unwrap();
        assert_eq!((plain.name, plain.file), (None, None));
        for wrong in [
            "x",
            "x@127.0.0.1:1",
            "x@127.0.0.1:1@p",
            "x@10.0.0.1:1@2",
            "x@127.0.0.1:1@2@3",
        ] {
            assert!(contender(wrong).is_err(), "{wrong}");
        }
    }
}
