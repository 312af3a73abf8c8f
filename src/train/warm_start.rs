//! Beginning with the weights of another model, as far as they fit.

use std::path::Path;

use tch::Tensor;

use super::{Error, checkpoint};
use crate::loss;
use crate::model::arch::EncoderConfig;
use crate::model::saved::{self, WarmStart};
use crate::model::{growth, weights};

/// Copies into `variables` what has the same name and shape in a model folder or a checkpoint; of a checkpoint, the weights
/// of its best epoch. Of the encoder, which `encoder` describes, what is larger is grown from it. Others keep their values.
///
/// # Errors
/// It cannot be read, or nothing of it fits.
pub(super) fn copy(
    from: &Path,
    variables: &[(String, Tensor)],
    encoder: &EncoderConfig,
) -> Result<WarmStart, Error> {
    let _guard = tch::no_grad_guard();
    let known = if from.is_dir() {
        weights::read(&from.join(saved::WEIGHTS))?.tensors
    } else {
        checkpoint::read(from)?.best()
    };
    let mut report = WarmStart { from: from.display().to_string(), ..WarmStart::default() };
    for (name, variable) in variables.iter().filter(|(name, _)| !loss::is_variable(name)) {
        let values = variable.numel() as u64;
        report.of_tensors += 1;
        report.of_values += values;
        match known.iter().find(|(other, tensor)| other == name && tensor.size() == variable.size()) {
            Some((_, tensor)) => {
                variable.shallow_clone().copy_(tensor);
                report.tensors += 1;
                report.values += values;
            }
            None => match growth::grown(name, variable, &known, encoder) {
                Some(tensor) => {
                    variable.shallow_clone().copy_(&tensor);
                    report.grown += 1;
                }
                None => report.others.push(name.clone()),
            },
        }
    }
    if report.tensors == 0 {
        return Err(Error::NothingFits { from: from.to_owned() });
    }
    Ok(report)
}
