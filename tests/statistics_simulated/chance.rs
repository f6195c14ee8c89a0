//! Random numbers, and what is made of them.

/// `SplitMix64` (Steele, Lea and Flood 2014).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Within 0 and 1, both out of reach.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// The logarithm of a Gamma(`shape`) number (Marsaglia and Tsang 2000), since small shapes give numbers below any float.
    pub(crate) fn ln_gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.ln_gamma(shape + 1.0) + self.uniform().ln() / shape;
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d.ln() + v.ln();
            }
        }
    }

    pub(crate) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.ln_gamma(a), self.ln_gamma(b));
        1.0 / (1.0 + (y - x).exp())
    }

    pub(crate) fn dirichlet(&mut self, shapes: &[f64]) -> Vec<f64> {
        let logs: Vec<f64> = shapes.iter().map(|&shape| self.ln_gamma(shape)).collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|x| (x - most).exp()).sum();
        logs.iter().map(|x| (x - most).exp() / sum).collect()
    }

    pub(crate) fn place(&mut self, shares: &[f64]) -> usize {
        let mut left = self.uniform();
        let found = shares.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        found.unwrap_or(shares.len() - 1)
    }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard error of a mean.
pub(crate) fn error_of_mean(values: &[f64]) -> f64 {
    let mean = mean(values);
    let square: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    square.sqrt() / values.len() as f64
}

/// A scale of `points` on which the latent response is normal about `mean` (in points, the lowest being 0).
pub(crate) fn scale(points: usize, mean: f64, deviation: f64) -> Vec<f64> {
    let weight = |at: usize| (-((at as f64 - mean) / deviation).powi(2) / 2.0).exp();
    let sum: f64 = (0..points).map(weight).sum();
    (0..points).map(|at| weight(at) / sum).collect()
}
