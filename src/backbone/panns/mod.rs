//! PANNs: convolutional taggers of AudioSet's classes (Q. Kong et al., "PANNs: Large-Scale Pretrained Audio Neural
//! Networks for Audio Pattern Recognition", IEEE/ACM TASLP 28, 2020), and E-PANNs, a pruned Cnn14 (A. Singh et al.,
//! "E-PANNs: Sound Recognition Using Efficient Pre-trained Audio Neural Networks", Inter-Noise 2023).
//!
//! They share the front-end and the way from the last block to the classes; what they do not share is the data of
//! a [`Variant`].

mod front_end;
mod mobilenet;
mod network;
mod variant;

pub use network::Panns;
pub use variant::{CNN6, CNN10, CNN14, EPANNS, MOBILENETV1, Variant};
