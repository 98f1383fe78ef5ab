//! Patterns as a tree of segments, so that a path is compared with all of them at once, without allocation.

use crate::pattern::{Pattern, Segment, decode, has_dots, is_dots, next_segment};

/// Values by pattern. A path finds the value of the most specific pattern that matches it.
#[derive(Debug, Clone)]
pub(super) struct Tree<T> {
    nodes: Vec<Node>,
    values: Vec<T>,
}

/// Where some patterns have come to after the same segments. Nodes and values are named by their index.
#[derive(Debug, Clone, Default)]
struct Node {
    /// Sorted by the literal, decoded.
    literals: Vec<(Box<[u8]>, usize)>,
    parameter: Option<usize>,
    rest: Option<usize>,
    here: Option<usize>,
}

const ROOT: usize = 0;

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], values: Vec::new() }
    }
}

impl<T> Tree<T> {
    /// The value of a pattern of this shape, whatever its parameters are called; it is made if there is none.
    pub(super) fn entry(&mut self, pattern: &Pattern, new: impl FnOnce() -> T) -> &mut T {
        let next = self.values.len();
        let index = *self.slot(pattern).get_or_insert(next);
        if index == next {
            self.values.push(new());
        }
        &mut self.values[index]
    }

    /// Where the value of a pattern belongs; the nodes on the way are made.
    fn slot(&mut self, pattern: &Pattern) -> &mut Option<usize> {
        let mut at = ROOT;
        for segment in pattern.segments() {
            let next = self.nodes.len();
            let node = &mut self.nodes[at];
            at = match segment {
                Segment::Rest(_) => return &mut self.nodes[at].rest,
                Segment::Parameter(_) => *node.parameter.get_or_insert(next),
                Segment::Literal(literal) => match node.literals.binary_search_by(|(known, _)| known.cmp(literal)) {
                    Ok(found) => node.literals[found].1,
                    Err(place) => {
                        node.literals.insert(place, (literal.clone(), next));
                        next
                    }
                },
            };
            if at == next {
                self.nodes.push(Node::default());
            }
        }
        &mut self.nodes[at].here
    }

    /// All values, in the order in which they were added.
    pub(super) fn into_values(self) -> Vec<T> {
        self.values
    }

    /// The value of the most specific pattern that matches the path: at each segment a literal goes before a parameter,
    /// and a parameter before a rest.
    pub(super) fn find(&self, path: &str) -> Option<&T> {
        let below = path.strip_prefix('/')?;
        self.walk(ROOT, Some(below.as_bytes())).map(|index| &self.values[index])
    }

    /// Every node is visited once at most, however the patterns overlap: one way leads to each.
    fn walk(&self, at: usize, left: Option<&[u8]>) -> Option<usize> {
        let node = &self.nodes[at];
        let Some(bytes) = left else { return node.here };
        let (segment, left) = next_segment(bytes);
        let literal = node.literal(segment).and_then(|child| self.walk(child, left));
        let parameter = || self.walk(node.parameter.filter(|_| is_value(segment))?, left);
        let rest = || node.rest.filter(|_| !has_dots(bytes));
        literal.or_else(parameter).or_else(rest)
    }

    /// The value of the pattern that matches the most of the path, from its beginning and by whole segments.
    pub(super) fn find_prefix(&self, path: &str) -> Option<&T> {
        let left = path.strip_prefix('/').map(str::as_bytes);
        self.walk_prefix(ROOT, left).map(|index| &self.values[index])
    }

    fn walk_prefix(&self, at: usize, left: Option<&[u8]>) -> Option<usize> {
        let node = &self.nodes[at];
        let Some(bytes) = left else { return node.here };
        let (segment, left) = next_segment(bytes);
        let literal = node.literal(segment).and_then(|child| self.walk_prefix(child, left));
        let parameter = || self.walk_prefix(node.parameter.filter(|_| is_value(segment))?, left);
        literal.or_else(parameter).or(node.here)
    }
}

impl Node {
    fn literal(&self, segment: &[u8]) -> Option<usize> {
        let segment = decode(segment);
        let found = self.literals.binary_search_by(|(literal, _)| (**literal).cmp(&*segment)).ok()?;
        Some(self.literals[found].1)
    }
}

/// Whether a parameter takes the segment.
fn is_value(segment: &[u8]) -> bool {
    !segment.is_empty() && !is_dots(segment)
}
