//! Wording that fuzzing found to be read back otherwise than it was written.
#![allow(clippy::unwrap_used, missing_docs)]

use rpm_core::prompt::{Template, TemplateError};

#[test]
fn a_template_is_read_back_from_its_text_or_refused() {
    for wording in ["=== user ===\n{{known_factors}\n}}", "{{ a} }}=== user ===", "=== user ==={{x}\t}} {{items}}"] {
        assert_eq!(Template::new(wording), Err(TemplateError::Unclosed), "{wording:?}");
    }
    for wording in ["{ {{ items }} }=== user ==={{{x}} {{}}", "=== user === user ===\n{{items}}}"] {
        let template = Template::new(wording).unwrap();
        assert_eq!(Template::new(&template.to_string()), Ok(template), "{wording:?}");
    }
}
