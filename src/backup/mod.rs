//! `roomcast backup URL FILE`: a client that has the hub make a copy of all that it keeps, and writes it to a file.
//!
//! `options.rs` says what was asked for, `answer.rs` reads what the hub answers, and `file.rs` writes: beside the name that
//! was asked for, which only a whole copy gets.
//!
//! This is a client, as [`crate::watch`] is: it runs in a process of its own and blocks. Exit status: 0 when the copy is there,
//! 1 when the server or the system says no, 2 for a wrong command line.

mod answer;
mod file;
mod options;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use answer::Answer;
use file::Part;
use options::Options;

/// The first argument that asks for this.
pub const NAME: &str = "backup";

/// Bytes that are read, and written, at once.
const PIECE_BYTES: usize = 64 << 10;

/// Fetches a copy. The first of the arguments is [`NAME`]; of the variables one is read, for a key.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let options = match Options::parse(args, env) {
        Ok(options) => options,
        Err(error) => return error.report(),
    };
    match fetch(&options) {
        Ok(bytes) => {
            if !options.quiet {
                let file = options.file.display();
                say(&format!("{file} has the copy, of {bytes} bytes"));
            }
            ExitCode::SUCCESS
        }
        Err(why) => {
            say(&why);
            ExitCode::FAILURE
        }
    }
}

/// Writes the whole copy to its file; how many bytes that was. Otherwise nothing is left of it.
fn fetch(options: &Options) -> Result<u64, String> {
    let mut part = Part::create(&options.file, options.replaces)?;
    let mut answer = Answer::ask(&options.target, options.key.as_ref(), options.with_secrets)?;
    let mut left = answer.length();
    let mut piece = vec![0; PIECE_BYTES];
    while left > 0 {
        let wanted = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let cut = |why: &str| format!("the copy was cut, {left} bytes before its end: {why}");
        match answer.read(&mut piece[..wanted]) {
            Ok(0) => return Err(cut("the server has ended the connection")),
            Ok(bytes) => {
                part.write(&piece[..bytes])?;
                left -= bytes as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cut(&answer::sentence(&error))),
        }
    }
    part.finish()?;
    Ok(answer.length())
}

fn say(words: &str) {
    // Standard error may be closed; then there is nobody to tell.
    let line = format!("roomcast: {words}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}
