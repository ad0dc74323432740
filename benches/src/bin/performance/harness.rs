//! Measures servers alternately on one core, and discards rounds that other processes disturbed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::client::{Client, End, load};
use super::machine::{MOST_FOREIGN, Watch};
use super::process::{Place, Server};
use super::results::{About, Figures, median};

/// The environment of all sections.
pub(crate) struct Harness {
    pub(crate) place: Place,
    pub(crate) runtime: Runtime,
    pub(crate) client: Client,
    pub(crate) about: About,
}

/// The results of one server in a time window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    reviews: usize,
    cpu: Duration,
    took: Duration,
    /// Nanoseconds.
    p50: u64,
    p99: u64,
    pub(crate) most: u64,
}

/// The duration and the number of rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) window: Duration,
}

/// How long a server is warmed up before each window.
const WARM_UP: Duration = Duration::from_millis(60);

impl Harness {
    /// Returns a plan; a trial has fewer and shorter rounds.
    pub(crate) fn plan(&self, rounds: usize, millis: u64) -> Plan {
        if self.about.quick {
            Plan { rounds: rounds.min(3), window: Duration::from_millis(millis.min(300)) }
        } else {
            Plan { rounds, window: Duration::from_millis(millis) }
        }
    }

    /// Sends a request over a number of connections for a time window.
    pub(crate) fn window(&self, server: &Server, request: &Arc<[u8]>, connections: usize, length: Duration) -> Result<Window, String> {
        self.runtime.block_on(async {
            let mut connections =
                self.client.connect_all(server.address, connections).await.map_err(|error| format!("cannot connect: {error}"))?;
            load(&mut connections, request, End::At(Instant::now() + WARM_UP)).await?;
            let (cpu, start) = (server.cpu(), Instant::now());
            let mut latencies = load(&mut connections, request, End::At(start + length)).await?;
            let (took, cpu) = (start.elapsed(), server.cpu().saturating_sub(cpu));
            latencies.sort_unstable();
            let at = |percent: usize| latencies.get(latencies.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default();
            Ok(Window { reviews: latencies.len(), cpu, took, p50: at(50), p99: at(99), most: at(100) })
        })
    }

    /// Measures servers alternately. Returns the rounds, each with one window per server in the given order. A round that other
    /// processes disturbed is discarded and repeated, up to twice the number of rounds; then the least disturbed rounds count, and
    /// the results contain the load.
    pub(crate) fn rounds(
        &mut self,
        servers: &[&Server],
        rounds: usize,
        mut window: impl FnMut(&Harness, usize, &Server) -> Result<Window, String>,
    ) -> Result<Vec<Vec<Window>>, String> {
        let pids: Vec<u32> = servers.iter().map(|server| server.pid()).collect();
        let mut measured: Vec<(f64, Vec<Window>)> = Vec::new();
        let attempts = if self.about.quick { rounds } else { rounds * 2 };
        for attempt in 0..attempts {
            let watch = Watch::begin(&pids);
            let mut order: Vec<usize> = (0..servers.len()).collect();
            if attempt % 2 == 1 {
                order.reverse();
            }
            let mut windows = Vec::with_capacity(servers.len());
            for position in order {
                let Some(server) = servers.get(position) else { continue };
                windows.push((position, window(self, position, server)?));
            }
            windows.sort_by_key(|(position, _)| *position);
            measured.push((watch.foreign(), windows.into_iter().map(|(_, window)| window).collect()));
            if measured.iter().filter(|(foreign, _)| *foreign <= MOST_FOREIGN).count() == rounds {
                break;
            }
        }
        measured.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        self.about.thrown_away += measured.len().saturating_sub(rounds);
        measured.truncate(rounds);
        for (foreign, _) in &measured {
            self.about.foreign = self.about.foreign.max(*foreign);
        }
        Ok(measured.into_iter().map(|(_, windows)| windows).collect())
    }
}

impl Window {
    #[allow(clippy::cast_precision_loss, reason = "a count of reviews")]
    pub(crate) fn of(reviews: usize, cpu: Duration, took: Duration, p50: u64, p99: u64) -> Window {
        Window { reviews, cpu, took, p50, p99, most: p99 }
    }

    /// Returns the microseconds of CPU per review.
    #[allow(clippy::cast_precision_loss, reason = "a count of reviews")]
    pub(crate) fn cpu(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.reviews.max(1) as f64
    }

    /// Returns microseconds.
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of less than a day")]
    pub(crate) fn p50(&self) -> f64 {
        self.p50 as f64 / 1e3
    }

    /// Returns microseconds.
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of less than a day")]
    pub(crate) fn p99(&self) -> f64 {
        self.p99 as f64 / 1e3
    }

    #[allow(clippy::cast_precision_loss, reason = "a count of reviews")]
    pub(crate) fn a_second(&self) -> f64 {
        self.reviews as f64 / self.took.as_secs_f64()
    }

    pub(crate) fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() / self.took.as_secs_f64()
    }
}

/// Returns the figures of the server at `position`, with ratios to the server at 0.
pub(crate) fn figures(rounds: &[Vec<Window>], position: usize) -> Option<Figures> {
    let pairs: Vec<(&Window, &Window)> = rounds.iter().filter_map(|round| Some((round.first()?, round.get(position)?))).collect();
    let all = |figure: fn(&Window) -> f64| median(pairs.iter().map(|(_, window)| figure(window)));
    let ratio = |figure: fn(&Window) -> f64| pairs.iter().map(move |(floor, window)| figure(window) / figure(floor)).collect::<Vec<f64>>();
    let ratios = ratio(Window::cpu);
    Some(Figures {
        cpu: all(Window::cpu),
        ratios: (ratios.iter().copied().min_by(f64::total_cmp)?, ratios.iter().copied().max_by(f64::total_cmp)?),
        ratio: median(ratios),
        reviews_a_second: all(Window::a_second),
        busy: all(Window::busy),
        p50: all(Window::p50),
        p99: all(Window::p99),
        p50_ratio: median(ratio(Window::p50)),
        p99_ratio: median(ratio(Window::p99)),
    })
}
