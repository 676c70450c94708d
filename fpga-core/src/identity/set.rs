//! The people of one picture, checked against each other.
//!
//! Sums of floating-point numbers depend on their order, and the order in which people are named must
//! not show in the picture: a set computes in an order of its own, which follows from what people are
//! (mask, strength, window, tokens) and not from where they stand in the caller's list.

use std::cmp::Ordering;

use burn::tensor::Tensor;

use super::region::RegionMask;
use crate::error::{Context, Error, ErrorKind, Result};
use crate::nn::read_values;

/// One person: who, where, how strongly, and when.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `[rows, n, width]`, one row per row of the batch, the unconditional ones first.
    pub tokens: Tensor<3>,
    /// Where.
    pub region: RegionMask,
    /// 1 as the adapter was trained, 0 silent.
    pub strength: f64,
    /// Share of the steps at which it starts and ends to act: `(0.0, 1.0)` for all.
    pub window: (f64, f64),
}

impl Identity {
    /// Acts at full strength, at all steps.
    pub fn new(tokens: Tensor<3>, region: RegionMask) -> Self {
        Self {
            tokens,
            region,
            strength: 1.0,
            window: (0.0, 1.0),
        }
    }
}

/// People who fit together.
#[derive(Clone, Debug)]
pub struct IdentitySet {
    /// In the caller's order.
    identities: Vec<Identity>,
    /// Indices in the order of computation.
    order: Vec<usize>,
}

/// A mask with less than this share of its weight outside another has no place of its own.
const OWN_PLACE: f64 = 0.01;

impl IdentitySet {
    /// Checks people and their places; the list may be empty.
    ///
    /// # Errors
    /// Names the person: a mask that lies wholly inside another's or has another size, tokens of
    /// another number of rows or another width, tokens with NaN or infinity, a strength that is not
    /// finite, a window that is none.
    pub fn new(identities: Vec<Identity>) -> Result<Self> {
        let set = Self::blending(identities)?;
        for (index, identity) in set.identities.iter().enumerate() {
            let others = set.identities.iter().enumerate();
            for (other, rival) in others.filter(|(other, _)| *other != index) {
                check_own_place(&identity.region, &rival.region, other)
                    .context(|| in_identity(index))?;
            }
        }
        Ok(set)
    }

    /// As [`new`](Self::new), but masks may cover each other: people who share a place are mixed
    /// there in equal parts.
    ///
    /// # Errors
    /// As [`new`](Self::new), without the first.
    pub fn blending(identities: Vec<Identity>) -> Result<Self> {
        let mut values = Vec::with_capacity(identities.len());
        for (index, identity) in identities.iter().enumerate() {
            let checked = identity.check(&identities[0]);
            values.push(checked.context(|| in_identity(index))?);
        }
        let mut order: Vec<usize> = (0..identities.len()).collect();
        order.sort_by(|&a, &b| {
            let tokens = || compare_bits(values[a].iter(), values[b].iter());
            identities[a].compare(&identities[b]).then_with(tokens)
        });
        Ok(Self { identities, order })
    }

    /// In the caller's order.
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// How many people.
    pub fn len(&self) -> usize {
        self.identities.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }

    /// Rows and width of everyone's tokens; `None` for an empty set.
    pub fn token_rows(&self) -> Option<[usize; 2]> {
        let [rows, _, width] = self.identities.first()?.tokens.dims();
        Some([rows, width])
    }

    /// The caller's index and the person, in the order of computation.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (usize, &Identity)> {
        self.order
            .iter()
            .map(|&index| (index, &self.identities[index]))
    }
}

impl Identity {
    /// The values of the tokens, if all is well with this person on their own and beside the first.
    fn check(&self, first: &Self) -> Result<Vec<f32>> {
        let ([rows, _, width], found) = (first.tokens.dims(), self.tokens.dims());
        if [found[0], found[2]] != [rows, width] || found.contains(&0) {
            let expected =
                format!("[{rows}, n, {width}] like the first identity's, none of them 0");
            return Err(Error::shape("identity tokens", expected, found));
        }
        if self.region.size() != first.region.size() {
            let [height, width] = first.region.size();
            let expected = format!("[{height}, {width}] like the first identity's");
            let found = self.region.size();
            return Err(Error::shape("identity mask", expected, found));
        }
        if !self.strength.is_finite() {
            let why = format!("must be finite, found {}", self.strength);
            return Err(Error::invalid("strength", why));
        }
        let (start, end) = self.window;
        if !(0.0 <= start && start <= end && end <= 1.0) {
            let why = format!("needs 0 ≤ start ≤ end ≤ 1, found ({start}, {end})");
            return Err(Error::invalid("window", why));
        }
        let values = read_values(self.tokens.clone())?;
        if values.iter().all(|value| value.is_finite()) {
            return Ok(values);
        }
        Err(Error::new(ErrorKind::NotFinite {
            what: "identity tokens".to_owned(),
        }))
    }

