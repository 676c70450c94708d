//! `fpga_sampler`: how noise becomes a picture.

use fpga_core::sampler::SamplerKind;

use crate::fault::{Fault, Outcome};

/// How noise becomes a picture, step by step.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_sampler {
    /// The one that the checkpoint names.
    Model = 1,
    /// DDIM; deterministic unless `eta` says otherwise.
    Ddim = 2,
    /// Euler on the probability-flow equation.
    Euler = 3,
    /// Euler with fresh noise at every step.
    EulerAncestral = 4,
    /// DPM-Solver++, second order.
    DpmPp2M = 5,
    /// The same with Karras spacing.
    DpmPp2MKarras = 6,
    /// Latent consistency: 1 to 8 steps, for models distilled to it.
    Lcm = 7,
}

impl fpga_sampler {
    /// `eta` is the share of fresh noise where the sampler has a choice; `None` for its own.
    pub(crate) fn from_code(code: u32, eta: Option<f64>) -> Outcome<Option<SamplerKind>> {
        let kind = match code {
            1 => None,
            2 => Some(SamplerKind::Ddim { eta: 0.0 }),
            3 => Some(SamplerKind::Euler),
            4 => Some(SamplerKind::EulerAncestral { eta: 1.0 }),
            5 => Some(SamplerKind::DpmPp2M { karras: false }),
            6 => Some(SamplerKind::DpmPp2M { karras: true }),
            7 => Some(SamplerKind::Lcm),
            _ => {
                let why = format!("no such sampler: {code}");
                return Err(Fault::argument("fpga_generate_params.sampler", why));
            }
        };
        let Some(eta) = eta else { return Ok(kind) };
        match kind {
            Some(SamplerKind::Ddim { .. }) => Ok(Some(SamplerKind::Ddim { eta })),
            Some(SamplerKind::EulerAncestral { .. }) => {
                Ok(Some(SamplerKind::EulerAncestral { eta }))
            }
            _ => Err(Fault::argument(
                "fpga_generate_params.has_eta",
                "only DDIM and Euler ancestral have one",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sampler_of_the_core_has_its_number() {
        let names = [
            "ddim",
            "euler",
            "euler_ancestral",
            "dpmpp_2m",
            "dpmpp_2m_karras",
            "lcm",
        ];
        for (name, code) in names.into_iter().zip(2..) {
            let expected: SamplerKind = name.parse().unwrap();
            let found = fpga_sampler::from_code(code, None).unwrap();
            assert_eq!(found, Some(expected));
        }
        assert_eq!(fpga_sampler::from_code(1, None).unwrap(), None);
    }

    #[test]
    fn eta_reaches_the_samplers_that_have_one() {
        let with = |code| fpga_sampler::from_code(code, Some(0.25));
        assert_eq!(with(2).unwrap(), Some(SamplerKind::Ddim { eta: 0.25 }));
        let ancestral = SamplerKind::EulerAncestral { eta: 0.25 };
        assert_eq!(with(4).unwrap(), Some(ancestral));
        assert!([1, 3, 5, 6, 7].into_iter().all(|code| with(code).is_err()));
        assert!(with(0).is_err() && with(8).is_err());
    }
}
