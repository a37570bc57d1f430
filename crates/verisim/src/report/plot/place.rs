//! Finds room for a label beside its point; it does not know what is drawn there.

/// How much line may be hidden to be nearer by as much.
const FARNESS: f64 = 0.25;
/// How much line may be hidden for a tenth of the way to the point to be free of solid things.
const CROSSING: f64 = 20.0;
/// Room between a label and its point, in heights of the label.
const MIN_DISTANCE: f64 = 0.4;
/// How much line may be hidden for a label to be read with the right dot.
const MISLEADING: f64 = 60.0;

/// A rectangle, in any unit, with y growing downward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Rect {
    /// The rectangle around two points.
    pub(super) fn around(a: (f64, f64), b: (f64, f64)) -> Self {
        Self { left: a.0.min(b.0), top: a.1.min(b.1), right: a.0.max(b.0), bottom: a.1.max(b.1) }
    }

    /// The point of the rectangle that is nearest to another point.
    pub(super) fn nearest(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom))
    }

    fn distance(&self, point: (f64, f64)) -> f64 {
        let (x, y) = self.nearest(point);
        (x - point.0).hypot(y - point.1)
    }

    /// How much of `other` lies within: width and height of what both cover, `None` if they are
    /// apart.
    fn overlap(&self, other: &Self) -> Option<(f64, f64)> {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        (width >= 0.0 && height >= 0.0).then_some((width, height))
    }

    fn is_line(&self) -> bool {
        self.left == self.right || self.top == self.bottom
    }

    fn is_within(&self, bounds: &Self) -> bool {
        bounds.left <= self.left
            && self.right <= bounds.right
            && bounds.top <= self.top
            && self.bottom <= bounds.bottom
    }
}

/// Where a label of `size` (width, height) goes that belongs to `point`: not far from it, and over
/// as little of `taken` as can be, which are lines (without width or height) and solid things. A
/// place that is nearer to another of `dots` would be read as that one's label. `None` if it fits
/// nowhere within `bounds`.
pub(super) fn beside(
    point: (f64, f64),
    (width, height): (f64, f64),
    bounds: &Rect,
    taken: &[Rect],
    dots: &[(f64, f64)],
) -> Option<Rect> {
    let mut best: Option<(f64, Rect)> = None;
    for place in places_around(point, (width, height)) {
        let own_distance = place.distance(point);
        if own_distance < MIN_DISTANCE * height || !place.is_within(bounds) {
            continue;
        }
        let hidden: f64 = taken.iter().map(|it| weight_of(&place, it)).sum();
        let is_misleading = dots.iter().any(|&dot| place.distance(dot) < own_distance);
        let misleading = if is_misleading { MISLEADING } else { 0.0 };
        let crossed = CROSSING * n_crossed(point, place.nearest(point), taken) as f64;
        let cost = hidden + FARNESS * own_distance + misleading + crossed;
        if best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, place));
        }
    }
    best.map(|(_, place)| place)
}

/// Places to the right, to the left, above and below, some of them far.
fn places_around((x, y): (f64, f64), (width, height): (f64, f64)) -> impl Iterator<Item = Rect> {
    let columns = [0.5, 1.5, 3.0, 5.0].map(|gap| gap * height);
    let columns = columns.into_iter().flat_map(move |gap| [gap, -gap - width]);
    columns.chain([-width / 2.0]).flat_map(move |dx| {
        (-20..20).map(move |step| {
            let left_top = (x + dx, y + f64::from(step) * height / 4.0);
            Rect::around(left_top, (left_top.0 + width, left_top.1 + height))
        })
    })
}

/// How many tenths of the way from one point to another lead through solid things, but for those
/// that it starts in.
fn n_crossed(from: (f64, f64), to: (f64, f64), taken: &[Rect]) -> usize {
    let start = Rect::around(from, from);
    let is_obstacle = |it: &&Rect| !it.is_line() && it.overlap(&start).is_none();
    let obstacles: Vec<&Rect> = taken.iter().filter(is_obstacle).collect();
    let is_crossed = |tenth: &i32| {
        let share = f64::from(*tenth) / 10.0;
        let at = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
        obstacles.iter().any(|it| it.overlap(&Rect::around(at, at)).is_some())
    };
    (1..10).filter(is_crossed).count()
}

/// How bad it is to hide what is taken: the length of a line, the area of a solid thing.
fn weight_of(place: &Rect, taken: &Rect) -> f64 {
    match place.overlap(taken) {
        None => 0.0,
        Some((width, height)) if taken.is_line() => 1.0 + width + height,
        Some((width, height)) => 10.0 + width * height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Rect = Rect { left: 0.0, top: 0.0, right: 100.0, bottom: 100.0 };

    #[test]
    fn a_label_stays_within_bounds() {
        for point in [(0.0, 0.0), (100.0, 0.0), (0.0, 100.0), (100.0, 100.0), (50.0, 50.0)] {
            let place = beside(point, (40.0, 10.0), &BOUNDS, &[], &[]).unwrap();
            assert!(place.is_within(&BOUNDS), "{place:?}");
        }
        assert_eq!(beside((50.0, 50.0), (140.0, 10.0), &BOUNDS, &[], &[]), None);
    }

    #[test]
    fn a_label_keeps_clear_of_what_is_there() {
        let point = (50.0, 50.0);
        let first = beside(point, (20.0, 10.0), &BOUNDS, &[], &[]).unwrap();
        let second = beside(point, (20.0, 10.0), &BOUNDS, &[first], &[]).unwrap();
        assert_eq!(first.overlap(&second), None, "{first:?} {second:?}");
    }

    #[test]
    fn one_long_line_is_worse_to_hide_than_two_short_ones() {
        let line = |y: f64, left, right| Rect { left, top: y, right, bottom: y };
        let above = line(40.0, 0.0, 100.0);
        let below = [line(60.0, 58.0, 59.0), line(61.0, 58.0, 59.0)];
        let taken = [above, below[0], below[1], Rect { top: 70.0, ..BOUNDS }];
        let bounds = Rect { top: 30.0, left: 50.0, ..BOUNDS };
        let place = beside((50.0, 50.0), (40.0, 18.0), &bounds, &taken, &[]).unwrap();
        assert!(place.top > 40.0, "{place:?}");
    }

    #[test]
    fn a_label_is_nearer_to_its_own_dot_than_to_another() {
        let (own, other) = ((50.0, 50.0), (58.0, 53.0));
        let place = beside(own, (20.0, 10.0), &BOUNDS, &[], &[own, other]).unwrap();
        assert!(place.distance(own) <= place.distance(other), "{place:?}");
    }

    #[test]
    fn the_way_to_the_point_leads_through_no_label() {
        let below = Rect { left: 45.0, top: 52.0, right: 55.0, bottom: 58.0 };
        let beside_it = [Rect { left: 0.0, top: 0.0, right: 100.0, bottom: 48.0 }, below];
        let place = beside((50.0, 50.0), (20.0, 10.0), &BOUNDS, &beside_it, &[]).unwrap();
        assert_eq!(n_crossed((50.0, 50.0), place.nearest((50.0, 50.0)), &beside_it), 0);
        assert_eq!(n_crossed((50.0, 50.0), (50.0, 70.0), &beside_it), 4);
    }

    #[test]
    fn a_label_that_nothing_hinders_is_near() {
        let place = beside((50.0, 50.0), (20.0, 10.0), &BOUNDS, &[], &[]).unwrap();
        let nearest = place.nearest((50.0, 50.0));
        assert!((nearest.0 - 50.0).hypot(nearest.1 - 50.0) < 10.0, "{place:?}");
    }
}
