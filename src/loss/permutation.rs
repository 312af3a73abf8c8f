//! Least-cost assignment over all permutations of up to five tracks, as tensor operations.

use tch::{Kind, Tensor};

/// Mean over tracks of the cost of the cheapest one-to-one assignment.
///
/// `cost`: `[B, T, N outputs, N targets]`. Returns `[B, T]`; differentiable in `cost`.
pub(super) fn least_assignment_cost(cost: &Tensor) -> Tensor {
    let tracks = cost.size()[2];
    let orders = permutations(tracks as usize);
    // Position of every (output, target) pair of every permutation in the flattened N x N matrix.
    let picks: Vec<i64> = orders
        .iter()
        .flat_map(|order| order.iter().zip(0..).map(|(target, output)| output * tracks + target))
        .collect();
    let picks = Tensor::from_slice(&picks).to(cost.device());
    let chosen = cost.flatten(2, 3).index_select(-1, &picks);
    let by_order = chosen.unflatten(-1, [orders.len() as i64, tracks]).mean_dim(-1, false, Kind::Float);
    by_order.amin(-1, false)
}

/// All orders of `0..n`, in lexicographic order.
pub(super) fn permutations(n: usize) -> Vec<Vec<i64>> {
    fn extend(prefix: &mut Vec<i64>, n: usize, out: &mut Vec<Vec<i64>>) {
        if prefix.len() == n {
            out.push(prefix.clone());
            return;
        }
        for next in 0..n as i64 {
            if !prefix.contains(&next) {
                prefix.push(next);
                extend(prefix, n, out);
                prefix.pop();
            }
        }
    }
    let mut out = Vec::new();
    extend(&mut Vec::new(), n, &mut out);
    out
}
