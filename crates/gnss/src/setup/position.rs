//! A position of the antenna, exact to 0.1 mm, and the distance of two.

/// An antenna's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Earth-centred, earth-fixed X, Y and Z, 0.1 mm each.
    Ecef([i64; 3]),
    /// On the WGS 84 ellipsoid.
    Geodetic {
        /// Latitude, 1e-9 degrees, north positive.
        latitude: i64,
        /// Longitude, 1e-9 degrees, east positive.
        longitude: i64,
        /// Height above the ellipsoid, 0.1 mm.
        height: i64,
    },
}

/// Why a position is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PositionError {
    /// Latitude or longitude out of range.
    #[error("latitude must be within 90 and longitude within 180 degrees")]
    Angle,
    /// Not near the ground.
    #[error("no place on earth: the height must be within -1000 and 10000 m of the ellipsoid")]
    Height,
}

/// Semi-major axis of WGS 84, m, and the square of its eccentricity.
const AXIS: f64 = 6_378_137.0;
const ECCENTRICITY_2: f64 = 0.006_694_379_990_141_316;

impl Position {
    /// From degrees and metres, as people write them.
    pub fn geodetic(latitude: f64, longitude: f64, height: f64) -> Result<Self, PositionError> {
        if !(-90.0..=90.0).contains(&latitude) || !(-180.0..=180.0).contains(&longitude) {
            return Err(PositionError::Angle);
        }
        if !(-1_000.0..=10_000.0).contains(&height) {
            return Err(PositionError::Height);
        }
        Ok(Position::Geodetic {
            latitude: rounded(latitude * 1e9),
            longitude: rounded(longitude * 1e9),
            height: rounded(height * 1e4),
        })
    }

    /// From metres, as people write them.
    pub fn ecef(metres: [f64; 3]) -> Result<Self, PositionError> {
        let radius = metres.iter().map(|part| part * part).sum::<f64>().sqrt();
        if (6_340_000.0..=6_400_000.0).contains(&radius) {
            Ok(Position::Ecef(metres.map(|part| rounded(part * 1e4))))
        } else {
            Err(PositionError::Height)
        }
    }

    /// Distance in a straight line, mm.
    pub fn distance_mm(self, other: Position) -> u64 {
        let (a, b) = (self.metres(), other.metres());
        let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
        u64::try_from(rounded(square.sqrt() * 1e3)).unwrap_or(u64::MAX)
    }

    /// X, Y and Z in metres. Floating point, because the ellipsoid needs sines; good for a micrometre.
    fn metres(self) -> [f64; 3] {
        match self {
            Position::Ecef(parts) => parts.map(|part| float(part) / 1e4),
            Position::Geodetic {
                latitude,
                longitude,
                height,
            } => {
                let angle = |nano: i64| (float(nano) / 1e9).to_radians();
                // Not the system's libm: it would be resident for these four alone.
                let (sin_lat, cos_lat) = libm::sincos(angle(latitude));
                let (sin_lon, cos_lon) = libm::sincos(angle(longitude));
                let height = float(height) / 1e4;
                let normal = AXIS / (1.0 - ECCENTRICITY_2 * sin_lat * sin_lat).sqrt();
                [
                    (normal + height) * cos_lat * cos_lon,
                    (normal + height) * cos_lat * sin_lon,
                    (normal * (1.0 - ECCENTRICITY_2) + height) * sin_lat,
                ]
            }
        }
    }

    /// As a receiver takes it: three whole numbers of a hundred units each, and what is left of each.
    pub(super) fn parts(self) -> [(i32, i8); 3] {
        let values = match self {
            Position::Ecef(parts) => parts,
            Position::Geodetic {
                latitude,
                longitude,
                height,
            } => [latitude, longitude, height],
        };
        values.map(|value| {
            let whole = i32::try_from(value / 100).unwrap_or_default();
            (whole, i8::try_from(value % 100).unwrap_or_default())
        })
    }
}

#[allow(clippy::cast_precision_loss)] // 2^53 units of 0.1 mm reach far beyond the orbit of any satellite
const fn float(value: i64) -> f64 {
    value as f64
}

#[allow(clippy::cast_possible_truncation)] // saturates, which is what is wanted
fn rounded(value: f64) -> i64 {
    value.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_mean_the_same_place() {
        // Equator and pole, from the definition of the ellipsoid alone.
        let equator = Position::geodetic(0.0, 90.0, 10.0).unwrap();
        assert_eq!(equator.distance_mm(Position::ecef([0.0, 6_378_147.0, 0.0]).unwrap()), 0);
        let pole = Position::geodetic(-90.0, 0.0, 0.0).unwrap();
        assert_eq!(
            pole.distance_mm(Position::ecef([0.0, 0.0, -6_356_752.314_2]).unwrap()),
            0
        );
    }

    #[test]
    fn a_hundred_nanodegrees_of_latitude_are_eleven_millimetres() {
        let here = Position::geodetic(48.0, 11.0, 500.0).unwrap();
        let there = Position::geodetic(48.000_000_1, 11.0, 500.0).unwrap();
        assert_eq!(here.distance_mm(there), 11);
    }

    #[test]
    fn parts_are_exact_on_both_sides_of_zero() {
        let position = Position::Ecef([-37_001_239_999, 51, -1]);
        assert_eq!(position.parts(), [(-370_012_399, -99), (0, 51), (0, -1)]);
    }

    #[test]
    fn places_that_are_none_are_refused() {
        assert_eq!(Position::geodetic(90.1, 0.0, 0.0), Err(PositionError::Angle));
        assert_eq!(Position::geodetic(0.0, f64::NAN, 0.0), Err(PositionError::Angle));
        assert_eq!(Position::geodetic(0.0, 0.0, 1e5), Err(PositionError::Height));
        assert_eq!(Position::ecef([0.0; 3]), Err(PositionError::Height));
    }
}
