//! The crate `optimizer`: TPE, multivariate TPE, Gaussian processes, NSGA-II and BOHB, with its own defaults.

use at2seld::search::snapshot::Assignment;
use at2seld::search::space::Domain;
use at2seld::simulate::Table;
use optimizer::parameter::{CategoricalParam, FloatParam, IntParam, Parameter as _};
use optimizer::sampler::Sampler;
use optimizer::sampler::bohb::BohbSampler;
use optimizer::sampler::gp::GpSampler;
use optimizer::sampler::random::RandomSampler;
use optimizer::sampler::tpe::{MultivariateTpeSampler, TpeSampler};
use optimizer::{Direction, Study, Trial};
use serde_json::Value;

use super::Peer;

enum Parameter {
    Float(FloatParam),
    Int(IntParam),
    Choice(CategoricalParam<usize>, Vec<Value>),
}

/// A search by one of its samplers.
pub struct Optimizer {
    study: Study<f64>,
    parameters: Vec<(String, Parameter)>,
    asked: Option<Trial>,
}

impl Optimizer {
    pub fn new(method: &str, table: &Table, seed: u64) -> Option<Self> {
        let study = match method {
            "random" => study(RandomSampler::with_seed(seed)),
            "tpe" => study(TpeSampler::builder().seed(seed).build().ok()?),
            "multivariate_tpe" => study(MultivariateTpeSampler::builder().seed(seed).build().ok()?),
            "gp" => study(GpSampler::with_seed(seed)),
            "bohb" => study(BohbSampler::builder().seed(seed).build().ok()?),
            _ => return None,
        };
        let parameters =
            table.space.parameters().iter().map(|p| (p.key.clone(), parameter(&p.key, &p.domain))).collect();
        Some(Self { study, parameters, asked: None })
    }
}

fn study(sampler: impl Sampler + 'static) -> Study<f64> {
    Study::with_sampler(Direction::Minimize, sampler)
}

fn parameter(key: &str, domain: &Domain) -> Parameter {
    match domain {
        Domain::Choice(values) => {
            Parameter::Choice(CategoricalParam::new((0..values.len()).collect()).name(key), values.clone())
        }
        Domain::Int { low, high, step, log } => {
            let parameter = IntParam::new(*low, *high).step(*step).name(key);
            Parameter::Int(if *log { parameter.log_scale() } else { parameter })
        }
        Domain::Float { low, high, log } => {
            let parameter = FloatParam::new(*low, *high).name(key);
            Parameter::Float(if *log { parameter.log_scale() } else { parameter })
        }
    }
}

impl Peer for Optimizer {
    fn ask(&mut self) -> Assignment {
        let mut trial = self.study.ask();
        let mut value = |parameter: &Parameter| -> Value {
            match parameter {
                Parameter::Float(float) => float.suggest(&mut trial).expect("a value").into(),
                Parameter::Int(int) => int.suggest(&mut trial).expect("a value").into(),
                Parameter::Choice(choice, values) => {
                    values[choice.suggest(&mut trial).expect("a value")].clone()
                }
            }
        };
        let assignment = self.parameters.iter().map(|(key, own)| (key.clone(), value(own))).collect();
        self.asked = Some(trial);
        assignment
    }

    fn tell(&mut self, loss: f64) {
        if let Some(trial) = self.asked.take() {
            self.study.tell(trial, Ok::<f64, String>(loss));
        }
    }
}
