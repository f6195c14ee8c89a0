/// Estimates how many tokens a text is, without a model's vocabulary.
pub fn estimate_tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}
