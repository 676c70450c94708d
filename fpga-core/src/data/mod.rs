//! Data sets: pictures of people with everything that training and measuring needs to know of them.
//!
//! - [`portrait`] draws people whose identities, places and parts are known exactly.

pub mod portrait;
