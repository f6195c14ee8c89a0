//! Text inside HTML and SVG.

use std::fmt;

use crate::data::visible::Visible;

/// A text as it stands between tags and in quoted attributes. Control characters, which XML does not allow, and what shows nothing
/// are left out.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let mut visible = Visible::new();
        for sign in self.0.chars().filter(|sign| visible.keeps(*sign)) {
            match sign {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(' ')?,
                sign => f.write_char(sign)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_open_a_tag_or_end_an_attribute() {
        let hostile = "<script>\"x\" & 'y'</script>\u{0}\u{1b}[31m\nnext";
        let shown = Escaped(hostile).to_string();
        assert_eq!(shown, "&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;[31m next");
    }
}