    /// By everything but the tokens.
    fn compare(&self, other: &Self) -> Ordering {
        let (mask, others) = (self.region.weights(), other.region.weights());
        compare_bits(mask.iter(), others.iter())
            .then_with(|| self.strength.total_cmp(&other.strength))
            .then_with(|| self.window.0.total_cmp(&other.window.0))
            .then_with(|| self.window.1.total_cmp(&other.window.1))
    }
}

fn compare_bits<'a>(
    mut a: impl Iterator<Item = &'a f32>,
    mut b: impl Iterator<Item = &'a f32>,
) -> Ordering {
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) if a.total_cmp(b) == Ordering::Equal => {}
            (Some(a), Some(b)) => return a.total_cmp(b),
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}

fn check_own_place(mask: &RegionMask, rival: &RegionMask, other: usize) -> Result<()> {
    let pairs = mask.weights().iter().zip(rival.weights());
    let shared: f64 = pairs.map(|(a, b)| f64::from(a.min(*b))).sum();
    if mask.area() - shared >= OWN_PLACE * mask.area() {
        return Ok(());
    }
    let why = format!("lies wholly inside that of identity {other}: two people in one place");
    Err(Error::invalid("identity mask", why))
}

fn in_identity(index: usize) -> String {
    format!("identity {index}")
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn person(edges: [f32; 4], fill: f32) -> Identity {
        let region = RegionMask::from_box(edges, [8, 8]).unwrap();
        Identity::new(Tensor::full([2, 3, 4], fill, &Device::flex()), region)
    }

    fn refused(people: Vec<Identity>) -> String {
        IdentitySet::new(people).unwrap_err().to_string()
    }

    #[test]
    fn the_order_of_computation_does_not_follow_the_callers() {
        let people = [
            person([0.0, 0.0, 4.0, 8.0], 1.0),
            person([4.0, 0.0, 8.0, 8.0], 2.0),
            person([0.0, 0.0, 8.0, 4.0], 3.0),
            person([0.0, 0.0, 8.0, 4.0], 2.5),
        ];
        let fills = |order: [usize; 4]| -> Vec<f32> {
            let list = order.map(|index| people[index].clone()).to_vec();
            let set = IdentitySet::blending(list).unwrap();
            let fill = |(_, one): (usize, &Identity)| one.tokens.clone().max().into_scalar::<f32>();
            set.in_order().map(fill).collect()
        };
        let first = fills([0, 1, 2, 3]);
        for order in [[3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]] {
            assert_eq!(fills(order), first);
        }
    }

    #[test]
    fn people_without_a_place_of_their_own_are_refused() {
        let all = [0.0, 0.0, 8.0, 8.0];
        let error = refused(vec![person(all, 1.0), person(all, 2.0)]);
        assert_eq!(
            error,
            "identity 0: identity mask: lies wholly inside that of identity 1: two people in one place"
        );
        let inside = refused(vec![person(all, 1.0), person([2.0, 2.0, 4.0, 4.0], 2.0)]);
        assert!(inside.starts_with("identity 1: "), "{inside}");
        let overlapping = vec![
            person([0.0, 0.0, 5.0, 8.0], 1.0),
            person([3.0, 0.0, 8.0, 8.0], 1.0),
        ];
        assert!(IdentitySet::new(overlapping).is_ok());
        assert!(IdentitySet::blending(vec![person(all, 1.0), person(all, 2.0)]).is_ok());
        assert!(IdentitySet::new(Vec::new()).unwrap().is_empty());
    }

    #[test]
    fn whoever_does_not_fit_is_named() {
        let left = || person([0.0, 0.0, 4.0, 8.0], 1.0);
        let right = || person([4.0, 0.0, 8.0, 8.0], 1.0);
        let device = Device::flex();
        let tokens = |shape: [usize; 3]| Identity {
            tokens: Tensor::zeros(shape, &device),
            ..right()
        };
        let wrong = refused(vec![left(), tokens([1, 3, 4])]);
        assert!(wrong.starts_with("identity 1: identity tokens: expected [2, n, 4]"));
        assert!(refused(vec![left(), tokens([2, 3, 5])]).contains("found [2, 3, 5]"));
        assert!(refused(vec![left(), tokens([2, 0, 4])]).contains("none of them 0"));
        assert!(IdentitySet::new(vec![left(), tokens([2, 7, 4])]).is_ok());

        let mut other = right();
        other.region = RegionMask::everywhere([8, 9]).unwrap();
        assert!(refused(vec![left(), other]).contains("expected [8, 8]"));
        let mut other = right();
        other.strength = f64::NAN;
        assert!(refused(vec![left(), other]).contains("strength"));
        let mut other = right();
        other.window = (0.7, 0.2);
        assert!(refused(vec![left(), other]).contains("(0.7, 0.2)"));
        let mut other = right();
        other.tokens = Tensor::full([2, 3, 4], f32::INFINITY, &device);
        assert!(refused(vec![left(), other]).contains("NaN or infinity"));
    }
}
