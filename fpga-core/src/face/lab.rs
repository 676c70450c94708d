//! Colour as people see it: CIELAB and the difference CIEDE2000.
//!
//! Pictures are sRGB (IEC 61966-2-1), levels 0–255; white is D65.

/// A colour in CIELAB under D65.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lab {
    /// Lightness, 0–100.
    pub l: f64,
    /// Green (−) to red (+).
    pub a: f64,
    /// Blue (−) to yellow (+).
    pub b: f64,
}

/// Linear sRGB to XYZ; each row's sum is the white point.
const RGB_TO_XYZ: [[f64; 3]; 3] = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
];

impl Lab {
    /// From sRGB levels 0–255.
    pub fn from_levels(levels: [f32; 3]) -> Self {
        let linear = levels.map(|level| {
            let value = f64::from(level) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        });
        let [x, y, z] = RGB_TO_XYZ.map(|row| {
            let share = dot(row, linear) / row.iter().sum::<f64>();
            if share > 216.0 / 24389.0 {
                share.cbrt()
            } else {
                (24389.0 / 27.0 * share + 16.0) / 116.0
            }
        });
        Self {
            l: 116.0 * y - 16.0,
            a: 500.0 * (x - y),
            b: 200.0 * (y - z),
        }
    }
}

fn dot(p: [f64; 3], q: [f64; 3]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p * q).sum()
}

/// Colour difference CIEDE2000 with unit weights (Sharma, Wu, Dalal 2005); 1 is about the smallest
/// step that people notice.
pub fn delta_e_2000(one: Lab, other: Lab) -> f64 {
    let chroma_7 = ((one.a.hypot(one.b) + other.a.hypot(other.b)) / 2.0).powi(7);
    let stretch = 1.5 - 0.5 * (chroma_7 / (chroma_7 + 25f64.powi(7))).sqrt();
    let polar = |lab: Lab| {
        let a = lab.a * stretch;
        let hue = lab.b.atan2(a).to_degrees().rem_euclid(360.0);
        (a.hypot(lab.b), hue)
    };
    let ((chroma_1, hue_1), (chroma_2, hue_2)) = (polar(one), polar(other));
    let (l_step, chroma_step) = (other.l - one.l, chroma_2 - chroma_1);
    let l = (one.l + other.l) / 2.0;
    let chroma = (chroma_1 + chroma_2) / 2.0;

    let grey = chroma_1 * chroma_2 == 0.0;
    let turn = match hue_2 - hue_1 {
        _ if grey => 0.0,
        turn if turn > 180.0 => turn - 360.0,
        turn if turn < -180.0 => turn + 360.0,
        turn => turn,
    };
    let hue_step = 2.0 * (chroma_1 * chroma_2).sqrt() * (turn / 2.0).to_radians().sin();
    let hue = match hue_1 + hue_2 {
        sum if grey => sum,
        sum if (hue_1 - hue_2).abs() <= 180.0 => sum / 2.0,
        sum if sum < 360.0 => (sum + 360.0) / 2.0,
        sum => (sum - 360.0) / 2.0,
    };

    let cosine = |factor: f64, shift: f64| (factor * hue + shift).to_radians().cos();
    let t = 1.0 - 0.17 * cosine(1.0, -30.0) + 0.24 * cosine(2.0, 0.0) + 0.32 * cosine(3.0, 6.0)
        - 0.20 * cosine(4.0, -63.0);
    let l_weight = 1.0 + 0.015 * (l - 50.0).powi(2) / (20.0 + (l - 50.0).powi(2)).sqrt();
    let chroma_weight = 1.0 + 0.045 * chroma;
    let hue_weight = 1.0 + 0.015 * chroma * t;
    let chroma_7 = chroma.powi(7);
    let rotation = -2.0
        * (chroma_7 / (chroma_7 + 25f64.powi(7))).sqrt()
        * (60.0 * (-((hue - 275.0) / 25.0).powi(2)).exp())
            .to_radians()
            .sin();

    let (l, c, h) = (
        l_step / l_weight,
        chroma_step / chroma_weight,
        hue_step / hue_weight,
    );
    (l * l + c * c + h * h + rotation * c * h).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(l: f64, a: f64, b: f64) -> Lab {
        Lab { l, a, b }
    }

    /// Pairs 1, 4, 7, 9, 15, 17, 24, 25 and 34 of Sharma, Wu, Dalal 2005, table 1.
    #[test]
    fn ciede2000_gives_the_published_differences() {
        let pairs = [
            (
                lab(50.0, 2.6772, -79.7751),
                lab(50.0, 0.0, -82.7485),
                2.0425,
            ),
            (
                lab(50.0, -1.3802, -84.2814),
                lab(50.0, 0.0, -82.7485),
                1.0000,
            ),
            (lab(50.0, 0.0, 0.0), lab(50.0, -1.0, 2.0), 2.3669),
            (
                lab(50.0, 2.4900, -0.0010),
                lab(50.0, -2.4900, 0.0009),
                7.1792,
            ),
            (
                lab(50.0, -0.0010, 2.4900),
                lab(50.0, 0.0011, -2.4900),
                4.7461,
            ),
            (lab(50.0, 2.5, 0.0), lab(73.0, 25.0, -18.0), 27.1492),
            (
                lab(60.2574, -34.0099, 36.2677),
                lab(60.4626, -34.1751, 39.4387),
                1.2644,
            ),
            (
                lab(63.0109, -31.0961, -5.8663),
                lab(62.8187, -29.7946, -4.0864),
                1.2630,
            ),
            (
                lab(2.0776, 0.0795, -1.1350),
                lab(0.9033, -0.0636, -0.5514),
                0.9082,
            ),
        ];
        for (one, other, expected) in pairs {
            let found = [delta_e_2000(one, other), delta_e_2000(other, one)];
            assert!(
                found.iter().all(|d| (d - expected).abs() < 5e-5),
                "{expected}: {found:?}"
            );
        }
    }

    #[test]
    fn lab_of_known_colours() {
        let red = Lab::from_levels([255.0, 0.0, 0.0]);
        let wanted = lab(53.24, 80.09, 67.20);
        assert!(
            (red.l - wanted.l).abs() < 0.01 && (red.a - wanted.a).abs() < 0.01,
            "{red:?}"
        );
        assert!((red.b - wanted.b).abs() < 0.01, "{red:?}");
        for (level, lightness) in [(0.0, 0.0), (2.0, 0.5484), (119.0, 50.0344), (255.0, 100.0)] {
            let grey = Lab::from_levels([level; 3]);
            assert!((grey.l - lightness).abs() < 1e-4, "{grey:?}");
            assert!(grey.a.abs() < 1e-9 && grey.b.abs() < 1e-9, "{grey:?}");
        }
    }
}
