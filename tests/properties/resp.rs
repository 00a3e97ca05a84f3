//! RESP3 beside a reader that takes the whole stream again with every piece: what is written comes back, and any bytes are
//! the same values and the same fault however they are cut.

use proptest::collection::vec;
use proptest::prelude::*;
use roomcast::wire::resp::{Bounds, Fault, Scanner, Value, command, read};

use super::resp_twin as twin;

const BOUNDS: Bounds = Bounds {
    bytes_max: 1 << 20,
    elements_max: 1000,
    depth_max: 6,
};

/// A value that has its bytes itself.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(Leaf),
    Array(Vec<Tree>),
    Set(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
    Push(Vec<Tree>),
}

#[derive(Clone, Debug)]
enum Leaf {
    Blob(Vec<u8>),
    Simple(String),
    Error(String),
    Verbatim(String),
    Big(String),
    Integer(i64),
    Double(f64),
    Boolean(bool),
    Null,
}

impl Tree {
    fn value(&self) -> Value<'_> {
        match self {
            Tree::Leaf(leaf) => leaf.value(),
            Tree::Array(elements) => Value::Array(elements.iter().map(Tree::value).collect()),
            Tree::Set(elements) => Value::Set(elements.iter().map(Tree::value).collect()),
            Tree::Push(elements) => Value::Push(elements.iter().map(Tree::value).collect()),
            Tree::Map(pairs) => {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| (key.value(), value.value()));
                Value::Map(pairs.collect())
            }
        }
    }
}

impl Leaf {
    fn value(&self) -> Value<'_> {
        match self {
            Leaf::Blob(bytes) => Value::Blob(bytes),
            Leaf::Simple(text) => Value::Simple(text.as_bytes()),
            Leaf::Error(text) => Value::Error(text.as_bytes()),
            Leaf::Verbatim(text) => Value::Verbatim(text.as_bytes()),
            Leaf::Big(digits) => Value::BigNumber(digits.as_bytes()),
            Leaf::Integer(number) => Value::Integer(*number),
            Leaf::Double(number) => Value::Double(*number),
            Leaf::Boolean(is) => Value::Boolean(*is),
            Leaf::Null => Value::Null,
        }
    }
}

fn leaves() -> impl Strategy<Value = Tree> {
    let blobs = prop_oneof![4 => vec(any::<u8>(), 0..20), 1 => vec(any::<u8>(), 995..1005)];
    let leaves = prop_oneof![
        blobs.prop_map(Leaf::Blob),
        "[^\r\n]{0,10}".prop_map(Leaf::Simple),
        prop_oneof!["[A-Z]{1,8} [^\r\n]{0,10}", "(?s).{0,10}"].prop_map(Leaf::Error),
        "(?s).{0,10}".prop_map(Leaf::Verbatim),
        "[+-]?[0-9]{1,40}".prop_map(Leaf::Big),
        any::<i64>().prop_map(Leaf::Integer),
        prop_oneof![any::<f64>(), Just(f64::INFINITY)]
            .prop_filter("it is equal to itself", |number| !number.is_nan())
            .prop_map(Leaf::Double),
        any::<bool>().prop_map(Leaf::Boolean),
        Just(Leaf::Null),
    ];
    leaves.prop_map(Tree::Leaf)
}

fn trees() -> impl Strategy<Value = Tree> {
    let trees = leaves().prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Tree::Array),
            vec(inner.clone(), 0..5).prop_map(Tree::Set),
            vec((inner.clone(), inner), 0..4).prop_map(Tree::Map),
        ]
    });
    let pushes = vec(trees.clone(), 0..4).prop_map(Tree::Push);
    prop_oneof![4 => trees, 1 => pushes]
}

/// What servers write, and what they never should, of the bytes that mean something.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "$",
        "*",
        ":",
        "+",
        "-",
        "%",
        "~",
        ">",
        "_",
        ",",
        "#",
        "!",
        "=",
        "(",
        "|",
        "?",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "0",
        "1",
        "2",
        "3",
        "9",
        "-1",
        "t",
        "txt:",
        "ab",
        "*1\r\n",
        "%1\r\n",
        "|1\r\n",
        "~2\r\n",
        ">2\r\n",
        ":1\r\n",
        "_\r\n",
        "$2\r\nab\r\n",
        "$1\r\na",
        "$1\r\na\r",
        "=5\r\ntxt:a\r\n",
        "!1\r\nE\r\n",
        "*99999999999999999999\r\n",
        "$18446744073709551615\r\n",
        ",nan\r\n",
    ]);
    prop_oneof![
        4 => vec(words, 0..25).prop_map(|words| words.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..30),
    ]
}

/// Everything in a stream that comes in these pieces, and the fault that ends it.
fn seen(stream: &[u8], sizes: &[usize], bounds: Bounds) -> (Vec<String>, Option<Fault>) {
    let (mut scanner, mut from, mut to, mut seen) = (Scanner::new(bounds), 0, 0, Vec::new());
    let mut sizes = sizes.iter().cycle();
    while to < stream.len() {
        to += sizes.next().unwrap().min(&(stream.len() - to));
        loop {
            match scanner.read(&stream[from..to]) {
                Ok(Some((value, length))) => {
                    // As text, since what is no number equals nothing.
                    seen.push(format!("{value:?}"));
                    from += length;
                }
                Ok(None) => break,
                Err(fault) => return (seen, Some(twin::plain(fault))),
            }
        }
    }
    (seen, None)
}

proptest! {
    #[test]
    fn what_is_written_comes_back(tree in trees(), behind in vec(any::<u8>(), 0..4), cut in any::<prop::sample::Index>()) {
        let value = tree.value();
        let mut bytes = Vec::new();
        twin::write(&value, &mut bytes);
        let length = bytes.len();
        bytes.extend(behind);
        let cut = cut.index(length);
        prop_assert_eq!(read(&bytes, &BOUNDS), Ok(Some((value, length))));
        prop_assert_eq!(read(&bytes[..cut], &BOUNDS), Ok(None));
        let mut scanner = Scanner::new(BOUNDS);
        prop_assert_eq!(scanner.complete(&bytes[..cut]), Ok(None));
        prop_assert_eq!(scanner.complete(&bytes), Ok(Some(length)));
    }

    #[test]
    fn values_are_the_same_however_they_are_cut(trees in vec(trees(), 1..4), sizes in vec(1..40usize, 1..6)) {
        let mut stream = Vec::new();
        trees.iter().for_each(|tree| twin::write(&tree.value(), &mut stream));
        let expected: Vec<String> = trees.iter().map(|tree| format!("{:?}", tree.value())).collect();
        prop_assert_eq!(seen(&stream, &sizes, BOUNDS), (expected, None));
    }

    #[test]
    fn any_bytes_are_what_a_slow_reader_takes_them_for(
        stream in streams(),
        sizes in vec(1..10usize, 1..4),
        bytes_max in prop_oneof![Just(1000usize), 1..40usize],
        elements_max in prop_oneof![Just(1000usize), 0..8usize],
        depth_max in 0..4usize,
    ) {
        let bounds = Bounds { bytes_max, elements_max, depth_max };
        let expected = twin::seen(&stream, bounds);
        prop_assert_eq!(seen(&stream, &sizes, bounds), expected);
    }

    #[test]
    fn a_command_is_read_as_its_parts(parts in vec(vec(any::<u8>(), 0..30), 0..6)) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let mut out = Vec::new();
        command(&mut out, &parts);
        let expected = Value::Array(parts.into_iter().map(Value::Blob).collect());
        prop_assert_eq!(read(&out, &BOUNDS), Ok(Some((expected, out.len()))));
    }
}
