//! Entries in some lists, each in the order in which they joined it: an entry joins at the back and leaves from wherever
//! it stands, in constant time.
//!
//! An entry is in one of the lists at most. What the lists mean is the caller's business.

use slab::Slab;

/// No entry.
const NIL: u32 = u32::MAX;

/// Entries, and so many lists of them.
#[derive(Debug)]
pub struct Chain<T, const LISTS: usize> {
    entries: Slab<Entry<T>>,
    ends: [Ends; LISTS],
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    list: Option<u8>,
    prev: u32,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
}

impl<T, const LISTS: usize> Default for Chain<T, LISTS> {
    fn default() -> Self {
        let nobody = Ends {
            first: NIL,
            last: NIL,
        };
        Chain {
            entries: Slab::new(),
            ends: [nobody; LISTS],
        }
    }
}

impl<T, const LISTS: usize> Chain<T, LISTS> {
    /// Adds an entry, which is in no list yet, and gives its key.
    pub fn insert(&mut self, value: T) -> u32 {
        let entry = Entry {
            value,
            list: None,
            prev: NIL,
            next: NIL,
        };
        self.entries.insert(entry) as u32
    }

    /// Takes an entry out of its list and forgets it.
    pub fn remove(&mut self, key: u32) -> T {
        self.leave(key);
        self.entries.remove(key as usize).value
    }

    /// Gives back the memory of a crowd that has gone, if nobody is left of it.
    pub fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }

    /// Puts an entry at the back of a list; it leaves the one that it is in.
    pub fn join(&mut self, key: u32, list: usize) {
        self.leave(key);
        let last = std::mem::replace(&mut self.ends[list].last, key);
        match last {
            NIL => self.ends[list].first = key,
            last => self.entries[last as usize].next = key,
        }
        let entry = &mut self.entries[key as usize];
        (entry.list, entry.prev, entry.next) = (Some(list as u8), last, NIL);
    }

    /// Takes an entry out of its list, if it is in one.
    pub fn leave(&mut self, key: u32) {
        let entry = &mut self.entries[key as usize];
        let Some(list) = entry.list.take() else {
            return;
        };
        let (prev, next) = (entry.prev, entry.next);
        match prev {
            NIL => self.ends[usize::from(list)].first = next,
            prev => self.entries[prev as usize].next = next,
        }
        match next {
            NIL => self.ends[usize::from(list)].last = prev,
            next => self.entries[next as usize].prev = prev,
        }
    }

    /// What an entry holds, to change it.
    pub fn value_mut(&mut self, key: u32) -> &mut T {
        &mut self.entries[key as usize].value
    }

    /// What an entry holds.
    pub fn value(&self, key: u32) -> &T {
        &self.entries[key as usize].value
    }

    /// The list that an entry is in.
    pub fn list(&self, key: u32) -> Option<usize> {
        self.entries[key as usize].list.map(usize::from)
    }

    /// The entry that has been longest in a list.
    pub fn first(&self, list: usize) -> Option<u32> {
        Some(self.ends[list].first).filter(|first| *first != NIL)
    }

    /// How many entries there are, in a list or in none.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_the_order_of_joining_whoever_leaves_from_wherever() {
        let mut chain = Chain::<u64, 3>::default();
        let mut model: [Vec<u32>; 3] = Default::default();
        let keys: Vec<u32> = (0..20).map(|value| chain.insert(value)).collect();
        let mut chance = 7_u64;
        for _ in 0..5000 {
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let key = keys[(chance >> 33) as usize % keys.len()];
            let list = (chance >> 59) as usize % 4;
            model
                .iter_mut()
                .for_each(|list| list.retain(|it| *it != key));
            match model.get_mut(list) {
                Some(joined) => {
                    joined.push(key);
                    chain.join(key, list);
                }
                None => chain.leave(key),
            }
            assert_eq!(chain.list(key), (list < 3).then_some(list));
            for (list, expected) in model.iter().enumerate() {
                let mut found = Vec::new();
                let mut next = chain.ends[list].first;
                while next != NIL {
                    found.push(next);
                    next = chain.entries[next as usize].next;
                }
                assert_eq!(&found, expected);
                assert_eq!(chain.first(list), expected.first().copied());
                assert_eq!(
                    expected.last(),
                    Some(&chain.ends[list].last).filter(|last| **last != NIL)
                );
            }
        }
    }
}
