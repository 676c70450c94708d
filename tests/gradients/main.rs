//! Gradients equal those that PyTorch finds for the same weights and pictures, and finite
//! differences.

mod case;
mod consistentid;
mod differences;
mod objectives;
mod parts;
mod trainees;
