//! Python literals as `repr` writes them: read, never evaluated.

/// The deepest nesting.
const DEPTH: usize = 32;
/// The most values of one literal.
const VALUES: usize = 200_000;

/// A value.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq)]
pub(super) enum Literal {
    None,
    Bool(bool),
    /// Also `nan` and `inf`, as lists of numbers print them.
    Number(f64),
    Text(String),
    /// A list or a tuple.
    List(Vec<Literal>),
    /// Also a `defaultdict`. In the order it is written, keys that come again included.
    Dict(Vec<(Literal, Literal)>),
}

/// The reason a text is no literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub(super) struct NotALiteral {
    pub(super) at: usize,
    pub(super) problem: &'static str,
}

/// Reads one literal.
pub(super) fn literal(text: &str) -> Result<Literal, NotALiteral> {
    let mut parser = Parser { text, at: 0, values: 0 };
    let value = parser.value(0)?;
    parser.space();
    if parser.at < text.len() {
        return parser.fail("something follows the value");
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

impl Parser<'_> {
    fn fail<T>(&self, problem: &'static str) -> Result<T, NotALiteral> {
        Err(NotALiteral { at: self.at, problem })
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Passes over `wanted`, if it comes next after white space.
    fn take(&mut self, wanted: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn need(&mut self, wanted: &str, problem: &'static str) -> Result<(), NotALiteral> {
        if self.take(wanted) { Ok(()) } else { self.fail(problem) }
    }

    fn value(&mut self, depth: usize) -> Result<Literal, NotALiteral> {
        self.values += 1;
        if depth > DEPTH || self.values > VALUES {
            return self.fail("nested too deep or too many values");
        }
        self.space();
        match self.peek() {
            Some('\'' | '"') => self.string().map(Literal::Text),
            Some('[') => self.list("[", "]", depth).map(Literal::List),
            Some('(') => self.list("(", ")", depth).map(Literal::List),
            Some('{') => self.dict(depth),
            Some('+' | '-' | '.' | '0'..='9') => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.word(depth),
            _ => self.fail("no value"),
        }
    }

    fn list(&mut self, open: &str, close: &str, depth: usize) -> Result<Vec<Literal>, NotALiteral> {
        self.need(open, "no list")?;
        let mut values = Vec::new();
        while !self.take(close) {
            values.push(self.value(depth + 1)?);
            if !self.take(",") {
                self.need(close, "a list that does not end")?;
                break;
            }
        }
        Ok(values)
    }

    fn dict(&mut self, depth: usize) -> Result<Literal, NotALiteral> {
        self.need("{", "no dict")?;
        let mut entries = Vec::new();
        while !self.take("}") {
            let key = self.value(depth + 1)?;
            self.need(":", "a key without a value")?;
            entries.push((key, self.value(depth + 1)?));
            if !self.take(",") {
                self.need("}", "a dict that does not end")?;
                break;
            }
        }
        Ok(Literal::Dict(entries))
    }

    fn word(&mut self, depth: usize) -> Result<Literal, NotALiteral> {
        let start = self.at;
        let length = self.rest().bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        self.at += length;
        match self.text.get(start..self.at).unwrap_or_default() {
            "None" => Ok(Literal::None),
            "True" => Ok(Literal::Bool(true)),
            "False" => Ok(Literal::Bool(false)),
            "nan" | "NaN" => Ok(Literal::Number(f64::NAN)),
            "inf" | "Infinity" => Ok(Literal::Number(f64::INFINITY)),
            "defaultdict" => self.defaultdict(depth),
            _ => {
                self.at = start;
                self.fail("a word that is no literal")
            }
        }
    }

    /// `defaultdict(<class 'list'>, {..})`, of which the dict is kept.
    fn defaultdict(&mut self, depth: usize) -> Result<Literal, NotALiteral> {
        self.need("(", "a defaultdict without its dict")?;
        if self.take("<") {
            let Some(length) = self.rest().find('>') else {
                return self.fail("a class that does not end");
            };
            self.at += length + 1;
        } else {
            self.need("None", "a defaultdict without its default")?;
        }
        let value = if self.take(",") { self.dict(depth + 1)? } else { Literal::Dict(Vec::new()) };
        self.need(")", "a defaultdict that does not end")?;
        Ok(value)
    }

    fn number(&mut self) -> Result<Literal, NotALiteral> {
        let rest = self.rest();
        let bare = rest.trim_start_matches(['+', '-']);
        let sign = rest.len() - bare.len();
        let word = ["inf", "nan"].into_iter().find(|word| bare.starts_with(word)).map(str::len);
        let digits = |(at, c): (usize, char)| {
            let signs = matches!(c, '+' | '-') && bare.get(..at).is_some_and(|so_far| so_far.ends_with(['e', 'E']));
            !(c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') || signs)
        };
        let length =
            word.unwrap_or_else(|| bare.char_indices().find(|at| digits(*at)).map_or(bare.len(), |(at, _)| at));
        let number = rest.get(..sign + length).filter(|_| sign <= 1).and_then(|number| number.parse().ok());
        match number {
            Some(number) => {
                self.at += sign + length;
                Ok(Literal::Number(number))
            }
            None => self.fail("no number"),
        }
    }

    fn string(&mut self) -> Result<String, NotALiteral> {
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return self.fail("a string that does not end"),
                c if c == quote => return Ok(text),
                Some('\\') => self.escape(&mut text)?,
                Some('\n') => return self.fail("a line end in a string"),
                Some(c) => text.push(c),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn escape(&mut self, text: &mut String) -> Result<(), NotALiteral> {
        let c = match self.next() {
            None => return self.fail("a string that does not end"),
            Some('\n') => return Ok(()),
            Some(c @ ('\\' | '\'' | '"')) => c,
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('v') => '\u{b}',
            Some('x') => self.code(2, 16)?,
            Some('u') => self.code(4, 16)?,
            Some('U') => self.code(8, 16)?,
            Some('0'..='7') => {
                self.at -= 1;
                let length = self.rest().bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                self.code(length, 8)?
            }
            Some('N') => return self.fail("a character by name"),
            // Python keeps the backslash of an escape it does not know.
            Some(c) => {
                text.push('\\');
                c
            }
        };
        text.push(c);
        Ok(())
    }

    /// The character with a code of so many digits.
    fn code(&mut self, length: usize, radix: u32) -> Result<char, NotALiteral> {
        let digits = self.rest().get(..length).filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, radix).ok()).and_then(char::from_u32);
        match code {
            Some(c) => {
                self.at += length;
                Ok(c)
            }
            None => self.fail("an escape that is no character"),
        }
    }
}

#[cfg(test)]
mod tests;
