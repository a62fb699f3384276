//! Paths to values: `environments[0].namespace`, or `environments.0.namespace` as on the command line.

use super::node::{Data, Entry, Node};
use super::origin::Origin;

/// The path of a key inside of a mapping.
pub(super) fn of_key(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

/// The path of an item of a list.
pub(super) fn of_item(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

/// Whether one of two paths leads to the other.
pub(super) fn related(one: &str, other: &str) -> bool {
    let (one, other) = (segments(one), segments(other));
    one.iter().zip(&other).all(|(a, b)| a == b)
}

/// The keys and indices of a path. A backslash takes a dot for a part of the key.
pub(super) fn segments(path: &str) -> Vec<String> {
    let mut segments = vec![String::new()];
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match (c, segments.last_mut()) {
            ('\\', Some(last)) => last.extend(chars.next()),
            ('.' | '[', _) => segments.push(String::new()),
            (']', _) => {}
            (_, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    segments
}

impl Node {
    /// The value at a path.
    pub(super) fn at(&self, path: &str) -> Option<&Node> {
        segments(path).iter().try_fold(self, |node, segment| node.child(segment))
    }

    /// Where the value at a path comes from, or else what it would be a part of.
    pub(super) fn nearest_origin(&self, path: &str) -> Origin {
        let mut node = self;
        for (depth, segment) in segments(path).iter().enumerate() {
            match node.child(segment) {
                Some(child) => node = child,
                None if depth == 0 => return Origin::WHOLE_FILE,
                None => break,
            }
        }
        node.origin.clone()
    }

    /// Lays a value over the tree. What comes from a higher place than the value stays.
    pub(super) fn set(&mut self, path: &str, value: Node) -> Result<(), String> {
        self.set_segments(&segments(path), value)
    }

    fn set_segments(&mut self, path: &[String], value: Node) -> Result<(), String> {
        let Some((first, rest)) = path.split_first() else {
            if self.origin.rank() <= value.origin.rank() {
                *self = value;
            }
            return Ok(());
        };
        if !self.becomes_container(first, &value.origin) {
            return Ok(());
        }
        match self.slot(first, &value.origin)? {
            Some(slot) => slot.set_segments(rest, value),
            None => Ok(()),
        }
    }

    /// Makes room for keys in place of a scalar. Only flags replace one: what the file has there may be a
    /// mistake, which no variable of the environment should hide.
    fn becomes_container(&mut self, first: &str, by: &Origin) -> bool {
        let replaced = match self.data {
            Data::Map(_) | Data::List(_) => return true,
            Data::Null => self.origin.rank() <= by.rank(),
            _ => matches!(by, Origin::Flag(_)),
        };
        if replaced {
            let data = if first == "0" { Data::List(Vec::new()) } else { Data::Map(Vec::new()) };
            *self = Node { origin: by.clone(), data };
        }
        replaced
    }

    fn slot(&mut self, segment: &str, by: &Origin) -> Result<Option<&mut Node>, String> {
        let vacant = || Node { origin: Origin::WHOLE_FILE, data: Data::Null };
        match &mut self.data {
            Data::Map(entries) => {
                let found = entries.iter().position(|entry| entry.key == segment);
                let index = found.unwrap_or_else(|| {
                    entries.push(Entry { key: segment.to_owned(), origin: by.clone(), value: vacant() });
                    entries.len() - 1
                });
                Ok(entries.get_mut(index).map(|entry| &mut entry.value))
            }
            Data::List(items) => {
                let length = items.len();
                let index = segment.parse::<usize>().ok().filter(|index| *index <= length);
                let index = index.ok_or_else(|| {
                    format!("`{segment}` is no item of a list of {length}; items are counted from 0")
                })?;
                if index == length {
                    items.push(vacant());
                }
                Ok(items.get_mut(index))
            }
            _ => Ok(None),
        }
    }

    /// Takes out what a flag has set to null: it counts as not given.
    pub(super) fn drop_taken_back(&mut self) {
        let taken_back = |node: &Node| matches!((&node.data, &node.origin), (Data::Null, Origin::Flag(_)));
        match &mut self.data {
            Data::Map(entries) => {
                entries.retain(|entry| !taken_back(&entry.value));
                entries.iter_mut().for_each(|entry| entry.value.drop_taken_back());
            }
            Data::List(items) => {
                items.retain(|item| !taken_back(item));
                items.iter_mut().for_each(Node::drop_taken_back);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_a_path() {
        assert_eq!(segments("environments.0.namespace"), ["environments", "0", "namespace"]);
        assert_eq!(segments("environments[0].namespace"), ["environments", "0", "namespace"]);
        assert_eq!(segments(r"annotations.example\.com/x"), ["annotations", "example.com/x"]);
    }

    #[test]
    fn related_paths_share_whole_segments() {
        assert!(related("git", "git.url"));
        assert!(related("environments[1].roles.read", "environments[1]"));
        assert!(!related("environments[1]", "environments[10]"));
        assert!(!related("git.url", "git.author"));
    }
}
