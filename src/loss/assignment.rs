//! The cheapest of all ways to give every output track an event, as tensor operations.

use tch::{Device, Kind, Tensor};

/// All ways to give each of some outputs one of as many or fewer events so that no event is left out: for as many, the
/// permutations.
#[derive(Debug)]
pub(super) struct Assignments {
    events: i64,
    /// The event of every output, one way a row: `[W, N]`.
    table: Tensor,
    /// Where the costs of every way lie among the costs of all pairs: `[W * N]`.
    picks: Tensor,
}

impl Assignments {
    /// Of 1 to 5 outputs onto 1 to that many events.
    pub(super) fn onto(outputs: usize, events: usize, device: Device) -> Self {
        let ways = surjections(outputs, events);
        let picks: Vec<i64> = ways
            .iter()
            .flat_map(|way| (0i64..).zip(way).map(|(output, event)| output * events as i64 + event))
            .collect();
        Self {
            events: events as i64,
            table: Tensor::from_slice(&ways.concat()).view([-1, outputs as i64]).to(device),
            picks: Tensor::from_slice(&picks).to(device),
        }
    }

    /// How many events they are onto.
    pub(super) fn events(&self) -> i64 {
        self.events
    }

    /// The event of every output, `[.., N]`, in the way whose costs have the least sum; the first of several.
    ///
    /// `cost`: of every output and event, `[.., N, M]`.
    pub(super) fn cheapest(&self, cost: &Tensor) -> Tensor {
        let outputs = self.table.size()[1];
        let of_ways = cost.flatten(-2, -1).index_select(-1, &self.picks).unflatten(-1, [-1, outputs]);
        let best = of_ways.sum_dim_intlist(-1, false, None::<Kind>).argmin(-1, false);
        let mut shape = best.size();
        shape.push(outputs);
        self.table.index_select(0, &best.flatten(0, -1)).view(shape.as_slice())
    }
}

/// All maps of `0..outputs` onto `0..events` that leave none out, in lexicographic order.
pub(super) fn surjections(outputs: usize, events: usize) -> Vec<Vec<i64>> {
    let all = (events as u32).pow(outputs as u32);
    let digits = |number: u32| {
        let digit = |place: usize| i64::from(number / (events as u32).pow(place as u32) % events as u32);
        (0..outputs).rev().map(digit).collect::<Vec<i64>>()
    };
    let is_onto = |way: &Vec<i64>| (0..events as i64).all(|event| way.contains(&event));
    (0..all).map(digits).filter(is_onto).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_the_formula_says() {
        // Surjections of n onto m: sum over i of (-1)^i C(m, i) (m - i)^n.
        let counts =
            [[1, 0, 0, 0, 0], [1, 2, 0, 0, 0], [1, 6, 6, 0, 0], [1, 14, 36, 24, 0], [1, 30, 150, 240, 120]];
        for (outputs, row) in (1..).zip(counts) {
            for (events, count) in (1..=outputs).zip(row) {
                assert_eq!(surjections(outputs, events).len(), count, "{outputs} onto {events}");
            }
        }
        assert_eq!(surjections(3, 3)[1], [0, 2, 1]);
    }

    #[test]
    fn the_cheapest_is_found() {
        // Onto the second event alone would be the cheapest: the first must not be left out.
        let cost = Tensor::from_slice(&[5f32, 1.0, 9.0, 2.0, 4.0, 3.0]).view([1, 3, 2]);
        let way = Assignments::onto(3, 2, Device::Cpu).cheapest(&cost);
        assert_eq!(way, Tensor::from_slice(&[1i64, 1, 0]).view([1, 3]));
    }
}
