//! Emphasis in prompts: which words count more, which less.
//!
//! `(words)` multiplies the weight by 1.1, `[words]` divides it by 1.1, `(words:1.3)` multiplies it
//! by 1.3; they nest. A backslash takes the meaning from the bracket behind it. Brackets that
//! never close act to the end; those that never opened are text.

use crate::error::{Error, Result};

/// Part of a prompt with one weight.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedSpan {
    /// Without the brackets.
    pub text: String,
    /// 1 is neutral.
    pub weight: f32,
}

/// What one pair of brackets does to the weight.
const EMPHASIS: f64 = 1.1;

impl WeightedSpan {
    /// Text that is taken as it stands, brackets included.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            weight: 1.0,
        }
    }
}

/// Reads the emphasis out of a prompt; neighbours of equal weight are joined.
///
/// # Errors
/// Brackets whose weights multiply to infinity.
pub fn parse_emphasis(prompt: &str) -> Result<Vec<WeightedSpan>> {
    let mut parser = Parser::default();
    let mut rest = prompt;
    while let Some(symbol) = rest.chars().next() {
        rest = parser.take(symbol, rest);
    }
    parser.finish()
}

/// Pieces so far, and which of them opened a bracket that is still open.
#[derive(Default)]
struct Parser {
    pieces: Vec<(String, f64)>,
    round: Vec<usize>,
    square: Vec<usize>,
    /// Whether the last piece may grow; a bracket starts a new one.
    open: bool,
}

impl Parser {
    /// Takes one symbol, or one closing weight, and returns what follows it.
    fn take<'a>(&mut self, symbol: char, rest: &'a str) -> &'a str {
        let after = &rest[symbol.len_utf8()..];
        match symbol {
            '\\' => {
                let escaped = after.chars().next().filter(|next| r"()[]\".contains(*next));
                self.push(escaped.unwrap_or(symbol));
                return &after[escaped.map_or(0, char::len_utf8)..];
            }
            '(' => Self::opens(&mut self.round, &self.pieces),
            '[' => Self::opens(&mut self.square, &self.pieces),
            ')' if !self.round.is_empty() => self.closes_round(EMPHASIS),
            ']' if !self.square.is_empty() => {
                let from = self.square.pop();
                self.multiply(from, 1.0 / EMPHASIS);
            }
            ':' if !self.round.is_empty() => match closing_weight(after) {
                Some((weight, after)) => {
                    self.closes_round(weight);
                    return self.broken(after);
                }
                None => {
                    self.push(symbol);
                    return after;
                }
            },
            _ => {
                self.push(symbol);
                return after;
            }
        }
        self.broken(after)
    }

    fn broken<'a>(&mut self, after: &'a str) -> &'a str {
        self.open = false;
        after
    }

    fn push(&mut self, symbol: char) {
        match self.pieces.last_mut().filter(|_| self.open) {
            Some((text, _)) => text.push(symbol),
            None => self.pieces.push((symbol.into(), 1.0)),
        }
        self.open = true;
    }

    fn opens(brackets: &mut Vec<usize>, pieces: &[(String, f64)]) {
        brackets.push(pieces.len());
    }

    fn closes_round(&mut self, factor: f64) {
        let from = self.round.pop();
        self.multiply(from, factor);
    }

    fn multiply(&mut self, from: Option<usize>, factor: f64) {
        for (_, weight) in self.pieces.iter_mut().skip(from.unwrap_or(usize::MAX)) {
            *weight *= factor;
        }
    }

    fn finish(mut self) -> Result<Vec<WeightedSpan>> {
        while let Some(from) = self.round.pop() {
            self.multiply(Some(from), EMPHASIS);
        }
        while let Some(from) = self.square.pop() {
            self.multiply(Some(from), 1.0 / EMPHASIS);
        }
        let mut spans: Vec<WeightedSpan> = Vec::new();
        for (text, weight) in self.pieces {
            let weight = weight as f32;
            if !weight.is_finite() {
                let why = format!("the weight of {text:?} is not finite");
                return Err(Error::invalid("prompt", why));
            }
            match spans.last_mut().filter(|last| last.weight == weight) {
                Some(last) => last.text.push_str(&text),
                None => spans.push(WeightedSpan { text, weight }),
            }
        }
        Ok(spans)
    }
}

/// `1.3)` at the start of `text`, white space allowed round the number.
fn closing_weight(text: &str) -> Option<(f64, &str)> {
    let (number, after) = text.split_once(')')?;
    let number = number.trim();
    let plain = |symbol: char| symbol.is_ascii_digit() || "+-.".contains(symbol);
    let weight = number.chars().all(plain).then(|| number.parse().ok())??;
    Some((weight, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(prompt: &str) -> Vec<(String, f32)> {
        let spans = parse_emphasis(prompt).unwrap();
        spans
            .into_iter()
            .map(|span| (span.text, span.weight))
            .collect()
    }

    fn spans(expected: &[(&str, f64)]) -> Vec<(String, f32)> {
        let span = |&(text, weight): &(&str, f64)| (text.to_owned(), weight as f32);
        expected.iter().map(span).collect()
    }

    #[test]
    fn brackets_and_numbers_weigh_what_they_enclose() {
        for (prompt, expected) in [
            ("a red car", &[("a red car", 1.0)][..]),
            ("a (red) car", &[("a ", 1.0), ("red", 1.1), (" car", 1.0)]),
            (
                "a [red] car",
                &[("a ", 1.0), ("red", 1.0 / 1.1), (" car", 1.0)],
            ),
            ("((red))", &[("red", 1.1 * 1.1)]),
            ("(red : 1.5 ) car", &[("red ", 1.5), (" car", 1.0)]),
            ("(a (b:2) c:.5)", &[("a ", 0.5), ("b", 1.0), (" c", 0.5)]),
            ("(x:-1)", &[("x", -1.0)]),
            ("(a)(b)", &[("ab", 1.1)]),
            ("", &[]),
        ] {
            assert_eq!(parsed(prompt), spans(expected), "{prompt}");
        }
    }

    #[test]
    fn what_is_no_emphasis_stays_text() {
        for (prompt, expected) in [
            (r"a \(red\) \[car\] \\", &[(r"a (red) [car] \", 1.0)][..]),
            (r"back\slash", &[(r"back\slash", 1.0)]),
            ("a ) b ] c:1.2)", &[("a ) b ] c:1.2)", 1.0)]),
            ("time 12:30", &[("time 12:30", 1.0)]),
            ("(time: noon)", &[("time: noon", 1.1)]),
            ("(ratio:1.2.3)", &[("ratio:1.2.3", 1.1)]),
            ("open (end", &[("open ", 1.0), ("end", 1.1)]),
            ("open [end", &[("open ", 1.0), ("end", 1.0 / 1.1)]),
        ] {
            assert_eq!(parsed(prompt), spans(expected), "{prompt}");
        }
    }

    #[test]
    fn weights_that_overflow_are_refused() {
        let prompt = format!("{}a", "(".repeat(10_000));
        let error = parse_emphasis(&prompt).unwrap_err().to_string();
        assert!(error.contains("not finite"), "{error}");
    }
}
