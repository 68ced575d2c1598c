//! For receivers that take one alert a request.

use std::future::Future;

use super::SendError;
use crate::alert::Alert;

/// Sends one alert at a time.
pub(super) trait Single: Send {
    /// Sends one alert. `Ok` means that it is safe with the receiver.
    fn send_one(&mut self, alert: &Alert) -> impl Future<Output = Result<(), SendError>> + Send;
}

/// Sends the alerts one after the other. One that is rejected holds up none behind it; anything else stops here, as
/// it would most likely befall those behind as well.
pub(super) async fn one_by_one(sink: &mut impl Single, alerts: &[Alert]) -> Result<(), SendError> {
    let mut rejected = Vec::new();
    for (index, alert) in alerts.iter().enumerate() {
        match sink.send_one(alert).await {
            Ok(()) => {}
            Err(SendError::Reject(reason)) => rejected.push((index, reason)),
            // Nothing was said of any alert yet: the whole batch failed in the same way.
            Err(error) if index == 0 => return Err(error),
            Err(SendError::Retry { after, cause }) => {
                let retry = (index..alerts.len()).collect();
                return Err(SendError::Partly { rejected, retry, after, cause: Some(cause) });
            }
            Err(partly) => return Err(partly),
        }
    }
    if rejected.is_empty() {
        return Ok(());
    }
    Err(SendError::Partly { rejected, retry: Vec::new(), after: None, cause: None })
}
