//! The folder a trained model is handed over in.
