//! The folder a trained model is handed over in: a model folder (see [`crate::model::saved`]) plus TorchScript and
//! a model card. Nothing counts as exported before it was read back and compared.

mod card;
mod torchscript;

use std::path::{Path, PathBuf};

use tch::Device;

use crate::fs::{self, FileError};
use crate::model::saved::{self, SavedModel};

/// The TorchScript file of an export folder.
pub const TORCHSCRIPT: &str = "model.pt";
/// The model card of an export folder.
pub const CARD: &str = "MODEL_CARD.md";

/// An export failed; nothing was left behind.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is something at the target already.
    #[error("{} is not empty: remove it or choose another folder", .0.display())]
    Occupied(PathBuf),
    /// The model cannot be read or written.
    #[error(transparent)]
    Model(#[from] saved::Error),
    /// The folder cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// libtorch refused.
    #[error("cannot {action} TorchScript: {source}")]
    Torch {
        /// What was tried.
        action: &'static str,
        /// What libtorch said.
        source: tch::TchError,
    },
    /// The traced module says something else than the network it was traced from.
    #[error(
        "the traced module differs from the network by {difference:e} for input {shape:?}; this is a bug, please report it"
    )]
    Differs {
        /// Largest absolute difference.
        difference: f64,
        /// Shape of the input.
        shape: [i64; 3],
    },
}

/// Exports the model in `model_folder` to a new folder `out`.
pub fn export(model_folder: &Path, out: &Path) -> Result<(), Error> {
    if fs::is_occupied(out) {
        return Err(Error::Occupied(out.to_owned()));
    }
    let model = SavedModel::load(model_folder)?;
    let (_variables, detector) = model.detector(Device::Cpu)?;
    fs::create_folder(out, |folder| {
        model.save(folder)?;
        torchscript::write(&detector, &folder.join(TORCHSCRIPT))?;
        fs::write_bytes(&folder.join(CARD), card::render(&model).as_bytes())?;
        Ok(())
    })
}

/// Brings the section on thresholds of a folder's model card up to date; what else stands there is left as it is, and a
/// folder without a card stays without.
///
/// # Errors
/// The card cannot be read or written.
pub fn renew_card(folder: &Path, model: &SavedModel) -> Result<(), FileError> {
    let path = folder.join(CARD);
    match std::fs::read_to_string(&path) {
        Ok(card) => fs::write_bytes(&path, card::renew(&card, model).as_bytes()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(FileError::at("read", &path)(error)),
    }
}
