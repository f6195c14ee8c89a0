//! A list of numbers that mostly holds one: no memory besides itself until it holds more.

/// Numbers in the order they came.
#[derive(Debug, Clone, Default)]
pub(super) enum Few {
    #[default]
    None,
    One(u32),
    More(Vec<u32>),
}

impl Few {
    pub(super) fn push(&mut self, number: u32) {
        match self {
            Self::None => *self = Self::One(number),
            Self::One(first) => *self = Self::More(vec![*first, number]),
            Self::More(numbers) => numbers.push(number),
        }
    }

    pub(super) fn as_slice(&self) -> &[u32] {
        match self {
            Self::None => &[],
            Self::One(number) => std::slice::from_ref(number),
            Self::More(numbers) => numbers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn numbers_stay_in_the_order_they_came() {
        let mut few = Few::default();
        for n in 0..5_u32 {
            assert_eq!(few.as_slice(), (0..n).collect::<Vec<_>>());
            few.push(n);
        }
        assert_eq!(size_of::<Few>(), size_of::<Vec<u32>>());
    }
}
