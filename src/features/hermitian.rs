//! Many Hermitian 4 x 4 matrices at once, as planes, and their dominant eigenvectors by repeated squaring.
//!
//! Squaring a matrix squares the ratio of its eigenvalues, so that a few squarings leave the projection on the dominant
//! eigenvector. On planes that is a chain of elementwise operations, several times faster than a solver that is called
//! for every matrix.

use tch::Tensor;

/// Rows and columns of the entries above the diagonal.
const UPPER: [(usize, usize); 6] = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
/// Keeps the trace of nothing finite: smaller than any that float32 can square.
const TINY: f64 = 1e-30;

/// Matrices whose entries are tensors of one shape.
#[derive(Debug)]
pub(super) struct Hermitian {
    diagonal: [Tensor; 4],
    /// Of the entries above the diagonal.
    real: [Tensor; 6],
    /// Of the entries above the diagonal.
    imag: [Tensor; 6],
}

impl Hermitian {
    /// From planes along axis 1: the diagonal, then the real and then the imaginary parts of the entries above it, row by
    /// row.
    pub(super) fn from_planes(planes: &Tensor) -> Self {
        let plane = |index: usize| planes.select(1, index as i64).contiguous();
        Self {
            diagonal: std::array::from_fn(plane),
            real: std::array::from_fn(|i| plane(4 + i)),
            imag: std::array::from_fn(|i| plane(10 + i)),
        }
    }

    /// Projections on the dominant eigenvector, of trace 1, after this many squarings.
    pub(super) fn projection(&self, squarings: usize) -> Self {
        (0..squarings).fold(self.with_unit_trace(), |power, _| power.square().with_unit_trace())
    }

    /// The sum of the products of all entries with the conjugates of the other's: the mean of this one's eigenvalues that
    /// the other, of trace 1 and with the same eigenvectors, weighs.
    pub(super) fn inner(&self, other: &Self) -> Tensor {
        let mut upper = self.real[0].zeros_like();
        for (a, b) in self.real.iter().zip(&other.real).chain(self.imag.iter().zip(&other.imag)) {
            upper = upper.addcmul_(a, b);
        }
        let mut sum = upper * 2.0;
        for (a, b) in self.diagonal.iter().zip(&other.diagonal) {
            sum = sum.addcmul_(a, b);
        }
        sum
    }

    /// This minus `scale` times the other.
    pub(super) fn minus(&self, scale: &Tensor, other: &Self) -> Self {
        let difference = |a: &Tensor, b: &Tensor| a - scale * b;
        Self {
            diagonal: std::array::from_fn(|i| difference(&self.diagonal[i], &other.diagonal[i])),
            real: std::array::from_fn(|i| difference(&self.real[i], &other.real[i])),
            imag: std::array::from_fn(|i| difference(&self.imag[i], &other.imag[i])),
        }
    }

    /// Real parts of the first row above the diagonal, stacked along axis 1.
    pub(super) fn first_row(&self) -> Tensor {
        Tensor::stack(&self.real[..3], 1)
    }

    fn with_unit_trace(&self) -> Self {
        let [a, b, c, d] = &self.diagonal;
        let inverse = ((a + b) + (c + d)).clamp_min(TINY).reciprocal();
        let scaled = |x: &Tensor| x * &inverse;
        Self {
            diagonal: self.diagonal.each_ref().map(scaled),
            real: self.real.each_ref().map(scaled),
            imag: self.imag.each_ref().map(scaled),
        }
    }

    fn square(&self) -> Self {
        let minus_imag = self.imag.each_ref().map(|x| -x);
        let diagonal = std::array::from_fn(|i| {
            let mut sum = &self.diagonal[i] * &self.diagonal[i];
            for (entry, _) in UPPER.iter().enumerate().filter(|(_, (row, column))| *row == i || *column == i)
            {
                sum = sum.addcmul_(&self.real[entry], &self.real[entry]);
                sum = sum.addcmul_(&self.imag[entry], &self.imag[entry]);
            }
            sum
        });
        // Entry (i, j), also below the diagonal: its real and imaginary part, and the latter's negative.
        let entry = |i: usize, j: usize| {
            let index = UPPER.iter().position(|place| *place == (i.min(j), i.max(j))).unwrap_or_default();
            let (imag, negative) = (&self.imag[index], &minus_imag[index]);
            if i < j { (&self.real[index], imag, negative) } else { (&self.real[index], negative, imag) }
        };
        let upper = |index: usize| {
            let (i, j) = UPPER[index];
            let both = &self.diagonal[i] + &self.diagonal[j];
            let mut real = &both * &self.real[index];
            let mut imag = both * &self.imag[index];
            for m in (0..4).filter(|m| *m != i && *m != j) {
                let ((ar, ai, minus_ai), (br, bi, _)) = (entry(i, m), entry(m, j));
                real = real.addcmul_(ar, br).addcmul_(minus_ai, bi);
                imag = imag.addcmul_(ar, bi).addcmul_(ai, br);
            }
            [real, imag]
        };
        let parts: [[Tensor; 2]; 6] = std::array::from_fn(upper);
        Self {
            diagonal,
            real: parts.each_ref().map(|[real, _]| real.shallow_clone()),
            imag: parts.each_ref().map(|[_, imag]| imag.shallow_clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// Random covariances of `count` vectors each, as planes and as matrices.
    fn covariances(matrices: i64, count: i64) -> (Hermitian, Tensor) {
        tch::manual_seed(2);
        let x = Tensor::randn([matrices, 4, count], (Kind::ComplexFloat, Device::Cpu));
        let all = x.matmul(&x.conj().transpose(1, 2).resolve_conj()) / count as f64;
        let parts = all.view_as_real();
        let part = |(i, j): (usize, usize), which: i64| {
            parts.select(1, i as i64).select(1, j as i64).select(1, which)
        };
        let mut planes: Vec<Tensor> = (0..4).map(|i| part((i, i), 0)).collect();
        planes.extend(UPPER.map(|place| part(place, 0)));
        planes.extend(UPPER.map(|place| part(place, 1)));
        (Hermitian::from_planes(&Tensor::stack(&planes, 1)), all)
    }

    #[test]
    fn squaring_finds_what_a_solver_finds() {
        let (planes, matrices) = covariances(2000, 7);
        let (values, vectors) = matrices.linalg_eigh("L");
        let projection = planes.projection(12);
        let first = planes.inner(&projection);
        let largest = values.select(1, 3);
        assert!(((&first - &largest) / &largest).abs().max().double_value(&[]) < 1e-4);
        let rest = planes.minus(&first, &projection);
        let second = rest.inner(&rest.projection(8));
        let relative = (second / values.select(1, 2) - 1.0).abs();
        assert!(relative.mean(Kind::Float).double_value(&[]) < 1e-3);
        assert!(relative.max().double_value(&[]) < 1e-2);
        // u_0 conj(u_c) of the solver's eigenvector.
        let principal = vectors.select(2, 3);
        let products = (principal.narrow(1, 1, 3).conj() * principal.narrow(1, 0, 1)).real();
        let clear = largest.gt_tensor(&(values.select(1, 2) * 1.1)).unsqueeze(1);
        let far = (projection.first_row() - products) * clear;
        assert!(far.abs().max().double_value(&[]) < 1e-4);
    }

    #[test]
    fn nothing_has_no_eigenvalue() {
        let zeros = Tensor::zeros([3, 16], (Kind::Float, Device::Cpu));
        let planes = Hermitian::from_planes(&zeros);
        assert_eq!(planes.inner(&planes.projection(6)).abs().max().double_value(&[]), 0.0);
    }
}
