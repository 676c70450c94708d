//! Numbers drawn from a seed, the same on every machine.
//!
//! A SplitMix64 stream per (seed, purpose): streams of different purposes are independent, so that
//! adding a draw to one leaves the others as they were. Only integer arithmetic and exactly rounded
//! operations (+, −, ×, ÷, √) are used, never the platform's sine or logarithm.

/// What a stream of numbers decides; each has its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Person = 1,
    Scene = 2,
    Pose = 3,
    Attire = 4,
    Marks = 5,
    Backdrop = 6,
    Strands = 7,
    Caption = 8,
    Shuffle = 9,
}

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    state: u64,
}

impl Draws {
    pub(super) fn new(seed: u64, purpose: Purpose) -> Self {
        let state = scramble(seed ^ scramble(purpose as u64));
        Self { state }
    }

    /// Goes on where a stream of this [`state`](Self::state) stopped.
    pub(super) fn resume(state: u64) -> Self {
        Self { state }
    }

    pub(super) fn state(&self) -> u64 {
        self.state
    }

    /// 64 random bits: the way to seed something else.
    pub(super) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        scramble(self.state)
    }

    /// Uniform in [0, 1), a multiple of 2⁻²⁴.
    pub(super) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// A bell within `mean` ± `reach`: the mean of three uniform numbers.
    pub(super) fn near(&mut self, mean: f32, reach: f32) -> f32 {
        let sum = self.unit() + self.unit() + self.unit();
        mean + reach * (sum / 1.5 - 1.0)
    }

    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// −1 or 1.
    pub(super) fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// Below `count`, which is not 0 and far below 2³².
    pub(super) fn index(&mut self, count: usize) -> usize {
        (((self.bits() >> 32) * count as u64) >> 32) as usize
    }

    /// One of a list that is not empty.
    pub(super) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())]
    }

    /// One of a list that is not empty, in proportion to the weights.
    pub(super) fn weighted<T: Copy>(&mut self, list: &[(T, f32)]) -> T {
        let mut left = self.unit() * list.iter().map(|(_, weight)| weight).sum::<f32>();
        for &(item, weight) in list {
            left -= weight;
            if left < 0.0 {
                return item;
            }
        }
        list[list.len() - 1].0
    }
}

/// The finaliser of SplitMix64 (Steele et al. 2014).
fn scramble(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// Sine and cosine of an angle within ±2π, from a polynomial, so that every machine agrees.
pub(super) fn sin_cos(angle: f32) -> (f32, f32) {
    // The double angle formulas need the series for a quarter of the angle only: |x| ≤ π/2.
    let x = f64::from(angle) / 4.0;
    let square = x * x;
    let series = |first: f64| {
        let mut sum = 0.0;
        let mut term = 1.0;
        let mut order = first;
        for _ in 0..9 {
            sum += term;
            term *= -square / (order * (order + 1.0));
            order += 2.0;
        }
        sum
    };
    let (sin, cos) = (x * series(2.0), series(1.0));
    let (sin, cos) = (2.0 * sin * cos, cos * cos - sin * sin);
    ((2.0 * sin * cos) as f32, (cos * cos - sin * sin) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_fixed_and_apart() {
        let first = |purpose| Draws::new(7, purpose).bits();
        assert_eq!(first(Purpose::Person), first(Purpose::Person));
        assert_ne!(first(Purpose::Person), first(Purpose::Scene));
        // The published first outputs of SplitMix64 for the state 0.
        let mut zero = Draws::resume(0);
        assert_eq!(zero.bits(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(zero.bits(), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn numbers_fill_their_range_evenly() {
        let mut draws = Draws::new(1, Purpose::Scene);
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            counts[draws.index(10)] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
        let bell: Vec<f32> = (0..5000).map(|_| draws.near(2.0, 0.5)).collect();
        assert!(bell.iter().all(|value| (1.5..=2.5).contains(value)));
        let mean = bell.iter().sum::<f32>() / 5000.0;
        assert!((mean - 2.0).abs() < 0.01, "{mean}");
        let heavy = (0..4000)
            .filter(|_| draws.weighted(&[(true, 3.0), (false, 1.0)]))
            .count();
        assert!((2850..3150).contains(&heavy), "{heavy}");
    }

    #[test]
    fn sine_and_cosine_are_those_of_mathematics() {
        for step in -200..=200 {
            let angle = step as f32 * 0.0314;
            let (sin, cos) = sin_cos(angle);
            let (exact_sin, exact_cos) = f64::from(angle).sin_cos();
            assert!((f64::from(sin) - exact_sin).abs() < 1e-6, "sin {angle}");
            assert!((f64::from(cos) - exact_cos).abs() < 1e-6, "cos {angle}");
        }
    }
}
