//! The command line of `roomcast backup`, and the key that may come from the environment instead.
//!
//! A key is turned into a header at once, which is never shown; no error repeats the value of a flag that may be one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::Parser;
use clap::error::{ContextKind, ErrorKind};
use tungstenite::http::{HeaderValue, Uri};

use crate::settings::SettingsError;
use crate::watch::{check_authority, header, secret};

/// Where a hub has its copies, below what a proxy puts in front.
const PATH: &str = "/api/v1/backup";
const EXPECTED: &str = "expected that of a hub, such as http://127.0.0.1:8080";

const MORE: &str = "\
The copy is of one moment, and made while the hub runs. sqlite3 opens it, and a hub starts from it: roomcast --data FILE. \
That hub goes on with the same records, in which clients of the other see that they may have missed something.

It is written to FILE.part first, which gets its name when all of it is on the disk. Only its owner may read it: what is in \
it is all that the hub keeps, and with --secrets whoever has it can make tokens that are good.

Exit status: 0 when the copy is there, 1 when the server or the system says no, 2 for a wrong command line.

  roomcast backup http://127.0.0.1:8080 monday.db
  ROOMCAST_KEY=... roomcast backup --secrets hub.internal:8080 move.db";

#[derive(Parser)]
#[command(
    name = "roomcast backup",
    bin_name = "roomcast backup",
    version,
    about = "Write a copy of all that a hub keeps to a file.",
    after_help = "--help says more, and gives examples.",
    after_long_help = MORE,
    next_line_help = false,
    max_term_width = 100,
    args_override_self = true
)]
struct Args {
    /// Where the hub is: http://HOST:PORT, or without http://
    #[arg(value_name = "URL")]
    url: String,
    /// The file to be made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Show this key; ROOMCAST_KEY keeps it out of the list of processes
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    key: Option<String>,
    /// Have the secret in it, too, so that tokens stay good
    #[arg(long)]
    secrets: bool,
    /// Replace FILE if there is one
    #[arg(long)]
    force: bool,
    /// Say nothing on standard error when all is well
    #[arg(short, long)]
    quiet: bool,
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Options {
    /// Whom to ask.
    pub target: Target,
    /// What to write.
    pub file: PathBuf,
    /// The key to show.
    pub key: Option<HeaderValue>,
    /// Whether the secret is to be in it.
    pub with_secrets: bool,
    /// Whether a file of that name is replaced.
    pub replaces: bool,
    /// Whether nothing is said of a good end.
    pub quiet: bool,
}

/// Where a hub has its copies.
#[derive(Clone, Debug)]
pub(super) struct Target {
    authority: String,
    host: String,
    port: u16,
    path: String,
}

impl Options {
    /// Reads the arguments, the first of which is the command's name, and the variables.
    pub fn parse(
        args: impl IntoIterator<Item = OsString>,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Options, SettingsError> {
        let args = Args::try_parse_from(args).map_err(explain)?;
        let env: BTreeMap<OsString, OsString> = env.into_iter().collect();
        Options::new(args, &env).map_err(SettingsError::Wrong)
    }

    fn new(args: Args, env: &BTreeMap<OsString, OsString>) -> Result<Options, String> {
        let key = secret(args.key, "key", "ROOMCAST_KEY", env)?;
        let key = key.map(|(key, origin)| header(&key, &origin)).transpose()?;
        if args.file.file_name().is_none() {
            let file = args.file.display();
            return Err(format!("{file:?} names no file: expected one to be made"));
        }
        Ok(Options {
            target: Target::parse(&args.url)?,
            file: args.file,
            key,
            with_secrets: args.secrets,
            replaces: args.force,
            quiet: args.quiet,
        })
    }
}

impl Target {
    /// Reads `http://host:port`, perhaps with the path that a proxy puts in front, or `host:port`.
    pub fn parse(text: &str) -> Result<Target, String> {
        let text = text.trim();
        let whole = match text.contains("://") {
            true => text.to_owned(),
            false => format!("http://{text}"),
        };
        let read = whole.parse();
        let uri: Uri = read.map_err(|_| format!("the URL cannot be read: {EXPECTED}"))?;
        match uri.scheme_str() {
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => {}
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => {
                return Err(
                    "https:// cannot be asked, as TLS is not built in: give http:// and the address at which the hub itself \
                     listens, behind its proxy"
                        .to_owned(),
                );
            }
            _ => return Err(format!("the scheme of the URL is not known: {EXPECTED}")),
        }
        if uri.query().is_some() {
            return Err(format!("the URL has a query: {EXPECTED}"));
        }
        let authority = uri.authority();
        let authority = authority.ok_or_else(|| format!("the URL names no host: {EXPECTED}"))?;
        let (host, port) = check_authority(authority)?;
        let front = uri.path().trim_end_matches('/');
        let front = front.strip_suffix(PATH).unwrap_or(front);
        Ok(Target {
            authority: authority.as_str().to_owned(),
            host,
            port,
            path: format!("{front}{PATH}"),
        })
    }

