//! Who appears where: from what is known of a person to tokens that the UNet attends to.
//!
//! A [`projector`] turns features of a face or a picture into identity tokens; [`facial_prompt`] and
//! [`facial_parts`] are ConsistentID's way of telling words which part of a face they name.

pub mod facial_parts;
pub mod facial_prompt;
pub mod projector;
