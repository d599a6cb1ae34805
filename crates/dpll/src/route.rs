//! Whose DPLL it is: from the board's clock id to the core's instance and port.

use tgm_core::{Instance, Port};

/// Most boards a routing table holds.
pub const MAX_ROUTES: usize = 16;

/// Where observations of a board go. Boards without a route are ignored (and counted).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routes {
    boards: [Option<(u64, Instance, Port)>; MAX_ROUTES],
    /// Takes the first board that is seen, then nothing.
    first: Option<(Instance, Port)>,
}

/// The table already has sixteen boards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_ROUTES} clock ids: remove one from the configuration")]
pub struct TooManyRoutes;

impl Routes {
    /// No boards; see [`Routes::add`].
    pub const fn new() -> Self {
        Routes {
            boards: [None; MAX_ROUTES],
            first: None,
        }
    }

    /// The only board, or the first that is seen: its clock id need not be known before.
    pub const fn first(instance: Instance, port: Port) -> Self {
        Routes {
            boards: [None; MAX_ROUTES],
            first: Some((instance, port)),
        }
    }

    /// Adds a board, or changes where it goes.
    pub fn add(&mut self, clock_id: u64, instance: Instance, port: Port) -> Result<(), TooManyRoutes> {
        let is_it = |route: &Option<(u64, Instance, Port)>| route.is_some_and(|(id, ..)| id == clock_id);
        let place = self
            .boards
            .iter()
            .position(is_it)
            .or_else(|| self.boards.iter().position(Option::is_none));
        let place = place
            .and_then(|index| self.boards.get_mut(index))
            .ok_or(TooManyRoutes)?;
        *place = Some((clock_id, instance, port));
        Ok(())
    }

    /// Where observations of this board go.
    pub fn find(&mut self, clock_id: u64) -> Option<(Instance, Port)> {
        let known = self.boards.iter().flatten().find(|(id, ..)| *id == clock_id);
        if let Some((_, instance, port)) = known {
            return Some((*instance, *port));
        }
        let (instance, port) = self.first.take()?;
        self.add(clock_id, instance, port).ok()?;
        Some((instance, port))
    }
}

impl Default for Routes {
    fn default() -> Self {
        Routes::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_board_stays_the_only_one() {
        let mut routes = Routes::first(Instance(1), Port(4));
        assert_eq!(routes.find(7), Some((Instance(1), Port(4))));
        assert_eq!(routes.find(8), None);
        assert_eq!(routes.find(7), Some((Instance(1), Port(4))));
    }

    #[test]
    fn a_table_is_bounded_and_a_board_has_one_place() {
        let mut routes = Routes::new();
        assert_eq!(routes.find(0), None);
        for id in 0..16 {
            routes.add(id, Instance(0), Port(1)).unwrap();
        }
        assert_eq!(routes.add(16, Instance(0), Port(1)), Err(TooManyRoutes));
        routes.add(3, Instance(2), Port(9)).unwrap();
        assert_eq!(routes.find(3), Some((Instance(2), Port(9))));
    }
}