    /// Where to connect to, a name or a literal address.
    pub fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// What the request says of the host.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What to ask for.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Whom we ask, as it may be shown.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// One sentence for what is wrong. Stray words are not repeated, as one may be a key.
fn explain(error: clap::Error) -> SettingsError {
    let about = |kind: ContextKind| error.get(kind).map(ToString::to_string);
    let given = about(ContextKind::InvalidArg).unwrap_or_default();
    let given = given.split_whitespace().next().unwrap_or_default();
    SettingsError::Wrong(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return SettingsError::Shown(error),
        ErrorKind::MissingRequiredArgument => {
            "the URL of a hub and the name of a file are expected, as in roomcast backup http://127.0.0.1:8080 monday.db"
                .to_owned()
        }
        ErrorKind::UnknownArgument if given.starts_with('-') => {
            let given = given.escape_debug();
            format!("unknown flag {given}: roomcast backup --help lists them all")
        }
        ErrorKind::UnknownArgument => {
            "there are more words than the URL of a hub and the name of a file".to_owned()
        }
        ErrorKind::InvalidValue => {
            format!(
                "the flag {given} came without a value: expected one, see roomcast backup --help"
            )
        }
        kind => format!("the command line cannot be read ({kind}): see roomcast backup --help"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str, env: &[(&str, &str)]) -> Result<Options, SettingsError> {
        let args = ["backup"].into_iter().chain(args.split_whitespace());
        let env = env.iter().map(|(name, value)| (name.into(), value.into()));
        Options::parse(args.map(OsString::from), env)
    }

    #[test]
    fn a_hub_is_named_with_or_without_scheme_and_path() {
        for (url, path) in [
            ("http://h:9", "/api/v1/backup"),
            ("h:9/", "/api/v1/backup"),
            ("HTTP://h:9/api/v1/backup", "/api/v1/backup"),
            ("h:9/hub/", "/hub/api/v1/backup"),
        ] {
            let options = parse(&format!("{url} f"), &[]).unwrap();
            assert_eq!(options.target.address(), ("h", 9), "{url}");
            assert_eq!(options.target.path(), path, "{url}");
        }
        assert_eq!(Target::parse("[::1]").unwrap().address(), ("::1", 80));
    }

    #[test]
    fn a_flag_beats_the_environment_and_neither_is_shown() {
        let env = [("ROOMCAST_KEY", "hunter2")];
        let options = parse("h f", &env).unwrap();
        assert_eq!(options.key.as_ref().unwrap().as_bytes(), b"hunter2");
        assert!(!format!("{options:?}").contains("hunter2"));
        let options = parse("h f --key -flag", &env).unwrap();
        assert_eq!(options.key.unwrap().as_bytes(), b"-flag");
        assert!(parse("h f", &[("ROOMCAST_KEY", "")]).unwrap().key.is_none());
    }

    #[test]
    fn a_wrong_command_line_is_told_in_one_sentence() {
        for (args, word) in [
            ("", "URL"),
            ("h", "file"),
            ("h f hunter2", "more words"),
            ("h f --key", "--key"),
            ("h f --key=hunter2é", "visible"),
            ("h f --frob=hunter2", "--frob"),
            ("https://h f", "TLS"),
            ("ws://h f", "scheme"),
            ("h?secrets=hunter2 f", "query"),
            ("http://hunter2@h f", "user name"),
            ("h:x f", "URL"),
            ("h ..", "names no file"),
        ] {
            let error = parse(args, &[]).unwrap_err();
            let text = error.to_string();
            assert_eq!(error.exit_code(), 2, "{args}");
            assert!(text.contains(word), "{args}: {text}");
            assert!(!text.contains('\n') && !text.contains("hunter2"), "{text}");
        }
        assert!(parse("--help", &[]).unwrap_err().is_help());
    }
}
