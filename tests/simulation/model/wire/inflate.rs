//! DEFLATE (RFC 1951) the slow way, bit by bit: the twin of the library's decompressor.
//!
//! Unlike that one it says whether the data is whole: ends where a block ends. And it holds to the window it is given,
//! which that one does not: it finds what is further back for as long as it happens to keep it.

/// The lengths and distances that a code stands for, and how many more bits tell which (RFC 1951 §3.2.5).
const LENGTHS: [(usize, u32); 29] = {
    let mut table = [(3, 0); 29];
    let mut code = 1;
    while code < 28 {
        let bits = if code < 8 { 0 } else { (code as u32 - 4) / 4 };
        let before = table[code - 1];
        table[code] = (before.0 + (1 << before.1), bits);
        code += 1;
    }
    table[28] = (258, 0);
    table
};
const DISTANCES: [(usize, u32); 30] = {
    let mut table = [(1, 0); 30];
    let mut code = 1;
    while code < 30 {
        let bits = if code < 4 { 0 } else { (code as u32 - 2) / 2 };
        let before = table[code - 1];
        table[code] = (before.0 + (1 << before.1), bits);
        code += 1;
    }
    table
};
/// The order in which the lengths of the codes for code lengths come (§3.2.7).
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Why there is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It is not DEFLATE.
    Wrong,
    /// It ends in the middle of a block.
    Cut,
    /// It is longer than asked for.
    TooLong,
}

type Result<T> = std::result::Result<T, Bad>;

/// What blocks up to the end of the data inflate to, and whether a stream ends there: with a final block, or before it
/// begins. Behind a final block begins another stream. Nothing refers to what is further back than a window of so many
/// bits.
pub fn inflate(data: &[u8], window_bits: u8, bytes_max: usize) -> Result<(Vec<u8>, bool)> {
    let mut stream = Stream {
        data,
        bit: 0,
        out: Vec::new(),
        start: 0,
        window_bytes: 1 << window_bits,
        bytes_max,
    };
    let mut is_final = true;
    while stream.bit < 8 * data.len() {
        is_final = stream.block()?;
        if is_final {
            stream.align();
            stream.start = stream.out.len();
        }
    }
    Ok((stream.out, is_final))
}

struct Stream<'a> {
    data: &'a [u8],
    bit: usize,
    out: Vec<u8>,
    /// Where the output of this stream begins: nothing refers to what was before.
    start: usize,
    window_bytes: usize,
    bytes_max: usize,
}

impl Stream<'_> {
    fn bits(&mut self, count: u32) -> Result<usize> {
        let mut number = 0;
        for place in 0..count {
            let byte = *self.data.get(self.bit / 8).ok_or(Bad::Cut)?;
            number |= usize::from(byte >> (self.bit % 8) & 1) << place;
            self.bit += 1;
        }
        Ok(number)
    }

    fn align(&mut self) {
        self.bit = self.bit.next_multiple_of(8);
    }

    fn put(&mut self, byte: u8) -> Result<()> {
        self.out.push(byte);
        match self.out.len() > self.bytes_max {
            true => Err(Bad::TooLong),
            false => Ok(()),
        }
    }

    /// One block; whether it was the final one of its stream.
    fn block(&mut self) -> Result<bool> {
        let is_final = self.bits(1)? == 1;
        match self.bits(2)? {
            0 => self.stored()?,
            1 => {
                let lengths = [vec![8; 144], vec![9; 112], vec![7; 24], vec![8; 8]].concat();
                self.codes(&Code::new(&lengths), &Code::new(&[5; 30]))?;
            }
            2 => {
                let (literals, distances) = self.tables()?;
                self.codes(&literals, &distances)?;
            }
            _ => return Err(Bad::Wrong),
        }
        Ok(is_final)
    }

    fn stored(&mut self) -> Result<()> {
        self.align();
        let (length, check) = (self.bits(16)?, self.bits(16)?);
        if length != !check & 0xffff {
            return Err(Bad::Wrong);
        }
        for _ in 0..length {
            let byte = self.bits(8)? as u8;
            self.put(byte)?;
        }
        Ok(())
    }

    fn tables(&mut self) -> Result<(Code, Code)> {
        let (literals, distances) = (self.bits(5)? + 257, self.bits(5)? + 1);
        let count = self.bits(4)? + 4;
        if literals > 286 || distances > 30 {
            return Err(Bad::Wrong);
        }
        let mut lengths = [0; 19];
        for &place in &ORDER[..count] {
            lengths[place] = self.bits(3)? as u8;
        }
        let code = Code::new(&lengths);
        if code.left != 0 {
            return Err(Bad::Wrong);
        }
        let mut lengths: Vec<u8> = Vec::new();
        while lengths.len() < literals + distances {
            let (length, times) = match code.read(self)? {
                16 => (*lengths.last().ok_or(Bad::Wrong)?, 3 + self.bits(2)?),
                17 => (0, 3 + self.bits(3)?),
                18 => (0, 11 + self.bits(7)?),
                length => (length as u8, 1),
            };
            lengths.extend(std::iter::repeat_n(length, times));
        }
        if lengths.len() > literals + distances || lengths[256] == 0 {
            return Err(Bad::Wrong);
        }
        let (literals, distances) = lengths.split_at(literals);
        let (literals, distances) = (Code::new(literals), Code::new(distances));
        // A code of which not every value stands for something is allowed only where there is one symbol or none.
        let is_fit = |code: &Code| code.left == 0 || code.left > 0 && code.is_single();
        match is_fit(&literals) && is_fit(&distances) {
            true => Ok((literals, distances)),
            false => Err(Bad::Wrong),
        }
    }

    fn codes(&mut self, literals: &Code, distances: &Code) -> Result<()> {
        loop {
            match literals.read(self)? {
                256 => return Ok(()),
                byte @ 0..256 => self.put(byte as u8)?,
                symbol => {
                    let (length, bits) = *LENGTHS.get(symbol - 257).ok_or(Bad::Wrong)?;
                    let length = length + self.bits(bits)?;
                    let symbol = distances.read(self)?;
                    let (distance, bits) = *DISTANCES.get(symbol).ok_or(Bad::Wrong)?;
                    let distance = distance + self.bits(bits)?;
                    if distance > (self.out.len() - self.start).min(self.window_bytes) {
                        return Err(Bad::Wrong);
                    }
                    for _ in 0..length {
                        self.put(self.out[self.out.len() - distance])?;
                    }
                }
            }
        }
    }
}

/// A canonical Huffman code (§3.2.2): how many symbols have each length, and the symbols in the order of their codes.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
    /// How many codes of the greatest length stand for nothing; less than none if there are too many symbols.
    left: i32,
}

impl Code {
    fn new(lengths: &[u8]) -> Code {
        let mut counts = [0; 16];
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|&at| lengths[at] > 0).collect();
        symbols.sort_by_key(|&symbol| lengths[symbol]);
        symbols
            .iter()
            .for_each(|&symbol| counts[usize::from(lengths[symbol])] += 1);
        let mut left = 1;
        for count in &counts[1..] {
            left = 2 * left - *count as i32;
            if left < 0 {
                break;
            }
        }
        Code {
            counts,
            symbols,
            left,
        }
    }

    fn is_single(&self) -> bool {
        self.symbols.len() == self.counts[1]
    }

    fn read(&self, stream: &mut Stream<'_>) -> Result<usize> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= stream.bits(1)?;
            if code < first + count {
                return Ok(self.symbols[index + code - first]);
            }
            index += count;
            (first, code) = ((first + count) << 1, code << 1);
        }
        Err(Bad::Wrong)
    }
}
