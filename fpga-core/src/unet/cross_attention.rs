//! Which cross-attention layers a UNet has, and on which grid of pixels each of them works.

use super::config::{StageConfig, TransformerConfig, UNetConfig};

/// Where in the UNet a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Before the middle.
    Down,
    /// In the middle.
    Mid,
    /// After the middle.
    Up,
}

/// One cross-attention layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossAttention {
    /// Where it is.
    pub way: Way,
    /// Channels of its queries.
    pub width: usize,
    /// Width of the text tokens.
    pub context_width: usize,
    /// Attention heads.
    pub heads: usize,
    /// How many times the latents are halved before they reach it.
    pub halvings: usize,
}

impl CrossAttention {
    /// Height and width of its grid, for latents of this height and width. Odd sizes are halved
    /// upwards, as the UNet's strided convolutions do.
    pub fn grid(&self, latents: [usize; 2]) -> [usize; 2] {
        latents.map(|side| (0..self.halvings).fold(side, |side, _| side.div_ceil(2)))
    }
}

impl UNetConfig {
    /// All cross-attention layers in the order of use: down, middle, up.
    pub fn cross_attention(&self) -> Vec<CrossAttention> {
        let stages = &self.encoder.stages;
        let last = stages.len() - 1;
        let down = stages.iter().enumerate();
        let down = down.flat_map(|(halvings, stage)| layers(Way::Down, stage, halvings));
        let middle = StageConfig {
            layers: 1,
            transformer: self.encoder.mid,
            ..stages[last]
        };
        let up = self.up_stages.iter().enumerate();
        let up = up.flat_map(|(index, stage)| layers(Way::Up, stage, last.saturating_sub(index)));
        down.chain(layers(Way::Mid, &middle, last))
            .chain(up)
            .collect()
    }
}

/// Those of one stage.
fn layers(
    way: Way,
    stage: &StageConfig,
    halvings: usize,
) -> impl Iterator<Item = CrossAttention> + use<> {
    let &StageConfig {
        channels,
        layers,
        transformer,
    } = stage;
    transformer.into_iter().flat_map(move |config| {
        let TransformerConfig {
            heads,
            depth,
            context_width,
            ..
        } = config;
        let layer = CrossAttention {
            way,
            width: channels,
            context_width,
            heads,
            halvings,
        };
        std::iter::repeat_n(layer, layers * depth)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_model_has_sixteen_layers_on_four_grids() {
        let config = UNetConfig::from_json(&json!({ "cross_attention_dim": 768 })).unwrap();
        let layers = config.cross_attention();
        let seen = |way| -> Vec<_> {
            let of_way = layers.iter().filter(|layer| layer.way == way);
            of_way
                .map(|layer| (layer.width, layer.grid([9, 64])))
                .collect()
        };
        let (top, second, third) = ((320, [9, 64]), (640, [5, 32]), (1280, [3, 16]));
        assert_eq!(seen(Way::Down), [top, top, second, second, third, third]);
        assert_eq!(seen(Way::Mid), [(1280, [2, 8])]);
        let up = [[third; 3], [second; 3], [top; 3]].concat();
        assert_eq!(seen(Way::Up), up);
    }
}
